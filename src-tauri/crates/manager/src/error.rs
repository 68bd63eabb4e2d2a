//! Why an order is refused, and why an operation failed.

use orrery_packages::PackageError;
use orrery_packages::policy::PolicyError;
use orrery_store::StoreError;

/// Why the manager could not begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The records could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A directory could not be made.
    #[error("cannot make the directory {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Why an order is refused: nothing was begun.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OrderError {
    /// No plugin of this id is registered.
    #[error("plugin {plugin} is not registered")]
    NotRegistered {
        /// Plugin id.
        plugin: String,
    },
    /// A plugin of this id is registered; it stays.
    #[error("plugin {plugin} is already registered, from {source_of_first}")]
    AlreadyRegistered {
        /// Plugin id.
        plugin: String,
        /// Where the first one comes from.
        source_of_first: String,
    },
    /// It runs by itself.
    #[error("plugin {plugin} is managed and cannot be started by hand")]
    Automatic {
        /// Plugin id.
        plugin: String,
    },
    /// It is switched off.
    #[error("plugin {plugin} is switched off; enable it first")]
    Disabled {
        /// Plugin id.
        plugin: String,
    },
    /// Its files are the user's or the system's.
    #[error("plugin {plugin} is local: its files are not Orrery's to change; edit {path} instead")]
    Local {
        /// Plugin id.
        plugin: String,
        /// Its manifest.
        path: String,
    },
    /// Another operation has it, and the caller does not want to wait.
    #[error("plugin {plugin} is busy with operation {operation}")]
    Busy {
        /// Plugin id.
        plugin: String,
        /// The operation that stands in the way.
        operation: String,
    },
    /// There is no such revision.
    #[error("plugin {plugin} keeps no {} to go back to", version.as_deref().map_or("other revision".to_owned(), |v| format!("revision {v}")))]
    NoRevision {
        /// Plugin id.
        plugin: String,
        /// Version that was asked for.
        version: Option<String>,
    },
    /// The config is not as the plugin's rules say: everything that is wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Policy(Vec<PolicyError>),
    /// The order makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// There is no such upload.
    #[error("there is no upload {0}; it may have been dropped because nobody ordered it")]
    NoUpload(String),
    /// There is no such operation.
    #[error("there is no operation {0}")]
    NoOperation(String),
    /// It has ended, or is past the point from which it can go back.
    #[error("operation {0} cannot be cancelled now")]
    NotCancellable(String),
    /// Too much is under way.
    #[error("{0}")]
    TooMany(String),
    /// A plugin's directory or manifest is not safe to run from.
    #[error("{0}")]
    Unsafe(String),
    /// The manifest of a local plugin is wrong.
    #[error("{message}")]
    Manifest {
        /// Stable code.
        code: String,
        /// What is wrong.
        message: String,
    },
    /// The journal cannot be written, so nothing is begun.
    #[error("the journal cannot be written: {0}")]
    Store(String),
    /// Orrery is ending.
    #[error("Orrery is shutting down")]
    ShuttingDown,
}

impl OrderError {
    /// Stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::NotRegistered { .. } | Self::NoOperation(_) | Self::NoUpload(_) => "not_found",
            Self::AlreadyRegistered { .. } => "already_registered",
            Self::Automatic { .. } => "automatic",
            Self::Disabled { .. } => "disabled",
            Self::Local { .. } => "local",
            Self::Busy { .. } => "busy",
            Self::NoRevision { .. } => "no_revision",
            Self::Policy(_) => "policy",
            Self::Invalid(_) => "invalid",
            Self::NotCancellable(_) => "not_cancellable",
            Self::TooMany(_) => "too_many",
            Self::Unsafe(_) => "unsafe",
            Self::Manifest { code, .. } => code,
            Self::Store(_) => "store",
            Self::ShuttingDown => "shutting_down",
        }
    }

    /// Whether the same order may be taken later.
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. } | Self::TooMany(_) | Self::Store(_) | Self::ShuttingDown
        )
    }
}

/// Why an operation failed, as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// Stable code.
    pub code: String,
    /// What happened.
    pub text: String,
    /// Whether the same again may go better.
    pub retryable: bool,
}

impl Failure {
    pub(crate) fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        Failure {
            code: code.into(),
            text: shortened(&text.into()),
            retryable: false,
        }
    }

    pub(crate) fn retryable(self) -> Self {
        Failure {
            retryable: true,
            ..self
        }
    }

    pub(crate) fn cancelled() -> Self {
        Failure::new("cancelled", "cancelled").retryable()
    }

    /// What went wrong with a package.
    pub(crate) fn package(error: impl Into<PackageError>) -> Self {
        let error = error.into();
        Failure {
            retryable: error.retryable(),
            ..Failure::new(error.code(), error.to_string())
        }
    }

    /// Orrery is ending; what can go on at the next start is left as it is.
    pub(crate) fn closing() -> Self {
        Failure::new("shutting_down", "Orrery was shut down").retryable()
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.code == "shutting_down"
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.code == "cancelled"
    }

    pub(crate) fn file(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Failure::new("file", format!("cannot {doing} {}: {error}", path.display())).retryable()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::new("store", error.to_string()).retryable()
    }
}

/// Keeps the beginning of the first line of a text that is too long, and its end: the one is our reason, the other is
/// where programs say why they gave up.
fn shortened(text: &str) -> String {
    const GAP: &str = "\n…\n";
    let max = crate::limits::REASON_CHARS;
    let count = text.chars().count();
    if count <= max {
        return text.to_owned();
    }
    let first = text.lines().next().unwrap_or_default();
    let first: String = first.chars().take(max / 4).collect();
    let left = max - first.chars().count() - GAP.chars().count();
    let end: String = text.chars().skip(count - left).collect();
    format!("{first}{GAP}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_keeps_its_beginning_and_its_end() {
        let max = crate::limits::REASON_CHARS;
        let check = |text: &str, starts: &str, ends: &str| {
            let short = Failure::new("x", text).text;
            assert!(short.chars().count() <= max, "{short}");
            assert!(short.starts_with(starts) && short.ends_with(ends), "{short}");
        };
        check("It exited.", "It exited.", "It exited.");
        let lines = format!("It exited.\n{}\nno disk", "é".repeat(3 * max));
        check(&lines, "It exited.\n…\né", "no disk");
        let one = format!("{}end", "x".repeat(3 * max));
        check(&one, &"x".repeat(max / 4), "xend");
        check(&"y".repeat(max), "y", "y");
    }
}
