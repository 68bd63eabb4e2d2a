//! What a manifest's types cannot say: bounds, and values that contradict each other.

use std::ops::Range;
use std::path::{Component, Path};
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::place::{WORDS, unknown_word};
use super::{Activation, DeclaredMetric, Handover, Manifest};
use crate::limits::{
    BACKOFF_FACTOR_MAX, COUNT_MAX, CPU_MAX_PERCENT, DESCRIPTION_MAX_CHARS, LABEL_MAX_CHARS, LIST_MAX,
    MEMORY_MIN_BYTES, METRICS_INTERVAL_MIN, METRICS_KEEP_MAX, SOCKET_PATH_MAX_BYTES, TEXT_MAX_BYTES,
};
use crate::policy;

/// Something wrong, with the keys that lead to it.
pub(super) struct Wrong {
    keys: Vec<String>,
    pub(super) message: String,
}

impl Wrong {
    fn new(keys: &str, message: impl Into<String>) -> Self {
        Self {
            keys: keys.split('.').map(str::to_owned).collect(),
            message: message.into(),
        }
    }

    /// Where it stands in the text: the innermost of its keys that is there.
    pub(super) fn find(&self, text: &str) -> Option<Range<usize>> {
        let table = DeTable::parse(text).ok()?;
        let mut found = table.span();
        let mut value = DeValue::Table(table.into_inner());
        for key in &self.keys {
            let next = match &value {
                DeValue::Array(_) => key.parse::<usize>().ok().and_then(|index| value.get(index)),
                _ => value.get(key.as_str()),
            };
            let Some(next) = next.cloned() else { break };
            found = next.span();
            value = next.into_inner();
        }
        Some(found)
    }
}

type Checked = Result<(), Wrong>;

/// Refuses what cannot be.
pub(super) fn check(manifest: &Manifest) -> Checked {
    texts(manifest)?;
    entry(manifest)?;
    socket(manifest)?;
    activation(manifest)?;
    words(manifest)?;
    environment(manifest)?;
    supervision(manifest)?;
    limits(manifest)?;
    host(manifest)?;
    rules(manifest)?;
    metrics(manifest)?;
    at_most("service", manifest.service.len())
}

fn texts(manifest: &Manifest) -> Checked {
    for (key, text, most) in [
        ("label", &manifest.label, LABEL_MAX_CHARS),
        ("description", &manifest.description, DESCRIPTION_MAX_CHARS),
    ] {
        if text.chars().count() > most {
            return Err(Wrong::new(key, format!("{key} has at most {most} characters")));
        }
        if text.chars().any(char::is_control) {
            return Err(Wrong::new(key, format!("{key} is one line of plain text")));
        }
    }
    if manifest.version.to_string().len() > ID_LIKE_MAX_BYTES {
        return Err(Wrong::new(
            "version",
            format!("a version has at most {ID_LIKE_MAX_BYTES} characters"),
        ));
    }
    if manifest.api_version.is_empty() || manifest.api_version.len() > ID_LIKE_MAX_BYTES {
        return Err(Wrong::new(
            "api_version",
            "api_version is the version of Scope's report protocol: \"1\"",
        ));
    }
    if manifest.interfaces.is_empty() {
        return Err(Wrong::new("interfaces", "a plugin has at least one interface"));
    }
    for (index, interface) in manifest.interfaces.iter().enumerate() {
        if manifest.interfaces[..index].contains(interface) {
            return Err(Wrong::new(
                "interfaces",
                format!("{} is named twice", interface.as_str()),
            ));
        }
    }
    Ok(())
}

fn metrics(manifest: &Manifest) -> Checked {
    at_most("metric", manifest.metric.len())?;
    for (at, metric) in manifest.metric.iter().enumerate() {
        let wrong = |key: &str, message: String| Err(Wrong::new(&format!("metric.{at}.{key}"), message));
        for (key, text) in [("topology", &metric.topology), ("id", &metric.id)] {
            if text.is_empty() || text.len() > ID_LIKE_MAX_BYTES || text.chars().any(char::is_control) {
                return wrong(
                    key,
                    format!("{key} is a word of at most {ID_LIKE_MAX_BYTES} characters"),
                );
            }
        }
        for (key, text, most) in [
            ("label", &metric.label, LABEL_MAX_CHARS),
            ("unit", &metric.unit, LABEL_MAX_CHARS),
            ("description", &metric.description, DESCRIPTION_MAX_CHARS),
        ] {
            if text.chars().count() > most || text.chars().any(char::is_control) {
                return wrong(key, format!("{key} is one line of at most {most} characters"));
            }
        }
        let same = |other: &&DeclaredMetric| other.topology == metric.topology && other.id == metric.id;
        if manifest.metric[..at].iter().any(|other| same(&other)) {
            return wrong(
                "id",
                format!("{} of {} is named twice", metric.id, metric.topology),
            );
        }
    }
    Ok(())
}

