//! News of the life cycle, put into words and passed on.

use orrery_runner::output::Level;

use super::exit::{Circumstances, because, exit_view};
use super::{Actor, health_word};
use crate::event::EventKind;
use crate::lifecycle::{Cause, News};
use crate::spec::{Rest, Want};
use crate::text::span;
use crate::view::{ExitKind, HealthState};

impl Actor {
    /// Puts news into words: the reason shown, the event, a line in the log.
    pub(super) fn tell(&mut self, news: News) {
        match news {
            News::Starting => {
                let tries = self.cycle.failures();
                self.reason = if tries == 0 {
                    String::new()
                } else {
                    format!("Try {}.", tries + 1)
                };
                let text = if tries == 0 {
                    "It is being started.".to_owned()
                } else {
                    self.reason.clone()
                };
                self.event(EventKind::Starting, &text, Vec::new());
            }
            News::Running { tries } => {
                self.reason = String::new();
                let text = match tries {
                    0 => "It runs.".to_owned(),
                    1 => "It runs again after a failed try.".to_owned(),
                    tries => format!("It runs again after {tries} failed tries."),
                };
                self.note(Level::Info, &text);
                self.event(EventKind::Running, &text, Vec::new());
                self.begin_health();
            }
            News::Unresponsive { checks } => {
                let counted = if checks == 1 {
                    "A check failed".to_owned()
                } else {
                    format!("{checks} checks in a row failed")
                };
                self.reason = because(&counted, &self.health.ailment());
                let text = self.reason.clone();
                self.note(Level::Error, &text);
                self.event(EventKind::Unresponsive, &text, self.last_lines());
            }
            News::Recovered => {
                self.reason = String::new();
                self.event(EventKind::Recovered, "It answers again.", Vec::new());
            }
            News::Settled { failures: 0 } => {}
            News::Settled { failures } => {
                let after = if failures == 1 {
                    "a failure".to_owned()
                } else {
                    format!("{failures} failures")
                };
                let text = format!(
                    "It has run for {} after {after}; they are forgotten.",
                    span(self.spec.restart.stable_after)
                );
                self.event(EventKind::Settled, &text, Vec::new());
            }
            News::Ended { cause, was_ready } => self.tell_end(cause, was_ready),
            News::Backoff { wait } => {
                self.reason = self.last_words();
                let text = format!("{} It is tried again in {}.", self.reason, span(wait));
                self.event(EventKind::Backoff, text.trim_start(), Vec::new());
            }
            News::CrashLoop { ends, within, wait } => self.tell_loop(ends, within, wait),
            News::NotStartable { wait } => {
                let again = format!(
                    "It is tried again when its files change and every {}.",
                    span(wait)
                );
                self.reason = format!("{} {again}", self.last_words());
                let text = self.reason.clone();
                self.note(Level::Error, &text);
                self.event(EventKind::NotStartable, &text, Vec::new());
            }
            News::Stopped => {
                self.reason = match &self.want {
                    Want::Rest(Rest::Stopped) => "Stopped by the user.".to_owned(),
                    Want::Rest(_) | Want::Automatic | Want::Run => String::new(),
                };
                self.event(EventKind::Stopped, "It is at rest.", Vec::new());
            }
            News::Left { success } => {
                let why = if success {
                    "It is done."
                } else {
                    "Its restart policy leaves it so."
                };
                self.reason = format!("{} {why}", self.last_words()).trim_start().to_owned();
                let text = self.reason.clone();
                self.event(EventKind::Left, &text, Vec::new());
            }
            News::Completed => {
                self.reason = String::new();
                self.event(EventKind::Completed, "It did its work.", Vec::new());
            }
            News::ExecutionFailed => {
                self.reason = self.last_words();
                let text = because("Its work failed", &self.reason);
                self.event(EventKind::ExecutionFailed, &text, self.exit_lines());
            }
        }
    }

    /// What will be said when the process is gone, while it is being ended.
    pub(super) fn foretell(&mut self, cause: Cause) {
        self.reason = match cause {
            Cause::Unwanted | Cause::Restart | Cause::Yield => String::new(),
            Cause::StartTimeout => because(
                &format!("No valid report came within {}", span(self.spec.start.timeout)),
                &self.doubt,
            ),
            Cause::Protocol => because("It does not answer as a plugin", &self.doubt),
            Cause::Unresponsive | Cause::Fatal => {
                self.doubt = self.health.ailment();
                self.reason.clone()
            }
            Cause::Overtime => "Its work took too long.".to_owned(),
        };
    }

    fn tell_end(&mut self, cause: Option<Cause>, was_ready: bool) {
        let Some(exit) = self.pending_exit.take() else {
            return;
        };
        let known = Circumstances {
            cause,
            was_ready,
            doubt: &self.doubt,
            spec: &self.spec,
        };
        let view = exit_view(&exit, &known);
        let level = if view.kind == ExitKind::Requested {
            Level::Info
        } else {
            Level::Error
        };
        self.note(level, &view.text);
        let lines = if view.kind == ExitKind::Requested {
            Vec::new()
        } else {
            view.last_lines.clone()
        };
        self.event(EventKind::Exited, &view.text, lines);
        if view.kind != ExitKind::Requested && !self.cycle.is_trigger() {
            self.health.died(&view);
        }
        self.last_exit = Some(view);
    }

    fn tell_loop(&mut self, ends: usize, within: std::time::Duration, wait: std::time::Duration) {
        let hint = match &self.last_exit {
            Some(exit) if exit.kind == ExitKind::OutOfMemory => " Its memory limit may be too low.",
            _ => "",
        };
        let words = self.last_words();
        let pace = span(self.spec.start.backoff.max.max(crate::limits::BACKOFF_MIN));
        self.reason = format!(
            "{words} It ended {ends} times in {} and is tried every {pace} now.{hint}",
            span(within)
        );
        let text = self.reason.clone();
        self.note(Level::Error, &format!("{text} Next try in {}.", span(wait)));
        // Without the count: the same again is told as such.
        let text = format!("{words} It keeps ending and is tried every {pace} now.{hint}");
        self.event(EventKind::CrashLoop, text.trim_start(), self.exit_lines());
    }

    pub(super) fn tell_health(&self, before: HealthState) {
        let state = self.health.state();
        // Its start and its end are told anyway.
        if before == HealthState::Unknown && state == HealthState::Ok || state == HealthState::Unknown {
            return;
        }
        let text = because(
            &format!("Its health is {}", health_word(state)),
            &self.health.ailment(),
        );
        self.event(EventKind::HealthChanged, &text, Vec::new());
    }

    pub(super) fn note(&self, level: Level, text: &str) {
        self.shared.output.note(level, text);
    }

    fn last_words(&self) -> String {
        self.last_exit
            .as_ref()
            .map(|exit| exit.text.clone())
            .unwrap_or_default()
    }

    fn exit_lines(&self) -> Vec<String> {
        self.last_exit
            .as_ref()
            .map(|exit| exit.last_lines.clone())
            .unwrap_or_default()
    }

    fn last_lines(&self) -> Vec<String> {
        let lines = self.shared.output.last(0, crate::limits::LAST_LINES);
        let said = lines
            .into_iter()
            .filter(|line| line.stream != orrery_runner::output::Stream::Orrery);
        said.map(|line| line.text).collect()
    }
}

/// Words as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), letters.as_str())
    })
}
