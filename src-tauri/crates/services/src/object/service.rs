//! One entry of `spec.services`.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// One service.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ServiceType,
    /// The method; any when absent.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "method")]
    #[schemars(with = "Option<String>")]
    pub method: Option<http::Method>,
    /// For routes and streams the path below the group and version, with `{name}` for one segment and a last
    /// `{*name}` for the rest; for query, admission and conversion the path at the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Who may call it; by the method when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// Time from the last byte of the request to the head of the answer.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "span")]
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Duration>,
    /// How long nothing may move in a body.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "span")]
    #[schemars(with = "Option<String>")]
    pub idle_timeout: Option<Duration>,
    /// Largest body of a request, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body: Option<u64>,
    /// Which path the plugin sees.
    #[serde(skip_serializing_if = "PathMode::is_default")]
    pub path_mode: PathMode,
    /// What a connection may turn into.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub protocols: Vec<Protocol>,
    /// For a datasource proxy: which data source; any name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// For a datasource proxy: where requests go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Service {
    /// A service of this type with nothing else said.
    #[must_use]
    pub fn new(kind: ServiceType) -> Self {
        Service {
            kind,
            method: None,
            path: None,
            access: None,
            timeout: None,
            idle_timeout: None,
            max_body: None,
            path_mode: PathMode::Strip,
            protocols: Vec::new(),
            uid: None,
            url: None,
        }
    }
}

/// Type of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceType {
    /// Requests to a path of the plugin.
    Route,
    /// Server-sent events, websocket, chunked.
    Stream,
    /// Queries of data sources.
    Query,
    /// Admission reviews.
    Admission,
    /// Conversion of objects.
    Conversion,
    /// Requests to a declared address outside.
    DatasourceProxy,
}

impl ServiceType {
    /// Every type.
    pub const ALL: [ServiceType; 6] = [
        ServiceType::Route,
        ServiceType::Stream,
        ServiceType::Query,
        ServiceType::Admission,
        ServiceType::Conversion,
        ServiceType::DatasourceProxy,
    ];

    /// The word for it in objects and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ServiceType::Route => "route",
            ServiceType::Stream => "stream",
            ServiceType::Query => "query",
            ServiceType::Admission => "admission",
            ServiceType::Conversion => "conversion",
            ServiceType::DatasourceProxy => "datasource-proxy",
        }
    }
}

impl fmt::Display for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a caller may do; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Look.
    View,
    /// Press controls.
    Control,
    /// Change Orrery itself.
    Admin,
}

impl Access {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Access::View => "view",
            Access::Control => "control",
            Access::Admin => "admin",
        }
    }
}

/// Which path a plugin sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PathMode {
    /// Without group, version and namespace.
    #[default]
    Strip,
    /// As the caller sent it.
    Full,
}

impl PathMode {
    fn is_default(&self) -> bool {
        *self == PathMode::Strip
    }
}

/// What a connection to a service may turn into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// Server-sent events.
    Sse,
    /// An answer of unknown length.
    Chunked,
    /// A websocket.
    Websocket,
    /// Any other upgrade, by the lower-case token of its `Upgrade` header; written `upgrade/TOKEN`.
    Upgrade(String),
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Protocol::Sse => serializer.serialize_str("sse"),
            Protocol::Chunked => serializer.serialize_str("chunked"),
            Protocol::Websocket => serializer.serialize_str("websocket"),
            Protocol::Upgrade(token) => serializer.collect_str(&format_args!("upgrade/{token}")),
        }
    }
}

fn method<S: Serializer>(method: &Option<http::Method>, serializer: S) -> Result<S::Ok, S::Error> {
    method.as_ref().map(http::Method::as_str).serialize(serializer)
}

fn span<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = span.map(|span| {
        if span.subsec_millis() == 0 {
            format!("{}s", span.as_secs())
        } else {
            format!("{}ms", span.as_millis())
        }
    });
    text.serialize(serializer)
}
