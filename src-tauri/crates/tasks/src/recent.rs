//! The last runs of a task, and the slots that passed without one.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::life::Missed;
use crate::limits::{ERROR_BYTES_MAX, RUNS_KEPT};

/// How a run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Everything was done.
    Ok,
    /// Some of it was not, and the rest went through.
    Partial,
    /// It failed.
    Failed,
    /// There was none: its slot passed.
    Skipped,
}

/// A run that is over, or slots in a row that passed without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct PastRun {
    /// When it began, in milliseconds since the epoch; of skipped slots, when the last of them was.
    pub at_ms: i64,
    /// How it went.
    pub outcome: RunOutcome,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Samples that were collected.
    pub samples: u64,
    /// Slots: 1 for a run, at least that for what was skipped.
    pub slots: u64,
    /// Why it is not `ok`; left out of lists.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[ts(as = "Option<String>", optional)]
    pub why: String,
}

/// The newest runs of a task, oldest first; so many as are worth a look.
#[derive(Debug, Clone, Default)]
pub struct Recent(VecDeque<PastRun>);

impl Recent {
    /// Keeps a run.
    pub(crate) fn push(&mut self, run: PastRun) {
        let end = run.why.floor_char_boundary(ERROR_BYTES_MAX);
        let why = run.why[..end].to_owned();
        match self.0.back_mut() {
            Some(last)
                if run.outcome == RunOutcome::Skipped
                    && last.outcome == RunOutcome::Skipped
                    && last.why == why =>
            {
                last.at_ms = run.at_ms;
                last.slots += run.slots;
            }
            _ => self.0.push_back(PastRun { why, ..run }),
        }
        let beyond = self.0.len().saturating_sub(RUNS_KEPT);
        self.0.drain(..beyond);
    }

    /// Keeps the slots that were missed between two counts.
    pub(crate) fn skip(&mut self, at_ms: i64, before: Missed, after: Missed) {
        for (why, before, after) in [
            ("busy", before.busy, after.busy),
            ("late", before.late, after.late),
            ("slow", before.slow, after.slow),
            ("waiting", before.waiting, after.waiting),
            ("empty", before.empty, after.empty),
        ] {
            let slots = after.saturating_sub(before);
            if slots > 0 {
                self.push(PastRun {
                    at_ms,
                    outcome: RunOutcome::Skipped,
                    took_ms: 0,
                    samples: 0,
                    slots,
                    why: why.to_owned(),
                });
            }
        }
    }

    /// All, with the reasons.
    pub(crate) fn told(&self) -> Vec<PastRun> {
        self.0.iter().cloned().collect()
    }

    /// All, without.
    pub(crate) fn brief(&self) -> Vec<PastRun> {
        let brief = |run: &PastRun| PastRun {
            why: String::new(),
            ..*run
        };
        self.0.iter().map(brief).collect()
    }
}

/// On disk a run is a short row: there are many, written again and again. Errors are kept with the counts.
#[derive(Serialize, Deserialize)]
struct Row(i64, RunOutcome, u64, u64, u64, String);

impl Serialize for Recent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|run| {
            let why = if run.outcome == RunOutcome::Skipped {
                run.why.clone()
            } else {
                String::new()
            };
            Row(run.at_ms, run.outcome, run.took_ms, run.samples, run.slots, why)
        }))
    }
}

impl<'de> Deserialize<'de> for Recent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut recent = Recent::default();
        for Row(at_ms, outcome, took_ms, samples, slots, why) in Vec::<Row>::deserialize(deserializer)? {
            recent.push(PastRun {
                at_ms,
                outcome,
                took_ms,
                samples,
                slots,
                why,
            });
        }
        Ok(recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(at_ms: i64, outcome: RunOutcome) -> PastRun {
        PastRun {
            at_ms,
            outcome,
            took_ms: 2,
            samples: 3,
            slots: 1,
            why: "because".to_owned(),
        }
    }

    #[test]
    fn the_newest_are_kept() {
        let mut recent = Recent::default();
        for at in 0..100 {
            recent.push(run(at, RunOutcome::Ok));
        }
        let told = recent.told();
        assert_eq!(told.len(), RUNS_KEPT);
        assert_eq!(told.first().unwrap().at_ms, 100 - RUNS_KEPT as i64);
        assert!(recent.brief().iter().all(|run| run.why.is_empty()));
    }

    #[test]
    fn slots_that_pass_for_one_reason_are_one_entry() {
        let mut recent = Recent::default();
        let missed = |busy, waiting| Missed {
            busy,
            waiting,
            ..Missed::default()
        };
        recent.skip(1, missed(0, 0), missed(0, 2));
        recent.skip(2, missed(0, 2), missed(0, 3));
        recent.skip(3, missed(0, 3), missed(1, 3));
        let told: Vec<(i64, u64, String)> = recent
            .told()
            .into_iter()
            .map(|r| (r.at_ms, r.slots, r.why))
            .collect();
        assert_eq!(told, [(2, 3, "waiting".to_owned()), (3, 1, "busy".to_owned())]);
    }

    #[test]
    fn what_is_kept_on_disk_comes_back() {
        let mut recent = Recent::default();
        recent.push(run(1, RunOutcome::Failed));
        recent.skip(
            2,
            Missed::default(),
            Missed {
                late: 4,
                ..Missed::default()
            },
        );
        let text = serde_json::to_string(&recent).unwrap();
        assert_eq!(text, r#"[[1,"failed",2,3,1,""],[2,"skipped",0,0,4,"late"]]"#);
        let back: Recent = serde_json::from_str(&text).unwrap();
        assert_eq!(back.told()[1], recent.told()[1]);
        assert_eq!(back.told()[0].why, "");
    }
}
