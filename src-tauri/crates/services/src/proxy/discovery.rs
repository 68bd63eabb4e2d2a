//! What is served at all: `/apis`, `/apis/{group}`, `/apis/{group}/{version}`.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::body::Body;
use super::failure;
use crate::object::{Service, ServiceType};
use crate::table::{Document, Mount, Table};

/// A group that the application itself serves below `/apis`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppGroup {
    /// The group.
    pub group: String,
    /// Its versions, the preferred first.
    pub versions: Vec<String>,
}

/// The document as an answer.
pub(super) fn answer(document: Document<'_>, table: &Table, app: &[AppGroup]) -> Response<Body> {
    let value = match document {
        Document::Groups => groups(table, app),
        Document::Group(name) => {
            let versions = table.versions(name).into_iter().flatten();
            let versions: Vec<&str> = versions.map(|(version, _)| version.as_str()).collect();
            let mut document = group(name, &versions);
            document["kind"] = json!("APIGroup");
            document["apiVersion"] = json!("v1");
            document
        }
        Document::Version(mount) => version(mount),
    };
    failure::json(StatusCode::OK, &value)
}

/// Every group, of plugins and of the application, each once.
fn groups(table: &Table, app: &[AppGroup]) -> Value {
    let of_plugins = table.groups().map(|(name, versions)| {
        let mut all: Vec<&str> = versions.keys().map(String::as_str).collect();
        let own = app
            .iter()
            .filter(|own| own.group == name)
            .flat_map(|own| &own.versions);
        all.extend(own.map(String::as_str).filter(|own| !versions.contains_key(*own)));
        group(name, &all)
    });
    let of_app = app
        .iter()
        .filter(|own| table.versions(&own.group).is_none())
        .map(|own| {
            let versions: Vec<&str> = own.versions.iter().map(String::as_str).collect();
            group(&own.group, &versions)
        });
    let all: Vec<Value> = of_plugins.chain(of_app).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": all})
}

fn group(name: &str, versions: &[&str]) -> Value {
    let version = |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    json!({
        "name": name,
        "versions": versions.iter().map(version).collect::<Vec<_>>(),
        "preferredVersion": versions.first().map(version),
    })
}

/// What one version serves. `resources` is there for clients of Kubernetes, which look for it.
fn version(mount: &Mount) -> Value {
    let spec = &mount.object.spec;
    let services = spec.services.iter().map(|service| {
        let mut entry = serde_json::to_value(service).unwrap_or_default();
        entry["address"] = json!(address(mount, service));
        // Where a datasource proxy leads is for those who may see the object.
        if let Value::Object(entry) = &mut entry {
            entry.remove("url");
        }
        entry
    });
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": format!("{}/{}", spec.group, spec.version),
        "resources": [],
        "pluginID": spec.plugin_id,
        "services": services.collect::<Vec<_>>(),
        "available": mount.line.standing().finding.status,
    })
}

/// Where a service is called.
fn address(mount: &Mount, service: &Service) -> String {
    let prefix = &mount.prefix;
    let path = service.path.as_deref().unwrap_or_default();
    match service.kind {
        ServiceType::Route | ServiceType::Stream => format!("{prefix}{path}"),
        ServiceType::Query => format!("{prefix}/datasources/{{uid}}/query"),
        ServiceType::Admission => format!("{prefix}/admission/{{mutate,validate}}"),
        ServiceType::Conversion => format!("{prefix}/conversion"),
        ServiceType::DatasourceProxy => {
            format!(
                "{prefix}/proxy/{}/{{*path}}",
                service.uid.as_deref().unwrap_or("{uid}")
            )
        }
    }
}
