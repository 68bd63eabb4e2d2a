//! Config that a task gives to plugins and that does not reach them.

use orrery_catalog::{Need, Part, View};
use orrery_packages::manifest::Interface;
use orrery_tasks::manifest::{Fault, TaskSpec};

/// Everything of a task's config that no plugin will see, with what to do about it.
pub(super) fn unsent(spec: &TaskSpec, view: &View) -> Vec<Fault> {
    let said = spec.config.iter().filter(|(_, values)| !values.is_empty());
    said.flat_map(|(key, _)| {
        let told = match plugin_of(key) {
            "" => for_all(view),
            plugin => for_plugin(plugin, view).into_iter().collect(),
        };
        told.into_iter().map(move |message| Fault {
            field: format!("config.{key}"),
            message,
        })
    })
    .collect()
}

/// The plugin that a key of a task's config is about; empty for all.
pub(super) fn plugin_of(key: &str) -> &str {
    key.trim_start_matches('/').split('/').next().unwrap_or_default()
}

fn for_all(view: &View) -> Vec<String> {
    let has_own = |need: &&Need| view.request.config.contains_key(&need.source.id);
    let deaf = view.needs.iter().filter(|need| is_deaf(need) && !has_own(need));
    deaf.map(not_sent).collect()
}

fn for_plugin(plugin: &str, view: &View) -> Option<String> {
    let mut of_it = view.needs.iter().filter(|need| need.source.id == plugin);
    let Some(first) = of_it.next() else {
        // What is not there yet may understand it.
        let is_wanted = view.request.wants.iter().any(|want| want.query.concerns(plugin))
            || view.request.plugins.iter().any(|want| want.plugin == plugin);
        return (!is_wanted).then(|| format!("is not sent: the task wants nothing of {plugin}"));
    };
    std::iter::once(first)
        .chain(of_it)
        .find(|need| is_deaf(need))
        .map(not_sent)
}

/// Whether the task's config would have to be sent to it, and it does not listen.
fn is_deaf(need: &Need) -> bool {
    need.part == Part::Collect && need.differs && !need.source.interfaces.contains(&Interface::Collector)
}

fn not_sent(need: &Need) -> String {
    let id = &need.source.id;
    if need.source.built_in {
        return format!("is not sent: what {id} measures by itself has no config");
    }
    format!(
        "is checked and not sent: {id} has no interface \"collector\", so it measures the same for all tasks. Say it for \
         the plugin (`orrery plugin config {id} --set KEY=VALUE`), or have the plugin answer POST /collect"
    )
}
