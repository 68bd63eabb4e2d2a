//! Every route in words, by what it is about.

mod catalog;
mod coming_in;
mod config;
mod metrics;
mod operations;
mod plugins;
mod scope;
mod services;
mod tasks;

use super::entry::Entry;
use super::schemas::Schemas;

/// What routes are about: name and description.
pub(super) const TAGS: &[(&str, &str)] = &[
    (SCOPE, "Weave Scope's addresses, with its field names."),
    (
        OPERATIONS,
        "What the window does, as one address and in short forms.",
    ),
    (
        PLUGINS,
        "Plugins that run, or that are to run, and what was ordered.",
    ),
    (CATALOG, "What can be measured, by whom, and what it is now."),
    (TASKS, "What is collected, when, and where it goes."),
    (METRICS, "For Prometheus."),
    (SERVICES, "What plugins serve, and the objects that declare it."),
    (ACCESS, "Who may come in, and who did what."),
];

const SCOPE: &str = "scope";
const OPERATIONS: &str = "operations";
const PLUGINS: &str = "plugins";
const CATALOG: &str = "catalog";
const TASKS: &str = "tasks";
const METRICS: &str = "metrics";
const SERVICES: &str = "services";
const ACCESS: &str = "access";

/// Every route.
pub(super) fn all(schemas: &mut Schemas) -> Vec<Entry> {
    let mut all = scope::all(schemas);
    all.extend(operations::all(schemas));
    all.extend(plugins::all(schemas));
    all.extend(config::all(schemas));
    all.extend(catalog::all(schemas));
    all.extend(tasks::all(schemas));
    all.extend(metrics::all());
    all.extend(services::all(schemas));
    all.extend(coming_in::all(schemas));
    all
}

/// What a route is about, by its path.
pub(super) fn tag(path: &str) -> &'static str {
    if path.starts_with("/api/catalog") {
        return CATALOG;
    }
    if path.starts_with("/api/tasks") {
        return TASKS;
    }
    if path.contains("metrics") {
        return METRICS;
    }
    let mut parts = path.split('/').skip(1);
    match (parts.next(), parts.next()) {
        (Some("apis"), _) => SERVICES,
        (_, Some("plugins" | "config" | "ops" | "uploads" | "broadcast")) => PLUGINS,
        (_, Some("session" | "links" | "tokens" | "audit")) => ACCESS,
        (_, None | Some("probes" | "topology" | "report" | "control" | "pipe")) => SCOPE,
        _ => OPERATIONS,
    }
}
