//! From JSON to a checked object, with every mistake found at once.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::checks;
use super::service::{Access, PathMode, Protocol, Service, ServiceType};
use super::{
    API_VERSION, API_VERSIONS, DataPlaneService, FieldError, KIND, Metadata, OBJECT_GROUP, PluginType, Spec,
    Status,
};
use crate::limits;

/// Reads and checks an object. `status` is ignored: it is found, not wished for.
///
/// # Errors
/// Everything that is wrong, with the path of the field.
pub fn read(document: &Value) -> Result<DataPlaneService, Vec<FieldError>> {
    let mut notes = Notes::default();
    let object = object(document, &mut notes);
    notes.or(object)
}

/// The object for one `[[service]]` of a plugin's manifest: `name`, `group`, `version`, `pluginType` (or
/// `plugin_type`) and `services`, all beside each other. Without a name it is called `{version}.{group}`.
///
/// # Errors
/// Everything that is wrong, with the path of the field in the object that is meant.
pub fn from_manifest(plugin: &str, table: &Map<String, Value>) -> Result<DataPlaneService, Vec<FieldError>> {
    let mut spec = table.clone();
    let name = spec.remove("name").unwrap_or_else(|| {
        let word = |key| table.get(key).and_then(Value::as_str).unwrap_or_default();
        Value::from(format!("{}.{}", word("version"), word("group")))
    });
    if let Some(kind) = spec.remove("plugin_type") {
        spec.insert("pluginType".to_owned(), kind);
    }
    spec.insert("pluginID".to_owned(), Value::from(plugin));
    read(&serde_json::json!({
        "apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec,
    }))
}

/// Mistakes found so far.
#[derive(Default)]
struct Notes {
    errors: Vec<FieldError>,
    unsaid: usize,
}

impl Notes {
    fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        if self.errors.len() < limits::MAX_FIELD_ERRORS {
            self.errors.push(FieldError {
                field: field.into(),
                message: message.into(),
            });
        } else {
            self.unsaid += 1;
        }
    }

    /// The value, if nothing was wrong.
    fn or<T>(mut self, value: Option<T>) -> Result<T, Vec<FieldError>> {
        if self.unsaid > 0 {
            self.errors.push(FieldError {
                field: String::new(),
                message: format!("and {} more", self.unsaid),
            });
        }
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(self.errors),
        }
    }
}

/// One table of a document, and where it is.
struct Table<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Table<'a> {
    fn of(value: Option<&'a Value>, path: &str, notes: &mut Notes) -> Option<Table<'a>> {
        match value {
            Some(Value::Object(map)) => Some(Table {
                map,
                path: path.to_owned(),
            }),
            Some(_) => {
                notes.add(path, "must be an object");
                None
            }
            None => {
                notes.add(path, "is required");
                None
            }
        }
    }

    fn at(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// A text, when there is one.
    fn text(&self, key: &str, notes: &mut Notes) -> Option<&'a str> {
        match self.map.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.len() <= limits::MAX_PATH_BYTES => Some(text),
            Some(Value::String(_)) => {
                notes.add(self.at(key), "is too long");
                None
            }
            Some(_) => {
                notes.add(self.at(key), "must be a text");
                None
            }
        }
    }

    /// A text that must be there and pass `fits`.
    fn word(&self, key: &str, fits: fn(&str) -> bool, wanted: &str, notes: &mut Notes) -> Option<&'a str> {
        if matches!(self.map.get(key), None | Some(Value::Null)) {
            notes.add(self.at(key), "is required");
            return None;
        }
        let text = self.text(key, notes)?;
        if fits(text) {
            return Some(text);
        }
        notes.add(self.at(key), format!("`{}` is not {wanted}", shown(text)));
        None
    }

    /// A text put through `parse`.
    fn parsed<T>(
        &self,
        key: &str,
        notes: &mut Notes,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(key, notes)?;
        parse(text)
            .map_err(|message| notes.add(self.at(key), message))
            .ok()
    }

    fn only(&self, known: &[&str], notes: &mut Notes) {
        for key in self.map.keys().filter(|key| !known.contains(&key.as_str())) {
            let field = self.at(&shown(key));
            notes.add(field, "is not known");
        }
    }
}

/// Text from outside, short enough for a message.
fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

