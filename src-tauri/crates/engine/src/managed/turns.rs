//! How often plugins that we run were started, started again and stopped, and with what success.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use orrery_supervisor::EventKind;

/// A change of a plugin's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// It did not run before.
    Start,
    /// It ran before, and was not stopped since.
    Restart,
    /// It was ended because somebody wanted so.
    Stop,
}

impl Turn {
    /// The word for it in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Turn::Start => "start",
            Turn::Restart => "restart",
            Turn::Stop => "stop",
        }
    }
}

/// How often a change succeeded, or did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnCount {
    /// The change.
    pub turn: Turn,
    /// Whether it came to its end.
    pub ok: bool,
    /// How often.
    pub times: u64,
}

/// What is counted, by plugin. Holds no more plugins than are registered: see [`Turns::read`].
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<BTreeMap<String, Held>>);

#[derive(Debug, Default)]
struct Held {
    /// What is under way.
    pending: Option<Turn>,
    has_run: bool,
    counts: BTreeMap<(Turn, bool), u64>,
}

impl Turns {
    /// Takes in what happened to a plugin's process.
    pub(crate) fn hear(&self, plugin: &str, kind: EventKind) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.entry(plugin.to_owned()).or_default();
        let turn = if held.has_run { Turn::Restart } else { Turn::Start };
        let counted = match kind {
            EventKind::Starting => {
                held.pending = Some(turn);
                None
            }
            EventKind::Running => Some((held.pending.take().unwrap_or(turn), true)),
            EventKind::Promoted => {
                held.pending = None;
                Some((turn, true))
            }
            EventKind::CandidateFailed => Some((turn, false)),
            // A process that ran and ended is no change that somebody wanted.
            EventKind::Exited | EventKind::NotStartable => held.pending.take().map(|turn| (turn, false)),
            EventKind::Stopped | EventKind::Completed if held.has_run => Some((Turn::Stop, true)),
            _ => None,
        };
        if let Some((turn, ok)) = counted {
            *held.counts.entry((turn, ok)).or_default() += 1;
            match (turn, ok) {
                (Turn::Stop, _) => held.has_run = false,
                (Turn::Start | Turn::Restart, true) => held.has_run = true,
                (Turn::Start | Turn::Restart, false) => {}
            }
        }
    }

    /// What was counted of each of these plugins. The others are forgotten.
    pub(crate) fn read(&self, registered: &BTreeSet<&str>) -> BTreeMap<String, Vec<TurnCount>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|plugin, _| registered.contains(plugin.as_str()));
        let counts = |held: &Held| {
            let each = held.counts.iter();
            each.map(|((turn, ok), times)| TurnCount {
                turn: *turn,
                ok: *ok,
                times: *times,
            })
            .collect()
        };
        all.iter()
            .map(|(plugin, held)| (plugin.clone(), counts(held)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(heard: &[EventKind], want: &[(Turn, bool, u64)]) {
        let turns = Turns::default();
        heard.iter().for_each(|kind| turns.hear("p", *kind));
        let read = turns.read(&BTreeSet::from(["p"]));
        let got: Vec<_> = read["p"].iter().map(|c| (c.turn, c.ok, c.times)).collect();
        assert_eq!(got, want, "{heard:?}");
    }

    #[test]
    fn mx9_starts_restarts_and_stops_are_counted_with_their_success() {
        use EventKind::*;
        check(
            &[Starting, Running, Exited, Stopped],
            &[(Turn::Start, true, 1), (Turn::Stop, true, 1)],
        );
        check(
            &[Starting, Exited, Backoff, Starting, Running],
            &[(Turn::Start, false, 1), (Turn::Start, true, 1)],
        );
        check(
            &[Starting, Running, Exited, Backoff, Starting, Running],
            &[(Turn::Start, true, 1), (Turn::Restart, true, 1)],
        );
        check(
            &[Starting, Running, Exited, Starting, NotStartable, Exited],
            &[(Turn::Start, true, 1), (Turn::Restart, false, 1)],
        );
        check(
            &[
                CandidateStarting,
                CandidateFailed,
                CandidateStarting,
                CandidateReady,
                Promoted,
            ],
            &[(Turn::Start, false, 1), (Turn::Start, true, 1)],
        );
    }

    #[test]
    fn a_plugin_that_never_ran_was_never_stopped() {
        check(&[EventKind::Stopped], &[]);
    }

    #[test]
    fn mx10_plugins_that_are_not_registered_are_forgotten() {
        let turns = Turns::default();
        turns.hear("gone", EventKind::Running);
        assert!(turns.read(&BTreeSet::new()).is_empty());
        assert!(turns.read(&BTreeSet::from(["gone"])).is_empty());
    }
}
