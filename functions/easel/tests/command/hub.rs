//! A server that speaks the API of the Hugging Face hub, with a second host that keeps the large files.

use std::collections::BTreeMap;
use std::io::{self, Cursor, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::io::ReaderStream;

pub(crate) const REPOSITORY: &str = "artist/demo-1.0";
pub(crate) const TOKEN: &str = "hf_secret";
/// Entries on a page of a listing.
const PAGE: usize = 4;

/// A hub with one repository.
pub(crate) struct Hub {
    address: SocketAddr,
    contents: Shared,
    _runtime: Runtime,
}

type Shared = Arc<Mutex<Contents>>;

/// What the repository has, and what the hub does.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Sizes that are claimed and not true.
    pub(crate) sizes: BTreeMap<String, u64>,
    /// Content that comes in place of what is listed.
    pub(crate) swapped: BTreeMap<String, Vec<u8>>,
    /// How the next answer with a file breaks off.
    pub(crate) breaks: BTreeMap<String, Break>,
    /// What everybody is told in place of an answer: a status and an error code.
    pub(crate) refusal: Option<(u16, &'static str)>,
    /// The files that were asked for, with the range, in order.
    pub(crate) asked: Vec<(String, Option<String>)>,
    /// Whether the token came with it, by host.
    tokens: Vec<(&'static str, bool)>,
    /// Where large files are.
    other: Option<SocketAddr>,
    calls: usize,
}

/// How an answer breaks off, after so many bytes.
#[derive(Clone, Copy)]
pub(crate) enum Break {
    Close(usize),
    Stall(usize),
}

impl Hub {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let contents = Shared::default();
        let serve = |host: &'static str| {
            let router = Router::new().fallback(answer).with_state((host, contents.clone()));
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
            let address = listener.local_addr().unwrap();
            runtime.spawn(async move { axum::serve(listener, router).await });
            address
        };
        let address = serve("hub");
        let other = serve("other");
        contents.lock().unwrap().other = Some(other);
        Self { address, contents, _runtime: runtime }
    }

    /// A hub whose repository has the files of `folder`.
    pub(crate) fn with(folder: &Path) -> Self {
        let hub = Self::start();
        hub.contents().files = files_of(folder);
        hub
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap()
    }

    /// What was asked for since the last time.
    pub(crate) fn asked(&self) -> Vec<(String, Option<String>)> {
        std::mem::take(&mut self.contents().asked)
    }

    /// How often anything was asked since the last time.
    pub(crate) fn calls(&self) -> usize {
        std::mem::take(&mut self.contents().calls)
    }

    /// Whether the token came with every call of a host.
    pub(crate) fn tokens(&self, host: &str) -> Vec<bool> {
        let contents = self.contents();
        let mut tokens: Vec<_> = contents.tokens.iter().filter(|(of, _)| *of == host).map(|(_, came)| *came).collect();
        tokens.dedup();
        tokens
    }
}

/// Paths below `folder` and contents.
pub(crate) fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}

impl Contents {
    fn commit(&self) -> String {
        let mut hash = Sha1::new();
        self.files.iter().for_each(|(path, content)| hash.update([path.as_bytes(), content].concat()));
        hexadecimal(&hash.finalize())
    }

    fn entry(&self, path: &str, content: &[u8]) -> serde_json::Value {
        let git = |content: &[u8]| {
            hexadecimal(&Sha1::digest([format!("blob {}\0", content.len()).as_bytes(), content].concat()))
        };
        let size = self.sizes.get(path).copied().unwrap_or(content.len() as u64);
        if !is_large(path) {
            return json!({"type": "file", "path": path, "size": size, "oid": git(content)});
        }
        let lfs = json!({"oid": hexadecimal(&Sha256::digest(content)), "size": size, "pointerSize": 134});
        json!({"type": "file", "path": path, "size": size, "oid": git(b"a pointer"), "lfs": lfs})
    }
}

