//! Connections that nobody uses at the moment.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::link::Link;
use super::plain::Plain;
use crate::limits;

/// A connection in the form in which it was used last.
pub(super) enum Held {
    Plain(Plain),
    Link(Link),
}

impl Held {
    /// The connection for a plain request, unless it holds what nobody asked for.
    pub(super) fn into_plain(self) -> Option<Plain> {
        match self {
            Held::Plain(plain) => Some(plain),
            Held::Link(link) => link.into_plain(),
        }
    }

    /// Whether it can take a request, as far as is known here.
    fn is_open(&mut self) -> bool {
        match self {
            Held::Plain(plain) => plain.is_open(),
            Held::Link(link) => link.is_open(),
        }
    }
}

/// Those that wait; the one used last stands last.
#[derive(Default)]
pub(super) struct Idle {
    held: Mutex<Vec<(Held, Instant)>>,
}

impl Idle {
    pub(super) fn take(&self) -> Option<Held> {
        loop {
            let (mut held, _) = self.lock().pop()?;
            if held.is_open() {
                return Some(held);
            }
        }
    }

    pub(super) fn put(&self, connection: Held) {
        let now = Instant::now();
        let mut held = self.lock();
        let old = held
            .iter()
            .take_while(|(_, since)| now.duration_since(*since) > limits::IDLE_CONNECTION);
        let old = old
            .count()
            .max((held.len() + 1).saturating_sub(limits::IDLE_CONNECTIONS));
        let gone: Vec<_> = held.drain(..old).collect();
        held.push((connection, now));
        drop(held);
        // Closing them takes system calls, which others need not wait for.
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Held, Instant)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
