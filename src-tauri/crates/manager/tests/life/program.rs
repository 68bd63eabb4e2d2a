//! Programs without a package: they say themselves where they listen.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use orrery_manager::view::{Activation, OperationState, PackageSource, PluginOrder};
use orrery_packages::Trust;
use orrery_supervisor::view::InstanceState;

use crate::world::{World, install_from};

crate::trials![
    a_program_is_loaded_and_runs_while_it_is_needed,
    its_version_is_the_one_that_it_says,
    a_program_is_uploaded_under_a_name,
    a_program_in_a_watched_directory_is_loaded_and_replaced,
    what_is_wrong_with_a_program_is_said_and_nothing_is_left,
    an_unsigned_program_is_never_started_where_signatures_are_required,
];

/// Writes an executable file that says something and then serves as a plugin of its file's name.
fn program(world: &World, file: &str, version: &str, says: &str) -> PathBuf {
    let id = file.split('.').next().unwrap();
    let exe = std::env::current_exe().unwrap();
    let none = world.base().join("none");
    let script = format!(
        "#!/bin/sh\n{says}\nexec '{}' --act-as-plugin --id {id} --version {version} --socket \"$ORRERY_SOCKET\" \
         --config-file '{}'\n",
        exe.display(),
        none.display()
    );
    write(world, file, &script)
}

