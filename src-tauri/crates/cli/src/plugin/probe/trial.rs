//! A plugin started as Orrery starts it, from a directory or a package, and ended again.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use orrery_packages::manifest::{Activation, Enforce, Handover, Interface, Machine, Places};
use orrery_packages::{
    Caps, Manifest, place_program, policy, program_id, program_manifest, remove_revision, unpack,
};
use orrery_plugins::once;
use orrery_runner::{
    self as runner, Account, AccountError, Exit as End, FirstLineError, HeldBy, Launch, Process, Runner,
    RunnerConfig, other_account,
};
use orrery_supervisor::announce::{self, Announcement};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Tried;
use super::findings::Findings;
use super::socket;
use crate::exit::Exit;
use crate::plugin::sum;

/// Pause between two looks whether the program listens.
const LOOK: Duration = Duration::from_millis(20);
/// Lines of its output that are shown.
const LINES: usize = 10;
/// Time for everything that is left when the trial is over.
const SHUTDOWN: Duration = Duration::from_secs(5);
/// Names the file with the config, as in a managed plugin's environment.
const CONFIG_VARIABLE: &str = "ORRERY_CONFIG_FILE";

/// Tries what a package holds.
pub(super) async fn package(archive: &Path, findings: &mut Findings) -> Result<Tried, Exit> {
    let home = tempfile::tempdir().map_err(Exit::failed)?;
    let sha256 = sum::of(archive).map_err(Exit::failed)?;
    let revisions = home.path().join("revisions");
    let cancel = CancellationToken::new();
    let revision = match unpack(archive, &sha256, &revisions, &Caps::default(), &cancel).await {
        Ok(revision) => revision,
        Err(error) => {
            findings.wrong("package", error.to_string());
            return Ok(Tried::default());
        }
    };
    findings.ok("package", format!("unpacks; sha256 {sha256}"));
    let tried = attempt(&home, &revision.dir, revision.manifest, findings).await;
    // Its directories are read-only, which keeps the temporary directory from being removed.
    remove_revision(&revision.dir).map_err(Exit::failed)?;
    tried
}

/// Tries a program without a manifest.
pub(super) async fn program(file: &Path, findings: &mut Findings) -> Result<Tried, Exit> {
    let home = tempfile::tempdir().map_err(Exit::failed)?;
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let id = match program_id(name) {
        Ok(id) => id,
        Err(why) => {
            findings.wrong("name", why);
            return Ok(Tried::default());
        }
    };
    let sha256 = sum::of(file).map_err(Exit::failed)?;
    let (manifest, revisions) = (program_manifest(&id, &sha256), home.path().join("revisions"));
    let cancel = CancellationToken::new();
    let placed = place_program(file, &manifest, &sha256, &revisions, &cancel).await;
    let revision = placed.map_err(Exit::failed)?;
    let tried = attempt(&home, &revision.dir, revision.manifest, findings).await;
    remove_revision(&revision.dir).map_err(Exit::failed)?;
    tried
}

/// Tries what a directory with a manifest holds.
pub(super) async fn directory(dir: &Path, findings: &mut Findings) -> Result<Tried, Exit> {
    let manifest = match Manifest::read(dir) {
        Ok(manifest) => manifest,
        Err(error) => {
            findings.wrong("manifest", error.to_string());
            return Ok(Tried::default());
        }
    };
    let home = tempfile::tempdir().map_err(Exit::failed)?;
    let dir = dir.canonicalize().map_err(Exit::failed)?;
    attempt(&home, &dir, manifest, findings).await
}

/// Where things are for the length of a trial.
struct Ground {
    places: Places,
    /// A socket that is handed over.
    listener: Option<UnixListener>,
    config: Option<Value>,
}

