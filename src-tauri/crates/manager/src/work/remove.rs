//! Removing a plugin: first the process, then the records, then the files. Once the records are gone it is removed;
//! what is left of its files then goes now, or at the next start.

use orrery_store::{Change, Origin};

use super::{Failed, bring};
use crate::error::Failure;
use crate::layers;
use crate::op::Op;
use crate::plan::Step;

/// Removes a plugin. A local one of the same id takes its place.
pub(super) async fn run(op: &Op, plugin: &str, keep_state: bool) -> Result<(), Failed> {
    let _turn = op.turn(plugin).await?;
    let shared = &op.shared;
    let record = super::wish::registered(op, plugin)?;
    if record.origin == Origin::Local {
        return Err(Failure::new("local", format!("plugin {plugin} is local")).into());
    }
    op.begin(Step::Stop).await?;
    shared.processes.forget(plugin).await;
    let revisions: Vec<String> = {
        let book = shared.book();
        let of_plugin = book.revisions.values().filter(|r| r.plugin == plugin);
        of_plugin.map(|r| r.sha256.clone()).collect()
    };
    let mut changes: Vec<Change> = revisions
        .into_iter()
        .map(|sha256| Change::DropRevision {
            plugin: plugin.to_owned(),
            sha256,
        })
        .collect();
    changes.extend(layers::dropped_with(&shared.book(), plugin));
    changes.push(match &record.local {
        Some(path) => {
            let mut local = orrery_store::PluginRecord::new(plugin, Origin::Local);
            local.source = path.display().to_string();
            local.local = Some(path.clone());
            Change::PutPlugin(local)
        }
        None => Change::DropPlugin {
            id: plugin.to_owned(),
        },
    });
    let recorded = async {
        op.begin(Step::Commit).await?;
        op.begin_with(Step::Delete, changes).await
    };
    if let Err(failure) = recorded.await {
        super::wish::restore(op, plugin).await;
        return Err(failure.into());
    }
    clear(op, plugin, keep_state).await
}

/// Goes on with a removal that an earlier run had recorded.
pub(super) async fn delete(op: &Op, plugin: &str, keep_state: bool) -> Result<(), Failed> {
    let _turn = op.turn(plugin).await?;
    clear(op, plugin, keep_state).await
}

async fn clear(op: &Op, plugin: &str, keep_state: bool) -> Result<(), Failed> {
    let shared = &op.shared;
    let falls_back = shared.record(plugin).is_some();
    let revisions = shared.config.dirs.revisions().join(plugin);
    if let Ok(entries) = std::fs::read_dir(&revisions) {
        // The link to the one in force went with the record.
        for entry in entries.flatten() {
            bring::remove_dir(&entry.path());
        }
    }
    shared.pass("remove delete half");
    // It stays when something is in it, which the next sweep sees to.
    let _ = std::fs::remove_dir(&revisions);
    bring::remove_traces(shared, plugin, !keep_state && !falls_back);
    let mut outcome = format!("{plugin} is removed.");
    if falls_back {
        outcome = format!("{plugin} is removed; the local one takes its place.");
        if let Err(failure) = shared.run_as_recorded(plugin).await {
            outcome = format!("{outcome} It does not run: {failure}");
        }
    }
    op.commit(Vec::new(), outcome).await?;
    Ok(())
}
