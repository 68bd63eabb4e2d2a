//! SHA-256 sums in hexadecimal.

use std::fmt::Write as _;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::limits::CHUNK_BYTES;

/// Characters of a sum.
const SUM_CHARS: usize = 64;

/// A running sum.
#[derive(Clone, Default)]
pub(crate) struct Sum(Sha256);

impl Sum {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The sum in lower-case hexadecimal.
    pub(crate) fn finish(self) -> String {
        let mut hex = String::with_capacity(SUM_CHARS);
        for byte in self.0.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

/// The sum of everything that can be read.
pub(crate) fn sum_of(mut from: impl Read) -> io::Result<String> {
    let mut sum = Sum::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok(sum.finish()),
            read => sum.update(&chunk[..read]),
        }
    }
}

/// A sum as somebody wrote it, in lower case; nothing when it is none. `sha256sum` writes a file name after it.
pub(crate) fn parse_sum(text: &str) -> Option<String> {
    let sum = text.split_whitespace().next()?;
    let sum = sum.strip_prefix("sha256:").unwrap_or(sum);
    let good = sum.len() == SUM_CHARS && sum.bytes().all(|b| b.is_ascii_hexdigit());
    good.then(|| sum.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_known_ones() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sum_of(&b""[..]).unwrap(), empty);
        assert_eq!(
            parse_sum(&format!("{}  a.tar.gz\n", empty.to_uppercase())),
            Some(empty.into())
        );
        assert_eq!(parse_sum(&format!("sha256:{empty}")), Some(empty.into()));
        assert_eq!(parse_sum(&empty[1..]), None);
        assert_eq!(parse_sum("ä"), None);
        assert_eq!(parse_sum(""), None);
    }
}
