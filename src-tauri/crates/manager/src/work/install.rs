//! Install and upgrade: the same up to the first valid report.

use orrery_packages::{place_program, unpack};
use orrery_store::{Change, Config, Origin, PluginRecord, RevisionRecord};
use serde_json::{Map, Value};

use super::bring::{self, Newcomer};
use super::package::{self, Package};
use super::{Failed, pending, switch};
use crate::book::Incoming;
use crate::clock::now_ms;
use crate::config_file;
use crate::error::Failure;
use crate::event::Event;
use crate::lane::Turn;
use crate::op::Op;
use crate::plan::{Kind, Step};
use crate::view::PackageSource;

/// What an install may do, and what it has to.
#[derive(Default)]
pub(super) struct Terms {
    /// Other content of the same version is replaced.
    pub(super) force: bool,
    /// Values that are laid over the plugin's own config.
    pub(super) config: Map<String, Value>,
    /// A plugin that lacks config is refused, and not kept until it has it.
    pub(super) with_all_config: bool,
    /// The plugin that the package has to be of; none when any will do.
    pub(super) of: Option<String>,
}

/// Installs a package, or upgrades to it.
pub(super) async fn run(op: &Op, source: PackageSource, terms: Terms) -> Result<(), Failed> {
    let package = package::get(op, source).await?;
    let id = package.verified.manifest.id.to_string();
    if let Some(of) = terms.of.as_ref().filter(|of| **of != id) {
        let text = format!("the package is of {id}, and {of} was to be upgraded");
        return Err(Failure::new("wrong_plugin", text).into());
    }
    op.of_plugin(&id);
    let turn = op.turn(&id).await?;
    let before = op.shared.record(&id);
    let managed = before
        .clone()
        .filter(|record| record.origin == Origin::Managed && record.current.is_some());
    if let Some(record) = &managed {
        match compare(op, record, &package, terms.force)? {
            Same::Content => {
                as_it_is(op, record, &terms)?;
                op.commit(Vec::new(), "This very package is installed already.")
                    .await?;
                return Ok(());
            }
            Same::Nothing => op.becomes(Kind::Upgrade),
        }
    }
    let incoming = Incoming {
        operation: op.id.clone(),
        version: package.verified.manifest.version.to_string(),
        sha256: package.sha256.clone(),
        signature: package.verified.signature.to_string(),
        bytes: 0,
    };
    op.brings(&id, incoming.clone());
    op.note(|facts| {
        facts.after = Some(incoming.sha256.clone());
        facts.version.clone_from(&incoming.version);
    });
    let done = match &managed {
        Some(record) => upgrade(op, &turn, package, record, &terms).await,
        None => fresh(op, package, before, &terms).await.map_err(Failed::from),
    };
    // A failed upgrade stays visible on the plugin; one that was only cancelled is no news.
    done.map_err(|mut failed| {
        let known = op.shared.record(&id);
        if let Some(mut record) = known.filter(|_| managed.is_some() && failed.changes.is_empty())
            && !failed.failure.is_cancelled()
            && !failed.failure.is_closing()
        {
            let step = op.shared.book().open.get(&op.id).and_then(|o| o.step);
            record.pending = Some(pending(&incoming, step, &failed.failure));
            failed.changes.push(Change::PutPlugin(record));
        }
        failed
    })
}

enum Same {
    Content,
    Nothing,
}

/// Whether a package is what is installed; refuses what must not replace it.
fn compare(op: &Op, record: &PluginRecord, package: &Package, force: bool) -> Result<Same, Failure> {
    // Without its record a revision cannot run, and the same content mends that.
    let Some(current) = op.shared.book().current(record).cloned() else {
        return Ok(Same::Nothing);
    };
    if current.sha256 == package.sha256 {
        return Ok(Same::Content);
    }
    let version = &package.verified.manifest.version;
    if current.version == version.to_string() && !force {
        return Err(Failure::new(
            "already_installed",
            format!(
                "{} {version} is installed with other content; force replaces it",
                record.id
            ),
        ));
    }
    let older = current
        .version
        .parse::<semver::Version>()
        .is_ok_and(|installed| *version < installed);
    // What a program's version is it says when it runs.
    if older && !package.is_program && op.shared.config.refuse_downgrades && !force {
        return Err(Failure::new(
            "downgrade",
            format!(
                "{} {} is installed, and {version} is older",
                record.id, current.version
            ),
        ));
    }
    Ok(Same::Nothing)
}

/// Whether what is installed already is what is asked for.
fn as_it_is(op: &Op, record: &PluginRecord, terms: &Terms) -> Result<(), Failure> {
    let id = record.id.as_str();
    let before = record.config.accepted.as_ref();
    if laid_over(before, &terms.config)?.as_ref() != before {
        let text =
            format!("this very package is installed already; `orrery plugin config {id}` changes its config");
        return Err(Failure::new("already_installed", text));
    }
    let manifest = op
        .shared
        .book()
        .plugins
        .get(id)
        .and_then(|plugin| plugin.manifest.clone());
    match manifest {
        Some(manifest) if terms.with_all_config => {
            let given = op.shared.given(&manifest, before);
            config_file::check(&manifest, &given).map_err(|failure| bring::lacking(id, failure))
        }
        _ => Ok(()),
    }
}

