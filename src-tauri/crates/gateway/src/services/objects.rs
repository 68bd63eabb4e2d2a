//! `DataPlaneService` objects over HTTP, in the way of Kubernetes: list, watch, create, replace, patch, delete.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use orrery_engine::api::{ApiError, Caller, Code, FieldError};
use orrery_services::object::text::{self, Format};
use orrery_services::registry::{Patch, RegistryError, WatchEvent};
use orrery_services::{DataPlaneService, Registry, object};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::Failure;
use crate::params::Params;
use crate::router::Gateway;

/// All objects.
pub(super) const ALL: &str = "/apis/aggregation.orrery/v1alpha1/dataplaneservices";
/// One of them.
pub(super) const ONE: &str = "/apis/aggregation.orrery/v1alpha1/dataplaneservices/{name}";

/// An answer in place of what was asked for.
pub(super) struct Refusal(Box<Response>);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<Response> for Refusal {
    fn from(response: Response) -> Self {
        Refusal(Box::new(response))
    }
}

type Answer = Result<Response, Refusal>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Looking {
    #[serde(default)]
    watch: Option<String>,
    resource_version: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Version {
    resource_version: Option<String>,
}

/// The list, or with `?watch=1` a stream of changes, one JSON document a line.
pub(super) async fn list(State(gateway): State<Gateway>, Params(looking): Params<Looking>) -> Answer {
    let registry = registry(&gateway)?;
    let watched = looking
        .watch
        .as_deref()
        .is_some_and(|w| !matches!(w, "0" | "false"));
    if !watched {
        let list = registry.list();
        let body = json!({
            "apiVersion": object::API_VERSION, "kind": "DataPlaneServiceList",
            "metadata": { "resourceVersion": list.revision.to_string() },
            "items": list.items.iter().map(|item| item.to_json()).collect::<Vec<_>>(),
        });
        return Ok(Json(body).into_response());
    }
    let watch = registry.watch(looking.resource_version).map_err(|gone| {
        let error = ApiError {
            reason: "Expired".to_owned(),
            ..ApiError::new(Code::Conflict, format!("{gone}."))
        };
        Refusal::from((StatusCode::GONE, Json(error)).into_response())
    })?;
    let lines = stream::unfold(Some(watch), |watch| async {
        let mut watch = watch?;
        match watch.next().await {
            Ok(event) => Some((Ok::<_, Infallible>(line(&event)), Some(watch))),
            Err(gone) => {
                let event =
                    json!({ "type": "ERROR", "object": { "code": 410, "message": gone.to_string() } });
                Some((Ok(format!("{event}\n")), None))
            }
        }
    });
    let kind = [(header::CONTENT_TYPE, "application/json-seq; charset=utf-8")];
    Ok((kind, Body::from_stream(lines)).into_response())
}

fn line(event: &WatchEvent) -> String {
    // Plain data with text keys always becomes JSON.
    format!("{}\n", serde_json::to_value(event).unwrap_or(Value::Null))
}

pub(super) async fn one(State(gateway): State<Gateway>, Path(name): Path<String>) -> Answer {
    match registry(&gateway)?.get(&name) {
        Some(object) => Ok(Json(object.to_json()).into_response()),
        None => Err(failed(&RegistryError::NotFound(name))),
    }
}

pub(super) async fn create(
    State(gateway): State<Gateway>,
    Extension(_): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let object = read(&headers, &body)?;
    let made = registry(&gateway)?.create(object).await.map_err(|e| failed(&e))?;
    Ok((StatusCode::CREATED, Json(made.to_json())).into_response())
}

/// Makes or changes every object of the body, in order. What is wrong with one ends it there.
pub(super) async fn apply(State(gateway): State<Gateway>, headers: HeaderMap, body: Bytes) -> Answer {
    let registry = registry(&gateway)?;
    let documents = documents(&headers, &body)?;
    if documents.is_empty() {
        return Err(malformed("The body holds no object.".to_owned()));
    }
    let objects: Result<Vec<_>, _> = documents.iter().map(object::read).collect();
    let objects = objects.map_err(|errors| failed(&RegistryError::Invalid(errors)))?;
    let mut items = Vec::new();
    for object in objects {
        let applied = registry.apply(object).await.map_err(|e| failed(&e))?;
        items.push(applied.to_json());
    }
    let body = json!({
        "apiVersion": object::API_VERSION, "kind": "DataPlaneServiceList", "items": items,
    });
    Ok(Json(body).into_response())
}

/// Replaces, when the object says which version it was read at; applies otherwise.
pub(super) async fn put(
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let object = read(&headers, &body)?;
    if object.metadata.name != name {
        let error = object::FieldError {
            field: "metadata.name".to_owned(),
            message: format!("is {}, and the address says {name}", object.metadata.name),
        };
        return Err(failed(&RegistryError::Invalid(vec![error])));
    }
    let registry = registry(&gateway)?;
    let changed = if object.metadata.resource_version.is_empty() {
        registry.apply(object).await
    } else {
        registry.replace(object).await
    };
    Ok(Json(changed.map_err(|e| failed(&e))?.to_json()).into_response())
}

/// JSON Patch under its media type, JSON Merge Patch under any other.
pub(super) async fn patch(
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let is_json_patch = content_type(&headers).starts_with("application/json-patch+json");
    let bad = |error: serde_json::Error| failed(&RegistryError::Patch(error.to_string()));
    let patch = if is_json_patch {
        Patch::Json(serde_json::from_slice(&body).map_err(bad)?)
    } else {
        Patch::Merge(serde_json::from_slice(&body).map_err(bad)?)
    };
    let changed = registry(&gateway)?.patch(&name, patch).await;
    Ok(Json(changed.map_err(|e| failed(&e))?.to_json()).into_response())
}

pub(super) async fn delete(
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
    Params(version): Params<Version>,
) -> Answer {
    let deleted = registry(&gateway)?
        .delete(&name, version.resource_version.as_deref())
        .await;
    deleted.map_err(|e| failed(&e))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn registry(gateway: &Gateway) -> Result<&Registry, Refusal> {
    let services = gateway.services.as_ref();
    services.map(|services| services.plane.registry()).ok_or_else(|| {
        let error = ApiError::new(Code::Unavailable, "This instance serves no services of plugins.");
        Failure(error).into_response().into()
    })
}

fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE);
    value.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn malformed(message: String) -> Refusal {
    Failure(ApiError::bad_request(message)).into_response().into()
}

/// The documents that a body holds.
fn documents(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Value>, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("The body is not UTF-8 text.".to_owned()))?;
    let format: Format = Format::of_content_type(content_type(headers));
    text::documents(text, format).map_err(|why| malformed(format!("The body does not parse: {why}.")))
}

/// The one object that a body holds.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<DataPlaneService, Refusal> {
    match &documents(headers, body)?[..] {
        [document] => object::read(document).map_err(|errors| failed(&RegistryError::Invalid(errors))),
        others => Err(malformed(format!(
            "The body holds {} documents; send one at a time.",
            others.len()
        ))),
    }
}

fn failed(error: &RegistryError) -> Refusal {
    let status = error.status();
    let code = match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::CONFLICT => Code::Conflict,
        StatusCode::UNPROCESSABLE_ENTITY => Code::Invalid,
        StatusCode::INSUFFICIENT_STORAGE => Code::LimitExceeded,
        _ => Code::Internal,
    };
    let fields = error.fields().iter().map(|field| FieldError {
        field: field.field.clone(),
        message: field.message.clone(),
    });
    let shown = ApiError {
        fields: fields.collect(),
        reason: error.reason().to_owned(),
        ..ApiError::new(code, error.to_string())
    };
    (status, Json(shown)).into_response().into()
}
