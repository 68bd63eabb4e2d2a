//! One process from its launch to its end: the place to listen, the first report, the exit, nothing left behind.

use std::collections::BTreeMap;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orrery_runner::output::Output;
use orrery_runner::{Enforce, Exit, FirstLineError, Launch, LaunchError, Limits, Violation};
use tokio::sync::{mpsc, oneshot};

use crate::actor::Inbound;
use crate::announce::Announcement;
use crate::calls::{CallError, Calls, ReportFacts};
use crate::launcher::{Launcher, Program};
use crate::spec::{Handover, Spec};
use crate::{announce, files, home, limits, sockets};

/// News of a process.
pub(crate) enum Word {
    /// It exists.
    Launched(Arc<dyn Program>),
    /// There is no process. `lasting` says that something must be changed first.
    NotLaunched { text: String, lasting: bool },
    /// Why it is not ready yet.
    Doubt(String),
    /// Its first report is valid.
    Ready(ReportFacts),
    /// It answers, but not as a plugin.
    Unfit(String),
    /// It hit a limit.
    Violated(Violation),
    /// It and everything of it is gone.
    Ended(Exit),
}

/// A bound socket that is handed to one process after the other; none before the first.
pub(crate) type Listening = Arc<Mutex<Option<UnixListener>>>;

/// What a process is made of.
pub(crate) struct Plan {
    pub(crate) id: String,
    pub(crate) generation: u64,
    pub(crate) spec: Spec,
    /// Where it listens; the spec's path, or its staging path.
    pub(crate) socket: PathBuf,
    /// Where its socket is found in the end; a promotion changes it.
    pub(crate) place: Arc<Mutex<PathBuf>>,
    /// Socket that outlives its processes, when it is handed over.
    pub(crate) listening: Listening,
    pub(crate) output: Output,
}

/// Handle on a process. Without it the process is ended.
pub(crate) struct Tenure {
    pub(crate) generation: u64,
    end: Option<oneshot::Sender<Duration>>,
}

impl Tenure {
    /// Starts a process. Its news come with its generation; the last is [`Word::NotLaunched`] or [`Word::Ended`].
    pub(crate) fn start(
        plan: Plan,
        launcher: Arc<dyn Launcher>,
        calls: Arc<dyn Calls>,
        news: mpsc::Sender<Inbound>,
    ) -> Tenure {
        let (end, ended) = oneshot::channel();
        let generation = plan.generation;
        tokio::spawn(async move {
            let voice = Voice { generation, news };
            serve(plan, &*launcher, &*calls, &voice, ended).await;
        });
        Tenure {
            generation,
            end: Some(end),
        }
    }

    /// Ends the process: asks, and kills everything after `grace`. Only the first time counts.
    pub(crate) fn end(&mut self, grace: Duration) {
        if let Some(end) = self.end.take() {
            // Nobody there any more means that it has ended.
            let _ = end.send(grace);
        }
    }
}

struct Voice {
    generation: u64,
    news: mpsc::Sender<Inbound>,
}

impl Voice {
    async fn say(&self, word: Word) {
        // Nobody listens any more when the plugin is forgotten.
        let _ = self.news.send(Inbound::Word(self.generation, word)).await;
    }
}

async fn serve(
    plan: Plan,
    launcher: &dyn Launcher,
    calls: &dyn Calls,
    voice: &Voice,
    mut end: oneshot::Receiver<Duration>,
) {
    let id = plan.id.clone();
    let socket = plan.socket.clone();
    let place = Arc::clone(&plan.place);
    let ours = plan.spec.socket.ours;
    let handed_over = plan.spec.socket.handover == Handover::ListenFd;
    let reports = !matches!(plan.spec.activation, crate::spec::Activation::Trigger(_));
    let run_dir = plan.spec.socket.run_dir(plan.generation);
    let (program, said) = match launch(plan, launcher, calls).await {
        Ok(launched) => launched,
        Err((text, lasting)) => {
            remove_run_dir(run_dir.as_deref());
            return voice.say(Word::NotLaunched { text, lasting }).await;
        }
    };
    let mut violations = program.violations();
    voice.say(Word::Launched(Arc::clone(&program))).await;
    let mut gone = program.gone();
    let first = async {
        let mut version = None;
        if let (Some(said), Some(run_dir)) = (said, &run_dir) {
            match announced(said, run_dir, &socket, &id, voice).await {
                Ok(said) => version = said,
                Err(text) => return Word::Unfit(text),
            }
        }
        match first_report(&socket, &id, (!handed_over).then_some(&*program), calls, voice).await {
            Word::Ready(facts) => Word::Ready(ReportFacts { version, ..facts }),
            word => word,
        }
    };
    tokio::pin!(first);
    let mut awaited = reports;
    let mut limits_told = true;
    let exit = loop {
        tokio::select! {
            biased;
            exit = &mut gone => break exit,
            // The handle's end means the same as an order.
            grace = &mut end => break program.stop(grace.unwrap_or(Duration::ZERO)).await,
            verdict = &mut first, if awaited => {
                awaited = false;
                voice.say(verdict).await;
            }
            violation = violations.recv(), if limits_told => match violation {
                Ok(violation) => voice.say(Word::Violated(violation)).await,
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => limits_told = false,
            },
        }
    };
    // A limit that was hit is told before the end that it led to.
    while let Ok(violation) = violations.try_recv() {
        voice.say(Word::Violated(violation)).await;
    }
    if ours && !handed_over {
        let place = place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sockets::clear(&place, ours, calls).await;
    }
    remove_run_dir(run_dir.as_deref());
    voice.say(Word::Ended(exit)).await;
}

