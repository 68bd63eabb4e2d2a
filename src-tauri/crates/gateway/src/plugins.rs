//! `/api/plugins…` and `/api/ops…`: everything that can be done to plugins, at plain addresses.

mod asking;
mod layers;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::{HeaderValue, StatusCode, header};
use orrery_engine::api::{
    ApiError, Caller, OperationState, OperationView, PackageSource, PendingView, PluginEntry, PluginOrder,
    Request, Response as Said, RevisionView,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Failure;
use crate::limits::CALL_BYTES_MAX;
use crate::params::{self, Given, Params};
use crate::router::Gateway;

/// The routes that answer at once.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/api/plugins", get(list).post(install))
        .route("/api/plugins/rejected", get(rejected))
        .route("/api/plugins/{id}", get(one).delete(remove))
        .route(
            "/api/plugins/{id}/config",
            get(config).put(set_config).delete(clear_config),
        )
        .merge(layers::routes())
        .route("/api/plugins/{id}/health", get(health))
        .route("/api/plugins/{id}/logs", get(logs))
        .route("/api/plugins/{id}/usage", get(usage))
        .route("/api/plugins/{id}/revisions", get(revisions))
        .route("/api/plugins/{id}/upgrade", post(upgrade))
        .route("/api/plugins/{id}/rollback", post(roll_back))
        .route("/api/plugins/{id}/{order}", post(order))
        .route("/api/ops", get(operations))
        .route("/api/ops/{id}", get(operation).delete(cancel))
        .route("/api/ops/{id}/cancel", post(cancel))
        .layer(DefaultBodyLimit::max(CALL_BYTES_MAX))
        .merge(asking::routes())
}

pub(crate) use asking::{Broadcast, Patience};

/// What can be wanted of a plugin.
pub(crate) const ORDERS: [&str; 6] = ["start", "stop", "restart", "enable", "disable", "dismiss"];

type Answer = Result<Response, Failure>;

async fn ask(gateway: &Gateway, caller: &Caller, request: Request) -> Result<Said, Failure> {
    Ok(gateway.engine.call(caller, request).await?)
}

fn other() -> Failure {
    Failure(ApiError::internal(
        "The engine gave another answer than was asked for.",
    ))
}

/// Filters of the list.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Filter {
    /// `managed`, `local` or `external`.
    origin: Option<String>,
    /// Its state, such as `running`.
    state: Option<String>,
    /// An interface that it has.
    interface: Option<String>,
}

async fn list(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Params(filter): Params<Filter>,
) -> Answer {
    let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|w| w == value);
    let mut all = entries(&gateway, &caller).await?;
    all.retain(|e| {
        is(&filter.origin, &e.origin)
            && is(&filter.state, &e.state)
            && filter.interface.as_ref().is_none_or(|i| e.interfaces.contains(i))
    });
    Ok(Json(all).into_response())
}

async fn entries(gateway: &Gateway, caller: &Caller) -> Result<Vec<PluginEntry>, Failure> {
    match ask(gateway, caller, Request::PluginList).await? {
        Said::PluginList(all) => Ok(all),
        _ => Err(other()),
    }
}

async fn entry(gateway: &Gateway, caller: &Caller, id: &str) -> Result<PluginEntry, Failure> {
    let all = entries(gateway, caller).await?;
    all.into_iter()
        .find(|e| e.id == id)
        .ok_or_else(|| Failure(ApiError::not_found(format!("There is no plugin {id}."))))
}

async fn one(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    Ok(Json(entry(&gateway, &caller, &id).await?).into_response())
}

async fn rejected(State(gateway): State<Gateway>, Extension(caller): Extension<Caller>) -> Answer {
    let said = ask(&gateway, &caller, Request::RejectedPackages).await?;
    Ok(Json(said).into_response())
}

/// How an order is answered.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Wait {
    /// Answer when it ended, or 50 s later; otherwise at once.
    #[serde(default)]
    wait: bool,
}

/// How an install goes.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Forced {
    /// Answer when it ended, or 50 s later; otherwise at once.
    #[serde(default)]
    wait: bool,
    /// Install over other content of the same version.
    #[serde(default)]
    force: bool,
    /// Refuse a plugin that lacks config, with everything that is missing; otherwise it waits for it.
    #[serde(default)]
    load: bool,
}

