//! What stands behind a listener: the router, and before it the short way to plugins. What a plugin answers is by far
//! the most that passes here, so it makes no detour by way of the routes; whatever is refused on the short way is the
//! router's to refuse, in its own words.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use orrery_engine::api::Role;
use orrery_services::proxy::{Body as Passed, Identity, Outcome};
use orrery_services::{BoxError, Proxy};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::auth::{self, PASSED_ON, Peer, Visitor};
use crate::ends::{self, Cut};
use crate::error;
use crate::guard::Door;
use crate::router::{Gateway, harden};
use crate::services;

/// What stands behind a listener. Clones are the same.
#[derive(Clone)]
pub struct Front {
    router: Router,
    short: Option<Arc<Short>>,
}

/// The short way to plugins.
struct Short {
    gateway: Gateway,
    door: Door,
}

impl From<Router> for Front {
    fn from(router: Router) -> Self {
        Front { router, short: None }
    }
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

impl Front {
    /// The routes of a gateway, and what it passes on to plugins, behind a door.
    pub(crate) fn new(router: Router, gateway: &Gateway, door: Door) -> Self {
        let short = Short {
            gateway: gateway.clone(),
            door,
        };
        Front {
            router,
            short: Some(Arc::new(short)),
        }
    }

    /// One connection of somebody.
    pub(crate) fn meet(&self, peer: Peer, cut: CancellationToken) -> Met {
        Met {
            front: self.clone(),
            peer,
            cut,
            known: OnceLock::new(),
        }
    }
}

/// One connection.
pub(crate) struct Met {
    front: Front,
    peer: Peer,
    /// Ends the connection.
    cut: CancellationToken,
    /// Whom the kernel says it is of, who shows nothing else: asked once.
    known: OnceLock<Option<Visitor>>,
}

/// A request that a plugin may answer.
pub(crate) struct Granted {
    proxy: Proxy,
    identity: Identity,
    /// Cancelled when the right to it ends.
    gone: Option<CancellationToken>,
}

impl Met {
    /// Whether this may go to a plugin straight away.
    pub(crate) fn grant(&self, request: &Request<Incoming>) -> Option<Granted> {
        let Short { gateway, door } = &**self.front.short.as_ref()?;
        let services = gateway.services.as_ref()?;
        if error::too_long(request).is_some() {
            return None;
        }
        let (uri, headers) = (request.uri(), request.headers());
        if !services::is_passed_on(uri.path()) || door.refuse(uri, headers, true).is_some() {
            return None;
        }
        let Visitor { caller, gone } = self.visitor(gateway, headers)?;
        let changes = !services::only_looks(request.method());
        gateway.engine.allow(&caller, Role::View, changes).ok()?;
        Some(Granted {
            proxy: services.plane.proxy().clone(),
            identity: services::identity(caller, &self.peer),
            gone,
        })
    }

    fn visitor(&self, gateway: &Gateway, headers: &HeaderMap) -> Option<Visitor> {
        let asked = || auth::visitor(&self.peer, headers, &gateway.keys, gateway.shows_a_window());
        let shows = [header::AUTHORIZATION, header::COOKIE, PASSED_ON];
        if matches!(self.peer, Peer::Tcp { .. }) || shows.iter().any(|name| headers.contains_key(name)) {
            return asked();
        }
        self.known.get_or_init(asked).clone()
    }

    /// The answer to what is granted; the router's where no plugin serves it.
    pub(crate) async fn pass(
        self: Arc<Self>,
        granted: Granted,
        request: Request<Incoming>,
    ) -> Response<Answer> {
        let Granted {
            proxy,
            identity,
            gone,
        } = granted;
        match proxy.handle(request, identity).await {
            Outcome::Proxied(mut response) => {
                harden(response.headers_mut(), true);
                match gone.filter(|_| response.body().size_hint().exact().is_none() || switches(&response)) {
                    Some(gone) => {
                        let response = response.map(axum::body::Body::new);
                        ends::within(gone, Some(Cut(self.cut.clone())), response).map(Answer::Routed)
                    }
                    None => response.map(Answer::Passed),
                }
            }
            Outcome::NotOurs(request) => self.route(request).await,
        }
    }

    /// The router's answer.
    pub(crate) fn route(
        &self,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Response<Answer>> + Send + use<> {
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(self.peer.clone()));
        extensions.insert(Cut(self.cut.clone()));
        let answer = self
            .front
            .router
            .clone()
            .oneshot(request.map(axum::body::Body::new));
        async move {
            let response = match answer.await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            response.map(Answer::Routed)
        }
    }
}

fn switches<B>(response: &Response<B>) -> bool {
    response.status() == http::StatusCode::SWITCHING_PROTOCOLS
}

/// The body of an answer.
pub(crate) enum Answer {
    /// The router's.
    Routed(axum::body::Body),
    /// A plugin's.
    Passed(Passed),
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Answer::Routed(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Answer::Passed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Routed(body) => body.is_end_stream(),
            Answer::Passed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Routed(body) => body.size_hint(),
            Answer::Passed(body) => body.size_hint(),
        }
    }
}
