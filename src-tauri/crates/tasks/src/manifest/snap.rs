//! Manifests of version 1: Snap's, read into what version 2 says.
//!
//! Text is taken as it stands: Snap replaced `$NAME` in the whole text by variables of the environment, which
//! destroyed every other `$`. Counts are runs here, where Snap used slots that it missed up too.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::read::{
    Nodes, check_name, check_whole, count, cron, interval, max_samples, moment, read_config, read_tags,
};
use super::{Faults, NodeSpec, Table, TaskSpec, Wanted};
use crate::life::{OnFailure, Then};
use crate::limits::{CALL_TIMEOUT, DEADLINE, DEADLINE_MAX, FAILURES_MAX, INTERVAL_MAX};
use crate::schedule::{Schedule, duration};

pub(super) fn read(map: &Map<String, Value>, faults: &Faults) -> Option<TaskSpec> {
    let table = Table::new(map, "", faults);
    table.value("version");
    let name = table.text("name").unwrap_or_default();
    check_name(&table, name);
    let pause = table.duration("max-collect-duration", Duration::ZERO..=INTERVAL_MAX);
    let buffered = max_samples(&table, "max-metrics-buffer");
    let schedule = table
        .table("schedule")
        .and_then(|schedule| read_schedule(&schedule, pause.unwrap_or_default(), buffered));
    if table.value("schedule").is_none() {
        table.fault("schedule", "is missing");
    }
    let deadline = table.duration("deadline", Duration::from_millis(1)..=DEADLINE_MAX);
    let failures = table.integer("max-failures", -1..=i64::from(u32::MAX));
    if failures == Some(0) {
        table.warn(
            "max-failures",
            "is 0, and taken as 1: one failed run disables the task",
        );
    }
    warn_of_variables("", &Value::Object(map.clone()), faults);
    let start = table.boolean("start");
    let Some(workflow) = table.table("workflow") else {
        table.fault("workflow", "is missing");
        return None;
    };
    let Some(collect) = workflow.table("collect") else {
        workflow.fault("collect", "is missing");
        return None;
    };
    let spec = TaskSpec {
        name: name.trim().to_owned(),
        schedule: schedule.unwrap_or(Schedule::Manual),
        timeout: CALL_TIMEOUT,
        deadline: deadline.unwrap_or(DEADLINE),
        on_failure: on_failure(failures),
        start,
        collect: read_metrics(&collect),
        config: by_slashes(read_config(&collect)),
        tags: by_slashes(read_tags(&collect)),
        then: Nodes::V1
            .read(&collect, faults)
            .into_iter()
            .map(renamed)
            .collect(),
        warnings: Vec::new(),
    };
    check_whole(&spec, "workflow.collect.metrics", faults);
    Some(spec)
}

fn on_failure(failures: Option<i64>) -> OnFailure {
    match failures.map(u32::try_from) {
        Some(Err(_)) => OnFailure {
            after: FAILURES_MAX,
            then: Then::Ignore,
        },
        Some(Ok(after)) => OnFailure {
            after: after.max(1),
            then: Then::Disable,
        },
        None => OnFailure {
            after: FAILURES_MAX,
            then: Then::Disable,
        },
    }
}

