//! What to launch, and why it could not be.

use std::collections::BTreeMap;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use crate::first_line::FirstLineSender;
use crate::hold::LimitKind;
use crate::limits;
use crate::output::Output;

/// A program to launch.
#[derive(Debug)]
pub struct Launch {
    /// Names it in groups, in `ps` and in errors: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Counts the processes of this name.
    pub generation: u64,
    /// Absolute path.
    pub program: PathBuf,
    /// Arguments after the program's name.
    pub args: Vec<String>,
    /// Set on top of the fixed environment (`PATH`, `HOME`, `LANG`, `TMPDIR`, and `ORRERY_RUN`, by which
    /// descendants are told); nothing else is inherited.
    pub env: BTreeMap<String, String>,
    /// Working directory, which must exist; also its `HOME`.
    pub cwd: PathBuf,
    /// Account to run as; `None` is the application's own.
    pub user: Option<String>,
    /// What it may use.
    pub limits: Limits,
    /// What to do about limits that the kernel cannot hold.
    pub enforce: Enforce,
    /// Where its output goes.
    pub output: Output,
    /// A directory of its own for temporary files: emptied at the start, removed at the end, its `TMPDIR`.
    pub private_tmp: Option<PathBuf>,
    /// A bound socket handed over as descriptor 3, with `LISTEN_FDS` and `LISTEN_PID` set.
    pub listener: Option<UnixListener>,
    /// Who waits for the first line of its standard output, which goes to its output as well.
    pub first_line: Option<FirstLineSender>,
}

impl Launch {
    /// A program with nothing special about it.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>, cwd: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            generation: 1,
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: cwd.into(),
            user: None,
            limits: Limits::default(),
            enforce: Enforce::BestEffort,
            output: Output::in_memory(),
            private_tmp: None,
            listener: None,
            first_line: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), LaunchError> {
        let invalid = |why: String| Err(LaunchError::Invalid(why));
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty()
            || self.name.starts_with('.')
            || self.name.len() > limits::NAME_CHARS
            || !self.name.chars().all(good)
        {
            return invalid(format!("'{}' is no usable name", self.name.escape_default()));
        }
        if !self.program.is_absolute() || !self.cwd.is_absolute() {
            return invalid("program and working directory must be absolute paths".to_owned());
        }
        let nul = |text: &String| text.contains('\0');
        if self.args.iter().any(nul) || self.env.iter().any(|(key, value)| nul(key) || nul(value)) {
            return invalid("arguments and environment must not contain NUL".to_owned());
        }
        if let Some(key) = self.env.keys().find(|key| key.is_empty() || key.contains('=')) {
            return invalid(format!("'{key}' cannot name an environment variable"));
        }
        if let Some(cpu) = self.limits.cpu_percent
            && !(cpu.is_finite() && cpu > 0.0)
        {
            return invalid(format!("a CPU limit of {cpu} % makes no sense"));
        }
        if [self.limits.memory_bytes, self.limits.pids, self.limits.open_files].contains(&Some(0)) {
            return invalid("a limit of zero makes no sense".to_owned());
        }
        Ok(())
    }
}

/// What a program and all its descendants may use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// CPU in per cent of one core; more than 100 is allowed.
    pub cpu_percent: Option<f64>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Open file descriptors of each process.
    pub open_files: Option<u64>,
}

/// What to do about limits that the kernel cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Enforce {
    /// Start anyway and mark them as advisory.
    #[default]
    BestEffort,
    /// Refuse to start.
    Required,
}

/// Why a program could not be launched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// There is no such program.
    #[error("{path} does not exist")]
    Missing {
        /// The program.
        path: String,
    },
    /// It cannot be executed.
    #[error("{path} cannot be executed: {why}")]
    NotExecutable {
        /// The program.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// We, or the account it should run as, may not execute it.
    #[error("{path} may not be executed: {why}")]
    Permission {
        /// The program.
        path: String,
        /// The kernel's words.
        why: String,
    },
    /// The interpreter named in its first line is missing.
    #[error("{path} names an interpreter that does not exist: {interpreter}")]
    BadInterpreter {
        /// The program.
        path: String,
        /// The interpreter.
        interpreter: String,
    },
    /// The working or temporary directory cannot be used.
    #[error("cannot use the directory {path}: {why}")]
    Directory {
        /// The directory.
        path: String,
        /// The kernel's words.
        why: String,
    },
    /// It cannot run as that account.
    #[error("cannot run as '{user}': {why}")]
    User {
        /// The account.
        user: String,
        /// Why not.
        why: String,
    },
    /// A required limit cannot be enforced here.
    #[error("the {limit} limit is required, but cannot be enforced here: {why}")]
    Unsupported {
        /// The limit.
        limit: LimitKind,
        /// Why not.
        why: String,
    },
    /// The request makes no sense.
    #[error("cannot launch: {0}")]
    Invalid(String),
    /// A step before the program's start failed.
    #[error("cannot launch: {step}: {why}")]
    Step {
        /// What was being done.
        step: String,
        /// The kernel's words.
        why: String,
    },
    /// As many programs run as may.
    #[error("{} programs run already", limits::MAX_PROCESSES)]
    TooMany,
    /// The launch took too long.
    #[error("the program was not started within {} s", limits::LAUNCH_TIME.as_secs())]
    Timeout,
    /// The guardian process is missing; a new one is being started.
    #[error("the guardian process ended; a new one is being started")]
    Guardian,
    /// The runner was shut down.
    #[error("shutting down")]
    ShutDown,
}

impl LaunchError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::NotExecutable { .. } | Self::BadInterpreter { .. } => "not_executable",
            Self::Permission { .. } => "permission",
            Self::Directory { .. } => "directory",
            Self::User { .. } => "user",
            Self::Unsupported { .. } => "unsupported",
            Self::Invalid(_) => "invalid",
            Self::Step { .. } => "spawn",
            Self::TooMany => "too_many",
            Self::Timeout => "timeout",
            Self::Guardian => "guardian",
            Self::ShutDown => "shut_down",
        }
    }

    /// True when trying again may help although nothing was changed.
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            Self::Step { .. } | Self::TooMany | Self::Timeout | Self::Guardian
        )
    }
}
