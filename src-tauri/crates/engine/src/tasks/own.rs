//! Reports that plugins give under a task's own config, shared by all tasks that say the same.
//!
//! What a plugin is asked costs it something, so that it is asked once in a window for each config, however many
//! tasks want it: who comes while a call is under way waits for that one, and who comes soon after gets what it gave.
//! A call ends when nobody waits for it any more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};
use orrery_model::{Report, SmolStr};
use orrery_tasks::seams::Later;
use semver::Version;
use tokio::time::{Instant, sleep, timeout};

use crate::limits::TASK_CONFIGS;

/// What a plugin gave, or why it gave nothing.
type Answer = Result<Arc<Report>, String>;
type Call = Shared<Later<'static, Answer>>;

/// Which report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) plugin: SmolStr,
    pub(super) version: Version,
    /// The config as JSON, with secrets as references.
    pub(super) config: String,
}

/// Reports by plugin and config.
pub(super) struct Own {
    /// How long a report serves those who come later.
    window: Duration,
    held: Mutex<BTreeMap<Key, Held>>,
}

/// A report, or the call for it.
struct Held {
    began: Instant,
    answer: Option<Answer>,
    /// Only who waits holds the call itself.
    call: WeakShared<Later<'static, Answer>>,
}

impl Held {
    fn serves(&self, window: Duration) -> bool {
        match self.answer {
            Some(_) => self.began.elapsed() < window,
            None => self.call.upgrade().is_some(),
        }
    }
}

impl Own {
    pub(super) fn new(window: Duration) -> Arc<Own> {
        Arc::new(Own {
            window,
            held: Mutex::default(),
        })
    }

    /// The report of a plugin under a config, asked for with `ask` unless it is there or under way.
    ///
    /// # Errors
    /// Why there is none, also when it does not come within `patience`.
    pub(super) async fn report(
        self: &Arc<Self>,
        key: Key,
        patience: Duration,
        ask: impl FnOnce() -> Later<'static, Result<Report, String>>,
    ) -> Answer {
        let call = match self.begin(key, ask)? {
            Begun::There(answer) => return answer,
            Begun::UnderWay(call) => call,
        };
        timeout(patience, call).await.unwrap_or_else(|_| {
            Err(format!(
                "it did not answer within the task's timeout of {} ms",
                patience.as_millis()
            ))
        })
    }

