//! Scope's own HTTP API, byte-compatible in its field names, for scripts and probes written for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::{HeaderMap, StatusCode, header};
use orrery_engine::api::{ApiError, Caller, Code};
use orrery_engine::model::{DecodeError, Report, Timestamp};
use orrery_engine::topology::censor::{self, Hide};
use orrery_engine::topology::scope_api::TopologyAnswer;
use orrery_engine::{Published, Uploaded};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{self, Failure};
use crate::params::{FirstGiven, Params};
use crate::router::Gateway;

mod answer;
mod body;
mod feed;
mod link;
mod pipe;
mod replay;
mod socket;
mod watch;

pub(crate) use feed::Feeds;
use link::link;
use watch::watch;

/// Websockets, which have no time limit: a topology's deltas, a remote probe's controls, the ends of a pipe.
pub(crate) fn streams() -> Router<Gateway> {
    Router::new()
        .route("/api/topology/{topology}/ws", get(watch))
        .route("/api/control/ws", get(link))
        .route("/api/pipe/{pipe}/probe", get(pipe::probe))
        .route(
            "/api/pipe/{pipe}",
            get(pipe::client).delete(pipe::close).post(pipe::close),
        )
}

/// The routes that answer at once.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/api", get(api))
        .route("/api/probes", get(probes))
        .route(
            "/api/report",
            // The size of a report is bounded while it comes.
            get(report).post(upload).layer(DefaultBodyLimit::disable()),
        )
        .route("/api/topology", get(topologies))
        .route("/api/topology/{topology}", get(topology))
        .route("/api/topology/{topology}/{*node}", get(node))
        .route("/api/control/{probe}/{node}/{control}", post(control))
        .route("/api/pipe/{pipe}/check", get(pipe::check))
}

type Answer = Result<Response, Failure>;
type Parameters = Params<FirstGiven>;

/// The instance.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Instance {
    /// Its identity.
    id: String,
    /// Version of Orrery.
    version: &'static str,
    /// Host it runs on.
    hostname: String,
    /// Plugins that report.
    plugins: Vec<Plugin>,
    /// What it can do beyond showing the present.
    capabilities: BTreeMap<&'static str, bool>,
}

/// A plugin that reports.
#[derive(Serialize, JsonSchema)]
struct Plugin {
    id: String,
    label: String,
    description: String,
    interfaces: Vec<String>,
    api_version: String,
    /// `ok`, or what is wrong.
    status: String,
}

async fn api(State(gateway): State<Gateway>) -> Json<Instance> {
    let engine = &gateway.engine;
    let plugins = engine
        .published()
        .report
        .plugins
        .iter()
        .map(|p| Plugin {
            id: p.id.to_string(),
            label: p.label.to_string(),
            description: p.description.to_string(),
            interfaces: p.interfaces.iter().map(ToString::to_string).collect(),
            api_version: p.api_version.to_string(),
            status: p.status.to_string(),
        })
        .collect();
    Json(Instance {
        id: engine.id().to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        hostname: engine.hostname().to_owned(),
        plugins,
        capabilities: BTreeMap::from([("historic_reports", true)]),
    })
}

/// A probe that reports.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Probe {
    id: String,
    hostname: String,
    version: String,
    /// When its last report came, as RFC 3339.
    last_seen: String,
    /// Whether it takes controls.
    connected: bool,
    /// What was odd about its last report or left out of it; not there when nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

async fn probes(State(gateway): State<Gateway>, Params(q): Parameters) -> Response {
    let engine = &gateway.engine;
    let probes = engine.probes();
    if q.contains_key("sparse") {
        return Json(json!(!probes.is_empty())).into_response();
    }
    let list: Vec<Probe> = probes
        .into_iter()
        .map(|probe| Probe {
            id: probe.id,
            hostname: probe.hostname,
            version: probe.version,
            last_seen: Timestamp::from_millis(probe.last_seen_ms).to_string(),
            connected: probe.connected,
            warnings: probe.warnings,
        })
        .collect();
    Json(list).into_response()
}

