//! What can go wrong with fetching.

use std::io;
use std::path::Path;

use crate::archive::is_full;

/// Why a package was not fetched. Nothing of it is left behind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It cannot be asked for at all: no address, one that is not safe, or no good index.
    #[error("{0}")]
    Address(String),
    /// It is not there.
    #[error("{0} is not there")]
    NotFound(String),
    /// The server cannot be reached, or the connection broke.
    #[error("{0}")]
    Network(String),
    /// The server says no.
    #[error("{shown} answered {status}")]
    Status {
        /// What was asked for.
        shown: String,
        /// The status.
        status: u16,
    },
    /// It took too long.
    #[error("{0}")]
    Timeout(String),
    /// It is larger than it may be.
    #[error("the package is larger than {max_bytes} bytes")]
    TooLarge {
        /// The most that is taken.
        max_bytes: u64,
    },
    /// It is not the file that was expected.
    #[error("the package's SHA-256 is {found}, and {expected} was expected")]
    Checksum {
        /// The sum expected.
        expected: String,
        /// The sum found.
        found: String,
    },
    /// There is no room for it.
    #[error("the disk is full: {0}")]
    DiskFull(String),
    /// The file system says no.
    #[error("{0}")]
    Io(String),
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl FetchError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "fetch.address",
            Self::NotFound(_) => "fetch.not_found",
            Self::Network(_) => "fetch.network",
            Self::Status { .. } => "fetch.status",
            Self::Timeout(_) => "fetch.timeout",
            Self::TooLarge { .. } => "fetch.too_large",
            Self::Checksum { .. } => "checksum",
            Self::DiskFull(_) => "disk_full",
            Self::Io(_) => "io",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the same again may go better.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Network(_) | Self::Timeout(_) | Self::DiskFull(_) | Self::Io(_) | Self::Cancelled => true,
            Self::Status { status, .. } => status_is_passing(*status),
            Self::Address(_) | Self::NotFound(_) | Self::TooLarge { .. } | Self::Checksum { .. } => false,
        }
    }

    /// Whether another try of the same download may go better. A full disk is not emptied by trying.
    pub(super) fn worth_another_try(&self) -> bool {
        matches!(self, Self::Network(_) | Self::Timeout(_))
            || matches!(self, Self::Status { status, .. } if status_is_passing(*status))
    }
}

/// Statuses that pass: the server is busy or in trouble.
fn status_is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

pub(super) fn io_error(path: &Path, error: io::Error) -> FetchError {
    let text = format!("{}: {error}", path.display());
    if is_full(&error) {
        FetchError::DiskFull(text)
    } else {
        FetchError::Io(text)
    }
}
