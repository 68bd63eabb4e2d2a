//! Manifests of version 2.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{BufferSpec, Dropped, Faults, NodeRole, NodeSpec, Table, TaskSpec, Wanted};
use crate::life::{OnFailure, Then};
use crate::limits::{
    BUFFER_SAMPLES, BUFFER_SAMPLES_MAX, CALL_TIMEOUT, DEADLINE, DEADLINE_MAX, FAILURES_MAX, INTERVAL_MAX,
    INTERVAL_MIN, NAME_BYTES_MAX, QUERIES_MAX, RUN_SAMPLES_MAX, WORKFLOW_DEPTH_MAX, WORKFLOW_NODES_MAX,
};
use crate::schedule::{Cron, CronFault, Schedule};

/// Shortest time for a call or a run.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

pub(super) fn read(map: &Map<String, Value>, faults: &Faults) -> Option<TaskSpec> {
    let table = Table::new(map, "", faults);
    table.value("version");
    let name = table.text("name").unwrap_or_default();
    check_name(&table, name);
    let schedule = match table.table("schedule") {
        Some(schedule) => read_schedule(&schedule),
        None => {
            if table.value("schedule").is_none() {
                table.fault("schedule", "is missing");
            }
            None
        }
    };
    let spec = TaskSpec {
        name: name.trim().to_owned(),
        schedule: schedule.unwrap_or(Schedule::Manual),
        timeout: table
            .duration("timeout", TIMEOUT_MIN..=DEADLINE_MAX)
            .unwrap_or(CALL_TIMEOUT),
        deadline: table
            .duration("deadline", TIMEOUT_MIN..=DEADLINE_MAX)
            .unwrap_or(DEADLINE),
        on_failure: table
            .table("on_failure")
            .map(|t| on_failure(&t))
            .unwrap_or_default(),
        start: table.boolean("start"),
        collect: read_collect(&table),
        config: read_config(&table),
        tags: read_tags(&table),
        then: Nodes::V2.read(&table, faults),
        warnings: Vec::new(),
    };
    check_whole(&spec, "collect", faults);
    Some(spec)
}

/// What holds whichever version a manifest is of.
pub(super) fn check_whole(spec: &TaskSpec, collect: &str, faults: &Faults) {
    if spec.collect.is_empty() {
        faults.add(collect, "names no metric");
    }
    if spec.collect.len() > QUERIES_MAX {
        faults.add(collect, format!("has more than {QUERIES_MAX} queries"));
    }
    if spec.nodes().len() > WORKFLOW_NODES_MAX {
        faults.add(
            "",
            format!("has more than {WORKFLOW_NODES_MAX} processors and publishers"),
        );
    }
    if let Schedule::Stream { .. } = spec.schedule {
        let plugins: std::collections::BTreeSet<&str> = spec
            .collect
            .iter()
            .filter_map(|wanted| first_element(&wanted.query))
            .collect();
        if plugins.len() > 1 || plugins.iter().any(|p| p.contains(['*', '('])) {
            faults.add(collect, "has to be metrics of a single plugin, for a stream");
        }
    }
    if let Schedule::Windowed {
        start_ms: Some(start),
        stop_ms: Some(stop),
        ..
    } = spec.schedule
        && stop <= start
    {
        faults.add("schedule", "stops before it starts");
    }
}

fn first_element(query: &str) -> Option<&str> {
    query.trim().strip_prefix('/')?.split('/').next()
}

pub(super) fn check_name(table: &Table<'_>, name: &str) {
    if name.len() > NAME_BYTES_MAX {
        table.fault("name", format!("is longer than {NAME_BYTES_MAX} bytes"));
    }
    if name.chars().any(char::is_control) {
        table.fault("name", "holds a character that cannot be shown");
    }
}

