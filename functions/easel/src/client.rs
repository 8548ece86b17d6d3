//! Talks to an Easel service: this machine's or any other.

mod collections;
mod comments;
mod decide;
mod drawn_with;
mod erase;
mod history;
pub(crate) mod images;
mod label;
mod list;
mod queue;
mod show;
mod styles;
mod submit;
mod task_ids;

use std::time::Duration;

use reqwest::blocking::{Client as HttpClient, RequestBuilder, Response};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

pub(crate) use collections::{
    CollectArguments, CollectionsArguments, DownloadArguments, collect, collections, download,
};
pub(crate) use comments::{CommentArguments, CommentsArguments, comment, comments};
pub(crate) use decide::{
    ApproveArguments, ReasonArguments, RejectArguments, ReopenArguments, RetryArguments, TaskArguments, approve,
    cancel, publish, reject, reopen, retry, unpublish,
};
pub(crate) use erase::{EraseArguments, erase};
pub(crate) use history::{HistoryArguments, history, history_lines};
pub(crate) use label::{LabelArguments, label};
pub(crate) use list::{ListArguments, list};
pub(crate) use queue::{QueueArguments, queue};
pub(crate) use show::{ShowArguments, show};
pub(crate) use styles::{StylesArguments, styles};
pub(crate) use submit::{SubmitArguments, submit, wait, wait_at_most};

use crate::command_error::CommandError;
use crate::output;
use clap::Args;
use easel_system::environment;

/// Which service, and who asks.
#[derive(Debug, Args)]
pub(crate) struct ServiceArguments {
    /// The service's address
    #[arg(long, global = true, value_name = "URL", env = environment::API, default_value = "http://127.0.0.1:8080")]
    pub(crate) api: String,
    /// A token of the service (`easel token` prints one)
    #[arg(long, global = true, value_name = "TOKEN", env = environment::TOKEN, hide_env_values = true)]
    pub(crate) token: Option<String>,
}

const TIMEOUT: Duration = Duration::from_secs(60);
/// The pauses before what was lost is sent again.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// A service and who asks it.
pub(crate) struct Client {
    http: HttpClient,
    api: String,
    token: Option<String>,
}

impl Client {
    /// A client of the service that the arguments name.
    ///
    /// # Errors
    /// The system gives no connections at all.
    pub(crate) fn new(arguments: &ServiceArguments) -> Result<Self, CommandError> {
        Self::to(&arguments.api, arguments.token.clone())
    }

    /// A client of the service at `api`.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub(crate) fn to(api: &str, token: Option<String>) -> Result<Self, CommandError> {
        let http = HttpClient::builder().timeout(TIMEOUT).build();
        let http = http.map_err(|error| CommandError::failed(format!("--api: {error}")))?;
        Ok(Self { http, api: api.trim_end_matches('/').to_owned(), token })
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// The service's problem, or why it cannot be reached.
    pub(crate) fn get(&self, path: &str) -> Result<Value, CommandError> {
        self.send(self.request(Method::GET, path))
    }

    /// Posts a body, again if the answer is lost on the way: with the same key, the service does it once.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, CommandError> {
        let key = Uuid::now_v7().to_string();
        let request = || self.request(Method::POST, path).header("idempotency-key", &key).json(body);
        for pause in AGAIN_AFTER {
            match request().send() {
                // Who cannot be reached at all has not done anything.
                Err(error) if !error.is_connect() && !error.is_builder() => std::thread::sleep(pause),
                sent => return self.read(sent),
            }
        }
        self.send(request())
    }

    /// Puts a body in the place of what is there.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Value, CommandError> {
        self.send(self.request(Method::PUT, path).json(body))
    }

    /// Changes a part of what is there.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) fn patch(&self, path: &str, body: &Value) -> Result<Value, CommandError> {
        self.send(self.request(Method::PATCH, path).json(body))
    }

    /// Deletes a resource.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) fn delete(&self, path: &str) -> Result<Value, CommandError> {
        self.send(self.request(Method::DELETE, path))
    }

    /// The status of the answer to somebody who brings no token.
    ///
    /// # Errors
    /// The service cannot be reached.
    pub(crate) fn status_without_token(&self, path: &str) -> Result<u16, CommandError> {
        let answer = self.http.get(format!("{}{path}", self.api)).send();
        answer.map(|answer| answer.status().as_u16()).map_err(|error| self.unreachable(&error))
    }

    /// Whether there is a token at all.
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The HTTP client, for addresses that bring their own permission.
    pub(crate) fn http(&self) -> &HttpClient {
        &self.http
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.api));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn send(&self, request: RequestBuilder) -> Result<Value, CommandError> {
        self.read(request.send())
    }

    fn read(&self, sent: reqwest::Result<Response>) -> Result<Value, CommandError> {
        let answer = sent.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let body = answer.bytes().map_err(|error| self.unreachable(&error))?;
        let value = serde_json::from_slice::<Value>(&body);
        if status.is_success() {
            let odd =
                |error| CommandError::failed(format!("{} responds with something that is not JSON: {error}", self.api));
            return value.map_err(odd);
        }
        Err(refused(status, self.has_token(), &value.unwrap_or_default()))
    }

    fn unreachable(&self, error: &reqwest::Error) -> CommandError {
        let advice = "is it running? `easel serve` starts one, --api names another";
        CommandError::failed(format!("the service at {} cannot be reached ({}): {advice}", self.api, cause(error)))
    }
}

/// A name as a part of a path.
fn segment(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A text of the service's answer, as part of a line.
fn text(value: &Value) -> String {
    output::escaped(value.as_str().unwrap_or_default())
}

/// The innermost reason, which is the most specific.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    let mut source: &dyn std::error::Error = error;
    while let Some(deeper) = source.source() {
        source = deeper;
    }
    source.to_string()
}

/// A problem document as one line.
fn refused(status: StatusCode, has_token: bool, problem: &Value) -> CommandError {
    let detail = problem["detail"].as_str().map_or_else(|| format!("status {status}"), str::to_owned);
    let message = match status {
        StatusCode::UNAUTHORIZED if !has_token => "no token given: use --token or EASEL_TOKEN".to_owned(),
        StatusCode::UNAUTHORIZED => format!("{detail}; use another with --token or EASEL_TOKEN"),
        _ => format!("the service refused the request: {detail}"),
    };
    if status.is_client_error() { CommandError::wrong_use(message) } else { CommandError::failed(message) }
}
