//! The clock by which the head of a request is waited for.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use orrery_services::Alarm;

/// The timer of one connection, which waits for one head at a time: what it is asked for is one clock, set anew.
#[derive(Clone, Default)]
pub(crate) struct HeadTimer(Arc<Mutex<Option<Alarm>>>);

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let mut alarm = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *alarm {
            Some(alarm) => alarm.set(deadline.into()),
            None => *alarm = Some(Alarm::new(deadline.into())),
        }
        Box::pin(Ring(self.clone()))
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

/// Waits for the ring.
struct Ring(HeadTimer);

impl Future for Ring {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *alarm {
            Some(alarm) => alarm.poll_ring(cx),
            // It is set before anybody waits for it.
            None => Poll::Ready(()),
        }
    }
}

impl Sleep for Ring {}