fn read_schedule(table: &Table<'_>) -> Option<Schedule> {
    let kinds = [
        ("simple", "simple"),
        ("windowed", "windowed"),
        ("cron", "cron"),
        ("stream", "stream"),
        ("streaming", "stream"),
        ("manual", "manual"),
    ];
    if table.value("type").is_none() {
        table.fault("type", "is missing");
        table.open();
        return None;
    }
    let Some(kind) = table.word("type", &kinds) else {
        table.open();
        return None;
    };
    match kind {
        "simple" => {
            let (count, jitter) = (count(table), jitter(table));
            Some(Schedule::Simple {
                interval: interval(table)?,
                count,
                jitter,
            })
        }
        "windowed" => {
            let (start_ms, stop_ms) = (moment(table, "start"), moment(table, "stop"));
            let (count, jitter) = (count(table), jitter(table));
            Some(Schedule::Windowed {
                interval: interval(table)?,
                start_ms,
                stop_ms,
                count,
                jitter,
            })
        }
        "cron" => {
            let count = count(table);
            let zone = table.text("timezone").unwrap_or_default();
            let cron = cron(table, "entry", zone, "timezone")?;
            Some(Schedule::Cron { cron, count })
        }
        "stream" => Some(Schedule::Stream {
            pause: table
                .duration("pause", Duration::ZERO..=INTERVAL_MAX)
                .unwrap_or_default(),
            max_samples: max_samples(table, "max_samples"),
            count: count(table),
        }),
        _ => Some(Schedule::Manual),
    }
}

pub(super) fn interval(table: &Table<'_>) -> Option<Duration> {
    if table.value("interval").is_none() {
        table.fault("interval", "is missing");
    }
    table.duration("interval", INTERVAL_MIN..=INTERVAL_MAX)
}

pub(super) fn count(table: &Table<'_>) -> Option<u64> {
    let count = table.integer("count", 0..=i64::MAX)?;
    // Snap takes 0 for no end, and so do people.
    u64::try_from(count).ok().filter(|count| *count > 0)
}

fn jitter(table: &Table<'_>) -> Duration {
    table
        .duration("jitter", Duration::ZERO..=INTERVAL_MAX)
        .unwrap_or_default()
}

pub(super) fn max_samples(table: &Table<'_>, key: &'static str) -> usize {
    let most = i64::try_from(RUN_SAMPLES_MAX).unwrap_or(i64::MAX);
    let read = table.integer(key, 0..=most).and_then(|n| usize::try_from(n).ok());
    read.filter(|n| *n > 0).unwrap_or(RUN_SAMPLES_MAX)
}

pub(super) fn moment(table: &Table<'_>, key: &'static str) -> Option<i64> {
    let text = table.text(key)?;
    let read = text.parse::<Timestamp>();
    if let Err(error) = &read {
        table.fault(key, format!("is no moment such as 2026-11-21T08:00:00Z: {error}"));
    }
    read.ok().map(Timestamp::as_millisecond)
}

pub(super) fn cron(table: &Table<'_>, key: &'static str, zone: &str, zone_key: &str) -> Option<Cron> {
    if let Err(fault) = Cron::zone_of(zone) {
        table.fault(zone_key, fault.to_string());
    }
    match Cron::new(table.needed_text(key)?, zone) {
        Ok(cron) => Some(cron),
        Err(fault @ CronFault::Entry(_)) => {
            table.fault(key, format!("is no cron entry of five or six fields: {fault}"));
            None
        }
        Err(CronFault::Zone(_)) => None,
    }
}

fn on_failure(table: &Table<'_>) -> OnFailure {
    let after = table.integer("after", 1..=i64::from(u32::MAX));
    let then = table.word(
        "then",
        &[
            ("slow", Then::Slow),
            ("disable", Then::Disable),
            ("ignore", Then::Ignore),
        ],
    );
    OnFailure {
        after: after.and_then(|n| u32::try_from(n).ok()).unwrap_or(FAILURES_MAX),
        then: then.unwrap_or(Then::Slow),
    }
}

fn read_collect(table: &Table<'_>) -> Vec<Wanted> {
    let mut all = Vec::new();
    for (query, value) in table.map("collect").into_iter().flatten() {
        let path = format!("collect.{query}");
        let mut wanted = Wanted {
            query: query.clone(),
            version: String::new(),
            optional: false,
        };
        match value {
            Value::Null => {}
            Value::Object(map) => {
                let options = Table::new(map, path, table.faults());
                wanted.version = options.text("version").unwrap_or_default().to_owned();
                wanted.optional = options.boolean("optional").unwrap_or(false);
            }
            _ => table.faults().add(path, "is not a mapping"),
        }
        all.push(wanted);
    }
    all
}

