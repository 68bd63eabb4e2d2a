//! A bounded number of places, and a bounded number of those who wait for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Lease;
use crate::limits;

/// A place; given back when dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    _lease: Option<Lease>,
}

impl Place {
    /// The place, with what keeps the plugin running meanwhile.
    pub(crate) fn with(self, lease: Option<Lease>) -> Self {
        Place {
            _lease: lease,
            ..self
        }
    }
}

impl From<OwnedSemaphorePermit> for Place {
    fn from(permit: OwnedSemaphorePermit) -> Self {
        Place {
            _permit: permit,
            _lease: None,
        }
    }
}

pub(crate) struct Slots {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
}

impl Slots {
    pub(crate) fn new(places: usize, most_waiting: usize) -> Self {
        Slots {
            free: Arc::new(Semaphore::new(places)),
            waiting: AtomicUsize::new(0),
            most_waiting,
        }
    }

    /// A place, if one is free.
    pub(crate) fn take_free(&self) -> Option<Place> {
        let place = Arc::clone(&self.free).try_acquire_owned();
        place.ok().map(Place::from)
    }

    /// A place, at once or after waiting; none when too many wait or it takes too long.
    pub(crate) async fn take(&self) -> Option<Place> {
        match self.take_free() {
            Some(place) => Some(place),
            None => Box::pin(self.wait()).await,
        }
    }

    async fn wait(&self) -> Option<Place> {
        let _waiting = Waiting::join(&self.waiting, self.most_waiting)?;
        let acquired = tokio::time::timeout(limits::WAIT, Arc::clone(&self.free).acquire_owned()).await;
        acquired.ok()?.ok().map(Place::from)
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let here = Waiting(count);
        // The guard is made first, so that leaving is counted however this ends.
        (count.fetch_add(1, Ordering::AcqRel) < most).then_some(here)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_run_so_many_wait_and_the_next_is_refused_at_once() {
        let slots = Arc::new(Slots::new(1, 1));
        let first = slots.take().await.unwrap();
        let second = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.take().await }
        });
        tokio::task::yield_now().await;
        assert!(slots.take().await.is_none(), "one runs, one waits");
        drop(first);
        let place = second.await.unwrap();
        assert!(place.is_some());
        assert!(slots.take().await.is_none(), "waiting ends after a while");
        assert_eq!(slots.waiting.load(Ordering::Relaxed), 0);
    }
}