async fn attempt(
    home: &TempDir,
    package: &Path,
    manifest: Manifest,
    findings: &mut Findings,
) -> Result<Tried, Exit> {
    let mut tried = Tried {
        id: Some(manifest.id.to_string()),
        ..Tried::default()
    };
    findings.ok("manifest", format!("{} {}", manifest.id, manifest.version));
    if let Err(reasons) = manifest.host.check(&Machine::this()) {
        findings.wrong(
            "host",
            format!("it is not for this machine: {}", reasons.join("; ")),
        );
        return Ok(tried);
    }
    let Some(account) = account(&manifest, findings) else {
        return Ok(tried);
    };
    let ground = lay(home.path(), package, &manifest, findings).map_err(Exit::failed)?;
    let Some(ground) = ground else { return Ok(tried) };
    if let Some(account) = &account {
        give(home.path(), &ground.places, account).map_err(Exit::failed)?;
    }
    let config = RunnerConfig::new(format!("orrery-probe-{}", std::process::id()));
    let runner = Runner::start(config).await.map_err(Exit::failed)?;
    let path = ground.places.socket.clone();
    let (first_line, said) = match manifest.run.handover {
        Handover::Stdout => Some(oneshot::channel()).unzip(),
        Handover::Path | Handover::ListenFd => (None, None),
    };
    match runner
        .launch(Launch {
            user: account.map(|account| account.name),
            first_line,
            ..launch(home.path(), package, &manifest, ground.places, ground.listener)
        })
        .await
    {
        Ok(process) => {
            if let Some(said) = said {
                says_where(said, &path, manifest.start.timeout, findings).await;
            }
            run(&process, &path, &manifest, ground.config, &mut tried, findings).await?;
            let lines = process.output().last(0, LINES);
            tried.output = lines.into_iter().map(|line| line.text).collect();
        }
        Err(error) => findings.wrong("program", error.to_string()),
    }
    runner.shutdown(SHUTDOWN).await;
    if path.symlink_metadata().is_ok() && !manifest.run.chooses_socket() {
        findings.note("end", format!("it leaves its socket behind: {}", path.display()));
    }
    Ok(tried)
}

/// The account that it is tried as, where that is not our own. None when there is no such account.
fn account(manifest: &Manifest, findings: &mut Findings) -> Option<Option<Account>> {
    let Some(user) = manifest.run.user.as_deref() else {
        return Some(None);
    };
    match other_account(user) {
        Ok(account) => {
            findings.ok("user", format!("runs as {user}"));
            Some(account)
        }
        Err(error @ AccountError::NotRoot(_)) => {
            let text = format!("it is to run as {user} and is tried as yourself: {error}");
            findings.note("user", text);
            Some(None)
        }
        Err(error) => {
            findings.wrong("user", format!("it cannot run as '{user}': {error}"));
            None
        }
    }
}

/// Gives what is the program's own to the account that it runs as, and opens the way there.
fn give(home: &Path, places: &Places, account: &Account) -> std::io::Result<()> {
    let passable = [
        home.join("run"),
        home.join("tmp"),
        home.join("revisions"),
        home.to_owned(),
    ];
    for dir in passable.iter().filter(|dir| dir.exists()) {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o711))?;
    }
    let own = [
        places.socket.parent(),
        Some(&places.state_dir),
        Some(&places.config_file),
    ];
    for path in own
        .into_iter()
        .flatten()
        .filter(|path| path.starts_with(home) && path.exists())
    {
        chown(path, Some(account.uid), Some(account.gid))?;
    }
    Ok(())
}