/// A plugin's own config with values laid over it.
fn laid_over(before: Option<&Config>, values: &Map<String, Value>) -> Result<Option<Config>, Failure> {
    if values.is_empty() {
        return Ok(before.cloned());
    }
    let mut all = match before {
        None => Map::new(),
        Some(Config::Structured(Value::Object(held))) => held.clone(),
        Some(_) => {
            let text = "its config is no table, so that no values can be laid over it";
            return Err(Failure::new("policy", text));
        }
    };
    all.extend(values.clone());
    Ok(Some(Config::Structured(Value::Object(all))))
}

/// A plugin that is not there yet, or takes over from a local one.
async fn fresh(
    op: &Op,
    package: Package,
    before: Option<PluginRecord>,
    terms: &Terms,
) -> Result<(), Failure> {
    let shared = &op.shared;
    let id = package.verified.manifest.id.to_string();
    if before.is_none() && shared.book().plugins.len() >= crate::limits::PLUGINS {
        return Err(Failure::new(
            "too_many",
            format!("{} plugins are registered", crate::limits::PLUGINS),
        ));
    }
    let source = package.source.clone();
    let mut record = before
        .clone()
        .unwrap_or_else(|| PluginRecord::new(id.as_str(), Origin::Managed));
    record.config.accepted = laid_over(record.config.accepted.as_ref(), &terms.config)?;
    let mut newcomer = Newcomer {
        with_all_config: terms.with_all_config,
        ..unpacked(op, package).await?
    };
    record.origin = Origin::Managed;
    record.source = source;
    record.current = Some(newcomer.revision.sha256.clone());
    record.retained = Vec::new();
    record.pending = None;
    let done = async {
        let brought = bring::start(op, &mut newcomer, &record).await?;
        op.begin(Step::Commit).await?;
        brought.promote(shared).await?;
        let changes = vec![
            Change::PutRevision(newcomer.revision.clone()),
            Change::PutPlugin(record.clone()),
        ];
        let version = &newcomer.revision.version;
        op.commit(changes, format!("{id} {version} is installed."))
            .await?;
        Ok(())
    }
    .await;
    if done.is_err() {
        bring::undo_fresh(op, &newcomer, before.is_some()).await;
    }
    done
}

/// A plugin of which another revision is in force.
async fn upgrade(
    op: &Op,
    turn: &Turn,
    package: Package,
    before: &PluginRecord,
    terms: &Terms,
) -> Result<(), Failed> {
    let source = package.source.clone();
    let accepted = laid_over(before.config.accepted.as_ref(), &terms.config)?;
    let mut newcomer = Newcomer {
        with_all_config: terms.with_all_config,
        ..unpacked(op, package).await?
    };
    let mut after = PluginRecord {
        source,
        ..bring::with_revision(before, &newcomer.revision.sha256)
    };
    after.config.accepted = accepted;
    let done = switch::switch(op, turn, &mut newcomer, before, after).await;
    if let Err(failed) = &done
        && !failed.failure.is_closing()
    {
        bring::discard_revision(&op.shared, &newcomer);
    }
    done
}

/// Unpacks a package that may run on this machine.
async fn unpacked(op: &Op, package: Package) -> Result<Newcomer, Failure> {
    let shared = &op.shared;
    let manifest = &package.verified.manifest;
    let host = manifest.host.check(&shared.config.machine);
    host.map_err(|why| Failure::package(orrery_packages::PackageError::HostMismatch(why)))?;
    op.begin(Step::Unpack).await?;
    let id = manifest.id.to_string();
    let known = shared.book().revision(&id, &package.sha256).is_some();
    let revisions = shared.config.dirs.revisions();
    let work = async {
        let permit = shared.unpackings.acquire().await;
        let _permit = permit.map_err(|_| Failure::closing())?;
        let (file, sha256) = (&package.file.0, &package.sha256);
        let unpacked = match package.is_program {
            true => place_program(file, manifest, sha256, &revisions, &op.cancel).await,
            false => unpack(file, sha256, &revisions, &shared.config.caps, &op.cancel).await,
        };
        unpacked.map_err(Failure::package)
    };
    let revision = work.await?;
    op.progress(Step::Unpack, revision.bytes, Some(revision.bytes));
    let version = revision.manifest.version.to_string();
    let program = crate::spec::program(&revision.manifest, &revision.dir);
    let sum = tokio::task::spawn_blocking(move || bring::sum_of(&program)).await;
    let program_sha256 = match sum {
        Ok(Ok(sum)) => sum,
        Ok(Err(error)) => return Err(Failure::new("io", error.to_string())),
        Err(error) => return Err(Failure::new("internal", error.to_string())),
    };
    shared.events.tell(Event {
        revision: version.clone(),
        operation: op.id.clone(),
        ..Event::new(
            "revision_ready",
            id.as_str(),
            format!("{id} {version} is unpacked."),
        )
    });
    Ok(Newcomer {
        revision: RevisionRecord {
            plugin: id,
            sha256: revision.sha256,
            version,
            dir: revision.dir,
            bytes: revision.bytes,
            signature: package.verified.signature.to_string(),
            installed_ms: now_ms(),
            program_sha256,
        },
        manifest: revision.manifest,
        known,
        made_up: package.is_program,
        with_all_config: false,
    })
}
