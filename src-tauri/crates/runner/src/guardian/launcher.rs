//! The launcher: takes itself into groups and limits, then becomes the program.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::SigSet;
use rustix::process::{Gid, Resource, Rlimit, Signal, Uid};

use crate::limits::{BUSY_PAUSE, BUSY_TRIES};
use crate::wire::{Fault, Identity, Inbox, LaunchNews, Plan, Step, encode};

/// Exit code of a launcher that could not become its program; why is told on the socket.
const FAILED: i32 = 127;

/// Descriptor at which a program expects a socket handed over to it.
const LISTENER_FD: i32 = 3;

/// Runs the launcher. Returns only when it failed, with the exit code.
pub(super) fn run() -> i32 {
    super::close_inherited();
    // Standard input is the socket to the guardian. It is read before anything is opened, so that a listener that
    // comes along gets the first free number.
    let plan = read_plan();
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else {
        return FAILED;
    };
    let done = plan
        .map_err(|error| Fault::new(Step::Plan, &error))
        .and_then(|plan| launch(&socket, plan));
    let fault = match done {
        Ok(never) => match never {},
        Err(fault) => fault,
    };
    if let Ok(message) = encode(&LaunchNews::Fault(fault)) {
        // Without a guardian there is nobody to tell.
        let _ = { &socket }.write_all(&message);
    }
    FAILED
}

fn launch(socket: &UnixStream, (plan, mut inbox): (Plan, Inbox)) -> Result<std::convert::Infallible, Fault> {
    let at = |step: Step| move |error: io::Error| Fault::new(step, &error);

    // Signals that the guardian holds back must reach the program.
    SigSet::empty()
        .thread_set_mask()
        .map_err(|error| Fault::new(Step::Setup, &error.into()))?;
    rustix::process::setsid().map_err(|error| Fault::new(Step::Setup, &error.into()))?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    plan.group.join().map_err(at(Step::Group))?;
    set_rlimits(&plan).map_err(at(Step::Rlimit))?;
    if let Some(identity) = &plan.identity {
        become_user(identity).map_err(at(Step::Identity))?;
    }
    rustix::thread::set_no_new_privs(true).map_err(|error| Fault::new(Step::Setup, &error.into()))?;
    // After the change of account, which would undo it.
    die_with_guardian(socket).map_err(at(Step::Setup))?;
    std::env::set_current_dir(&plan.cwd).map_err(at(Step::Directory))?;

    let mut env = plan.env.clone();
    let _listener = if plan.listener {
        env.push(("LISTEN_FDS".to_owned(), "1".to_owned()));
        env.push(("LISTEN_PID".to_owned(), std::process::id().to_string()));
        Some(hand_over(inbox.claim().map_err(at(Step::Plan))?).map_err(at(Step::Setup))?)
    } else {
        None
    };
    runnable(&plan.program).map_err(at(Step::Exec))?;
    { socket }
        .write_all(&encode(&LaunchNews::Going).map_err(at(Step::Setup))?)
        .map_err(at(Step::Setup))?;
    let mut program = Command::new(&plan.program);
    program
        .args(&plan.args)
        .env_clear()
        .envs(env)
        .stdin(Stdio::null());
    let mut tries = BUSY_TRIES;
    loop {
        let error = program.exec();
        // Whoever wrote the file has closed it, but a process that was being started meanwhile may have it open for
        // a moment more.
        if error.kind() != io::ErrorKind::ExecutableFileBusy || tries == 0 {
            return Err(Fault::new(Step::Exec, &error));
        }
        tries -= 1;
        std::thread::sleep(BUSY_PAUSE);
    }
}

/// The plan, and a listener if one belongs to it.
fn read_plan() -> io::Result<(Plan, Inbox)> {
    let mut inbox = Inbox::default();
    loop {
        if inbox.receive(io::stdin())? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(plan) = inbox.next()? {
            return Ok((plan, inbox));
        }
    }
}

fn set_rlimits(plan: &Plan) -> io::Result<()> {
    // A dump would fill the state directory and may hold secrets.
    set_rlimit(Resource::Core, 0)?;
    if let Some(count) = plan.open_files {
        set_rlimit(Resource::Nofile, count)?;
    }
    if let Some(count) = plan.nproc {
        set_rlimit(Resource::Nproc, count)?;
    }
    Ok(())
}

/// A hard limit that is lower already holds as well.
fn set_rlimit(resource: Resource, value: u64) -> io::Result<()> {
    let value = rustix::process::getrlimit(resource)
        .maximum
        .map_or(value, |hard| hard.min(value));
    Ok(rustix::process::setrlimit(
        resource,
        Rlimit {
            current: Some(value),
            maximum: Some(value),
        },
    )?)
}

fn become_user(identity: &Identity) -> io::Result<()> {
    let groups: Vec<Gid> = identity.groups.iter().copied().map(Gid::from_raw).collect();
    let gid = Gid::from_raw(identity.gid);
    let uid = Uid::from_raw(identity.uid);
    // There is one thread, so that what is set for it is set for the process.
    rustix::thread::set_thread_groups(&groups)?;
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}

/// Asks the kernel for KILL when the guardian ends, and looks whether it has ended already.
fn die_with_guardian(socket: &UnixStream) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let guardian = rustix::net::sockopt::socket_peercred(socket)?.pid;
    if rustix::process::getppid() == Some(guardian) {
        Ok(())
    } else {
        Err(io::Error::other("the guardian is gone"))
    }
}

/// Lets the listener through to the program. Nothing else is open besides the socket to the guardian, but the
/// number must be the one that programs expect.
fn hand_over(listener: OwnedFd) -> io::Result<OwnedFd> {
    let placed = if listener.as_raw_fd() == LISTENER_FD {
        listener
    } else {
        rustix::io::fcntl_dupfd_cloexec(&listener, LISTENER_FD)?
    };
    if placed.as_raw_fd() != LISTENER_FD {
        return Err(io::Error::other("descriptor 3 is taken"));
    }
    rustix::io::fcntl_setfd(&placed, rustix::io::FdFlags::empty())?;
    Ok(placed)
}

/// The C library hands files of unknown format to a shell; no shell runs here.
fn runnable(program: &Path) -> io::Result<()> {
    let meta = std::fs::metadata(program)?;
    if !meta.is_file() {
        return Err(rustix::io::Errno::ACCESS.into());
    }
    let mut magic = [0; 4];
    match File::open(program).and_then(|mut file| file.read(&mut magic)) {
        Ok(length) if magic[..length].starts_with(b"\x7fELF") || magic[..length].starts_with(b"#!") => Ok(()),
        Ok(_) => {
            // Whether it may be executed at all comes first.
            rustix::fs::access(program, rustix::fs::Access::EXEC_OK)?;
            Err(rustix::io::Errno::NOEXEC.into())
        }
        // Executable without being readable: the kernel decides.
        Err(_) => Ok(()),
    }
}
