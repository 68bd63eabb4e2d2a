//! Which address does what, and the checks before any of it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use orrery_engine::Engine;
use orrery_engine::api::{ApiError, Caller, Code};
use serde::Deserialize;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;

use crate::auth::{self, COOKIE, Peer};
use crate::error::Failure;
use crate::guard::Door;
use crate::limits::REQUEST_TIMEOUT;
use crate::token::Token;
use crate::{assets, metrics, ops, plugins, scope, uploads, view};

/// What a shell with a window does when a second start asks for it.
pub type Raise = Arc<dyn Fn() + Send + Sync>;

/// What the routes share.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) engine: Engine,
    pub(crate) feeds: Arc<scope::Feeds>,
    token: Token,
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
    /// Routes in front of an engine. `raise` brings the window to the front where there is one.
    pub fn new(engine: Engine, token: Token, raise: Option<Raise>) -> Self {
        Gateway {
            engine,
            feeds: Arc::default(),
            token,
            raise,
        }
    }

    /// All routes behind a door.
    pub fn router(&self, door: Door) -> Router {
        let quick = Router::new()
            .merge(ops::routes())
            .merge(scope::routes())
            .merge(plugins::routes())
            .merge(metrics::routes())
            .route("/api/instance/raise", post(raise))
            .layer(TimeoutLayer::with_status_code(
                StatusCode::GATEWAY_TIMEOUT,
                REQUEST_TIMEOUT,
            ))
            .layer(CompressionLayer::new());
        let open = Arc::new(Open {
            gateway: self.clone(),
            door,
        });
        Router::new()
            .merge(quick)
            .route("/api/view", get(view::serve))
            .merge(scope::streams())
            .merge(ops::streams())
            .merge(uploads::routes())
            .fallback(page)
            .layer(middleware::from_fn_with_state(open, check))
            .with_state(self.clone())
    }
}

struct Open {
    gateway: Gateway,
    door: Door,
}

/// Every request passes here first: door, token, then the route; the caller travels with the request.
async fn check(
    State(open): State<Arc<Open>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(reason) = open.door.refuse(request.headers()) {
        tracing::info!(reason, "request refused at the door");
        let error = ApiError::new(Code::Forbidden, format!("Refused: {reason}."));
        return Failure(error).into_response();
    }
    let path = request.uri().path();
    let public = request.method() == http::Method::GET && !is_api(path);
    match auth::caller(&peer, request.headers(), &open.gateway.token) {
        Some(caller) => {
            request.extensions_mut().insert(caller);
        }
        // The bundle holds no secret: without it nobody could be asked for the token.
        None if public => {}
        None => return unauthorized(),
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn is_api(path: &str) -> bool {
    path == "/api"
        || path.starts_with("/api/")
        || path == "/metrics"
        || path.starts_with("/metrics/")
        || path.starts_with("/apis")
}

fn unauthorized() -> Response {
    let message = "A token is needed. Open the address that `orrery token --open` prints, or send it as \
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

/// The UI. `/?token=…` turns the token into a cookie and leaves the address bar clean.
async fn page(State(gateway): State<Gateway>, Query(entry): Query<Entry>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    match entry.token {
        Some(token) if path == "/" && gateway.token.is(&token) => {
            let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000");
            let Ok(cookie) = HeaderValue::from_str(&cookie) else {
                return assets::serve("/");
            };
            ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
        }
        _ if is_api(&path) => {
            let message = format!("There is nothing at {path}.");
            Failure(ApiError::not_found(message)).into_response()
        }
        _ if *request.method() == http::Method::GET => assets::serve(&path),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
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