/// Launches the process; on failure says why, and whether something must be changed first.
async fn launch(
    plan: Plan,
    launcher: &dyn Launcher,
    calls: &dyn Calls,
) -> Result<(Arc<dyn Program>, Option<FirstLine>), (String, bool)> {
    let Plan {
        id,
        generation,
        spec,
        socket,
        listening,
        output,
        place: _,
    } = plan;
    if let Some(expected) = spec.sha256.clone() {
        let program = spec.program.clone();
        match blocking(move || files::differs(&program, &expected)).await {
            Ok(None) => {}
            Ok(Some(text)) => return Err((text, true)),
            Err(error) => {
                return Err((
                    format!("{} cannot be read: {error}", spec.program.display()),
                    true,
                ));
            }
        }
    }
    let user = spec.user.clone();
    let owner = blocking(move || sockets::owner_of(user.as_deref())).await;
    let owner = owner.map_err(|error| (error.to_string(), true))?;
    let home = spec.cwd.clone();
    if let Err(error) = blocking(move || home::give(&home, owner)).await {
        let why = format!(
            "its directory, {}, cannot be made its own: {error}",
            spec.cwd.display()
        );
        return Err((why, true));
    }
    if spec.socket.ours {
        let path = socket.clone();
        if let Err(error) = blocking(move || sockets::make_directory(&path, owner)).await {
            let directory = socket.parent().unwrap_or(&socket).display();
            return Err((
                format!("the directory of its socket, {directory}, cannot be used: {error}"),
                true,
            ));
        }
    }
    let mut listener = inherited(&listening);
    if listener.is_none() {
        if let sockets::Place::Taken(text) = sockets::clear(&socket, spec.socket.ours, calls).await {
            return Err((text, true));
        }
        if spec.socket.handover == Handover::ListenFd {
            let path = socket.clone();
            let bound = blocking(move || sockets::bind(&path)).await;
            let bound = bound.map_err(|error| (format!("its socket cannot be bound: {error}"), true))?;
            *listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(bound);
            listener = inherited(&listening);
        }
    }
    let run_dir = spec.socket.run_dir(generation);
    let told = match &run_dir {
        Some(dir) => {
            let told = dir.join(socket.file_name().unwrap_or_default());
            let path = told.clone();
            if let Err(error) = blocking(move || sockets::make_directory(&path, owner)).await {
                let why = format!(
                    "the directory for its socket, {}, cannot be used: {error}",
                    dir.display()
                );
                return Err((why, true));
            }
            told
        }
        None => socket.clone(),
    };
    let path = told.to_string_lossy();
    let fill = |text: &String| text.replace("{socket}", &path);
    let mut env: BTreeMap<String, String> = spec
        .env
        .iter()
        .map(|(key, value)| (key.clone(), fill(value)))
        .collect();
    let (first_line, said) = match &run_dir {
        Some(dir) => {
            env.entry(SOCKET_VARIABLE.to_owned())
                .or_insert_with(|| path.clone().into_owned());
            env.entry(RUN_DIR_VARIABLE.to_owned())
                .or_insert_with(|| dir.to_string_lossy().into_owned());
            let (sender, said) = oneshot::channel();
            (Some(sender), Some(said))
        }
        None => (None, None),
    };
    let launch = Launch {
        generation,
        args: spec.args.iter().map(fill).collect(),
        env,
        first_line,
        user: spec.user,
        limits: Limits {
            memory_bytes: spec.limits.memory_bytes,
            cpu_percent: spec.limits.cpu_percent,
            pids: spec.limits.pids,
            open_files: spec.limits.open_files,
        },
        enforce: if spec.limits.required {
            Enforce::Required
        } else {
            Enforce::BestEffort
        },
        output,
        private_tmp: spec.private_tmp.map(|dir| of_generation(&dir, generation)),
        listener,
        ..Launch::new(id, spec.program, spec.cwd)
    };
    let launched = launcher.launch(launch).await;
    let program = launched.map_err(|error: LaunchError| (error.to_string(), !error.retryable()))?;
    Ok((program, said))
}