fn is_large(path: &str) -> bool {
    path.ends_with(".safetensors")
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

async fn answer(State((host, shared)): State<(&'static str, Shared)>, request: Request) -> Response {
    let mut contents = shared.lock().unwrap();
    contents.calls += 1;
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let token = header(header::AUTHORIZATION);
    contents.tokens.push((host, token.as_deref() == Some(&format!("Bearer {TOKEN}"))));
    if let Some((status, code)) = contents.refusal {
        let status = StatusCode::from_u16(status).unwrap();
        return (status, [("x-error-code", code), ("retry-after", "0")]).into_response();
    }
    let (path, commit) = (request.uri().path(), contents.commit());
    let range = header(header::RANGE);
    if host == "other" {
        return file(&mut contents, path.trim_start_matches('/'), range);
    }
    if path.starts_with(&format!("/api/models/{REPOSITORY}/revision/")) {
        let known =
            ["main", "v1", "refs%2Fpr%2F1", commit.as_str()].iter().any(|known| path.ends_with(&format!("/{known}")));
        return if known {
            axum::Json(json!({"id": REPOSITORY, "sha": commit, "private": false})).into_response()
        } else {
            (StatusCode::NOT_FOUND, [("x-error-code", "RevisionNotFound")]).into_response()
        };
    }
    if path == format!("/api/models/{REPOSITORY}/tree/{commit}") {
        let query = request.uri().query().unwrap_or_default();
        assert!(query.contains("recursive=true"), "{query}");
        let page: usize = query.split("cursor=").nth(1).map_or(0, |page| page.parse().unwrap());
        let folder = json!({"type": "directory", "path": "unet", "size": 0, "oid": "0"});
        let files = contents.files.iter().map(|(path, content)| contents.entry(path, content));
        let entries: Vec<_> = [folder].into_iter().chain(files).skip(page * PAGE).take(PAGE).collect();
        let next = format!(
            "<http://{}{path}?recursive=true&cursor={}>; rel=\"next\"",
            header(header::HOST).unwrap(),
            page + 1
        );
        let is_last = (page + 1) * PAGE > contents.files.len();
        let links = if is_last { Vec::new() } else { vec![(header::LINK, next)] };
        return (axum::response::AppendHeaders(links), axum::Json(entries)).into_response();
    }
    match path.strip_prefix(&format!("/{REPOSITORY}/resolve/{commit}/")) {
        Some(path) if is_large(path) => {
            let place = format!("http://localhost:{}/{path}", contents.other.unwrap().port());
            (StatusCode::FOUND, [(header::LOCATION, place)]).into_response()
        }
        Some(path) => file(&mut contents, path, range),
        None => (StatusCode::NOT_FOUND, [("x-error-code", "RepoNotFound")]).into_response(),
    }
}

/// Breaks off, but not before the server has sent what came before: it does so when there is nothing more to be had.
struct Broken {
    was_asked: bool,
}

impl AsyncRead for Broken {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if std::mem::replace(&mut self.was_asked, true) {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A file, or a part of it.
fn file(contents: &mut Contents, path: &str, range: Option<String>) -> Response {
    contents.asked.push((path.to_owned(), range.clone()));
    let Some(content) = contents.swapped.get(path).or_else(|| contents.files.get(path)).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let size = content.len();
    let start = range.map_or(0, |range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
    let rest = content[start..].to_vec();
    let response = Response::builder().header(header::CONTENT_LENGTH, rest.len());
    let response = match start {
        0 => response,
        start => response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, format!("bytes {start}-{}/{size}", size - 1)),
    };
    let body = match contents.breaks.remove(path) {
        None => Body::from(rest),
        Some(Break::Close(after)) => {
            let part = Cursor::new(rest[..after].to_vec()).chain(Broken { was_asked: false });
            Body::from_stream(ReaderStream::new(part))
        }
        Some(Break::Stall(after)) => {
            let (mut writer, reader) = tokio::io::duplex(1 << 16);
            tokio::spawn(async move {
                writer.write_all(&rest[..after]).await.unwrap();
                std::future::pending::<()>().await;
            });
            Body::from_stream(ReaderStream::new(reader))
        }
    };
    response.body(body).unwrap()
}
