//! Whether plugins can be reached, and what is said when not.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::atomic::Ordering;
use std::time::Duration;

use orrery_services::PluginState;
use orrery_services::object::{Condition, ConditionStatus};

use crate::world::{Plugin, World, object, until};

const ROUTE: &str = "[{type: route, path: /a}]";

async fn available(world: &World, wanted: (ConditionStatus, &str)) {
    until(wanted.1, || async {
        let object = world.plane.registry().get("p").unwrap();
        let condition = object.status.condition(Condition::AVAILABLE).unwrap();
        (condition.status, condition.reason.as_str()) == wanted
    })
    .await;
}

#[tokio::test]
async fn ag10_every_reason_is_told_without_dialling() {
    use ConditionStatus::{False, True};
    let (world, plugin) = World::serving(ROUTE).await;
    available(&world, (True, "Passed")).await;
    assert_eq!(world.get("/apis/g.example/v1/a").await.status, 200);
    let states = [
        (PluginState::NotFound, "PluginNotFound", 1),
        (
            PluginState::NotRunning {
                why: "stopped by hand".to_owned(),
                retry_after: None,
            },
            "PluginNotRunning",
            1,
        ),
        (
            PluginState::CrashLoop {
                why: "signal 11".to_owned(),
                retry_after: Some(Duration::from_secs(60)),
            },
            "CrashLoop",
            60,
        ),
        (PluginState::Draining, "Draining", 1),
    ];
    let dialled = plugin.requests();
    for (state, reason, retry_after) in states {
        world.keeper.set("p", state);
        available(&world, (False, reason)).await;
        let answer = world.get("/apis/g.example/v1/a").await;
        assert_eq!(answer.reason(), (503, reason.to_owned()));
        assert_eq!(answer.headers["retry-after"], retry_after.to_string().as_str());
        assert_eq!(answer.json()["pluginId"], "p");
    }
    assert_eq!(plugin.requests(), dialled);
    world.keeper.set("p", plugin.running(2));
    available(&world, (True, "Passed")).await;
    assert_eq!(world.get("/apis/g.example/v1/a").await.status, 200);
}

#[tokio::test]
async fn ag10_a_probe_finds_what_the_keeper_does_not_know() {
    let (world, plugin) = World::serving(ROUTE).await;
    available(&world, (ConditionStatus::True, "Passed")).await;
    let since = || {
        let object = world.plane.registry().get("p").unwrap();
        object
            .status
            .condition(Condition::AVAILABLE)
            .unwrap()
            .last_transition_time
    };
    plugin.crash();
    // The first request finds out, and has it probed.
    let answer = world.get("/apis/g.example/v1/a").await;
    assert!([502, 503].contains(&answer.status.as_u16()), "{answer:?}");
    world.get("/apis/g.example/v1/a").await;
    available(&world, (ConditionStatus::False, "FailedProbe")).await;
    let failed = since();
    fs::remove_file(&plugin.socket).unwrap();
    available(&world, (ConditionStatus::False, "SocketMissing")).await;
    assert_eq!(
        since(),
        failed,
        "the time of transition moves with the status alone"
    );
    let _again = Plugin::start(world.folder.path(), "p");
    available(&world, (ConditionStatus::True, "Passed")).await;
    assert!(since() > failed);
    assert_eq!(world.get("/apis/g.example/v1/a").await.status, 200);
}

#[tokio::test]
async fn se2_a_socket_that_somebody_could_have_put_there_is_refused() {
    let world = World::new().await;
    let plugin = Plugin::start(world.folder.path(), "real");
    let link = world.folder.path().join("link.sock");
    symlink(&plugin.socket, &link).unwrap();
    let open = world.folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let exposed = Plugin::start(&open, "exposed");
    let file = world.folder.path().join("file.sock");
    fs::write(&file, "").unwrap();
    world.apply(&object("p", "p", "g.example", "v1", ROUTE)).await;
    for (generation, socket) in [link, exposed.socket.clone(), file].into_iter().enumerate() {
        let generation = generation as u64;
        world.keeper.set(
            "p",
            PluginState::Running {
                socket,
                generation,
                on_demand: false,
            },
        );
        available(&world, (ConditionStatus::False, "PeerMismatch")).await;
        assert_eq!(
            world.get("/apis/g.example/v1/a").await.reason(),
            (503, "PeerMismatch".to_owned())
        );
        world.keeper.set("p", PluginState::NotFound);
        available(&world, (ConditionStatus::False, "PluginNotFound")).await;
    }
    assert_eq!(plugin.requests() + exposed.requests(), 0);
}

#[tokio::test]
async fn a_new_life_of_a_plugin_gets_no_request_of_the_old_one() {
    let (world, plugin) = World::serving(ROUTE).await;
    assert_eq!(world.get("/apis/g.example/v1/a").await.status, 200);
    plugin.crash();
    fs::remove_file(&plugin.socket).unwrap();
    let again = Plugin::start(world.folder.path(), "p");
    world.keeper.set("p", again.running(2));
    until("it answers", || async {
        world.get("/apis/g.example/v1/a").await.status == 200
    })
    .await;
    assert!(again.requests() > 0);
}

fn asleep() -> PluginState {
    PluginState::Asleep {
        why: "nobody needs it".to_owned(),
        retry_after: None,
    }
}

#[tokio::test]
async fn one_that_sleeps_is_woken_and_kept_awake_until_the_last_byte() {
    let world = World::new().await;
    let plugin = Plugin::start(world.folder.path(), "p");
    let awake = PluginState::Running {
        socket: plugin.socket.clone(),
        generation: 1,
        on_demand: true,
    };
    world.keeper.set("p", asleep());
    world.keeper.wakes("p", awake);
    let services = "[{type: route, path: /a}, {type: stream, path: /events}]";
    world.apply(&object("p", "p", "g.example", "v1", services)).await;
    available(&world, (ConditionStatus::Unknown, "Asleep")).await;

    let answer = world.get("/apis/g.example/v1/a").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let leases = || async { world.keeper.leases.load(Ordering::SeqCst) };
    until("the lease ends with the answer", || async { leases().await == 0 }).await;

    let mut connection = world.connect().await;
    let stream = connection.get("/apis/g.example/v1/events").await;
    assert_eq!(leases().await, 1, "a stream holds one");
    drop(stream);
    connection.cut();
    until("the lease ends with the stream", || async { leases().await == 0 }).await;
}

#[tokio::test]
async fn one_that_does_not_wake_is_told_with_its_reason_as_soon_as_that_is_known() {
    let world = World::new().await;
    world.keeper.set("p", asleep());
    let looping = PluginState::CrashLoop {
        why: "no bulb".to_owned(),
        retry_after: Some(Duration::from_secs(7)),
    };
    world.keeper.wakes("p", looping);
    world.apply(&object("p", "p", "g.example", "v1", ROUTE)).await;
    let answer = world.get("/apis/g.example/v1/a").await;
    assert_eq!(answer.reason(), (503, "CrashLoop".to_owned()));
    assert_eq!(answer.json()["message"], "no bulb");
    until("nobody holds it", || async {
        world.keeper.leases.load(Ordering::SeqCst) == 0
    })
    .await;
}
