//! Installing: from everywhere, and what remains when it fails or is cancelled.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orrery_manager::view::{
    OperationState, OperationView, PackageSource, PluginOrder, PluginOrigin, StepView,
};
use orrery_manager::{Hook, Manager, OrderError, Wait};
use orrery_packages::{Trust, keygen, sign};
use orrery_supervisor::view::InstanceState;
use serde_json::json;

use crate::package::Package;
use crate::server::{Manner, Server};
use crate::world::{World, install_from};

crate::trials![
    a_file_is_installed_and_stays_where_it_is,
    an_upload_is_installed_and_used_up,
    an_address_is_fetched_with_progress_and_in_spite_of_a_busy_server,
    the_newest_version_of_an_index_is_installed,
    the_same_package_again_changes_nothing_and_other_content_needs_force,
    what_fails_leaves_nothing_and_says_why,
    cancelled_in_any_step_it_leaves_nothing,
    only_some_are_fetched_at_a_time_and_all_are_installed,
    what_is_under_way_when_the_application_ends_is_cancelled_and_what_waits_is_done_later,
    signatures_are_required_where_trust_says_so,
    a_plugin_that_needs_config_is_installed_and_waits_for_it,
    an_older_version_is_refused_where_downgrades_are,
];

fn step<'a>(operation: &'a OperationView, id: &str) -> &'a StepView {
    operation.steps.iter().find(|step| step.id == id).unwrap()
}

fn from_url(url: String, sha256: Option<&str>) -> PluginOrder {
    let sha256 = sha256.map(str::to_owned);
    let source = PackageSource::Url { url, sha256 };
    PluginOrder::Install { source, force: false }
}

fn forced(order: PluginOrder) -> PluginOrder {
    match order {
        PluginOrder::Install { source, .. } => PluginOrder::Install { source, force: true },
        other => other,
    }
}

async fn a_file_is_installed_and_stays_where_it_is() {
    let world = World::new().await;
    let archive = world.pack(&Package::new("p", "1.0.0"));
    let operation = world.done(install_from(&archive)).await;
    assert_eq!(
        (operation.kind.as_str(), operation.plugin.as_str()),
        ("install", "p")
    );
    let steps: Vec<_> = operation
        .steps
        .iter()
        .map(|s| (s.id.as_str(), s.state.as_str()))
        .collect();
    let all = ["fetch", "verify", "unpack", "start", "commit"].map(|id| (id, "done"));
    assert_eq!(steps, all, "{operation:#?}");
    let bytes = std::fs::metadata(&archive).unwrap().len();
    assert_eq!(step(&operation, "fetch").done_bytes, Some(bytes));
    assert!(
        step(&operation, "unpack")
            .done_bytes
            .is_some_and(|bytes| bytes > 0)
    );
    let plugin = world.plugin("p");
    assert_eq!(plugin.instance.state, InstanceState::Running);
    assert_eq!(plugin.origin, PluginOrigin::Managed);
    let current = plugin.current.unwrap();
    assert_eq!((current.version.as_str(), current.sha256.len()), ("1.0.0", 64));
    assert_eq!(plugin.source, archive.display().to_string());
    assert!(plugin.pending.is_none() && plugin.retained.is_empty());
    let who = world.serves("p", "1.0.0").await;
    assert_eq!(who["cwd"], json!(world.dirs().state("p")));
    let incoming: Vec<_> = std::fs::read_dir(world.dirs().incoming()).unwrap().collect();
    assert!(incoming.is_empty(), "{incoming:?}");
}