fn write(world: &World, file: &str, text: &str) -> PathBuf {
    let dir = world.base().join("programs");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join(file);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

const PATH: &str = "echo \"$ORRERY_SOCKET\"";

async fn a_program_is_loaded_and_runs_while_it_is_needed() {
    let mut world = World::new().await;
    let path = program(&world, "counter.sh", "1", PATH);
    world.done(install_from(&path)).await;
    let plugin = world.plugin("counter");
    assert_eq!(plugin.activation, Activation::OnDemand);
    let version = plugin.current.unwrap().version;
    assert!(version.starts_with("0.0.0+"), "{version}");
    world.state("counter", InstanceState::Idle).await;
    world.none_runs("after it was loaded");
    for when in ["loaded", "loaded in an earlier run"] {
        let lease = world
            .running
            .as_ref()
            .unwrap()
            .supervisor
            .acquire("counter")
            .unwrap();
        world.serves("counter", "1").await;
        world.state("counter", InstanceState::Running).await;
        drop(lease);
        world.restart().await;
        world.state("counter", InstanceState::Idle).await;
        world.none_runs(when);
    }
    // The same again is no news, and other content is an upgrade.
    let again = world.done(install_from(&path)).await;
    assert!(again.outcome.contains("installed already"), "{}", again.outcome);
    let other = program(&world, "counter.sh", "2", PATH);
    world.done(install_from(&other)).await;
    assert_ne!(world.plugin("counter").current.unwrap().version, version);
    let order = PluginOrder::Remove {
        plugin: "counter".to_owned(),
        keep_state: false,
        force: false,
    };
    world.done(order).await;
    world.is_empty("after it was removed").await;
}

async fn its_version_is_the_one_that_it_says() {
    let mut world = World::new().await;
    let says =
        |version: &str| format!(r#"printf '{{"socket": "%s", "version": "{version}"}}\n' "$ORRERY_SOCKET""#);
    let first = program(&world, "counter", "1", &says("1.4.0"));
    world.done(install_from(&first)).await;
    let shown = |world: &World| world.plugin("counter").current.unwrap().version;
    assert_eq!(shown(&world), "1.4.0");
    world.restart().await;
    assert_eq!(shown(&world), "1.4.0");
    let second = program(&world, "counter", "2", &says("1.5.0"));
    let upgraded = world.done(install_from(&second)).await;
    assert_eq!(upgraded.kind, "upgrade");
    assert_eq!(shown(&world), "1.5.0");
    let back = PluginOrder::Rollback {
        plugin: "counter".to_owned(),
        version: Some("1.4.0".to_owned()),
    };
    world.done(back).await;
    assert_eq!(shown(&world), "1.4.0");
}

async fn a_program_is_uploaded_under_a_name() {
    let world = World::new().await;
    let bytes = std::fs::read(program(&world, "counter", "1", PATH)).unwrap();
    let upload = async |name: Option<&str>| {
        let mut upload = world.manager().upload().await.unwrap();
        upload.write(&bytes).await.unwrap();
        PluginOrder::Install {
            source: PackageSource::Upload {
                upload: upload.finish().await.unwrap(),
                name: name.map(str::to_owned),
            },
            force: false,
        }
    };
    let failed = world.fails(upload(None).await, "name").await;
    assert!(failed.outcome.contains("given a name"), "{}", failed.outcome);
    world.fails(upload(Some("../counter")).await, "name").await;
    world.is_empty("after uploads without a name").await;
    world.done(upload(Some("counter")).await).await;
    world.state("counter", InstanceState::Idle).await;
}

async fn a_program_in_a_watched_directory_is_loaded_and_replaced() {
    let world = World::new().await;
    std::fs::create_dir_all(world.watched()).unwrap();
    let put = |version: &str| {
        let made = program(&world, "counter", version, PATH);
        std::fs::rename(made, world.watched().join("counter")).unwrap();
    };
    let loaded = |before: &str| {
        let current = world.manager().plugin("counter").and_then(|p| p.current);
        current.is_some_and(|current| current.version != before)
    };
    put("1");
    world.until("it is not loaded", || loaded("")).await;
    let first = world.plugin("counter").current.unwrap().version;
    put("2");
    world.until("it is not replaced", || loaded(&first)).await;
    assert_eq!(world.manager().rejected(), []);
}

async fn what_is_wrong_with_a_program_is_said_and_nothing_is_left() {
    let world = World::new().await;
    let check = async |file: &str, text: &str, code: &str, why: &str| {
        let path = write(&world, file, text);
        let failed = world.fails(install_from(&path), code).await;
        assert!(failed.outcome.contains(why), "{file}: {}", failed.outcome);
        world.is_empty(file).await;
    };
    check("text", "no program", "unpack.corrupt", "no program either").await;
    check("täglich", "#!/bin/sh\n", "name", "becomes its id").await;
    let missing = "#!/nonexistent/sh\n";
    check("interpreter", missing, "spawn", "interpreter that does not exist").await;
    let junk = "#!/bin/sh\necho hello\nexec sleep 60\n";
    check("junk", junk, "protocol", "`hello`, which is neither").await;
    let outside = format!(
        "#!/bin/sh\necho {}/x.sock\nexec sleep 60\n",
        world.base().display()
    );
    check("outside", &outside, "protocol", "outside of its own directory").await;
    let long = "#!/bin/sh\nhead -c 20000 /dev/zero | tr '\\0' x\nexec sleep 60\n";
    check("long", long, "protocol", "more than 16384 bytes").await;
    let ends = "#!/bin/sh\necho 'no licence' >&2\nexit 7\n";
    check("ends", ends, "exited", "no licence").await;
}

async fn an_unsigned_program_is_never_started_where_signatures_are_required() {
    let mut world = World::empty();
    world.trust = Trust::Require;
    world.start().await;
    let mark = world.base().join("was-started");
    let script = format!("#!/bin/sh\ntouch '{}'\n", mark.display());
    let path = write(&world, "counter", &script);
    world.fails(install_from(&path), "signature.missing").await;
    std::fs::create_dir_all(world.watched()).unwrap();
    std::fs::rename(&path, world.watched().join("counter")).unwrap();
    world
        .until("it is not refused", || {
            let refused = world.manager().rejected();
            refused.iter().any(|one| one.code == "signature.missing")
        })
        .await;
    let operations = world.manager().operations(10);
    let all_failed = operations.iter().all(|one| one.state == OperationState::Failed);
    assert!(all_failed, "{operations:#?}");
    assert!(!mark.exists(), "it was started");
}
