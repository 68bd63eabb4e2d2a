//! A package from the network: tries, redirects, going on where a try broke off.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_RANGE,
    LAST_MODIFIED, LOCATION, RANGE, RETRY_AFTER,
};
use reqwest::{Client, ClientBuilder, Response, StatusCode};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use url::Url;

use super::body::Body;
use super::error::FetchError;
use super::retry::{Failed, Tries};
use super::{FetchOptions, address};
use crate::limits::{CONNECT_TIMEOUT, REDIRECTS_MAX};

/// The client, with what it is asked to bear.
pub(super) struct Http {
    /// For this machine itself: no proxy, no certificates.
    direct: Client,
    /// For everything else: the system's proxy and certificates. A machine without certificates has none.
    outside: Result<Client, FetchError>,
    options: FetchOptions,
}

impl Http {
    pub(super) fn new(options: &FetchOptions) -> Result<Self, FetchError> {
        let plain = tls()?.with_root_certificates(RootCertStore::empty());
        let direct = client(plain.with_no_client_auth())
            .no_proxy()
            .build()
            .map_err(unusable)?;
        let outside = tls().and_then(|tls| {
            let tls = tls.with_platform_verifier().map_err(|error| {
                FetchError::Network(format!("this machine's certificates cannot be used: {error}"))
            })?;
            client(tls.with_no_client_auth()).build().map_err(unusable)
        });
        Ok(Self {
            direct,
            outside,
            options: options.clone(),
        })
    }

