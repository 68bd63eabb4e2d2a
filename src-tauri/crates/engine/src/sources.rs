//! How the built-in probes do, kept for the status.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::api::{SourceState, SourceStatus};

/// Statuses by source id.
#[derive(Debug, Default)]
pub(crate) struct Sources(Mutex<BTreeMap<String, SourceStatus>>);

impl Sources {
    /// Takes a status in; true when its state differs from before.
    pub(crate) fn set(&self, status: SourceStatus) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.get(&status.id).map(|s| s.state);
        let changed = before.is_some_and(|b| b != status.state);
        all.insert(status.id.clone(), status);
        changed
    }

    /// All statuses: the host first, then by id.
    pub(crate) fn all(&self) -> Vec<SourceStatus> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<_> = all.values().cloned().collect();
        list.sort_by_key(|s| (s.id != "probe:host", s.id != "probe:process", s.id.clone()));
        list
    }
}

/// A status in words, for sources that the engine looks after itself.
pub(crate) fn status(
    id: &str,
    label: &str,
    state: SourceState,
    summary: String,
    looked_at: String,
) -> SourceStatus {
    SourceStatus {
        id: id.to_owned(),
        label: label.to_owned(),
        state,
        summary,
        looked_at,
        limited_by: String::new(),
        remedy: String::new(),
    }
}
