//! One bad plugin degrades only its own data: a watched good plugin stays fresh beside every kind of
//! hostile one, and beside all of them at once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should panic"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use orrery_plugins::{Config, ControlError, PluginEvent, PluginInfo, PluginState, Registry};
use orrery_testkit::plugin::controller_json;
use orrery_testkit::{GoodPlugin, HostilePlugin, Hostility};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

/// Time between calls.
const INTERVAL: Duration = Duration::from_millis(50);

/// Hostile plugins of one kind beside the good one. Called one after the other, four that hang would cost
/// two seconds a round.
const CROWD: usize = 4;

/// Reports that the good plugin has to get through, and the time for it: several times what is due.
const REPORTS: usize = 10;
const ENOUGH: Duration = Duration::from_secs(5);

/// Resident memory that nothing here may exceed, in bytes: the pool of body bytes, twice for growing
/// buffers, what is decoded from them, and all that the other tests of this process hold meanwhile.
const MEMORY_BYTES: u64 = 1_000_000_000;

static NO_ARGS: BTreeMap<String, String> = BTreeMap::new();

struct Stage {
    home: TempDir,
    registry: Registry,
    events: Receiver<PluginEvent>,
    good: GoodPlugin,
}

impl Stage {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let config = Config {
            roots: vec![home.path().to_owned()],
            interval: INTERVAL,
            ..Config::default()
        };
        let good = GoodPlugin::start(home.path().join("watched.sock")).unwrap();
        good.on_report(|_| controller_json("watched", &["press"], &[]).into());
        good.on_control(|_| json!({"value": "pressed"}).into());
        let (registry, events) = orrery_plugins::start(config).unwrap();
        Stage {
            home,
            registry,
            events,
            good,
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }

