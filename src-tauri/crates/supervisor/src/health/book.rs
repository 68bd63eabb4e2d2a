//! The last checks of a plugin, and what they come to.

use std::collections::VecDeque;

use crate::limits;
use crate::view::{HealthCheck, HealthState, HealthView};

/// The last checks of a plugin.
#[derive(Debug, Default)]
pub(crate) struct HealthBook {
    checks: VecDeque<HealthCheck>,
    state: HealthState,
    streak: u32,
}

impl HealthBook {
    /// Takes in a check. Gives the state before when that was another one.
    pub(crate) fn record(&mut self, check: HealthCheck) -> Option<HealthState> {
        let before = self.state;
        let same = self.checks.back().is_some_and(|last| last.state == check.state);
        self.streak = if same { self.streak.saturating_add(1) } else { 1 };
        self.state = check.state;
        self.checks.push_back(check);
        while self.checks.len() > limits::CHECKS_KEPT {
            self.checks.pop_front();
        }
        (before != self.state).then_some(before)
    }

    /// There is no process whose health could be known. The checks stay.
    pub(crate) fn unknown(&mut self) {
        self.state = HealthState::Unknown;
    }

    pub(crate) fn state(&self) -> HealthState {
        self.state
    }

    pub(crate) fn view(&self) -> HealthView {
        HealthView {
            state: self.state,
            checks: self.checks.iter().cloned().collect(),
            streak: self.streak,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(at_ms: i64, state: HealthState) -> HealthCheck {
        HealthCheck {
            at_ms,
            state,
            code: 0,
            messages: Vec::new(),
            source: "report".to_owned(),
            took_ms: 1,
        }
    }

    #[test]
    fn the_last_twenty_are_kept_with_their_streak_and_edges() {
        let mut book = HealthBook::default();
        assert_eq!(book.record(check(0, HealthState::Ok)), Some(HealthState::Unknown));
        for at in 1..30 {
            assert_eq!(book.record(check(at, HealthState::Ok)), None);
        }
        assert_eq!(book.view().streak, 30);
        assert_eq!(
            book.record(check(30, HealthState::Failing)),
            Some(HealthState::Ok)
        );
        let view = book.view();
        assert_eq!((view.state, view.streak), (HealthState::Failing, 1));
        let times: Vec<i64> = view.checks.iter().map(|check| check.at_ms).collect();
        assert_eq!(times, (11..=30).collect::<Vec<_>>());
        book.unknown();
        assert_eq!(book.state(), HealthState::Unknown);
        assert_eq!(book.view().checks.len(), 20);
    }
}
