//! What must hold for any text that declares services, and for any request to what it declares.

use http::Method;
use orrery_services::dry::Dry;
use orrery_services::object::text::{Format, documents};
use orrery_services::object::{self, DataPlaneService, Service};
use serde_json::{Value, json};

/// Requests of one input.
const REQUESTS: usize = 64;

/// Objects as text, in every format: refused with fields, or read; what was read survives writing and reading.
pub fn resource_parse(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for format in [Format::Yaml, Format::Toml, Format::Json] {
        for document in documents(&text, format).unwrap_or_default() {
            match object::read(&document) {
                Ok(read) => survives(&read),
                Err(errors) => assert!(!errors.is_empty(), "a refusal has a reason"),
            }
        }
    }
}

fn survives(read: &DataPlaneService) {
    let again = object::read(&read.to_json());
    let same = again.as_ref().is_ok_and(|again| again.spec == read.spec);
    assert!(same, "what is written cannot be read: {again:?}");
}

/// Lines such as `+ GET /items/{id}` declare routes, `*` being any method; lines such as `GET /items/7` are requests.
/// Each request has the one owner that the rules say, whatever the order of the routes.
pub fn route_table(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let routes: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("+ ")?.split_once(' '))
        .map(|(method, path)| match method {
            "*" => json!({ "type": "route", "path": path }),
            method => json!({ "type": "route", "method": method, "path": path }),
        })
        .collect();
    let declared = |routes: Vec<Value>| {
        object::read(&json!({
            "apiVersion": object::API_VERSION, "kind": "DataPlaneService", "metadata": { "name": "fuzz" },
            "spec": { "pluginID": "fuzz", "group": "fuzz.example", "version": "v1", "services": routes },
        }))
    };
    let Ok(object) = declared(routes.clone()) else {
        return;
    };
    let backwards = declared(routes.into_iter().rev().collect());
    let Ok(backwards) = backwards else {
        panic!("the order of routes decides whether they are good");
    };
    let (forth, back) = (Dry::of(&object), Dry::of(&backwards));
    let requests = text.lines().filter(|line| !line.starts_with('+'));
    for (method, path) in requests.filter_map(|line| line.split_once(' ')).take(REQUESTS) {
        let Ok(method) = method.parse::<Method>() else {
            continue;
        };
        let below = path;
        let path = format!("/apis/fuzz.example/v1{below}");
        let found = forth.serves(&method, &path);
        assert_eq!(
            found,
            back.serves(&method, &path),
            "{method} {path}: order matters"
        );
        if let Some(found) = found {
            assert!(
                fits(found, &method, below),
                "{method} {path} is not for {found:?}"
            );
        }
        if is_plain(below) {
            let owner = object
                .spec
                .services
                .iter()
                .filter(|service| fits(service, &method, below))
                .min_by_key(|service| rank(service, &method));
            assert_eq!(found, owner, "{method} {path}");
        }
    }
}

/// Whether nothing but the declared paths decides: what leads upwards, or to another namespace, has rules of its own.
fn is_plain(path: &str) -> bool {
    path.len() > 1
        && path.len() < 1_000
        && path.starts_with('/')
        && !path.starts_with("/namespaces/")
        && path
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/_-~".contains(c))
        && !path.contains("//")
}

/// Whether a service answers a request, by the words of its declaration. Paths below a namespace are taken for good.
fn fits(service: &Service, method: &Method, path: &str) -> bool {
    let declared = service.method.as_ref();
    let method_fits =
        declared.is_none_or(|own| own == method || (own == Method::GET && method == Method::HEAD));
    method_fits
        && (path.starts_with("/namespaces/") || path_fits(service.path.as_deref().unwrap_or_default(), path))
}

fn path_fits(declared: &str, path: &str) -> bool {
    let mut rest: Vec<&str> = path.split('/').collect();
    let declared: Vec<&str> = declared.trim_start_matches('/').split('/').collect();
    rest.remove(0);
    for (at, segment) in declared.iter().enumerate() {
        let Some(said) = rest.get(at) else { return false };
        if segment.starts_with("{*") {
            return !rest.get(at..).unwrap_or_default().join("/").is_empty();
        }
        let any = segment.starts_with('{') && !said.is_empty();
        if !any && segment != said {
            return false;
        }
    }
    declared.len() == rest.len()
}

/// Literal before one segment before the rest, from the left; then the very method before GET for HEAD before any.
fn rank(service: &Service, method: &Method) -> (Vec<u8>, u8) {
    let path = service
        .path
        .as_deref()
        .unwrap_or_default()
        .trim_start_matches('/');
    let ranks = path.split('/').map(|segment| match segment {
        rest if rest.starts_with("{*") => 2,
        one if one.starts_with('{') => 1,
        _ => 0,
    });
    let method = match &service.method {
        Some(own) if own == method => 0,
        Some(_) => 1,
        None => 2,
    };
    (ranks.collect(), method)
}
