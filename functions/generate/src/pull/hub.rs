//! The Hugging Face hub, or what speaks like it at `HF_ENDPOINT`.
//!
//! The `hf-hub` crate begins files anew that were interrupted, and checks none of those that Git LFS keeps.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, LINK, RANGE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;

use super::check::Check;
use super::remote::{Body, RemoteFile, Trouble, causes, range_start};
use super::selection::Listing;
use crate::error::{Error, Result};

const ENDPOINT: &str = "https://huggingface.co";
const CONNECTING: Duration = Duration::from_secs(15);
/// For how long nothing may come.
const SILENCE: Duration = Duration::from_secs(60);
/// Far more than a model has: a thousand files each.
const MOST_PAGES: usize = 1000;

/// A repository of the hub.
pub(super) struct Hub {
    client: Client,
    endpoint: Url,
    token: Option<String>,
    repository: String,
    /// A branch, tag or commit.
    revision: String,
    /// The commit that all files are of, and what the hub says of each.
    commit: String,
    files: BTreeMap<String, TreeEntry>,
}

#[derive(Deserialize)]
struct Revision {
    sha: String,
}

/// A file or a folder of a commit.
#[derive(Deserialize)]
struct TreeEntry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    /// The name that git has for its content.
    oid: String,
    size: u64,
    lfs: Option<Lfs>,
}

/// What Git LFS keeps in place of git.
#[derive(Deserialize)]
struct Lfs {
    /// The SHA-256.
    oid: String,
    size: u64,
}

impl Hub {
    pub(super) fn new(repository: &str, revision: Option<&str>) -> Result<Self> {
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let wrong = |reason: String| Error::WrongUse(format!("HF_ENDPOINT: `{endpoint}` is no address: {reason}"));
        let url = Url::parse(&endpoint).map_err(|error| wrong(error.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(wrong("it begins with neither https:// nor http://".to_owned()));
        }
        let builder = Client::builder().connect_timeout(CONNECTING).read_timeout(SILENCE);
        let client = builder.user_agent(concat!("easel/", env!("CARGO_PKG_VERSION"))).build();
        let client = client.map_err(|error| Error::Failed(format!("speaking HTTP: {}", causes(&error))))?;
        let (repository, revision) = (repository.to_owned(), revision.unwrap_or("main").to_owned());
        let (commit, files) = (String::new(), BTreeMap::new());
        Ok(Self { client, endpoint: url, token: token(), repository, revision, commit, files })
    }

    /// All files of the commit that the revision is now.
    pub(super) async fn list(&mut self) -> Result<(Listing, String), Trouble> {
        let url = self.url(&["api", "models"], &["revision", &self.revision], "");
        let Revision { sha } = json(self.get(&url, 0).await?).await?;
        if sha.is_empty() || !sha.chars().all(|character| character.is_ascii_hexdigit()) {
            return Err(Trouble::lasting(format!("{url} names no commit: is HF_ENDPOINT a Hugging Face hub?")));
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

    pub(super) fn describe(&self, path: &str) -> Result<RemoteFile, Trouble> {
        let entry = self.files.get(path).ok_or_else(|| Trouble::lasting(format!("there is no {path}")))?;
        let (bytes, identity) = (entry.bytes(), entry.lfs.as_ref().map_or(&entry.oid, |lfs| &lfs.oid).to_lowercase());
        let check = match entry.lfs {
            Some(_) => Check::Sha256(identity.clone()),
            None => Check::GitSha1(identity.clone()),
        };
        Ok(RemoteFile { path: path.to_owned(), bytes, identity, check })
    }

    pub(super) async fn read(&self, path: &str, offset: u64) -> Result<Body, Trouble> {
        let response = self.get(&self.file_url(path), offset).await?;
        let is_part = response.status() == StatusCode::PARTIAL_CONTENT;
        let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let start = if is_part { range_start(range) } else { 0 };
        Ok(Body::http(start, response))
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

    /// Asks for what is at an address, from `offset` on. The token goes to the hub alone: here, and where it sends us on.
    async fn get(&self, url: &Url, offset: u64) -> Result<Response, Trouble> {
        let mut request = self.client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        if let Some(token) = self.token.as_ref().filter(|_| url.origin() == self.endpoint.origin()) {
            request = request.bearer_auth(token);
        }
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let response = request.send().await.map_err(|error| Trouble::passing(causes(&error)))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refusal(url, &response))
    }

    fn refusal(&self, url: &Url, response: &Response) -> Trouble {
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        if status.is_server_error() || [408, 429].contains(&status.as_u16()) {
            let after = header(RETRY_AFTER.as_str()).and_then(|seconds| seconds.parse().ok());
            return Trouble::Passing(format!("{url} answered {status}"), after.map(Duration::from_secs));
        }
        let page = self.url(&[], &[], "");
        let token = if self.token.is_some() { "HF_TOKEN's token" } else { "no token (HF_TOKEN)" };
        let advice = match (status, header("x-error-code")) {
            (_, Some("GatedRepo")) => format!(
                "it was asked with {token}, and the model is for those who have accepted its licence: accept it at {page}, \
                 and set HF_TOKEN to a token of the same account"
            ),
            (_, Some("RevisionNotFound")) => format!("it has no such revision: see {page} for those that it has"),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => format!(
                "it was asked with {token}: there is no such repository, or it is private, or its licence has to be \
                 accepted: look at {page}, and set HF_TOKEN to a token of an account that may read it"
            ),
            (StatusCode::NOT_FOUND, _) => {
                format!("there is no such repository or revision: look at {page} and check how they are written")
            }
            _ => format!("look at {page}"),
        };
        Trouble::lasting(format!("{url} answered {status}: {advice}"))
    }
}

impl TreeEntry {
    fn bytes(&self) -> u64 {
        self.lfs.as_ref().map_or(self.size, |lfs| lfs.size)
    }
}

async fn json<T: for<'a> Deserialize<'a>>(response: Response) -> Result<T, Trouble> {
    let url = response.url().clone();
    let bytes = response.bytes().await.map_err(|error| Trouble::passing(causes(&error)))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Trouble::lasting(format!("{url} did not answer as a Hugging Face hub does: {error}: check HF_ENDPOINT"))
    })
}

/// The address of the page after this one: `<https://…>; rel="next"`.
fn next_page(url: &Url, headers: &HeaderMap) -> Option<Url> {
    let links = headers.get_all(LINK).iter().filter_map(|links| links.to_str().ok());
    let next = links.flat_map(|links| links.split(',')).find(|link| link.contains("rel=\"next\""))?;
    let (_, next) = next.split_once('<')?;
    url.join(next.split_once('>')?.0).ok()
}

/// `HF_TOKEN`, or what the hub's own programs have saved.
fn token() -> Option<String> {
    let caches = || set("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(dirs::home_dir()?.join(".cache")));
    let home = || set("HF_HOME").map(PathBuf::from).or_else(|| Some(caches()?.join("huggingface")));
    let saved = || fs::read_to_string(home()?.join("token")).ok();
    set("HF_TOKEN").or_else(saved).map(|token| token.trim().to_owned()).filter(|token| !token.is_empty())
}

fn set(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
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