fn object(document: &Value, notes: &mut Notes) -> Option<DataPlaneService> {
    let Value::Object(map) = document else {
        notes.add("", "must be an object");
        return None;
    };
    let top = Table {
        map,
        path: String::new(),
    };
    top.only(&["apiVersion", "kind", "metadata", "spec", "status"], notes);
    let api_version = top
        .word("apiVersion", |v| API_VERSIONS.contains(&v), API_VERSION, notes)
        .and_then(|v| API_VERSIONS.iter().copied().find(|known| *known == v));
    let kind = top.word("kind", |kind| kind == KIND, KIND, notes);
    let metadata = Table::of(map.get("metadata"), "metadata", notes).and_then(|t| metadata(&t, notes));
    let spec = Table::of(map.get("spec"), "spec", notes).and_then(|t| spec(&t, notes));
    kind?;
    Some(DataPlaneService {
        api_version: api_version?,
        kind: KIND,
        metadata: metadata?,
        spec: spec?,
        status: Status::default(),
    })
}

fn metadata(table: &Table<'_>, notes: &mut Notes) -> Option<Metadata> {
    // What else a client of Kubernetes writes here (managed fields and so on) has no meaning and no harm.
    let name = table.word(
        "name",
        checks::is_group,
        "a name: small letters, digits, `-`, `.`",
        notes,
    );
    let resource_version = match table.map.get("resourceVersion") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) if text.is_empty() || text.parse::<u64>().is_ok() => text.clone(),
        Some(_) => {
            notes.add(table.at("resourceVersion"), "must be a number as text");
            String::new()
        }
    };
    let labels = pairs(table, "labels", notes);
    let annotations = pairs(table, "annotations", notes);
    Some(Metadata {
        name: name?.to_owned(),
        resource_version,
        labels,
        annotations,
        ..Metadata::default()
    })
}

fn pairs(table: &Table<'_>, key: &str, notes: &mut Notes) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    let map = match table.map.get(key) {
        None | Some(Value::Null) => return pairs,
        Some(Value::Object(map)) => map,
        Some(_) => {
            notes.add(table.at(key), "must be an object");
            return pairs;
        }
    };
    if map.len() > limits::MAX_LABELS {
        notes.add(
            table.at(key),
            format!("has more than {} entries", limits::MAX_LABELS),
        );
        return pairs;
    }
    for (name, value) in map {
        let field = || format!("{}[{}]", table.at(key), shown(name));
        match value {
            _ if name.is_empty() || name.len() > limits::MAX_NAME_CHARS => {
                notes.add(field(), "is no key");
            }
            Value::String(text) if text.len() <= limits::MAX_VALUE_BYTES => {
                pairs.insert(name.clone(), text.clone());
            }
            Value::String(_) => notes.add(field(), "is too long"),
            _ => notes.add(field(), "must be a text"),
        }
    }
    pairs
}

fn spec(table: &Table<'_>, notes: &mut Notes) -> Option<Spec> {
    table.only(&["pluginID", "pluginType", "group", "version", "services"], notes);
    let wanted = "an id: letters and digits, in groups joined by single dashes";
    let plugin_id = table.word("pluginID", checks::is_plugin_id, wanted, notes);
    let plugin_type = match table.map.get("pluginType") {
        None | Some(Value::Null) => Some(PluginType::App),
        Some(_) => table.parsed("pluginType", notes, |text| match text {
            "app" => Ok(PluginType::App),
            "datasource" => Ok(PluginType::Datasource),
            _ => Err(format!("`{}` is not app or datasource", shown(text))),
        }),
    };
    let group = table.word("group", checks::is_group, "a DNS name in small letters", notes);
    if group == Some(OBJECT_GROUP) {
        notes.add(
            table.at("group"),
            format!("{OBJECT_GROUP} is kept for these objects"),
        );
    }
    let version = table.word("version", checks::is_version, "a version, such as v1", notes);
    let services = services(table, notes);
    Some(Spec {
        plugin_id: plugin_id?.to_owned(),
        plugin_type: plugin_type?,
        group: group?.to_owned(),
        version: version?.to_owned(),
        services: services?,
    })
}