/// `?timestamp=` as Scope's clients send it, RFC 3339; an empty one is none.
fn moment(q: &BTreeMap<String, String>) -> Result<Option<i64>, ApiError> {
    q.get("timestamp")
        .filter(|text| !text.is_empty())
        .map(|text| match Timestamp::parse(text) {
            Some((at, _)) => Ok(at.as_millis()),
            None => {
                let shown: String = text.chars().take(SHOWN_CHARS).collect();
                Err(ApiError::bad_request(format!(
                    "The timestamp {shown:?} is not one: write it as 2026-11-21T09:30:00Z, between the years 1678 and 2262."
                )))
            }
        })
        .transpose()
}

/// Characters of a wrong value that an error repeats.
const SHOWN_CHARS: usize = 64;

async fn report(State(gateway): State<Gateway>, Params(q): Parameters, headers: HeaderMap) -> Answer {
    let published = gateway.engine.at(moment(&q)?).await?;
    let msgpack = headers
        .get(header::ACCEPT)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|accept| accept.contains("msgpack"));
    let hide = hide(&q);
    let body = tokio::task::spawn_blocking(move || {
        let report = if hide.nothing() {
            published.report.clone()
        } else {
            Arc::new(censor::raw(&published.report, hide))
        };
        if msgpack {
            report.to_msgpack()
        } else {
            report.to_json()
        }
    })
    .await
    .map_err(ApiError::internal)?;
    let media_type = if msgpack {
        "application/msgpack"
    } else {
        "application/json"
    };
    Ok(([(header::CONTENT_TYPE, media_type)], body).into_response())
}

async fn upload(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let body = body::whole(body, &headers).await?;
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let content_type = text("content-type");
    let encoding = text("content-encoding");
    let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let received = gateway.engine.now();
    let decoded =
        tokio::task::spawn_blocking(move || Report::decode_body(&body, &content_type, &encoding, received))
            .await
            .map_err(ApiError::internal)?
            .map_err(|error| {
                let code = match error {
                    DecodeError::TooLarge(_) => Code::LimitExceeded,
                    _ => Code::BadRequest,
                };
                ApiError::new(code, format!("The report does not decode: {error}"))
            })?;
    let warnings: Vec<String> = decoded.warnings.into_iter().map(String::from).collect();
    let probe = match text("x-scope-probe-id") {
        id if !id.is_empty() => id,
        _ if !decoded.report.id.is_empty() => decoded.report.id.to_string(),
        _ => "upload".to_owned(),
    };
    gateway
        .engine
        .ingest(
            &caller,
            &probe,
            Uploaded {
                report: decoded.report,
                bytes,
                warnings: warnings.clone(),
            },
        )
        .await?;
    // As Scope answered, with nothing, unless there is something to say. Its probes read the status alone.
    if warnings.is_empty() {
        return Ok(StatusCode::OK.into_response());
    }
    Ok(Json(Taken { warnings }).into_response())
}

/// What is said of a report that was taken in and is odd, or of which something was left out.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Taken {
    /// One sentence for each sort of oddity.
    warnings: Vec<String>,
}

async fn topologies(State(gateway): State<Gateway>, Params(q): Parameters) -> Answer {
    let published = gateway.engine.at(moment(&q)?).await?;
    derived(move || Ok(published.derivation.scope_topologies_with(options(&q).as_ref()))).await
}

async fn topology(
    State(gateway): State<Gateway>,
    Path(topology): Path<String>,
    Params(q): Parameters,
) -> Answer {
    let published = gateway.engine.at(moment(&q)?).await?;
    let nodes = tokio::task::spawn_blocking(move || {
        let published = published.hiding(hide(&q));
        nodes_matching(&published, &topology, options(&q).as_ref(), query(&q))?
            .ok_or_else(|| missing(&topology))
    });
    let nodes = nodes.await.map_err(ApiError::internal)??;
    Ok(answer::streamed(nodes))
}

async fn node(
    State(gateway): State<Gateway>,
    Path((topology, node)): Path<(String, String)>,
    Params(q): Parameters,
) -> Answer {
    let published = gateway.engine.at(moment(&q)?).await?;
    let probe = gateway.engine.probe_id().to_owned();
    derived(move || {
        published
            .hiding(hide(&q))
            .derivation
            .scope_node(&topology, &node, options(&q).as_ref(), &probe)
            .ok_or_else(|| missing(&node))
    })
    .await
}

