//! Requests below `/apis`: to the plugin that serves them, or back.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::Extension;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use orrery_engine::api::{ApiError, Caller, Role};
use orrery_services::object::Access;
use orrery_services::proxy::{Identity, Outcome};

use crate::auth::Peer;
use crate::error::Failure;
use crate::router::Gateway;

pub(super) async fn pass(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    if !super::only_looks(request.method())
        && let Err(error) = gateway.engine.allow(&caller, Role::View, true)
    {
        return Failure(error).into_response();
    }
    let path = request.uri().path().to_owned();
    let Some(services) = &gateway.services else {
        return nothing(&path);
    };
    let identity = identity(caller, &peer);
    let request = request.map(|body| Shareable(Mutex::new(body)));
    match services.plane.proxy().handle(request, identity).await {
        Outcome::Proxied(response) => response.map(Body::new),
        Outcome::NotOurs(_) => nothing(&path),
    }
}

/// Who asks, as plugins are told.
pub(crate) fn identity(caller: Caller, peer: &Peer) -> Identity {
    Identity {
        user: caller.user,
        role: match caller.role {
            Role::View => Access::View,
            Role::Control => Access::Control,
            Role::Admin => Access::Admin,
        },
        address: peer.address(),
        tls: peer.is_encrypted(),
        request_id: None,
    }
}

fn nothing(path: &str) -> Response {
    let message = format!("Nothing is served at {path}; GET /apis lists what is.");
    Failure(ApiError::not_found(message)).into_response()
}

/// A request's body that threads may share, as the data plane demands of what it holds while it waits.
struct Shareable(Mutex<Body>);

impl Shareable {
    fn locked(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Shareable {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let body = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        Pin::new(body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.locked().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.locked().size_hint()
    }
}
