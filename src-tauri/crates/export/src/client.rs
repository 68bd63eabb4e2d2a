//! Sending a message, and understanding the answer.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use prost::Message as _;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use url::{Host, Url};

use crate::limits::{ANSWER_BYTES_MAX, CONNECT_TIMEOUT, RETRY_AFTER_MAX, SAID_CHARS_MAX, SEND_TIMEOUT};

const PROTOBUF: &str = "application/x-protobuf";

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Encryption cannot be used.
    #[error("TLS cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// Anything else.
    #[error("no client for the network: {0}")]
    Client(#[source] reqwest::Error),
}

/// Why a message did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nobody answers.
    #[error("{0}")]
    Network(String),
    /// The collector does not take it.
    #[error("the collector answered {status}{said}")]
    Status {
        /// HTTP status.
        status: u16,
        /// What it said, after a colon; empty when nothing.
        said: String,
        /// How long it asks to be left alone.
        wait: Option<Duration>,
    },
}

/// A way to one collector.
pub(crate) struct Way {
    client: Client,
    url: Url,
    headers: HeaderMap,
}

impl Way {
    pub(crate) fn to(url: Url, mut headers: HeaderMap) -> Result<Way, ClientError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        // A machine without certificates can send what needs none.
        let tls = match url.scheme() {
            "https" => tls.with_platform_verifier()?,
            _ => tls.with_root_certificates(RootCertStore::empty()),
        };
        let client = Client::builder()
            .tls_backend_preconfigured(tls.with_no_client_auth())
            .http1_only()
            // Headers with secrets go where they were meant to, and nowhere else.
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(SEND_TIMEOUT)
            .user_agent(concat!("orrery/", env!("CARGO_PKG_VERSION")));
        // No proxy leads to this very machine.
        let client = if is_here(&url) { client.no_proxy() } else { client };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        let client = client.build().map_err(ClientError::Client)?;
        Ok(Way { client, url, headers })
    }

    /// Sends a message; says how many data points of it the collector did not take.
    pub(crate) async fn send(&self, message: &ExportMetricsServiceRequest) -> Result<u64, SendError> {
        let sent = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .body(message.encode_to_vec())
            .send();
        let response = sent.await.map_err(broken)?;
        let status = response.status();
        let wait = asked(response.headers());
        let answer = read(response).await?;
        if status.is_success() {
            return Ok(refused_of(&answer));
        }
        Err(SendError::Status {
            status: status.as_u16(),
            said: said(status, &answer),
            wait,
        })
    }
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// At most as much of an answer as is worth reading.
async fn read(mut response: Response) -> Result<Vec<u8>, SendError> {
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        let room = ANSWER_BYTES_MAX - answer.len();
        answer.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    Ok(answer)
}

fn refused_of(answer: &[u8]) -> u64 {
    // An answer that is none of OTLP's says that nothing was refused.
    let read = ExportMetricsServiceResponse::decode(answer).unwrap_or_default();
    let partial = read.partial_success.unwrap_or_default();
    u64::try_from(partial.rejected_data_points).unwrap_or_default()
}

/// The collector's words where they are text: errors in protobuf hold their message as text too.
fn said(status: StatusCode, answer: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(answer)
        .chars()
        .filter(|c| !c.is_control() && *c != char::REPLACEMENT_CHARACTER)
        .take(SAID_CHARS_MAX)
        .collect();
    let text = text.trim();
    if text.is_empty() {
        let reason = status.canonical_reason().unwrap_or_default();
        if reason.is_empty() {
            String::new()
        } else {
            format!(" {reason}")
        }
    } else {
        format!(": {text}")
    }
}

fn asked(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// What went wrong on the way, without the address, which may hold a secret.
fn broken(error: reqwest::Error) -> SendError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    SendError::Network(text)
}
