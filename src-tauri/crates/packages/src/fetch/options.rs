//! Where a package comes from, and how hard it is tried to get it.

use std::path::PathBuf;
use std::time::Duration;

use crate::limits::{
    FETCH_ATTEMPTS, FETCH_STALL_TIMEOUT, FETCH_TOTAL_TIMEOUT, FETCH_TRY_TIMEOUT, FETCH_WAIT_FIRST,
    FETCH_WAIT_MAX, PACKAGE_MAX_BYTES,
};

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file on this machine.
    File {
        /// Its path.
        path: PathBuf,
        /// SHA-256 that it has to have, in hexadecimal; else the one in `<path>.sha256`, if there is one.
        sha256: Option<String>,
    },
    /// An address: `https`, or `http` to this machine itself.
    Url {
        /// The address.
        url: String,
        /// SHA-256 that it has to have, in hexadecimal; else the one at `<url>.sha256`, if there is one.
        sha256: Option<String>,
    },
    /// A directory index.
    Index {
        /// Its address or path.
        index: String,
        /// Id of the plugin.
        plugin: String,
        /// Version; the newest that runs on this machine when not given.
        version: Option<String>,
    },
}

/// How hard it is tried to get a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchOptions {
    /// Tries; at least one.
    pub attempts: usize,
    /// Longest time of one try; a later one goes on where it stopped, if the server can.
    pub try_timeout: Duration,
    /// Longest time of everything together.
    pub total_timeout: Duration,
    /// Longest silence of the server within a try.
    pub stall_timeout: Duration,
    /// Wait after the first failed try; it doubles, and is lengthened at random by up to as much again.
    pub wait_first: Duration,
    /// Longest wait, also where the server asks for more; the random part comes on top.
    pub wait_max: Duration,
    /// Largest package, in bytes.
    pub max_bytes: u64,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            attempts: FETCH_ATTEMPTS,
            try_timeout: FETCH_TRY_TIMEOUT,
            total_timeout: FETCH_TOTAL_TIMEOUT,
            stall_timeout: FETCH_STALL_TIMEOUT,
            wait_first: FETCH_WAIT_FIRST,
            wait_max: FETCH_WAIT_MAX,
            max_bytes: PACKAGE_MAX_BYTES,
        }
    }
}
