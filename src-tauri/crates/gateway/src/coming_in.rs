//! Coming in: browsers' cookies, links that open once, and tokens.

use axum::extract::{ConnectInfo, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use orrery_engine::api::{ApiError, Caller, Role};
use serde::Deserialize;
use serde_json::json;

use crate::audit::About;
use crate::auth::{self, COOKIE, Peer, Presented};
use crate::error::Failure;
use crate::keys::{Holder, OWNER};
use crate::limits::{BROWSER_AGE, LINK_AGE};
use crate::router::Gateway;

/// The routes.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/api/session", post(enter).delete(leave))
        .route("/api/links", post(link))
        .route("/api/tokens", get(list).post(make))
        .route("/api/tokens/{name}", delete(revoke))
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

/// An address that opens the interface once, with the role of who asks.
async fn link(State(gateway): State<Gateway>, Extension(caller): Extension<Caller>) -> Answer {
    let named = caller.user.strip_prefix("token ").map(str::to_owned);
    let holder = Holder {
        name: named.unwrap_or_else(|| OWNER.to_owned()),
        role: caller.role,
    };
    let token = gateway.keys.link(&holder).map_err(ApiError::internal)?;
    let body = json!({ "path": format!("/?token={}", token.reveal()), "valid_s": LINK_AGE.as_secs() });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

async fn list(State(gateway): State<Gateway>) -> Response {
    Json(gateway.keys.list()).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    role: Role,
}

/// The one answer that holds the token.
async fn make(State(gateway): State<Gateway>, body: axum::body::Bytes) -> Answer {
    let new: New = serde_json::from_slice(&body).map_err(|error| {
        let message = format!(
            "The body does not parse: {error}. Send for example {{\"name\": \"ci\", \"role\": \"view\"}}."
        );
        ApiError::bad_request(message)
    })?;
    let token = gateway.keys.make(&new.name, new.role)?;
    let about = About(format!("{} {:?}", new.name, new.role).to_lowercase());
    let body = json!({ "name": new.name, "role": new.role, "token": token.reveal() });
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    response.extensions_mut().insert(about);
    Ok(response)
}

async fn revoke(State(gateway): State<Gateway>, Path(name): Path<String>) -> Answer {
    gateway.keys.revoke(&name)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
