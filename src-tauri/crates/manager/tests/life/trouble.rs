//! What goes wrong around us: broken records, a full disk, a disk from another machine, a second Orrery.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use orrery_manager::OrderError;
use orrery_manager::view::{OperationState, PluginOrder};
use orrery_store::Store;
use orrery_supervisor::view::InstanceState;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::package::Package;
use crate::world::{World, traces};

crate::trials![
    what_belongs_to_nobody_is_swept_while_things_run,
    a_broken_record_costs_its_plugin_alone,
    a_revision_whose_record_is_lost_is_replaced_by_the_one_before,
    on_a_full_disk_nothing_is_begun_that_cannot_be_recorded,
    the_state_of_another_machine_is_set_aside,
    a_second_one_in_the_same_directory_is_refused,
];

async fn tamper(world: &World, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(world.base().join("data/state.db"));
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    let done = sqlx::query(sql).execute(&mut database).await.unwrap();
    assert_eq!(done.rows_affected(), 1, "{sql}");
    database.close().await.unwrap();
}

async fn a_broken_record_costs_its_plugin_alone() {
    let mut world = World::new().await;
    for id in ["p", "q"] {
        world.install(&Package::new(id, "1.0.0")).await;
    }
    world.stop().await;
    tamper(&world, "UPDATE plugin SET record = '{' WHERE id = 'p'").await;
    world.start().await;
    world.serves("q", "1.0.0").await;
    let listed: Vec<String> = world.manager().list().into_iter().map(|p| p.id).collect();
    assert_eq!(listed, ["q"]);
    let told = world.running.as_mut().unwrap().new_events();
    assert!(told.contains(&"quarantine".to_owned()), "{told:?}");
    assert!(world.dirs().state("p").exists(), "it may be mended by hand");
    world.restart().await;
    assert!(world.dirs().state("p").exists());
    // Installed again it is as good as new.
    world.install(&Package::new("p", "1.0.0")).await;
    world.serves("p", "1.0.0").await;
    world.restart().await;
    world.serves("p", "1.0.0").await;
    world.serves("q", "1.0.0").await;
}

async fn a_revision_whose_record_is_lost_is_replaced_by_the_one_before() {
    let mut world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    world.install(&Package::new("p", "2.0.0")).await;
    world.install(&Package::new("q", "1.0.0")).await;
    world.stop().await;
    const SPOIL: &str = "UPDATE revision SET record = '[]' WHERE rowid = (SELECT max(rowid) FROM revision WHERE plugin = 'p')";
    tamper(&world, SPOIL).await;
    world.start().await;
    world.serves("p", "1.0.0").await;
    assert_eq!(world.plugin("p").current.unwrap().version, "1.0.0");
    world.stop().await;
    // And when there is none before, it says so.
    tamper(&world, SPOIL).await;
    world.start().await;
    world.serves("q", "1.0.0").await;
    let plugin = world.plugin("p");
    assert_eq!(plugin.instance.state, InstanceState::Inapplicable);
    assert!(
        plugin.instance.reason.contains("install it again"),
        "{}",
        plugin.instance.reason
    );
    world.install(&Package::new("p", "1.0.0")).await;
    world.serves("p", "1.0.0").await;
}

