//! What can be wrong with signatures and keys.

use std::io;
use std::path::PathBuf;

use crate::archive::UnpackError;

/// Why a package is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There has to be a signature, and there is none.
    #[error(
        "the package is not signed, and this machine takes signed ones alone; its signature lies beside it as {0}"
    )]
    Missing(String),
    /// Nobody here knows the key, or it may not sign for this plugin.
    #[error("{0}")]
    UnknownKey(String),
    /// The signature is not of this package.
    #[error("the package's signature is wrong: {0}")]
    Bad(String),
    /// It is no package, not the file expected, or it cannot be read.
    #[error(transparent)]
    Package(#[from] UnpackError),
}

impl VerifyError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "signature.missing",
            Self::UnknownKey(_) => "signature.unknown_key",
            Self::Bad(_) => "signature.bad",
            Self::Package(error) => error.code(),
        }
    }

    /// Whether the same again may go better.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Missing(_) | Self::UnknownKey(_) | Self::Bad(_) => false,
            Self::Package(error) => error.retryable(),
        }
    }
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no key.
    #[error("{}: {reason}", path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What is to be signed is no package.
    #[error(transparent)]
    Package(#[from] UnpackError),
}

impl KeyError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::Bad { .. } => "key",
            Self::Package(error) => error.code(),
        }
    }
}
