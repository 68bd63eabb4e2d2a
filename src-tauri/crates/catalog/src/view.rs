//! What is shown of the catalog and of subscriptions: plain data for the window, the command line and the API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ts_rs::TS;

use crate::config::LayerKind;
use crate::entry::MetricEntry;
use crate::group::{Need, Part, Problem, View};
use crate::readings::Reading;
use crate::shelf::{Selected, Standing};

/// An element of a name that is not always the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct DynamicElement {
    /// Its place in the name, from 0.
    pub index: usize,
    /// Its name, such as `node`.
    pub name: String,
}

/// A metric in the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct CatalogMetric {
    /// Its name, such as `/iowait/host/*node/iowait`.
    pub namespace: String,
    /// Plugin, or `orrery` for what is built in.
    pub plugin: String,
    /// Version of the plugin.
    pub version: String,
    /// It is part of Orrery.
    pub built_in: bool,
    /// Text shown.
    pub label: String,
    /// Unit; empty when it is not said.
    pub unit: String,
    /// What it is; may be empty.
    pub description: String,
    /// `percent`, `filesize`, `integer`, `number`, `duration` or empty.
    pub format: String,
    /// Elements of the name that are not always the same.
    pub dynamic: Vec<DynamicElement>,
    /// Topology whose nodes have it, such as `host`; empty for what is in no report.
    pub topology: String,
    /// Its id in reports; empty for what is in none.
    pub metric: String,
    /// When the plugin last said that it has it, in milliseconds since the epoch.
    pub advertised_ms: i64,
    /// Why its values cannot be had now; empty when they can.
    pub away: String,
}

impl CatalogMetric {
    /// What is shown of an entry.
    #[must_use]
    pub fn of(entry: &MetricEntry) -> CatalogMetric {
        let (source, told) = (&entry.source, &entry.told);
        let dynamic = entry.namespace.dynamic().map(|(index, name)| DynamicElement {
            index,
            name: name.to_string(),
        });
        CatalogMetric {
            namespace: entry.namespace.to_string(),
            plugin: source.id.to_string(),
            version: source.version.to_string(),
            built_in: source.built_in,
            label: told.label.to_string(),
            unit: told.unit.to_string(),
            description: told.description.to_string(),
            format: told.format.to_string(),
            dynamic: dynamic.collect(),
            topology: told
                .place
                .as_ref()
                .map(|p| p.topology.tag().to_owned())
                .unwrap_or_default(),
            metric: told
                .place
                .as_ref()
                .map(|p| p.metric.to_string())
                .unwrap_or_default(),
            advertised_ms: told.advertised_ms,
            away: match &source.standing {
                Standing::Ready => String::new(),
                Standing::Away(why) => why.clone(),
            },
        }
    }

    /// What is shown of a metric that answers a query: its name has the values that the query gives.
    #[must_use]
    pub fn of_selected(selected: &Selected) -> CatalogMetric {
        CatalogMetric {
            namespace: selected.namespace().to_string(),
            ..CatalogMetric::of(&selected.entry)
        }
    }
}

/// Metrics that answer a query.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct CatalogPage {
    /// Metrics in order of plugins, versions (newest first) and names.
    pub metrics: Vec<CatalogMetric>,
    /// How many answer in all.
    pub total: usize,
    /// Parts of the query to which nothing answers.
    pub missing: Vec<String>,
}

/// The newest value of a metric of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct MetricReading {
    /// The metric's name with the node in it.
    pub namespace: String,
    /// Topology of the node.
    pub topology: String,
    /// Node.
    pub node: String,
    /// The metric's id in reports.
    pub metric: String,
    /// Value.
    pub value: f64,
    /// Unit; empty when it is not said.
    pub unit: String,
    /// When it was taken, in milliseconds since the epoch.
    pub at_ms: i64,
}

impl MetricReading {
    /// What is shown of a reading.
    #[must_use]
    pub fn of(reading: &Reading) -> MetricReading {
        let place = reading.entry.told.place.as_ref();
        MetricReading {
            namespace: reading.namespace().to_string(),
            topology: place.map(|p| p.topology.tag().to_owned()).unwrap_or_default(),
            node: reading.node.to_string(),
            metric: place.map(|p| p.metric.to_string()).unwrap_or_default(),
            value: reading.sample.value,
            unit: reading.entry.told.unit.to_string(),
            at_ms: reading.sample.date.as_millis(),
        }
    }
}

/// A config value and where it is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct ValueOrigin {
    /// The key.
    pub key: String,
    /// Where it is said.
    pub layer: LayerKind,
}

/// A plugin that a subscription needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct SubscribedPlugin {
    /// Plugin, or `orrery` for what is built in.
    pub plugin: String,
    /// Version that is meant.
    pub version: String,
    /// What it is needed for.
    pub part: Part,
    /// Place in the task; empty for what has metrics.
    pub path: String,
    /// Its config with everything filled in. A secret is where it is, never what it is.
    #[ts(type = "Record<string, unknown>")]
    pub config: Map<String, Value>,
    /// Where each value is said.
    pub origins: Vec<ValueOrigin>,
}

impl SubscribedPlugin {
    fn of(need: &Need) -> SubscribedPlugin {
        let origins = need.config.origins.iter().map(|(key, layer)| ValueOrigin {
            key: key.clone(),
            layer: *layer,
        });
        SubscribedPlugin {
            plugin: need.source.id.to_string(),
            version: need.source.version.to_string(),
            part: need.part,
            path: need.path.clone(),
            config: need.config.values.clone(),
            origins: origins.collect(),
        }
    }
}

/// Metrics that are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct RequestedMetric {
    /// The query.
    pub query: String,
    /// Versions: `latest`, `all` or a range.
    pub versions: String,
    /// When nothing answers, the task gets along without.
    pub optional: bool,
}

/// What a task is subscribed to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct SubscriptionView {
    /// Id: the task's.
    pub id: String,
    /// Counts the different views; a run uses one throughout.
    pub number: u64,
    /// It has what it asks for; otherwise it waits.
    pub ready: bool,
    /// What is asked for.
    pub requested: Vec<RequestedMetric>,
    /// Plugins that are needed.
    pub plugins: Vec<SubscribedPlugin>,
    /// Metrics that are there to be collected.
    pub metrics: Vec<CatalogMetric>,
    /// How many there are in all.
    pub metrics_total: usize,
    /// Why something is missing.
    pub problems: Vec<Problem>,
}

impl SubscriptionView {
    /// What is shown of a view, with at most `limit` metrics.
    #[must_use]
    pub fn of(view: &View, limit: usize) -> SubscriptionView {
        let requested = view.request.wants.iter().map(|want| RequestedMetric {
            query: want.query.to_string(),
            versions: want.versions.to_string(),
            optional: want.optional,
        });
        SubscriptionView {
            id: view.group.to_string(),
            number: view.number,
            ready: view.is_ready(),
            requested: requested.collect(),
            plugins: view.needs.iter().map(SubscribedPlugin::of).collect(),
            metrics: view
                .metrics
                .iter()
                .take(limit)
                .map(CatalogMetric::of_selected)
                .collect(),
            metrics_total: view.metrics.len(),
            problems: view.problems.clone(),
        }
    }
}
