//! How large a package may be.

use crate::limits::{ENTRIES_MAX, PACKAGE_MAX_BYTES, RATIO_FREE_BYTES, RATIO_MAX, UNPACKED_MAX_BYTES};

/// How large a package may be. The lengths of names and depths are fixed, see [`crate::limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Archive, in bytes.
    pub archive_bytes: u64,
    /// Everything unpacked, in bytes, the archive's own headers included.
    pub unpacked_bytes: u64,
    /// Files, directories and links.
    pub entries: u64,
    /// Unpacked bytes for each byte of the archive, beyond [`Self::ratio_free_bytes`].
    pub ratio: u64,
    /// Unpacked bytes up to which the ratio does not count.
    pub ratio_free_bytes: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            archive_bytes: PACKAGE_MAX_BYTES,
            unpacked_bytes: UNPACKED_MAX_BYTES,
            entries: ENTRIES_MAX,
            ratio: RATIO_MAX,
            ratio_free_bytes: RATIO_FREE_BYTES,
        }
    }
}
