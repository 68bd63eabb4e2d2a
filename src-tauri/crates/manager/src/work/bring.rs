//! Bringing a revision up to its first valid report, and putting things back when that fails.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use orrery_packages::policy::Rule;
use orrery_packages::{Manifest, remove_revision, restate_program};
use orrery_store::{PluginRecord, RevisionRecord};
use orrery_supervisor::spec::{Activation, Rest};
use orrery_supervisor::{ReportFacts, Want};
use sha2::{Digest, Sha256};

use crate::book::Plugin;
use crate::clock::now_ms;
use crate::error::Failure;
use crate::layers::Given;
use crate::limits::RETAINED;
use crate::op::Op;
use crate::plan::Step;
use crate::processes::Candidate;
use crate::shared::{Prepare, Prepared, Shared};
use crate::{config_file, show, stamp};

/// A revision that is unpacked and not in force.
pub(super) struct Newcomer {
    pub(super) revision: RevisionRecord,
    pub(super) manifest: Manifest,
    /// It is recorded already, as one that is kept for a rollback.
    pub(super) known: bool,
    /// Its manifest was made up; what it says of itself at its first start goes into it.
    pub(super) made_up: bool,
    /// It is refused when it lacks config, and does not wait for it.
    pub(super) with_all_config: bool,
}

impl Newcomer {
    /// Takes into a made-up manifest what the program has said of itself by now.
    async fn learn(&mut self, facts: &ReportFacts) -> Result<(), Failure> {
        if !self.made_up {
            return Ok(());
        }
        let mut told = self.manifest.clone();
        told.policy = self.rules_told(facts);
        if let Some(version) = &facts.version {
            told.version = version.clone();
        }
        let named = facts.interfaces.iter();
        for interface in named.filter_map(|word| serde_json::from_value(word.as_str().into()).ok()) {
            if !told.interfaces.contains(&interface) {
                told.interfaces.push(interface);
            }
        }
        if told == self.manifest {
            return Ok(());
        }
        let (dir, manifest) = (self.revision.dir.clone(), told.clone());
        let written = tokio::task::spawn_blocking(move || restate_program(&dir, &manifest)).await;
        let written = written.map_err(|error| Failure::new("internal", error.to_string()))?;
        written.map_err(Failure::package)?;
        self.revision.version = told.version.to_string();
        self.manifest = told;
        Ok(())
    }

    /// Whether it may be there without config that it needs.
    fn waits_for_config(&self, record: &PluginRecord) -> bool {
        !self.with_all_config && record.config.accepted.is_none()
    }

    /// The rules of its config: those of its manifest, else those that it tells when it is asked.
    fn rules_told(&self, facts: &ReportFacts) -> Vec<Rule> {
        if !self.manifest.policy.is_empty() {
            return self.manifest.policy.clone();
        }
        let described = facts.description.as_deref();
        let described =
            described.map(|body| orrery_catalog::describe(self.manifest.id.as_str(), body, now_ms()));
        // What is wrong with a description is told where the catalog takes it.
        described.and_then(Result::ok).unwrap_or_default().policy
    }
}

/// Why a plugin that lacks config is not loaded: everything that is missing, and how to give it.
pub(super) fn lacking(id: &str, failure: Failure) -> Failure {
    if failure.code != "policy" {
        return failure;
    }
    let text = format!(
        "{id} needs config: {}. Give it with the order (--config KEY=VALUE, or `config` in the request), or for \
         everything with `orrery config set`",
        failure.text
    );
    Failure { text, ..failure }
}

/// A revision that may come into force.
pub(super) struct Brought {
    /// Its process, where there is one.
    candidate: Mutex<Option<Box<dyn Candidate>>>,
    prepared: Prepared,
    pub(super) want: Want,
    pub(super) manifest: Manifest,
    id: String,
}

