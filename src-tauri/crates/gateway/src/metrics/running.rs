//! Plugins that we run, as a scraper sees them.

use orrery_engine::{Engine, PluginProcess};
use orrery_exposition::Family;

/// Families about the processes of plugins.
pub(crate) fn families(engine: &Engine) -> Vec<Family> {
    let plugins = engine.plugin_processes();
    let gauge = |name: &str, help: &str, value: &dyn Fn(&PluginProcess) -> Option<f64>| {
        of_each(Family::gauge(name, help), &plugins, value)
    };
    let mut state = Family::gauge(
        "orrery_plugin_state",
        "1, labelled with where the plugin's process stands.",
    );
    let mut turns = Family::counter(
        "orrery_plugin_status_changes_total",
        "Starts, restarts and stops of plugins, by how they ended.",
    );
    for p in &plugins {
        let id = p.plugin.id.as_str();
        state.push(&[("plugin_id", id), ("state", &word(p))], 1.0);
        for count in &p.turns {
            let labels = [
                ("plugin_id", id),
                ("change", count.turn.word()),
                ("result", if count.ok { "ok" } else { "error" }),
            ];
            turns.push(&labels, count.times as f64);
        }
    }
    let restarts = Family::counter(
        "orrery_plugin_restarts_total",
        "Restarts of a plugin after an unwanted end.",
    );
    vec![
        state,
        turns,
        of_each(restarts, &plugins, &|p| Some(p.plugin.instance.restarts as f64)),
        gauge(
            "orrery_plugin_process_start_time_seconds",
            "When a plugin's process was started, since the epoch.",
            &|p| p.plugin.instance.started_ms.map(|ms| ms as f64 / 1e3),
        ),
        gauge(
            "orrery_plugin_process_cpu_ratio",
            "CPU that a plugin's processes use, of one core.",
            &|p| p.usage.map(|u| u.cpu_percent / 100.0),
        ),
        gauge(
            "orrery_plugin_process_memory_bytes",
            "Memory that a plugin's processes use.",
            &|p| p.usage.map(|u| u.memory_bytes as f64),
        ),
        gauge(
            "orrery_plugin_process_memory_peak_bytes",
            "The most memory that a plugin's processes have used.",
            &|p| p.usage.map(|u| u.memory_peak_bytes as f64),
        ),
        gauge("orrery_plugin_processes", "Processes of a plugin.", &|p| {
            p.usage.map(|u| f64::from(u.processes))
        }),
        gauge(
            "orrery_plugin_process_open_fds",
            "Open file descriptors of a plugin's main process.",
            &|p| p.usage.map(|u| f64::from(u.open_files)),
        ),
    ]
}

fn of_each(
    mut family: Family,
    plugins: &[PluginProcess],
    value: &dyn Fn(&PluginProcess) -> Option<f64>,
) -> Family {
    for p in plugins {
        if let Some(value) = value(p) {
            family.push(&[("plugin_id", p.plugin.id.as_str())], value);
        }
    }
    family
}

/// Where its process stands, as the API writes it.
fn word(p: &PluginProcess) -> String {
    match serde_json::to_value(p.plugin.instance.state) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
