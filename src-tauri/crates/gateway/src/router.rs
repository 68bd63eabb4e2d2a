//! Which address does what, and the checks before any of it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, MatchedPath, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use orrery_engine::api::{ApiError, Caller, Code};
use orrery_engine::{Engine, Noting};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;

use crate::access::{self, Found};
use crate::auth::{self, Peer, Visitor};
use crate::ends::{self, Cut};
use crate::error::Failure;
use crate::front::Front;
use crate::guard::Door;
use crate::keys::Keys;
use crate::limits::REQUEST_TIMEOUT;
use crate::services::{self, Services, ServicesConfig, ServicesError};
use crate::{
    assets, audit, catalog, coming_in, error, metrics, openapi, ops, plugins, scope, tasks, uploads, view,
};

/// What a shell with a window does when a second start asks for it.
pub type Raise = Arc<dyn Fn() + Send + Sync>;

/// What the routes share.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) engine: Engine,
    pub(crate) feeds: Arc<scope::Feeds>,
    pub(crate) keys: Keys,
    pub(crate) scrapes: Arc<metrics::Scrapes>,
    /// What sends metrics to a collector; none while nobody asked for it.
    pub(crate) otlp: Option<Arc<orrery_export::Exporter>>,
    /// What plugins serve below `/apis`; none while nobody asked for it.
    pub(crate) services: Option<Arc<Services>>,
    /// Scope's own addresses are open to everybody on this machine.
    scope_open: bool,
    raise: Option<Raise>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Routes in front of an engine. `keys` may be the owner's token alone; `raise` brings the window to the front
    /// where there is one.
    pub fn new(engine: Engine, keys: impl Into<Keys>, raise: Option<Raise>) -> Self {
        Gateway {
            engine,
            feeds: Arc::default(),
            keys: keys.into(),
            scrapes: Arc::default(),
            otlp: None,
            services: None,
            scope_open: false,
            raise,
        }
    }

    /// Serves what plugins declare, below `/apis`.
    ///
    /// # Errors
    /// When what is kept cannot be read.
    pub async fn with_services(mut self, config: ServicesConfig) -> Result<Self, ServicesError> {
        self.services = Some(Services::start(&self.engine, config).await?);
        Ok(self)
    }

    /// Whether Scope's own addresses, and those that its probes report to, are open without a token to everybody
    /// on this machine. Controls and terminals never are.
    #[must_use]
    pub fn scope_open(mut self, open: bool) -> Self {
        self.scope_open = open;
        self
    }

    /// All routes behind a door.
    pub fn router(&self, door: Door) -> Front {
        let open = Arc::new(Open {
            gateway: self.clone(),
            door: door.clone(),
        });
        let router = routes()
            .fallback(page)
            .layer(middleware::from_fn_with_state(open, check))
            .with_state(self.clone());
        Front::new(router, self, door)
    }

    /// Whether this process shows a window.
    pub(crate) fn shows_a_window(&self) -> bool {
        self.raise.is_some()
    }
}

/// Every route, before anybody is asked who they are.
fn routes() -> Router<Gateway> {
    let quick = Router::new()
        .merge(ops::routes())
        .merge(scope::routes())
        .merge(plugins::routes())
        .merge(metrics::routes())
        .merge(coming_in::routes())
        .merge(audit::routes())
        .merge(openapi::routes())
        .merge(catalog::routes())
        .merge(tasks::routes())
        .route("/api/instance/raise", post(raise))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            REQUEST_TIMEOUT,
        ))
        .layer(middleware::from_fn(error::in_form))
        .layer(CompressionLayer::new());
    let lasting = Router::new()
        .route("/api/view", get(view::serve))
        .merge(scope::streams())
        .merge(ops::streams())
        .merge(catalog::streams())
        .merge(tasks::streams())
        .merge(uploads::routes())
        .layer(middleware::from_fn(error::in_form));
    Router::new()
        .merge(quick)
        .merge(lasting)
        .merge(services::routes())
}

struct Open {
    gateway: Gateway,
    door: Door,
}

/// Every request passes here first: door, token, role, then the route; the caller travels with the request.
async fn check(
    State(open): State<Arc<Open>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let api = is_api(request.uri().path());
    let pages = open.door.pages();
    let answer = async |request| open.answer(&peer, matched.as_ref(), request, next.clone()).await;
    let mut response = match open.refuse(&request, api) {
        Some(refusal) => refusal,
        None if pages.ask(request.headers()) => pages.answer(request, answer).await,
        None => answer(request).await,
    };
    harden(response.headers_mut(), api);
    pages.vary(response.headers_mut());
    response
}

