//! Reports for property tests: small, with few names and times, so that they meet and tie often.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use orrery_model::{
    Column, Control, ControlState, DnsRecord, Latest, MetadataSource, MetadataTemplate, Metric,
    MetricTemplate, Names, Node, OWN_CONTROLS, PluginSpec, Report, Sample, Sampling, SmolStr, TableTemplate,
    TableType, Timestamp, Topology, TopologyKind,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

/// Times around a moment in 2026, a second apart and few; now and then none at all.
pub(crate) fn time() -> BoxedStrategy<Timestamp> {
    prop_oneof![
        9 => (0..6_i64).prop_map(|s| Timestamp(1_790_000_000_000_000_000 + s * 1_000_000_001)),
        1 => Just(Timestamp::ZERO),
    ]
    .boxed()
}

fn key() -> BoxedStrategy<SmolStr> {
    prop_oneof![
        Just(SmolStr::new("a")),
        Just(SmolStr::new("b")),
        Just(SmolStr::new("a key that is longer than what is stored inline")),
    ]
    .boxed()
}

/// Texts that sort differently as JSON than as bytes are among them.
fn text() -> BoxedStrategy<SmolStr> {
    prop_oneof![
        Just(SmolStr::new("")),
        Just(SmolStr::new("x")),
        Just(SmolStr::new("x!")),
        Just(SmolStr::new("x\"y\\\n\u{1}é<🦀>")),
    ]
    .boxed()
}

fn number() -> BoxedStrategy<f64> {
    prop_oneof![
        Just(0.0),
        Just(9.0),
        Just(10.0),
        Just(-1.5),
        Just(1.844_674_407_370_955_2e19)
    ]
    .boxed()
}

fn texts() -> BoxedStrategy<Names> {
    btree_set(text(), 1..3).prop_map(Names::from).boxed()
}

fn metric() -> BoxedStrategy<Metric> {
    (btree_map(time(), number(), 0..4), number(), number())
        .prop_map(|(samples, min, max)| Metric {
            samples: samples
                .into_iter()
                .map(|(date, value)| Sample { date, value })
                .collect(),
            min,
            max,
        })
        .boxed()
}

fn controls() -> BoxedStrategy<BTreeMap<SmolStr, (Timestamp, BTreeSet<SmolStr>)>> {
    let owner = prop_oneof![Just(SmolStr::new(OWN_CONTROLS)), Just(SmolStr::new("iowait"))];
    btree_map(owner, (time(), btree_set(key(), 0..3)), 0..3).boxed()
}

/// A node of this kind, without children.
fn leaf(kind: TopologyKind, id: SmolStr) -> BoxedStrategy<Node> {
    (
        any::<bool>(),
        btree_map(key(), (time(), text()), 0..3),
        btree_map(key(), texts(), 0..2),
        btree_set(key(), 0..2),
        btree_map(key(), metric(), 0..2),
        btree_map(key(), texts(), 0..2),
        controls(),
        btree_map(key(), (time(), any::<bool>()), 0..2),
    )
        .prop_map(
            move |(tagged, latest, sets, adjacency, metrics, parents, active, old)| Node {
                id: id.clone(),
                topology: if tagged {
                    kind.tag().into()
                } else {
                    SmolStr::default()
                },
                latest: latest
                    .into_iter()
                    .map(|(key, (timestamp, value))| (key, Latest { timestamp, value }))
                    .collect(),
                sets: sets.into_iter().collect(),
                adjacency,
                metrics: metrics.into_iter().collect(),
                parents: parents.into_iter().collect(),
                children: Vec::new(),
                active_controls: active,
                latest_controls: old
                    .into_iter()
                    .map(|(key, (timestamp, dead))| (key, ControlState { timestamp, dead }))
                    .collect(),
            },
        )
        .boxed()
}

/// A node of this kind, now and then with children.
pub(crate) fn node(kind: TopologyKind, id: SmolStr) -> BoxedStrategy<Node> {
    let children = prop_oneof![
        4 => Just(Vec::new()),
        1 => leaf(TopologyKind::Process, "child".into()).prop_map(|child| vec![Arc::new(child)]),
    ];
    (leaf(kind, id), children)
        .prop_map(|(mut node, children)| {
            node.children = children;
            node
        })
        .boxed()
}

fn control() -> BoxedStrategy<Control> {
    (text(), text(), text(), 0..2_i64, time())
        .prop_map(|(human, icon, confirmation, rank, declared)| Control {
            id: "control".into(),
            human,
            icon,
            confirmation,
            rank,
            probe_id: SmolStr::default(),
            declared,
        })
        .boxed()
}

