//! A task as a manifest of version 2.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{Dropped, NodeRole, NodeSpec, TaskSpec};
use crate::life::{OnFailure, Then};
use crate::limits::{CALL_TIMEOUT, DEADLINE, RUN_SAMPLES_MAX};
use crate::schedule::Schedule;

pub(super) fn value(spec: &TaskSpec) -> Value {
    let mut map = Map::new();
    map.insert("version".to_owned(), json!(2));
    if !spec.name.is_empty() {
        map.insert("name".to_owned(), json!(spec.name));
    }
    map.insert("schedule".to_owned(), schedule(&spec.schedule));
    if spec.timeout != CALL_TIMEOUT {
        map.insert("timeout".to_owned(), json!(text(spec.timeout)));
    }
    if spec.deadline != DEADLINE {
        map.insert("deadline".to_owned(), json!(text(spec.deadline)));
    }
    if spec.on_failure != OnFailure::default() {
        let then = match spec.on_failure.then {
            Then::Slow => "slow",
            Then::Disable => "disable",
            Then::Ignore => "ignore",
        };
        let on_failure = json!({ "after": spec.on_failure.after, "then": then });
        map.insert("on_failure".to_owned(), on_failure);
    }
    if let Some(start) = spec.start {
        map.insert("start".to_owned(), json!(start));
    }
    map.insert("collect".to_owned(), collect(spec));
    if !spec.config.is_empty() {
        map.insert("config".to_owned(), json!(spec.config));
    }
    if !spec.tags.is_empty() {
        map.insert("tags".to_owned(), json!(spec.tags));
    }
    nodes(&mut map, &spec.then);
    Value::Object(map)
}

fn schedule(schedule: &Schedule) -> Value {
    let mut map = Map::new();
    map.insert("type".to_owned(), json!(schedule.kind()));
    match schedule {
        Schedule::Simple { interval, jitter, .. } => grid(&mut map, *interval, *jitter),
        Schedule::Windowed {
            interval,
            start_ms,
            stop_ms,
            jitter,
            ..
        } => {
            grid(&mut map, *interval, *jitter);
            for (key, ms) in [("start", start_ms), ("stop", stop_ms)] {
                if let Some(at) = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()) {
                    map.insert(key.to_owned(), json!(at.to_string()));
                }
            }
        }
        Schedule::Cron { cron, .. } => {
            map.insert("entry".to_owned(), json!(cron.entry()));
            map.insert("timezone".to_owned(), json!(cron.zone_name()));
        }
        Schedule::Stream {
            pause, max_samples, ..
        } => {
            if !pause.is_zero() {
                map.insert("pause".to_owned(), json!(text(*pause)));
            }
            if *max_samples != RUN_SAMPLES_MAX {
                map.insert("max_samples".to_owned(), json!(max_samples));
            }
        }
        Schedule::Manual => {}
    }
    if let Some(count) = schedule.count() {
        map.insert("count".to_owned(), json!(count));
    }
    Value::Object(map)
}

/// When a task runs, in a few words.
pub(super) fn words(schedule: &Schedule) -> String {
    let moment = |ms: &Option<i64>| {
        let at = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        at.map(|at| at.to_string())
    };
    let mut words = match schedule {
        Schedule::Simple { interval, .. } => format!("every {}", text(*interval)),
        Schedule::Windowed {
            interval,
            start_ms,
            stop_ms,
            ..
        } => {
            let from = moment(start_ms).map(|at| format!(" from {at}"));
            let to = moment(stop_ms).map(|at| format!(" to {at}"));
            let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
            format!("every {}{from}{to}", text(*interval))
        }
        Schedule::Cron { cron, .. } => format!("cron {} ({})", cron.entry(), cron.zone_name()),
        Schedule::Stream { .. } => "as it streams".to_owned(),
        Schedule::Manual => "when asked".to_owned(),
    };
    match schedule.count() {
        Some(1) => words.push_str(", once"),
        Some(count) => words.push_str(&format!(", {count} times")),
        None => {}
    }
    words
}

fn grid(map: &mut Map<String, Value>, interval: Duration, jitter: Duration) {
    map.insert("interval".to_owned(), json!(text(interval)));
    if !jitter.is_zero() {
        map.insert("jitter".to_owned(), json!(text(jitter)));
    }
}

fn collect(spec: &TaskSpec) -> Value {
    let queries = spec.collect.iter().map(|wanted| {
        let mut options = Map::new();
        if !wanted.version.is_empty() {
            options.insert("version".to_owned(), json!(wanted.version));
        }
        if wanted.optional {
            options.insert("optional".to_owned(), json!(true));
        }
        (wanted.query.clone(), Value::Object(options))
    });
    Value::Object(queries.collect())
}

fn nodes(map: &mut Map<String, Value>, all: &[NodeSpec]) {
    for role in [NodeRole::Process, NodeRole::Publish] {
        let list: Vec<Value> = all.iter().filter(|n| n.role == role).map(node).collect();
        if !list.is_empty() {
            map.insert(role.key().to_owned(), Value::Array(list));
        }
    }
}

fn node(spec: &NodeSpec) -> Value {
    let mut map = Map::new();
    map.insert("plugin".to_owned(), json!(spec.plugin));
    if !spec.config.is_empty() {
        map.insert("config".to_owned(), Value::Object(spec.config.clone()));
    }
    if let Some(buffer) = spec.buffer {
        let drop = match buffer.drop {
            Dropped::Oldest => "oldest",
            Dropped::Newest => "newest",
        };
        map.insert("buffer".to_owned(), json!({ "max": buffer.max, "drop": drop }));
    }
    nodes(&mut map, &spec.then);
    Value::Object(map)
}

/// A length of time as it is read, such as `1m 30s`.
fn text(duration: Duration) -> String {
    match SignedDuration::try_from(duration) {
        Ok(duration) => format!("{duration:#}"),
        Err(_) => format!("{}s", duration.as_secs()),
    }
}
