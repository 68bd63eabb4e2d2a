//! `/api/catalog…`: what can be measured, and what it is now.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use futures_util::stream;
use orrery_engine::Engine;
use orrery_engine::api::{ApiError, Caller, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::watch;

use crate::error::Failure;
use crate::limits::SSE_KEEP_ALIVE;
use crate::params::Params;
use crate::router::Gateway;

/// The routes that answer at once.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/api/catalog", get(list))
        .route("/api/catalog/metric", get(one))
        .route("/api/catalog/readings", get(readings))
}

/// `GET /api/catalog/watch`, which has no time limit.
pub(crate) fn streams() -> Router<Gateway> {
    Router::new().route("/api/catalog/watch", get(follow))
}

type Answer = Result<Response, Failure>;

/// Which metrics, and which of them.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Asked {
    /// Query such as `/iowait/*`; everything when not given.
    #[serde(default)]
    q: String,
    /// `latest`, `all` or a range such as `>=1.2`; the newest when not given.
    #[serde(default)]
    version: String,
    /// So many are left out at the beginning.
    #[serde(default)]
    offset: u32,
    /// At most this many; 1 000 when not given, 10 000 at most.
    limit: Option<u32>,
}

/// Which metric.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Named {
    /// Name such as `/iowait/host/*/iowait`.
    name: String,
    /// `latest` or a range such as `>=1.2`; the newest when not given.
    #[serde(default)]
    version: String,
}

/// Which metrics, and how many values.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Valued {
    /// Query such as `/iowait/*`; everything when not given.
    #[serde(default)]
    q: String,
    /// `latest`, `all` or a range such as `>=1.2`; the newest when not given.
    #[serde(default)]
    version: String,
    /// At most this many; 1 000 when not given, 10 000 at most.
    limit: Option<u32>,
}

async fn answer(gateway: &Gateway, caller: &Caller, request: Request) -> Answer {
    let response = gateway.engine.call(caller, request).await?;
    Ok(Json(response).into_response())
}

async fn list(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Params(asked): Params<Asked>,
) -> Answer {
    let request = Request::Catalog {
        query: asked.q,
        version: asked.version,
        offset: asked.offset,
        limit: asked.limit,
    };
    answer(&gateway, &caller, request).await
}

async fn one(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Params(named): Params<Named>,
) -> Answer {
    let request = Request::CatalogEntry {
        name: named.name,
        version: named.version,
    };
    answer(&gateway, &caller, request).await
}

async fn readings(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Params(valued): Params<Valued>,
) -> Answer {
    let request = Request::CatalogReadings {
        query: valued.q,
        version: valued.version,
        limit: valued.limit,
    };
    answer(&gateway, &caller, request).await
}

/// The newest values, again with every publication. The stream is read from, never pushed into: a slow client
/// delays nobody, and finds what is newest when it reads on.
async fn follow(State(gateway): State<Gateway>, Params(valued): Params<Valued>) -> Answer {
    let engine = gateway.engine;
    // What is wrong with the query is told now and not in the stream.
    engine.catalog_readings(&valued.q, &valued.version, Some(0))?;
    let mut publications = engine.publications();
    publications.mark_changed();
    let state = Follower {
        engine,
        publications,
        valued,
    };
    let events = stream::unfold(state, |mut state| async {
        let sent = state.next().await?;
        Some((Ok::<_, Infallible>(sent), state))
    });
    Ok(Sse::new(events)
        .keep_alive(KeepAlive::new().interval(SSE_KEEP_ALIVE))
        .into_response())
}

struct Follower {
    engine: Engine,
    publications: watch::Receiver<u64>,
    valued: Valued,
}

impl Follower {
    async fn next(&mut self) -> Option<Sent> {
        self.publications.changed().await.ok()?;
        let number = *self.publications.borrow_and_update();
        let (valued, engine) = (&self.valued, &self.engine);
        let readings = engine.catalog_readings(&valued.q, &valued.version, valued.limit);
        match readings.and_then(|readings| encoded(number, &readings)) {
            Ok(sent) => Some(sent),
            Err(error) => {
                tracing::warn!(%error, "a watcher of the catalog is cut");
                None
            }
        }
    }
}

fn encoded(number: u64, readings: &impl serde::Serialize) -> Result<Sent, ApiError> {
    let sent = Sent::default().id(number.to_string()).event("readings");
    sent.json_data(readings).map_err(ApiError::internal)
}
