//! What is written down of a task, in the order in which it happened, however slow the disk is.

use std::sync::Arc;
use std::time::Duration;

use orrery_tasks::Tasks;
use orrery_tasks::seams::{Later, Records, TaskRecord};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::world::{Everything, PATIENCE, World, until};

const OFTEN: &str = "version: 2\nname: t\nschedule: { type: simple, interval: 100ms }\n\
                     collect: { /p/host/*/m: }\npublish: [ { plugin: history } ]";
const RARELY: &str = "version: 2\nname: t\nschedule: { type: simple, interval: 1h }\n\
                      collect: { /p/host/*/m: }\npublish: [ { plugin: history } ]";

/// Records of the world on a disk that takes what is told of a first manifest when it is let, and the rest at once.
struct SlowDisk {
    records: Everything,
    lets: Arc<Semaphore>,
    /// How many writes have come.
    came: Arc<Semaphore>,
}

impl Records for SlowDisk {
    fn put(&self, records: Vec<TaskRecord>) -> Later<'_, Result<(), String>> {
        Box::pin(async move {
            self.came.add_permits(1);
            if records.iter().any(|record| record.generation == 1) {
                self.lets.acquire().await.unwrap().forget();
            }
            self.records.put(records).await
        })
    }

    fn forget<'a>(&'a self, id: &'a str) -> Later<'a, Result<(), String>> {
        self.records.forget(id)
    }
}

/// A task that has run, while what is known of it is on its way to the disk, and waits there.
async fn being_written() -> (Arc<World>, Tasks, Arc<Semaphore>) {
    let world = World::new();
    let everything = Everything(world.clone());
    let (lets, came) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let disk = SlowDisk {
        records: everything.clone(),
        lets: lets.clone(),
        came: came.clone(),
    };
    let everything = Arc::new(everything);
    let tasks = Tasks::start(everything.clone(), everything, Arc::new(disk), Vec::new());
    // The making itself.
    lets.add_permits(1);
    tasks.create(OFTEN, "me", None, false).await.unwrap();
    came.acquire().await.unwrap().forget();
    until(&tasks, "t", "a run", |info| info.counts.ok > 0).await;
    came.acquire().await.unwrap().forget();
    (world, tasks, lets)
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_removed_while_it_is_written_down_stays_removed() {
    let (world, tasks, lets) = being_written().await;
    tasks.end("t").unwrap();
    let removing = tokio::spawn({
        let tasks = tasks.clone();
        async move {
            // The end of a run that is under way is waited for.
            while tasks.remove("t").await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    });
    tokio::time::sleep(Duration::from_secs(10)).await;
    lets.add_permits(100);
    timeout(PATIENCE, removing).await.unwrap().unwrap();
    tasks.shutdown().await;
    assert!(
        world.records.lock().unwrap().is_empty(),
        "the next start finds no task"
    );
}

#[tokio::test(start_paused = true)]
async fn a_manifest_is_not_overwritten_by_the_one_before() {
    let (world, tasks, lets) = being_written().await;
    let changing = tokio::spawn({
        let tasks = tasks.clone();
        async move { tasks.update("t", RARELY, None, false).await }
    });
    tokio::time::sleep(Duration::from_secs(10)).await;
    lets.add_permits(100);
    timeout(PATIENCE, changing).await.unwrap().unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let records = world.records.lock().unwrap().clone();
    let kept: Vec<u64> = records.values().map(|record| record.generation).collect();
    assert_eq!(kept, [2], "a hard end here leaves what was answered");
    tasks.shutdown().await;
}
