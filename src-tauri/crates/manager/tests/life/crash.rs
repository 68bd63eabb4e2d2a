//! Whatever an Orrery was doing when it was killed: the next one finds the state before or the state after, and
//! nothing that belongs to neither.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orrery_manager::view::{Desired, ManagedPlugin, OperationState, PluginOrder};
use orrery_supervisor::view::InstanceState;
use serde_json::json;
use tokio::time::Instant;

use crate::host::{self, Death};
use crate::package::Package;
use crate::world::{PATIENCE, World, processes, traces, until, who};

crate::trials![
    killed_while_it_installs,
    killed_while_it_upgrades,
    killed_while_it_takes_an_upgrade_back,
    killed_while_it_rolls_back,
    killed_while_it_removes,
    killed_while_it_goes_back_to_a_local_plugin,
    killed_while_it_tries_a_config,
    killed_while_it_hands_a_config_over,
    killed_while_it_stops_a_plugin,
];

const RULES: &str = "[[policy]]\nkey = \"level\"\ntype = \"integer\"\ndefault = 1";

fn plugin() -> String {
    "p".to_owned()
}

fn configure(level: u32) -> PluginOrder {
    PluginOrder::Configure {
        plugin: plugin(),
        structured: Some(json!({ "level": level })),
        text: None,
    }
}

async fn killed_while_it_installs() {
    let world = World::new().await;
    let order = world.install_order(&Package::new("p", "1.0.0").with(RULES));
    check(world, order, OperationState::Done).await;
}

async fn killed_while_it_upgrades() {
    let world = World::new().await;
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        world.install(&Package::new("p", version).with(RULES)).await;
    }
    world.done(configure(7)).await;
    let order = world.install_order(&Package::new("p", "2.0.0").with(RULES));
    check(world, order, OperationState::Done).await;
}

async fn killed_while_it_takes_an_upgrade_back() {
    let world = World::new().await;
    for version in ["0.8.0", "0.9.0", "1.0.0"] {
        world.install(&Package::new("p", version).with(RULES)).await;
    }
    let bad = Package::new("p", "2.0.0")
        .arg("ends-after-ms", 300)
        .with(RULES)
        .with("[restart]\nstable_after = \"20s\"");
    let order = world.install_order(&bad);
    check(world, order, OperationState::Failed).await;
}

async fn killed_while_it_rolls_back() {
    let world = World::new().await;
    for version in ["1.0.0", "2.0.0"] {
        world.install(&Package::new("p", version).with(RULES)).await;
    }
    let order = PluginOrder::Rollback {
        plugin: plugin(),
        version: None,
    };
    check(world, order, OperationState::Done).await;
}

fn remove() -> PluginOrder {
    PluginOrder::Remove {
        plugin: plugin(),
        keep_state: false,
        force: false,
    }
}

async fn killed_while_it_removes() {
    let world = World::new().await;
    for version in ["1.0.0", "2.0.0"] {
        world.install(&Package::new("p", version).with(RULES)).await;
    }
    std::fs::write(world.dirs().state("p").join("kept"), "x").unwrap();
    // One that has nothing to do with it.
    world.install(&Package::new("q", "1.0.0")).await;
    check(world, remove(), OperationState::Done).await;
}

async fn killed_while_it_goes_back_to_a_local_plugin() {
    let world = World::new().await;
    Package::new("p", "0.1.0").write(&world.watched().join("p"));
    world.serves("p", "0.1.0").await;
    world.install(&Package::new("p", "1.0.0")).await;
    check(world, remove(), OperationState::Done).await;
}

async fn killed_while_it_tries_a_config() {
    let world = World::new().await;
    world.install(&Package::new("p", "1.0.0").with(RULES)).await;
    world.done(configure(1)).await;
    check(world, configure(2), OperationState::Done).await;
}

async fn killed_while_it_hands_a_config_over() {
    let world = World::new().await;
    let live = Package::new("p", "1.0.0")
        .top("interfaces = [\"reporter\", \"config\"]")
        .arg("config", "take")
        .with(RULES);
    world.install(&live).await;
    world.done(configure(1)).await;
    check(world, configure(2), OperationState::Done).await;
}

async fn killed_while_it_stops_a_plugin() {
    let world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    check(
        world,
        PluginOrder::Stop { plugin: plugin() },
        OperationState::Done,
    )
    .await;
}

/// Everything that there is of plugins.
#[derive(Debug, PartialEq, Eq)]
struct State {
    plugins: Vec<String>,
    files: Vec<String>,
    processes: usize,
}

/// What there is, once everything that is wanted runs and nothing is under way.
async fn state(world: &World) -> Option<State> {
    let manager = world.manager();
    if manager.operations(100).iter().any(|o| o.ended_ms.is_none()) {
        return None;
    }
    let files = traces(world.base());
    let mut files: Vec<String> = files.iter().map(|path| without_chance(path)).collect();
    files.sort();
    let mut plugins = Vec::new();
    for plugin in manager.list() {
        plugins.push(described(world, &plugin).await?);
        // Whether there is an empty directory for the socket of one that rests is all the same.
        let directory = format!("run/plugins/{}", plugin.id);
        files.retain(|path| *path != directory);
    }
    Some(State {
        plugins,
        files,
        processes: processes(world.base()).len(),
    })
}

