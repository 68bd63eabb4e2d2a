//! What is known of plugins and operations at this moment. The records on disk follow it, or it follows them; what
//! is only here is what a restart makes anew.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use orrery_packages::Manifest;
use orrery_store::{OperationRecord, OperationState, PluginRecord, RevisionRecord};
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::limits::OPERATIONS_SHOWN;
use crate::plan::Step;
use crate::view::{ConfigScope, PluginOrder, RejectedPackage};

/// Everything that is known.
#[derive(Default)]
pub(crate) struct Book {
    /// Plugins, by id.
    pub(crate) plugins: BTreeMap<String, Plugin>,
    /// What is known of plugins that are not registered yet but will be at once.
    pub(crate) staged: BTreeMap<String, Plugin>,
    /// Revisions, by plugin and SHA-256.
    pub(crate) revisions: BTreeMap<(String, String), RevisionRecord>,
    /// Operations under way or queued, by id, which is also by time.
    pub(crate) open: BTreeMap<String, Operation>,
    /// Ended operations, oldest first.
    pub(crate) ended: VecDeque<OperationRecord>,
    /// Files that were refused, by path.
    pub(crate) rejected: BTreeMap<PathBuf, RejectedPackage>,
    /// Files of watched directories as they were when they were dealt with, until the one who watches takes them.
    pub(crate) watched: Vec<orrery_store::WatchedRecord>,
    /// What is said in layers of the config, besides what is said for plugins.
    pub(crate) layers: BTreeMap<ConfigScope, Map<String, Value>>,
    /// Uploads that wait for their order, by handle.
    pub(crate) uploads: BTreeMap<String, crate::uploads::Waiting>,
}

/// A registered plugin.
#[derive(Debug, Clone)]
pub(crate) struct Plugin {
    /// As it is recorded.
    pub(crate) record: PluginRecord,
    /// What it says of itself; none when that cannot be read.
    pub(crate) manifest: Option<Manifest>,
    /// Why it does not run though it should: it cannot be read, is not for this machine, or lacks config.
    pub(crate) obstacle: Option<String>,
    /// Config file that its process was started with.
    pub(crate) config_file: Option<PathBuf>,
    /// Revision on its way in.
    pub(crate) incoming: Option<Incoming>,
}

impl Plugin {
    pub(crate) fn new(record: PluginRecord) -> Self {
        Plugin {
            record,
            manifest: None,
            obstacle: None,
            config_file: None,
            incoming: None,
        }
    }

    /// Takes over everything but the record.
    pub(crate) fn see(&mut self, seen: &Plugin) {
        self.manifest.clone_from(&seen.manifest);
        self.obstacle.clone_from(&seen.obstacle);
        self.config_file.clone_from(&seen.config_file);
    }
}

/// A revision on its way in, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incoming {
    pub(crate) operation: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
    pub(crate) signature: String,
    pub(crate) bytes: u64,
}

/// An operation that has not ended.
pub(crate) struct Operation {
    /// As it is recorded, but for progress.
    pub(crate) record: OperationRecord,
    /// What was ordered.
    pub(crate) order: PluginOrder,
    /// Cancels it.
    pub(crate) cancel: CancellationToken,
    /// The step that it is in.
    pub(crate) step: Option<Step>,
    /// Becomes true when it ends.
    pub(crate) ended: watch::Sender<bool>,
}

impl Operation {
    pub(crate) fn is_cancellable(&self) -> bool {
        match self.record.state {
            OperationState::Queued => true,
            OperationState::Running => self.step.is_none_or(Step::is_cancellable),
            OperationState::Done | OperationState::Failed | OperationState::Cancelled => false,
        }
    }
}

impl Book {
    /// The revision in force of a plugin.
    pub(crate) fn current(&self, plugin: &PluginRecord) -> Option<&RevisionRecord> {
        self.revision(&plugin.id, plugin.current.as_deref()?)
    }

    pub(crate) fn revision(&self, plugin: &str, sha256: &str) -> Option<&RevisionRecord> {
        self.revisions.get(&(plugin.to_owned(), sha256.to_owned()))
    }

    /// Puts an ended operation with the ended ones.
    pub(crate) fn end(&mut self, id: &str) {
        if let Some(operation) = self.open.remove(id) {
            while self.ended.len() >= OPERATIONS_SHOWN {
                self.ended.pop_front();
            }
            self.ended.push_back(operation.record);
            // Whoever waits looks the outcome up, so it has to be there first.
            operation.ended.send_replace(true);
        }
        for plugin in self.plugins.values_mut() {
            if plugin.incoming.as_ref().is_some_and(|i| i.operation == id) {
                plugin.incoming = None;
            }
        }
    }

    /// The operation under way that has a plugin, other than `except`.
    pub(crate) fn busy_with(&self, plugin: &str, except: &str) -> Option<&str> {
        let mut of_plugin = self
            .open
            .values()
            .filter(|o| o.record.plugin == plugin && o.record.id != except);
        let running = of_plugin
            .clone()
            .find(|o| o.record.state == OperationState::Running);
        running.or_else(|| of_plugin.next()).map(|o| o.record.id.as_str())
    }
}
