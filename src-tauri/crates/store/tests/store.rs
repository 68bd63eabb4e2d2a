//! The state on a real disk: what is written is there after any end, and what is damaged costs only itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![expect(clippy::print_stdout, reason = "says what it cannot test here")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use orrery_store::{
    CatalogRecord, Change, Config, ConfigRecord, Desired, OpenError, OperationRecord, OperationState, Origin,
    PendingRecord, PluginRecord, RevisionRecord, StepRecord, Store, StoreError, TaskRecord, WatchedRecord,
    limits,
};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

const NOW: i64 = 1_700_000_000_000;

struct Place {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/state.db");
    Place { _dir: dir, path }
}

fn plugin(id: &str) -> PluginRecord {
    PluginRecord {
        desired: Desired::Stopped,
        source: "https://example.org/p.tar.gz".to_owned(),
        local: Some("/etc/p.toml".into()),
        current: Some("aa".to_owned()),
        retained: vec!["bb".to_owned()],
        pending: Some(PendingRecord {
            version: "2.0.0".to_owned(),
            sha256: "cc".to_owned(),
            signature: "unsigned".to_owned(),
            bytes: 7,
            step: "start".to_owned(),
            failure: "exited with code 3".to_owned(),
            failed_ms: NOW,
        }),
        config: ConfigRecord {
            accepted: Some(Config::Structured(json!({"rate": 5, "on": true}))),
            rejected: "too fast".to_owned(),
        },
        has_worked: true,
        ..PluginRecord::new(id, Origin::Managed)
    }
}

fn revision(plugin: &str, sha256: &str) -> RevisionRecord {
    RevisionRecord {
        plugin: plugin.to_owned(),
        sha256: sha256.to_owned(),
        version: "1.0.0".to_owned(),
        dir: "/r".into(),
        bytes: 12,
        signature: "valid:ada".to_owned(),
        installed_ms: NOW,
        program_sha256: "ee".to_owned(),
    }
}

fn operation(id: &str, ordered_ms: i64, ended_ms: Option<i64>) -> OperationRecord {
    OperationRecord {
        id: id.to_owned(),
        kind: "install".to_owned(),
        plugin: "p".to_owned(),
        order: json!({"order": "install"}),
        facts: json!({"dir": "/r"}),
        state: OperationState::Running,
        steps: vec![StepRecord {
            id: "fetch".to_owned(),
            state: "running".to_owned(),
            text: String::new(),
            done_bytes: Some(3),
            total_bytes: None,
        }],
        ordered_ms,
        ended_ms,
        user: "ada".to_owned(),
        outcome: String::new(),
        code: String::new(),
        retryable: false,
    }
}

fn watched(path: &str) -> WatchedRecord {
    WatchedRecord {
        path: path.into(),
        modified_ns: 5,
        bytes: 6,
        sha256: "dd".to_owned(),
        plugin: "p".to_owned(),
        reason: "unsigned".to_owned(),
        code: "signature".to_owned(),
        at_ms: NOW,
    }
}

