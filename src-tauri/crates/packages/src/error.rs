//! Everything that can go wrong with a package, in one type with stable codes.

use crate::archive::{PackError, UnpackError};
use crate::fetch::FetchError;
use crate::manifest::ManifestError;
use crate::policy::PolicyError;
use crate::trust::{KeyError, VerifyError};

/// What went wrong with a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// It could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is not trusted.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// It could not be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// Its manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It is not for this machine: every rule that does not match.
    #[error("this plugin is not for this machine: {}", .0.join("; "))]
    HostMismatch(Vec<String>),
    /// Its config is not as its rules say: everything that is wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Policy(Vec<PolicyError>),
    /// It could not be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A key could not be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl PackageError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.code(),
            Self::Verify(error) => error.code(),
            Self::Unpack(error) => error.code(),
            Self::Manifest(error) => error.code(),
            Self::HostMismatch(_) => "host_mismatch",
            Self::Policy(_) => "policy",
            Self::Pack(error) => error.code(),
            Self::Key(error) => error.code(),
        }
    }

    /// Whether the same again may go better.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Fetch(error) => error.retryable(),
            Self::Unpack(error) => error.retryable(),
            Self::Verify(error) => error.retryable(),
            Self::Manifest(_) | Self::HostMismatch(_) | Self::Policy(_) | Self::Pack(_) | Self::Key(_) => {
                false
            }
        }
    }
}
