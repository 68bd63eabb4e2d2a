//! Tasks that files declare.

use std::path::Path;

use orrery_tasks::life::Phase;
use orrery_tasks::{TaskError, TaskFile, Tasks};

use crate::world::{PATIENCE, World, until};

fn text(interval: &str) -> String {
    format!(
        "version: 2\nschedule: {{ type: simple, interval: {interval} }}\ncollect: {{ /p/host/*/m: }}\npublish: [ {{ \
         plugin: history }} ]\n"
    )
}

/// Waits until the files are as they are meant to be.
async fn files(tasks: &Tasks, what: &str, is: impl Fn(&[TaskFile]) -> bool) -> Vec<TaskFile> {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            let files = tasks.files();
            if is(&files) {
                return files;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    match waited.await {
        Ok(files) => files,
        Err(_) => panic!("{what} did not come: {:?}", tasks.files()),
    }
}

fn write(dir: &Path, file: &str, text: &str) {
    // As an editor does: whole, and under its name at once.
    let draft = dir.join(".draft");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(&draft, dir.join(file)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_comes_changes_and_goes_with_its_file() {
    let world = World::new();
    let tasks = world.tasks();
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "loads.yaml", &text("100ms"));
    tasks.follow(dir.path().to_owned());
    let all = files(&tasks, "the file", |files| files.len() == 1).await;
    assert_eq!(
        (all[0].file.as_str(), all[0].problem.as_str()),
        ("loads.yaml", "")
    );
    let id = all[0].task.clone();
    let info = until(&tasks, "loads", "runs", |info| info.counts.ok > 0).await;
    assert_eq!(
        (info.id.as_str(), info.generation),
        (id.as_str(), 1),
        "named after its file"
    );
    assert_eq!(info.declared.unwrap().file, "loads.yaml");

    write(dir.path(), "loads.yaml", &text("200ms"));
    let changed = until(&tasks, &id, "the change", |info| info.generation == 2).await;
    assert!(changed.counts.ok >= info.counts.ok, "counts stay");
    assert_eq!(changed.when, "every 200ms");

    write(dir.path(), "loads.yaml", &text("-1s"));
    let told = until(&tasks, &id, "the problem", |info| {
        info.declared
            .as_ref()
            .is_some_and(|d| d.problem.contains("interval"))
    });
    let told = told.await;
    assert_eq!(
        (told.generation, told.when.as_str(), told.state),
        (2, "every 200ms", Phase::Scheduled),
        "the last good one stays"
    );
    assert_eq!(world.refused.lock().unwrap()[0].0, "loads.yaml");

    let refused = Err(TaskError::Declared("loads.yaml".to_owned()));
    assert_eq!(
        tasks.update(&id, &text("1s"), None, false).await.map(drop),
        refused
    );
    assert_eq!(tasks.remove(&id).await, refused);
    tasks.end(&id).unwrap();
    until(&tasks, &id, "its stop", |info| info.state == Phase::Stopped).await;

    write(dir.path(), "loads.yaml", &text("300ms"));
    let mended = until(&tasks, &id, "the mending", |info| info.generation == 3).await;
    assert_eq!(mended.state, Phase::Stopped, "who stopped it meant it");
    files(&tasks, "no problem", |files| files[0].problem.is_empty()).await;
    tasks.begin(&id).unwrap();

    std::fs::remove_file(dir.path().join("loads.yaml")).unwrap();
    files(&tasks, "its end", <[TaskFile]>::is_empty).await;
    assert_eq!(tasks.list(), []);
    assert!(
        world.subscribed.lock().unwrap().is_empty(),
        "everything is given back"
    );
    assert!(world.records.lock().unwrap().is_empty());
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_wrong_is_told_and_costs_the_others_nothing() {
    let world = World::new();
    let tasks = world.tasks();
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "bad.yaml", "version: 2\nnonsense: true\n");
    write(
        dir.path(),
        "good.json",
        r#"{"version": 2, "schedule": {"type": "manual"}, "collect": {"/p/host/*/m": {}}}"#,
    );
    write(dir.path(), "notes.txt", "no task");
    tasks.follow(dir.path().to_owned());
    let all = files(&tasks, "both", |files| files.len() == 2).await;
    assert!(
        all[0].problem.contains("nonsense") && all[0].task.is_empty(),
        "{all:?}"
    );
    assert!(all[1].problem.is_empty() && !all[1].task.is_empty(), "{all:?}");
    write(dir.path(), "bad.yaml", &text("1s"));
    files(&tasks, "the mending", |files| files[0].problem.is_empty()).await;
    assert_eq!(tasks.list().len(), 2);
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declared_tasks_outlive_a_restart_with_their_counts_and_without_their_files_go() {
    let world = World::new();
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "stays.yaml", &text("100ms"));
    write(dir.path(), "goes.yaml", &text("100ms"));
    let tasks = world.tasks();
    tasks.follow(dir.path().to_owned());
    files(&tasks, "both", |files| files.len() == 2).await;
    let before = until(&tasks, "stays", "runs", |info| info.counts.ok > 1).await;
    tasks.shutdown().await;
    world.subscribed.lock().unwrap().clear();
    std::fs::remove_file(dir.path().join("goes.yaml")).unwrap();
    let tasks = world.tasks();
    tasks.follow(dir.path().to_owned());
    files(&tasks, "the one that stays", |files| files.len() == 1).await;
    let after = until(&tasks, "stays", "more runs", |info| {
        info.counts.ok > before.counts.ok
    })
    .await;
    assert_eq!((after.id, after.generation), (before.id, 1), "nothing changed");
    let waited = tokio::time::timeout(PATIENCE, async {
        while tasks.list().len() > 1 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap();
    tasks.shutdown().await;
}
