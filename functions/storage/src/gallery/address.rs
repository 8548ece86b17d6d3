//! Addresses of the service itself.

use std::fmt;
use std::sync::Arc;

use aws_sdk_s3::Client;

/// An address that may differ from request to request, as a service has several names.
#[derive(Clone)]
pub struct Address(Arc<dyn Fn() -> String + Send + Sync>);

impl Address {
    /// What `current` says whenever it is asked.
    pub fn new(current: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(current))
    }

    /// The address at this moment.
    pub(super) fn now(&self) -> String {
        (self.0)()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Address")
    }
}

/// The service before S3.
#[derive(Debug, Clone)]
pub(super) struct FrontDoor {
    /// Signs for the host that the service passes requests on to; it never calls it.
    pub(super) signer: Client,
    /// The service's address, without a slash at its end.
    pub(super) service: Address,
}