async fn an_upload_is_installed_and_used_up() {
    let world = World::new().await;
    let bytes = std::fs::read(world.pack(&Package::new("p", "1.0.0"))).unwrap();
    let order = |upload: &str| PluginOrder::Install {
        source: PackageSource::Upload {
            upload: upload.to_owned(),
            name: None,
        },
        force: false,
    };
    // One that breaks off leaves nothing.
    let mut broken = world.manager().upload().await.unwrap();
    broken.write(&bytes[..100]).await.unwrap();
    drop(broken);
    world.is_empty("after a broken upload").await;
    let mut upload = world.manager().upload().await.unwrap();
    for piece in bytes.chunks(1_000) {
        upload.write(piece).await.unwrap();
    }
    let handle = upload.finish().await.unwrap();
    world.done(order(&handle)).await;
    world.serves("p", "1.0.0").await;
    for wrong in [handle.as_str(), "../../etc/passwd"] {
        let refused = world.order(order(wrong)).await.unwrap_err();
        assert_eq!(refused, OrderError::NoUpload(wrong.to_owned()));
    }
}

async fn an_address_is_fetched_with_progress_and_in_spite_of_a_busy_server() {
    let world = World::new().await;
    let archive = world.pack(&Package::new("p", "1.0.0"));
    let total = std::fs::metadata(&archive).unwrap().len();
    let pause = Duration::from_millis(150);
    let server = Server::start(archive.parent().unwrap(), Manner { pause, busy: 1 });
    // Another sum than the one that was promised.
    let wrong = from_url(server.url(&archive), Some(&"0".repeat(64)));
    world.fails(wrong, "checksum").await;
    world.is_empty("after a wrong sum").await;
    let ordered = world
        .manager()
        .order(from_url(server.url(&archive), None), "ada", Wait::No);
    let id = ordered.await.unwrap().id;
    let mut seen = Vec::new();
    world
        .until("no progress", || {
            let fetch = step(&world.manager().operation(&id).unwrap(), "fetch").clone();
            seen.extend(fetch.done_bytes);
            fetch.total_bytes == Some(total) && fetch.done_bytes.is_some_and(|done| done < total)
        })
        .await;
    let operation = world.manager().ended(&id).await.unwrap();
    assert_eq!(operation.state, OperationState::Done, "{operation:#?}");
    assert_eq!(step(&operation, "fetch").done_bytes, Some(total));
    assert!(server.requests() >= 3);
    world.serves("p", "1.0.0").await;
    let missing = server.url(Path::new("missing-1.0.0.tar.gz"));
    world.fails(from_url(missing, None), "fetch.status").await;
    let remote = from_url("http://192.0.2.1/p.tar.gz".to_owned(), None);
    world.fails(remote, "fetch.address").await;
}

async fn the_newest_version_of_an_index_is_installed() {
    let world = World::new().await;
    let dir = world.base().join("packages");
    for version in ["1.0.0", "1.2.0", "1.10.0"] {
        world.pack(&Package::new("p", version));
    }
    let index = orrery_packages::Index::of_directory(&dir).unwrap();
    let path = dir.join("index.json");
    std::fs::write(&path, serde_json::to_vec(&index).unwrap()).unwrap();
    let server = Server::start(&dir, Manner::default());
    let order = |plugin: &str, version: Option<&str>| PluginOrder::Install {
        source: PackageSource::Index {
            index: server.url(&path),
            plugin: plugin.to_owned(),
            version: version.map(str::to_owned),
        },
        force: false,
    };
    world.fails(order("q", None), "fetch.not_found").await;
    world
        .is_empty("after a plugin that the index does not have")
        .await;
    world.done(order("p", Some("1.2.0"))).await;
    world.serves("p", "1.2.0").await;
    world.done(order("p", None)).await;
    world.serves("p", "1.10.0").await;
}

async fn the_same_package_again_changes_nothing_and_other_content_needs_force() {
    let world = World::new().await;
    let first = Package::new("p", "1.0.0");
    world.install(&first).await;
    let before = world.serves("p", "1.0.0").await;
    let again = world.install(&first).await;
    assert!(again.outcome.contains("installed already"), "{}", again.outcome);
    assert_eq!(world.who("p").await.unwrap(), before, "it was left alone");
    // The same version with other content.
    let other = world.install_order(&Package::new("p", "1.0.0").arg("config", "take"));
    world.fails(other.clone(), "already_installed").await;
    assert_eq!(world.who("p").await.unwrap()["pid"], before["pid"]);
    world.done(forced(other)).await;
    assert_ne!(world.serves("p", "1.0.0").await["pid"], before["pid"]);
    assert_eq!(world.plugin("p").retained.len(), 1);
}