/// Option values, or none when the request has no parameter at all: then no filter applies, not even a
/// default one.
fn options(q: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    (!q.is_empty()).then(|| {
        q.iter()
            .filter(|(k, _)| !NO_OPTIONS.contains(&k.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    })
}

/// Parameters that are no options of a topology.
const NO_OPTIONS: [&str; 5] = ["t", "timestamp", "q", HIDE_ARGUMENTS, HIDE_VARIABLES];
const HIDE_ARGUMENTS: &str = "hideCommandLineArguments";
const HIDE_VARIABLES: &str = "hideEnvironmentVariables";

/// What the request asks not to be told.
fn hide(q: &BTreeMap<String, String>) -> Hide {
    let asked = |name: &str| q.get(name).is_some_and(|v| v == "true");
    Hide {
        command_line_arguments: asked(HIDE_ARGUMENTS),
        environment_variables: asked(HIDE_VARIABLES),
    }
}

/// `?q=`, which filters by the query language; empty when there is none.
fn query(q: &BTreeMap<String, String>) -> &str {
    q.get("q").map(String::as_str).unwrap_or_default()
}

/// The nodes of a topology that a query matches; none when there is no such topology.
fn nodes_matching(
    published: &Published,
    topology: &str,
    options: Option<&BTreeMap<String, String>>,
    query: &str,
) -> Result<Option<TopologyAnswer>, ApiError> {
    let matching = published
        .derivation
        .scope_nodes_matching(topology, options, query);
    matching.map_err(|error| ApiError {
        at: Some((error.start, error.end)),
        ..ApiError::new(Code::BadQuery, error.message)
    })
}

fn missing(what: &str) -> ApiError {
    ApiError::not_found(format!("{what} is not in the current report."))
}

async fn derived<T: serde::Serialize + Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Answer {
    let value = tokio::task::spawn_blocking(work)
        .await
        .map_err(ApiError::internal)??;
    Ok(Json(value).into_response())
}

/// What became of a control. What does not apply is left out.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Pressed {
    /// What the plugin or probe answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    /// Pipe that it opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pipe: Option<String>,
    /// True when the far end of the pipe is a terminal.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    raw_tty: bool,
    /// Control of the same node that resizes the terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    resize_tty_control: Option<String>,
    /// Node that it removed.
    #[serde(rename = "removedNode", skip_serializing_if = "Option::is_none")]
    removed_node: Option<String>,
}

/// Errors travel as Scope sent them: a JSON string with the plugin's or the probe's words.
async fn control(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path((probe, node, control)): Path<(String, String, String)>,
    Params(q): Parameters,
    body: axum::body::Bytes,
) -> Answer {
    if !gateway
        .engine
        .probes()
        .iter()
        .any(|p| p.id == probe && p.connected)
    {
        let message = format!("probe {probe} is not connected right now");
        return Ok((StatusCode::BAD_REQUEST, Json(message)).into_response());
    }
    let args = if body.is_empty() {
        BTreeMap::new()
    } else {
        serde_json::from_slice::<Option<BTreeMap<String, String>>>(&body)
            .map_err(|error| ApiError::bad_request(format!("The arguments do not parse: {error}.")))?
            .unwrap_or_default()
    };
    let force = q.get("force").is_some_and(|v| v == "1");
    let request = orrery_engine::api::Request::Control {
        node,
        control,
        args,
        force,
    };
    match gateway.engine.call(&caller, request).await {
        Ok(orrery_engine::api::Response::Control(outcome)) => {
            let answer = Pressed {
                value: outcome.value,
                pipe: outcome.pipe,
                raw_tty: outcome.raw_tty,
                resize_tty_control: outcome.resize_tty_control,
                removed_node: outcome.removed_node,
            };
            Ok(Json(answer).into_response())
        }
        Ok(_) => Err(ApiError::internal("The control gave another answer than a control's.").into()),
        Err(failure) => {
            let status = match failure.code {
                Code::Refused | Code::Timeout | Code::NotFound | Code::Unavailable => StatusCode::BAD_REQUEST,
                code => error::status(code),
            };
            Ok((status, Json(failure.message)).into_response())
        }
    }
}
