//! A clock that is set for every request and hardly ever rings. To set it later is to write down a time: the timer
//! behind it runs on from an earlier setting, and is wound up anew only when that one is over.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::time::{Instant, Sleep};

/// A clock that rings at the time it was set to last.
#[derive(Debug)]
pub struct Alarm {
    timer: Pin<Box<Sleep>>,
    at: Instant,
    /// Whom the timer wakes. It need not be told again, which costs more than to look whether it is over.
    waits: Option<Waker>,
}

impl Alarm {
    /// Rings at `at`.
    #[must_use]
    pub fn new(at: Instant) -> Self {
        Alarm {
            timer: Box::pin(tokio::time::sleep_until(at)),
            at,
            waits: None,
        }
    }

    /// Rings at `at`, and no longer when it was set to before.
    pub fn set(&mut self, at: Instant) {
        self.at = at;
        if at < self.timer.deadline() || self.timer.is_elapsed() {
            self.wind(at);
        }
    }

    fn wind(&mut self, at: Instant) {
        self.timer.as_mut().reset(at);
        self.waits = None;
    }

    /// Whether it rings; whoever asks is woken when it does, and perhaps before.
    pub fn poll_ring(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let told = |waits: &Option<Waker>| waits.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if told(&self.waits) && !self.timer.is_elapsed() {
            return Poll::Pending;
        }
        self.waits = Some(cx.waker().clone());
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if self.timer.deadline() >= self.at {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn it_rings_when_it_was_set_to_last() {
        let began = Instant::now();
        let mut alarm = Alarm::new(began + 10 * S);
        // Later, sooner, and again after it has rung.
        for (set, rings) in [(15, 15), (16, 16), (30, 30), (40, 40)] {
            alarm.set(began + set * S);
            poll_fn(|cx| alarm.poll_ring(cx)).await;
            let took = began.elapsed();
            assert!(took >= rings * S && took < (rings + 1) * S, "{took:?} for {set}");
        }
        alarm.set(began + 100 * S);
        alarm.set(began + 50 * S);
        poll_fn(|cx| alarm.poll_ring(cx)).await;
        assert!(began.elapsed() < 51 * S);
    }
}
