//! What is odd in a report that reads: facts that nobody will see, buttons that do nothing, nodes that join
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use orrery_model::{Node, Report, Timestamp, Topology, TopologyKind};

use super::findings::Findings;

/// How far a plugin's clock may run ahead, in milliseconds.
const AHEAD_MS: i64 = 10_000;
/// Examples given of one oddity.
const EXAMPLES: usize = 3;
/// Forms of numbers that are known.
const FORMATS: [&str; 6] = ["", "percent", "filesize", "integer", "number", "duration"];

/// Oddities, each with a few of the things that have it.
#[derive(Default)]
struct Odd(BTreeMap<String, BTreeSet<String>>);

impl Odd {
    fn add(&mut self, text: String, example: &str) {
        self.0.entry(text).or_default().insert(example.to_owned());
    }
}

/// Looks through a report.
pub(super) fn look(report: &Report, now: Timestamp, findings: &mut Findings) {
    if report.node_count() == 0 {
        findings.note("nodes", "the report has no nodes: nothing of it will be seen");
    }
    let mut odd = Odd::default();
    for (kind, topology) in &report.topologies {
        for node in topology.nodes.values() {
            ids(*kind, node, &mut odd);
            shown(*kind, topology, node, &mut odd);
            times(node, now, &mut odd);
        }
        for template in topology.metric_templates.values() {
            if !FORMATS.contains(&template.format.as_str()) {
                odd.add(
                    format!("metrics of {kind} have a format that is not known (percent, filesize, integer, number, duration)"),
                    &template.id,
                );
            }
        }
    }
    for (text, examples) in odd.0 {
        let more = examples.len().saturating_sub(EXAMPLES);
        let mut named: Vec<_> = examples.into_iter().take(EXAMPLES).collect();
        if more > 0 {
            named.push(format!("{more} more"));
        }
        findings.note("nodes", format!("{text}: {}", named.join(", ")));
    }
    controls(report, findings);
}

/// Only nodes with the usual ids join what others report.
fn ids(kind: TopologyKind, node: &Node, odd: &mut Odd) {
    let usual = match kind {
        TopologyKind::Process => node
            .id
            .split_once(';')
            .is_some_and(|(host, pid)| !host.is_empty() && pid.parse::<u32>().is_ok()),
        TopologyKind::Endpoint => orrery_model::id::parse_endpoint(&node.id).is_some(),
        _ => kind.id_tag().is_none() || orrery_model::id::parse_tagged(kind, &node.id).is_some(),
    };
    if usual {
        return;
    }
    let form = match (kind, kind.id_tag()) {
        (TopologyKind::Process, _) => "<hostname>;<pid>".to_owned(),
        (TopologyKind::Endpoint, _) => "<scope>;<address>;<port>".to_owned(),
        (_, tag) => format!(
            "<name>;<{}>, angle brackets included at the end",
            tag.unwrap_or_default()
        ),
    };
    odd.add(
        format!("nodes of {kind} whose id is not of the form {form} join nothing that others report"),
        &node.id,
    );
}

/// Facts and metrics are shown where a template names them, or a table's prefix takes them in.
fn shown(kind: TopologyKind, topology: &Topology, node: &Node, odd: &mut Odd) {
    for key in node.latest.keys() {
        let in_table = topology
            .table_templates
            .values()
            .any(|table| key.starts_with(table.prefix.as_str()));
        if !in_table && !topology.metadata_templates.contains_key(key) {
            odd.add(
                format!("facts of {kind} without one of its metadata_templates are seen only if somebody else has one"),
                key,
            );
        }
    }
    for (key, metric) in &node.metrics {
        if !topology.metric_templates.contains_key(key) {
            odd.add(
                format!("metrics of {kind} without one of its metric_templates are seen only if somebody else has one"),
                key,
            );
        }
        if metric.samples.is_empty() {
            odd.add(format!("metrics of {kind} have no samples"), key);
        }
    }
}

/// The newest value wins, so one from the future stays for long.
fn times(node: &Node, now: Timestamp, odd: &mut Odd) {
    let limit = now.as_millis().saturating_add(AHEAD_MS);
    for (key, latest) in &node.latest {
        if latest.timestamp.as_millis() > limit {
            odd.add(
                "facts are from the future, and newer ones will not replace them until then".to_owned(),
                key,
            );
        }
    }
}

fn controls(report: &Report, findings: &mut Findings) {
    let takes_them = report
        .plugins
        .iter()
        .any(|p| p.interfaces.iter().any(|i| i == "controller"));
    let declared: BTreeSet<&str> = report
        .topologies
        .values()
        .flat_map(|t| t.controls.keys())
        .map(orrery_model::SmolStr::as_str)
        .collect();
    let mut unknown: BTreeMap<&str, &str> = BTreeMap::new();
    for (kind, topology) in &report.topologies {
        for node in topology.nodes.values() {
            for control in node.controls() {
                if !topology.controls.contains_key(control) {
                    unknown.insert(control, kind.key());
                }
            }
        }
    }
    for (control, kind) in unknown.into_iter().take(EXAMPLES) {
        findings.wrong(
            "controls",
            format!(
                "nodes of {kind} have the control {control}, which the topology's `controls` do not declare"
            ),
        );
    }
    match (takes_them, declared.is_empty()) {
        (false, false) => findings.wrong(
            "controls",
            "controls are declared, and `interfaces` do not name controller: their buttons are not shown",
        ),
        (true, true) => findings.note(
            "controls",
            "`interfaces` name controller, and no topology declares a control",
        ),
        (true, false) => findings.ok(
            "controls",
            format!(
                "declared: {}",
                declared.into_iter().collect::<Vec<_>>().join(", ")
            ),
        ),
        (false, true) => {}
    }
}
