//! Who made a package: signatures, keys, and how much they count.

mod error;
mod keyring;
mod sign;
mod verify;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use error::{KeyError, VerifyError};
pub use keyring::Keyring;
pub use sign::{KeyPair, keygen, sign, sign_program};
pub use verify::{Verified, verify, verify_program};

/// How much signatures count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// They are not looked at.
    Off,
    /// A package may have none; one that it has must be good.
    #[default]
    Warn,
    /// Every package has a good one.
    Require,
}

impl FromStr for Trust {
    type Err = String;

    /// # Errors
    /// The words there are.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "warn" => Ok(Self::Warn),
            "require" => Ok(Self::Require),
            _ => Err("trust is off, warn or require".to_owned()),
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Require => "require",
        })
    }
}

/// What is known of a package's signature. Shown as `off`, `unsigned` or `valid:<key>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// Nobody looked.
    Off,
    /// It has none.
    Unsigned,
    /// It is good.
    Valid {
        /// Name of the key: the name of its file.
        key: String,
    },
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Unsigned => f.write_str("unsigned"),
            Self::Valid { key } => write!(f, "valid:{key}"),
        }
    }
}

/// Where the signature of a package lies: beside it, with `.minisig` at the end.
#[must_use]
pub fn signature_file(archive: &Path) -> PathBuf {
    crate::beside(archive, ".minisig")
}