    fn begin(
        self: &Arc<Self>,
        key: Key,
        ask: impl FnOnce() -> Later<'static, Result<Report, String>>,
    ) -> Result<Begun, String> {
        let mut held = self.held();
        held.retain(|_, held| held.serves(self.window));
        if let Some(known) = held.get(&key) {
            if let Some(answer) = &known.answer {
                return Ok(Begun::There(answer.clone()));
            }
            if let Some(call) = known.call.upgrade() {
                return Ok(Begun::UnderWay(call));
            }
        }
        let others = held.keys().filter(|other| other.plugin == key.plugin).count();
        if others >= TASK_CONFIGS {
            return Err(format!(
                "it is asked under {TASK_CONFIGS} different configs at a time already, and no more are possible; \
                 tasks with the same config share one"
            ));
        }
        let began = Instant::now();
        let (own, asked, of) = (Arc::clone(self), ask(), key.clone());
        let call: Later<'static, Answer> = Box::pin(async move {
            let answer = asked.await.map(Arc::new);
            own.keep(of, began, answer.clone());
            answer
        });
        let call = call.shared();
        let weak = call.downgrade().ok_or("the call cannot begin")?;
        let waiting = Held {
            began,
            answer: None,
            call: weak,
        };
        held.insert(key, waiting);
        Ok(Begun::UnderWay(call))
    }

    /// Keeps an answer for those who come soon, and lets it go after that.
    fn keep(self: Arc<Self>, key: Key, began: Instant, answer: Answer) {
        let mut held = self.held();
        // Another call may have begun since nobody waited for this one.
        let Some(known) = held.get_mut(&key).filter(|known| known.began == began) else {
            return;
        };
        known.answer = Some(answer);
        drop(held);
        tokio::spawn(async move {
            sleep(self.window.saturating_sub(began.elapsed())).await;
            let mut held = self.held();
            if held.get(&key).is_some_and(|known| known.began == began) {
                held.remove(&key);
            }
        });
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Key, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Begun {
    There(Answer),
    UnderWay(Call),
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(1);
    const PATIENCE: Duration = Duration::from_secs(5);

    fn key(plugin: &str, config: &str) -> Key {
        Key {
            plugin: plugin.into(),
            version: Version::new(1, 0, 0),
            config: config.to_owned(),
        }
    }

    /// A plugin that counts how often it is asked, and answers when there is a permit.
    #[derive(Clone)]
    struct Plugin {
        asked: Arc<AtomicUsize>,
        permits: Arc<Semaphore>,
    }

    impl Plugin {
        fn new(permits: usize) -> Plugin {
            Plugin {
                asked: Arc::default(),
                permits: Arc::new(Semaphore::new(permits)),
            }
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }

        fn ask(&self) -> Later<'static, Result<Report, String>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let permits = self.permits.clone();
            Box::pin(async move {
                permits
                    .acquire()
                    .await
                    .map_err(|error| error.to_string())?
                    .forget();
                Ok(Report::default())
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_config_is_asked_for_once_in_a_window_and_another_beside_it() {
        let (own, plugin) = (Own::new(WINDOW), Plugin::new(1000));
        let get = async |config: &str| {
            let answer = own.report(key("p", config), PATIENCE, || plugin.ask()).await;
            answer.unwrap()
        };
        for _ in 0..10 {
            get("5").await;
        }
        assert_eq!(plugin.asked(), 1);
        get("6").await;
        assert_eq!(plugin.asked(), 2, "another config");
        let newer = Key {
            version: Version::new(2, 0, 0),
            ..key("p", "5")
        };
        own.report(newer, PATIENCE, || plugin.ask()).await.unwrap();
        assert_eq!(plugin.asked(), 3, "another version");
        tokio::time::advance(WINDOW).await;
        get("5").await;
        assert_eq!(plugin.asked(), 4, "the window is over");
        tokio::time::advance(WINDOW * 2).await;
        tokio::task::yield_now().await;
        sleep(WINDOW).await;
        assert!(own.held().is_empty(), "nothing is kept for longer than it serves");
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_while_it_is_under_way_waits_for_the_same_answer() {
        let (own, plugin) = (Own::new(WINDOW), Plugin::new(0));
        let both = futures_util::future::join(
            own.report(key("p", "5"), PATIENCE, || plugin.ask()),
            own.report(key("p", "5"), PATIENCE, || plugin.ask()),
        );
        let answering = async {
            // Longer than the window: it is under way all the same.
            sleep(WINDOW * 2).await;
            plugin.permits.add_permits(1);
        };
        let ((one, other), ()) = futures_util::future::join(both, answering).await;
        assert!(Arc::ptr_eq(&one.unwrap(), &other.unwrap()));
        assert_eq!(plugin.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn each_waits_for_its_own_time_and_a_call_nobody_waits_for_ends() {
        let (own, plugin) = (Own::new(WINDOW), Plugin::new(0));
        let brief = Duration::from_millis(100);
        let why = own
            .report(key("p", "5"), brief, || plugin.ask())
            .await
            .unwrap_err();
        assert!(why.contains("100 ms"), "{why}");
        plugin.permits.add_permits(1);
        own.report(key("p", "5"), brief, || plugin.ask()).await.unwrap();
        assert_eq!(plugin.asked(), 2, "the first call ended with whom it was for");

        let slow = Plugin::new(0);
        let both = futures_util::future::join(
            own.report(key("q", "5"), brief, || slow.ask()),
            own.report(key("q", "5"), PATIENCE, || slow.ask()),
        );
        let answering = async {
            sleep(brief * 2).await;
            slow.permits.add_permits(1);
        };
        let ((impatient, patient), ()) = futures_util::future::join(both, answering).await;
        assert!(impatient.is_err() && patient.is_ok(), "{patient:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_like_an_answer() {
        let own = Own::new(WINDOW);
        let fails = || -> Later<'static, Result<Report, String>> {
            Box::pin(async { Err("no such rate".to_owned()) })
        };
        let never = || -> Later<'static, Result<Report, String>> { panic!("asked again within the window") };
        assert_eq!(
            own.report(key("p", "5"), PATIENCE, fails).await,
            Err("no such rate".to_owned())
        );
        assert_eq!(
            own.report(key("p", "5"), PATIENCE, never).await,
            Err("no such rate".to_owned())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_plugin_is_asked_under_so_many_configs_and_no_more() {
        let (own, plugin) = (Own::new(WINDOW), Plugin::new(0));
        let keys: Vec<Key> = (0..TASK_CONFIGS).map(|n| key("p", &n.to_string())).collect();
        let all = keys
            .iter()
            .map(|key| own.report(key.clone(), PATIENCE, || plugin.ask()));
        let beyond = async {
            sleep(Duration::from_millis(1)).await;
            let of_p = own.report(key("p", "beyond"), PATIENCE, || plugin.ask()).await;
            plugin.permits.add_permits(TASK_CONFIGS + 2);
            let of_q = own.report(key("q", "beyond"), PATIENCE, || plugin.ask()).await;
            (of_p, of_q)
        };
        let (all, (of_p, of_q)) =
            futures_util::future::join(futures_util::future::join_all(all), beyond).await;
        assert!(all.iter().all(Result::is_ok));
        let why = of_p.unwrap_err();
        assert!(
            why.contains(&format!("{TASK_CONFIGS} different configs")),
            "{why}"
        );
        assert!(of_q.is_ok(), "another plugin has room");
        tokio::time::advance(WINDOW).await;
        own.report(key("p", "beyond"), PATIENCE, || plugin.ask())
            .await
            .unwrap();
    }
}
