//! `/metrics` for Prometheus: our own, every plugin's joined by family, each plugin's raw, and nodes' on request.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use futures_util::future::join_all;
use http::{HeaderMap, StatusCode, header};
use orrery_engine::api::{ApiError, Caller, Code};
use orrery_exposition::{Family, Merged, parse};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::error::Failure;
use crate::limits::{NODE_SERIES_MAX, SCRAPE_BUDGET, SCRAPE_BYTES_MAX, SCRAPE_MARGIN};
use crate::params::Params;
use crate::router::Gateway;

mod own;

/// Media type of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The routes.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/metrics", get(all))
        .route("/metrics/nodes", get(nodes))
        .route("/metrics/plugins/{id}", get(raw))
        .route("/api/plugins/{id}/metrics", get(raw))
        .route("/api/plugin-metrics/targets", get(targets))
}

type Answer = Result<Response, Failure>;

/// `?plugins=0` leaves the plugins out.
#[derive(Deserialize)]
struct Which {
    plugins: Option<u8>,
}

async fn all(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Params(which): Params<Which>,
    headers: HeaderMap,
) -> Response {
    let engine = &gateway.engine;
    let mut merged = Merged::default();
    let mut families = own::families(engine, &caller);
    if let Some(services) = &gateway.services {
        families.extend(own::services(&services.plane.traffic()));
    }
    if which.plugins != Some(0) {
        let budget = budget(&headers);
        let plugins = engine.answering_plugins();
        // All at once, each with its own deadline: a slow one delays nobody beyond it.
        let scrapes = join_all(plugins.iter().map(|p| scrape(&gateway, &p.id, budget))).await;
        let mut took = Family::gauge(
            "orrery_plugin_scrape_duration_seconds",
            "How long a plugin's scrape took.",
        );
        let mut good = Family::gauge(
            "orrery_plugin_scrape_success",
            "1 when a plugin's scrape succeeded.",
        );
        for (plugin, (seconds, scraped)) in plugins.iter().zip(scrapes) {
            let label = [("plugin_id", plugin.id.as_str())];
            took.push(&label, seconds);
            good.push(&label, f64::from(u8::from(scraped.is_ok())));
            match scraped {
                Ok(families) => merged.plugin(&plugin.id, families),
                Err(reason) => tracing::debug!(plugin = %plugin.id, reason, "a scrape failed"),
            }
        }
        let mut dropped = Family::gauge(
            "orrery_plugin_metrics_dropped",
            "Samples that this scrape left out, by plugin and reason.",
        );
        for ((plugin, reason), count) in merged.drops() {
            dropped.push(
                &[("plugin_id", plugin.as_str()), ("reason", reason)],
                *count as f64,
            );
        }
        families.extend([took, good, dropped]);
    }
    merged.own(families);
    ([(header::CONTENT_TYPE, TEXT)], merged.text()).into_response()
}

/// The scraper says how long it waits; we answer before.
fn budget(headers: &HeaderMap) -> Duration {
    headers
        .get("x-prometheus-scrape-timeout-seconds")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<f64>().ok())
        .and_then(|s| Duration::try_from_secs_f64(s).ok())
        .map_or(SCRAPE_BUDGET, |given| {
            given.saturating_sub(SCRAPE_MARGIN).min(SCRAPE_BUDGET)
        })
}

/// Seconds it took, and the families or why there are none.
async fn scrape(gateway: &Gateway, id: &str, budget: Duration) -> (f64, Result<Vec<Family>, String>) {
    let began = Instant::now();
    let exposed = gateway
        .engine
        .plugin_exposition(id, budget, SCRAPE_BYTES_MAX)
        .await;
    let families = match exposed {
        Ok(None) => Ok(Vec::new()),
        Ok(Some(bytes)) => tokio::task::spawn_blocking(move || {
            let text = std::str::from_utf8(&bytes).map_err(|e| e.to_string())?;
            parse(text).map_err(|e| e.to_string())
        })
        .await
        .unwrap_or_else(|e| Err(e.to_string())),
        Err(error) => Err(error.message),
    };
    (began.elapsed().as_secs_f64(), families)
}

/// A plugin's own text, byte for byte.
async fn raw(State(gateway): State<Gateway>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let exposed = gateway
        .engine
        .plugin_exposition(&id, budget(&headers), SCRAPE_BYTES_MAX)
        .await;
    match exposed {
        Ok(Some(bytes)) => Ok(([(header::CONTENT_TYPE, TEXT)], bytes).into_response()),
        Ok(None) => Err(ApiError::not_found(format!("Plugin {id} exposes no metrics.")).into()),
        Err(error) if matches!(error.code, Code::Timeout | Code::Refused) => {
            Ok((StatusCode::BAD_GATEWAY, Json(error)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Prometheus' HTTP service discovery: one target for each plugin, all behind this address.
async fn targets(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    let host = headers
        .get(header::HOST)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("localhost");
    let list: Vec<Value> = gateway
        .engine
        .answering_plugins()
        .iter()
        .map(|p| {
            json!({
                "targets": [host],
                "labels": {
                    "__metrics_path__": format!("/api/plugins/{}/metrics", p.id),
                    "plugin_id": p.id,
                },
            })
        })
        .collect();
    Json(list).into_response()
}

/// Which nodes' metrics.
#[derive(Deserialize)]
struct Nodes {
    topology: Option<String>,
    metric: Option<String>,
    limit: Option<usize>,
}

/// Every metric of every node, one family for each metric, so that dashboards graph what the map shows.
async fn nodes(State(gateway): State<Gateway>, Params(q): Params<Nodes>) -> Answer {
    let limit = q.limit.unwrap_or(NODE_SERIES_MAX).min(NODE_SERIES_MAX);
    let (values, beyond) = gateway
        .engine
        .node_values(q.topology.as_deref(), q.metric.as_deref(), limit)?;
    let mut families: std::collections::BTreeMap<String, Family> = Default::default();
    for v in &values {
        let name = own::node_family(&v.metric);
        let family = families.entry(name).or_insert_with_key(|name| {
            let label = if v.metric_label.is_empty() {
                &v.metric
            } else {
                &v.metric_label
            };
            Family::gauge(name, &format!("{label}, as the map shows it."))
        });
        let labels = [
            ("topology", v.topology),
            ("node", v.node.as_str()),
            ("label", v.label.as_str()),
        ];
        family.push(&labels, v.value);
    }
    let cut = Family::gauge(
        "orrery_node_series_beyond_limit",
        "Series that were left out by the limit.",
    )
    .with(&[], beyond as f64);
    let mut merged = Merged::default();
    merged.own(families.into_values().chain([cut]));
    Ok(([(header::CONTENT_TYPE, TEXT)], merged.text()).into_response())
}
