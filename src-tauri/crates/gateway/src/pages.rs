//! Pages of other origins: the owner may list those that may ask, with a token of their own. Nothing that a browser
//! adds by itself, such as a cookie, counts for them.

use std::str::FromStr;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use url::Url;

use crate::limits::PREFLIGHT_KEPT;

/// The origin of a page, as browsers send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOrigin(HeaderValue);

/// What is listed is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no origin of a page: give scheme, host and perhaps port, such as https://grafana.example:3000"
)]
pub struct NoOrigin(String);

impl FromStr for PageOrigin {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let none = || NoOrigin(text.to_owned());
        let url = Url::parse(text).map_err(|_| none())?;
        let written = url.origin().ascii_serialization();
        // Whoever writes more means more, such as the pages below a path, which nobody can hold apart.
        let alone = text
            .find("://")
            .is_some_and(|at| !text[at + 3..].contains(['/', '?', '#', '@', '\\', '*']));
        if !matches!(url.scheme(), "http" | "https") || !alone {
            return Err(none());
        }
        HeaderValue::try_from(written).map(PageOrigin).map_err(|_| none())
    }
}

/// The listed pages, and what browsers are told of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pages {
    listed: Vec<HeaderValue>,
    cors: CorsLayer,
}

/// What pages may read of an answer beside what they always may.
const READABLE: [HeaderName; 3] = [header::ETAG, header::RETRY_AFTER, header::WWW_AUTHENTICATE];

impl Pages {
    /// These may ask.
    pub(crate) fn of(origins: impl IntoIterator<Item = PageOrigin>) -> Self {
        let listed: Vec<HeaderValue> = origins.into_iter().map(|origin| origin.0).collect();
        let methods = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ];
        let cors = CorsLayer::new()
            .allow_origin(AllowOrigin::list(listed.clone()))
            .allow_methods(methods)
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(READABLE)
            .allow_private_network(true)
            .max_age(PREFLIGHT_KEPT);
        Pages { listed, cors }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Whether a request comes from one of them.
    pub(crate) fn ask(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (Some(origin), None) => self.listed.contains(origin),
            _ => false,
        }
    }

    /// Answers one of them: whether it may ask, or what `answer` says.
    pub(crate) async fn answer<F>(&self, mut request: Request, answer: impl Fn(Request) -> F) -> Response
    where
        F: Future<Output = Response>,
    {
        without_what_browsers_add(request.headers_mut());
        let answer = service_fn(|request: Request| {
            let answered = answer(request);
            async move { Ok::<Response<Body>, std::convert::Infallible>(answered.await) }
        });
        let mut response = match self.cors.layer(answer).oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        // A cookie would be the user's, and not the page's.
        response.headers_mut().remove(header::SET_COOKIE);
        response
    }

    /// Says that answers differ by who asks, where they do.
    pub(crate) fn vary(&self, headers: &mut HeaderMap) {
        if !self.is_empty() && !varies(headers) {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
    }
}

fn varies(headers: &HeaderMap) -> bool {
    let said = headers.get_all(header::VARY).iter();
    said.flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|name| name.trim_ascii().eq_ignore_ascii_case(b"origin"))
}

/// A page shows a token of its own, as bearer: a browser adds the rest by itself.
fn without_what_browsers_add(headers: &mut HeaderMap) {
    headers.remove(header::COOKIE);
    let bearer = |value: &HeaderValue| {
        let scheme = value.as_bytes().get(..7);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
    };
    if !headers.get_all(header::AUTHORIZATION).iter().all(bearer) {
        headers.remove(header::AUTHORIZATION);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s60_an_origin_is_scheme_host_and_port_and_nothing_more() {
        for (text, written) in [
            ("https://grafana.example", "https://grafana.example"),
            ("HTTPS://Grafana.example:443", "https://grafana.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(text.parse::<PageOrigin>().unwrap().0, written, "{text}");
        }
        for none in [
            "",
            "*",
            "null",
            "grafana.example",
            "//grafana.example",
            "ftp://grafana.example",
            "file:///etc/passwd",
            "https://*.example",
            "https://grafana.example/",
            "https://grafana.example/d/1",
            "https://grafana.example?x",
            "https://user@grafana.example",
            "https://grafana.example:port",
            "https://",
            "https:grafana.example",
            "https://a.example,https://b.example",
        ] {
            let error = none.parse::<PageOrigin>().unwrap_err();
            assert!(error.to_string().contains(&format!("{none:?}")), "{error}");
        }
    }

    #[test]
    fn s60_only_a_bearer_is_the_pages_own() {
        let left = |pairs: &[(&'static str, &'static str)]| {
            let pair = |(name, value): &(&'static str, &'static str)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            let mut headers: HeaderMap = pairs.iter().map(pair).collect();
            without_what_browsers_add(&mut headers);
            headers.len()
        };
        assert_eq!(left(&[("authorization", "Bearer x"), ("accept", "a")]), 2);
        assert_eq!(left(&[("cookie", "orrery_token=x"), ("accept", "a")]), 1);
        assert_eq!(left(&[("authorization", "Basic eDp5")]), 0);
        assert_eq!(left(&[("authorization", "Scope-Probe token=x")]), 0);
    }
}
