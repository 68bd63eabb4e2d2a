//! Putting another revision into force, watching it, and going back by itself when it does not hold.

use orrery_store::{Change, PluginRecord};

use super::bring::{self, Newcomer};
use super::{Failed, pending};
use crate::book::Incoming;
use crate::error::Failure;
use crate::lane::Turn;
use crate::limits::{PROBATION_MAX, RETURN_SLACK};
use crate::op::Op;
use crate::plan::Step;
use crate::shared::read_manifest;

/// Starts a revision beside the one in force, and puts it into force. `before` is the plugin as it is, `after` as it
/// will be.
pub(super) async fn switch(
    op: &Op,
    turn: &Turn,
    newcomer: &mut Newcomer,
    before: &PluginRecord,
    after: PluginRecord,
) -> Result<(), Failed> {
    let brought = bring::start(op, newcomer, &after).await?;
    // What cannot be recorded is not begun: the old one has not been touched yet.
    if let Err(failure) = op.begin(Step::Switch).await {
        brought.discard().await;
        return Err(failure.into());
    }
    op.note(|facts| {
        facts.before.clone_from(&before.current);
        facts.retained.clone_from(&before.retained);
        facts.after.clone_from(&after.current);
    });
    // From here on the new one is in force, whatever happens to us.
    let changes = vec![
        Change::PutRevision(newcomer.revision.clone()),
        Change::PutPlugin(after.clone()),
    ];
    if let Err(failure) = op.begin_with(Step::Probation, changes).await {
        brought.discard().await;
        return Err(failure.into());
    }
    let runs = match brought.promote(&op.shared).await {
        Ok(runs) => runs,
        Err(failure) => return Err(go_back(op, &before.id, failure).await),
    };
    crate::config_file::keep_only(&op.shared.config.dirs, &before.id, brought.config_file());
    op.shared.pass("upgrade switch done");
    if runs {
        prove(op, turn, &before.id).await?;
    } else {
        op.skip(Step::Probation, "it does not run now");
    }
    conclude(op, &before.id).await
}

/// Goes on with an upgrade that an earlier run had put into force: it proves itself, or is taken back.
pub(super) async fn go_on(op: &Op) -> Result<(), Failed> {
    let id = op.shared.book().open.get(&op.id).map(|o| o.record.plugin.clone());
    let id = id.unwrap_or_default();
    let turn = op.turn(&id).await?;
    let Some(record) = op.shared.record(&id) else {
        return Err(Failure::new("not_found", format!("plugin {id} is gone")).into());
    };
    if record.current != op.facts().after {
        // Its record was lost and found in another state; there is nothing to prove.
        return Err(Failure::new("interrupted", "another revision is in force").into());
    }
    let manifest = op.shared.book().plugins.get(&id).and_then(|p| p.manifest.clone());
    if manifest.is_some_and(|manifest| op.shared.is_to_run(&record, &manifest)) {
        prove(op, &turn, &id).await?;
    }
    conclude(op, &id).await
}

/// Probation: as long as counts as stable, or until another order needs the plugin. On failure the old one is put
/// back into force.
async fn prove(op: &Op, turn: &Turn, id: &str) -> Result<(), Failed> {
    let shared = &op.shared;
    let proven = async {
        match tokio::time::timeout(PROBATION_MAX, shared.processes.stable(id)).await {
            Ok(result) => result,
            // It has run for so long; a manifest that asks for more asks too much.
            Err(_) => Ok(()),
        }
    };
    let result = tokio::select! {
        biased;
        () = shared.closing.cancelled() => return Err(Failure::closing().into()),
        () = op.cancel.cancelled() => Err(Failure::cancelled()),
        result = proven => result,
        () = turn.is_awaited() => {
            op.say(Step::Probation, "ended early by another order");
            Ok(())
        }
    };
    match result {
        Ok(()) => Ok(()),
        Err(failure) => Err(go_back(op, id, failure).await),
    }
}