async fn what_fails_leaves_nothing_and_says_why() {
    let world = World::new().await;
    let check = async |order: PluginOrder, code: &str, says: &str| {
        let operation = world.fails(order, code).await;
        assert!(operation.outcome.contains(says), "{code}: {}", operation.outcome);
        assert!(
            operation.steps.iter().any(|s| s.state == "failed"),
            "{operation:#?}"
        );
        world.is_empty(code).await;
    };
    let package = || Package::new("p", "1.0.0");
    let order = |package: Package| world.install_order(&package);
    check(order(package().arg("fails", 7)), "exited", "flux capacitor").await;
    check(order(package().arg("poses-as", "other")), "protocol", "other").await;
    let slow = package()
        .arg("late-ms", 10_000)
        .with("[start]\nattempts = 1\ntimeout = \"300ms\"");
    check(order(slow), "start_timeout", "").await;
    let elsewhere = package().with("[host]\nos = [\"plan9\"]");
    check(order(elsewhere), "host_mismatch", "plan9").await;
    let missing = install_from(&world.base().join("packages/none.tar.gz"));
    check(missing, "fetch.not_found", "none.tar.gz").await;
    let nonsense = world.base().join("packages/nonsense.tar.gz");
    std::fs::write(&nonsense, "this is no archive").unwrap();
    check(install_from(&nonsense), "unpack.corrupt", "").await;
    // Cut short in the middle of its content.
    let whole = world.pack(&package());
    let bytes = std::fs::read(&whole).unwrap();
    let cut = world.base().join("packages/cut.tar.gz");
    std::fs::write(&cut, &bytes[..bytes.len() - 60]).unwrap();
    check(install_from(&cut), "unpack.corrupt", "").await;
    let relative = world.order(install_from(Path::new("p.tar.gz"))).await;
    assert!(matches!(relative, Err(OrderError::Invalid(_))), "{relative:?}");
    // Nothing stands in the way of a good one.
    world.done(install_from(&whole)).await;
    world.serves("p", "1.0.0").await;
}

/// Cancels whatever is under way when a point is passed.
#[derive(Clone, Default)]
struct Canceller(Arc<Mutex<Armed>>);

#[derive(Default)]
struct Armed {
    point: String,
    manager: Option<Manager>,
    came_to: Vec<Result<(), OrderError>>,
}

impl Canceller {
    fn hook(&self) -> Hook {
        let this = self.clone();
        Arc::new(move |point| {
            let mut armed = this.0.lock().unwrap();
            if armed.point == point
                && let Some(manager) = armed.manager.take()
            {
                let operations = manager.operations(1);
                let cancelled = operations.iter().map(|o| manager.cancel(&o.id).map(drop));
                armed.came_to.extend(cancelled);
            }
        })
    }

    fn arm(&self, point: &str, manager: &Manager) {
        *self.0.lock().unwrap() = Armed {
            point: point.to_owned(),
            manager: Some(manager.clone()),
            came_to: Vec::new(),
        };
    }

    /// What the call said; nothing when the point was not passed.
    fn came_to(&self) -> Vec<Result<(), OrderError>> {
        self.0.lock().unwrap().came_to.clone()
    }
}