/// Starts a revision as a candidate, as far as it is meant to run, and waits for its first valid report. `record` is
/// the plugin as it will be.
pub(super) async fn start(
    op: &Op,
    newcomer: &mut Newcomer,
    record: &PluginRecord,
) -> Result<Brought, Failure> {
    let shared = &op.shared;
    let id = record.id.as_str();
    let want = shared.want_of(record, &newcomer.manifest);
    let prepare = Prepare {
        manifest: &newcomer.manifest,
        package: &newcomer.revision.dir,
        program_sha256: Some(newcomer.revision.program_sha256.clone()),
        config: shared.given(&newcomer.manifest, record.config.accepted.as_ref()),
        has_worked: record.has_worked,
    };
    let is_new = !shared.config.dirs.state(id).exists();
    op.note(|facts| facts.made_state = is_new);
    op.begin(Step::Start).await?;
    let mut prepared = match shared.prepare(&prepare) {
        Err(failure) if newcomer.with_all_config => return Err(lacking(id, failure)),
        Err(failure) if failure.code == "policy" && newcomer.waits_for_config(record) => {
            // It wants config that only the user can give: it is installed, and runs once it has it.
            op.skip(Step::Start, &failure.text);
            return waiting(shared, newcomer, id, &failure);
        }
        prepared => prepared?,
    };
    if let Want::Rest(_) = want {
        op.skip(Step::Start, "it is not meant to run now");
        return Ok(Brought::at_rest(newcomer, id, prepared, want));
    }
    if let Activation::Trigger(_) = prepared.spec.activation {
        op.skip(Step::Start, "it runs when its trigger fires");
        return Ok(Brought::at_rest(newcomer, id, prepared, want));
    }
    let started = shared.processes.candidate(id, prepared.spec.clone());
    let candidate = match op.cancellable(started).await {
        Ok(candidate) => candidate,
        Err(failure) => {
            forget_config(&prepared);
            return Err(failure);
        }
    };
    let facts = candidate.facts();
    let learned = match newcomer.learn(&facts).await {
        Ok(()) => suits(shared, newcomer, record, &facts),
        Err(failure) => Err(failure),
    };
    match learned {
        Ok(()) => {}
        Err(failure) if failure.code == "policy" && newcomer.waits_for_config(record) => {
            candidate.discard().await;
            forget_config(&prepared);
            op.skip(Step::Start, &failure.text);
            return waiting(shared, newcomer, id, &failure);
        }
        Err(failure) => {
            candidate.discard().await;
            forget_config(&prepared);
            return Err(failure);
        }
    }
    if newcomer.made_up && !newcomer.manifest.policy.is_empty() && !stays(&want, prepared.spec.activation) {
        // From its next start on it has what its rules come to.
        forget_config(&prepared);
        let again = shared.prepare(&Prepare {
            manifest: &newcomer.manifest,
            package: &newcomer.revision.dir,
            program_sha256: Some(newcomer.revision.program_sha256.clone()),
            config: shared.given(&newcomer.manifest, record.config.accepted.as_ref()),
            has_worked: record.has_worked,
        });
        prepared = match again {
            Ok(prepared) => prepared,
            Err(failure) => {
                candidate.discard().await;
                return Err(failure);
            }
        };
    }
    op.say(Step::Start, "its first report is valid");
    shared.pass("start ready");
    Ok(Brought {
        candidate: Mutex::new(Some(candidate)),
        ..Brought::at_rest(newcomer, id, prepared, want)
    })
}

/// Whether its config keeps rules that only it could tell, once it runs.
fn suits(
    shared: &Shared,
    newcomer: &Newcomer,
    record: &PluginRecord,
    facts: &ReportFacts,
) -> Result<(), Failure> {
    if !newcomer.made_up && !newcomer.with_all_config {
        return Ok(());
    }
    let told = Manifest {
        policy: newcomer.rules_told(facts),
        ..newcomer.manifest.clone()
    };
    let given = shared.given(&told, record.config.accepted.as_ref());
    config_file::check(&told, &given).map_err(|failure| match newcomer.with_all_config {
        true => lacking(&record.id, failure),
        false => failure,
    })
}