/// A package, and what its plugin is configured with.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Brought {
    #[serde(flatten)]
    source: PackageSource,
    /// Values that are laid over the plugin's own config; with any, it is refused when it lacks others.
    #[serde(default)]
    config: Map<String, Value>,
}

impl Brought {
    fn ordered(self, how: &Forced) -> PluginOrder {
        let (source, force) = (self.source, how.force);
        match how.load || !self.config.is_empty() {
            true => PluginOrder::Load {
                source,
                force,
                config: self.config,
            },
            false => PluginOrder::Install { source, force },
        }
    }
}

/// How a plugin is removed.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Removal {
    /// Answer when it ended, or 50 s later; otherwise at once.
    #[serde(default)]
    wait: bool,
    /// Keep the state directory.
    #[serde(default)]
    keep_state: bool,
    /// Remove it though something needs it.
    #[serde(default)]
    force: bool,
}

/// How far back.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Back {
    /// Answer when it ended, or 50 s later; otherwise at once.
    #[serde(default)]
    wait: bool,
    /// To this version; to the one before when not given.
    version: Option<String>,
}

async fn send(gateway: &Gateway, caller: &Caller, order: PluginOrder, wait: bool) -> Answer {
    match ask(gateway, caller, Request::PluginOrder { order, wait }).await? {
        Said::Operation(operation) => Ok(shown(&operation)),
        _ => Err(other()),
    }
}

/// 200 when it is done, 202 while it goes on; a failed one travels as the failure that it is.
fn shown(operation: &OperationView) -> Response {
    let status = match operation.state {
        OperationState::Done => StatusCode::OK,
        OperationState::Queued | OperationState::Running => StatusCode::ACCEPTED,
        OperationState::Failed => StatusCode::UNPROCESSABLE_ENTITY,
        OperationState::Cancelled => StatusCode::CONFLICT,
    };
    let at = HeaderValue::from_str(&format!("/api/ops/{}", operation.id));
    let mut response = (status, Json(operation)).into_response();
    if let Ok(at) = at {
        response.headers_mut().insert(header::LOCATION, at);
    }
    response
}

async fn install(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Params(how): Params<Forced>,
    Given(brought): Given<Brought>,
) -> Answer {
    send(&gateway, &caller, brought.ordered(&how), how.wait).await
}

/// An install that names the plugin it is for: one that is not there is not made, and another one neither.
async fn upgrade(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Params(how): Params<Forced>,
    Given(brought): Given<Brought>,
) -> Answer {
    entry(&gateway, &caller, &id).await?;
    let order = PluginOrder::Upgrade {
        plugin: id,
        source: brought.source,
        force: how.force,
        config: brought.config,
        load: how.load,
    };
    send(&gateway, &caller, order, how.wait).await
}

async fn roll_back(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(plugin): Path<String>,
    Params(how): Params<Back>,
) -> Answer {
    let order = PluginOrder::Rollback {
        plugin,
        version: how.version,
    };
    send(&gateway, &caller, order, how.wait).await
}

async fn remove(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(plugin): Path<String>,
    Params(how): Params<Removal>,
) -> Answer {
    let order = PluginOrder::Remove {
        plugin,
        keep_state: how.keep_state,
        force: how.force,
    };
    send(&gateway, &caller, order, how.wait).await
}

async fn order(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path((plugin, order)): Path<(String, String)>,
    Params(how): Params<Wait>,
) -> Answer {
    let order = match order.as_str() {
        "start" => PluginOrder::Start { plugin },
        "stop" => PluginOrder::Stop { plugin },
        "restart" => PluginOrder::Restart { plugin },
        "enable" => PluginOrder::Enable { plugin },
        "disable" => PluginOrder::Disable { plugin },
        "dismiss" => PluginOrder::Dismiss { plugin },
        _ => {
            let message = format!("A plugin cannot be told to {order}.");
            return Err(ApiError::not_found(message).into());
        }
    };
    send(&gateway, &caller, order, how.wait).await
}

async fn config(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    match entry(&gateway, &caller, &id).await?.managed {
        Some(managed) => Ok(Json(managed.config).into_response()),
        None => Err(not_ours(&id)),
    }
}

