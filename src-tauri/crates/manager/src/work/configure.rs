//! Another config: checked against the rules, tried on the process, kept only when it works.

use orrery_packages::manifest::Interface;
use orrery_store::{Change, Config, Origin, PluginRecord};
use orrery_supervisor::Configured;
use orrery_supervisor::view::InstanceState;
use serde_json::Value;

use super::Failed;
use super::bring::{self, Newcomer};
use super::wish::{registered, restore};
use crate::config_file;
use crate::error::Failure;
use crate::layers::Given;
use crate::op::Op;
use crate::plan::Step;

/// The config that an order gives; none clears it.
pub(crate) fn given(structured: Option<Value>, text: Option<String>) -> Option<Config> {
    match (structured, text) {
        (Some(value), _) => Some(Config::Structured(value)),
        (None, Some(text)) => Some(Config::Text(text)),
        (None, None) => None,
    }
}

/// Sets or clears a plugin's config.
pub(super) async fn run(
    op: &Op,
    plugin: &str,
    structured: Option<Value>,
    text: Option<String>,
) -> Result<(), Failed> {
    let _turn = op.turn(plugin).await?;
    let before = registered(op, plugin)?;
    let mut after = before.clone();
    after.config.accepted = given(structured, text);
    change(op, &before, after).await
}

/// Has a plugin take over its config as it is said now, in all layers.
pub(super) async fn again(op: &Op, plugin: &str) -> Result<(), Failed> {
    let _turn = op.turn(plugin).await?;
    let before = registered(op, plugin)?;
    change(op, &before, before.clone()).await
}

async fn change(op: &Op, before: &PluginRecord, mut after: PluginRecord) -> Result<(), Failed> {
    after.config.rejected.clear();
    // Why a change was refused stays visible until the next one.
    apply(op, before, &after).await.map_err(|failure| {
        let mut changes = Vec::new();
        if !failure.is_cancelled() && !failure.is_closing() {
            let mut record = before.clone();
            record.config.rejected.clone_from(&failure.text);
            changes.push(Change::PutPlugin(record));
        }
        Failed { failure, changes }
    })
}

async fn apply(op: &Op, before: &PluginRecord, after: &PluginRecord) -> Result<(), Failure> {
    let shared = &op.shared;
    let id = before.id.as_str();
    op.begin(Step::Verify).await?;
    let known = shared.book().plugins.get(id).cloned();
    let Some((plugin, manifest)) = known.and_then(|p| p.manifest.clone().map(|m| (p, m))) else {
        return Err(Failure::new("manifest.unreadable", "its manifest cannot be read"));
    };
    let given = shared.given(&manifest, after.config.accepted.as_ref());
    config_file::check(&manifest, &given)?;
    let view = shared.processes.view(id).unwrap_or_default();
    // One that is only starting may not listen yet, and one that does not answer had better be started anew.
    let takes_it_live =
        view.state == InstanceState::Running && manifest.interfaces.contains(&Interface::Config);
    // One that is to have none of its own any more is started without.
    let is_cleared = before.config.accepted.is_some() && after.config.accepted.is_none();
    if takes_it_live
        && !is_cleared
        && let Some(value) = config_file::delivered(&manifest, &given)?
    {
        op.begin(Step::Start).await?;
        match shared.processes.configure(id, &value).await {
            Ok(Configured::Applied) => {
                op.say(Step::Start, "it took the config while running");
                return take_over(op, &plugin, &manifest, &given, after).await;
            }
            Ok(Configured::Refused(why)) => {
                return Err(Failure::new("config_rejected", format!("{id} refuses it: {why}")));
            }
            Ok(Configured::Unsupported) => op.say(Step::Start, "it takes a config only when it starts"),
            // It has just ended, and is started anyway.
            Err(failure) if failure.code == "not_running" => {}
            Err(failure) => {
                let text = format!("{id} does not take it: {failure}");
                return Err(Failure { text, ..failure });
            }
        }
    }
    start_with(op, &manifest, before, after).await
}

/// The running process has the config; now it is recorded, and is in the file for the next start.
async fn take_over(
    op: &Op,
    plugin: &crate::book::Plugin,
    manifest: &orrery_packages::Manifest,
    given: &Given,
    after: &PluginRecord,
) -> Result<(), Failure> {
    let shared = &op.shared;
    let id = after.id.as_str();
    op.begin(Step::Commit).await?;
    let recorded = async {
        if let Some(path) = &plugin.config_file {
            config_file::rewrite(path, manifest, given)?;
        }
        let changes = vec![Change::PutPlugin(after.clone())];
        op.commit(changes, format!("{id} has the new config.")).await
    };
    if let Err(failure) = recorded.await {
        // It has what is not recorded: it is started anew with what is.
        restore(op, id).await;
        shared.processes.restart(id).await;
        return Err(failure);
    }
    if plugin.config_file.is_none() {
        // It was started without a file; from its next start on it has one. The supervisor replaces the process
        // for that, which does no harm to a plugin that has just taken the config.
        restore(op, id).await;
    }
    Ok(())
}

/// Starts a second process with the config, which takes over when its first report is valid.
async fn start_with(
    op: &Op,
    manifest: &orrery_packages::Manifest,
    before: &PluginRecord,
    after: &PluginRecord,
) -> Result<(), Failure> {
    let shared = &op.shared;
    let id = before.id.as_str();
    let mut newcomer = newcomer(op, manifest, after)?;
    let brought = bring::start(op, &mut newcomer, after).await?;
    if let Err(failure) = op.begin(Step::Commit).await {
        brought.discard().await;
        return Err(failure);
    }
    let done = async {
        brought.promote(shared).await?;
        let outcome = match (&before.config.accepted, &after.config.accepted) {
            (Some(_), None) => format!("{id} has no config of its own any more."),
            _ => format!("{id} has the new config."),
        };
        let clear = || config_file::keep_only(&shared.config.dirs, id, brought.config_file());
        op.commit_and_clear(vec![Change::PutPlugin(after.clone())], outcome, clear)
            .await
    };
    let done = done.await;
    if done.is_err() {
        restore(op, id).await;
    }
    done
}

/// The revision in force, as a newcomer with another config.
fn newcomer(
    op: &Op,
    manifest: &orrery_packages::Manifest,
    record: &PluginRecord,
) -> Result<Newcomer, Failure> {
    let shared = &op.shared;
    let revision = match record.origin {
        Origin::Managed => shared.book().current(record).cloned(),
        Origin::Local => record.local.as_ref().map(|path| orrery_store::RevisionRecord {
            plugin: record.id.clone(),
            sha256: String::new(),
            version: manifest.version.to_string(),
            dir: path.parent().map(std::path::Path::to_owned).unwrap_or_default(),
            bytes: 0,
            signature: String::new(),
            installed_ms: 0,
            program_sha256: String::new(),
        }),
    };
    let revision =
        revision.ok_or_else(|| Failure::new("quarantine", "the record of its revision is lost"))?;
    Ok(Newcomer {
        revision,
        manifest: manifest.clone(),
        known: true,
        made_up: false,
        with_all_config: false,
    })
}