fn services(table: &Table<'_>, notes: &mut Notes) -> Option<Vec<Service>> {
    let field = table.at("services");
    let entries = match table.map.get("services") {
        None | Some(Value::Null) => {
            notes.add(field, "is required");
            return None;
        }
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            notes.add(field, "must be a list");
            return None;
        }
    };
    if entries.is_empty() || entries.len() > limits::MAX_SERVICES {
        notes.add(field, format!("must have 1 to {} entries", limits::MAX_SERVICES));
        return None;
    }
    let mut read: Vec<(usize, Service)> = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let path = format!("{field}[{at}]");
        let Some(entry) = Table::of(Some(entry), &path, notes) else {
            continue;
        };
        let Some(service) = service(&entry, notes) else {
            continue;
        };
        if let Some((first, _)) = read.iter().find(|(_, known)| same_place(known, &service)) {
            notes.add(path, format!("serves the same as {field}[{first}]"));
        }
        read.push((at, service));
    }
    Some(read.into_iter().map(|(_, service)| service).collect())
}

const SERVICE_FIELDS: &[&str] = &[
    "type",
    "method",
    "path",
    "access",
    "timeout",
    "idleTimeout",
    "maxBody",
    "pathMode",
    "protocols",
    "uid",
    "url",
];

fn service(table: &Table<'_>, notes: &mut Notes) -> Option<Service> {
    table.only(SERVICE_FIELDS, notes);
    let words = ServiceType::ALL.map(ServiceType::word);
    let kind = match table.word(
        "type",
        |t| ServiceType::ALL.map(ServiceType::word).contains(&t),
        &one_of(&words),
        notes,
    ) {
        Some(word) => ServiceType::ALL.into_iter().find(|kind| kind.word() == word),
        None => None,
    };
    let mut service = Service::new(kind.unwrap_or(ServiceType::Route));
    service.method = table.parsed("method", notes, method);
    service.path = table.parsed("path", notes, checks::path);
    service.access = table.parsed("access", notes, |text| match text {
        "view" => Ok(Access::View),
        "control" => Ok(Access::Control),
        "admin" => Ok(Access::Admin),
        _ => Err(format!("`{}` is not view, control or admin", shown(text))),
    });
    service.timeout = table.parsed("timeout", notes, checks::span);
    service.idle_timeout = table.parsed("idleTimeout", notes, checks::span);
    service.max_body = size(table, notes);
    service.path_mode = table
        .parsed("pathMode", notes, |text| match text {
            "strip" => Ok(PathMode::Strip),
            "full" => Ok(PathMode::Full),
            _ => Err(format!("`{}` is not strip or full", shown(text))),
        })
        .unwrap_or_default();
    service.protocols = protocols(table, notes);
    service.uid = table.parsed("uid", notes, |text| {
        let word = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let fits = !text.is_empty() && text.len() <= limits::MAX_LABEL_CHARS && text.bytes().all(word);
        let dots = text.bytes().all(|b| b == b'.');
        if fits && !dots {
            Ok(text.to_owned())
        } else {
            Err(format!("`{}` is no uid", shown(text)))
        }
    });
    service.url = table.parsed("url", notes, url);
    fits_its_type(table, kind?, &mut service, notes);
    Some(service)
}

fn one_of(words: &[&str]) -> String {
    format!("one of {}", words.join(", "))
}

/// What each type needs, and what has no meaning for it.
fn fits_its_type(table: &Table<'_>, kind: ServiceType, service: &mut Service, notes: &mut Notes) {
    let mut refuse = |keys: &[&str]| {
        for key in keys.iter().filter(|key| table.map.contains_key(**key)) {
            notes.add(table.at(key), format!("has no meaning for {kind}"));
        }
    };
    match kind {
        ServiceType::Route | ServiceType::Stream => refuse(&["uid", "url"]),
        ServiceType::Query | ServiceType::Admission | ServiceType::Conversion => {
            refuse(&["uid", "url", "pathMode", "protocols", "idleTimeout"]);
        }
        ServiceType::DatasourceProxy => refuse(&["path", "pathMode", "protocols"]),
    }
    match kind {
        ServiceType::Route | ServiceType::Stream => {
            if !table.map.contains_key("path") {
                notes.add(table.at("path"), "is required");
            }
            if service.path.as_deref().is_some_and(is_taken) {
                notes.add(table.at("path"), "may not begin with `namespaces`");
            }
            if kind == ServiceType::Stream && service.method.is_none() {
                service.method = Some(http::Method::GET);
            }
        }
        ServiceType::Query | ServiceType::Admission | ServiceType::Conversion => {
            if service.method.as_ref().is_some_and(|m| *m != http::Method::POST) {
                notes.add(table.at("method"), format!("must be POST for {kind}"));
            }
            if service.path.as_deref().is_some_and(|path| path.contains('{')) {
                notes.add(table.at("path"), "may hold no placeholder here");
            }
        }
        ServiceType::DatasourceProxy => {
            if !table.map.contains_key("url") {
                notes.add(table.at("url"), "is required");
            }
        }
    }
}

