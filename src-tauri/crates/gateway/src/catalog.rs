//! `/api/catalog…`: what can be measured, and what it is now.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use futures_util::stream;
use http::HeaderMap;
use orrery_engine::Engine;
use orrery_engine::api::{Caller, MetricReading, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::error::Failure;
use crate::params::Params;
use crate::router::Gateway;
use crate::watching::{self, Told, Upgrade};

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

/// Which metrics, how many values, and where a watcher begins.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Followed {
    /// Query such as `/iowait/*`; everything when not given.
    #[serde(default)]
    q: String,
    /// `latest`, `all` or a range such as `>=1.2`; the newest when not given.
    #[serde(default)]
    version: String,
    /// At most this many; 1 000 when not given, 10 000 at most.
    limit: Option<u32>,
    /// After the event of this number; from now on when it is not given. `from` means the same.
    #[serde(alias = "from")]
    after: Option<u64>,
}

/// What a watcher of the catalog is told.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum CatalogEvent {
    /// Newest values.
    Readings {
        /// Number of the publication that they are from.
        id: u64,
        /// Values in order of metrics and nodes.
        readings: Vec<MetricReading>,
    },
    /// Publications passed that the watcher did not see.
    Lagged {
        /// How many.
        missed: u64,
    },
}

impl CatalogEvent {
    fn told(&self) -> Told {
        match self {
            CatalogEvent::Readings { id, .. } => Told::of(Some(*id), "readings", self),
            CatalogEvent::Lagged { .. } => Told::of(None, "lagged", self),
        }
    }
}

/// The newest values, again with every publication. A slow client finds what is newest when it reads on, and is told
/// how much it did not see.
async fn follow(
    State(gateway): State<Gateway>,
    Params(asked): Params<Followed>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Answer {
    let engine = gateway.engine;
    // What is wrong with the query is told now and not in the stream.
    engine.catalog_readings(&asked.q, &asked.version, Some(0))?;
    let mut publications = engine.publications();
    publications.mark_changed();
    let state = Follower {
        engine,
        publications,
        seen: watching::resumed(&headers).or(asked.after),
        next: None,
        asked,
    };
    let events = stream::unfold(state, |mut state| async {
        let event = state.next().await?;
        Some((event.told(), state))
    });
    Ok(watching::serve(upgrade, events))
}

struct Follower {
    engine: Engine,
    publications: watch::Receiver<u64>,
    /// Number of the publication that the client saw last.
    seen: Option<u64>,
    /// What comes after what was lost.
    next: Option<CatalogEvent>,
    asked: Followed,
}

impl Follower {
    async fn next(&mut self) -> Option<CatalogEvent> {
        if let Some(next) = self.next.take() {
            return Some(next);
        }
        self.publications.changed().await.ok()?;
        let id = *self.publications.borrow_and_update();
        let asked = &self.asked;
        let readings = self
            .engine
            .catalog_readings(&asked.q, &asked.version, asked.limit);
        let readings = match readings {
            Ok(readings) => CatalogEvent::Readings { id, readings },
            Err(error) => {
                tracing::warn!(%error, "a watcher of the catalog is cut");
                return None;
            }
        };
        // A number beyond ours is from before a restart.
        let missed = self
            .seen
            .map_or(0, |seen| id.saturating_sub(seen.saturating_add(1)));
        self.seen = Some(id);
        if missed == 0 {
            return Some(readings);
        }
        self.next = Some(readings);
        Some(CatalogEvent::Lagged { missed })
    }
}