/// The first line of a program, once it is there.
type FirstLine = oneshot::Receiver<Result<String, FirstLineError>>;

/// Environment variable with a path on which a program may listen that says itself where it does.
const SOCKET_VARIABLE: &str = "ORRERY_SOCKET";

/// The usual environment variable for the directory of sockets: the program's own.
const RUN_DIR_VARIABLE: &str = "XDG_RUNTIME_DIR";

/// Waits until a program has said where it listens, and gives its socket the place where everybody looks for it.
/// Gives the version that it says.
async fn announced(
    said: FirstLine,
    run_dir: &Path,
    socket: &Path,
    id: &str,
    voice: &Voice,
) -> Result<Option<semver::Version>, String> {
    let doubt = "it has not said where it listens with the first line of its standard output";
    voice.say(Word::Doubt(doubt.to_owned())).await;
    let line = match said.await {
        Ok(Ok(line)) => line,
        // It may be about to end, which then is what counts; one that goes on is out of time some day.
        Ok(Err(error @ FirstLineError::Closed)) => {
            voice.say(Word::Doubt(error.to_string())).await;
            return std::future::pending().await;
        }
        Ok(Err(error)) => return Err(error.to_string()),
        // What read its output is gone with the process, whose end is told.
        Err(_) => return std::future::pending().await,
    };
    let said = Announcement::read(&line)?;
    if let Some(named) = said.id.as_deref().filter(|named| *named != id) {
        let named = crate::text::clean(named);
        return Err(format!("it says that it is {named}: load it under that name"));
    }
    let mut step = limits::READY_STEP;
    loop {
        let (from, own) = (said.socket.clone(), run_dir.to_owned());
        let looked = tokio::task::spawn_blocking(move || announce::is_there(&from, &own)).await;
        if looked.map_err(|error| error.to_string())?? {
            break;
        }
        let doubt = format!(
            "it says that it listens on {}, where there is no socket",
            said.socket.display()
        );
        voice.say(Word::Doubt(doubt)).await;
        tokio::time::sleep(step).await;
        step = (step * 3 / 2).min(limits::READY_STEP_MAX);
    }
    let (from, to) = (said.socket.clone(), socket.to_owned());
    let moved = blocking(move || std::fs::rename(from, to)).await;
    moved.map_err(|error| {
        format!(
            "its socket, {}, cannot be taken over: {error}",
            said.socket.display()
        )
    })?;
    Ok(said.version)
}

/// Removes the directory that a process listened in before it said so, with whatever it left there.
fn remove_run_dir(run_dir: Option<&Path>) {
    let Some(dir) = run_dir else { return };
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::debug!(path = %dir.display(), %error, "the directory of a socket stays");
        }
        _ => {}
    }
}

/// Two processes of a plugin may run at a time, and each empties and removes its own temporary directory.
fn of_generation(dir: &Path, generation: u64) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(format!(".{generation}"));
    name.into()
}

/// One more descriptor of the socket that is handed over.
fn inherited(listening: &Listening) -> Option<UnixListener> {
    let bound = listening.lock().unwrap_or_else(PoisonError::into_inner);
    bound.as_ref().and_then(|bound| bound.try_clone().ok())
}

/// Asks until there is a valid first report, or too many invalid ones.
async fn first_report(
    socket: &std::path::Path,
    id: &str,
    program: Option<&dyn Program>,
    calls: &dyn Calls,
    voice: &Voice,
) -> Word {
    let mut step = limits::READY_STEP;
    let mut bad = 0;
    let mut doubt = String::new();
    loop {
        let text = if socket.exists() {
            match calls.first_report(socket, id, limits::REPORT_BUDGET).await {
                Ok(facts) => match (program, facts.peer_pid) {
                    (Some(program), Some(pid)) if !program.owns(pid) => {
                        return Word::Unfit(format!("another program, process {pid}, listens on its socket"));
                    }
                    _ => return Word::Ready(facts),
                },
                Err(CallError::Protocol(text)) => {
                    bad += 1;
                    if bad >= limits::READY_BAD_ANSWERS {
                        return Word::Unfit(text);
                    }
                    step = limits::READY_BAD_STEP;
                    text
                }
                Err(error @ (CallError::Refused(_) | CallError::Timeout)) => {
                    bad = 0;
                    error.to_string()
                }
            }
        } else {
            "it has not bound its socket".to_owned()
        };
        if text != doubt {
            doubt.clone_from(&text);
            voice.say(Word::Doubt(text)).await;
        }
        tokio::time::sleep(step).await;
        step = (step * 3 / 2).min(limits::READY_STEP_MAX);
    }
}

/// Runs what blocks where that is no harm.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}
