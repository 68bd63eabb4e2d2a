//! Launches programs.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::pipe::PipeFlags;
use rustix::process::{Gid, Uid};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use crate::account::{Account, barrier, other_account};
use crate::cgroup::{Controller, Group, Held, Hierarchy};
use crate::first_line::FirstLine;
use crate::guardian::MARK;
use crate::hold::{Holding, hold};
use crate::launch::{Launch, LaunchError};
use crate::limits::{COUNTER_BEAT, LAUNCH_TIME, MAX_PROCESSES, ORDER_QUEUE, SAMPLE_BEAT, SWEEP_TIME};
use crate::link::{self, Guardian, NotLaunched, Outgoing, Shared, Slot};
use crate::output::{Stream, now_ms};
use crate::process::{Draft, Process};
use crate::pump::pump;
use crate::sweep::sweep;
use crate::violation::look;
use crate::wire::{Fault, Identity, Order, Plan, Step, encode};

/// Part of a shutdown's deadline that is kept for killing what does not end when asked. The rest is grace.
const KILL_SHARE: u32 = 5;

/// How a runner works.
#[derive(Debug, Clone)]
pub struct RunnerConfig {
    /// The executable that becomes guardian and launcher: its `main` calls [`crate::guardian::run_if_asked`] first.
    pub helper: PathBuf,
    /// Names the control group above those of the programs, and marks their processes. Everything under this name
    /// is ours: no two runners may use the same one at a time, and what an earlier one left behind is ended.
    pub name: String,
    /// Whether control groups are used at all.
    pub cgroups: bool,
}

impl RunnerConfig {
    /// With this very executable as helper, and control groups where they are available.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            helper: PathBuf::from("/proc/self/exe"),
            name: name.into(),
            cgroups: true,
        }
    }
}

/// Why a runner could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The name cannot name a directory.
    #[error("'{0}' cannot name a control group")]
    Name(String),
    /// There is no guardian.
    #[error("the guardian process cannot be started: {0}")]
    Guardian(#[source] io::Error),
}

/// Launches programs and ends them all when it is dropped, when the application ends, and when it is killed.
/// Clones are the same runner.
#[derive(Clone)]
pub struct Runner {
    shared: Arc<Shared>,
    link: Arc<Mutex<Option<JoinHandle<()>>>>,
    /// The last clone's end closes the runner.
    _guard: Arc<DropGuard>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("mark", &self.shared.mark)
            .finish_non_exhaustive()
    }
}

impl Runner {
    /// Ends what an earlier runner of this name left behind, and starts a guardian.
    ///
    /// # Errors
    /// When the name is unusable or the guardian does not start.
    pub async fn start(config: RunnerConfig) -> Result<Self, StartError> {
        let RunnerConfig {
            helper,
            name,
            cgroups,
        } = config;
        let good = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if name.is_empty() || name.len() > crate::limits::NAME_CHARS || !name.chars().all(good) {
            return Err(StartError::Name(name));
        }
        let mark = format!("{name}/{}-{}", std::process::id(), now_ms());
        let hierarchy = tokio::task::spawn_blocking(move || prepare(&name, cgroups))
            .await
            .unwrap_or_default();
        let (orders, queue) = mpsc::channel(ORDER_QUEUE);
        let shared = Arc::new(Shared::new(hierarchy, mark, orders));
        let guardian = match Guardian::start(&helper, &shared).await {
            Ok(guardian) => guardian,
            Err(error) => {
                for dir in shared.hierarchy.parents() {
                    // Not ours alone: another runner of that name may be there against all rules.
                    let _ = fs::remove_dir(dir);
                }
                return Err(StartError::Guardian(error));
            }
        };
        let guard = Arc::new(shared.closing.clone().drop_guard());
        let link = tokio::spawn(link::run(shared.clone(), helper, guardian, queue));
        tokio::spawn(watch_limits(shared.clone()));
        Ok(Self {
            shared,
            link: Arc::new(Mutex::new(Some(link))),
            _guard: guard,
        })
    }

