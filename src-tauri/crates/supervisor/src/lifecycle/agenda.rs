//! When a one-shot plugin works.

use std::time::Duration;

use crate::spec::TriggerSpec;

/// Work that is due and work to come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Agenda {
    due: bool,
    next: Option<Duration>,
    /// Its start triggers have fired; they do so once.
    begun: bool,
}

impl Agenda {
    /// Begins, once, when its plugin is first to do what its triggers say.
    pub(crate) fn begin(&mut self, trigger: &TriggerSpec, now: Duration) {
        if !self.begun {
            self.begun = true;
            self.due = self.due || trigger.at_start || trigger.first_start;
        }
        if self.next.is_none() {
            self.next = trigger.every.map(|every| now + every);
        }
    }

    /// Asked for by hand.
    pub(crate) fn ask(&mut self) {
        self.due = true;
    }

    /// Nothing is to be done until it begins again.
    pub(crate) fn pause(&mut self) {
        self.due = false;
        self.next = None;
    }

    /// Slots that come while it works are left out, never made up for.
    pub(crate) fn tick(&mut self, trigger: &TriggerSpec, now: Duration, at_work: bool) {
        let (Some(next), Some(every)) = (self.next, trigger.every) else {
            return;
        };
        if now >= next {
            self.next = Some(now + every);
            self.due = self.due || !at_work;
        }
    }

    /// Work starts.
    pub(crate) fn start(&mut self, trigger: &TriggerSpec, now: Duration) {
        self.due = false;
        self.next = trigger.every.map(|every| now + every);
    }

    pub(crate) fn is_due(&self) -> bool {
        self.due
    }

    pub(crate) fn next(&self) -> Option<Duration> {
        self.next
    }
}
