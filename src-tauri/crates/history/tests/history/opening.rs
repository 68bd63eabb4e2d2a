//! Opening: rights, locks, damage, other versions.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, process};

use orrery_history::{History, HistoryError, NewEvent, OpenError};

use crate::common::{Place, T0, series};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn folder_and_files_are_the_owners_alone() {
    let place = Place::new();
    let history = place.open().await;
    history.append(vec![series("p", 0, "cpu", &[(T0, 1.0)])]);
    history.flush().await.unwrap();
    let folder = place.path().parent().unwrap().to_owned();
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    history.close().await.unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o644)).unwrap();
    place.open().await.close().await.unwrap();
    assert_eq!(mode(&place.path()), 0o600);
}

#[tokio::test]
async fn the_settings_are_those_that_survive_a_kill() {
    let place = Place::new();
    place.open().await.close().await.unwrap();
    assert_eq!(place.look("PRAGMA journal_mode").await, "wal");
    assert_eq!(
        place
            .look("SELECT cast(auto_vacuum AS text) FROM pragma_auto_vacuum")
            .await,
        "2"
    );
    assert_eq!(
        place
            .look("SELECT cast(page_size AS text) FROM pragma_page_size")
            .await,
        "8192"
    );
    assert_eq!(place.look("SELECT group_concat(name) FROM pragma_table_list WHERE schema = 'main' AND NOT strict AND name NOT LIKE '%\\_%' ESCAPE '\\'").await, "");
}

#[tokio::test]
async fn a_second_opener_is_told_who_has_it() {
    let place = Place::new();
    let history = place.open().await;
    match History::open(place.config()).await {
        Err(HistoryError::Open(OpenError::Locked { path, pid })) => {
            assert_eq!((path, pid), (place.path(), Some(process::id())));
        }
        other => panic!("{other:?}"),
    }
    history.close().await.unwrap();
    place.open().await.close().await.unwrap();
}

#[tokio::test]
async fn dropping_the_last_handle_closes() {
    let place = Place::new();
    let history = place.open().await;
    history.append(vec![series("p", 0, "cpu", &[(T0, 1.0)])]);
    drop(history);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    let history = loop {
        match History::open(place.config()).await {
            Ok(history) => break history,
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(history.stats().samples, 1, "what was handed in was committed");
}

/// A history with something in it, closed.
async fn used() -> Place {
    let place = Place::new();
    let history = place.open().await;
    for i in 0..200 {
        history.append(vec![series(&format!("p{i}"), 0, "cpu", &[(T0, 1.0)])]);
        history.record(NewEvent {
            at_ms: T0,
            text: "something happened ".repeat(20),
            ..NewEvent::default()
        });
    }
    history.close().await.unwrap();
    place
}

#[track_caller]
fn damaged_copies(place: &Place) -> usize {
    let names = fs::read_dir(place.path().parent().unwrap())
        .unwrap()
        .map(|e| e.unwrap().file_name());
    names
        .filter(|n| n.to_str().unwrap().contains(".damaged-"))
        .count()
}

async fn check_set_aside(name: &str, spoil: fn(&mut Vec<u8>)) {
    let place = used().await;
    let mut bytes = fs::read(place.path()).unwrap();
    spoil(&mut bytes);
    fs::write(place.path(), &bytes).unwrap();
    let history = place.open().await;
    let aside = history
        .set_aside()
        .unwrap_or_else(|| panic!("{name}: not noticed"))
        .to_owned();
    assert_eq!(fs::read(&aside).unwrap(), bytes, "{name}: kept as it was");
    assert_eq!(history.stats().samples, 0, "{name}");
    history.append(vec![series("p", 0, "cpu", &[(T0, 1.0)])]);
    history.close().await.unwrap();
    let history = place.open().await;
    assert_eq!(
        (history.set_aside(), history.stats().samples),
        (None, 1),
        "{name}: the new one works"
    );
    history.close().await.unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_set_aside() {
    check_set_aside("not a database", |bytes| *bytes = b"# notes\n".repeat(1_000)).await;
    check_set_aside("cut off", |bytes| bytes.truncate(bytes.len() / 2)).await;
    check_set_aside("a few bytes", |bytes| bytes.truncate(10)).await;
    check_set_aside("zeros at the start", |bytes| bytes[..4_096].fill(0)).await;
    check_set_aside("noise in the middle", |bytes| {
        let (from, to) = (8_192, bytes.len());
        bytes[from..to]
            .iter_mut()
            .enumerate()
            .for_each(|(i, b)| *b = (i * 31 % 251) as u8);
    })
    .await;
}

#[tokio::test]
async fn damage_met_while_reading_is_looked_into_at_the_next_start() {
    let place = used().await;
    let history = place.open().await;
    let mut bytes = fs::read(place.path()).unwrap();
    bytes[8_192..].fill(0xa5);
    fs::write(place.path(), &bytes).unwrap();
    assert!(matches!(
        history.events(0, i64::MAX, 10).await,
        Err(HistoryError::Database { .. })
    ));
    let mark = place.path().with_extension("db.suspect");
    assert!(mark.exists());
    let _outcome = history.close().await;
    let history = place.open().await;
    assert!(history.set_aside().is_some() && !mark.exists());
    history.close().await.unwrap();
}

#[tokio::test]
async fn only_the_newest_damaged_copies_are_kept() {
    let place = used().await;
    for i in 0..4 {
        fs::write(
            place.path(),
            format!("damage number {i}, which is no database at all"),
        )
        .unwrap();
        place.set_now(T0 + i);
        place.open().await.close().await.unwrap();
    }
    assert_eq!(damaged_copies(&place), 2);
}

#[tokio::test]
async fn an_empty_file_is_a_new_history() {
    let place = Place::new();
    fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    fs::write(place.path(), "").unwrap();
    let history = place.open().await;
    assert_eq!(history.set_aside(), None);
    history.close().await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let place = used().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (999, 'later', 1, x'00', 0) RETURNING 'done'";
    assert_eq!(place.look(newer).await, "done");
    match History::open(place.config()).await {
        Err(HistoryError::Open(OpenError::NewerSchema { found, known, .. })) => {
            assert_eq!((found, known), (999, 2));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(damaged_copies(&place), 0);
}

#[tokio::test]
async fn a_foreign_database_is_left_alone() {
    let place = Place::new();
    fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    fs::write(place.path(), "").unwrap();
    {
        use sqlx::Connection;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.path());
        let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("CREATE TABLE theirs (x)")
            .execute(&mut db)
            .await
            .unwrap();
        db.close().await.unwrap();
    }
    let before = fs::read(place.path()).unwrap();
    assert!(matches!(
        History::open(place.config()).await,
        Err(HistoryError::Open(OpenError::Foreign { .. }))
    ));
    assert_eq!(fs::read(place.path()).unwrap(), before);
}

#[tokio::test]
async fn a_path_that_cannot_be_is_an_error() {
    let place = Place::new();
    fs::write(
        place.folder.path().join("data"),
        "a file where the folder should be",
    )
    .unwrap();
    assert!(matches!(
        History::open(place.config()).await,
        Err(HistoryError::Open(OpenError::File { .. }))
    ));
}