    /// Launches a program.
    ///
    /// # Errors
    /// When it cannot be started as asked; nothing of it is left then.
    pub async fn launch(&self, launch: Launch) -> Result<Process, LaunchError> {
        launch.check()?;
        if self.shared.refusing.load(Ordering::Relaxed) || self.shared.closing.is_cancelled() {
            return Err(LaunchError::ShutDown);
        }
        if *self.shared.count.borrow() >= MAX_PROCESSES {
            return Err(LaunchError::TooMany);
        }
        let id = Draft::next_id();
        let shared = self.shared.clone();
        let prepared = tokio::task::spawn_blocking(move || Prepared::new(id, launch, &shared)).await;
        let prepared = prepared.map_err(|error| step("preparing", &io::Error::other(error)))??;
        let Prepared {
            launch,
            plan,
            mut room,
            holding,
        } = prepared;

        let (out_reader, out_writer) = pipe(plan.identity.as_ref())?;
        let (err_reader, err_writer) = pipe(plan.identity.as_ref())?;
        let output_before = launch.output.newest();
        let pumps = vec![
            tokio::spawn(pump(
                out_reader,
                Stream::Stdout,
                launch.output.clone(),
                FirstLine::new(launch.first_line),
            )),
            tokio::spawn(pump(
                err_reader,
                Stream::Stderr,
                launch.output.clone(),
                FirstLine::new(None),
            )),
        ];
        let draft = Draft {
            id,
            name: launch.name,
            generation: launch.generation,
            mark: plan.mark.clone(),
            group: plan.group.clone(),
            limits: launch.limits,
            held: holding.held,
            output: launch.output,
            output_before,
            pumps,
            orders: self.shared.orders.clone(),
        };
        let (answer, answered) = oneshot::channel();
        self.shared.insert(
            id,
            Slot::Waiting {
                draft: Box::new(draft),
                answer,
                sent: false,
            },
        );
        let fds = [out_writer, err_writer]
            .into_iter()
            .chain(launch.listener.map(OwnedFd::from))
            .collect();
        let program = plan.program.clone();
        let cwd = plan.cwd.clone();
        let user = launch.user.unwrap_or_default();
        if self
            .shared
            .orders
            .send(Outgoing {
                order: Order::Launch { id, plan },
                fds,
            })
            .await
            .is_err()
        {
            self.shared.remove(id);
            return Err(LaunchError::ShutDown);
        }
        // The guardian needs that long for its own verdict.
        let answer = tokio::time::timeout(LAUNCH_TIME + SWEEP_TIME, answered).await;
        match answer {
            Ok(Ok(Ok(body))) => {
                room.keep(&body);
                Ok(Process::new(body))
            }
            Ok(Ok(Err(NotLaunched::Fault(fault)))) => {
                Err(
                    tokio::task::spawn_blocking(move || explain(fault, &program, &cwd, user))
                        .await
                        .unwrap_or(LaunchError::Timeout),
                )
            }
            Ok(Ok(Err(NotLaunched::GuardianLost))) => Err(LaunchError::Guardian),
            Ok(Err(_)) => Err(LaunchError::ShutDown),
            Err(_) => {
                self.shared.remove(id);
                let _ = self.shared.orders.send(Outgoing::kill(id)).await;
                Err(LaunchError::Timeout)
            }
        }
    }

    /// Process id of the guardian; 0 while there is none.
    pub fn guardian_pid(&self) -> u32 {
        self.shared.guardian.load(Ordering::Relaxed)
    }

    /// How many programs run or are being started or ended.
    pub fn running(&self) -> usize {
        *self.shared.count.borrow()
    }

    /// Stops everything in parallel: asks first, kills shortly before the deadline, and ends the guardian.
    pub async fn shutdown(&self, deadline: Duration) {
        self.shared.refusing.store(true, Ordering::Relaxed);
        let until = Instant::now() + deadline;
        let grace = deadline - deadline / KILL_SHARE;
        let outputs: Vec<_> = self
            .shared
            .bodies()
            .iter()
            .map(|body| body.output.clone())
            .collect();
        for body in self.shared.bodies() {
            body.requested.store(true, Ordering::Relaxed);
            let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
            let _ = self
                .shared
                .orders
                .send(Outgoing {
                    order: Order::Stop {
                        id: body.id,
                        grace_ms,
                    },
                    fds: vec![],
                })
                .await;
        }
        let mut count = self.shared.count.subscribe();
        let left = until.saturating_duration_since(Instant::now());
        let in_time = tokio::time::timeout(left, count.wait_for(|count| *count == 0))
            .await
            .is_ok();
        if !in_time {
            tracing::warn!("not everything ended in time; killing the rest");
        }
        self.shared.closing.cancel();
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(link) = link {
            // Its own waits are bounded.
            let _ = link.await;
        }
        for output in outputs {
            output.flush().await;
        }
    }
}