/// Whether a path begins where namespaces are told apart.
fn is_taken(path: &str) -> bool {
    path == "/namespaces" || path.starts_with("/namespaces/")
}

fn method(text: &str) -> Result<http::Method, String> {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let upper = text.to_ascii_uppercase();
    let known = METHODS.contains(&upper.as_str());
    let parsed = http::Method::from_bytes(upper.as_bytes()).ok().filter(|_| known);
    parsed.ok_or_else(|| format!("`{}` is not {}", shown(text), one_of(&METHODS)))
}

fn size(table: &Table<'_>, notes: &mut Notes) -> Option<u64> {
    let value = table.map.get("maxBody").filter(|value| !value.is_null())?;
    let bytes = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => checks::size(text),
        _ => None,
    };
    let bytes = bytes.filter(|bytes| *bytes <= limits::MOST_BODY_BYTES);
    if bytes.is_none() {
        let most = limits::MOST_BODY_BYTES;
        notes.add(
            table.at("maxBody"),
            format!("must be a size up to {most} bytes, such as 10MiB"),
        );
    }
    bytes
}

fn protocols(table: &Table<'_>, notes: &mut Notes) -> Vec<Protocol> {
    let field = table.at("protocols");
    let entries = match table.map.get("protocols") {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(entries)) if entries.len() <= limits::MAX_PROTOCOLS => entries,
        Some(_) => {
            notes.add(
                field,
                format!("must be a list of up to {} texts", limits::MAX_PROTOCOLS),
            );
            return Vec::new();
        }
    };
    let mut all = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let word = entry.as_str().unwrap_or_default();
        let token = |t: &&str| {
            !t.is_empty()
                && t.len() <= 64
                && t.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        };
        match (word, word.strip_prefix("upgrade/").filter(token)) {
            ("sse", _) => all.push(Protocol::Sse),
            ("chunked", _) => all.push(Protocol::Chunked),
            ("websocket", _) => all.push(Protocol::Websocket),
            (_, Some(token)) => all.push(Protocol::Upgrade(token.to_ascii_lowercase())),
            _ => notes.add(
                format!("{field}[{at}]"),
                format!(
                    "`{}` is not sse, chunked, websocket or upgrade/TOKEN",
                    shown(word)
                ),
            ),
        }
    }
    all
}

fn url(text: &str) -> Result<String, String> {
    let uri: http::Uri = text.parse().map_err(|_| format!("`{}` is no URL", shown(text)))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("must begin with http:// or https://".to_owned());
    }
    if uri
        .authority()
        .is_none_or(|a| a.as_str().contains('@') || a.host().is_empty())
    {
        return Err("must name a host, and no user".to_owned());
    }
    if uri.query().is_some() {
        return Err("may hold no query".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Whether two services of one object would answer the same request with nothing to tell them apart.
fn same_place(a: &Service, b: &Service) -> bool {
    let routed = |s: &Service| matches!(s.kind, ServiceType::Route | ServiceType::Stream);
    match (routed(a), routed(b)) {
        (true, true) => a.method == b.method && shape(a) == shape(b),
        (false, false) => a.kind == b.kind && a.uid == b.uid,
        _ => false,
    }
}

/// A path without the names of its placeholders.
fn shape(service: &Service) -> Vec<&str> {
    let path = service.path.as_deref().unwrap_or_default();
    let segment = |segment| match checks::placeholder(segment) {
        Some(name) if name.starts_with('*') => "{*}",
        Some(_) => "{}",
        None => segment,
    };
    path.split('/').map(segment).collect()
}
