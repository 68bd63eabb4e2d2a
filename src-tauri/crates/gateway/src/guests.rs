//! The way back for the plugins that we run: a socket on which nothing but the token of a living process of one of
//! them opens anything, and on which there is nothing but `/apis` and `/api/events`, to look at.

use axum::Router;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use orrery_engine::api::{ApiError, Caller, Code, Origin, Role};

use crate::access::{self, Found};
use crate::auth::{self, Peer, Presented};
use crate::ends::{self, Cut};
use crate::error::{self, Failure};
use crate::router::Gateway;
use crate::{audit, ops, services};

impl Gateway {
    /// What plugins that we run find on the socket that they are told of.
    pub fn host_router(&self) -> Router {
        Router::new()
            .merge(ops::streams())
            .merge(services::routes())
            .fallback(nothing)
            .layer(middleware::from_fn_with_state(self.clone(), check))
            .with_state(self.clone())
    }
}

async fn nothing(request: Request) -> Response {
    let message = format!(
        "There is nothing for plugins at {}: they may look at /apis and /api/events.",
        request.uri().path()
    );
    let error = ApiError::new(Code::Forbidden, message);
    (StatusCode::FORBIDDEN, axum::Json(error)).into_response()
}

/// Every request passes here first: the token, then what it may.
async fn check(
    State(gateway): State<Gateway>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    matched: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(refusal) = error::too_long(&request) {
        return refusal;
    }
    let guest = match auth::presented(request.headers()) {
        Presented::Token(token) => gateway.engine.guest(&token),
        Presented::Unreadable | Presented::Nothing => None,
    };
    let Some(guest) = guest else {
        let message = "This socket is for plugins that Orrery runs: send `Authorization: Bearer` and the token in \
                       ORRERY_HOST_TOKEN.";
        let error = ApiError::new(Code::Forbidden, message);
        return (StatusCode::UNAUTHORIZED, axum::Json(error)).into_response();
    };
    let caller = Caller {
        user: format!("plugin {}", guest.plugin),
        role: Role::View,
        origin: Origin::Socket,
        from: from(&peer),
    };
    let rule = matched.map(|path| access::rule(request.method(), path.as_str()));
    if let Some(Found::Rule(rule)) = rule
        && let Err(error) = gateway.engine.allow(&caller, rule.role, rule.changes)
    {
        let path = request.uri().path();
        audit::kept_out(&gateway.engine, &caller, rule, path, &error.message);
        return Failure(error).into_response();
    }
    request.extensions_mut().insert(caller);
    let cut = request.extensions().get::<Cut>().cloned();
    // The process that it is for may have ended though somebody else holds the connection.
    ends::within(guest.gone, cut, next.run(request).await)
}

fn from(peer: &Peer) -> String {
    match peer {
        Peer::Local { pid: Some(pid), .. } => format!("process {pid}"),
        Peer::Local { pid: None, .. } | Peer::Tcp { .. } => "socket".to_owned(),
    }
}