/// Finds where groups may be made and ends what is left of an earlier run. Blocks.
fn prepare(name: &str, cgroups: bool) -> Hierarchy {
    let hierarchy = if cgroups {
        Hierarchy::find(name)
    } else {
        Hierarchy::default()
    };
    let left = sweep(hierarchy.leftovers(), &format!("{name}/"), SWEEP_TIME);
    if left > 0 {
        tracing::error!(left, "processes of an earlier run could not be ended");
    }
    hierarchy
}

/// A launch with everything made that it needs. Blocks while it is made.
struct Prepared {
    launch: Launch,
    plan: Box<Plan>,
    room: Room,
    holding: Holding,
}

/// What is made for a program and goes with it.
struct Room {
    group: Option<Group>,
    tmp: Option<PathBuf>,
}

impl Room {
    /// From here on the guardian removes the group; the rest goes when the program is gone.
    fn keep(&mut self, body: &Arc<crate::process::Body>) {
        self.group = None;
        let Some(tmp) = self.tmp.take() else { return };
        let mut gone = body.gone.subscribe();
        tokio::spawn(async move {
            // The sender's end means the same.
            let _ = gone.wait_for(|gone| *gone).await;
            let _ = tokio::task::spawn_blocking(move || remove_tmp(&tmp)).await;
        });
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(group) = self.group.take() {
            group.remove();
        }
        if let Some(tmp) = self.tmp.take() {
            remove_tmp(&tmp);
        }
    }
}

impl Prepared {
    fn new(id: u64, launch: Launch, shared: &Shared) -> Result<Self, LaunchError> {
        let user = |why: String| LaunchError::User {
            user: launch.user.clone().unwrap_or_default(),
            why,
        };
        let who = launch
            .user
            .as_deref()
            .map(other_account)
            .transpose()
            .map_err(|error| user(error.to_string()))?
            .flatten();
        let unit = format!("{}-{}-{id}", launch.name, launch.generation);
        let (group, held) = match shared.hierarchy.create(&unit, &launch.limits) {
            Ok(made) => made,
            Err(error) => {
                let why = error.to_string();
                (
                    Group::default(),
                    BTreeMap::from(Controller::ALL.map(|controller| (controller, Held::Err(why.clone())))),
                )
            }
        };
        let mut room = Room {
            group: Some(group.clone()),
            tmp: None,
        };
        let own_account = who.as_ref().is_some_and(|who| who.uid != 0);
        let holding = hold(
            &launch.limits,
            |controller| held.get(&controller).cloned(),
            own_account,
            launch.enforce,
        )?;
        if let Some(tmp) = &launch.private_tmp {
            room.tmp = Some(tmp.clone());
            make_tmp(tmp, who.as_ref()).map_err(|error| LaunchError::Directory {
                path: tmp.display().to_string(),
                why: error.to_string(),
            })?;
        }
        let mark = format!("{}/{unit}", shared.mark);
        let plan = Box::new(Plan {
            program: launch.program.clone(),
            args: launch.args.clone(),
            env: environment(&launch, &mark),
            cwd: launch.cwd.clone(),
            identity: who.map(|who| Identity {
                uid: who.uid,
                gid: who.gid,
                groups: who.groups,
            }),
            group,
            open_files: holding.open_files,
            nproc: holding.nproc,
            listener: launch.listener.is_some(),
            mark,
        });
        encode(&Order::Launch {
            id,
            plan: plan.clone(),
        })
        .map_err(|error| LaunchError::Invalid(format!("arguments and environment: {error}")))?;
        Ok(Self {
            launch,
            plan,
            room,
            holding,
        })
    }
}

/// The fixed environment with the given one on top.
fn environment(launch: &Launch, mark: &str) -> Vec<(String, String)> {
    let tmp = launch.private_tmp.as_deref().unwrap_or(Path::new("/tmp"));
    let fixed = [
        ("HOME", launch.cwd.display().to_string()),
        ("LANG", "C.UTF-8".to_owned()),
        (
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        ),
        ("TMPDIR", tmp.display().to_string()),
    ];
    let mut env: BTreeMap<String, String> = fixed
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    env.extend(launch.env.clone());
    env.insert(MARK.to_owned(), mark.to_owned());
    env.into_iter().collect()
}

fn make_tmp(dir: &Path, who: Option<&Account>) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(dir)?;
    if let Some(who) = who {
        std::os::unix::fs::chown(dir, Some(who.uid), Some(who.gid))?;
    }
    Ok(())
}

