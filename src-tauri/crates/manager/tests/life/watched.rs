//! Watched directories: packages are installed and left alone, manifests are run where they are, and what is not
//! taken is told.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use orrery_manager::view::{Desired, PluginOrder, PluginOrigin};
use orrery_packages::Trust;
use orrery_supervisor::view::InstanceState;

use crate::package::Package;
use crate::world::{World, processes};

crate::trials![
    a_package_is_installed_stays_and_does_not_come_back_until_it_changes,
    a_half_written_file_is_left_alone,
    of_several_versions_the_newest_is_taken_and_the_others_are_told,
    what_is_refused_is_listed_with_the_reason_and_tried_again,
    a_local_plugin_runs_where_it_is_and_follows_its_manifest,
    an_installed_plugin_goes_before_a_local_one,
    what_others_can_write_to_is_refused_until_that_is_mended,
];

/// Long enough for a file that is there to have been looked at twice.
const TWO_LOOKS: Duration = Duration::from_millis(2_600);

fn remove(id: &str) -> PluginOrder {
    PluginOrder::Remove {
        plugin: id.to_owned(),
        keep_state: false,
        force: false,
    }
}

/// Makes a file look as if nobody had touched it for a while, differently each time.
fn settle(path: &Path, ago_s: u64) {
    let time = SystemTime::now() - Duration::from_secs(ago_s);
    std::fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// A package in the watched directory.
fn put(world: &World, package: &Package) -> PathBuf {
    let path = package.pack(&world.watched());
    settle(&path, 60);
    path
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

async fn a_package_is_installed_stays_and_does_not_come_back_until_it_changes() {
    let mut world = World::empty();
    let archive = put(&world, &Package::new("p", "1.0.0"));
    let bytes = std::fs::read(&archive).unwrap();
    world.start().await;
    world.serves("p", "1.0.0").await;
    world
        .until("not installed", || {
            world.manager().operations(9).iter().all(|o| o.ended_ms.is_some())
        })
        .await;
    assert_eq!(world.plugin("p").origin, PluginOrigin::Managed);
    assert_eq!(std::fs::read(&archive).unwrap(), bytes);
    assert_eq!(world.manager().operations(9)[0].user, "watched directory");
    world.done(remove("p")).await;
    assert_eq!(std::fs::read(&archive).unwrap(), bytes, "it is the user's");
    tokio::time::sleep(TWO_LOOKS).await;
    assert_eq!(world.manager().list(), []);
    world.restart().await;
    // Touched, but the same.
    settle(&archive, 50);
    tokio::time::sleep(TWO_LOOKS).await;
    assert_eq!(world.manager().list(), []);
    // Changed, though the version is the same.
    put(&world, &Package::new("p", "1.0.0").arg("config", "take"));
    settle(&archive, 40);
    world.serves("p", "1.0.0").await;
    // A newer one beside it is an upgrade.
    put(&world, &Package::new("p", "1.1.0"));
    world.serves("p", "1.1.0").await;
    assert_eq!(world.manager().rejected(), []);
}

async fn a_half_written_file_is_left_alone() {
    let world = World::new().await;
    let archive = world.pack(&Package::new("p", "1.0.0"));
    let bytes = std::fs::read(&archive).unwrap();
    std::fs::create_dir_all(world.watched()).unwrap();
    let target = world.watched().join("p-1.0.0.tar.gz");
    let pieces = bytes.chunks(bytes.len().div_ceil(12));
    let mut written = Vec::new();
    for piece in pieces {
        written.extend_from_slice(piece);
        std::fs::write(&target, &written).unwrap();
        tokio::time::sleep(Duration::from_millis(250)).await;
        if written.len() < bytes.len() {
            assert_eq!(world.manager().rejected(), []);
            assert_eq!(world.manager().operations(9), []);
        }
    }
    world.serves("p", "1.0.0").await;
}

async fn of_several_versions_the_newest_is_taken_and_the_others_are_told() {
    let mut world = World::empty();
    let old = put(&world, &Package::new("p", "1.9.0"));
    put(&world, &Package::new("p", "1.10.0"));
    world.start().await;
    world.serves("p", "1.10.0").await;
    let rejected = world.manager().rejected();
    let [one] = rejected.as_slice() else {
        panic!("{rejected:#?}");
    };
    assert_eq!(
        (one.path.as_str(), one.code.as_str()),
        (old.to_str().unwrap(), "older")
    );
    assert!(one.reason.contains("1.10.0"), "{}", one.reason);
    std::fs::remove_file(&old).unwrap();
    world
        .until("it is told still", || world.manager().rejected().is_empty())
        .await;
}

async fn what_is_refused_is_listed_with_the_reason_and_tried_again() {
    let mut world = World::empty();
    world.trust = Trust::Require;
    let unsigned = put(&world, &Package::new("p", "1.0.0"));
    let nonsense = world.watched().join("nonsense.tar.zst");
    let manifest = world.watched().join("q.toml");
    std::fs::write(&nonsense, "no archive").unwrap();
    std::fs::write(&manifest, "manifest = 1\nid = \"q\"\ncolour = \"red\"\n").unwrap();
    settle(&nonsense, 60);
    settle(&manifest, 60);
    world.start().await;
    world
        .until("not all are told", || world.manager().rejected().len() == 3)
        .await;
    let codes: Vec<_> = world
        .manager()
        .rejected()
        .into_iter()
        .map(|r| (r.path, r.code))
        .collect();
    let path = |path: &Path| path.display().to_string();
    let expected = [
        (path(&nonsense), "signature.missing".to_owned()),
        (path(&unsigned), "signature.missing".to_owned()),
        (path(&manifest), "manifest.unknown_key".to_owned()),
    ];
    assert_eq!(codes, expected);
    let reasons = world.manager().rejected();
    assert!(reasons[2].reason.contains("colour"), "{}", reasons[2].reason);
    assert_eq!(world.manager().operations(9), [], "nothing was ordered");
    // Remembered, and tried again when Orrery starts: trust may be another.
    world.trust = Trust::Off;
    world.restart().await;
    world.serves("p", "1.0.0").await;
    world
        .until("it is told still", || world.manager().rejected().len() == 2)
        .await;
    // A mended manifest is taken.
    let mended = world.base().join("q");
    let package = Package::new("q", "1.0.0");
    package.write(&mended);
    std::fs::write(&manifest, package.manifest_for(&mended.join("bin/run"))).unwrap();
    mode(&manifest, 0o644);
    settle(&manifest, 30);
    world.serves("q", "1.0.0").await;
}

async fn a_local_plugin_runs_where_it_is_and_follows_its_manifest() {
    let mut world = World::empty();
    let dir = world.watched().join("p");
    let manifest = dir.join("plugin.toml");
    Package::new("p", "1.0.0").write(&dir);
    settle(&manifest, 60);
    world.start().await;
    world.serves("p", "1.0.0").await;
    let plugin = world.plugin("p");
    assert_eq!(plugin.origin, PluginOrigin::Local);
    assert_eq!(plugin.source, manifest.display().to_string());
    let link = world.dirs().revisions().join("p/current");
    assert!(!link.is_symlink(), "nothing of it was unpacked");
    // Its manifest changes.
    Package::new("p", "2.0.0").write(&dir);
    settle(&manifest, 50);
    world.serves("p", "2.0.0").await;
    // What the user wishes of it holds.
    world
        .done(PluginOrder::Disable {
            plugin: "p".to_owned(),
        })
        .await;
    world.restart().await;
    tokio::time::sleep(TWO_LOOKS).await;
    assert_eq!(world.plugin("p").desired, Desired::Disabled);
    world.none_runs("switched off");
    world
        .done(PluginOrder::Enable {
            plugin: "p".to_owned(),
        })
        .await;
    world.serves("p", "2.0.0").await;
    // Gone is gone, also from the records.
    std::fs::remove_dir_all(&dir).unwrap();
    world
        .until("it is there still", || world.manager().list().is_empty())
        .await;
    world
        .until("it runs still", || processes(world.base()).is_empty())
        .await;
    world.restart().await;
    assert_eq!(world.manager().list(), []);
}

async fn an_installed_plugin_goes_before_a_local_one() {
    let world = World::new().await;
    let dir = world.watched().join("p");
    Package::new("p", "1.0.0").write(&dir);
    settle(&dir.join("plugin.toml"), 60);
    world.serves("p", "1.0.0").await;
    // One that does not start leaves the local one.
    let bad = Package::new("p", "2.0.0").arg("fails", 7);
    world.fails(world.install_order(&bad), "exited").await;
    world.serves("p", "1.0.0").await;
    assert_eq!(world.plugin("p").origin, PluginOrigin::Local);
    world.install(&Package::new("p", "2.0.0")).await;
    world.serves("p", "2.0.0").await;
    assert_eq!(world.plugin("p").origin, PluginOrigin::Managed);
    tokio::time::sleep(TWO_LOOKS).await;
    world.serves("p", "2.0.0").await;
    assert_eq!(processes(world.base()).len(), 1);
    let removed = world.done(remove("p")).await;
    assert!(
        removed.outcome.contains("local one takes its place"),
        "{}",
        removed.outcome
    );
    world.serves("p", "1.0.0").await;
    assert_eq!(world.plugin("p").origin, PluginOrigin::Local);
    assert!(dir.join("bin/run").exists());
}

async fn what_others_can_write_to_is_refused_until_that_is_mended() {
    let world = World::new().await;
    let dir = world.watched().join("p");
    Package::new("p", "1.0.0").write(&dir);
    let archive = put(&world, &Package::new("q", "1.0.0"));
    settle(&dir.join("plugin.toml"), 60);
    mode(&dir.join("bin/run"), 0o777);
    mode(&world.watched(), 0o777);
    world
        .until("the directory is not refused", || {
            world.manager().rejected().len() == 1
        })
        .await;
    let refused = world.manager().rejected().remove(0);
    assert_eq!(
        (refused.path, refused.code.as_str()),
        (world.watched().display().to_string(), "unsafe")
    );
    assert!(refused.reason.contains("chmod go-w"), "{}", refused.reason);
    assert_eq!(world.manager().list(), []);
    mode(&world.watched(), 0o755);
    world.serves("q", "1.0.0").await;
    assert!(archive.exists());
    world
        .until("the program is not refused", || {
            world
                .manager()
                .rejected()
                .iter()
                .any(|r| r.reason.contains("bin/run"))
        })
        .await;
    mode(&dir.join("bin/run"), 0o755);
    world.serves("p", "1.0.0").await;
    world
        .until("it is told still", || world.manager().rejected().is_empty())
        .await;
    world.state("p", InstanceState::Running).await;
}
