//! Answers of services that are lost on their way.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use crate::crashing::name;

/// The first call of a kind, which the service does without its caller hearing of it. Callers send it again.
#[derive(Clone)]
pub struct LostAnswer(Arc<Lost>);

struct Lost {
    operation: &'static str,
    is_lost: AtomicBool,
}

impl LostAnswer {
    /// Loses the first answer to this operation of DynamoDB.
    #[must_use]
    pub fn of(operation: &'static str) -> Self {
        Self(Arc::new(Lost { operation, is_lost: AtomicBool::new(false) }))
    }

    /// A client of HTTP that loses it.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(LosingClient { inner: Builder::new().build_http(), lost: self.clone() })
    }

    /// Whether an answer has been lost.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.is_lost.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for LostAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("LostAnswer").field(&self.0.operation).finish()
    }
}

#[derive(Debug)]
struct LosingClient {
    inner: SharedHttpClient,
    lost: LostAnswer,
}

impl HttpClient for LosingClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(LosingConnector { inner, lost: self.lost.clone() })
    }
}

#[derive(Debug)]
struct LosingConnector {
    inner: SharedHttpConnector,
    lost: LostAnswer,
}

impl HttpConnector for LosingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let lost = &self.lost.0;
        let is_it = name(&request) == lost.operation && !lost.is_lost.swap(true, Ordering::SeqCst);
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            if is_it { Err(ConnectorError::io("the connection broke".into())) } else { Ok(answer) }
        })
    }
}