/// Makes the places that the program is told, and its config of defaults.
fn lay(
    home: &Path,
    package: &Path,
    manifest: &Manifest,
    findings: &mut Findings,
) -> std::io::Result<Option<Ground>> {
    let id = manifest.id.as_str();
    let own = home.join("run").join(id);
    for dir in [&own, &home.join("state"), &home.join("tmp")] {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let mut places = Places {
        socket: own.join(format!("{id}.sock")),
        state_dir: home.join("state"),
        config_file: home.join("config.json"),
        log_file: home.join("state").join(format!("{id}.log")),
        package_dir: package.to_owned(),
    };
    let mut config = None;
    if !manifest.policy.is_empty() {
        match policy::check(&manifest.policy, &json!({})) {
            Ok(defaults) => {
                fs::write(&places.config_file, defaults.to_string())?;
                fs::set_permissions(&places.config_file, fs::Permissions::from_mode(0o600))?;
                findings.ok("config", format!("its defaults are {defaults}"));
                config = Some(defaults);
            }
            Err(errors) => {
                let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
                findings.note(
                    "config",
                    format!("it cannot run before it has one: {}", errors.join("; ")),
                );
            }
        }
    }
    if !manifest.run.chooses_socket() {
        let fixed = PathBuf::from(places.fill(&manifest.run.socket));
        findings.note(
            "socket",
            format!(
                "it chooses the path {} itself: at an upgrade the old one is stopped first",
                fixed.display()
            ),
        );
        if std::os::unix::net::UnixStream::connect(&fixed).is_ok() {
            findings.wrong(
                "socket",
                format!("somebody listens on {} already", fixed.display()),
            );
            return Ok(None);
        }
        places.socket = fixed;
    }
    let listener = match manifest.run.handover {
        Handover::Path => None,
        Handover::ListenFd => Some(UnixListener::bind(&places.socket)?),
        Handover::Stdout => None,
    };
    Ok(Some(Ground {
        places,
        listener,
        config,
    }))
}

fn launch(
    home: &Path,
    package: &Path,
    manifest: &Manifest,
    places: Places,
    listener: Option<UnixListener>,
) -> Launch {
    let run = &manifest.run;
    let mut env: BTreeMap<_, _> = run
        .env
        .iter()
        .map(|(key, value)| (key.clone(), places.fill(value)))
        .collect();
    if places.config_file.exists() {
        env.entry(CONFIG_VARIABLE.to_owned())
            .or_insert_with(|| places.config_file.display().to_string());
    }
    if run.handover == Handover::Stdout {
        let own = places.socket.parent().unwrap_or(home);
        for (name, path) in [
            ("ORRERY_SOCKET", places.socket.as_path()),
            ("XDG_RUNTIME_DIR", own),
        ] {
            env.entry(name.to_owned())
                .or_insert_with(|| path.display().to_string());
        }
    }
    let limits = &manifest.limits;
    Launch {
        args: run.args.iter().map(|arg| places.fill(arg)).collect(),
        env,
        limits: runner::Limits {
            memory_bytes: limits.memory,
            cpu_percent: limits.cpu,
            pids: limits.pids,
            open_files: limits.open_files,
        },
        enforce: match limits.enforce {
            Enforce::Required => runner::Enforce::Required,
            Enforce::BestEffort => runner::Enforce::BestEffort,
        },
        private_tmp: Some(home.join("tmp").join("own")),
        listener,
        ..Launch::new(manifest.id.as_str(), package.join(&run.entry), &places.state_dir)
    }
}

/// From the start to the end of the process.
async fn run(
    process: &Process,
    path: &Path,
    manifest: &Manifest,
    config: Option<Value>,
    tried: &mut Tried,
    findings: &mut Findings,
) -> Result<(), Exit> {
    for limit in process.limits() {
        let text = format!(
            "{} {}, held by {}",
            limit.kind,
            limit.value,
            limit.held_by.as_str()
        );
        if limit.held_by == HeldBy::Nothing || limit.advisory {
            findings.note("limit", format!("{text}: {}", limit.why));
        } else {
            findings.ok("limit", text);
        }
    }
    if manifest.run.activation == Activation::Trigger {
        let timeout = manifest.run.trigger.as_ref().map(|trigger| trigger.timeout);
        once_through(process, timeout.unwrap_or_default(), findings).await;
        return Ok(());
    }
    if !listens(process, path, manifest.start.timeout, findings).await {
        process.kill().await;
        return Ok(());
    }
    tried.report = socket::look(path, &manifest.id, findings).await?;
    if let Some(report) = &tried.report {
        interfaces(manifest, &report.interfaces, findings);
    }
    if let Some(config) = config.filter(|_| manifest.interfaces.contains(&Interface::Config)) {
        configure(path, &config, findings).await;
    }
    if let Some(end) = process.exit() {
        findings.wrong("end", format!("it did not stay: {end}"));
        return Ok(());
    }
    let began = Instant::now();
    let end = process.stop(manifest.stop.timeout).await;
    ended(&end, began.elapsed(), manifest.stop.timeout, findings);
    Ok(())
}

/// One that does its work and ends.
async fn once_through(process: &Process, timeout: Duration, findings: &mut Findings) {
    match tokio::time::timeout(timeout, process.exited()).await {
        Ok(end) if end.is_success() => findings.ok("program", format!("did its work in {} ms", end.ran_ms)),
        Ok(end) => findings.wrong("program", end.to_string()),
        Err(_) => {
            findings.wrong("program", format!("it still runs after {} s", timeout.as_secs()));
            process.kill().await;
        }
    }
}

/// Waits until a program says where it listens, and puts its socket where it is looked for.
async fn says_where(
    said: oneshot::Receiver<Result<String, FirstLineError>>,
    path: &Path,
    timeout: Duration,
    findings: &mut Findings,
) {
    let own = path.parent().unwrap_or(path);
    let found = async {
        let line = said
            .await
            .map_err(|_| "it ended without a first line".to_owned())?;
        let said = Announcement::read(&line.map_err(|error| error.to_string())?)?;
        while !announce::is_there(&said.socket, own)? {
            tokio::time::sleep(LOOK).await;
        }
        fs::rename(&said.socket, path).map_err(|error| error.to_string())?;
        Ok::<_, String>(said)
    };
    match tokio::time::timeout(timeout, found).await {
        Ok(Ok(said)) => findings.ok(
            "handover",
            format!("says that it listens on {}", said.socket.display()),
        ),
        Ok(Err(why)) => findings.wrong("handover", why),
        Err(_) => findings.wrong(
            "handover",
            format!("it does not say where it listens within {timeout:?}"),
        ),
    }
}

async fn listens(process: &Process, path: &Path, timeout: Duration, findings: &mut Findings) -> bool {
    let began = Instant::now();
    loop {
        if let Some(end) = process.exit() {
            findings.wrong("start", format!("it ended before it listened: {end}"));
            return false;
        }
        if once::listener(path).await.is_ok() {
            findings.ok(
                "start",
                format!("listens after {} ms", began.elapsed().as_millis()),
            );
            return true;
        }
        if began.elapsed() > timeout {
            findings.wrong(
                "start",
                format!("it does not listen on {} within {timeout:?}", path.display()),
            );
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What the manifest promises and the report does not, and the other way round.
fn interfaces(manifest: &Manifest, reported: &[String], findings: &mut Findings) {
    let promised: Vec<_> = manifest.interfaces.iter().map(|i| i.as_str()).collect();
    let missing: Vec<_> = promised
        .iter()
        .filter(|name| ["reporter", "controller"].contains(name) && !reported.iter().any(|r| r == *name))
        .copied()
        .collect();
    let extra: Vec<_> = reported
        .iter()
        .map(String::as_str)
        .filter(|name| !promised.contains(name))
        .collect();
    if !missing.is_empty() {
        findings.note(
            "manifest",
            format!(
                "it names interfaces that the report does not: {}",
                missing.join(", ")
            ),
        );
    }
    if !extra.is_empty() {
        findings.note(
            "manifest",
            format!(
                "the report names interfaces that it does not: {}",
                extra.join(", ")
            ),
        );
    }
}

async fn configure(path: &Path, config: &Value, findings: &mut Findings) {
    let body = config.to_string().into_bytes().into();
    let asked = once::ask(path, http::Method::POST, "/config", body, SHUTDOWN, 64 * 1024).await;
    match asked {
        Ok((status, _)) if status.is_success() => findings.ok("config", "POST /config takes its defaults"),
        Ok((status, _)) => findings.wrong(
            "config",
            format!("it names the interface config, and POST /config was answered with {status}"),
        ),
        Err(error) => findings.wrong("config", format!("POST /config: {error}")),
    }
}

fn ended(end: &End, took: Duration, grace: Duration, findings: &mut Findings) {
    if took >= grace {
        findings.note(
            "end",
            format!("it did not end within {grace:?} of SIGTERM, and was killed"),
        );
    } else {
        findings.ok(
            "end",
            format!("ends {} ms after SIGTERM: {end}", took.as_millis()),
        );
    }
}
