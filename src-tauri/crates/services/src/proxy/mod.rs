//! Requests to plugins: found in the table, checked, cleaned, passed on, streamed both ways.

mod admission;
mod body;
mod conversion;
mod discovery;
mod failure;
mod headers;
mod ids;
mod known;
mod manners;
mod pass;
mod query;
mod upgrade;
mod upstream;
mod whole;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};

pub use body::Body;
pub use discovery::AppGroup;
pub use known::Known;
pub use upstream::{Security, Upstream};

use crate::limits;
use crate::object::{Access, Service, ServiceType};
use crate::plane::Config;
use crate::registry::Routing;
use crate::table::{Call, Found, Hit};
use crate::traffic::{RequestResult, Underway};
use crate::wire::BoxError;
use failure::Failure;
use manners::Manners;
use pass::Patience;
use upstream::Upstreams;

/// Who asks. The caller of [`Proxy::handle`] finds that out; nothing that a client sends counts here.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who, for people and plugins.
    pub user: String,
    /// What they may do.
    pub role: Access,
    /// From where, unless from this machine's own socket.
    pub address: Option<IpAddr>,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The id of this request, if it has one already.
    pub request_id: Option<String>,
}

/// What became of a request.
pub enum Outcome<B> {
    /// It was answered here.
    Proxied(Response<Body>),
    /// It is nobody's here: the request as it came, its body unread.
    NotOurs(Request<B>),
}

/// Takes requests to plugins. Clones are the same.
#[derive(Clone)]
pub struct Proxy {
    shared: Arc<Shared>,
}

struct Shared {
    routing: Arc<Routing>,
    app_groups: Vec<AppGroup>,
    upstreams: Upstreams,
    manners: Manners,
}

/// One request on its way.
struct Ask<'a, B> {
    hit: Hit<'a>,
    /// The body until it is taken.
    request: Request<Option<B>>,
    known: &'a Known,
    /// Names this request where nobody else has named it: in its id, its trace, its span.
    id: uuid::Uuid,
    shared: &'a Shared,
}

impl Proxy {
    pub(crate) fn new(routing: Arc<Routing>, with: Config) -> Self {
        Proxy {
            shared: Arc::new(Shared {
                routing,
                manners: Manners::new(&with.always, &with.otherwise),
                app_groups: with.app_groups,
                upstreams: Upstreams::new(with.upstreams),
            }),
        }
    }

    /// Answers a request, or gives it back untouched. Dropping the future ends the request at the plugin too. Who asks
    /// more than once is better [known](Known).
    pub async fn handle<B>(&self, request: Request<B>, known: impl Into<Arc<Known>>) -> Outcome<B>
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (known, shared) = (known.into(), &*self.shared);
        let table = shared.routing.table.load_full();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let hit = match table.find(&method, uri.path()) {
            Found::Nothing => return Outcome::NotOurs(request),
            Found::Unsynced => return Outcome::Proxied(shared.own(Failure::unsynced().response(""))),
            Found::Document(document) => {
                let answer = discovery::answer(document, &table, &shared.app_groups);
                return Outcome::Proxied(shared.own(answer));
            }
            Found::Service(hit) => hit,
        };
        let plugin = hit.mount.line.id.as_str();
        let underway = Underway::begin(&hit.target.meter);
        let mut ask = Ask {
            id: ids::next(),
            known: &known,
            shared,
            request: request.map(Some),
            hit,
        };
        match ask.answered().await {
            Ok(response) => {
                underway.ended(RequestResult::of_status(response.status()));
                Outcome::Proxied(response)
            }
            Err(failure) => {
                let response = shared.own(failure.response(plugin));
                underway.ended(failure.result());
                Outcome::Proxied(response)
            }
        }
    }
}

impl Shared {
    /// An answer of our own, with what every answer says.
    fn own(&self, mut response: Response<Body>) -> Response<Body> {
        self.manners.on(response.headers_mut());
        response
    }
}

impl<'a, B> Ask<'a, B>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    async fn answered(&mut self) -> Result<Response<Body>, Failure> {
        self.may()?;
        self.fits()?;
        match self.hit.call {
            Call::Pass { rest } => self.pass(rest).await,
            // Apart from the rest: what most requests carry along and copy should be little.
            Call::Query { uid } => Box::pin(self.query(uid)).await,
            Call::Mutate => Box::pin(self.admit(true)).await.map(|own| self.shared.own(own)),
            Call::Validate => Box::pin(self.admit(false)).await.map(|own| self.shared.own(own)),
            Call::Convert => Box::pin(self.convert()).await.map(|own| self.shared.own(own)),
            Call::Upstream { rest } => Box::pin(self.upstream(rest)).await,
        }
    }

    fn service(&self) -> &'a Service {
        &self.hit.target.service
    }

    /// How long the head of an answer is waited for.
    fn patience(&self) -> Patience<'a> {
        Patience {
            span: self.service().timeout.unwrap_or(limits::HEADER_TIMEOUT),
            of: self.known,
        }
    }

    /// Whether the caller may.
    fn may(&self) -> Result<(), Failure> {
        let upgrade = self.request.headers().contains_key(http::header::UPGRADE);
        let needed = self
            .service()
            .access
            .unwrap_or_else(|| default_access(self.service().kind, self.request.method(), upgrade));
        if self.known.identity().role >= needed {
            Ok(())
        } else {
            Err(Failure::forbidden(needed, self.known.identity().role))
        }
    }

    /// Whether the head and the announced body are within bounds.
    fn fits(&self) -> Result<(), Failure> {
        let headers = self.request.headers();
        let bytes: usize = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if bytes > limits::MAX_HEAD_BYTES || headers.len() > limits::MAX_HEADERS {
            return Err(Failure::head_too_large());
        }
        let most = self.most();
        let announced = self
            .request
            .body()
            .as_ref()
            .map_or(0, |body| body.size_hint().lower());
        if announced > most {
            return Err(Failure::too_large(most));
        }
        Ok(())
    }

    /// Largest body.
    fn most(&self) -> u64 {
        self.service().max_body.unwrap_or(limits::MAX_BODY_BYTES)
    }
}

/// Looking needs the right to look, anything else the right to press controls: what a plugin does with a
/// `POST`, or with what comes over an upgraded connection, only the plugin knows.
fn default_access(kind: ServiceType, method: &Method, upgrade: bool) -> Access {
    match kind {
        ServiceType::Query | ServiceType::Admission | ServiceType::Conversion => Access::View,
        ServiceType::Route | ServiceType::Stream | ServiceType::DatasourceProxy => {
            let looks = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
            if looks && !upgrade {
                Access::View
            } else {
                Access::Control
            }
        }
    }
}
