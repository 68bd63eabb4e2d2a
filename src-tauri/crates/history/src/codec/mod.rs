//! How samples are laid out in bytes. Pure, and decoding never panics, whatever the bytes.

mod bits;
mod tail;
mod times;
mod values;
mod varint;

pub(crate) use tail::{TailSample, decode_tail, encode_tail};
pub(crate) use times::{decode_times, encode_times};
pub(crate) use values::{decode_values, encode_values};

/// Bytes that are not what encoding makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored samples are damaged")]
pub(crate) struct Damaged;