    /// Takes `count` reports of the good plugin and gives how many came of others meanwhile.
    async fn stays_fresh(&mut self, count: usize, within: Duration) -> BTreeMap<String, usize> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let fresh = tokio::time::timeout(within, async {
            while seen.get("watched").is_none_or(|n| *n < count) {
                let event = self.events.recv().await.expect("the registry ended");
                if let PluginEvent::Report { plugin, report, .. } = event {
                    assert_eq!(report.plugins[0].id, plugin);
                    *seen.entry(plugin.to_string()).or_default() += 1;
                }
            }
        });
        assert!(fresh.await.is_ok(), "only {seen:?} in {within:?}");
        seen
    }

    /// The good plugin is well, takes controls, and nothing hostile shows control characters.
    async fn is_well(&self) {
        let end = Instant::now() + ENOUGH;
        let is_ok = |p: &PluginInfo| p.id == "watched" && p.state == PluginState::Ok && p.status == "ok";
        while !self.registry.list().iter().any(is_ok) {
            assert!(Instant::now() < end, "{:?}", self.registry.list());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let list = self.registry.list();
        for plugin in &list {
            assert!(
                !format!("{}{}", plugin.status, plugin.label)
                    .chars()
                    .any(char::is_control),
                "{plugin:?}"
            );
        }
        let press = || {
            self.registry
                .control("watched", "testhost;<host>", "press", &NO_ARGS)
        };
        // On a machine that stands still for half a second, any control may run out of time.
        let mut pressed = press().await;
        while pressed == Err(ControlError::Timeout) && Instant::now() < end {
            pressed = press().await;
        }
        assert_eq!(pressed.unwrap().value, Some(json!("pressed")));
    }

    /// Ends the registry, after which the good plugin has no connection left.
    async fn ends(self) {
        self.registry.shutdown().await;
        let end = Instant::now() + ENOUGH;
        while self.good.open_connections() > 0 {
            assert!(Instant::now() < end, "connections stay open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn hostile(path: &Path, how: Hostility) -> HostilePlugin {
    HostilePlugin::start(path, how).unwrap()
}

async fn beside(how: Hostility) {
    let mut stage = Stage::new();
    let crowd: Vec<_> = (0..CROWD)
        .map(|n| hostile(&stage.path(&format!("{}{n}.sock", how.id())), how))
        .collect();
    stage.stays_fresh(REPORTS, ENOUGH).await;
    let called = |p: &HostilePlugin| p.calls() > 0 || how == Hostility::Deaf;
    let end = Instant::now() + ENOUGH;
    while !crowd.iter().all(called) {
        assert!(Instant::now() < end, "{how:?} was never called");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stage.is_well().await;
    stage.ends().await;
}

macro_rules! beside {
    ($($test:ident: $how:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                beside(Hostility::$how).await;
            }
        )+

        #[test]
        fn no_kind_is_left_out() {
            let tested = [$(Hostility::$how),+];
            assert!(Hostility::ALL.iter().all(|how| tested.contains(how)));
        }
    };
}

beside! {
    a_good_one_stays_fresh_beside_slow_ones: Slow,
    a_good_one_stays_fresh_beside_hanging_ones: Hanging,
    a_good_one_stays_fresh_beside_deaf_ones: Deaf,
    a_good_one_stays_fresh_beside_dripping_ones: Dripping,
    a_good_one_stays_fresh_beside_header_floods: HeaderFlood,
    a_good_one_stays_fresh_beside_oversized_reports: Oversized,
    a_good_one_stays_fresh_beside_boasting_ones: Boasting,
    a_good_one_stays_fresh_beside_endless_reports: Endless,
    a_good_one_stays_fresh_beside_truncated_reports: Truncated,
    a_good_one_stays_fresh_beside_silent_ones: Silent,
    a_good_one_stays_fresh_beside_wrong_ids: WrongId,
    a_good_one_stays_fresh_beside_two_specs: TwoSpecs,
    a_good_one_stays_fresh_beside_no_spec: NoSpec,
    a_good_one_stays_fresh_beside_wrong_versions: WrongVersion,
    a_good_one_stays_fresh_beside_missing_labels: NoLabel,
    a_good_one_stays_fresh_beside_missing_interfaces: NoReporter,
    a_good_one_stays_fresh_beside_deep_json: DeepJson,
    a_good_one_stays_fresh_beside_invalid_utf8: InvalidUtf8,
    a_good_one_stays_fresh_beside_what_is_not_json: NotJson,
    a_good_one_stays_fresh_beside_control_bytes: ControlBytes,
    a_good_one_stays_fresh_beside_flapping_sockets: Flapping,
    a_good_one_stays_fresh_beside_dying_ones: DyingMidControl,
    a_good_one_stays_fresh_beside_no_content: NoContent,
    a_good_one_stays_fresh_beside_server_errors: ServerError,
    a_good_one_stays_fresh_beside_http_1_0: Http10,
    a_good_one_stays_fresh_beside_garbage: Garbage,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_one_stays_fresh_beside_all_of_them() {
    let mut stage = Stage::new();
    let _crowd: Vec<_> = Hostility::ALL
        .into_iter()
        .map(|how| hostile(&stage.path(&format!("{0}/{0}.sock", how.id())), how))
        .collect();
    let mut most_memory = 0;
    for _ in 0..8 {
        let seen = stage.stays_fresh(REPORTS, ENOUGH * 2).await;
        // Whoever reports is one that is meant to.
        for plugin in seen.keys() {
            let good = ["watched", "http10", "flapping", "dyingmidcontrol"];
            assert!(good.contains(&plugin.as_str()), "{plugin} reported");
        }
        most_memory = most_memory.max(resident_bytes());
    }
    println!("most memory seen: {most_memory} bytes");
    assert!(most_memory < MEMORY_BYTES, "{most_memory} bytes");
    stage.is_well().await;
    // Every other one is shown with what is wrong with it.
    let list = stage.registry.list();
    for how in Hostility::ALL {
        let fine = matches!(
            how,
            Hostility::Http10 | Hostility::DyingMidControl | Hostility::Flapping
        );
        let listed = list.iter().find(|p| p.id == how.id());
        assert!(
            fine || listed
                .is_some_and(|p| p.state == PluginState::Failing && p.status.starts_with("error: ")),
            "{how:?}: {listed:?}"
        );
    }
    stage.ends().await;
}

/// Large reports that decode into far more than they weigh stay within the memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_reports_share_bounded_memory() {
    let mut stage = Stage::new();
    // 30 MB of small nodes each: what a report may weigh, and the most that it can become.
    let mut body = Vec::with_capacity(30_000_000);
    body.extend_from_slice(b"{\"Host\":{\"nodes\":{");
    let mut n = 0;
    while body.len() < 30_000_000 {
        body.extend_from_slice(format!("\"{n}\":{{}},").as_bytes());
        n += 1;
    }
    body.extend_from_slice(b"\"z\":{}}}}");
    let body = bytes::Bytes::from(body);
    let large: Vec<_> = (0..12)
        .map(|n| {
            let plugin = GoodPlugin::start(stage.path(&format!("large{n}.sock"))).unwrap();
            let body = body.clone();
            plugin.on_report(move |_| orrery_testkit::Reply::ok(body.clone()));
            plugin
        })
        .collect();
    let mut most_memory = 0;
    for _ in 0..10 {
        stage.stays_fresh(4, ENOUGH * 2).await;
        most_memory = most_memory.max(resident_bytes());
    }
    println!("most memory seen: {most_memory} bytes");
    assert!(most_memory < MEMORY_BYTES, "{most_memory} bytes");
    assert!(large.iter().any(|p| p.reports() > 0));
    stage.is_well().await;
    stage.ends().await;
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// Ten of a hundred never answer, and the reports of the others are never older than two intervals on the average.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_plugins_ten_hang_and_the_others_stay_fresh() {
    const EACH: usize = 5;
    let home = tempfile::tempdir().unwrap();
    let path = |name: String| home.path().join(name);
    let interval = Duration::from_secs(1);
    let good: Vec<_> = (0..90)
        .map(|n| GoodPlugin::start(path(format!("good{n}.sock"))).unwrap())
        .collect();
    let hanging: Vec<_> = (0..10)
        .map(|n| HostilePlugin::start(path(format!("hangs{n}.sock")), Hostility::Hanging).unwrap())
        .collect();
    let config = Config {
        roots: vec![home.path().to_owned()],
        interval,
        ..Config::default()
    };
    let (registry, mut events) = orrery_plugins::start(config).unwrap();
    let mut times: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
    let all = tokio::time::timeout(6 * ENOUGH, async {
        while times.len() < good.len() || times.values().any(|of_one| of_one.len() < EACH) {
            let event = events.recv().await.expect("the registry ended");
            if let PluginEvent::Report { plugin, .. } = event {
                times.entry(plugin.to_string()).or_default().push(Instant::now());
            }
        }
    });
    assert!(all.await.is_ok(), "{} reported: {times:?}", times.len());
    assert!(times.keys().all(|id| id.starts_with("good")), "{times:?}");
    let gaps = u32::try_from(EACH - 1).unwrap();
    for (id, of_one) in &times {
        let took = of_one[EACH - 1] - of_one[0];
        assert!(took < 2 * gaps * interval, "{id}: {EACH} reports took {took:?}");
    }
    assert!(hanging.iter().all(|plugin| plugin.calls() > 0));
    registry.shutdown().await;
}