/// It is installed, and waits for its config.
fn waiting(shared: &Shared, newcomer: &Newcomer, id: &str, failure: &Failure) -> Result<Brought, Failure> {
    let lacking = format!("it needs config: {}", failure.text);
    let without_rules = Manifest {
        policy: Vec::new(),
        ..newcomer.manifest.clone()
    };
    let prepared = shared.prepare(&Prepare {
        manifest: &without_rules,
        package: &newcomer.revision.dir,
        program_sha256: Some(newcomer.revision.program_sha256.clone()),
        config: Given::default(),
        has_worked: false,
    })?;
    let want = Want::Rest(Rest::Inapplicable(lacking));
    Ok(Brought::at_rest(newcomer, id, prepared, want))
}

/// Whether a process is to become the plugin's; otherwise it is only tried.
fn stays(want: &Want, activation: Activation) -> bool {
    match (want, activation) {
        (Want::Run, _) | (Want::Automatic, Activation::Always) => true,
        (Want::Automatic, Activation::OnDemand { .. } | Activation::Manual | Activation::Trigger(_))
        | (Want::Rest(_), _) => false,
    }
}

impl Brought {
    fn at_rest(newcomer: &Newcomer, id: &str, prepared: Prepared, want: Want) -> Brought {
        Brought {
            candidate: Mutex::new(None),
            prepared,
            want,
            manifest: newcomer.manifest.clone(),
            id: id.to_owned(),
        }
    }

    fn take(&self) -> Option<Box<dyn Candidate>> {
        let mut candidate = self
            .candidate
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        candidate.take()
    }

    /// Makes it the plugin's process. Gives whether anything of it runs.
    pub(super) async fn promote(&self, shared: &Shared) -> Result<bool, Failure> {
        let candidate = self.take();
        let runs = candidate.is_some() && stays(&self.want, self.prepared.spec.activation);
        match candidate {
            Some(candidate) if runs => candidate.promote(self.want.clone()).await?,
            candidate => {
                if let Some(candidate) = candidate {
                    candidate.discard().await;
                }
                let spec = self.prepared.spec.clone();
                shared.processes.put(&self.id, spec, self.want.clone()).await?;
            }
        }
        let seen = Plugin {
            manifest: Some(self.manifest.clone()),
            config_file: self.prepared.config_file.clone(),
            obstacle: obstacle(&self.want),
            ..Plugin::new(PluginRecord::new(self.id.as_str(), orrery_store::Origin::Managed))
        };
        let mut book = shared.book();
        match book.plugins.get_mut(&self.id) {
            Some(plugin) => plugin.see(&seen),
            None => drop(book.staged.insert(self.id.clone(), seen)),
        }
        Ok(runs)
    }

    /// Ends its process; the plugin is as it was.
    pub(super) async fn discard(&self) {
        if let Some(candidate) = self.take() {
            candidate.discard().await;
        }
        forget_config(&self.prepared);
    }

    /// Config file that it is run with.
    pub(super) fn config_file(&self) -> Option<&Path> {
        self.prepared.config_file.as_deref()
    }
}

/// Why a plugin that is wanted does not run.
pub(super) fn obstacle(want: &Want) -> Option<String> {
    match want {
        Want::Rest(Rest::Inapplicable(why)) => Some(why.clone()),
        Want::Rest(Rest::Absent | Rest::Stopped | Rest::Disabled) | Want::Automatic | Want::Run => None,
    }
}

fn forget_config(prepared: &Prepared) {
    if let Some(path) = &prepared.config_file
        && let Err(error) = std::fs::remove_file(path)
    {
        tracing::debug!(%error, path = %path.display(), "a config file is gone already");
    }
}

