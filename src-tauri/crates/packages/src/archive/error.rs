//! What can go wrong with an archive.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::manifest::ManifestError;

/// Why an archive was not unpacked. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// An entry would reach outside, or is none that a package may hold.
    #[error("the package holds `{path}`, {reason}")]
    UnsafePath {
        /// Its name as the archive has it, made printable.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is larger than it may be.
    #[error("the package is too large: {0}")]
    TooMany(String),
    /// It is no package, or a damaged one.
    #[error("the package is damaged: {0}")]
    Corrupt(String),
    /// Its manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
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
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl UnpackError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnsafePath { .. } => "unpack.unsafe_path",
            Self::TooMany(_) => "unpack.too_many",
            Self::Corrupt(_) => "unpack.corrupt",
            Self::Manifest(error) => error.code(),
            Self::Checksum { .. } => "checksum",
            Self::DiskFull(_) => "disk_full",
            Self::Io { .. } => "io",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the same again may go better.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            Self::DiskFull(_) | Self::Io { .. } | Self::Cancelled | Self::Checksum { .. }
        )
    }

    pub(super) fn unsafe_path(path: impl AsRef<[u8]>, reason: impl Into<String>) -> Self {
        let path = String::from_utf8_lossy(path.as_ref());
        Self::UnsafePath {
            path: path.escape_debug().take(crate::limits::NAME_MAX_BYTES).collect(),
            reason: reason.into(),
        }
    }
}

/// Whether a disk, or somebody's share of it, is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Puts what was being done beside what the system says.
pub(crate) fn what_io(what: &str, path: &Path) -> impl FnOnce(io::Error) -> UnpackError + use<> {
    let what = format!("{what} {}", path.display());
    move |source| {
        if is_full(&source) {
            UnpackError::DiskFull(what)
        } else {
            UnpackError::Io { what, source }
        }
    }
}

/// Why a directory was not packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Its manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It holds something that no package may hold; said as unpacking would say it.
    #[error(transparent)]
    Unfit(#[from] UnpackError),
}

impl PackError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Manifest(error) => error.code(),
            Self::Unfit(error) => error.code(),
        }
    }
}
