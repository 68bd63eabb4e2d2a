//! One object as requests find it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use tokio_util::sync::CancellationToken;

use super::path::split;
use super::routes::{Routes, Target};
use super::{Call, DEFAULT_NAMESPACE, Hit};
use crate::availability::{Line, Lines};
use crate::limits;
use crate::object::{DataPlaneService, ServiceType};
use crate::traffic::Meters;

/// One object with everything that its requests need.
pub(crate) struct Mount {
    pub(crate) object: Arc<DataPlaneService>,
    pub(crate) line: Arc<Line>,
    /// Ends some time after the object has been removed.
    pub(crate) tenure: Arc<CancellationToken>,
    pub(crate) prefix: String,
    routes: Routes,
    query: Option<Arc<Target>>,
    admission: Option<Arc<Target>>,
    conversion: Option<Arc<Target>>,
    /// By data source; the one for every other last, with none.
    upstreams: Vec<Arc<Target>>,
}

/// What mounts are made with.
pub(crate) struct Makings<'a> {
    pub(crate) lines: &'a Lines,
    pub(crate) meters: &'a Meters,
    pub(crate) tenures: &'a Tenures,
}

impl Mount {
    pub(crate) fn new(object: &Arc<DataPlaneService>, makings: &Makings<'_>) -> Self {
        let spec = &object.spec;
        let mut mount = Mount {
            line: makings.lines.line(&spec.plugin_id),
            tenure: makings.tenures.of(&object.metadata.uid),
            prefix: spec.prefix(),
            object: Arc::clone(object),
            routes: Routes::default(),
            query: None,
            admission: None,
            conversion: None,
            upstreams: Vec::new(),
        };
        for service in &spec.services {
            let meter = makings.meters.meter(&spec.plugin_id, &spec.group, service.kind);
            mount.add(Arc::new(Target::new(service, meter)));
        }
        mount.upstreams.sort_by_key(|target| target.service.uid.is_none());
        mount
    }

    fn add(&mut self, target: Arc<Target>) {
        match target.service.kind {
            ServiceType::Route | ServiceType::Stream => {
                // Objects are checked for paths in each other's way; were one missed, it must not stop the rest.
                if let Err(error) = self.routes.insert(&target) {
                    tracing::error!(name = self.object.metadata.name, %error, "a route cannot be served");
                }
            }
            ServiceType::Query => self.query = Some(target),
            ServiceType::Admission => self.admission = Some(target),
            ServiceType::Conversion => self.conversion = Some(target),
            ServiceType::DatasourceProxy => self.upstreams.push(target),
        }
    }

    /// Whether this was made from the object as it is. The status makes no difference.
    pub(crate) fn is_of(&self, object: &DataPlaneService) -> bool {
        let own = &self.object.metadata;
        own.uid == object.metadata.uid && own.generation == object.metadata.generation
    }

    /// The service for a method and a path below the version.
    pub(super) fn find<'a>(self: &'a Arc<Self>, method: &Method, rest: &'a str) -> Option<Hit<'a>> {
        let (namespace, inner) = match rest.strip_prefix("/namespaces/") {
            Some(named) => split(named),
            None => (DEFAULT_NAMESPACE, rest),
        };
        if namespace.is_empty() || inner.len() < 2 {
            return None;
        }
        let (target, call) = match self.named(method, inner) {
            Some(found) => found,
            None => (self.routes.find(method, inner)?, Call::Pass { rest: inner }),
        };
        Some(Hit {
            mount: self,
            target,
            namespace,
            call,
        })
    }

    /// The services whose place is fixed.
    fn named<'a>(&'a self, method: &Method, inner: &'a str) -> Option<(&'a Arc<Target>, Call<'a>)> {
        let post = method == Method::POST;
        let (first, rest) = split(inner.strip_prefix('/')?);
        match first {
            "datasources" | "connections" if post => {
                let uid = rest.strip_prefix('/')?.strip_suffix("/query")?;
                let one = !uid.is_empty() && !uid.contains('/');
                let target = self.query.as_ref().filter(|_| one)?;
                Some((target, Call::Query { uid }))
            }
            "admission" if post => {
                let call = match rest {
                    "/mutate" => Call::Mutate,
                    "/validate" => Call::Validate,
                    _ => return None,
                };
                Some((self.admission.as_ref()?, call))
            }
            "conversion" if post && rest.is_empty() => Some((self.conversion.as_ref()?, Call::Convert)),
            "proxy" => {
                let (uid, rest) = split(rest.strip_prefix('/')?);
                let fits = |target: &&Arc<Target>| {
                    let service = &target.service;
                    service.uid.as_deref().is_none_or(|own| own == uid)
                        && service.method.as_ref().is_none_or(|own| own == method)
                };
                let target = self.upstreams.iter().find(fits).filter(|_| !uid.is_empty())?;
                Some((target, Call::Upstream { rest }))
            }
            _ => None,
        }
    }
}

/// How long what objects serve may go on: through every change of them, and a while after their removal.
#[derive(Default)]
pub(crate) struct Tenures {
    all: Mutex<BTreeMap<String, Arc<CancellationToken>>>,
}

impl Tenures {
    fn of(&self, uid: &str) -> Arc<CancellationToken> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(uid.to_owned()).or_default().clone()
    }

    /// Lets those end that are of no object in force.
    pub(crate) fn retain(&self, in_force: impl Fn(&str) -> bool) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|uid, token| {
            let stays = in_force(uid);
            if !stays {
                let token = Arc::clone(token);
                tokio::spawn(async move {
                    tokio::time::sleep(limits::DRAIN).await;
                    token.cancel();
                });
            }
            stays
        });
    }
}