async fn conclude(op: &Op, id: &str) -> Result<(), Failed> {
    let shared = &op.shared;
    let Some(record) = shared.record(id) else {
        return Err(Failure::new("not_found", format!("plugin {id} is gone")).into());
    };
    let kept: Vec<&String> = record.current.iter().chain(&record.retained).collect();
    let surplus: Vec<_> = {
        let book = shared.book();
        let of_plugin = book.revisions.values().filter(|r| r.plugin == id);
        of_plugin
            .filter(|r| !kept.contains(&&r.sha256))
            .cloned()
            .collect()
    };
    let changes = surplus.iter().map(|revision| Change::DropRevision {
        plugin: id.to_owned(),
        sha256: revision.sha256.clone(),
    });
    let version = shared.book().current(&record).map(|r| r.version.clone());
    let outcome = format!("{id} {} is in force.", version.unwrap_or_default());
    let dirs: Vec<_> = surplus.iter().map(|revision| revision.dir.clone()).collect();
    let clear = || dirs.iter().for_each(|dir| bring::remove_dir(dir));
    op.commit_and_clear(changes.collect(), outcome, clear).await?;
    Ok(())
}

/// Puts the revision of before back into force, and says how that went.
async fn go_back(op: &Op, id: &str, failure: Failure) -> Failed {
    let shared = &op.shared;
    let facts = op.facts();
    let Some(mut record) = shared.record(id) else {
        return failure.into();
    };
    let failed = record.current.clone();
    let revision = facts
        .before
        .as_deref()
        .and_then(|sum| shared.book().revision(id, sum).cloned());
    let Some(revision) = revision else {
        let text = format!("{failure}; and there is no revision to go back to");
        return Failure::new("rollback_failed", text).into();
    };
    let incoming = failed
        .as_deref()
        .and_then(|sum| shared.book().revision(id, sum).cloned())
        .map(|revision| Incoming {
            operation: op.id.clone(),
            version: revision.version,
            sha256: revision.sha256,
            signature: revision.signature,
            bytes: revision.bytes,
        });
    record.current.clone_from(&facts.before);
    let is_there = |sum: &&String| shared.book().revision(id, sum).is_some();
    record.retained = facts.retained.iter().filter(is_there).cloned().collect();
    record.pending = match (&incoming, failure.is_cancelled()) {
        (Some(incoming), false) => Some(pending(incoming, Some(Step::Probation), &failure)),
        _ => None,
    };
    let mut changes = vec![Change::PutPlugin(record.clone())];
    let dropped = incoming.as_ref().filter(|i| !record.retained.contains(&i.sha256));
    if let Some(incoming) = dropped {
        changes.push(Change::DropRevision {
            plugin: id.to_owned(),
            sha256: incoming.sha256.clone(),
        });
    }
    let dir = incoming
        .as_ref()
        .and_then(|i| shared.book().revision(id, &i.sha256).map(|r| r.dir.clone()));
    if let Err(error) = shared.commit(changes).await {
        let text = format!("{failure}; and going back cannot be recorded: {error}");
        return Failure::new("rollback_failed", text).into();
    }
    shared.pass("upgrade back recorded");
    let back = async {
        shared.run_as_recorded(id).await?;
        let manifest = read_manifest(&revision)?;
        if shared.is_to_run(&record, &manifest) {
            let timeout = manifest.start.timeout + RETURN_SLACK;
            shared.processes.ready(id, timeout).await?;
        }
        Ok::<_, Failure>(())
    };
    let failed = match back.await {
        Ok(()) => Failure {
            text: format!("{failure}; {} {} is in force again", record.id, revision.version),
            ..failure
        },
        Err(second) => Failure::new("rollback_failed", format!("{failure}; and going back: {second}")),
    };
    if let (Some(dir), Some(_)) = (dir, dropped) {
        bring::remove_dir(&dir);
    }
    Failed {
        failure: failed,
        changes: vec![Change::PutPlugin(record)],
    }
}
