//! Routes and streams of one object: literal before placeholder before rest, its method before any.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::Method;
use matchit::Router;

use crate::object::Service;
use crate::traffic::Meter;

/// One service as requests find it.
pub(crate) struct Target {
    pub(crate) service: Service,
    pub(crate) meter: Arc<Meter>,
    /// Whether its last answer came in one piece.
    pub(crate) whole: AtomicBool,
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
            whole: AtomicBool::new(true),
        }
    }

    fn path(&self) -> &str {
        self.service.path.as_deref().unwrap_or("/")
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

/// Routes apart by method, and by whether their paths end in a placeholder for the rest.
#[derive(Default)]
pub(super) struct Routes {
    routed: Vec<Routed>,
}

struct Routed {
    method: Option<Method>,
    /// Those whose paths have as many segments as the request's.
    closed: Router<Arc<Target>>,
    /// The others, the most literal first. They are few, and a tree does not always find its way back to a placeholder
    /// for the rest from one for a segment.
    open: Vec<Arc<Target>>,
}

impl Routes {
    pub(super) fn insert(&mut self, target: &Arc<Target>) -> Result<(), matchit::InsertError> {
        let method = &target.service.method;
        let at = self.routed.iter().position(|routed| routed.method == *method);
        let at = at.unwrap_or_else(|| {
            self.routed.push(Routed {
                method: method.clone(),
                closed: Router::new(),
                open: Vec::new(),
            });
            self.routed.len() - 1
        });
        let Routed { closed, open, .. } = &mut self.routed[at];
        if target.ranks.last() == Some(&Rank::Rest) {
            let before = open.partition_point(|other| other.ranks <= target.ranks);
            open.insert(before, Arc::clone(target));
            return Ok(());
        }
        closed.insert(pattern(target.path()), Arc::clone(target))
    }

    pub(super) fn find(&self, method: &Method, path: &str) -> Option<&Arc<Target>> {
        let how_exact = |declared: Option<&Method>| match declared {
            Some(declared) if declared == method => Some(0),
            Some(declared) if declared == Method::GET && method == Method::HEAD => Some(1),
            Some(_) => None,
            None => Some(2),
        };
        let candidates = self.routed.iter().filter_map(|routed| {
            let exact = how_exact(routed.method.as_ref())?;
            let closed = routed.closed.at(path).ok().map(|found| found.value);
            let open = routed.open.iter().find(|target| fits(target.path(), path));
            Some(closed.into_iter().chain(open).map(move |target| (target, exact)))
        });
        candidates
            .flatten()
            .min_by(|(a, a_exact), (b, b_exact)| a.ranks.cmp(&b.ranks).then(a_exact.cmp(b_exact)))
            .map(|(target, _)| target)
    }
}

/// Whether a declared path that ends in a placeholder for the rest holds a request's.
fn fits(declared: &str, path: &str) -> bool {
    let mut rest = Some(path);
    for segment in declared.split('/') {
        let Some(text) = rest else { return false };
        let (said, after) = match text.split_once('/') {
            Some((said, after)) => (said, Some(after)),
            None => (text, None),
        };
        let holds = match rank(segment) {
            Rank::Rest => return !text.is_empty(),
            Rank::One => !said.is_empty(),
            Rank::Literal => said == segment,
        };
        if !holds {
            return false;
        }
        rest = after;
    }
    rest.is_none()
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
            assert_eq!(
                found(&routes, method, path).as_deref(),
                expected,
                "{method} {path}"
            );
        }
    }

    fn found(routes: &Routes, method: &str, path: &str) -> Option<String> {
        let target = routes.find(&method.parse().unwrap(), path)?;
        let method = target.service.method.as_ref().map_or("*", Method::as_str);
        Some(format!("{method} {}", target.path()))
    }

    #[test]
    fn ag3_the_rest_is_found_whatever_stands_beside_it_and_in_any_order() {
        let declared = [
            ("*", "/{a}/{b}/{*path}"),
            ("*", "/{a}/{*path}"),
            ("*", "/{*all}"),
            ("*", "/x/{*path}"),
        ];
        let backwards: Vec<_> = declared.iter().rev().copied().collect();
        for declared in [&declared[..], &backwards] {
            let routes = routes(declared);
            for (path, expected) in [
                ("/a", "* /{*all}"),
                ("/a/b", "* /{a}/{*path}"),
                ("/a/b/c", "* /{a}/{b}/{*path}"),
                ("/x/b/c", "* /x/{*path}"),
                ("/x/", "* /{*all}"),
                ("//b", "* /{*all}"),
            ] {
                assert_eq!(found(&routes, "GET", path).as_deref(), Some(expected), "{path}");
            }
        }
    }
}