/// What every answer says to browsers.
fn harden(headers: &mut HeaderMap, api: bool) {
    for (name, value) in HARDENING {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if api {
        headers
            .entry(header::CONTENT_SECURITY_POLICY)
            .or_insert(HeaderValue::from_static(API_POLICY));
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
}

/// The same for what plugins answer, who have no say in the first and may have their own word in the second. As a page
/// it is in a sandbox, which says the rest: it shares nothing with other pages and tells no address.
pub(crate) fn manners() -> (HeaderMap, HeaderMap) {
    let rest = [header::REFERRER_POLICY, COOP];
    let always = HARDENING.into_iter().filter(|(name, _)| !rest.contains(name));
    let always = always.map(|(name, value)| (name, HeaderValue::from_static(value)));
    let otherwise = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (always.collect(), otherwise.into_iter().collect())
}

const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// On every answer: it is what it says, no other site embeds it, and where it leads learns no address of ours.
const HARDENING: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (COOP, "same-origin"),
];

/// An answer of the API that a browser shows as a page may do nothing at all.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// A request that may go on.
struct Admitted {
    /// With its caller.
    request: Request,
    /// What is to be noted of it.
    noting: Option<Noting>,
    /// Cancelled when the right to it ends.
    gone: Option<CancellationToken>,
}

impl Open {
    /// The refusal of what does not come in by the door.
    fn refuse(&self, request: &Request, api: bool) -> Option<Response> {
        if let Some(refusal) = error::too_long(request) {
            return Some(refusal);
        }
        let reason = self.door.refuse(request.uri(), request.headers(), api)?;
        tracing::info!(reason, "request refused at the door");
        let error = ApiError {
            reason: "origin".to_owned(),
            ..ApiError::new(Code::Forbidden, format!("Refused: {reason}."))
        };
        Some(Failure(error).into_response())
    }

    /// The answer to what came in by the door.
    async fn answer(
        &self,
        peer: &Peer,
        matched: Option<&MatchedPath>,
        request: Request,
        next: Next,
    ) -> Response {
        let admitted = match self.admit(peer, matched, request) {
            Ok(admitted) => admitted,
            Err(refusal) => return *refusal,
        };
        let cut = admitted.request.extensions().get::<Cut>().cloned();
        let response = next.run(admitted.request).await;
        if let Some(noting) = admitted.noting {
            audit::ended(noting, &response);
        }
        match admitted.gone {
            Some(gone) => ends::within(gone, cut, response),
            None => response,
        }
    }

    /// The request that may go on, or the refusal.
    fn admit(
        &self,
        peer: &Peer,
        matched: Option<&MatchedPath>,
        mut request: Request,
    ) -> Result<Admitted, Box<Response>> {
        let rule = match matched.map(|path| access::rule(request.method(), path.as_str())) {
            Some(Found::Rule(rule)) => Some(rule),
            // The router says which methods there are, and the page that there is nothing.
            Some(Found::OtherMethod) | None => None,
            Some(Found::Nothing) => {
                let message = format!("Nobody said who may come to {}.", request.uri().path());
                tracing::error!(message, "a route is missing in the table of access");
                return Err(refusal(ApiError::internal(message)));
            }
        };
        let keys = &self.gateway.keys;
        let open = rule.filter(|rule| rule.scope && self.gateway.scope_open);
        let window = self.gateway.raise.is_some();
        let known = auth::visitor(peer, request.headers(), keys, window).or_else(|| {
            let caller = open.and_then(|rule| auth::anybody(peer, rule.role))?;
            Some(Visitor { caller, gone: None })
        });
        let Some(Visitor { caller, gone }) = known else {
            // The bundle holds no secret: without it nobody could be asked for the token.
            let public = looks(request.method()) && !is_api(request.uri().path());
            return if public {
                Ok(Admitted {
                    request,
                    noting: None,
                    gone: None,
                })
            } else {
                Err(Box::new(unauthorized()))
            };
        };
        let engine = &self.gateway.engine;
        let path = request.uri().path();
        let mut noting = None;
        if let Some(rule) = rule {
            if let Err(error) = engine.allow(&caller, rule.role, rule.changes) {
                audit::kept_out(engine, &caller, rule, path, &error.message);
                return Err(refusal(error));
            }
            noting = audit::noting(engine, &caller, rule, path);
        }
        request.extensions_mut().insert(caller);
        Ok(Admitted {
            request,
            noting,
            gone,
        })
    }
}

fn looks(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn refusal(error: ApiError) -> Box<Response> {
    Box::new(Failure(error).into_response())
}

fn is_api(path: &str) -> bool {
    path == "/api"
        || path.starts_with("/api/")
        || path == "/metrics"
        || path.starts_with("/metrics/")
        || path.starts_with("/apis")
}

fn unauthorized() -> Response {
    let message = "A token that holds is needed. Open the address that `orrery token --open` prints, or send it as \
                   `Authorization: Bearer …`.";
    let error = ApiError::new(Code::Forbidden, message);
    let challenge = HeaderValue::from_static("Bearer realm=\"orrery\", Basic realm=\"orrery\"");
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, challenge)],
        axum::Json(error),
    )
        .into_response()
}