/// Runs SQL on the closed file, as damage or another program would.
async fn tamper(path: &Path, sql: &'static str) {
    let mut db = SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .unwrap();
    sqlx::query(sql).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

#[tokio::test]
async fn what_is_written_is_there_after_a_restart() {
    let place = place();
    let mut text = plugin("text");
    text.config.accepted = Some(Config::Text("a = 1\n".to_owned()));
    let store = Store::open(&place.path, NOW).await.unwrap();
    let changes = vec![
        Change::PutPlugin(plugin("p")),
        Change::PutPlugin(text.clone()),
        Change::PutPlugin(plugin("gone")),
        Change::PutRevision(revision("p", "aa")),
        Change::PutRevision(revision("p", "bb")),
        Change::PutOperation(operation("1", NOW, None)),
        Change::PutWatched(watched("/w/a.tar.gz")),
        Change::PutWatched(watched("/w/b.tar.gz")),
    ];
    store.commit(changes).await.unwrap();
    let changes = vec![
        Change::DropPlugin {
            id: "gone".to_owned(),
        },
        Change::DropRevision {
            plugin: "p".to_owned(),
            sha256: "bb".to_owned(),
        },
        Change::DropWatched {
            path: "/w/b.tar.gz".into(),
        },
    ];
    store.commit(changes).await.unwrap();
    // Not closed: as after a kill.
    drop(store);
    let store = Store::open(&place.path, NOW).await.unwrap();
    let loaded = store.load(NOW).await.unwrap();
    assert_eq!(loaded.plugins, [plugin("p"), text]);
    assert_eq!(loaded.revisions, [revision("p", "aa")]);
    assert_eq!(loaded.operations, [operation("1", NOW, None)]);
    assert_eq!(loaded.watched, [watched("/w/a.tar.gz")]);
    assert!(loaded.quarantined.is_empty() && store.set_aside().is_none());
}

#[tokio::test]
async fn a_list_of_changes_is_written_whole_or_not_at_all() {
    let place = place();
    let store = Store::open(&place.path, NOW).await.unwrap();
    let mut large = plugin("large");
    large.source = "x".repeat(limits::RECORD_BYTES_MAX);
    let changes = vec![Change::PutPlugin(plugin("p")), Change::PutPlugin(large)];
    let failed = store.commit(changes).await;
    assert!(matches!(failed, Err(StoreError::TooLarge { .. })), "{failed:?}");
    assert!(store.load(NOW).await.unwrap().plugins.is_empty());
    store.commit(vec![Change::PutPlugin(plugin("p"))]).await.unwrap();
    assert_eq!(store.load(NOW).await.unwrap().plugins.len(), 1);
}

#[tokio::test]
async fn one_broken_record_is_quarantined_and_the_others_load() {
    let breaks: [(&str, &str); 5] = [
        ("UPDATE plugin SET record = '{\"id\":' WHERE id = 'b'", "EOF"),
        ("UPDATE plugin SET record = '{}' WHERE id = 'b'", "missing field"),
        ("UPDATE plugin SET format = 9 WHERE id = 'b'", "format is 9"),
        ("UPDATE plugin SET record = 'null' WHERE id = 'b'", "invalid type"),
        (
            "UPDATE plugin SET record = (SELECT record FROM plugin WHERE id = 'a') WHERE id = 'b'",
            "it says that it is a",
        ),
    ];
    for (sql, reason) in breaks {
        let place = place();
        let store = Store::open(&place.path, NOW).await.unwrap();
        let all = ["a", "b", "c"].map(|id| Change::PutPlugin(plugin(id)));
        store.commit(all.to_vec()).await.unwrap();
        store.close().await;
        drop(store);
        tamper(&place.path, sql).await;

        let store = Store::open(&place.path, NOW).await.unwrap();
        let loaded = store.load(NOW + 1).await.unwrap();
        let ids: Vec<&str> = loaded.plugins.iter().map(|p| p.id.as_str()).collect();
        assert_eq!(ids, ["a", "c"], "{sql}");
        let [bad] = loaded.quarantined.as_slice() else {
            panic!("{sql}: {:?}", loaded.quarantined);
        };
        assert_eq!((bad.source.as_str(), bad.key.as_str()), ("plugin", "b"));
        assert!(bad.reason.contains(reason), "{sql}: {}", bad.reason);
        // It is told once, and kept.
        assert!(store.load(NOW + 2).await.unwrap().quarantined.is_empty());
        assert_eq!(
            store.quarantine().await.unwrap(),
            std::slice::from_ref(bad),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_a_new_one_begins() {
    let place = place();
    for round in 0..limits::SET_ASIDE_MAX + 2 {
        std::fs::create_dir_all(place.path.parent().unwrap()).unwrap();
        std::fs::write(&place.path, "SQLite format 3\0 and then nonsense").unwrap();
        let store = Store::open(&place.path, NOW + i64::try_from(round).unwrap())
            .await
            .unwrap();
        assert!(store.set_aside().is_some_and(Path::exists));
        store.commit(vec![Change::PutPlugin(plugin("p"))]).await.unwrap();
        store.close().await;
    }
    let copies = std::fs::read_dir(place.path.parent().unwrap()).unwrap();
    let copies = copies
        .filter(|e| {
            e.as_ref()
                .unwrap()
                .file_name()
                .to_str()
                .unwrap()
                .contains("damaged")
        })
        .count();
    assert_eq!(copies, limits::SET_ASIDE_MAX);
}

#[tokio::test]
async fn a_page_of_nonsense_in_the_middle_is_damage() {
    let place = place();
    let store = Store::open(&place.path, NOW).await.unwrap();
    let many = (0..200).map(|n| Change::PutPlugin(plugin(&format!("p{n}"))));
    store.commit(many.collect()).await.unwrap();
    store.close().await;
    drop(store);
    let mut bytes = std::fs::read(&place.path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(&place.path, bytes).unwrap();
    let store = Store::open(&place.path, NOW).await.unwrap();
    assert!(store.set_aside().is_some());
    assert!(store.load(NOW).await.unwrap().plugins.is_empty());
}

#[tokio::test]
async fn foreign_newer_and_used_files_are_refused_and_left_alone() {
    let place = place();
    let store = Store::open(&place.path, NOW).await.unwrap();
    let second = Store::open(&place.path, NOW).await.err().unwrap();
    assert!(
        matches!(second, StoreError::Open(OpenError::Locked { .. })),
        "{second}"
    );
    store.close().await;
    drop(store);

    tamper(
        &place.path,
        "UPDATE _sqlx_migrations SET version = 99 WHERE version = 1",
    )
    .await;
    let newer = Store::open(&place.path, NOW).await.err().unwrap();
    assert!(
        matches!(newer, StoreError::Open(OpenError::NewerSchema { found: 99, .. })),
        "{newer}"
    );
    tamper(&place.path, "PRAGMA application_id = 1").await;
    let foreign = Store::open(&place.path, NOW).await.err().unwrap();
    assert!(
        matches!(foreign, StoreError::Open(OpenError::Foreign { .. })),
        "{foreign}"
    );
}

#[tokio::test]
async fn ended_operations_are_forgotten_from_the_oldest_on_and_open_ones_never() {
    let place = place();
    let store = Store::open(&place.path, NOW).await.unwrap();
    store
        .commit(vec![Change::PutOperation(operation("open", 0, None))])
        .await
        .unwrap();
    let extra = 5;
    let many = (0..limits::OPERATIONS_KEPT + extra)
        .map(|n| Change::PutOperation(operation(&format!("{n}"), n, Some(n))));
    store.commit(many.collect()).await.unwrap();
    let kept = store.load(NOW).await.unwrap().operations;
    assert_eq!(kept.len(), usize::try_from(limits::OPERATIONS_KEPT).unwrap() + 1);
    assert_eq!(kept[0].id, "open");
    assert_eq!(kept[1].id, extra.to_string());
}

#[tokio::test]
async fn only_the_owner_reads_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let place = place();
    let store = Store::open(&place.path, NOW).await.unwrap();
    store.commit(vec![Change::PutPlugin(plugin("p"))]).await.unwrap();
    for suffix in ["", "-wal"] {
        let path = format!("{}{suffix}", place.path.display());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path}");
    }
}

/// A small file system of its own in memory; gone when it is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs"])
            .arg(dir.path());
        let why = match mount.output() {
            Ok(output) if output.status.success() => return Some(SmallDisk(dir)),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        println!("skipped: cannot mount a small disk: {why}");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn what_is_written_after_the_disk_was_full_stays_written() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let path = disk.0.path().join("state.db");
    let filler = disk.0.path().join("filler");
    let store = Store::open(&path, NOW).await.unwrap();
    store
        .commit(vec![Change::PutPlugin(plugin("before"))])
        .await
        .unwrap();
    let mut file = std::fs::File::create(&filler).unwrap();
    while file.write_all(&[1; 512]).is_ok() {}
    // More than once: it is the second failure after which nothing was committed any more.
    let mut failed = Vec::new();
    for n in 0..20 {
        let mut large = plugin(&format!("full-{n}"));
        large.source = "x".repeat(20_000);
        let id = large.id.clone();
        if store.commit(vec![Change::PutPlugin(large)]).await.is_err() {
            failed.push(id);
        }
    }
    assert!(failed.len() >= 3, "{failed:?}");
    std::fs::remove_file(filler).unwrap();
    store
        .commit(vec![Change::PutPlugin(plugin("later"))])
        .await
        .unwrap();
    store.close().await;
    drop(store);
    let loaded = Store::open(&path, NOW).await.unwrap().load(NOW).await.unwrap();
    let ids: Vec<String> = loaded.plugins.into_iter().map(|p| p.id).collect();
    assert!(
        ids.contains(&"before".to_owned()) && ids.contains(&"later".to_owned()),
        "{ids:?}"
    );
    assert!(!failed.iter().any(|id| ids.contains(id)), "{failed:?} {ids:?}");
}

#[tokio::test]
async fn what_plugins_said_of_their_metrics_is_kept_by_version() {
    let place = place();
    let record = |version: &str| CatalogRecord {
        plugin: "iowait".to_owned(),
        version: version.to_owned(),
        told_ms: NOW,
        told: json!([{ "namespace": "/iowait/host/*node/iowait" }]),
    };
    let store = Store::open(&place.path, NOW).await.unwrap();
    let put = ["1.0.0", "2.0.0", "3.0.0"].map(|version| Change::PutCatalog(record(version)));
    store.commit(put.to_vec()).await.unwrap();
    let drop = Change::DropCatalog {
        plugin: "iowait".to_owned(),
        version: "2.0.0".to_owned(),
    };
    store.commit(vec![drop]).await.unwrap();
    store.close().await;
    std::mem::drop(store);
    tamper(
        &place.path,
        "UPDATE catalog SET record = '{' WHERE version = '1.0.0'",
    )
    .await;
    let store = Store::open(&place.path, NOW).await.unwrap();
    assert_eq!(store.catalog(NOW).await.unwrap(), [record("3.0.0")]);
    let quarantine = store.quarantine().await.unwrap();
    assert_eq!(quarantine.len(), 1);
    assert_eq!(quarantine[0].source, "catalog");
    assert_eq!(quarantine[0].key, "iowait 1.0.0");
    assert_eq!(store.catalog(NOW).await.unwrap().len(), 1);
}

#[tokio::test]
async fn tasks_are_kept_and_a_broken_one_costs_itself_alone() {
    let place = place();
    let record = |id: &str| TaskRecord {
        id: id.to_owned(),
        task: json!({ "manifest": { "version": 2 } }),
    };
    let store = Store::open(&place.path, NOW).await.unwrap();
    let put = ["a", "b", "c"].map(|id| Change::PutTask(record(id)));
    store.commit(put.to_vec()).await.unwrap();
    store
        .commit(vec![Change::DropTask { id: "b".to_owned() }])
        .await
        .unwrap();
    assert_eq!(store.tasks(NOW).await.unwrap(), [record("a"), record("c")]);
    store.close().await;
    drop(store);
    tamper(&place.path, "UPDATE task SET record = '{' WHERE id = 'a'").await;
    let store = Store::open(&place.path, NOW).await.unwrap();
    assert_eq!(store.tasks(NOW).await.unwrap(), [record("c")]);
    assert_eq!(store.quarantine().await.unwrap()[0].source, "task");
}
