//! Sources that send reports themselves, by `POST /api/report`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::limits::{REMOTE_SOURCES_MAX, WINDOW};

/// When each remote source last reported, in milliseconds since the epoch.
#[derive(Debug, Default)]
pub(crate) struct Remotes(Mutex<BTreeMap<String, i64>>);

impl Remotes {
    /// Notes a report; false when there are too many sources already.
    pub(crate) fn saw(&self, id: &str, now_ms: i64) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = now_ms - i64::try_from(WINDOW.as_millis()).unwrap_or(i64::MAX);
        all.retain(|_, seen| *seen >= oldest);
        if !all.contains_key(id) && all.len() >= REMOTE_SOURCES_MAX {
            return false;
        }
        all.insert(id.to_owned(), now_ms);
        true
    }

    /// Sources seen within the window, with when.
    pub(crate) fn all(&self) -> Vec<(String, i64)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(id, seen)| (id.clone(), *seen)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_counted_and_forgotten_after_the_window() {
        let remotes = Remotes::default();
        for n in 0..REMOTE_SOURCES_MAX {
            assert!(remotes.saw(&n.to_string(), 0), "source {n} is within the limit");
        }
        assert!(!remotes.saw("one more", 1), "the limit holds for new sources");
        assert!(remotes.saw("0", 1), "a known source may always report");
        assert!(remotes.saw("one more", 60_000), "silent sources make room");
        assert_eq!(remotes.all(), [("one more".to_owned(), 60_000)]);
    }
}