fn metadata() -> BoxedStrategy<MetadataTemplate> {
    let from = prop_oneof![
        Just(MetadataSource::Latest),
        Just(MetadataSource::Sets),
        Just(MetadataSource::Counters)
    ];
    (text(), 0..2_u32, number(), from)
        .prop_map(|(label, truncate, priority, from)| MetadataTemplate {
            id: "metadata".into(),
            label,
            truncate,
            data_type: "number".into(),
            priority,
            from,
        })
        .boxed()
}

fn metric_template() -> BoxedStrategy<MetricTemplate> {
    (text(), text(), number())
        .prop_map(|(label, group, priority)| MetricTemplate {
            id: "metric".into(),
            label,
            format: "percent".into(),
            group,
            priority,
        })
        .boxed()
}

fn table() -> BoxedStrategy<TableTemplate> {
    let column = text().prop_map(|label| Column {
        id: "c".into(),
        label,
        data_type: SmolStr::default(),
    });
    (
        text(),
        any::<bool>(),
        vec(column, 0..2),
        btree_map(key(), text(), 0..2),
    )
        .prop_map(|(label, multicolumn, columns, fixed_rows)| TableTemplate {
            id: "table".into(),
            label,
            prefix: "table-".into(),
            table_type: if multicolumn {
                TableType::Multicolumn
            } else {
                TableType::PropertyList
            },
            columns,
            fixed_rows,
        })
        .boxed()
}

fn topology(kind: TopologyKind) -> BoxedStrategy<Topology> {
    let nodes = btree_set(key(), 0..3)
        .prop_flat_map(move |ids| ids.into_iter().map(|id| node(kind, id)).collect::<Vec<_>>());
    (
        (text(), text(), text(), text()),
        nodes,
        btree_map(key(), control(), 0..2),
        btree_map(key(), metadata(), 0..2),
        btree_map(key(), metric_template(), 0..2),
        btree_map(key(), table(), 0..2),
    )
        .prop_map(
            |(names, nodes, controls, metadata_templates, metric_templates, table_templates)| Topology {
                shape: names.0,
                tag: names.1,
                label: names.2,
                label_plural: names.3,
                nodes: nodes.into_iter().map(|n| (n.id.clone(), Arc::new(n))).collect(),
                controls,
                metadata_templates,
                metric_templates,
                table_templates,
            },
        )
        .prop_filter("a topology holds something", |t| *t != Topology::default())
        .boxed()
}

fn plugin(id: SmolStr) -> BoxedStrategy<PluginSpec> {
    (text(), text(), vec(key(), 0..3))
        .prop_map(move |(label, description, interfaces)| PluginSpec {
            id: id.clone(),
            label,
            description,
            interfaces,
            api_version: "1".into(),
            status: SmolStr::default(),
        })
        .boxed()
}

/// Reports with everything in them.
pub(crate) fn report() -> BoxedStrategy<Report> {
    let topologies = (
        proptest::option::of(topology(TopologyKind::Host)),
        proptest::option::of(topology(TopologyKind::Process)),
        proptest::option::of(topology(TopologyKind::DaemonSet)),
    )
        .prop_map(|(host, process, daemon_set)| {
            [
                (TopologyKind::Host, host),
                (TopologyKind::Process, process),
                (TopologyKind::DaemonSet, daemon_set),
            ]
            .into_iter()
            .filter_map(|(kind, topology)| Some((kind, topology?)))
            .collect::<BTreeMap<_, _>>()
        });
    let names = || btree_set(text(), 1..3);
    let record = (names(), names()).prop_map(|(forward, reverse)| DnsRecord { forward, reverse });
    let plugins = btree_set(key(), 0..3).prop_flat_map(|ids| ids.into_iter().map(plugin).collect::<Vec<_>>());
    (
        time(),
        topologies,
        btree_map(key(), record, 0..2),
        (0..9_u64, 0..9_u64).prop_map(|(count, total)| Sampling { count, total }),
        0..9_i64,
        any::<bool>(),
        plugins,
        text(),
    )
        .prop_map(
            |(ts, topologies, dns, sampling, window_ns, shortcut, plugins, id)| Report {
                ts,
                topologies,
                dns,
                sampling,
                window_ns,
                shortcut,
                plugins,
                id,
            },
        )
        .boxed()
}