    /// Downloads into a body, in as many tries as it takes. With an expected sum, a body that was pieced
    /// together from several tries and does not have it is fetched once more as a whole.
    pub(super) async fn download(
        &self,
        url: &Url,
        body: &mut Body,
        expected: Option<&str>,
        progress: &(impl Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<(), FetchError> {
        let mut tries = Tries::new(&self.options);
        let mut state = Resume::default();
        loop {
            let attempt = self.attempt(url, body, &mut state, progress);
            let failed = match tokio::time::timeout(self.options.try_timeout, attempt).await {
                Ok(Ok(())) if state.pieced && expected.is_some_and(|sum| sum != body.sum()) => {
                    state = Resume::default();
                    body.restart().await?;
                    Failed::from(FetchError::Network("the pieces do not fit together".to_owned()))
                }
                Ok(Ok(())) => return Ok(()),
                Ok(Err(failed)) => failed,
                Err(_) => FetchError::Timeout(format!("{} took too long", address::shown(url))).into(),
            };
            tries.wait_after(failed).await?;
        }
    }

    /// A small thing as a whole, in as many tries as it takes; nothing when it is not there.
    pub(super) async fn small(&self, url: &Url, max_bytes: u64) -> Result<Option<Vec<u8>>, FetchError> {
        let mut tries = Tries::new(&self.options);
        loop {
            let attempt = self.attempt_small(url, max_bytes);
            let failed = match tokio::time::timeout(self.options.try_timeout, attempt).await {
                Ok(Ok(bytes)) => return Ok(Some(bytes)),
                // Some stores say 403 for what they do not have.
                Ok(Err(Failed {
                    error:
                        FetchError::Status {
                            status: 403 | 404 | 410,
                            ..
                        },
                    ..
                })) => return Ok(None),
                Ok(Err(failed)) => failed,
                Err(_) => FetchError::Timeout(format!("{} took too long", address::shown(url))).into(),
            };
            tries.wait_after(failed).await?;
        }
    }

    async fn attempt_small(&self, url: &Url, max_bytes: u64) -> Result<Vec<u8>, Failed> {
        let mut response = self.get(url, HeaderMap::new()).await?;
        if response.status() != StatusCode::OK {
            return Err(refused(url, &response));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(url, &mut response).await? {
            if bytes.len() as u64 + chunk.len() as u64 > max_bytes {
                return Err(FetchError::TooLarge { max_bytes }.into());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// One try; goes on where the one before stopped if the server vouches for it being the same file.
    async fn attempt(
        &self,
        url: &Url,
        body: &mut Body,
        state: &mut Resume,
        progress: &(impl Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<(), Failed> {
        let mut headers = HeaderMap::new();
        match &state.validator {
            Some(validator) if body.bytes() > 0 => {
                body.go_on().await?;
                headers.insert(RANGE, range_from(body.bytes())?);
                headers.insert(IF_RANGE, validator.clone());
            }
            _ => body.restart().await?,
        }
        let mut response = self.get(url, headers).await?;
        match response.status() {
            StatusCode::OK => {
                if body.bytes() > 0 {
                    body.restart().await?;
                }
                state.pieced = false;
            }
            StatusCode::PARTIAL_CONTENT
                if body.bytes() > 0 && range_start(&response) == Some(body.bytes()) =>
            {
                state.pieced = true;
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                state.validator = None;
                return Err(FetchError::Network(format!(
                    "{} cannot go on where it stopped",
                    address::shown(url)
                ))
                .into());
            }
            _ => return Err(refused(url, &response)),
        }
        state.validator = strong_validator(response.headers());
        let total = content_length(&response).map(|rest| body.bytes().saturating_add(rest));
        if let Some(total) = total {
            body.check_size(total)?;
        }
        progress(body.bytes(), total);
        while let Some(chunk) = self.chunk(url, &mut response).await? {
            body.add(&chunk).await?;
            progress(body.bytes(), total);
        }
        Ok(())
    }

    /// The next piece of an answer, if the server does not fall silent.
    async fn chunk(
        &self,
        url: &Url,
        response: &mut Response,
    ) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>, FetchError> {
        match tokio::time::timeout(self.options.stall_timeout, response.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| broken(url, error)),
            Err(_) => Err(FetchError::Timeout(format!(
                "{} fell silent",
                address::shown(url)
            ))),
        }
    }

    /// Asks, and follows redirects as far as they may be followed.
    async fn get(&self, url: &Url, headers: HeaderMap) -> Result<Response, FetchError> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let client = match (address::is_this_machine(&url), &self.outside) {
                (true, _) if url.scheme() == "http" => &self.direct,
                (_, Ok(outside)) => outside,
                (_, Err(error)) => return Err(error.clone()),
            };
            let asked = client.get(url.clone()).headers(headers.clone()).send();
            let response = match tokio::time::timeout(self.options.stall_timeout, asked).await {
                Ok(response) => response.map_err(|error| broken(&url, error))?,
                Err(_) => {
                    return Err(FetchError::Timeout(format!(
                        "{} does not answer",
                        address::shown(&url)
                    )));
                }
            };
            if !is_redirect(response.status()) {
                return Ok(response);
            }
            let Some(location) = text_header(response.headers(), &LOCATION) else {
                return Err(FetchError::Address(format!(
                    "{} leads nowhere",
                    address::shown(&url)
                )));
            };
            url = address::redirect(&url, location)?;
        }
        Err(FetchError::Address(format!(
            "more than {REDIRECTS_MAX} redirects, the last to {}",
            address::shown(&url)
        )))
    }
}

/// What a later try has to know of the ones before.
#[derive(Default)]
struct Resume {
    /// Names this very file among all that the address ever gave.
    validator: Option<HeaderValue>,
    /// Whether what is there came in several pieces.
    pieced: bool,
}

fn tls() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, FetchError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| FetchError::Network(format!("TLS cannot be used: {error}")))
}

fn client(tls: ClientConfig) -> ClientBuilder {
    let mut headers = HeaderMap::new();
    // A package is its bytes; a server that unpacks it on the way would change its sum.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("orrery/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
}

fn unusable(error: reqwest::Error) -> FetchError {
    FetchError::Network(format!("no client for the network: {}", chain(&error)))
}

/// What went wrong on the way, without the address's secrets.
fn broken(url: &Url, error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    FetchError::Network(format!("{}: {}", address::shown(url), chain(&error)))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

fn refused(url: &Url, response: &Response) -> Failed {
    Failed {
        error: FetchError::Status {
            shown: address::shown(url),
            status: response.status().as_u16(),
        },
        asked: text_header(response.headers(), &RETRY_AFTER)
            .and_then(|text| wait_asked(text, SystemTime::now())),
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn text_header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// How long a server asks to wait: in seconds, or until a date.
fn wait_asked(text: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

fn range_from(bytes: u64) -> Result<HeaderValue, FetchError> {
    HeaderValue::try_from(format!("bytes={bytes}-")).map_err(|error| FetchError::Network(error.to_string()))
}

/// Where a partial answer begins.
fn range_start(response: &Response) -> Option<u64> {
    let range = text_header(response.headers(), &CONTENT_RANGE)?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

fn content_length(response: &Response) -> Option<u64> {
    text_header(response.headers(), &CONTENT_LENGTH)?.parse().ok()
}

/// What names this very file: a strong tag, else the time it was changed.
fn strong_validator(headers: &HeaderMap) -> Option<HeaderValue> {
    let tag = headers.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""));
    tag.or_else(|| headers.get(LAST_MODIFIED)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_until_a_date() {
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 10:00:00 GMT").unwrap();
        for (text, seconds) in [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("Sat, 21 Nov 2026 10:00:30 GMT", Some(30)),
            ("Sat, 21 Nov 2026 09:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(wait_asked(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn only_what_names_the_very_file_lets_a_try_go_on() {
        for (tag, changed, found) in [
            (Some("\"a\""), None, Some("\"a\"")),
            (Some("W/\"a\""), None, None),
            (
                Some("W/\"a\""),
                Some("Sat, 21 Nov 2026 10:00:00 GMT"),
                Some("Sat, 21 Nov 2026 10:00:00 GMT"),
            ),
            (None, None, None),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(ETAG, tag), (LAST_MODIFIED, changed)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            let validator = strong_validator(&headers);
            assert_eq!(validator.as_ref().and_then(|value| value.to_str().ok()), found);
        }
    }
}
