//! Routes and streams of one object: literal before placeholder before rest, its method before any.

use std::sync::Arc;

use http::Method;
use matchit::Router;

use crate::object::Service;
use crate::traffic::Meter;

/// One service as requests find it.
pub(crate) struct Target {
    pub(crate) service: Service,
    pub(crate) meter: Arc<Meter>,
    /// How literal each segment of its path is.
    ranks: Vec<Rank>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Literal,
    One,
    Rest,
}

impl Target {
    pub(crate) fn new(service: &Service, meter: Arc<Meter>) -> Self {
        let path = service.path.as_deref().unwrap_or_default();
        Target {
            ranks: path.split('/').map(rank).collect(),
            service: service.clone(),
            meter,
        }
    }
}

fn rank(segment: &str) -> Rank {
    if segment.starts_with("{*") {
        Rank::Rest
    } else if segment.starts_with('{') {
        Rank::One
    } else {
        Rank::Literal
    }
}

/// Routers apart by method and by whether paths end in a placeholder for the rest: within each, no two paths
/// can be in each other's way.
#[derive(Default)]
pub(super) struct Routes {
    routers: Vec<Routed>,
}

struct Routed {
    method: Option<Method>,
    open: bool,
    router: Router<Arc<Target>>,
}

impl Routes {
    pub(super) fn insert(&mut self, target: &Arc<Target>) -> Result<(), matchit::InsertError> {
        let path = target.service.path.as_deref().unwrap_or("/");
        let open = target.ranks.last() == Some(&Rank::Rest);
        let method = target.service.method.clone();
        let same = |routed: &&mut Routed| routed.open == open && routed.method == method;
        let router = match self.routers.iter_mut().find(same) {
            Some(routed) => &mut routed.router,
            None => {
                self.routers.push(Routed {
                    method,
                    open,
                    router: Router::new(),
                });
                let Some(routed) = self.routers.last_mut() else {
                    return Ok(());
                };
                &mut routed.router
            }
        };
        router.insert(pattern(path), Arc::clone(target))
    }

    pub(super) fn find(&self, method: &Method, path: &str) -> Option<&Arc<Target>> {
        let how_exact = |declared: Option<&Method>| match declared {
            Some(declared) if declared == method => Some(0),
            Some(declared) if declared == Method::GET && method == Method::HEAD => Some(1),
            Some(_) => None,
            None => Some(2),
        };
        let candidates = self.routers.iter().filter_map(|routed| {
            let exact = how_exact(routed.method.as_ref())?;
            let target = routed.router.at(path).ok()?.value;
            Some((target, exact))
        });
        candidates
            .min_by(|(a, a_exact), (b, b_exact)| a.ranks.cmp(&b.ranks).then(a_exact.cmp(b_exact)))
            .map(|(target, _)| target)
    }
}

/// A path as the router writes it. Names are of no use to it and would only get in each other's way.
fn pattern(path: &str) -> String {
    let segments = path
        .split('/')
        .enumerate()
        .map(|(at, segment)| match rank(segment) {
            Rank::Literal => segment.to_owned(),
            Rank::One => format!("{{p{at}}}"),
            Rank::Rest => format!("{{*p{at}}}"),
        });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ServiceType;

    fn routes(declared: &[(&str, &str)]) -> Routes {
        let mut routes = Routes::default();
        for (method, path) in declared {
            let mut service = Service::new(ServiceType::Route);
            service.method = (*method != "*").then(|| method.parse().unwrap());
            service.path = Some((*path).to_owned());
            routes
                .insert(&Arc::new(Target::new(&service, Arc::default())))
                .unwrap();
        }
        routes
    }

    #[test]
    fn ag3_the_most_literal_path_wins_then_the_method() {
        let routes = routes(&[
            ("GET", "/items/{id}"),
            ("*", "/items/{id}"),
            ("GET", "/items/all"),
            ("POST", "/items/new"),
            ("*", "/{kind}/all"),
            ("GET", "/files/{*path}"),
            ("GET", "/{a}/{b}/c"),
            ("GET", "/files/x/c"),
        ]);
        let cases = [
            ("GET", "/items/all", Some("GET /items/all")),
            ("HEAD", "/items/all", Some("GET /items/all")),
            ("POST", "/items/all", Some("* /items/{id}")),
            ("GET", "/items/7", Some("GET /items/{id}")),
            ("PUT", "/items/7", Some("* /items/{id}")),
            ("GET", "/items/new", Some("GET /items/{id}")),
            ("GET", "/items/a%2Fb", Some("GET /items/{id}")),
            ("GET", "/items/7/8", None),
            ("GET", "/items/", None),
            ("GET", "/items", None),
            ("GET", "/other/all", Some("* /{kind}/all")),
            ("GET", "/files/a/b/c/d", Some("GET /files/{*path}")),
            ("GET", "/files/x/c", Some("GET /files/x/c")),
            ("GET", "/files/y/c", Some("GET /files/{*path}")),
            ("GET", "/other/y/c", Some("GET /{a}/{b}/c")),
            ("POST", "/files/a", None),
        ];
        for (method, path, expected) in cases {
            let found = routes.find(&method.parse().unwrap(), path).map(|target| {
                let service = &target.service;
                let method = service.method.as_ref().map_or("*", Method::as_str);
                format!("{method} {}", service.path.as_deref().unwrap())
            });
            assert_eq!(found.as_deref(), expected, "{method} {path}");
        }
    }
}