fn remove_tmp(dir: &Path) {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, dir = %dir.display(), "a temporary directory is left behind");
        }
        _ => {}
    }
}

/// A pipe for output. It belongs to whoever writes into it: programs open it again, as `/dev/stderr`.
fn pipe(writer: Option<&Identity>) -> Result<(OwnedFd, OwnedFd), LaunchError> {
    let failed = |error: rustix::io::Errno| step("making a pipe", &error.into());
    let pipe = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
    if let Some(writer) = writer {
        let (uid, gid) = (Uid::from_raw(writer.uid), Gid::from_raw(writer.gid));
        rustix::fs::fchown(&pipe.1, Some(uid), Some(gid)).map_err(failed)?;
    }
    Ok(pipe)
}

fn step(step: &str, error: &io::Error) -> LaunchError {
    LaunchError::Step {
        step: step.to_owned(),
        why: error.to_string(),
    }
}

/// What a failed step means to whoever asked for the launch. Blocks for a look at the program.
fn explain(fault: Fault, program: &Path, cwd: &Path, user: String) -> LaunchError {
    use rustix::io::Errno;
    let path = program.display().to_string();
    let why = fault.text;
    let is = |errno: Errno| fault.errno == Some(errno.raw_os_error());
    let what = match fault.step {
        Step::Exec if is(Errno::NOENT) || is(Errno::NOTDIR) => {
            return match interpreter(program) {
                Some(interpreter) => LaunchError::BadInterpreter { path, interpreter },
                None => LaunchError::Missing { path },
            };
        }
        Step::Exec if is(Errno::ACCESS) || is(Errno::PERM) => {
            let why = in_the_way(&user, program).unwrap_or(why);
            return LaunchError::Permission { path, why };
        }
        Step::Exec => return LaunchError::NotExecutable { path, why },
        Step::Directory => {
            let path = cwd.display().to_string();
            let barred = in_the_way(&user, &cwd.join("x")).filter(|_| is(Errno::ACCESS));
            let why = barred.unwrap_or(why);
            return LaunchError::Directory { path, why };
        }
        Step::Identity => return LaunchError::User { user, why },
        Step::Spawn => "starting the launcher",
        Step::Plan => "reading the plan",
        Step::Setup => "setting up the process",
        Step::Group => "joining the control group",
        Step::Rlimit => "setting resource limits",
    };
    LaunchError::Step {
        step: what.to_owned(),
        why,
    }
}

/// Which directory keeps another account from a file of ours.
fn in_the_way(user: &str, path: &Path) -> Option<String> {
    let account = other_account(user).ok().flatten()?;
    let (dir, mode) = barrier(&account, path)?;
    Some(format!(
        "user {user} may not enter {} (mode {mode:03o})",
        dir.display()
    ))
}

/// The interpreter that a program which does exist asks for.
fn interpreter(program: &Path) -> Option<String> {
    let text = crate::procfs::read(program)?;
    let line = text.lines().next()?;
    let named = line
        .strip_prefix("#!")
        .and_then(|line| line.split_ascii_whitespace().next());
    Some(named.unwrap_or("its dynamic loader").to_owned())
}

/// Looks at counters and samples while programs run.
async fn watch_limits(shared: Arc<Shared>) {
    let mut count = shared.count.subscribe();
    let mut beat = 0u32;
    let beats_per_look = u32::try_from(COUNTER_BEAT.as_millis() / SAMPLE_BEAT.as_millis())
        .unwrap_or(1)
        .max(1);
    loop {
        let some = async {
            let _ = count.wait_for(|count| *count > 0).await;
            tokio::time::sleep(SAMPLE_BEAT).await;
        };
        tokio::select! {
            () = some => {}
            () = shared.closing.cancelled() => return,
        }
        beat = beat.wrapping_add(1);
        let all = beat.is_multiple_of(beats_per_look);
        let bodies: Vec<_> = shared
            .bodies()
            .into_iter()
            .filter(|body| body.needs_looks(all))
            .collect();
        if bodies.is_empty() {
            continue;
        }
        let looked = tokio::task::spawn_blocking(move || {
            let over = |body: &Arc<crate::process::Body>| look(body, Instant::now());
            bodies.into_iter().filter(over).collect::<Vec<_>>()
        });
        for body in looked.await.unwrap_or_default() {
            body.over_memory.store(true, Ordering::Relaxed);
            let _ = shared.orders.send(Outgoing::kill(body.id)).await;
        }
    }
}
