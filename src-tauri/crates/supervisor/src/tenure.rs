//! One process from its launch to its end: the place to listen, the first report, the exit, nothing left behind.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orrery_runner::output::Output;
use orrery_runner::{Enforce, Exit, Launch, LaunchError, Limits, Violation};
use tokio::sync::{mpsc, oneshot};

use crate::actor::Inbound;
use crate::calls::{CallError, Calls, ReportFacts};
use crate::launcher::{Launcher, Program};
use crate::spec::{Handover, Spec};
use crate::{files, home, limits, sockets};

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
    let program = match launch(plan, launcher, calls).await {
        Ok(program) => program,
        Err((text, lasting)) => return voice.say(Word::NotLaunched { text, lasting }).await,
    };
    let mut violations = program.violations();
    voice.say(Word::Launched(Arc::clone(&program))).await;
    let mut gone = program.gone();
    let first = first_report(&socket, &id, (!handed_over).then_some(&*program), calls, voice);
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
    voice.say(Word::Ended(exit)).await;
}

/// Launches the process; on failure says why, and whether something must be changed first.
async fn launch(
    plan: Plan,
    launcher: &dyn Launcher,
    calls: &dyn Calls,
) -> Result<Arc<dyn Program>, (String, bool)> {
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
    let path = socket.to_string_lossy();
    let fill = |text: &String| text.replace("{socket}", &path);
    let launch = Launch {
        generation,
        args: spec.args.iter().map(fill).collect(),
        env: spec
            .env
            .iter()
            .map(|(key, value)| (key.clone(), fill(value)))
            .collect(),
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
    launcher
        .launch(launch)
        .await
        .map_err(|error: LaunchError| (error.to_string(), !error.retryable()))
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