pub(super) fn read_config(table: &Table<'_>) -> BTreeMap<String, Map<String, Value>> {
    let mut all = BTreeMap::new();
    for (prefix, value) in table.map("config").into_iter().flatten() {
        match value {
            Value::Object(map) => {
                all.insert(prefix.clone(), map.clone());
            }
            Value::Null => {}
            _ => table.fault(&format!("config.{prefix}"), "is not a mapping"),
        }
    }
    all
}

pub(super) fn read_tags(table: &Table<'_>) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for (prefix, value) in table.map("tags").into_iter().flatten() {
        let Some(map) = value.as_object() else {
            table.fault(&format!("tags.{prefix}"), "is not a mapping");
            continue;
        };
        let mut tags = BTreeMap::new();
        for (name, value) in map {
            match value {
                Value::String(text) => tags.insert(name.clone(), text.clone()),
                Value::Number(_) | Value::Bool(_) => tags.insert(name.clone(), value.to_string()),
                _ => {
                    table.fault(&format!("tags.{prefix}.{name}"), "is not a text");
                    None
                }
            };
        }
        all.insert(prefix.clone(), tags);
    }
    all
}

/// How nodes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nodes {
    V1,
    V2,
}

impl Nodes {
    /// Nodes below a table.
    pub(super) fn read(self, table: &Table<'_>, faults: &Faults) -> Vec<NodeSpec> {
        self.below(table, 1, faults)
    }

    fn below(self, table: &Table<'_>, depth: usize, faults: &Faults) -> Vec<NodeSpec> {
        let mut nodes = Vec::new();
        for role in [NodeRole::Process, NodeRole::Publish] {
            for (index, value) in table.list(role.key()).iter().enumerate() {
                let path = table.at(&format!("{}[{index}]", role.key()));
                let Some(map) = value.as_object() else {
                    faults.add(path, "is not a mapping");
                    continue;
                };
                if depth > WORKFLOW_DEPTH_MAX {
                    faults.add(path, format!("is nested deeper than {WORKFLOW_DEPTH_MAX}"));
                    continue;
                }
                nodes.push(self.node(&Table::new(map, path, faults), role, depth, faults));
            }
        }
        nodes
    }

    fn node(self, table: &Table<'_>, role: NodeRole, depth: usize, faults: &Faults) -> NodeSpec {
        let plugin = match self {
            Nodes::V1 => {
                if table.value("target").is_some_and(|t| t.as_str() != Some("")) {
                    table.fault(
                        "target",
                        "is left out: Orrery runs no part of a task on another machine",
                    );
                }
                if table
                    .value("plugin_version")
                    .is_some_and(|v| v.as_i64().is_none_or(|v| v > 0))
                {
                    table.warn("plugin_version", "is left out: the newest version is taken");
                }
                table.needed_text("plugin_name")
            }
            Nodes::V2 => table.needed_text("plugin"),
        };
        let buffer = match (self, role) {
            (Nodes::V2, NodeRole::Publish) => table.table("buffer").map(|t| buffer(&t)),
            _ => None,
        };
        let config = table.map("config").cloned().unwrap_or_default();
        let then = match role {
            NodeRole::Process => self.below(table, depth + 1, faults),
            NodeRole::Publish => Vec::new(),
        };
        NodeSpec {
            role,
            // One without a name keeps its place, so that the paths of those after it stay right.
            plugin: plugin.unwrap_or_default().to_owned(),
            config,
            buffer,
            then,
        }
    }
}

fn buffer(table: &Table<'_>) -> BufferSpec {
    let most = i64::try_from(BUFFER_SAMPLES_MAX).unwrap_or(i64::MAX);
    let max = table
        .integer("max", 1..=most)
        .and_then(|n| usize::try_from(n).ok());
    let drop = table.word(
        "drop",
        &[("oldest", Dropped::Oldest), ("newest", Dropped::Newest)],
    );
    BufferSpec {
        max: max.unwrap_or(BUFFER_SAMPLES),
        drop: drop.unwrap_or(Dropped::Oldest),
    }
}
