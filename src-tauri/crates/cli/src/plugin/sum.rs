//! SHA-256 of a file.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Piece that is summed at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// The sum in lower-case hexadecimal.
pub(super) fn of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut sum = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            read => sum.update(&chunk[..read]),
        }
    }
}
