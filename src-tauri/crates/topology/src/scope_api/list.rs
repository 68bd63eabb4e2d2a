//! The list of topologies.

use schemars::JsonSchema;
use serde::Serialize;

use crate::derive::options::is_own;
use crate::derive::{Chosen, Derivation};
use crate::info::{TopologyInfo, TopologyOption, ViewStats};

/// A topology that can be shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TopologyDesc {
    /// Text shown.
    pub name: String,
    /// Order.
    pub rank: u32,
    /// Left out while empty.
    pub hide_if_empty: bool,
    /// Filters; null when there is none.
    pub options: Option<Vec<OptionGroup>>,
    /// Where its nodes are.
    pub url: String,
    /// Variants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sub_topologies: Vec<TopologyDesc>,
    /// Counts.
    pub stats: Stats,
}

/// Counts of a topology.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Stats {
    /// Nodes.
    pub node_count: u32,
    /// Nodes that a report names.
    pub nonpseudo_node_count: u32,
    /// Edges.
    pub edge_count: u32,
    /// Nodes that filters took away.
    pub filtered_nodes: u32,
}

/// A filter.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OptionGroup {
    /// Key.
    pub id: String,
    /// Value when none is chosen.
    pub default_value: String,
    /// `union`, or nothing for one of several.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub select_type: String,
    /// Label of "none chosen".
    #[serde(skip_serializing_if = "String::is_empty")]
    pub none_label: String,
    /// Values.
    pub options: Vec<OptionValue>,
}

/// A value of a filter.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OptionValue {
    /// Key.
    pub value: String,
    /// Text shown.
    pub label: String,
}

pub(super) fn topologies(derivation: &Derivation, chosen: Chosen<'_>) -> Vec<TopologyDesc> {
    let all = derivation.topologies_with(chosen);
    let all: Vec<TopologyInfo> = all
        .into_iter()
        .filter(|t| super::scope_key(&t.id).is_some())
        .collect();
    let mut top: Vec<TopologyDesc> = all
        .iter()
        .filter(|t| t.parent.is_none())
        .map(|t| {
            let children = all.iter().filter(|c| c.parent.as_deref() == Some(t.id.as_str()));
            describe(t, children.map(|c| describe(c, Vec::new())).collect())
        })
        .collect();
    top.sort_by(|a, b| a.name.cmp(&b.name));
    top
}

fn describe(info: &TopologyInfo, sub_topologies: Vec<TopologyDesc>) -> TopologyDesc {
    let scopes = info.options.iter().filter(|o| !is_own(&o.id));
    let options: Vec<OptionGroup> = scopes.map(group).collect();
    let ViewStats {
        node_count,
        nonpseudo_node_count,
        edge_count,
        filtered_nodes,
    } = info.stats;
    TopologyDesc {
        name: info.name.clone(),
        rank: info.rank,
        hide_if_empty: info.hide_if_empty,
        options: (!options.is_empty()).then_some(options),
        url: format!("/api/topology/{}", info.id),
        sub_topologies,
        stats: Stats {
            node_count,
            nonpseudo_node_count,
            edge_count,
            filtered_nodes,
        },
    }
}

fn group(option: &TopologyOption) -> OptionGroup {
    OptionGroup {
        id: option.id.clone(),
        default_value: option.default_value.clone(),
        select_type: if option.select_type == "one" {
            String::new()
        } else {
            option.select_type.clone()
        },
        none_label: option.none_label.clone(),
        options: option
            .values
            .iter()
            .map(|v| OptionValue {
                value: v.value.clone(),
                label: v.label.clone(),
            })
            .collect(),
    }
}
