//! The way to sinks on the network.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::time::Instant;
use url::Url;

use super::Undelivered;
use crate::limits::SINK_ANSWER_BYTES;
use crate::manifest::Table;
use crate::seams::Host;

/// An address with the headers that open it.
pub(super) struct Endpoint {
    url: Url,
    client: Client,
    /// Names and values; what is secret is looked up each time, and kept nowhere.
    headers: Vec<(HeaderName, String)>,
    host: Arc<dyn Host>,
}

impl Endpoint {
    /// From the keys `url` and `headers`.
    pub(super) fn read(config: &Table<'_>, host: &Arc<dyn Host>) -> Option<Endpoint> {
        Endpoint::read_as(config, host, |url| url)
    }

    /// The same with the address made what it has to be.
    pub(super) fn read_as(
        config: &Table<'_>,
        host: &Arc<dyn Host>,
        made: impl FnOnce(Url) -> Url,
    ) -> Option<Endpoint> {
        let url = config.needed_text("url").and_then(|text| match Url::parse(text) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                config.fault("url", "holds a user or password: send them in a header");
                None
            }
            Ok(url) if matches!(url.scheme(), "http" | "https") => Some(url),
            Ok(_) => {
                config.fault("url", "begins with neither http:// nor https://");
                None
            }
            Err(error) => {
                config.fault("url", format!("is no address: {error}"));
                None
            }
        });
        let mut headers = Vec::new();
        for (name, value) in config.text_map("headers") {
            match HeaderName::try_from(name) {
                Ok(header) => {
                    if is_reference(&value) {
                        if let Err(why) = host.secret(&value) {
                            config.fault(&format!("headers.{name}"), why);
                        }
                    } else if opens_something(&header) {
                        let message = "is a secret: say where it is instead, as env:NAME or file:/PATH";
                        config.fault(&format!("headers.{name}"), message);
                    }
                    headers.push((header, value));
                }
                Err(_) => config.fault(&format!("headers.{name}"), "is no name of a header"),
            }
        }
        let url = made(url?);
        let client = match client() {
            Ok(client) => client,
            Err(error) => {
                config.fault("url", format!("cannot be used: {error}"));
                return None;
            }
        };
        Some(Endpoint {
            url,
            client,
            headers,
            host: host.clone(),
        })
    }

    /// Sends a body.
    pub(super) async fn post(
        &self,
        kind: HeaderMap,
        body: Vec<u8>,
        until: Instant,
    ) -> Result<(), Undelivered> {
        self.ask(kind, body, until).await.map(drop)
    }

    /// Sends a body, and gives the beginning of what is said to it.
    pub(super) async fn ask(
        &self,
        kind: HeaderMap,
        body: Vec<u8>,
        until: Instant,
    ) -> Result<Vec<u8>, Undelivered> {
        let mut headers = kind;
        for (name, value) in &self.headers {
            let value = match is_reference(value) {
                true => self.host.secret(value).map_err(Undelivered::Later)?,
                false => value.clone(),
            };
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| Undelivered::Never(format!("the header {name} cannot be sent")))?;
            value.set_sensitive(true);
            headers.insert(name.clone(), value);
        }
        let timeout = until.saturating_duration_since(Instant::now());
        let request = self
            .client
            .post(self.url.clone())
            .headers(headers)
            .timeout(timeout);
        let broken = |error: reqwest::Error| {
            Undelivered::Later(format!("{}: {}", self.shown(), chain(&error.without_url())))
        };
        let mut answer = request.body(body).send().await.map_err(broken)?;
        let status = answer.status();
        if status.is_success() {
            let mut said = Vec::new();
            // It has taken the samples, whatever becomes of its answer.
            while let Ok(Some(part)) = answer.chunk().await {
                let room = SINK_ANSWER_BYTES - said.len();
                said.extend_from_slice(&part[..part.len().min(room)]);
                if part.len() >= room {
                    break;
                }
            }
            return Ok(said);
        }
        let why = format!("{} answered with {status}", self.shown());
        // A sink that is busy or at fault may take the same later; one that does not understand it never will.
        let may_help = status.is_server_error()
            || matches!(
                status,
                StatusCode::REQUEST_TIMEOUT
                    | StatusCode::TOO_MANY_REQUESTS
                    | StatusCode::UNAUTHORIZED
                    | StatusCode::FORBIDDEN
                    | StatusCode::NOT_FOUND
            );
        Err(if may_help {
            Undelivered::Later(why)
        } else {
            Undelivered::Never(why)
        })
    }

    /// The address without what may be secret.
    fn shown(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.to_string()
    }
}

/// Whether a value says where a secret is.
fn is_reference(value: &str) -> bool {
    value.starts_with("env:") || value.starts_with("file:")
}

/// Whether a header's value is a secret by its name.
fn opens_something(header: &HeaderName) -> bool {
    let name = header.as_str();
    [
        "authorization",
        "cookie",
        "token",
        "secret",
        "password",
        "api-key",
        "apikey",
    ]
    .iter()
    .any(|word| name.contains(word))
}

fn client() -> Result<Client, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_platform_verifier()
        .map_err(|error| error.to_string())?
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("orrery/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())
}

/// The cause that all others come from: what lies around it says only that something was sent.
fn chain(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
