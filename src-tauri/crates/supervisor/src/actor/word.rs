//! News of processes.

use std::sync::Arc;

use orrery_runner::output::Level;
use orrery_runner::{LimitKind, Violation};

use super::Actor;
use super::exit::never_ran;
use crate::event::EventKind;
use crate::lifecycle::Input;
use crate::tenure::Word;

impl Actor {
    /// Takes in news of a process; late news of one that is gone are nobody's.
    pub(super) fn hear(&mut self, generation: u64, word: Word) {
        if self
            .candidate
            .as_ref()
            .is_some_and(|candidate| candidate.has(generation))
        {
            self.candidate_heard(word);
        } else if self
            .tenure
            .as_ref()
            .is_some_and(|tenure| tenure.generation == generation)
        {
            self.instance_heard(generation, word);
        }
    }

    fn instance_heard(&mut self, generation: u64, word: Word) {
        match word {
            Word::Launched(program) => {
                self.note(Level::Info, &format!("Started as process {}.", program.pid()));
                self.begin_life(generation, Arc::clone(&program));
                self.feed(Input::Launched { generation });
            }
            Word::NotLaunched { text, lasting } => {
                let exit = never_ran(&text);
                self.note(Level::Error, &exit.text);
                self.last_exit = Some(exit);
                self.end_life();
                self.feed(Input::NotLaunched { generation, lasting });
            }
            Word::Doubt(text) => {
                if !self.cycle.is_running() {
                    self.doubt = text;
                }
            }
            Word::Ready(facts) => {
                self.doubt.clear();
                self.health.expect(facts.took);
                self.feed(Input::Ready { generation });
            }
            Word::Unfit(text) => {
                self.doubt = text;
                self.feed(Input::Unfit { generation });
            }
            Word::Violated(violation) => self.tell_violation(generation, &violation),
            Word::Ended(exit) => {
                let success = exit.is_success() && !exit.oom;
                self.pending_exit = Some(exit);
                self.end_life();
                self.feed(Input::Ended { generation, success });
            }
        }
    }

    pub(super) fn tell_violation(&self, generation: u64, violation: &Violation) {
        let kind = match violation.limit {
            LimitKind::Cpu => EventKind::Throttled,
            LimitKind::Memory | LimitKind::Pids | LimitKind::OpenFiles => EventKind::LimitExceeded,
        };
        let text = format!("It {violation}.");
        self.note(Level::Warn, &text);
        self.event_of(generation, kind, &text, Vec::new());
    }
}