/// A plugin's record once another of its revisions is in force.
pub(super) fn with_revision(before: &PluginRecord, sha256: &str) -> PluginRecord {
    let mut retained: Vec<String> = before.current.iter().cloned().collect();
    retained.extend(before.retained.iter().cloned());
    retained.retain(|kept| kept != sha256);
    retained.truncate(RETAINED);
    PluginRecord {
        current: Some(sha256.to_owned()),
        retained,
        pending: None,
        ..before.clone()
    }
}

/// Leaves nothing of a plugin that was not there before. `was_local` says that a local one stays.
pub(super) async fn undo_fresh(op: &Op, newcomer: &Newcomer, was_local: bool) {
    let shared = &op.shared;
    let id = newcomer.revision.plugin.as_str();
    shared.book().staged.remove(id);
    if was_local {
        discard_revision(shared, newcomer);
        if let Err(failure) = shared.run_as_recorded(id).await {
            tracing::warn!(plugin = id, %failure, "the local plugin does not come back");
        }
        return;
    }
    shared.processes.forget(id).await;
    discard_revision(shared, newcomer);
    remove_traces(shared, id, op.facts().made_state);
}

/// Removes an unpacked revision unless it is kept for a rollback.
pub(super) fn discard_revision(shared: &Shared, newcomer: &Newcomer) {
    if !newcomer.known {
        remove_dir(&newcomer.revision.dir);
    }
    let id = newcomer.revision.plugin.as_str();
    if !shared.book().plugins.contains_key(id) {
        // The directory of all its revisions; it stays when something is in it.
        let _ = std::fs::remove_dir(shared.config.dirs.revisions().join(id));
    }
}

/// Removes the directory of a revision. What cannot be removed the next sweep removes.
pub(crate) fn remove_dir(dir: &Path) {
    if dir.is_symlink() {
        // A link to a revision, of a plugin that is gone.
        let _ = std::fs::remove_file(dir);
    } else if dir.exists()
        && let Err(error) = remove_revision(dir)
    {
        tracing::warn!(%error, dir = %dir.display(), "cannot remove a revision yet");
    }
}

/// Removes what a plugin leaves besides its revisions and records.
pub(crate) fn remove_traces(shared: &Shared, id: &str, with_state: bool) {
    let dirs = &shared.config.dirs;
    config_file::keep_only(dirs, id, None);
    if with_state && let Err(error) = stamp::remove(&dirs.state(id)) {
        tracing::warn!(%error, plugin = id, "cannot remove a plugin's directory yet");
    }
    remove_dead_socket(&dirs.socket(id));
    for socket in dirs.staged(id) {
        remove_dead_socket(&socket);
    }
    let _ = std::fs::remove_dir_all(dirs.tmp(id));
    remove_logs(&dirs.log_file(id));
}

/// Removes a socket that nobody listens on, and its directory when that is empty then. One that somebody listens on is
/// not ours any more.
pub(crate) fn remove_dead_socket(socket: &Path) {
    let is_alive = std::os::unix::net::UnixStream::connect(socket).is_ok();
    if !is_alive && let Some(dir) = socket.parent() {
        let _ = std::fs::remove_file(socket);
        let _ = std::fs::remove_dir(dir);
    }
}

/// Removes a log and the older ones that were set aside beside it.
fn remove_logs(log: &Path) {
    let (Some(dir), Some(name)) = (log.parent(), log.file_name().and_then(|n| n.to_str())) else {
        return;
    };
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let found = entry.file_name();
        let rest = found.to_str().and_then(|found| found.strip_prefix(name));
        let numbered = |rest: &str| {
            rest.strip_prefix('.')
                .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
        };
        if rest.is_some_and(|rest| rest.is_empty() || numbered(rest)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn sum_of(path: &Path) -> io::Result<String> {
    let mut sum = Sha256::new();
    let mut file = std::fs::File::open(path)?;
    io::copy(&mut file, &mut HashWriter(&mut sum))?;
    Ok(show::hex(&sum.finalize()))
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
