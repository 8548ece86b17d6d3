//! The runtime API of Lambda: a function's program asks it for events and gives it the responses.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// The API of one function.
#[derive(Debug)]
pub struct LambdaRuntime {
    address: String,
    events: mpsc::UnboundedSender<Invocation>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Invocation {
    event: String,
    time: Duration,
    response: oneshot::Sender<Result<String, String>>,
}

struct Shared {
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    running: Mutex<HashMap<String, oneshot::Sender<Result<String, String>>>>,
}

impl LambdaRuntime {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (events, waiting) = mpsc::unbounded_channel();
        let shared = Shared { waiting: waiting.into(), running: Mutex::default() };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(respond))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(fail))
            .with_state(Arc::new(shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, events, server }
    }

    /// The environment of a function of this API, beside its own variables.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_LAMBDA_RUNTIME_API", self.address.clone()),
            ("AWS_LAMBDA_FUNCTION_NAME", "function".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024".to_owned()),
        ]
    }

    /// Sends an event to the function and waits for its response. `time` is the function's timeout.
    ///
    /// # Errors
    /// The error that the function reports.
    pub async fn invoke(&self, event: String, time: Duration) -> Result<String, String> {
        let (response, responded) = oneshot::channel();
        let invocation = Invocation { event, time, response };
        self.events.send(invocation).unwrap_or_else(|_| panic!("the API has ended"));
        responded.await.expect("a response")
    }
}

impl Drop for LambdaRuntime {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> axum::response::Response {
    let Some(Invocation { event, time, response }) = shared.waiting.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let id = uuid::Uuid::new_v4().to_string();
    // The time runs from when the function takes the event: starting is not counted.
    let deadline = SystemTime::now() + time;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis();
    let headers = [
        ("lambda-runtime-aws-request-id", id.clone()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:function".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-69245c80-5f0e2d1c4b3a29187f6e5d4c".to_owned()),
    ];
    shared.running.lock().insert(id, response);
    (headers, event).into_response()
}

async fn respond(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: String) -> StatusCode {
    settle(&shared, &id, Ok(body))
}

async fn fail(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: String) -> StatusCode {
    settle(&shared, &id, Err(body))
}

fn settle(shared: &Shared, id: &str, result: Result<String, String>) -> StatusCode {
    match shared.running.lock().remove(id) {
        Some(response) => {
            // The test may have ended.
            let _ = response.send(result);
            StatusCode::ACCEPTED
        }
        None => StatusCode::NOT_FOUND,
    }
}
