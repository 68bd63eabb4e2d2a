//! Upgrades without a gap, going back by itself and on order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use orrery_manager::view::{OperationState, PluginOrder};
use orrery_manager::{OrderError, Wait};
use orrery_supervisor::view::InstanceState;

use crate::package::Package;
use crate::world::{World, processes, until, who};

crate::trials![
    the_old_one_runs_until_the_new_one_is_ready,
    one_that_does_not_start_changes_nothing_and_stays_visible_until_dismissed,
    one_that_fails_in_probation_is_taken_back,
    one_that_is_cancelled_in_probation_is_taken_back,
    when_going_back_fails_too_both_reasons_are_told,
    back_to_an_earlier_one_needs_no_package,
    two_earlier_ones_are_kept,
    with_a_path_of_its_own_the_old_one_ends_first,
    what_does_not_run_is_only_replaced,
    probation_goes_on_after_a_restart,
];

fn rollback(version: Option<&str>) -> PluginOrder {
    PluginOrder::Rollback {
        plugin: "p".to_owned(),
        version: version.map(str::to_owned),
    }
}

fn dismiss() -> PluginOrder {
    PluginOrder::Dismiss {
        plugin: "p".to_owned(),
    }
}

fn versions(world: &World) -> Vec<String> {
    let plugin = world.plugin("p");
    let all = plugin.current.iter().chain(&plugin.retained);
    all.map(|revision| revision.version.clone()).collect()
}

/// Directories of revisions, which are those that are shown and no other.
fn dirs_are_shown(world: &World) {
    let dirs = std::fs::read_dir(world.dirs().revisions().join("p")).unwrap();
    let mut dirs: Vec<String> = dirs
        .map(|d| d.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "current")
        .collect();
    dirs.sort();
    let mut shown = versions(world);
    shown.sort();
    assert_eq!(dirs.len(), shown.len(), "{dirs:?} {shown:?}");
    for (dir, version) in dirs.iter().zip(&shown) {
        assert!(dir.starts_with(&format!("{version}-")), "{dirs:?} {shown:?}");
    }
}

/// Asks the process on the public socket all the time.
struct Asking {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Vec<String>>,
}

