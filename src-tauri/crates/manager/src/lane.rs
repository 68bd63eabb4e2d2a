//! One operation at a time for each plugin, first come first served.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedMutexGuard, watch};

/// The queues of all plugins.
#[derive(Default)]
pub(crate) struct Lanes {
    lanes: Mutex<BTreeMap<String, Arc<Lane>>>,
}

/// The queue of a plugin.
#[derive(Default)]
struct Lane {
    mutex: Arc<tokio::sync::Mutex<()>>,
    /// Operations that wait.
    waiting: watch::Sender<usize>,
}

/// Whoever has this owns the plugin.
pub(crate) struct Turn {
    lane: Arc<Lane>,
    _guard: OwnedMutexGuard<()>,
}

/// Counts one that waits, as long as it lives.
struct Waits<'a>(&'a Lane);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|n| *n = n.saturating_sub(1));
    }
}

impl Lanes {
    /// Takes the turn if nobody has it or waits for it.
    pub(crate) fn turn_if_free(&self, plugin: &str) -> Option<Turn> {
        let lane = self.lane(plugin);
        let guard = Arc::clone(&lane.mutex).try_lock_owned().ok()?;
        Some(Turn { lane, _guard: guard })
    }

    /// Waits for its turn.
    pub(crate) async fn turn(&self, plugin: &str) -> Turn {
        let lane = self.lane(plugin);
        let guard = {
            lane.waiting.send_modify(|n| *n += 1);
            let _waits = Waits(&lane);
            Arc::clone(&lane.mutex).lock_owned().await
        };
        Turn { lane, _guard: guard }
    }

    fn lane(&self, plugin: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody else can come by one of which only the map knows.
        lanes.retain(|id, lane| id == plugin || Arc::strong_count(lane) > 1);
        Arc::clone(lanes.entry(plugin.to_owned()).or_default())
    }
}

impl Turn {
    /// Resolves when somebody else waits for the plugin.
    pub(crate) async fn is_awaited(&self) {
        let mut waiting = self.lane.waiting.subscribe();
        // The sender lives as long as we do.
        let _ = waiting.wait_for(|n| *n > 0).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_come_in_order_and_other_plugins_do_not_wait() {
        let lanes = Arc::new(Lanes::default());
        let first = lanes.turn("p").await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for n in 0..5 {
            let (lanes, order) = (Arc::clone(&lanes), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let _turn = lanes.turn("p").await;
                order.lock().unwrap().push(n);
            }));
            tokio::task::yield_now().await;
        }
        first.is_awaited().await;
        drop(lanes.turn("other").await);
        assert!(order.lock().unwrap().is_empty());
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(lanes.lanes.lock().unwrap().len(), 2);
        drop(lanes.turn("q").await);
        assert_eq!(lanes.lanes.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_is_not_waited_for() {
        let lanes = Lanes::default();
        let turn = lanes.turn("p").await;
        let gave_up = tokio::time::timeout(Duration::from_secs(1), lanes.turn("p")).await;
        assert!(gave_up.is_err());
        let awaited = tokio::time::timeout(Duration::from_secs(1), turn.is_awaited()).await;
        assert!(awaited.is_err());
        drop(turn);
        let again = tokio::time::timeout(Duration::from_secs(1), lanes.turn("p")).await;
        assert!(again.is_ok());
    }
}
