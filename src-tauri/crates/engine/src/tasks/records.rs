//! Tasks in `state.db`.

use orrery_store::{Change, Store, TaskRecord as Row};
use orrery_tasks::seams::{Later, Records, TaskRecord};

use crate::clock;

/// Keeps tasks in the state.
pub(super) struct InStore(Store);

/// The state's tasks; rows that are not understood are left out, and told.
pub(super) async fn open(store: Store) -> Result<(InStore, Vec<TaskRecord>), String> {
    let rows = store.tasks(clock::now_ms()).await.map_err(|e| e.to_string())?;
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        match serde_json::from_value(row.task) {
            Ok(task) => kept.push(task),
            Err(error) => tracing::error!(%error, task = row.id, "a task is not understood and left out"),
        }
    }
    Ok((InStore(store), kept))
}

impl Records for InStore {
    fn put(&self, records: Vec<TaskRecord>) -> Later<'_, Result<(), String>> {
        Box::pin(async move {
            let mut changes = Vec::with_capacity(records.len());
            for record in records {
                let task = serde_json::to_value(&record).map_err(|error| error.to_string())?;
                changes.push(Change::PutTask(Row { id: record.id, task }));
            }
            self.0.commit(changes).await.map_err(|error| error.to_string())
        })
    }

    fn forget<'a>(&'a self, id: &'a str) -> Later<'a, Result<(), String>> {
        Box::pin(async move {
            let drop = Change::DropTask { id: id.to_owned() };
            self.0.commit(vec![drop]).await.map_err(|error| error.to_string())
        })
    }
}
