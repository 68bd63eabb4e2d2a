//! `/metrics` for Prometheus: our own, every plugin's joined by family, each plugin's raw, and on request those of
//! every node of the map.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::join_all;
use http::{HeaderMap, StatusCode, header};
use orrery_engine::api::{ApiError, Code};
use orrery_exposition::{Format, Merged};
use serde::Deserialize;

use crate::error::Failure;
use crate::limits::{SCRAPE_BUDGET, SCRAPE_BYTES_MAX, SCRAPE_MARGIN};
use crate::params::Params;
use crate::router::Gateway;

mod discovery;
mod otlp;
mod own;
mod running;
mod scraped;
mod scrapes;
mod topology;

pub use otlp::OtlpError;
pub(crate) use scrapes::Scrapes;

/// The routes.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/metrics", get(all))
        .route("/metrics/topology", get(topology::serve))
        .route("/metrics/plugins/{id}", get(raw))
        .route("/api/plugins/{id}/metrics", get(raw))
        .route("/api/plugin-metrics/targets", get(discovery::targets))
}

type Answer = Result<Response, Failure>;

/// What is asked of `/metrics`.
#[derive(Deserialize)]
struct Which {
    /// 0 leaves out what plugins expose.
    plugins: Option<u8>,
    /// What plugins' families are called with before their own name; empty for their own names alone.
    prefix: Option<String>,
}

async fn all(State(gateway): State<Gateway>, Params(which): Params<Which>, headers: HeaderMap) -> Answer {
    let mut merged = match which.prefix.as_deref() {
        None => Merged::default(),
        Some(prefix) => Merged::with_prefix(prefix).ok_or_else(|| {
            ApiError::bad_request(format!(
                "No metric's name of a plugin can begin with {prefix:?}: letters, digits, _ and : may be in it, \
                 it does not begin with a digit, and orrery_ is taken."
            ))
        })?,
    };
    merged.own(own::families(&gateway));
    merged.own(running::families(&gateway.engine));
    if which.plugins != Some(0) {
        let scrapes = every_plugin(&gateway, budget(&headers)).await;
        merged = working(move || scraped::add(merged, &scrapes)).await?;
        gateway.scrapes.count(merged.drops());
        merged.own([gateway.scrapes.dropped()]);
    }
    exposed(merged, &headers).await
}

/// Every plugin that answers, scraped at once, each with its own deadline: a slow one delays nobody beyond it, and
/// one that is known to be slow hardly at all.
pub(crate) async fn every_plugin(gateway: &Gateway, budget: Duration) -> Vec<(String, scrapes::Outcome)> {
    let plugins = gateway.engine.answering_plugins();
    gateway.scrapes.keep(plugins.iter().map(|p| p.id.as_str()));
    let scrapes = plugins.into_iter().map(|plugin| async move {
        let outcome = gateway.scrapes.scrape(&gateway.engine, &plugin.id, budget).await;
        (plugin.id, outcome)
    });
    join_all(scrapes).await
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

/// Families as an answer, in the format that is asked for.
async fn exposed(merged: Merged, headers: &HeaderMap) -> Answer {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let format = accept.map_or(Format::Text, Format::accepted);
    let text = working(move || merged.text(format)).await?;
    let headers = [
        (header::CONTENT_TYPE, format.media_type()),
        (header::VARY, "accept"),
    ];
    Ok((headers, text).into_response())
}

/// A plugin's own text, byte for byte; a comment alone for one that exposes nothing.
async fn raw(State(gateway): State<Gateway>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let exposed = gateway
        .engine
        .plugin_exposition(&id, budget(&headers), SCRAPE_BYTES_MAX)
        .await;
    match exposed {
        Ok(Some(bytes)) => {
            // A plugin that speaks OpenMetrics ends like this; read as the other format it would not parse.
            let format = if bytes.trim_ascii_end().ends_with(b"# EOF") {
                Format::OpenMetrics
            } else {
                Format::Text
            };
            Ok(([(header::CONTENT_TYPE, format.media_type())], bytes).into_response())
        }
        // As much a target as any other, and one that is up.
        Ok(None) => {
            let text = format!("# Plugin {id} exposes no metrics.\n");
            Ok(([(header::CONTENT_TYPE, Format::Text.media_type())], text).into_response())
        }
        Err(error) if matches!(error.code, Code::Timeout | Code::Refused) => {
            Ok((StatusCode::BAD_GATEWAY, Json(error)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Joining and writing may take longer than the threads that serve sockets have.
async fn working<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(ApiError::internal)
}
