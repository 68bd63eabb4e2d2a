//! Sockets that come, go, are replaced, clash and hide.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use orrery_plugins::{NoteKind, PluginEvent, PluginState};
use orrery_testkit::plugin::report_json;
use orrery_testkit::{GoodPlugin, Reply};
use serde_json::json;

use crate::support::{Bench, DEADLINE, until};

fn is_gone(event: &PluginEvent, id: &str) -> bool {
    matches!(event, PluginEvent::Gone { plugin } if plugin == id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_appears_is_noticed_and_reports() {
    let mut bench = Bench::new();
    until("the root is watched", || !bench.registry.roots().is_empty()).await;
    for n in 0..20 {
        let _plugin = GoodPlugin::start(bench.path(&format!("p{n}/p{n}.sock"))).unwrap();
        bench.report(&format!("p{n}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_leaves_is_dropped_at_once() {
    let mut bench = Bench::new();
    let plugin = GoodPlugin::start(bench.path("a.sock")).unwrap();
    bench.report("a").await;
    plugin.stop().unwrap();
    let mut reports_after = 0;
    bench.event(|event| is_gone(&event, "a").then_some(())).await;
    bench
        .event(|event| {
            reports_after += usize::from(matches!(event, PluginEvent::Report { .. }));
            matches!(
                event,
                PluginEvent::Note {
                    kind: NoteKind::Gone,
                    ..
                }
            )
            .then_some(())
        })
        .await;
    assert_eq!(reports_after, 0);
    assert!(bench.registry.list().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_makes_its_directory_anew_is_found_again() {
    // What Scope's Go plugins do at their start: remove the directory, make it 0700, listen.
    let mut bench = Bench::new();
    let path = bench.path("iowait/iowait.sock");
    for round in 0..10 {
        let directory = path.parent().unwrap();
        if directory.exists() {
            std::fs::remove_dir_all(directory).unwrap();
        }
        std::fs::create_dir_all(directory).unwrap();
        std::fs::set_permissions(directory, PermissionsExt::from_mode(0o700)).unwrap();
        let plugin = GoodPlugin::start(&path).unwrap();
        plugin.on_report(move |_| {
            let mut report = report_json("iowait");
            report["ID"] = json!(round.to_string());
            report.into()
        });
        while bench.report("iowait").await.id != round.to_string() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_socket_is_met_anew() {
    let bench = Bench::new();
    let first = GoodPlugin::start(bench.path("a.sock")).unwrap();
    bench.state("a.sock", PluginState::Ok).await;
    // Replaced in one step, as a careful plugin does it.
    let second = GoodPlugin::start(bench.beside("next/a.sock")).unwrap();
    second.on_report(|_| {
        let mut report = report_json("a");
        report["Plugins"][0]["label"] = json!("The second");
        report.into()
    });
    std::fs::rename(second.path(), bench.path("a.sock")).unwrap();
    bench.listed("a.sock", |p| p.label == "The second").await;
    let before = first.reports();
    bench.listed("a.sock", |p| p.state == PluginState::Ok).await;
    until("the second is called", || second.reports() >= 3).await;
    assert_eq!(first.reports(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_back_off_ends_when_the_socket_changes() {
    let bench = Bench::with(|_, config| config.interval = Duration::from_secs(3600));
    let path = bench.path("a.sock");
    GoodPlugin::start(&path).unwrap().crash();
    let dead = bench.state("a.sock", PluginState::Failing).await;
    assert!(dead.next_attempt_ms.is_some());
    std::fs::remove_file(&path).unwrap();
    let _plugin = GoodPlugin::start(&path).unwrap();
    bench.state("a.sock", PluginState::Ok).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_keeps_the_id_and_the_second_takes_over() {
    let mut bench = Bench::new();
    let first = GoodPlugin::start(bench.path("one/a.sock")).unwrap();
    bench.state("one/a.sock", PluginState::Ok).await;
    let second = GoodPlugin::start(bench.path("another/a.sock")).unwrap();
    let conflict = bench.state("another/a.sock", PluginState::Conflict).await;
    let holder = first.path().display().to_string();
    assert_eq!(conflict.conflicts_with.as_deref(), Some(holder.as_str()));
    assert_eq!(
        conflict.status,
        format!("error: plugin id \"a\" is in use by {holder}")
    );
    assert_eq!(
        (second.connections(), bench.registry.retry(&conflict.path)),
        (0, false)
    );
    first.stop().unwrap();
    bench.event(|event| is_gone(&event, "a").then_some(())).await;
    bench.report("a").await;
    let taken = bench.state("another/a.sock", PluginState::Ok).await;
    assert_eq!(taken.conflicts_with, None);
    assert!(second.reports() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_socket_that_comes_first_gives_way_to_a_living_one() {
    let bench = Bench::with(|_, config| config.rescan = Duration::from_millis(50));
    GoodPlugin::start(bench.path("one/a.sock")).unwrap().crash();
    bench.state("one/a.sock", PluginState::Failing).await;
    let living = GoodPlugin::start(bench.path("two/a.sock")).unwrap();
    bench.state("two/a.sock", PluginState::Ok).await;
    let dead = bench.state("one/a.sock", PluginState::Conflict).await;
    assert_eq!(dead.conflicts_with, Some(living.path().display().to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_name_is_shown_and_not_called() {
    let bench = Bench::new();
    let plugin = GoodPlugin::start(bench.path("my_plugin.sock")).unwrap();
    let info = bench.state("my_plugin.sock", PluginState::Rejected).await;
    assert_eq!(info.id, "my_plugin.sock");
    assert!(
        info.status.starts_with("error: invalid plugin id \"my_plugin\""),
        "{}",
        info.status
    );
    assert_eq!(plugin.connections(), 0);
    // Beside it, what is no socket is not even listed.
    std::fs::write(bench.path("plain.sock"), "").unwrap();
    let _good = GoodPlugin::start(bench.path("good.sock")).unwrap();
    bench.state("good.sock", PluginState::Ok).await;
    assert_eq!(bench.registry.list().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_owner_is_shown_and_called_only_when_allowed() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can give a socket to somebody else");
        return;
    }
    let foreign = Some(rustix::fs::Uid::from_raw(54321));
    for allowed in [false, true] {
        let bench = Bench::with(|_, config| config.allow_foreign_owners = allowed);
        let plugin = GoodPlugin::start(bench.beside("apart/a.sock")).unwrap();
        rustix::fs::chown(plugin.path(), foreign, None).unwrap();
        std::fs::rename(plugin.path(), bench.path("a.sock")).unwrap();
        if allowed {
            bench.state("a.sock", PluginState::Ok).await;
        } else {
            let info = bench.state("a.sock", PluginState::Rejected).await;
            assert_eq!(
                info.status,
                "error: the socket belongs to uid 54321, which is neither this user nor root"
            );
            assert_eq!((info.id.as_str(), plugin.connections()), ("a", 0));
            // Given back, it is called.
            let us = Some(rustix::process::geteuid());
            rustix::fs::chown(bench.path("a.sock"), us, None).unwrap();
            bench.state("a.sock", PluginState::Ok).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_is_not_the_owner_gets_no_byte() {
    use std::io::Read;
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can give a socket to somebody else");
        return;
    }
    let bench = Bench::new();
    let apart = bench.beside("apart");
    std::fs::create_dir(&apart).unwrap();
    std::fs::set_permissions(&apart, PermissionsExt::from_mode(0o777)).unwrap();
    std::fs::set_permissions(bench.beside(""), PermissionsExt::from_mode(0o755)).unwrap();
    let path = apart.join("a.sock");
    let listener = std::thread::spawn({
        let path = path.clone();
        move || {
            let foreign = rustix::thread::Uid::from_raw(54321);
            rustix::thread::set_thread_res_uid(foreign, foreign, foreign).unwrap();
            std::os::unix::net::UnixListener::bind(path).unwrap()
        }
    });
    let listener = listener.join().unwrap();
    // As root would have to do it: the file is root's, the listener is not.
    rustix::fs::chown(&path, Some(rustix::process::geteuid()), None).unwrap();
    std::fs::rename(&path, bench.path("a.sock")).unwrap();
    let info = bench.state("a.sock", PluginState::Failing).await;
    assert!(
        info.status
            .ends_with("connect: the listener belongs to uid 54321, which is neither this user nor root"),
        "{}",
        info.status
    );
    let (mut stream, _) = listener.accept().unwrap();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_may_come_and_go() {
    let mut bench = Bench::with(|home, config| config.roots = vec![home.join("later/on/plugins")]);
    until("the root is looked for", || !bench.registry.roots().is_empty()).await;
    assert!(!bench.registry.roots()[0].exists);
    for _ in 0..3 {
        let _plugin = GoodPlugin::start(bench.beside("later/on/plugins/a.sock")).unwrap();
        bench.report("a").await;
        assert!(bench.registry.roots()[0].exists);
        std::fs::remove_dir_all(bench.beside("later")).unwrap();
        bench.event(|event| is_gone(&event, "a").then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_roots_are_one_and_overlap_counts_once() {
    let bench = Bench::with(|home, config| {
        std::fs::create_dir_all(home.join("s")).unwrap();
        symlink(home.join("r"), home.join("alias")).unwrap();
        config.roots = vec![
            home.join("r"),
            home.join("s"),
            home.join("alias"),
            home.join("r/in"),
        ];
    });
    let _one = GoodPlugin::start(bench.path("in/one.sock")).unwrap();
    let _two = GoodPlugin::start(bench.beside("s/two.sock")).unwrap();
    bench.state("one.sock", PluginState::Ok).await;
    bench.state("two.sock", PluginState::Ok).await;
    assert_eq!(bench.registry.list().len(), 2);
    assert_eq!(bench.registry.roots().iter().filter(|r| r.exists).count(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn symlinks_are_followed_without_loops() {
    let bench = Bench::new();
    let outside = bench.beside("outside");
    let _linked = GoodPlugin::start(outside.join("deep/linked.sock")).unwrap();
    let _alone = GoodPlugin::start(bench.beside("elsewhere/alone.sock")).unwrap();
    symlink(&outside, outside.join("deep/up")).unwrap();
    symlink(bench.path(""), bench.path("self")).unwrap();
    symlink("nowhere", bench.path("dangling.sock")).unwrap();
    symlink("endless.sock", bench.path("endless.sock")).unwrap();
    symlink(&outside, bench.path("link")).unwrap();
    symlink(bench.beside("elsewhere/alone.sock"), bench.path("alone.sock")).unwrap();
    bench.state("link/deep/linked.sock", PluginState::Ok).await;
    bench.state("r/alone.sock", PluginState::Ok).await;
    assert_eq!(bench.registry.list().len(), 2);
    // What appears behind a symlink is noticed as well.
    let _later = GoodPlugin::start(outside.join("deep/later.sock")).unwrap();
    bench.state("link/deep/later.sock", PluginState::Ok).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn se2_a_link_that_somebody_else_laid_leads_nowhere() {
    use rustix::fs::{AtFlags, CWD, Uid, chownat};
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can give a link to somebody else");
        return;
    }
    let bench = Bench::new();
    let own = GoodPlugin::start(bench.beside("own/hidden/own.sock")).unwrap();
    let foreign = Some(Uid::from_raw(54321));
    // Given away before it is laid: a look at the directory in between would find one of ours.
    let lay = |to: &str, at: &str| {
        let given = bench.beside("given");
        symlink(bench.beside(to), &given).unwrap();
        chownat(CWD, &given, foreign, None, AtFlags::SYMLINK_NOFOLLOW).unwrap();
        std::fs::rename(&given, bench.path(at)).unwrap();
    };
    lay("own/hidden/own.sock", "lured.sock");
    lay("own", "own");
    let info = bench.state("lured.sock", PluginState::Rejected).await;
    assert!(info.status.contains("belongs to uid 54321"), "{}", info.status);
    let told = || {
        let roots = bench.registry.roots();
        roots[0].warning.clone().unwrap_or_default()
    };
    until("the link to a directory is told of", || {
        told().contains("user 54321 laid it")
    })
    .await;
    assert_eq!((bench.registry.list().len(), own.connections()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_longer_than_an_address_works() {
    for allow_foreign_owners in [false, true] {
        let mut bench = Bench::with(|_, config| config.allow_foreign_owners = allow_foreign_owners);
        let directory = format!("{}/{}", "d".repeat(120), "e".repeat(200));
        let plugin = GoodPlugin::start(bench.path(&format!("{directory}/far.sock"))).unwrap();
        for _ in 0..3 {
            bench.report("far").await;
        }
        assert_eq!(plugin.connections(), 1);
        assert_eq!(
            bench.state("far.sock", PluginState::Ok).await.path,
            plugin.path().display().to_string()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_bound_before_anybody_listens_does_not_count_as_failing() {
    let mut bench = Bench::new();
    let path = bench.path("a.sock");
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::STREAM,
        None,
    )
    .unwrap();
    rustix::net::bind(&socket, &rustix::net::SocketAddrUnix::new(&path).unwrap()).unwrap();
    bench.state("a.sock", PluginState::Connecting).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    rustix::net::listen(&socket, 8).unwrap();
    let listener = std::os::unix::net::UnixListener::from(socket);
    std::thread::spawn(move || answer_once(&listener));
    let mut failed = false;
    bench
        .event(|event| {
            failed |= matches!(
                event,
                PluginEvent::Note {
                    kind: NoteKind::Failed,
                    ..
                }
            );
            matches!(event, PluginEvent::Report { .. }).then_some(())
        })
        .await;
    assert!(!failed);
}

fn answer_once(listener: &std::os::unix::net::UnixListener) {
    use std::io::{Read, Write};
    let (mut stream, _) = listener.accept().unwrap();
    let read = stream.read(&mut [0; 4096]).unwrap();
    assert!(read > 0);
    stream
        .write_all(format!("HTTP/1.0 200 OK\r\n\r\n{}", report_json("a")).as_bytes())
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_watch_the_rescan_finds_everything() {
    let bench = Bench::with(|_, config| {
        config.watch = false;
        config.rescan = Duration::from_millis(30);
    });
    until("the first look is over", || !bench.registry.roots().is_empty()).await;
    let plugin = GoodPlugin::start(bench.path("deep/er/a.sock")).unwrap();
    bench.state("a.sock", PluginState::Ok).await;
    plugin.stop().unwrap();
    bench.unlisted("a.sock").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roots_say_what_should_be_known_of_them() {
    let bench = Bench::with(|home, config| {
        let open = home.join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
        std::fs::write(home.join("file"), "").unwrap();
        config.roots = vec![home.join("r"), open, home.join("file"), home.join("missing")];
    });
    until("the first look is over", || !bench.registry.roots().is_empty()).await;
    let roots = bench.registry.roots();
    let check = |n: usize, exists: bool, warning: &str| {
        let root = &roots[n];
        assert_eq!(root.exists, exists, "{root:?}");
        let given = root.warning.as_deref().unwrap_or_default();
        assert!(
            given.contains(warning) && given.is_empty() == warning.is_empty(),
            "{root:?}"
        );
    };
    check(0, true, "");
    check(1, true, "anyone may write");
    check(2, false, "not a directory");
    check(3, false, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_neither_hides_nor_starves_who_is_there() {
    let bench = Bench::new();
    let plugin = GoodPlugin::start(bench.path("watched.sock")).unwrap();
    bench.state("watched.sock", PluginState::Ok).await;
    let crowd = bench.path("aaa");
    std::fs::create_dir(&crowd).unwrap();
    // More files than are looked at, more sockets than are listed, deeper than is looked.
    for n in 0..1100 {
        std::fs::write(crowd.join(format!("f{n}")), "").unwrap();
    }
    let sockets: Vec<_> = (0..300)
        .map(|n| bind(&bench.path(&format!("aab/s{n}.sock"))))
        .collect();
    std::fs::create_dir_all(bench.path(&"d/".repeat(40))).unwrap();
    until("the crowd is seen", || bench.registry.list().len() >= 200).await;
    let before = plugin.reports();
    until("the watched one goes on", || plugin.reports() > before + 10).await;
    assert!(bench.registry.list().len() <= orrery_plugins::limits::MAX_SOCKETS);
    let warning = bench.registry.roots()[0].warning.clone().unwrap();
    assert!(warning.contains("only"), "{warning}");
    bench.state("watched.sock", PluginState::Ok).await;
    drop(sockets);
    plugin.stop().unwrap();
    bench.unlisted("watched.sock").await;
}

fn bind(path: &Path) -> std::os::unix::net::UnixListener {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::os::unix::net::UnixListener::bind(path).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_registry_ends_with_its_consumer_and_with_its_handles() {
    for drop_events in [true, false] {
        let bench = Bench::new();
        let plugin = GoodPlugin::start(bench.path("a.sock")).unwrap();
        bench.state("a.sock", PluginState::Ok).await;
        let Bench {
            home: _home,
            registry,
            events,
        } = bench;
        if drop_events {
            drop(events);
        } else {
            drop(registry.clone());
            drop(registry);
        }
        until("connections are closed", || plugin.open_connections() == 0).await;
        let before = plugin.reports();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(plugin.reports(), before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_hangs_does_not_hold_up_the_end() {
    let bench = Bench::new();
    let plugin = GoodPlugin::start(bench.path("a.sock")).unwrap();
    plugin.on_report(|_| Reply::from(report_json("a")).after(Duration::from_secs(60)));
    until("a call is under way", || plugin.reports() > 0).await;
    tokio::time::timeout(DEADLINE, bench.registry.shutdown())
        .await
        .expect("it does not wait for the answer");
}