/// Longest word such as a protocol version or a user name, in bytes.
const ID_LIKE_MAX_BYTES: usize = 64;

fn entry(manifest: &Manifest) -> Checked {
    let entry = &manifest.run.entry;
    let wrong = |message: &str| Err(Wrong::new("run.entry", message));
    if entry.is_empty() {
        return wrong("run.entry is the program to start");
    }
    if entry.len() > TEXT_MAX_BYTES || entry.contains('\0') {
        return wrong("run.entry is no path");
    }
    let inside = Path::new(entry).components().all(|part| {
        matches!(
            part,
            Component::Normal(_) | Component::CurDir | Component::RootDir
        )
    });
    if !inside {
        return wrong("run.entry may not lead upwards with `..`");
    }
    Ok(())
}

fn socket(manifest: &Manifest) -> Checked {
    let run = &manifest.run;
    let wrong = |message: String| Err(Wrong::new("run.socket", message));
    if run.handover == Handover::Stdout {
        says_where(manifest)?;
    }
    if run.chooses_socket() {
        return Ok(());
    }
    if !run.socket.starts_with('/') || run.socket.contains(['{', '\0']) {
        return wrong("run.socket is \"{socket}\" or an absolute path".to_owned());
    }
    if run.socket.len() > SOCKET_PATH_MAX_BYTES {
        return wrong(format!(
            "a socket's path has at most {SOCKET_PATH_MAX_BYTES} bytes"
        ));
    }
    if Path::new(&run.socket)
        .components()
        .any(|part| part == Component::ParentDir)
    {
        return wrong("run.socket may not lead upwards with `..`".to_owned());
    }
    let file = format!("{}.sock", manifest.id);
    if Path::new(&run.socket)
        .file_name()
        .is_none_or(|name| name != file.as_str())
    {
        return wrong(format!("the socket's file is named after the id: {file}"));
    }
    if run.handover == Handover::ListenFd {
        return Err(Wrong::new(
            "run.handover",
            "with handover = \"listen-fd\" Orrery opens the socket, so run.socket is \"{socket}\"",
        ));
    }
    Ok(())
}

/// What says itself where it listens is told no other place.
fn says_where(manifest: &Manifest) -> Checked {
    let run = &manifest.run;
    let wrong = |message: &str| Err(Wrong::new("run.handover", message));
    if !run.chooses_socket() {
        return wrong(
            "with handover = \"stdout\" the program says where it listens, so run.socket is \"{socket}\"",
        );
    }
    if run.activation == Activation::Trigger {
        return wrong(
            "handover = \"stdout\" is for programs that listen, and activation = \"trigger\" for others",
        );
    }
    let values = run.args.iter().chain(run.env.values());
    match values.into_iter().any(|text| text.contains("{plugins_dir}")) {
        true => {
            wrong("with handover = \"stdout\" the program has a directory of its own, and no {plugins_dir}")
        }
        false => Ok(()),
    }
}

fn activation(manifest: &Manifest) -> Checked {
    let run = &manifest.run;
    match (&run.trigger, run.activation) {
        (None, Activation::Trigger) => Err(Wrong::new(
            "run.activation",
            "activation = \"trigger\" needs [run.trigger]",
        )),
        (Some(_), Activation::Always | Activation::OnDemand | Activation::Manual) => Err(Wrong::new(
            "run.trigger",
            "[run.trigger] is for activation = \"trigger\"",
        )),
        (Some(trigger), Activation::Trigger) => {
            if !trigger.at_start && !trigger.first_start && trigger.every.is_none() {
                return Err(Wrong::new(
                    "run.trigger",
                    "a trigger has at_start, first_start or every",
                ));
            }
            if let Some(every) = trigger.every {
                some_time("run.trigger.every", every)?;
            }
            some_time("run.trigger.timeout", trigger.timeout)
        }
        (None, _) => Ok(()),
    }?;
    some_time("run.idle_stop", run.idle_stop)?;
    let Some(user) = &run.user else { return Ok(()) };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if user.is_empty() || user.len() > ID_LIKE_MAX_BYTES || user.starts_with('-') || !user.bytes().all(plain)
    {
        return Err(Wrong::new("run.user", "run.user is the name or number of a user"));
    }
    Ok(())
}

fn words(manifest: &Manifest) -> Checked {
    let run = &manifest.run;
    at_most("run.args", run.args.len())?;
    for (index, arg) in run.args.iter().enumerate() {
        text(&format!("run.args.{index}"), arg)?;
    }
    Ok(())
}

fn environment(manifest: &Manifest) -> Checked {
    let env = &manifest.run.env;
    at_most("run.env", env.len())?;
    for (name, value) in env {
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !starts || !plain || name.len() > TEXT_MAX_BYTES {
            return Err(Wrong::new(
                "run.env",
                format!("`{}` is no name of an environment variable", name.escape_debug()),
            ));
        }
        text(&format!("run.env.{name}"), value)?;
    }
    Ok(())
}

