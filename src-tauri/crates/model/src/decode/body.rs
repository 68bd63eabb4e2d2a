//! Bodies of HTTP messages: encodings, sizes, and telling JSON from msgpack.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;

use super::{DecodeError, Limits};

/// The first two bytes of every gzip stream. Neither JSON nor a msgpack map begins like this.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The body without its content encoding.
pub(super) fn unpack<'a>(
    bytes: &'a [u8],
    content_encoding: &str,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>, DecodeError> {
    within(bytes.len(), limits.body_bytes)?;
    let encoding = content_encoding.trim().to_ascii_lowercase();
    match encoding.as_str() {
        "gzip" | "x-gzip" => gunzip(bytes, limits.unpacked_bytes).map(Cow::Owned),
        "" | "identity" if bytes.starts_with(&GZIP_MAGIC) => {
            gunzip(bytes, limits.unpacked_bytes).map(Cow::Owned)
        }
        "" | "identity" => Ok(Cow::Borrowed(bytes)),
        _ => Err(DecodeError::Encoding(
            encoding.chars().take(crate::limits::QUOTED_CHARS).collect(),
        )),
    }
}

/// Refuses more bytes than allowed.
pub(super) fn within(bytes: usize, most: usize) -> Result<(), DecodeError> {
    if bytes > most {
        return Err(DecodeError::TooLarge(format!(
            "{bytes} bytes, at most {most} are read"
        )));
    }
    Ok(())
}

fn gunzip(bytes: &[u8], most: usize) -> Result<Vec<u8>, DecodeError> {
    let mut unpacked = Vec::new();
    // One byte beyond the limit tells "just fits" from "too much", however large the rest would be.
    MultiGzDecoder::new(bytes)
        .take(most as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|e| DecodeError::Gzip(e.to_string()))?;
    if unpacked.len() > most {
        return Err(DecodeError::TooLarge(format!(
            "more than {most} bytes when unpacked (UNPACKED_BYTES)"
        )));
    }
    Ok(unpacked)
}

/// By the content type where it says, else by the first byte: a msgpack map never begins like JSON.
pub(super) fn is_msgpack(bytes: &[u8], content_type: &str) -> bool {
    let content_type = content_type.to_ascii_lowercase();
    if content_type.contains("msgpack") {
        return true;
    }
    if content_type.contains("json") {
        return false;
    }
    matches!(bytes.first(), Some(0x80..=0x8f | 0xde | 0xdf))
}
