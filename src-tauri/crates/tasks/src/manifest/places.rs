//! Where keys belong that people write somewhere else.

/// Version of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Version {
    /// Snap's.
    One,
    /// Ours.
    #[default]
    Two,
}

/// Keys of version 2 with what to write; `[]` stands for any of a list.
const TWO: &[(&str, &str)] = &[
    ("after", "on_failure.after"),
    ("collect", "collect"),
    ("count", "schedule.count"),
    ("deadline", "deadline"),
    ("drop", "publish[].buffer.drop"),
    ("entry", "schedule.entry"),
    ("interval", "schedule.interval"),
    ("jitter", "schedule.jitter"),
    ("max", "publish[].buffer.max"),
    ("max-collect-duration", "schedule.pause"),
    ("max-failures", "on_failure.after"),
    ("max-metrics-buffer", "schedule.max_samples"),
    ("max_samples", "schedule.max_samples"),
    ("metrics", "collect"),
    ("name", "name"),
    ("on_failure", "on_failure"),
    ("optional", "collect.QUERY.optional"),
    ("pause", "schedule.pause"),
    ("plugin_name", "plugin"),
    ("schedule", "schedule"),
    ("start_timestamp", "schedule.start"),
    ("stop", "schedule.stop"),
    ("stop_timestamp", "schedule.stop"),
    ("tags", "tags"),
    ("then", "on_failure.then"),
    ("timeout", "timeout"),
    ("timezone", "schedule.timezone"),
    ("type", "schedule.type"),
];

/// The same of version 1.
const ONE: &[(&str, &str)] = &[
    ("collect", "workflow.collect"),
    ("config", "workflow.collect.config"),
    ("count", "schedule.count"),
    ("deadline", "deadline"),
    ("interval", "schedule.interval"),
    ("max-failures", "max-failures"),
    ("metrics", "workflow.collect.metrics"),
    ("name", "name"),
    ("on_failure", "max-failures"),
    ("plugin", "plugin_name"),
    ("process", "workflow.collect.process"),
    ("publish", "workflow.collect.publish"),
    ("schedule", "schedule"),
    ("start", "start"),
    ("start_timestamp", "schedule.start_timestamp"),
    ("stop_timestamp", "schedule.stop_timestamp"),
    ("tags", "workflow.collect.tags"),
    ("type", "schedule.type"),
    ("workflow", "workflow"),
];

/// What to do about a key that is unknown at `path`; nothing where that is not known either.
pub(super) fn hint(version: Version, path: &str, key: &str) -> Option<String> {
    let beside = match version {
        Version::One => "plugin_name",
        Version::Two => "plugin",
    };
    let of_node = ["process", "publish", "config", "buffer", beside];
    if path.ends_with(".config") {
        return of_node
            .contains(&key)
            .then(|| format!("it stands beside config, not in it: write {}", one_up(path, key)));
    }
    if path.ends_with(']') {
        return Some(match key {
            "process" | "publish" => {
                "nothing follows a publisher: write it at the top or under a processor".to_owned()
            }
            "buffer" => "only publishers keep what their sinks do not take".to_owned(),
            "max" | "drop" if path.contains("publish[") => format!("write {path}.buffer.{key}"),
            "plugin" | "plugin_name" => format!("write {path}.{beside}"),
            _ => format!("what a plugin is told stands in its config: write {path}.config.{key}"),
        });
    }
    if version == Version::Two && path.is_empty() && key == "workflow" {
        return Some("it is of version 1: here collect, process and publish stand at the top".to_owned());
    }
    let places = match version {
        Version::One => ONE,
        Version::Two => TWO,
    };
    let (_, place) = places.iter().find(|(name, _)| *name == key)?;
    if *place == joined(path, key) {
        return (path == "schedule").then(|| "it is for schedules of another type".to_owned());
    }
    Some(match place.contains('.') || *place == beside {
        true => format!("write {place}"),
        false => format!("write {place} at the top"),
    })
}

/// The same key one level up.
fn one_up(path: &str, key: &str) -> String {
    let above = path.rsplit_once('.').map_or("", |(above, _)| above);
    joined(above, key)
}

fn joined(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}
