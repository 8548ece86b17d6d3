//! Addresses of objects on the service's own origin, where it stands before S3, and those of published images.

use aws_sdk_s3::Client;

use super::address::{Address, FrontDoor};
use super::{Gallery, keys};
use crate::error::{Error, Result};

/// What stands before an object's key in the path of its address.
pub const OBJECTS: &str = "/objects/";

impl Gallery {
    /// The same gallery, with addresses of objects that lead to `service`, which passes them on as `signer` signs them.
    #[must_use]
    pub fn behind(mut self, service: Address, signer: Client) -> Self {
        self.front_door = Some(FrontDoor { signer, service });
        self
    }

    /// The same gallery, whose public copies everybody finds under an address, which ends with a slash.
    #[must_use]
    pub fn with_public_address(mut self, public: Address) -> Self {
        self.public = Some(public);
        self
    }

    /// Where everybody finds a public copy, if they are public.
    #[must_use]
    pub fn public_url(&self, key: &str) -> Option<String> {
        let name = key.strip_prefix(keys::PUBLISHED)?;
        Some(format!("{}{name}", self.public.as_ref()?.now()))
    }

    /// What signs the addresses that clients get.
    pub(super) fn signer(&self) -> &Client {
        self.front_door.as_ref().map_or(&self.client, |front_door| &front_door.signer)
    }

    /// An address that was signed, as clients can use it.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if the signer made an address of another shape.
    pub(super) fn address(&self, signed: &str) -> Result<String> {
        let Some(front_door) = &self.front_door else { return Ok(signed.to_owned()) };
        Ok(format!("{}{OBJECTS}{}", front_door.service.now(), self.within_bucket(signed)?))
    }

    /// A signed address from its key on.
    pub(super) fn within_bucket<'a>(&self, signed: &'a str) -> Result<&'a str> {
        let path = signed.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
        let key = path.and_then(|path| path.strip_prefix(self.bucket.as_str())?.strip_prefix('/'));
        key.ok_or_else(|| Error::Internal(format!("a signed address does not name the bucket {}", self.bucket)))
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn client(endpoint: &str) -> Client {
        let configuration = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .endpoint_url(endpoint)
            .force_path_style(true);
        Client::from_conf(configuration.build())
    }

    #[tokio::test]
    async fn addresses_lead_to_the_service_as_it_is_called_at_the_moment() {
        let gallery = Gallery::new(client("http://127.0.0.1:9000"), "easel");
        assert!(
            gallery.reading_url("images/a b.png").await.expect("signed").starts_with("http://127.0.0.1:9000/easel/")
        );
        assert_eq!(gallery.public_url("published/t/1-0.png"), None);

        let asked = Arc::new(AtomicUsize::new(0));
        let name =
            move || ["https://a.example/studio", "http://192.0.2.1:8080"][asked.fetch_add(1, Ordering::Relaxed) % 2];
        let (own, public) = (name.clone(), Address::new(|| "https://a.example/public/".to_owned()));
        let service = Address::new(move || own().to_owned());
        let gallery = gallery.behind(service, client("http://objects.internal")).with_public_address(public);
        let first = gallery.reading_url("images/a b.png").await.expect("signed");
        assert!(first.starts_with("https://a.example/studio/objects/images/a%20b.png?"), "{first}");
        assert!(first.contains("X-Amz-Signature="), "{first}");
        let upload = gallery.upload_url("carla", "image/png", "png", 5).await.expect("signed");
        assert!(upload.url.starts_with(&format!("http://192.0.2.1:8080/objects/{}?", upload.key)), "{}", upload.url);
        assert_eq!(gallery.public_url("published/t/1-0.png").as_deref(), Some("https://a.example/public/t/1-0.png"));
        assert_eq!(gallery.public_url("images/t/1-0.png"), None);
    }
}
