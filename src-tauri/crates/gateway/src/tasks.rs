//! `/api/tasks…`: what is collected, when, and where it goes.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use futures_util::stream;
use http::{HeaderMap, StatusCode};
use orrery_engine::api::{ApiError, Caller, Request, TaskOrder};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::Failure;
use crate::limits::MANIFEST_BYTES_MAX;
use crate::params::Params;
use crate::router::Gateway;
use crate::watching::{self, Told, Upgrade};

/// The routes that answer at once.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/api/tasks", get(list).post(create))
        .route("/api/tasks/dry-run", post(check))
        .route("/api/tasks/files", get(files))
        .route("/api/tasks/{id}", get(one).put(update).delete(remove))
        .route("/api/tasks/{id}/export", get(export))
        .route("/api/tasks/{id}/subscription", get(subscription))
        .route("/api/tasks/{id}/{order}", post(order))
        .layer(DefaultBodyLimit::max(MANIFEST_BYTES_MAX))
}

/// `GET /api/tasks/{id}/watch`, which has no time limit.
pub(crate) fn streams() -> Router<Gateway> {
    Router::new().route("/api/tasks/{id}/watch", get(watch))
}

/// What can be wanted of a task.
pub(crate) const ORDERS: [&str; 4] = ["start", "stop", "enable", "run"];

type Answer = Result<Response, Failure>;

async fn answer(gateway: &Gateway, caller: &Caller, request: Request) -> Answer {
    let response = gateway.engine.call(caller, request).await?;
    Ok(Json(response).into_response())
}

fn text(body: &Bytes) -> Result<String, Failure> {
    let text = std::str::from_utf8(body);
    let text = text.map_err(|_| ApiError::bad_request("The manifest is not UTF-8 text."))?;
    Ok(text.to_owned())
}

async fn list(State(gateway): State<Gateway>, Extension(caller): Extension<Caller>) -> Answer {
    answer(&gateway, &caller, Request::Tasks).await
}

/// How a task is made.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Making {
    /// Start it; as its manifest says when not given, and it says yes when it says nothing.
    start: Option<bool>,
    /// Make it though what it needs is not there; it waits for that.
    #[serde(default)]
    force: bool,
}

async fn create(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Params(making): Params<Making>,
    body: Bytes,
) -> Answer {
    let request = Request::TaskCreate {
        manifest: text(&body)?,
        start: making.start,
        force: making.force,
    };
    let made = answer(&gateway, &caller, request).await?;
    Ok((StatusCode::CREATED, made).into_response())
}

async fn check(State(gateway): State<Gateway>, Extension(caller): Extension<Caller>, body: Bytes) -> Answer {
    let manifest = text(&body)?;
    answer(&gateway, &caller, Request::TaskCheck { manifest }).await
}

async fn files(State(gateway): State<Gateway>, Extension(caller): Extension<Caller>) -> Answer {
    answer(&gateway, &caller, Request::TaskFiles).await
}

async fn one(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(task): Path<String>,
) -> Answer {
    answer(&gateway, &caller, Request::Task { task }).await
}

/// How a task is changed.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Changing {
    /// Only when it is at this generation.
    generation: Option<u64>,
    /// Change it though what it needs is not there; it waits for that.
    #[serde(default)]
    force: bool,
}

async fn update(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(task): Path<String>,
    Params(changing): Params<Changing>,
    body: Bytes,
) -> Answer {
    let request = Request::TaskUpdate {
        task,
        manifest: text(&body)?,
        generation: changing.generation,
        force: changing.force,
    };
    answer(&gateway, &caller, request).await
}

async fn remove(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(task): Path<String>,
) -> Answer {
    let order = TaskOrder::Remove;
    gateway
        .engine
        .call(&caller, Request::TaskOrder { task, order })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn order(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path((task, order)): Path<(String, String)>,
) -> Answer {
    let order = match order.as_str() {
        "start" => TaskOrder::Start,
        "stop" => TaskOrder::Stop,
        "enable" => TaskOrder::Enable,
        "run" => TaskOrder::Run,
        _ => {
            let message = format!("A task cannot be told to {order}.");
            return Err(ApiError::not_found(message).into());
        }
    };
    answer(&gateway, &caller, Request::TaskOrder { task, order }).await
}

async fn export(State(gateway): State<Gateway>, Path(task): Path<String>) -> Answer {
    Ok(Json(gateway.engine.export_task(&task)?).into_response())
}

async fn subscription(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(task): Path<String>,
) -> Answer {
    answer(&gateway, &caller, Request::TaskSubscription { task }).await
}

/// Where a watcher begins.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Since {
    /// After the event of this number; from now on when it is not given. `from` means the same.
    #[serde(alias = "from")]
    after: Option<u64>,
}

/// What a task does, until it comes to rest.
async fn watch(
    State(gateway): State<Gateway>,
    Path(task): Path<String>,
    Params(since): Params<Since>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Answer {
    let after = watching::resumed(&headers).or(since.after);
    let watcher = gateway.engine.watch_task(&task, after)?;
    let events = stream::unfold(watcher, |mut watcher| async {
        let event = watcher.next().await?;
        let told = Told::of((event.id > 0).then_some(event.id), event.what.name(), &*event);
        Some((told, watcher))
    });
    Ok(watching::serve(upgrade, events))
}