async fn cancelled_in_any_step_it_leaves_nothing() {
    let canceller = Canceller::default();
    let mut world = World::empty();
    world.hook = Some(canceller.hook());
    world.start().await;
    let order = world.install_order(&Package::new("p", "1.0.0"));
    let points = ["fetch", "verify", "unpack", "start"]
        .map(|step| [format!("install {step} before"), format!("install {step} begun")]);
    for point in points.into_iter().flatten().chain(["start ready".to_owned()]) {
        canceller.arm(&point, world.manager());
        let operation = world.order(order.clone()).await.unwrap();
        assert_eq!(canceller.came_to(), [Ok(())], "{point}");
        assert_eq!(
            operation.state,
            OperationState::Cancelled,
            "{point}: {operation:#?}"
        );
        world.is_empty(&point).await;
    }
    // From the last step on there is no way back.
    canceller.arm("install commit begun", world.manager());
    let operation = world.done(order).await;
    assert_eq!(
        canceller.came_to(),
        [Err(OrderError::NotCancellable(operation.id))]
    );
    world.serves("p", "1.0.0").await;
    // In the middle of a download that would take long.
    let archive = world.pack(&Package::new("q", "1.0.0"));
    let pause = Duration::from_secs(20);
    let server = Server::start(archive.parent().unwrap(), Manner { pause, busy: 0 });
    let ordered = world
        .manager()
        .order(from_url(server.url(&archive), None), "ada", Wait::No);
    let id = ordered.await.unwrap().id;
    world.until("no request", || server.requests() > 0).await;
    world.manager().cancel(&id).unwrap();
    let ended = world.manager().ended(&id).await.unwrap();
    assert_eq!(
        (ended.state, ended.code.as_str()),
        (OperationState::Cancelled, "cancelled")
    );
    assert!(world.manager().cancel(&id).is_err());
    assert!(matches!(
        world.manager().cancel("none"),
        Err(OrderError::NoOperation(_))
    ));
}

async fn only_some_are_fetched_at_a_time_and_all_are_installed() {
    let world = World::new().await;
    let ids = ["a", "b", "c", "d", "e"];
    let archives = ids.map(|id| world.pack(&Package::new(id, "1.0.0")));
    let pause = Duration::from_millis(100);
    let server = Server::start(&world.base().join("packages"), Manner { pause, busy: 0 });
    let mut ordered = Vec::new();
    for archive in &archives {
        let order = from_url(server.url(archive), None);
        ordered.push(world.manager().order(order, "ada", Wait::No).await.unwrap().id);
    }
    for id in ordered {
        let operation = world.manager().ended(&id).await.unwrap();
        assert_eq!(operation.state, OperationState::Done, "{operation:#?}");
    }
    let most = usize::try_from(server.most_at_once()).unwrap();
    assert!((2..=orrery_manager::limits::DOWNLOADS).contains(&most), "{most}");
    for id in ids {
        world.serves(id, "1.0.0").await;
    }
}

async fn what_is_under_way_when_the_application_ends_is_cancelled_and_what_waits_is_done_later() {
    let mut world = World::new().await;
    world.install(&Package::new("p", "1.0.0")).await;
    let archive = world.pack(&Package::new("q", "1.0.0"));
    let pause = Duration::from_secs(20);
    let server = Server::start(archive.parent().unwrap(), Manner { pause, busy: 0 });
    let fetching = world
        .manager()
        .order(from_url(server.url(&archive), None), "ada", Wait::No);
    let fetching = fetching.await.unwrap().id;
    let slow = world.install_order(&Package::new("p", "2.0.0").arg("late-ms", 4_000));
    let starting = world.manager().order(slow, "ada", Wait::No).await.unwrap().id;
    world
        .until("the upgrade does not begin", || {
            let operation = world.manager().operation(&starting).unwrap();
            step(&operation, "start").state == "running" && server.requests() > 0
        })
        .await;
    let stop = PluginOrder::Stop {
        plugin: "p".to_owned(),
    };
    let waiting = world.manager().order(stop, "ada", Wait::No).await.unwrap().id;
    world.restart().await;
    for id in [&fetching, &starting] {
        let operation = world.manager().operation(id).unwrap();
        assert_eq!(operation.state, OperationState::Cancelled, "{operation:#?}");
    }
    let operation = world.manager().ended(&waiting).await.unwrap();
    assert_eq!(operation.state, OperationState::Done, "{operation:#?}");
    assert_eq!(world.plugin("p").instance.state, InstanceState::Stopped);
    assert_eq!(world.plugin("p").current.unwrap().version, "1.0.0");
    assert!(world.plugin("p").pending.is_none());
    world.none_runs("it was stopped");
    let incoming: Vec<_> = std::fs::read_dir(world.dirs().incoming()).unwrap().collect();
    assert!(incoming.is_empty(), "{incoming:?}");
}

