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
use orrery_services::BoxError;
use orrery_services::proxy::{Body as Passed, Outcome};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::acquaintance::{Acquaintance, Visiting};
use crate::auth::{self, PASSED_ON, Peer};
use crate::ends::{self, Cut};
use crate::error;
use crate::guard::Door;
use crate::router::Gateway;
use crate::services::{self, Services};

/// What stands behind a listener. Clones are the same.
#[derive(Clone)]
pub struct Front {
    router: Router,
    short: Option<Arc<Short>>,
}

/// The short way to plugins.
struct Short {
    gateway: Gateway,
    services: Arc<Services>,
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
        let short = gateway.services.clone().map(|services| Short {
            gateway: gateway.clone(),
            services,
            door,
        });
        Front {
            router,
            short: short.map(Arc::new),
        }
    }

    /// One connection of somebody.
    pub(crate) fn meet(&self, peer: Peer, cut: CancellationToken) -> Met {
        Met {
            front: self.clone(),
            peer,
            cut,
            known: OnceLock::new(),
            acquaintance: Acquaintance::default(),
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
    known: OnceLock<Option<Arc<Visiting>>>,
    /// Who asked last.
    acquaintance: Acquaintance,
}

impl Met {
    /// Who asks, when this may go to a plugin straight away.
    pub(crate) fn grant(&self, request: &Request<Incoming>) -> Option<Arc<Visiting>> {
        let Short { gateway, door, .. } = &**self.front.short.as_ref()?;
        if !services::is_passed_on(request.uri().path()) || error::too_long(request).is_some() {
            return None;
        }
        let changes = gateway.keys.changes();
        let visiting = match self.acquaintance.again(request, changes) {
            Some(visiting) => visiting,
            None if door.refuse(request.uri(), request.headers(), true).is_some() => return None,
            // There is more to say to pages of other origins.
            None if door.pages().ask(request.headers()) => return None,
            None => {
                let visiting = self.visiting(gateway, request.headers())?;
                self.acquaintance.remember(request, changes, &visiting);
                visiting
            }
        };
        let changes = !services::only_looks(request.method());
        gateway.engine.allow(&visiting.caller, Role::View, changes).ok()?;
        Some(visiting)
    }

    fn visiting(&self, gateway: &Gateway, headers: &HeaderMap) -> Option<Arc<Visiting>> {
        let asked = || {
            let visitor = auth::visitor(&self.peer, headers, &gateway.keys, gateway.shows_a_window())?;
            Some(Visiting::new(visitor, &self.peer))
        };
        let shows = [header::AUTHORIZATION, header::COOKIE, PASSED_ON];
        if matches!(self.peer, Peer::Tcp { .. }) || shows.iter().any(|name| headers.contains_key(name)) {
            return asked();
        }
        self.known.get_or_init(asked).clone()
    }

    /// The answer to what is granted; the router's where no plugin serves it.
    pub(crate) async fn pass(
        self: Arc<Self>,
        visiting: Arc<Visiting>,
        request: Request<Incoming>,
    ) -> Response<Answer> {
        let Some(Short { services, door, .. }) = self.front.short.as_deref() else {
            return self.route(request).await;
        };
        match services
            .plane
            .proxy()
            .handle(request, visiting.known.clone())
            .await
        {
            Outcome::Proxied(mut response) => {
                door.pages().vary(response.headers_mut());
                let lasts = response.body().size_hint().exact().is_none() || switches(&response);
                match visiting.gone.clone().filter(|_| lasts) {
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