fn not_ours(id: &str) -> Failure {
    let message = format!("Orrery does not run the plugin {id}: it only talks to its socket.");
    Failure(ApiError::not_found(message))
}

/// JSON sets structured config; any other media type sets text.
async fn set_config(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(plugin): Path<String>,
    Params(how): Params<Wait>,
    headers: http::HeaderMap,
    body: axum::body::Bytes,
) -> Answer {
    let json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_none_or(|t| t.contains("json"));
    let (structured, text) = if json {
        (Some(params::json::<Value>(&body)?), None)
    } else {
        let text = std::str::from_utf8(&body)
            .map_err(|_| Failure(ApiError::bad_request("The config is not UTF-8 text.")))?;
        (None, Some(text.to_owned()))
    };
    let order = PluginOrder::Configure {
        plugin,
        structured,
        text,
    };
    send(&gateway, &caller, order, how.wait).await
}

async fn clear_config(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(plugin): Path<String>,
    Params(how): Params<Wait>,
) -> Answer {
    let order = PluginOrder::Configure {
        plugin,
        structured: None,
        text: None,
    };
    send(&gateway, &caller, order, how.wait).await
}

/// How fresh, or what else.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Age {
    /// 0 asks for a check of this moment.
    max_age: Option<u64>,
    /// A question that the plugin defines itself.
    about: Option<String>,
}

async fn health(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(plugin): Path<String>,
    Params(age): Params<Age>,
) -> Answer {
    if let Some(about) = age.about {
        let said = gateway.engine.ask_plugin(&caller, &plugin, &about).await?;
        return Ok(Json(said).into_response());
    }
    let fresh = age.max_age == Some(0);
    let Said::Health(answer) = ask(&gateway, &caller, Request::PluginHealth { plugin, fresh }).await? else {
        return Err(other());
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = (status, Json(answer.body)).into_response();
    if let Some(after) = answer.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, after.into());
    }
    Ok(response)
}

/// Where to go on, and how far.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct After {
    /// What comes after this number; 0 for the oldest kept.
    #[serde(default)]
    after: u64,
    /// At most this many, the newest; 500 when not given, 5 000 at most.
    limit: Option<u32>,
}

/// Where to go on.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Newest {
    /// What comes after this number; 0 for the oldest kept.
    #[serde(default)]
    after: u64,
}

/// How many.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Limit {
    /// At most this many; 100 when not given, 1 000 at most.
    limit: Option<u32>,
}

/// What is installed of a plugin.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Revisions {
    /// The one in force.
    current: Option<RevisionView>,
    /// One on its way.
    pending: Option<PendingView>,
    /// Those that one can go back to.
    retained: Vec<RevisionView>,
}

async fn logs(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(plugin): Path<String>,
    Params(q): Params<After>,
) -> Answer {
    let request = Request::PluginLogs {
        plugin,
        after: q.after,
        limit: q.limit,
    };
    Ok(Json(ask(&gateway, &caller, request).await?).into_response())
}

async fn usage(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(plugin): Path<String>,
    Params(q): Params<Newest>,
) -> Answer {
    let request = Request::PluginUsage {
        plugin,
        after: q.after,
    };
    Ok(Json(ask(&gateway, &caller, request).await?).into_response())
}

async fn revisions(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    match entry(&gateway, &caller, &id).await?.managed {
        Some(m) => {
            let body = Revisions {
                current: m.current,
                pending: m.pending,
                retained: m.retained,
            };
            Ok(Json(body).into_response())
        }
        None => Err(not_ours(&id)),
    }
}

async fn operations(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Params(q): Params<Limit>,
) -> Answer {
    let request = Request::Operations { limit: q.limit };
    Ok(Json(ask(&gateway, &caller, request).await?).into_response())
}

async fn operation(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let request = Request::Operations { limit: None };
    let Said::Operations(all) = ask(&gateway, &caller, request).await? else {
        return Err(other());
    };
    match all.into_iter().find(|o| o.id == id) {
        Some(operation) => Ok(Json(operation).into_response()),
        None => Err(ApiError::not_found(format!("There is no operation {id}.")).into()),
    }
}

async fn cancel(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let said = ask(&gateway, &caller, Request::CancelOperation { id }).await?;
    Ok(Json(said).into_response())
}