impl Asking {
    /// A call that fails is an answer of `none`.
    fn start(world: &World) -> Asking {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, socket) = (Arc::clone(&stop), world.dirs().socket("p"));
        let task = tokio::spawn(async move {
            let mut answers = vec![];
            while !stopped.load(Ordering::Relaxed) {
                let answer = who(&socket)
                    .await
                    .map(|who| who["version"].as_str().unwrap().to_owned());
                let answer = answer.unwrap_or_else(|| "none".to_owned());
                if answers.last() != Some(&answer) {
                    answers.push(answer);
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            answers
        });
        Asking { stop, task }
    }

    /// The different answers, in order.
    async fn answers(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

async fn the_old_one_runs_until_the_new_one_is_ready() {
    let world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    world.serves("p", "1.0.0").await;
    let asking = Asking::start(&world);
    let slow = Package::new("p", "2.0.0").arg("late-ms", 500);
    let ordered = world.manager().order(world.install_order(&slow), "ada", Wait::No);
    let id = ordered.await.unwrap().id;
    world
        .until("the pending revision is not shown", || {
            let plugin = world.plugin("p");
            plugin
                .pending
                .is_some_and(|p| p.revision.version == "2.0.0" && p.failure.is_none())
                && plugin.current.unwrap().version == "1.0.0"
        })
        .await;
    let operation = world.manager().ended(&id).await.unwrap();
    assert_eq!(
        (operation.state, operation.kind.as_str()),
        (OperationState::Done, "upgrade")
    );
    world.serves("p", "2.0.0").await;
    assert_eq!(asking.answers().await, ["1.0.0", "2.0.0"], "no call failed");
    assert!(world.plugin("p").pending.is_none());
    assert_eq!(versions(&world), ["2.0.0", "1.0.0"]);
    assert_eq!(processes(world.base()).len(), 1);
    dirs_are_shown(&world);
}

async fn one_that_does_not_start_changes_nothing_and_stays_visible_until_dismissed() {
    let mut world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    let before = world.serves("p", "1.0.0").await;
    let bad = world.install_order(&Package::new("p", "2.0.0").arg("fails", 7));
    world.fails(bad, "exited").await;
    assert_eq!(world.who("p").await.unwrap(), before, "the same process");
    assert_eq!(versions(&world), ["1.0.0"]);
    dirs_are_shown(&world);
    let check = |world: &World| {
        let pending = world.plugin("p").pending.unwrap();
        assert_eq!(
            (pending.revision.version.as_str(), pending.step.as_str()),
            ("2.0.0", "start")
        );
        assert!(pending.failure.unwrap().contains("flux capacitor"));
        assert!(pending.failed_ms.is_some());
    };
    check(&world);
    world.restart().await;
    check(&world);
    world.done(dismiss()).await;
    assert!(world.plugin("p").pending.is_none());
    world.serves("p", "1.0.0").await;
}

async fn one_that_fails_in_probation_is_taken_back() {
    let mut world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    let bad = Package::new("p", "2.0.0")
        .arg("ends-after-ms", 700)
        .with("[restart]\nstable_after = \"20s\"");
    let operation = world.fails(world.install_order(&bad), "exited").await;
    assert!(
        operation.outcome.contains("the capacitor blew"),
        "{}",
        operation.outcome
    );
    assert!(
        operation.outcome.contains("1.0.0 is in force again"),
        "{}",
        operation.outcome
    );
    world.serves("p", "1.0.0").await;
    assert_eq!(versions(&world), ["1.0.0"]);
    let pending = world.plugin("p").pending.unwrap();
    assert_eq!(
        (pending.revision.version.as_str(), pending.step.as_str()),
        ("2.0.0", "probation")
    );
    assert!(pending.failure.unwrap().contains("the capacitor blew"));
    dirs_are_shown(&world);
    world.state("p", InstanceState::Running).await;
    assert_eq!(processes(world.base()).len(), 1);
    let mut told = Vec::new();
    let running = world.running.as_mut().unwrap();
    until("the failure is not told", &mut || {
        told.extend(running.new_events());
        told.last().is_some_and(|kind| kind == "upgrade_failed")
    })
    .await;
    let expected = ["install_requested", "revision_ready", "upgrade_failed"];
    assert_eq!(told[told.len() - 3..], expected.map(str::to_owned));
    // The next one takes its place.
    world.install(&Package::new("p", "2.0.1")).await;
    assert!(world.plugin("p").pending.is_none());
}

async fn one_that_is_cancelled_in_probation_is_taken_back() {
    let world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    let slow = Package::new("p", "2.0.0").with("[restart]\nstable_after = \"10m\"");
    let ordered = world.manager().order(world.install_order(&slow), "ada", Wait::No);
    let id = ordered.await.unwrap().id;
    world.serves("p", "2.0.0").await;
    world
        .until("it cannot be cancelled", || world.manager().cancel(&id).is_ok())
        .await;
    let operation = world.manager().ended(&id).await.unwrap();
    assert_eq!(operation.state, OperationState::Cancelled, "{operation:#?}");
    world.serves("p", "1.0.0").await;
    assert!(world.plugin("p").pending.is_none(), "who cancels knows about it");
    dirs_are_shown(&world);
}

async fn when_going_back_fails_too_both_reasons_are_told() {
    let world = World::new().await;
    // One that starts once only.
    let once = world.base().join("once");
    let guard = Package::new("p", "1.0.0")
        .arg("once", once.display())
        .with("[start]\ntimeout = \"4s\"");
    world.install(&guard).await;
    let bad = Package::new("p", "2.0.0")
        .arg("ends-after-ms", 500)
        .with("[restart]\nstable_after = \"20s\"");
    let operation = world.fails(world.install_order(&bad), "rollback_failed").await;
    assert!(
        operation.outcome.contains("the capacitor blew"),
        "{}",
        operation.outcome
    );
    assert!(operation.outcome.contains("going back"), "{}", operation.outcome);
    assert!(operation.outcome.contains("code 5"), "{}", operation.outcome);
    // It is in force nevertheless, and tried on and on.
    assert_eq!(versions(&world), ["1.0.0"]);
    std::fs::remove_file(&once).unwrap();
    world
        .done(PluginOrder::Restart {
            plugin: "p".to_owned(),
        })
        .await;
    world.serves("p", "1.0.0").await;
}

async fn back_to_an_earlier_one_needs_no_package() {
    let world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    let none = world.order(rollback(None)).await;
    assert!(matches!(none, Err(OrderError::NoRevision { .. })), "{none:?}");
    world.install(&Package::new("p", "1.1.0")).await;
    world.install(&Package::new("p", "1.2.0")).await;
    std::fs::remove_dir_all(world.base().join("packages")).unwrap();
    let asking = Asking::start(&world);
    world.done(rollback(None)).await;
    world.serves("p", "1.1.0").await;
    leads_to(&world, "1.1.0");
    assert_eq!(asking.answers().await, ["1.2.0", "1.1.0"], "no call failed");
    world.done(rollback(Some("1.0.0"))).await;
    world.serves("p", "1.0.0").await;
    let kept = versions(&world);
    assert_eq!(kept, ["1.0.0", "1.1.0", "1.2.0"]);
    dirs_are_shown(&world);
    let none = world.order(rollback(Some("9.9.9"))).await.unwrap_err();
    assert!(none.to_string().contains("9.9.9"), "{none}");
}

/// The link to the revision in force.
fn leads_to(world: &World, version: &str) {
    let link = world.dirs().revisions().join("p/current");
    let target = std::fs::read_link(&link).unwrap();
    assert!(
        target.display().to_string().starts_with(&format!("{version}-")),
        "{target:?}"
    );
    assert!(link.join("plugin.toml").exists());
}

async fn two_earlier_ones_are_kept() {
    let mut world = World::new().await;
    for version in ["1.0.0", "2.0.0", "3.0.0", "4.0.0"] {
        world.install(&Package::new("p", version)).await;
    }
    assert_eq!(versions(&world), ["4.0.0", "3.0.0", "2.0.0"]);
    dirs_are_shown(&world);
    leads_to(&world, "4.0.0");
    // It follows the record, whatever somebody made of it.
    let link = world.dirs().revisions().join("p/current");
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("/nowhere", &link).unwrap();
    world.restart().await;
    leads_to(&world, "4.0.0");
    assert_eq!(versions(&world), ["4.0.0", "3.0.0", "2.0.0"]);
    dirs_are_shown(&world);
    world.serves("p", "4.0.0").await;
}

async fn with_a_path_of_its_own_the_old_one_ends_first() {
    let world = World::new().await;
    let socket = world.base().join("own/p.sock");
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let package = |version| Package::new("p", version).fixed_socket(&socket);
    world.install(&package("1.0.0")).await;
    assert_eq!(who(&socket).await.unwrap()["version"], "1.0.0");
    world.install(&package("2.0.0")).await;
    assert_eq!(who(&socket).await.unwrap()["version"], "2.0.0");
    // The old one comes back when the new one does not start.
    let bad = package("3.0.0").arg("fails", 7);
    world.fails(world.install_order(&bad), "exited").await;
    world.state("p", InstanceState::Running).await;
    assert_eq!(who(&socket).await.unwrap()["version"], "2.0.0");
    world.done(rollback(None)).await;
    assert_eq!(who(&socket).await.unwrap()["version"], "1.0.0");
    assert_eq!(processes(world.base()).len(), 1);
    // From a path of its own to one that we choose, and back.
    world.install(&Package::new("p", "4.0.0")).await;
    world.serves("p", "4.0.0").await;
    assert_eq!(who(&socket).await, None);
    world.install(&package("5.0.0")).await;
    assert_eq!(who(&socket).await.unwrap()["version"], "5.0.0");
    assert_eq!(processes(world.base()).len(), 1);
}

async fn what_does_not_run_is_only_replaced() {
    let world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    world
        .done(PluginOrder::Disable {
            plugin: "p".to_owned(),
        })
        .await;
    // Nobody sees that it would not start, and nobody is harmed.
    let operation = world.install(&Package::new("p", "2.0.0").arg("fails", 7)).await;
    let start = operation.steps.iter().find(|s| s.id == "start").unwrap();
    assert_eq!(start.state, "skipped", "{operation:#?}");
    assert_eq!(versions(&world), ["2.0.0", "1.0.0"]);
    assert_eq!(world.plugin("p").instance.state, InstanceState::Disabled);
    world.none_runs("it is switched off");
    world.done(rollback(None)).await;
    world
        .done(PluginOrder::Enable {
            plugin: "p".to_owned(),
        })
        .await;
    world.serves("p", "1.0.0").await;
}

async fn probation_goes_on_after_a_restart() {
    let mut world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    let long = Package::new("p", "2.0.0").with("[restart]\nstable_after = \"2s\"");
    let ordered = world.manager().order(world.install_order(&long), "ada", Wait::No);
    let id = ordered.await.unwrap().id;
    world.serves("p", "2.0.0").await;
    world.restart().await;
    let operation = world.manager().operation(&id).unwrap();
    assert_eq!(operation.state, OperationState::Running, "{operation:#?}");
    let operation = world.manager().ended(&id).await.unwrap();
    assert_eq!(operation.state, OperationState::Done, "{operation:#?}");
    world.serves("p", "2.0.0").await;
    assert_eq!(versions(&world), ["2.0.0", "1.0.0"]);
}
