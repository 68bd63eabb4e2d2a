//! What can be ordered when, and that orders neither get lost nor in each other's way.

use std::sync::Arc;
use std::time::Duration;

use orrery_manager::view::{Desired, OperationState, PluginOrder};
use orrery_manager::{OrderError, Wait};
use orrery_supervisor::view::InstanceState;

use crate::package::Package;
use crate::world::{World, processes};

crate::trials![
    what_is_not_registered_takes_no_orders,
    what_runs_by_itself_is_not_started_by_hand,
    a_manual_plugin_is_started_and_from_then_on_kept_running,
    wishes_outlive_the_application,
    of_two_plugins_with_one_id_the_first_stays,
    orders_at_the_same_time_all_come_to_an_end,
    an_order_under_way_is_not_taken_twice,
    removing_leaves_nothing_and_may_keep_the_state,
];

fn start(id: &str) -> PluginOrder {
    PluginOrder::Start {
        plugin: id.to_owned(),
    }
}

fn stop(id: &str) -> PluginOrder {
    PluginOrder::Stop {
        plugin: id.to_owned(),
    }
}

fn restart(id: &str) -> PluginOrder {
    PluginOrder::Restart {
        plugin: id.to_owned(),
    }
}

fn remove(id: &str, keep_state: bool) -> PluginOrder {
    PluginOrder::Remove {
        plugin: id.to_owned(),
        keep_state,
        force: false,
    }
}

fn enable(id: &str) -> PluginOrder {
    PluginOrder::Enable {
        plugin: id.to_owned(),
    }
}

fn disable(id: &str) -> PluginOrder {
    PluginOrder::Disable {
        plugin: id.to_owned(),
    }
}

async fn what_is_not_registered_takes_no_orders() {
    let world = World::new().await;
    let plugin = || "nobody".to_owned();
    let orders = [
        start("nobody"),
        stop("nobody"),
        restart("nobody"),
        enable("nobody"),
        disable("nobody"),
        remove("nobody", false),
        PluginOrder::Rollback {
            plugin: plugin(),
            version: None,
        },
        PluginOrder::Configure {
            plugin: plugin(),
            structured: None,
            text: None,
        },
        PluginOrder::Dismiss { plugin: plugin() },
    ];
    for order in orders {
        let refused = world.order(order.clone()).await;
        assert_eq!(
            refused,
            Err(OrderError::NotRegistered { plugin: plugin() }),
            "{order:?}"
        );
    }
    assert_eq!(world.manager().operations(10), [], "nothing was begun");
}

async fn what_runs_by_itself_is_not_started_by_hand() {
    let world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    let refused = world.order(start("p")).await.unwrap_err();
    assert_eq!(
        refused,
        OrderError::Automatic {
            plugin: "p".to_owned()
        }
    );
    assert!(
        refused
            .to_string()
            .contains("managed and cannot be started by hand")
    );
    world.done(stop("p")).await;
    world.none_runs("nothing runs when it is stopped");
    assert_eq!(world.plugin("p").instance.state, InstanceState::Stopped);
    world.done(start("p")).await;
    world.state("p", InstanceState::Running).await;
    let before = world.serves("p", "1.0.0").await;
    let again = world.done(start("p")).await;
    assert!(again.outcome.contains("runs already"), "{}", again.outcome);
    assert_eq!(world.who("p").await.unwrap()["pid"], before["pid"]);
    world.done(disable("p")).await;
    assert_eq!(world.plugin("p").instance.state, InstanceState::Disabled);
    for order in [start("p"), restart("p")] {
        let refused = world.order(order).await;
        assert_eq!(
            refused,
            Err(OrderError::Disabled {
                plugin: "p".to_owned()
            })
        );
    }
    world.done(enable("p")).await;
    assert_eq!(world.plugin("p").desired, Desired::Automatic);
    let running = world.serves("p", "1.0.0").await;
    world.state("p", InstanceState::Running).await;
    world.done(restart("p")).await;
    world
        .until("it is not started anew", || {
            let now = world.plugin("p").instance;
            now.state == InstanceState::Running && now.pid.map(u64::from) != running["pid"].as_u64()
        })
        .await;
}

