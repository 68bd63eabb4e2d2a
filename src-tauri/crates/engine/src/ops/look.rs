//! Looking at topologies and nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use orrery_model::Timestamp;
use orrery_topology::details::{DetailControl, NodeDetails};
use orrery_topology::info::TopologyInfo;

use super::named;
use crate::api::{ApiError, SearchResult};
use crate::clock;
use crate::derived;
use crate::engine::Engine;
use crate::limits::SEARCH_HITS;
use crate::published::Published;

impl Engine {
    /// The snapshot in force, or the one that was at `at_ms`.
    ///
    /// # Errors
    /// [`crate::api::Code::NotFound`] for a moment that is not recorded.
    pub async fn at(&self, at_ms: Option<i64>) -> Result<Arc<Published>, ApiError> {
        self.shared.moment(at_ms).await
    }

    /// When the report was last recorded after a moment and not after another, in milliseconds since the epoch; none
    /// where it was not.
    ///
    /// # Errors
    /// [`crate::api::Code::Internal`] when the record cannot be read.
    pub async fn recorded_between(&self, after_ms: i64, until_ms: i64) -> Result<Option<i64>, ApiError> {
        let from_ms = after_ms.saturating_add(1);
        let times = self.shared.history.frame_times(from_ms, until_ms).await;
        Ok(times.map_err(ApiError::internal)?.last().copied())
    }

    /// The engine's clock, for stamping what arrives.
    pub fn now(&self) -> Timestamp {
        clock::now()
    }

    /// The topologies that can be shown, with counts.
    ///
    /// # Errors
    /// [`crate::api::Code::NotFound`] for a moment that is not recorded.
    pub async fn topologies(&self, at_ms: Option<i64>) -> Result<Vec<TopologyInfo>, ApiError> {
        let published = self.shared.moment(at_ms).await?;
        blocking(move || Ok(published.derivation.topologies())).await
    }

    /// One node in full.
    ///
    /// # Errors
    /// [`crate::api::Code::NotFound`] for a topology, node or moment that does not exist.
    pub async fn details(
        &self,
        topology: &str,
        node: &str,
        at_ms: Option<i64>,
    ) -> Result<NodeDetails, ApiError> {
        named("node id", node)?;
        let published = self.shared.moment(at_ms).await?;
        let (topology, node) = (topology.to_owned(), node.to_owned());
        blocking(move || derived::details(&published, &topology, &node, &BTreeMap::new())).await
    }

    /// The controls active on a node, by rank, whichever topology shows it.
    ///
    /// # Errors
    /// [`crate::api::Code::NotFound`] for a node that is in no report.
    pub async fn controls(&self, node: &str) -> Result<Vec<DetailControl>, ApiError> {
        named("node id", node)?;
        let published = self.published();
        let node = node.to_owned();
        // The mixed view finds nodes of every topology.
        blocking(move || Ok(derived::details(&published, "everything", &node, &BTreeMap::new())?.controls))
            .await
    }

    /// Nodes that match a query, counted per topology.
    ///
    /// # Errors
    /// [`crate::api::Code::BadQuery`] with the place of the fault, [`crate::api::Code::NotFound`] for a moment
    /// that is not recorded.
    pub async fn search(
        &self,
        query: &str,
        limit: Option<u32>,
        at_ms: Option<i64>,
    ) -> Result<SearchResult, ApiError> {
        let published = self.shared.moment(at_ms).await?;
        let limit = limit.unwrap_or(SEARCH_HITS.0).min(SEARCH_HITS.1);
        let query = query.to_owned();
        blocking(move || derived::search(&published, &query, limit as usize)).await
    }
}

/// Derivations take milliseconds on large reports; they stay off the threads that serve sockets.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(ApiError::internal)?
}
