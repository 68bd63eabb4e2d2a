//! The services that packages declare come and go with the packages.

use std::collections::BTreeMap;

use orrery_engine::Engine;
use orrery_services::Registry;
use serde_json::{Map, Value};

type Tables = Vec<Map<String, Value>>;

/// Follows installs, upgrades and removals.
pub(super) async fn follow(engine: Engine, registry: Registry) {
    let mut changes = engine.plugins_changed();
    // What an earlier run took in is kept without its tables.
    let kept = registry.declaring_packages().await;
    let mut declared: BTreeMap<String, Option<Tables>> = kept.into_iter().map(|id| (id, None)).collect();
    loop {
        changes.borrow_and_update();
        let mut now: BTreeMap<String, Tables> = engine.package_services().into_iter().collect();
        now.retain(|_, tables| !tables.is_empty());
        let gone = declared.keys().filter(|id| !now.contains_key(*id));
        for plugin in gone.cloned().collect::<Vec<_>>() {
            tell(&registry, &plugin, &[]).await;
            declared.remove(&plugin);
        }
        for (plugin, tables) in now {
            if declared.get(&plugin).and_then(Option::as_ref) != Some(&tables) {
                tell(&registry, &plugin, &tables).await;
                declared.insert(plugin, Some(tables));
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

async fn tell(registry: &Registry, plugin: &str, tables: &[Map<String, Value>]) {
    if let Err(errors) = registry.declare_package(plugin, tables).await {
        for error in errors {
            tracing::warn!(plugin, %error, "a service of a package is not served");
        }
    }
}
