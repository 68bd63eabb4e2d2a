//! What a scraper wants to know, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use orrery_model::SmolStr;
use orrery_plugins::once::{self, OnceError};
use orrery_plugins::{PluginInfo, PluginState};
use orrery_topology::info::TopologyInfo;
use orrery_topology::view::{MetricInfo, ViewSpec};

use crate::api::{ApiError, Code, ManagedPlugin, UsagePoint};
use crate::derived;
use crate::engine::Engine;
use crate::managed::TurnCount;

/// Where plugins expose metrics, if they do.
const METRICS: &str = "/metrics";
/// Values of topologies' options that filter nothing.
const UNFILTERED: [&str; 3] = ["all", "both", "show"];
/// The mixed view shows what others show already.
const MIXED: &str = "everything";

/// Which nodes' readings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadingsOf {
    /// Topologies of the map, such as `processes`; every one that is no variant of another when none is given.
    pub topologies: Vec<String>,
    /// Values of their options; an option that is not named filters nothing.
    pub options: BTreeMap<String, String>,
    /// Query that nodes have to match; empty for all.
    pub query: String,
    /// Metric; none for all.
    pub metric: Option<String>,
    /// Readings at most.
    pub limit: usize,
}

/// The newest reading of a metric of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Topology of the map, such as `processes`.
    pub topology: String,
    /// Node id.
    pub node: SmolStr,
    /// What the map calls the node.
    pub label: SmolStr,
    /// Name of the host it is on; empty where there is none.
    pub host: String,
    /// Metric id.
    pub metric: SmolStr,
    /// Value.
    pub value: f64,
}

/// Readings, and what is missing of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    /// In order of topology, node and metric.
    pub readings: Vec<Reading>,
    /// Their metrics, by id: label and format.
    pub metrics: BTreeMap<String, MetricInfo>,
    /// Readings beyond the limit.
    pub readings_left_out: u64,
    /// Nodes beyond what a map shows.
    pub nodes_left_out: u64,
}

/// A plugin that we run, as numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginProcess {
    /// Plugin id.
    pub plugin: ManagedPlugin,
    /// What its process uses; none while there is none.
    pub usage: Option<UsagePoint>,
    /// How often it was started and stopped.
    pub turns: Vec<TurnCount>,
}

impl Engine {
    /// Nodes in the published report, by report topology.
    pub fn published_counts(&self) -> Vec<(&'static str, usize)> {
        let published = self.published();
        let all = published.report.topologies.iter();
        all.map(|(kind, t)| (kind.key(), t.nodes.len())).collect()
    }

    /// Newest readings of nodes as the map shows them.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a topology that does not exist, [`Code::BadQuery`] with the place of the fault.
    pub async fn readings(&self, of: ReadingsOf) -> Result<Readings, ApiError> {
        let published = self.published();
        super::look::blocking(move || {
            let listed = published.derivation.topologies();
            let primary = listed.iter().filter(|t| t.parent.is_none() && t.id != MIXED);
            let topologies = match of.topologies.as_slice() {
                [] => primary.map(|t| t.id.clone()).collect(),
                named => named.to_vec(),
            };
            let mut out = Readings::default();
            for topology in topologies {
                let spec = ViewSpec {
                    options: options(&listed, &topology, &of.options),
                    query: of.query.clone(),
                    topology,
                    ..ViewSpec::default()
                };
                out.add(&derived::picture(&published, &spec)?, &spec.topology, &of);
            }
            Ok(out)
        })
        .await
    }

    /// Plugins that we run.
    pub fn plugin_processes(&self) -> Vec<PluginProcess> {
        let plugins = self.managed_plugins().unwrap_or_default();
        let Ok(managed) = &self.managed else {
            return Vec::new();
        };
        let registered: BTreeSet<&str> = plugins.iter().map(|p| p.id.as_str()).collect();
        let mut turns = managed.turns.read(&registered);
        let process = |plugin: ManagedPlugin| PluginProcess {
            turns: turns.remove(&plugin.id).unwrap_or_default(),
            usage: plugin.instance.usage.filter(|_| plugin.instance.pid.is_some()),
            plugin,
        };
        plugins.into_iter().map(process).collect()
    }

    /// Every plugin socket.
    pub fn plugin_sockets(&self) -> Vec<PluginInfo> {
        self.shared.registry.list()
    }

    /// Plugins that answer, by id: those worth scraping.
    pub fn answering_plugins(&self) -> Vec<PluginInfo> {
        let mut all = self.shared.registry.list();
        all.retain(|p| p.state == PluginState::Ok);
        all.sort_by(|a, b| a.id.cmp(&b.id));
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

impl Readings {
    fn add(&mut self, picture: &orrery_topology::picture::Picture, topology: &str, of: &ReadingsOf) {
        self.nodes_left_out += u64::from(picture.truncated_nodes);
        for info in &picture.metrics {
            self.metrics
                .entry(info.id.clone())
                .or_insert_with(|| info.clone());
        }
        for shown in &picture.nodes {
            let node = &shown.node;
            let wanted = |id: &str| of.metric.as_deref().is_none_or(|wanted| wanted == id);
            for metric in node.metrics.iter().filter(|m| wanted(&m.id)) {
                if self.readings.len() >= of.limit {
                    self.readings_left_out += 1;
                    continue;
                }
                let host = shown.facets.get("host").map(|host| host.label.clone());
                self.readings.push(Reading {
                    topology: topology.to_owned(),
                    node: node.id.clone(),
                    label: node.label.clone(),
                    host: host.unwrap_or_default(),
                    metric: metric.id.clone(),
                    value: metric.value,
                });
            }
        }
    }
}

/// The chosen values, and for every other option the one that filters nothing.
fn options(
    listed: &[TopologyInfo],
    topology: &str,
    chosen: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut options = chosen.clone();
    let known = listed.iter().find(|info| info.id == topology);
    for option in known.map(|info| info.options.as_slice()).unwrap_or_default() {
        let open = option
            .values
            .iter()
            .find(|v| UNFILTERED.contains(&v.value.as_str()));
        if let Some(open) = open {
            options
                .entry(option.id.clone())
                .or_insert_with(|| open.value.clone());
        }
    }
    options
}
