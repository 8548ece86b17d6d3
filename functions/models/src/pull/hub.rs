//! The Hugging Face hub, or a server with the same API at `HF_ENDPOINT`.
//!
//! The `hf-hub` crate (1.0.0) starts interrupted files over, and does not verify files that Git LFS keeps.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use easel_system::environment::{self, HF_ENDPOINT, HF_HOME, HF_TOKEN, XDG_CACHE_HOME};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, LINK, RANGE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;

use super::checksum::Checksum;
use super::fetch_error::{FetchError, causes};
use super::remote_file::{FileBody, RemoteFile, range_start};
use super::selection::Listing;
use crate::error::{Error, Result};

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a response may pause.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Far more than a model has: a thousand files each.
const MOST_PAGES: usize = 1000;

/// A repository of the hub.
pub(super) struct HubRepository {
    client: Client,
    endpoint: Url,
    token: Option<String>,
    repository: String,
    /// A branch, tag or commit.
    revision: String,
    /// The commit that all files belong to, and what the hub says about each.
    commit: String,
    files: BTreeMap<String, TreeEntry>,
}

#[derive(Deserialize)]
struct ResolvedRevision {
    sha: String,
}

/// A file or a folder of a commit.
#[derive(Deserialize)]
struct TreeEntry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    /// The SHA-1 under which git has its content.
    oid: String,
    size: u64,
    lfs: Option<LfsPointer>,
}

/// What Git LFS keeps in place of git.
#[derive(Deserialize)]
struct LfsPointer {
    /// The SHA-256.
    oid: String,
    size: u64,
}

impl HubRepository {
    pub(super) fn new(repository: &str, revision: Option<&str>) -> Result<Self> {
        let endpoint = environment::text(HF_ENDPOINT).unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
        let wrong =
            |reason: String| Error::WrongUse(format!("{HF_ENDPOINT}: `{endpoint}` is not an address: {reason}"));
        let url = Url::parse(&endpoint).map_err(|error| wrong(error.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(wrong("it begins with neither https:// nor http://".to_owned()));
        }
        let builder = Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT);
        let client = builder.user_agent(concat!("easel/", env!("CARGO_PKG_VERSION"))).build();
        let client = client.map_err(|error| Error::Failed(format!("speaking HTTP: {}", causes(&error))))?;
        let (repository, revision) = (repository.to_owned(), revision.unwrap_or("main").to_owned());
        let (commit, files) = (String::new(), BTreeMap::new());
        Ok(Self { client, endpoint: url, token: token(), repository, revision, commit, files })
    }

    /// All files of the commit that the revision stands for now.
    pub(super) async fn list(&mut self) -> Result<(Listing, String), FetchError> {
        let url = self.url(&["api", "models"], &["revision", &self.revision], "");
        let ResolvedRevision { sha } = json(self.get(&url, 0).await?).await?;
        if sha.is_empty() || !sha.chars().all(|character| character.is_ascii_hexdigit()) {
            return Err(FetchError::permanent(format!("{url} returned no commit: is HF_ENDPOINT a Hugging Face hub?")));
        }
        let mut url = self.url(&["api", "models"], &["tree", &sha], "");
        url.set_query(Some("recursive=true"));
        self.files.clear();
        let mut next = Some(url);
        for _ in 0..MOST_PAGES {
            let Some(url) = next.take() else { break };
            let response = self.get(&url, 0).await?;
            next = next_page(&url, response.headers());
            let entries: Vec<TreeEntry> = json(response).await?;
            let files = entries.into_iter().filter(|entry| entry.kind == "file");
            self.files.extend(files.map(|entry| (entry.path.clone(), entry)));
        }
        self.commit.clone_from(&sha);
        Ok((self.files.iter().map(|(path, entry)| (path.clone(), entry.bytes())).collect(), sha))
    }

    pub(super) fn describe(&self, path: &str) -> Result<RemoteFile, FetchError> {
        let entry = self.files.get(path).ok_or_else(|| FetchError::permanent(format!("there is no {path}")))?;
        let (bytes, identity) = (entry.bytes(), entry.lfs.as_ref().map_or(&entry.oid, |lfs| &lfs.oid).to_lowercase());
        let checksum = match entry.lfs {
            Some(_) => Checksum::Sha256(identity.clone()),
            None => Checksum::GitSha1(identity.clone()),
        };
        Ok(RemoteFile { path: path.to_owned(), bytes, identity, checksum })
    }

    pub(super) async fn read(&self, path: &str, offset: u64) -> Result<FileBody, FetchError> {
        let response = self.get(&self.file_url(path), offset).await?;
        let is_part = response.status() == StatusCode::PARTIAL_CONTENT;
        let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let start = if is_part { range_start(range) } else { 0 };
        Ok(FileBody::http(start, response))
    }

