//! Sources that send reports themselves, by `POST /api/report`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::limits::{REMOTE_SOURCES_MAX, WINDOW};

/// A remote source's last report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    /// When it came, in milliseconds since the epoch.
    pub(crate) at_ms: i64,
    /// What was odd about it or left out of it.
    pub(crate) warnings: Vec<String>,
}

/// What each remote source sent last.
#[derive(Debug, Default)]
pub(crate) struct Remotes(Mutex<BTreeMap<String, Heard>>);

impl Remotes {
    /// Notes a report; false when there are too many sources already.
    pub(crate) fn saw(&self, id: &str, now_ms: i64, warnings: Vec<String>) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have set the clock back: what seems to come from later on is as far away.
        let window_ms = u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX);
        all.retain(|_, heard| heard.at_ms.abs_diff(now_ms) <= window_ms);
        if !all.contains_key(id) && all.len() >= REMOTE_SOURCES_MAX {
            return false;
        }
        let at_ms = now_ms;
        all.insert(id.to_owned(), Heard { at_ms, warnings });
        true
    }

    /// Sources that reported within the window.
    pub(crate) fn all(&self) -> Vec<(String, Heard)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|(id, heard)| (id.clone(), heard.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_counted_and_forgotten_after_the_window() {
        let remotes = Remotes::default();
        for n in 0..REMOTE_SOURCES_MAX {
            assert!(
                remotes.saw(&n.to_string(), 0, Vec::new()),
                "source {n} is within the limit"
            );
        }
        assert!(
            !remotes.saw("one more", 1, Vec::new()),
            "the limit holds for new sources"
        );
        assert!(
            remotes.saw("0", 1, Vec::new()),
            "a known source may always report"
        );
        assert!(
            remotes.saw("one more", 60_000, vec!["cut".to_owned()]),
            "silent sources make room"
        );
        let heard = Heard {
            at_ms: 60_000,
            warnings: vec!["cut".to_owned()],
        };
        assert_eq!(remotes.all(), [("one more".to_owned(), heard)]);
        assert!(remotes.saw("another", -3_600_000, Vec::new()), "an hour back");
        assert_eq!(remotes.all().len(), 1, "nobody stays for an hour because of it");
    }
}