async fn a_manual_plugin_is_started_and_from_then_on_kept_running() {
    let world = World::new().await;
    let package = Package::new("p", "1.0.0").run("activation = \"manual\"");
    world.install(&package).await;
    assert_eq!(world.plugin("p").instance.state, InstanceState::Idle);
    world.none_runs("it was only tried");
    world.done(start("p")).await;
    world.state("p", InstanceState::Running).await;
    let first = world.plugin("p").instance;
    let pid = rustix::process::Pid::from_raw(i32::try_from(first.pid.unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    world
        .until("it does not come back", || {
            let now = world.plugin("p").instance;
            now.state == InstanceState::Running && now.generation > first.generation
        })
        .await;
    let now = world.plugin("p").instance;
    assert_eq!(now.restarts, 1);
    assert_eq!(now.last_exit.unwrap().signal.as_deref(), Some("SIGKILL"));
}

async fn wishes_outlive_the_application() {
    let mut world = World::new().await;
    for id in ["off", "stopped", "manual", "automatic"] {
        let package = Package::new(id, "1.0.0");
        world
            .install(&match id {
                "manual" => package.run("activation = \"manual\""),
                _ => package,
            })
            .await;
    }
    world.done(disable("off")).await;
    world.done(stop("stopped")).await;
    world.done(start("manual")).await;
    world.stop().await;
    world.none_runs("plugins stop with the application");
    world.start().await;
    world.state("automatic", InstanceState::Running).await;
    world.state("manual", InstanceState::Running).await;
    assert_eq!(world.plugin("off").instance.state, InstanceState::Disabled);
    assert_eq!(world.plugin("stopped").instance.state, InstanceState::Stopped);
    assert_eq!(world.plugin("manual").desired, Desired::Started);
    assert_eq!(
        world.manager().operations(100).len(),
        7,
        "the journal is there too"
    );
}

async fn of_two_plugins_with_one_id_the_first_stays() {
    let mut world = World::empty();
    let dir = world.watched().join("p");
    Package::new("p", "1.0.0").write(&dir);
    // The same id once more, in the other form that a manifest may have.
    let manifest = std::fs::read_to_string(dir.join("plugin.toml")).unwrap();
    let entry = format!("entry = {:?}", dir.join("bin/run"));
    let second = world.watched().join("p.toml");
    let first = dir.join("plugin.toml");
    std::fs::write(&second, manifest.replace("entry = \"bin/run\"", &entry)).unwrap();
    world.start().await;
    let one_is_refused = || {
        world
            .manager()
            .rejected()
            .iter()
            .any(|r| r.code == "already_registered")
    };
    world.until("the second one is refused", one_is_refused).await;
    let taken = world.plugin("p").source;
    let rejected = world.manager().rejected();
    let [refused] = rejected.as_slice() else {
        panic!("{rejected:?}");
    };
    let both = [first, second].map(|path| path.display().to_string());
    assert!(both.contains(&taken) && both.contains(&refused.path) && taken != refused.path);
    assert!(refused.reason.contains(&taken), "{}", refused.reason);
    world.serves("p", "1.0.0").await;
    let refused = world.order(remove("p", false)).await.unwrap_err();
    assert!(matches!(refused, OrderError::Local { .. }), "{refused}");
}

async fn orders_at_the_same_time_all_come_to_an_end() {
    let world = Arc::new(World::new().await);
    world.install(&Package::new("p", "1.0.0")).await;
    world.install(&Package::new("q", "1.0.0")).await;
    let orders = [
        stop("p"),
        restart("q"),
        enable("p"),
        restart("p"),
        disable("q"),
        enable("q"),
        world.install_order(&Package::new("p", "1.1.0")),
    ];
    let mut calls = Vec::new();
    for order in orders.into_iter().cycle().take(28) {
        let world = Arc::clone(&world);
        calls.push(tokio::spawn(async move { world.order(order).await }));
    }
    for call in calls {
        match call.await.unwrap() {
            Ok(operation) => assert!(operation.ended_ms.is_some(), "{operation:#?}"),
            Err(OrderError::Disabled { plugin }) => assert_eq!(plugin, "q"),
            Err(other) => panic!("{other}"),
        }
    }
    assert!(
        world
            .manager()
            .operations(100)
            .iter()
            .all(|o| o.ended_ms.is_some())
    );
    assert_eq!(world.plugin("p").current.unwrap().version, "1.1.0");
    for id in ["p", "q"] {
        // Whatever came last, both follow what is wanted next.
        world.order(enable(id)).await.unwrap();
        world.done(restart(id)).await;
        world.state(id, InstanceState::Running).await;
    }
    world.serves("p", "1.1.0").await;
    world
        .until("not one process each", || processes(world.base()).len() == 2)
        .await;
}

async fn an_order_under_way_is_not_taken_twice() {
    let world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    let slow = Package::new("p", "1.1.0")
        .arg("late-ms", 1_500)
        .with("[restart]\nstable_after = \"30s\"");
    let upgrade = world.install_order(&slow);
    let manager = world.manager();
    let first = manager.order(upgrade.clone(), "ada", Wait::No).await.unwrap();
    let same = manager.order(upgrade.clone(), "ben", Wait::No).await.unwrap();
    assert_eq!((&same.id, same.user.as_str()), (&first.id, "ada"));
    world
        .until("the upgrade does not begin", || {
            world.plugin("p").operation.is_some_and(|o| o.id == first.id)
        })
        .await;
    let busy = manager
        .order(restart("p"), "ben", Wait::IfFree)
        .await
        .unwrap_err();
    let operation = first.id.clone();
    assert_eq!(
        busy,
        OrderError::Busy {
            plugin: "p".to_owned(),
            operation
        }
    );
    let queued = manager.order(restart("p"), "ben", Wait::No).await.unwrap();
    let dismissed = manager.order(
        PluginOrder::Dismiss {
            plugin: "p".to_owned(),
        },
        "ben",
        Wait::No,
    );
    let dismissed = dismissed.await.unwrap();
    manager.cancel(&dismissed.id).unwrap();
    // Probation, long as it is, makes room for an order that waits.
    let ended = tokio::time::timeout(Duration::from_secs(20), manager.ended(&first.id)).await;
    assert_eq!(ended.unwrap().unwrap().state, OperationState::Done);
    assert_eq!(
        manager.ended(&queued.id).await.unwrap().state,
        OperationState::Done
    );
    let dismissed = manager.ended(&dismissed.id).await.unwrap();
    assert_eq!(dismissed.state, OperationState::Cancelled);
    assert!(matches!(
        manager.ended("none").await,
        Err(OrderError::NoOperation(_))
    ));
    // As soon as it ended, the same order is a new one.
    let again = world.done(upgrade).await;
    assert_ne!(again.id, first.id);
}

async fn removing_leaves_nothing_and_may_keep_the_state() {
    let world = World::new().await;
    let package = Package::new("p", "1.0.0");
    world.install(&package).await;
    world.install(&Package::new("p", "1.1.0")).await;
    world.done(remove("p", false)).await;
    world.is_empty("removed").await;
    world.install(&package).await;
    let state = world.dirs().state("p");
    std::fs::write(state.join("kept"), "x").unwrap();
    world.done(remove("p", true)).await;
    assert_eq!(world.manager().list(), []);
    assert!(state.join("kept").exists());
    // It finds its state again.
    world.install(&package).await;
    assert!(state.join("kept").exists());
    world.done(remove("p", false)).await;
    world.is_empty("removed with its state").await;
}