async fn described(world: &World, plugin: &ManagedPlugin) -> Option<String> {
    let runs = match (plugin.desired, plugin.instance.state) {
        (Desired::Automatic | Desired::Started, InstanceState::Running) => {
            let who = who(&world.dirs().socket(&plugin.id)).await?;
            format!("{} with {}", who["version"], who["config"])
        }
        (Desired::Stopped | Desired::Disabled, InstanceState::Stopped | InstanceState::Disabled) => {
            "rests".to_owned()
        }
        _ => return None,
    };
    let versions = plugin.current.iter().chain(&plugin.retained);
    let versions: Vec<&str> = versions.map(|r| r.version.as_str()).collect();
    let (id, origin) = (&plugin.id, plugin.origin);
    let config = (&plugin.config.structured, &plugin.config.text);
    Some(format!("{id} {origin:?} {versions:?} {config:?}: {runs}"))
}

/// Config files have names by chance, and temporary directories the number of their process.
fn without_chance(path: &str) -> String {
    let config = path
        .strip_prefix("run/config/")
        .and_then(|rest| rest.split_once('/'));
    let tmp = path
        .strip_prefix("run/tmp/")
        .and_then(|rest| rest.split_once('.'));
    match (config, tmp) {
        (Some((id, _)), _) => format!("run/config/{id}/file"),
        (_, Some((id, _))) => format!("run/tmp/{id}"),
        (None, None) => path.to_owned(),
    }
}

/// Waits for a state that is one of those that may be.
async fn reaches(world: &World, legal: &[&State], when: &str) -> State {
    let until = Instant::now() + PATIENCE;
    loop {
        let found = state(world).await;
        if let Some(found) = found.filter(|found| legal.contains(&found)) {
            return found;
        }
        if Instant::now() > until {
            let operations = world.manager().operations(3);
            let plugins = world.manager().list();
            let found = state(world).await;
            panic!("{when}: {found:#?}\nis none of {legal:#?}\n{operations:#?}\n{plugins:#?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until nothing changes any more.
async fn settled(world: &World) -> State {
    let mut last = None;
    let until = Instant::now() + PATIENCE;
    loop {
        let found = state(world).await;
        if let Some(found) = found {
            if last.as_ref() == Some(&found) {
                return found;
            }
            last = Some(found);
        }
        assert!(Instant::now() < until, "{last:#?} {:#?}", world.manager().list());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Kills an Orrery at every point of an order, and at some times between, and sees what the next one finds.
async fn check(mut world: World, order: PluginOrder, ends: OperationState) {
    world.restart().await;
    let before = settled(&world).await;
    world.stop().await;
    keep(world.base());
    // Once without a death, to learn the points and what comes after.
    let points = Arc::new(Mutex::new(Vec::new()));
    world.hook = Some({
        let points = Arc::clone(&points);
        Arc::new(move |point| points.lock().unwrap().push(point.to_owned()))
    });
    world.start().await;
    settled(&world).await;
    let begin = Instant::now();
    let undisturbed = world.order(order.clone()).await.unwrap();
    let took = begin.elapsed();
    assert_eq!(undisturbed.state, ends, "{undisturbed:#?}");
    settled(&world).await;
    world.hook = None;
    world.restart().await;
    let after = settled(&world).await;
    world.stop().await;
    let mut deaths: Vec<Death> = points.lock().unwrap().drain(..).map(Death::At).collect();
    assert!(deaths.len() >= 4, "{deaths:?}");
    deaths.extend([2, 5, 8].map(|part| Death::After(took * part / 10)));
    for death in deaths {
        put_back(world.base());
        let status = host::run(world.base(), &world.name, &order, &death).await;
        assert_eq!(status.signal(), Some(9), "{death:?}");
        // Before anything is started that could tidy up.
        until(&format!("{death:?}: processes outlive it"), &mut || {
            processes(world.base()).is_empty() && host::left_behind(&world.name).is_empty()
        })
        .await;
        world.start().await;
        let found = reaches(&world, &[&before, &after], &format!("{death:?}")).await;
        let last = world.manager().operations(1).into_iter().next();
        if let Some(last) = last.filter(|last| last.ordered_ms > undisturbed.ordered_ms)
            && before != after
        {
            let is_done = last.state == OperationState::Done;
            assert_eq!(
                is_done,
                found == after,
                "{death:?}: the journal tells what happened: {last:#?}"
            );
        }
        world.stop().await;
    }
}

/// Remembers what is on disk.
fn keep(base: &Path) {
    run(Command::new("mkdir").arg(base.join("kept")));
    for dir in ["data", "log"] {
        run(Command::new("cp")
            .arg("-a")
            .arg(base.join(dir))
            .arg(base.join("kept")));
    }
}

/// Puts back what was remembered.
fn put_back(base: &Path) {
    for dir in ["data", "log", "run"] {
        run(Command::new("chmod").args(["-R", "u+rwX"]).arg(base.join(dir)));
        run(Command::new("rm").arg("-r").arg(base.join(dir)));
    }
    for dir in ["data", "log"] {
        run(Command::new("cp")
            .arg("-a")
            .arg(base.join("kept").join(dir))
            .arg(base));
    }
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}");
}
