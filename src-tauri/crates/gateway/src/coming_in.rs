//! Coming in: browsers' cookies, links that open once, and tokens.

use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use orrery_engine::api::{ApiError, Caller, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::About;
use crate::auth::{self, COOKIE, Peer, Presented};
use crate::error::Failure;
use crate::keys::{Holder, OWNER};
use crate::limits::{BROWSER_AGE, CALL_BYTES_MAX, LINK_AGE};
use crate::params::Given;
use crate::router::Gateway;

/// The routes.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/api/session", post(enter).delete(leave))
        .route("/api/links", post(link))
        .route("/api/tokens", get(list).post(make))
        .route("/api/tokens/{name}", delete(revoke))
        .route("/api/tokens/{name}/rotate", post(rotate))
        .layer(DefaultBodyLimit::max(CALL_BYTES_MAX))
}

type Answer = Result<Response, Failure>;

/// Lets a browser in that shows `secret`, a link's or a token; none when it is neither. The cookie holds neither
/// of them.
pub(crate) fn cookie_for(
    gateway: &Gateway,
    peer: &Peer,
    secret: &str,
) -> Result<Option<HeaderValue>, ApiError> {
    let Some(browser) = gateway.keys.let_browser_in(secret)? else {
        return Ok(None);
    };
    let age = BROWSER_AGE.as_secs();
    set_cookie(peer, browser.reveal(), age).map(Some)
}

fn set_cookie(peer: &Peer, value: &str, age_s: u64) -> Result<HeaderValue, ApiError> {
    let secure = match peer {
        Peer::Tcp { secure: true, .. } => "; Secure",
        _ => "",
    };
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age_s}{secure}");
    let mut cookie = HeaderValue::from_str(&cookie).map_err(ApiError::internal)?;
    cookie.set_sensitive(true);
    Ok(cookie)
}

/// A page that has a token asks for a cookie, so that the token need not stand in an address.
async fn enter(
    State(gateway): State<Gateway>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Answer {
    let Presented::Token(token) = auth::presented(&headers) else {
        return Err(ApiError::bad_request("Send a token as `Authorization: Bearer …`.").into());
    };
    match cookie_for(&gateway, &peer, &token)? {
        Some(cookie) => Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()),
        None => Err(ApiError::bad_request("The token was revoked just now.").into()),
    }
}

/// The browser that asks is forgotten.
async fn leave(
    State(gateway): State<Gateway>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Answer {
    if let Some(secret) = auth::cookie(&headers) {
        gateway.keys.forget_browser(&secret)?;
    }
    let cookie = set_cookie(&peer, "", 0)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// An address that opens once.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Link {
    /// What follows the instance's own address.
    path: String,
    /// How long it opens, in seconds.
    valid_s: u64,
}

/// An address that opens the interface once, with the role of who asks.
async fn link(State(gateway): State<Gateway>, Extension(caller): Extension<Caller>) -> Answer {
    let named = caller.user.strip_prefix("token ").map(str::to_owned);
    let holder = Holder {
        name: named.unwrap_or_else(|| OWNER.to_owned()),
        role: caller.role,
    };
    let token = gateway.keys.link(&holder).map_err(ApiError::internal)?;
    let body = Link {
        path: format!("/?token={}", token.reveal()),
        valid_s: LINK_AGE.as_secs(),
    };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

async fn list(State(gateway): State<Gateway>) -> Response {
    Json(gateway.keys.list()).into_response()
}

/// A token to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    /// Its name: letters, digits, dots, dashes and underscores.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9._-]+$"))]
    name: String,
    /// What it may do.
    role: Role,
}

/// A token that was made.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Made {
    /// Its name.
    name: String,
    /// What it may do.
    role: Role,
    /// The secret.
    token: String,
}

/// The one answer that holds the token.
async fn make(State(gateway): State<Gateway>, Given(new): Given<New>) -> Answer {
    let token = gateway.keys.make(&new.name, new.role)?;
    let about = About(format!("{} {:?}", new.name, new.role).to_lowercase());
    let body = Made {
        name: new.name,
        role: new.role,
        token: token.reveal().to_owned(),
    };
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    response.extensions_mut().insert(about);
    Ok(response)
}

/// The one answer that holds the new secret.
async fn rotate(State(gateway): State<Gateway>, Path(name): Path<String>) -> Answer {
    let (token, role) = gateway.keys.rotate(&name)?;
    let body = Made {
        name,
        role,
        token: token.reveal().to_owned(),
    };
    Ok(Json(body).into_response())
}

async fn revoke(State(gateway): State<Gateway>, Path(name): Path<String>) -> Answer {
    gateway.keys.revoke(&name)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