fn read_schedule(table: &Table<'_>, pause: Duration, max_samples: usize) -> Option<Schedule> {
    // Snap leaves the schedule's further keys alone.
    table.open();
    let kinds = [
        ("simple", "simple"),
        ("windowed", "windowed"),
        ("cron", "cron"),
        ("streaming", "streaming"),
    ];
    if table.value("type").is_none() {
        table.fault("type", "is missing");
        return None;
    }
    let kind = table.word("type", &kinds)?;
    if table
        .value("count")
        .is_some_and(|count| count.as_i64() != Some(0))
    {
        let said = match kind {
            "streaming" => "is left out: Snap took none for streams either",
            "windowed" if table.value("stop_timestamp").is_some() => {
                "holds beside the end of the window: Snap left it out"
            }
            _ => "counts runs: Snap used it up with slots that it missed, too",
        };
        table.warn("count", said);
    }
    match kind {
        "simple" => Some(Schedule::Simple {
            interval: interval(table)?,
            count: count(table),
            jitter: Duration::ZERO,
        }),
        "windowed" => Some(Schedule::Windowed {
            interval: interval(table)?,
            start_ms: moment(table, "start_timestamp"),
            stop_ms: moment(table, "stop_timestamp"),
            count: count(table),
            jitter: Duration::ZERO,
        }),
        "cron" => {
            let entry = table.needed_text("interval")?;
            if let Some(every) = entry.trim().strip_prefix("@every") {
                let Some(interval) = duration(every).filter(|every| !every.is_zero()) else {
                    table.fault("interval", "is no length of time such as @every 5s");
                    return None;
                };
                return Some(Schedule::Simple {
                    interval,
                    count: count(table),
                    jitter: Duration::ZERO,
                });
            }
            let cron = match entry.split_whitespace().count() {
                // Seconds first, the day of the week left out.
                5 => crate::schedule::Cron::new(&format!("{entry} *"), "")
                    .map_err(|fault| table.fault("interval", fault.to_string()))
                    .ok()?,
                _ => cron(table, "interval", "", "interval")?,
            };
            let count = count(table);
            Some(Schedule::Cron { cron, count })
        }
        _ => Some(Schedule::Stream {
            pause,
            max_samples,
            count: None,
        }),
    }
}

fn read_metrics(table: &Table<'_>) -> Vec<Wanted> {
    let mut all = Vec::new();
    for (query, value) in table.map("metrics").into_iter().flatten() {
        let path = format!("{}.metrics.{query}", table.path);
        let version = match value {
            Value::Null => None,
            Value::Object(map) => {
                let options = Table::new(map, path, table.faults());
                let version = options
                    .integer("version", -1..=i64::from(i32::MAX))
                    .filter(|version| *version > 0);
                if let Some(version) = version {
                    options.warn(
                        "version",
                        format!("is taken as ={version}: plugins have versions such as {version}.0.0 here"),
                    );
                }
                version
            }
            _ => {
                table.faults().add(path, "is not a mapping");
                None
            }
        };
        all.push(Wanted {
            query: with_slashes(query),
            version: version.map(|version| format!("={version}")).unwrap_or_default(),
            optional: false,
        });
    }
    all
}

/// The first character of a namespace separates its elements; here that is always a slash.
fn with_slashes(query: &str) -> String {
    match query.chars().next() {
        Some(separator) if separator != '/' && !separator.is_alphanumeric() && separator != '*' => {
            let elements = query.split(separator).map(|element| element.replace('/', "\\/"));
            elements.collect::<Vec<_>>().join("/")
        }
        _ => query.to_owned(),
    }
}

/// The same by namespaces with slashes.
fn by_slashes<T>(all: BTreeMap<String, T>) -> BTreeMap<String, T> {
    let each = all.into_iter();
    each.map(|(prefix, value)| (with_slashes(&prefix), value))
        .collect()
}

/// Tells of every text in which Snap would have put a variable of the environment.
fn warn_of_variables(path: &str, value: &Value, faults: &Faults) {
    match value {
        Value::String(text) if is_variable(text) => {
            faults.warn(
                path,
                "is taken as it stands: Snap put variables of the environment in place of `$`",
            );
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                warn_of_variables(&format!("{path}[{index}]"), item, faults);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let dot = if path.is_empty() { "" } else { "." };
                warn_of_variables(&format!("{path}{dot}{key}"), item, faults);
            }
        }
        _ => {}
    }
}

fn is_variable(text: &str) -> bool {
    let mut after = text.split('$').skip(1);
    after.any(|rest| rest.starts_with(|c: char| c == '{' || c == '_' || c.is_ascii_alphabetic()))
}

/// What Snap's own publishers are called here.
fn renamed(mut node: NodeSpec) -> NodeSpec {
    if node.plugin == "file"
        && let Some(path) = node.config.remove("file")
    {
        node.config.insert("path".to_owned(), path);
    }
    node.then = node.then.into_iter().map(renamed).collect();
    node
}