/// A text that may hold words in braces.
fn text(key: &str, text: &str) -> Checked {
    if text.len() > TEXT_MAX_BYTES || text.contains('\0') {
        return Err(Wrong::new(
            key,
            format!("a text here has at most {TEXT_MAX_BYTES} bytes, none of them zero"),
        ));
    }
    match unknown_word(text) {
        Some(word) => Err(Wrong::new(
            key,
            format!(
                "nothing is put in place of {{{word}}}; known: {{{}}}",
                WORDS.join("}, {")
            ),
        )),
        None => Ok(()),
    }
}

fn supervision(manifest: &Manifest) -> Checked {
    let Manifest {
        start,
        stop,
        health,
        restart,
        metrics,
        ..
    } = manifest;
    for (key, time) in [
        ("start.timeout", start.timeout),
        ("start.backoff.first", start.backoff.first),
        ("start.backoff.max", start.backoff.max),
        ("stop.timeout", stop.timeout),
        ("health.interval", health.interval),
        ("health.timeout", health.timeout),
        ("restart.window", restart.window),
        ("restart.stable_after", restart.stable_after),
    ] {
        some_time(key, time)?;
    }
    for (key, count, most) in [
        ("start.attempts", start.attempts, COUNT_MAX),
        ("health.failures", health.failures, COUNT_MAX),
        ("restart.max", restart.max, COUNT_MAX),
        ("metrics.keep", metrics.keep, METRICS_KEEP_MAX),
    ] {
        if !(1..=most).contains(&count) {
            return Err(Wrong::new(key, format!("{key} is from 1 to {most}")));
        }
    }
    if start.backoff.max < start.backoff.first {
        return Err(Wrong::new(
            "start.backoff.max",
            "the longest wait is no shorter than the first",
        ));
    }
    if !(1.0..=BACKOFF_FACTOR_MAX).contains(&start.backoff.factor) {
        return Err(Wrong::new(
            "start.backoff.factor",
            format!("a back-off factor is from 1 to {BACKOFF_FACTOR_MAX}"),
        ));
    }
    if !(0.0..=1.0).contains(&start.backoff.jitter) {
        return Err(Wrong::new("start.backoff.jitter", "jitter is from 0 to 1"));
    }
    if metrics.interval < METRICS_INTERVAL_MIN {
        return Err(Wrong::new("metrics.interval", "metrics.interval is at least 1s"));
    }
    Ok(())
}

fn limits(manifest: &Manifest) -> Checked {
    let limits = &manifest.limits;
    if limits.memory.is_some_and(|bytes| bytes < MEMORY_MIN_BYTES) {
        return Err(Wrong::new(
            "limits.memory",
            "no program starts with less than 1MiB; leave limits.memory out for no limit",
        ));
    }
    if limits
        .cpu
        .is_some_and(|percent| percent <= 0.0 || percent > CPU_MAX_PERCENT)
    {
        return Err(Wrong::new(
            "limits.cpu",
            format!("limits.cpu is more than 0% and at most {CPU_MAX_PERCENT}%; leave it out for no limit"),
        ));
    }
    for (key, limit) in [
        ("limits.pids", limits.pids),
        ("limits.open_files", limits.open_files),
    ] {
        if limit == Some(0) {
            return Err(Wrong::new(
                key,
                format!("{key} is at least 1; leave it out for no limit"),
            ));
        }
    }
    Ok(())
}

fn host(manifest: &Manifest) -> Checked {
    for (key, names) in [("host.os", &manifest.host.os), ("host.arch", &manifest.host.arch)] {
        at_most(key, names.len())?;
        if names
            .iter()
            .any(|name| name.is_empty() || name.len() > ID_LIKE_MAX_BYTES)
        {
            return Err(Wrong::new(
                key,
                format!("{key} lists names, such as \"linux\" or \"x86_64\""),
            ));
        }
    }
    Ok(())
}

fn rules(manifest: &Manifest) -> Checked {
    at_most("policy", manifest.policy.len())?;
    for (index, rule) in manifest.policy.iter().enumerate() {
        policy::check_rule(rule)
            .map_err(|(key, message)| Wrong::new(&format!("policy.{index}.{key}"), message))?;
        if manifest.policy[..index].iter().any(|other| other.key == rule.key) {
            return Err(Wrong::new(
                &format!("policy.{index}.key"),
                format!("there is a rule for {} already", rule.key),
            ));
        }
    }
    Ok(())
}

fn some_time(key: &str, time: Duration) -> Checked {
    if time.is_zero() {
        return Err(Wrong::new(key, format!("{key} is longer than nothing")));
    }
    Ok(())
}

fn at_most(key: &str, count: usize) -> Checked {
    if count > LIST_MAX {
        return Err(Wrong::new(key, format!("{key} has at most {LIST_MAX} entries")));
    }
    Ok(())
}