    pub(super) fn address(&self, path: &str) -> String {
        self.file_url(path).to_string()
    }

    fn file_url(&self, path: &str) -> Url {
        self.url(&[], &["resolve", &self.commit], path)
    }

    /// An address of the hub: `before`, the repository, `after`, and a file's path.
    fn url(&self, before: &[&str], after: &[&str], path: &str) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(before).extend(self.repository.split('/')).extend(after);
            segments.extend(path.split('/').filter(|part| !part.is_empty()));
        }
        url
    }

    /// Requests what is at an address, from `offset` on. Only the hub itself gets the token, not servers that it
    /// redirects to.
    async fn get(&self, url: &Url, offset: u64) -> Result<Response, FetchError> {
        let mut request = self.client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        if let Some(token) = self.token.as_ref().filter(|_| url.origin() == self.endpoint.origin()) {
            request = request.bearer_auth(token);
        }
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let response = request.send().await.map_err(|error| FetchError::transient(causes(&error)))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refusal(url, &response))
    }

    fn refusal(&self, url: &Url, response: &Response) -> FetchError {
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        if status.is_server_error() || [408, 429].contains(&status.as_u16()) {
            let after = header(RETRY_AFTER.as_str()).and_then(|seconds| seconds.parse().ok());
            return FetchError::Transient(format!("{url} answered {status}"), after.map(Duration::from_secs));
        }
        let page = self.url(&[], &[], "");
        let token = if self.token.is_some() { "HF_TOKEN's token" } else { "no token (HF_TOKEN)" };
        let advice = match (status, header("x-error-code")) {
            (_, Some("GatedRepo")) => format!(
                "the request was made with {token}, but the model's licence has to be accepted first: accept it at \
                 {page}, and set HF_TOKEN to a token of the same account"
            ),
            (_, Some("RevisionNotFound")) => format!("it has no such revision: see {page} for the existing ones"),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => format!(
                "the request was made with {token}: there is no such repository, or it is private, or its licence \
                 has to be accepted: see {page}, and set HF_TOKEN to a token of an account that may read it"
            ),
            (StatusCode::NOT_FOUND, _) => {
                format!("there is no such repository or revision: see {page} for how they are written")
            }
            _ => format!("see {page}"),
        };
        FetchError::permanent(format!("{url} answered {status}: {advice}"))
    }
}

impl TreeEntry {
    fn bytes(&self) -> u64 {
        self.lfs.as_ref().map_or(self.size, |lfs| lfs.size)
    }
}

async fn json<T: for<'a> Deserialize<'a>>(response: Response) -> Result<T, FetchError> {
    let url = response.url().clone();
    let bytes = response.bytes().await.map_err(|error| FetchError::transient(causes(&error)))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        FetchError::permanent(format!("{url} did not answer like a Hugging Face hub: {error}: check HF_ENDPOINT"))
    })
}

/// The address of the page after this one: `<https://…>; rel="next"`.
fn next_page(url: &Url, headers: &HeaderMap) -> Option<Url> {
    let links = headers.get_all(LINK).iter().filter_map(|links| links.to_str().ok());
    let next = links.flat_map(|links| links.split(',')).find(|link| link.contains("rel=\"next\""))?;
    let (_, next) = next.split_once('<')?;
    url.join(next.split_once('>')?.0).ok()
}

/// `HF_TOKEN`, or the token that the hub's own programs have saved.
fn token() -> Option<String> {
    let caches = || environment::path(XDG_CACHE_HOME).or_else(|| Some(dirs::home_dir()?.join(".cache")));
    let home = || environment::path(HF_HOME).or_else(|| Some(caches()?.join("huggingface")));
    let saved = || fs::read_to_string(home()?.join("token")).ok();
    environment::text(HF_TOKEN).or_else(saved).map(|token| token.trim().to_owned()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        let url = Url::parse("http://hub/api/models/a/b/tree/c?recursive=true").expect("an address");
        let next = |link: &str| {
            let headers = HeaderMap::from_iter([(LINK, link.parse().expect("a header"))]);
            next_page(&url, &headers).map(String::from)
        };
        let links = "<http://hub/x?cursor=0>; rel=\"prev\", </y?cursor=2>; rel=\"next\"";
        assert_eq!(next(links), Some("http://hub/y?cursor=2".to_owned()));
        assert_eq!(next("<http://hub/x>; rel=\"prev\""), None);
        assert_eq!(next_page(&url, &HeaderMap::new()), None);
    }
}
