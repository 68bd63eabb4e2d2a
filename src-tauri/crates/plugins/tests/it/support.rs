//! A registry on a root of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use orrery_model::Report;
use orrery_plugins::{Config, PluginEvent, PluginInfo, PluginState, Registry};
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

/// Longest time that anything in these tests takes, on the busiest machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Bench {
    pub(crate) home: TempDir,
    pub(crate) registry: Registry,
    pub(crate) events: Receiver<PluginEvent>,
}

impl Bench {
    /// Calls every 50 ms.
    pub(crate) fn new() -> Self {
        Bench::with(|_, _| {})
    }

    /// With a root `r` in a directory of its own, and what `change` makes of the configuration.
    pub(crate) fn with(change: impl FnOnce(&Path, &mut Config)) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("r")).unwrap();
        let mut config = Config {
            roots: vec![home.path().join("r")],
            interval: Duration::from_millis(50),
            // Whatever a test waits for is noticed, not found by looking again.
            rescan: 3 * DEADLINE,
            probe_id: "5eed".to_owned(),
            app_id: "app-1".to_owned(),
            ..Config::default()
        };
        change(home.path(), &mut config);
        let (registry, events) = orrery_plugins::start(config).unwrap();
        Bench {
            home,
            registry,
            events,
        }
    }

    /// A path below the root.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("r").join(name)
    }

    /// A path beside the root.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Takes events until one answers `wanted`.
    pub(crate) async fn event<T>(&mut self, mut wanted: impl FnMut(PluginEvent) -> Option<T>) -> T {
        let found = tokio::time::timeout(DEADLINE, async {
            loop {
                let event = self.events.recv().await.expect("the registry ended");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        });
        found.await.expect("the event did not come in time")
    }

    /// The next whole report of a plugin.
    pub(crate) async fn report(&mut self, id: &str) -> Report {
        self.event(|event| match event {
            PluginEvent::Report {
                plugin,
                report,
                whole: true,
                ..
            } if plugin == id => Some(report),
            _ => None,
        })
        .await
    }

    /// Waits until the list shows `wanted` of the socket with this file name.
    pub(crate) async fn listed(&self, file: &str, wanted: impl Fn(&PluginInfo) -> bool) -> PluginInfo {
        let end = Instant::now() + DEADLINE;
        loop {
            let list = self.registry.list();
            let found = list.iter().find(|p| p.path.ends_with(file) && wanted(p));
            if let Some(found) = found {
                return found.clone();
            }
            assert!(Instant::now() < end, "{file} never came to that: {list:#?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until the plugin with this file name is in a state.
    pub(crate) async fn state(&self, file: &str, state: PluginState) -> PluginInfo {
        self.listed(file, |p| p.state == state).await
    }

    /// Waits until nothing with this file name is listed.
    pub(crate) async fn unlisted(&self, file: &str) {
        until(file, || {
            !self.registry.list().iter().any(|p| p.path.ends_with(file))
        })
        .await;
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "it never came to that: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
