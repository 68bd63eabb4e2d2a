//! What a scraper wants to know, as plain data.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use orrery_model::TopologyKind;
use orrery_plugins::once::{self, OnceError};
use orrery_plugins::{PluginInfo, PluginState};

use crate::api::{ApiError, Code};
use crate::engine::Engine;

/// Where plugins expose metrics, if they do.
const METRICS: &str = "/metrics";

/// The newest value of a metric of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeValue {
    /// Key of the report topology, such as `Process`.
    pub topology: &'static str,
    /// Node id.
    pub node: String,
    /// Name of the node, where it gives one.
    pub label: String,
    /// Metric id.
    pub metric: String,
    /// Label of the metric, where a template gives one.
    pub metric_label: String,
    /// Value.
    pub value: f64,
}

impl Engine {
    /// Nodes in the published report, by report topology.
    pub fn published_counts(&self) -> Vec<(&'static str, usize)> {
        let published = self.published();
        let all = published.report.topologies.iter();
        all.map(|(kind, t)| (kind.key(), t.nodes.len())).collect()
    }

    /// Newest values of nodes' metrics, in order of topology, node and metric: of one report topology, or of
    /// all; of one metric, or of all; at most `limit`, and how many there are beyond it.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is no such report topology.
    pub fn node_values(
        &self,
        topology: Option<&str>,
        metric: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<NodeValue>, usize), ApiError> {
        let published = self.published();
        if let Some(name) = topology
            && !TopologyKind::ALL.iter().any(|k| k.key() == name)
        {
            let known: Vec<&str> = TopologyKind::ALL.iter().map(|k| k.key()).collect();
            let message = format!(
                "There is no report topology {name}; there are {}.",
                known.join(", ")
            );
            return Err(ApiError::not_found(message));
        }
        let mut values = Vec::new();
        let mut beyond = 0;
        for (kind, t) in &published.report.topologies {
            if topology.is_some_and(|name| name != kind.key()) {
                continue;
            }
            for node in t.nodes.values() {
                for (id, held) in node
                    .metrics
                    .iter()
                    .filter(|(id, _)| metric.is_none_or(|m| m == id.as_str()))
                {
                    let Some(last) = held.last() else { continue };
                    if values.len() >= limit {
                        beyond += 1;
                        continue;
                    }
                    let label = ["docker_container_name", "name", "host_name"]
                        .iter()
                        .find_map(|key| node.latest(key));
                    let template = t.metric_templates.get(id);
                    values.push(NodeValue {
                        topology: kind.key(),
                        node: node.id.to_string(),
                        label: label.unwrap_or_default().to_owned(),
                        metric: id.to_string(),
                        metric_label: template.map(|t| t.label.to_string()).unwrap_or_default(),
                        value: last.value,
                    });
                }
            }
        }
        Ok((values, beyond))
    }

    /// Every plugin socket.
    pub fn plugin_sockets(&self) -> Vec<PluginInfo> {
        self.shared.registry.list()
    }

    /// Plugins that answer: those worth scraping.
    pub fn answering_plugins(&self) -> Vec<PluginInfo> {
        let mut all = self.shared.registry.list();
        all.retain(|p| p.state == PluginState::Ok);
        all
    }

    /// What a plugin exposes under `/metrics`, as it is; none when it has no such route.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a plugin that nobody knows, [`Code::Unavailable`] for one that does not answer,
    /// [`Code::Timeout`], [`Code::Refused`] for one that answers badly or with more than `most` bytes.
    pub async fn plugin_exposition(
        &self,
        id: &str,
        budget: Duration,
        most: usize,
    ) -> Result<Option<Vec<u8>>, ApiError> {
        let all = self.shared.registry.list();
        let held =
            |p: &&PluginInfo| p.id == id && !matches!(p.state, PluginState::Rejected | PluginState::Conflict);
        let Some(plugin) = all.iter().find(held) else {
            return Err(ApiError::not_found(format!("There is no plugin {id}.")));
        };
        let path = Path::new(&plugin.path);
        let asked = once::ask(path, http::Method::GET, METRICS, Bytes::new(), budget, most).await;
        let (status, body) = asked.map_err(|error| {
            let code = match error {
                OnceError::Unreachable(_) => Code::Unavailable,
                OnceError::Timeout => Code::Timeout,
                OnceError::Protocol(_) => Code::Refused,
            };
            ApiError::new(code, format!("Plugin {id}: {error}."))
        })?;
        match status.as_u16() {
            200 => Ok(Some(body)),
            404 | 405 | 501 => Ok(None),
            _ => Err(ApiError::new(
                Code::Refused,
                format!("Plugin {id} answered {status} to a scrape."),
            )),
        }
    }
}