/// A small file system of its own in memory; gone when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> Option<SmallDisk> {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={size},mode=700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(SmallDisk(at.to_owned())),
            Ok(output) => {
                println!(
                    "skipped: cannot mount: {}",
                    String::from_utf8_lossy(&output.stderr).trim()
                );
                None
            }
            Err(error) => {
                println!("skipped: cannot run mount: {error}");
                None
            }
        }
    }

    /// Fills it up, as if by somebody else.
    fn fill(&self, n: usize) -> PathBuf {
        use std::io::Write;
        let path = self.0.join(format!("filler-{n}"));
        let mut file = std::fs::File::create(&path).unwrap();
        while file.write_all(&[1; 512]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

async fn on_a_full_disk_nothing_is_begun_that_cannot_be_recorded() {
    let mut world = World::empty();
    let Some(disk) = SmallDisk::mount(&world.base().join("data"), "3m") else {
        return;
    };
    world.start().await;
    world.install(&Package::new("p", "1.0.0")).await;
    // Room for the journal, and none for the package.
    let large = world.install_order(&Package::new("q", "1.0.0").payload(4 << 20));
    let operation = world.fails(large, "disk_full").await;
    assert!(operation.retryable);
    assert_eq!(std::fs::read_dir(world.dirs().incoming()).unwrap().count(), 0);
    assert!(!world.dirs().revisions().join("q").exists());
    // No room at all.
    let orders = [
        world.install_order(&Package::new("p", "2.0.0")),
        world.install_order(&Package::new("q", "1.0.0")),
    ];
    let mut fillers = Vec::new();
    for order in orders.clone() {
        // Again each time: what fails gives room back.
        fillers.push(disk.fill(fillers.len()));
        match world.order(order.clone()).await {
            Err(OrderError::Store(_)) => {}
            Ok(operation) => assert_eq!(operation.state, OperationState::Failed, "{operation:#?}"),
            Err(other) => panic!("{other}"),
        }
        world.serves("p", "1.0.0").await;
        world.state("p", InstanceState::Running).await;
    }
    for filler in fillers {
        std::fs::remove_file(filler).unwrap();
    }
    for order in orders {
        world.done(order).await;
    }
    world.serves("p", "2.0.0").await;
    world.serves("q", "1.0.0").await;
    world.restart().await;
    world.serves("p", "2.0.0").await;
    world.stop().await;
}

async fn the_state_of_another_machine_is_set_aside() {
    let mut world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    std::fs::write(world.dirs().state("p").join("identity"), "x").unwrap();
    world.restart().await;
    assert!(world.dirs().state("p").join("identity").exists());
    world.stop().await;
    world.machine_id = "another-machine".to_owned();
    world.start().await;
    world.serves("p", "1.0.0").await;
    assert!(!world.dirs().state("p").join("identity").exists());
    let told = world.running.as_mut().unwrap().new_events();
    assert!(told.contains(&"state_set_aside".to_owned()), "{told:?}");
}

async fn a_second_one_in_the_same_directory_is_refused() {
    let world = World::new().await;
    let second = Store::open(&world.base().join("data/state.db"), 0).await;
    let refused = second.err().unwrap();
    assert!(refused.to_string().contains("data/state.db"), "{refused}");
}

async fn what_belongs_to_nobody_is_swept_while_things_run() {
    let mut world = World::empty();
    world.sweep_every = Some(Duration::from_millis(100));
    world.start().await;
    world.install(&Package::new("p", "1.0.0")).await;
    world.install(&Package::new("p", "1.1.0")).await;
    let before = traces(world.base());
    let dirs = world.dirs();
    // A revision of a plugin that is gone, one that is on no record, and what their processes left.
    let foreign = [
        dirs.revisions().join("gone"),
        dirs.revisions().join("p/9.9.9-0123456789ab"),
        dirs.runtime.join("staging/gone.7"),
        dirs.config("gone"),
        dirs.runtime.join("tmp/gone.7"),
    ];
    for dir in &foreign {
        let made = world.base().join("made");
        std::fs::create_dir_all(made.join("1.0.0-0123456789ab")).unwrap();
        std::fs::write(made.join("1.0.0-0123456789ab/file"), "x").unwrap();
        std::os::unix::fs::symlink("1.0.0-0123456789ab", made.join("current")).unwrap();
        // All at once: it may be swept at any moment.
        std::fs::rename(made, dir).unwrap();
    }
    world
        .until("everything foreign is gone", || {
            foreign.iter().all(|dir| !dir.exists())
        })
        .await;
    world
        .until("nothing else is", || traces(world.base()) == before)
        .await;
    world.serves("p", "1.1.0").await;
    // Nothing of those that are there was swept: the one before comes back without a package.
    world
        .done(PluginOrder::Rollback {
            plugin: "p".to_owned(),
            version: None,
        })
        .await;
    world.serves("p", "1.0.0").await;
}
