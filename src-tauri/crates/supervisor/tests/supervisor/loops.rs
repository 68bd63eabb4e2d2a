//! Hours of a plugin's life in a moment: time is simulated, and so are its processes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use orrery_runner::{Exit, Launch, LaunchError, LimitHeld, LimitKind, Usage, Violation};
use orrery_supervisor::spec::BackoffSpec;
use orrery_supervisor::view::InstanceState as S;
use orrery_supervisor::{Event, Later, Launcher, Program, Spec, Supervisor, Want};
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::support::SocketCalls;

/// A launcher that only plays: its programs end after a while with code 1.
struct FakeLauncher {
    lasts: Duration,
    launched: Mutex<Vec<Instant>>,
}

struct FakeProgram {
    ends: Instant,
    violations: broadcast::Sender<Violation>,
}

impl Launcher for FakeLauncher {
    fn launch(&self, _launch: Launch) -> Later<'_, Result<Arc<dyn Program>, LaunchError>> {
        self.launched.lock().expect("not poisoned").push(Instant::now());
        let program = FakeProgram {
            ends: Instant::now() + self.lasts,
            violations: broadcast::Sender::new(1),
        };
        Box::pin(async move { Ok(Arc::new(program) as Arc<dyn Program>) })
    }

    fn shutdown(&self, _deadline: Duration) -> Later<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Program for FakeProgram {
    fn pid(&self) -> u32 {
        1
    }

    fn started_ms(&self) -> i64 {
        0
    }

    fn owns(&self, _pid: u32) -> bool {
        true
    }

    fn limits(&self) -> Vec<LimitHeld> {
        Vec::new()
    }

    fn violated(&self, _limit: LimitKind) -> u64 {
        0
    }

    fn violations(&self) -> broadcast::Receiver<Violation> {
        self.violations.subscribe()
    }

    fn gone(&self) -> Later<'_, Exit> {
        Box::pin(async {
            tokio::time::sleep_until(self.ends).await;
            exit(Some(1))
        })
    }

    fn stop(&self, _grace: Duration) -> Later<'_, Exit> {
        Box::pin(std::future::ready(exit(Some(0))))
    }

    fn usage(&self) -> Later<'_, Option<Usage>> {
        Box::pin(std::future::ready(None))
    }
}

fn exit(code: Option<i32>) -> Exit {
    Exit {
        code,
        signal: None,
        oom: false,
        requested: false,
        lost: false,
        at_ms: 0,
        ran_ms: 0,
        last_lines: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_crashes_for_ever_is_tried_ever_more_slowly_for_ever() {
    let directory = tempfile::tempdir().expect("a directory");
    let launcher = Arc::new(FakeLauncher {
        lasts: Duration::from_millis(50),
        launched: Mutex::default(),
    });
    let (supervisor, mut events) =
        Supervisor::start(Arc::clone(&launcher) as Arc<dyn Launcher>, Arc::new(SocketCalls));
    let mut spec = Spec::new(
        "/bin/true",
        directory.path(),
        directory.path().join("loops/loops.sock"),
    );
    spec.start.backoff = BackoffSpec {
        jitter: 0.0,
        ..BackoffSpec::default()
    };
    supervisor
        .put("loops", spec, Want::Automatic)
        .await
        .expect("is taken in");
    let day = Duration::from_secs(24 * 3_600);
    let mut told: Vec<Event> = Vec::new();
    let until = Instant::now() + day;
    while let Ok(Some(event)) = tokio::time::timeout_at(until, events.recv()).await {
        told.push(event);
    }
    let launched = launcher.launched.lock().expect("not poisoned").clone();
    let gaps: Vec<u64> = launched
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs())
        .collect();
    assert_eq!(gaps[..5], [1, 2, 4, 8, 300]);
    assert!(gaps[4..].iter().all(|gap| *gap == 300), "{gaps:?}");
    // One try in five minutes, the whole day.
    assert!((280..=300).contains(&launched.len()), "{}", launched.len());
    assert!(told.len() < 6 * launched.len());
    let view = supervisor.view("loops").expect("is known");
    assert_eq!(view.state, S::CrashLoop);
    // All of them are counted, over all that time: the window of a loop's beginning is long past.
    let words = format!("It ended {} times in 24 h ", launched.len());
    assert!(view.reason.contains(&words), "{}", view.reason);
    supervisor.shutdown(Duration::from_secs(5)).await;
    assert_eq!(supervisor.view("loops").map(|view| view.state), Some(S::Stopped));
}
