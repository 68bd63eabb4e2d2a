//! Back to a revision that is kept, without fetching anything.

use orrery_store::{Change, Origin, PluginRecord};

use super::Failed;
use super::bring::{self, Newcomer};
use crate::error::{Failure, OrderError};
use crate::op::Op;
use crate::plan::Step;
use crate::shared::{Shared, read_manifest};

/// The revision, by SHA-256, that an order to roll back means.
pub(crate) fn target(
    shared: &Shared,
    record: &PluginRecord,
    version: Option<&str>,
) -> Result<String, OrderError> {
    let book = shared.book();
    let found = record.retained.iter().find(|sum| {
        let revision = book.revision(&record.id, sum);
        revision.is_some_and(|revision| version.is_none_or(|version| revision.version == version))
    });
    found.cloned().ok_or_else(|| OrderError::NoRevision {
        plugin: record.id.clone(),
        version: version.map(str::to_owned),
    })
}

/// Puts an earlier revision into force. The one in force keeps running until that is ready.
pub(super) async fn run(op: &Op, plugin: &str, version: Option<&str>) -> Result<(), Failed> {
    let _turn = op.turn(plugin).await?;
    let shared = &op.shared;
    let before = super::wish::registered(op, plugin)?;
    if before.origin == Origin::Local {
        return Err(Failure::new("local", format!("plugin {plugin} is local")).into());
    }
    let sum =
        target(shared, &before, version).map_err(|error| Failure::new(error.code(), error.to_string()))?;
    let revision = shared.book().revision(plugin, &sum).cloned();
    let Some(revision) = revision else {
        return Err(Failure::new("no_revision", "the revision is gone").into());
    };
    let mut newcomer = Newcomer {
        manifest: read_manifest(&revision)?,
        revision,
        known: true,
        made_up: false,
        with_all_config: false,
    };
    let after = bring::with_revision(&before, &sum);
    let brought = bring::start(op, &mut newcomer, &after).await?;
    if let Err(failure) = op.begin(Step::Switch).await {
        brought.discard().await;
        return Err(failure.into());
    }
    let done = async {
        brought.promote(shared).await?;
        let outcome = format!("{plugin} is back at {}.", newcomer.revision.version);
        let clear = || crate::config_file::keep_only(&shared.config.dirs, plugin, brought.config_file());
        op.commit_and_clear(vec![Change::PutPlugin(after.clone())], outcome, clear)
            .await
    };
    if let Err(failure) = done.await {
        super::wish::restore(op, plugin).await;
        return Err(failure.into());
    }
    Ok(())
}