#[derive(Deserialize)]
struct Entry {
    token: Option<String>,
}

/// The UI. `/?token=…` turns a link that opens once, or a token, into a cookie and leaves the address bar clean.
async fn page(
    State(gateway): State<Gateway>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Query(entry): Query<Entry>,
    request: Request,
) -> Response {
    let path = request.uri().path().to_owned();
    let cookie = match entry.token {
        // Whoever looks at the head alone does not use up a link.
        Some(token) if path == "/" && *request.method() == Method::GET => {
            coming_in::cookie_for(&gateway, &peer, &token)
        }
        _ => Ok(None),
    };
    match cookie {
        Ok(Some(cookie)) => {
            let once = HeaderValue::from_static("no-store");
            let headers = [(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, once)];
            (headers, Redirect::to("/")).into_response()
        }
        Err(error) => Failure(error).into_response(),
        _ if is_api(&path) => {
            let message = format!("There is nothing at {path}.");
            Failure(ApiError::not_found(message)).into_response()
        }
        _ if looks(request.method()) => assets::serve(&path),
        _ => (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response(),
    }
}

/// A second start asks for the window of the first.
async fn raise(State(gateway): State<Gateway>, caller: Option<axum::Extension<Caller>>) -> Response {
    match (&gateway.raise, caller) {
        (Some(raise), Some(_)) => {
            raise();
            StatusCode::NO_CONTENT.into_response()
        }
        _ => Failure(ApiError::not_found("This instance has no window.")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tower::ServiceExt as _;

    use super::*;

    /// Paths of a router. It tells them in its debug output alone.
    fn paths(router: &Router<Gateway>) -> BTreeSet<String> {
        let shown = format!("{router:?}");
        let quoted = shown.split('"').skip(1).step_by(2);
        let fallback = |text: &str| text == "/" || text.contains("__private");
        quoted
            .filter(|text| text.starts_with('/') && !fallback(text))
            .map(str::to_owned)
            .collect()
    }

    /// Methods of a path, by the router's own answer to one that no path has.
    async fn methods(router: &Router, path: &str) -> BTreeSet<String> {
        let address: Vec<&str> = path
            .split('/')
            .map(|part| if part.starts_with('{') { "x" } else { part })
            .collect();
        let request = Request::builder()
            .method("SURVEY")
            .uri(address.join("/"))
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        if answer.status() != StatusCode::METHOD_NOT_ALLOWED {
            return BTreeSet::from([access::ANY.to_owned()]);
        }
        let allowed = answer.headers()[header::ALLOW].to_str().unwrap().to_owned();
        allowed
            .split(',')
            .filter(|m| *m != "HEAD")
            .map(str::to_owned)
            .collect()
    }

    #[tokio::test]
    async fn every_route_says_who_may_come() {
        let routed = paths(&routes());
        assert!(
            routed.len() > 40,
            "the router's debug output has changed: {routed:?}"
        );
        let home = tempfile::tempdir().unwrap();
        let mut config = orrery_engine::Config::new(home.path().to_path_buf());
        config.probes.clear();
        let engine = Engine::start(config).await.unwrap();
        let token = crate::Token::parse("0123456789abcdef", "the test").unwrap();
        let router = routes().with_state(Gateway::new(engine.clone(), token, None));
        let mut there = BTreeSet::new();
        for path in &routed {
            let methods = methods(&router, path).await;
            there.extend(methods.into_iter().map(|method| (method, path.clone())));
        }
        let ruled: BTreeSet<_> = access::all().map(|(m, p)| (m.to_owned(), p.to_owned())).collect();
        let missing: Vec<_> = there.difference(&ruled).collect();
        let idle: Vec<_> = ruled.difference(&there).collect();
        assert!(
            missing.is_empty(),
            "routes that are missing in access.rs: {missing:?}"
        );
        assert!(idle.is_empty(), "rules in access.rs without a route: {idle:?}");
        engine.shutdown().await;
    }
}