async fn signatures_are_required_where_trust_says_so() {
    let mut world = World::empty();
    world.trust = Trust::Require;
    world.start().await;
    let secrets = world.base().join("secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    let ours = keygen(&secrets, "ours", None).unwrap();
    let theirs = keygen(&secrets, "theirs", None).unwrap();
    let keys = world.base().join("keys");
    std::fs::create_dir_all(&keys).unwrap();
    std::fs::copy(&ours.public, keys.join(ours.public.file_name().unwrap())).unwrap();
    let archive = world.pack(&Package::new("p", "1.0.0"));
    world.fails(install_from(&archive), "signature.missing").await;
    world.is_empty("unsigned").await;
    sign(&archive, &theirs.secret, None).unwrap();
    world.fails(install_from(&archive), "signature.unknown_key").await;
    world.is_empty("signed with another key").await;
    sign(&archive, &ours.secret, None).unwrap();
    // Signed, and tampered with afterwards.
    let bytes = std::fs::read(&archive).unwrap();
    let tampered: PathBuf = world.base().join("packages/tampered.tar.gz");
    let mut other = bytes.clone();
    let middle = other.len() / 2;
    other[middle] ^= 1;
    std::fs::write(&tampered, other).unwrap();
    let signature = orrery_packages::signature_file(&archive);
    std::fs::copy(signature, orrery_packages::signature_file(&tampered)).unwrap();
    let operation = world.order(install_from(&tampered)).await.unwrap();
    assert_eq!(operation.state, OperationState::Failed);
    assert!(
        ["signature.bad", "unpack.corrupt"].contains(&operation.code.as_str()),
        "{operation:#?}"
    );
    world.is_empty("tampered with").await;
    world.done(install_from(&archive)).await;
    let signature = world.plugin("p").current.unwrap().signature;
    assert_eq!(signature, "valid:ours");
}

async fn a_plugin_that_needs_config_is_installed_and_waits_for_it() {
    let world = World::new().await;
    let rule = "[[policy]]\nkey = \"token\"\ntype = \"string\"\nrequired = true";
    world.install(&Package::new("p", "1.0.0").with(rule)).await;
    let plugin = world.plugin("p");
    assert_eq!(plugin.instance.state, InstanceState::Inapplicable);
    assert!(
        plugin.instance.reason.contains("token"),
        "{}",
        plugin.instance.reason
    );
    let config = PluginOrder::Configure {
        plugin: "p".to_owned(),
        structured: Some(json!({ "token": "x" })),
        text: None,
    };
    world.done(config).await;
    assert!(
        world.serves("p", "1.0.0").await["config"]
            .as_str()
            .unwrap()
            .contains("token")
    );
    world.state("p", InstanceState::Running).await;
}

async fn an_older_version_is_refused_where_downgrades_are() {
    let mut world = World::empty();
    world.refuse_downgrades = true;
    world.start().await;
    world.install(&Package::new("p", "1.10.0")).await;
    let older = world.install_order(&Package::new("p", "1.9.0"));
    let refused = world.fails(older.clone(), "downgrade").await;
    assert!(refused.outcome.contains("1.10.0"), "{}", refused.outcome);
    world.done(forced(older)).await;
    world.serves("p", "1.9.0").await;
}
