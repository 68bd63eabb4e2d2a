//! Tolerant decoding of every report shape that was ever sent.

mod body;
mod context;
mod metric;
mod node;
mod pack;
mod report;
mod scalar;
mod shape;
mod surrogate;
mod template;
mod upgrade;

use std::borrow::Cow;

use serde::de::DeserializeSeed as _;

use self::context::Context;
use self::report::ReportDraft;
use self::shape::Fill;
use crate::{Report, SmolStr, Timestamp, limits};

pub(crate) use self::node::ACTIVE_CONTROLS;

/// Bounds of one decoding. [`Limits::default`] takes them from [`crate::limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes as received.
    pub body_bytes: usize,
    /// Bytes after decompression.
    pub unpacked_bytes: usize,
    /// Nodes in all topologies, nested ones included.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_bytes: limits::BODY_BYTES,
            unpacked_bytes: limits::UNPACKED_BYTES,
            nodes: limits::NODES,
        }
    }
}

/// Something odd in a report that was read all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What is odd and how it was read, one sentence.
    pub text: SmolStr,
    /// How often it occurs in the report.
    pub times: u32,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.times {
            0 | 1 => f.write_str(&self.text),
            n => write!(f, "{} ({n} times)", self.text),
        }
    }
}

impl From<Warning> for String {
    fn from(warning: Warning) -> Self {
        warning.to_string()
    }
}

/// A report and what was odd about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded {
    /// The report.
    pub report: Report,
    /// Oddities, each once, at most [`limits::WARNINGS`].
    pub warnings: Vec<Warning>,
}

/// Why a report cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or JSON of another shape; names line and column.
    #[error("{0}")]
    Json(String),
    /// Not msgpack, or of another shape.
    #[error("{0}")]
    Msgpack(String),
    /// The gzip stream is damaged.
    #[error("gzip: {0}")]
    Gzip(String),
    /// A bound of [`crate::limits`] is exceeded.
    #[error("too large: {0}")]
    TooLarge(String),
    /// A content encoding other than gzip.
    #[error("unknown content encoding {0:?}")]
    Encoding(String),
}

impl Report {
    /// Reads a report in JSON. `received` stands in for timestamps that cannot be read. Bytes after the
    /// report are tolerated, as Scope does.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a report or exceed a limit.
    pub fn from_json(bytes: &[u8], received: Timestamp) -> Result<Decoded, DecodeError> {
        json(bytes, &Limits::default(), received)
    }

    /// Reads a report in msgpack. `received` stands in for timestamps that cannot be read.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a report or exceed a limit.
    pub fn from_msgpack(bytes: &[u8], received: Timestamp) -> Result<Decoded, DecodeError> {
        msgpack(bytes, &Limits::default(), received)
    }

    /// Reads the body of an HTTP message by its content type and encoding, within the default limits.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a report or exceed a limit.
    pub fn decode_body(
        bytes: &[u8],
        content_type: &str,
        content_encoding: &str,
        received: Timestamp,
    ) -> Result<Decoded, DecodeError> {
        Self::decode_body_within(
            bytes,
            content_type,
            content_encoding,
            &Limits::default(),
            received,
        )
    }

    /// [`Self::decode_body`] within limits of the caller's choice.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a report or exceed a limit.
    pub fn decode_body_within(
        bytes: &[u8],
        content_type: &str,
        content_encoding: &str,
        limits: &Limits,
        received: Timestamp,
    ) -> Result<Decoded, DecodeError> {
        let unpacked = body::unpack(bytes, content_encoding, limits)?;
        if body::is_msgpack(&unpacked, content_type) {
            msgpack(&unpacked, limits, received)
        } else {
            json(&unpacked, limits, received)
        }
    }
}

fn json(bytes: &[u8], limits: &Limits, received: Timestamp) -> Result<Decoded, DecodeError> {
    body::within(bytes.len(), limits.unpacked_bytes)?;
    let text = std::str::from_utf8(bytes)
        .map_err(|e| DecodeError::Json(format!("invalid UTF-8 at byte {}", e.valid_up_to())))?;
    match json_text(text, limits, received) {
        Err(error) => match surrogate::without_lone(text) {
            // Python writes file names that are not UTF-8 as lone surrogates, which JSON text cannot hold.
            Cow::Owned(mended) => {
                let mut decoded = json_text(&mended, limits, received)?;
                let text = "lone surrogates in texts are replaced by U+FFFD".into();
                decoded.warnings.push(Warning { text, times: 1 });
                Ok(decoded)
            }
            Cow::Borrowed(_) => Err(error),
        },
        decoded => decoded,
    }
}

fn json_text(text: &str, limits: &Limits, received: Timestamp) -> Result<Decoded, DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    read(&mut deserializer, limits, received).map_err(DecodeError::Json)
}

fn msgpack(bytes: &[u8], limits: &Limits, received: Timestamp) -> Result<Decoded, DecodeError> {
    body::within(bytes.len(), limits.unpacked_bytes)?;
    read(&mut pack::Unpack::new(bytes), limits, received).map_err(DecodeError::Msgpack)
}

fn read<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
    limits: &Limits,
    received: Timestamp,
) -> Result<Decoded, String> {
    let mut ctx = Context::new(limits, received);
    let mut draft = ReportDraft::default();
    match Fill(&mut draft, &mut ctx).deserialize(deserializer) {
        Ok(()) => Ok(Decoded {
            report: draft.finish(),
            warnings: ctx.into_warnings(),
        }),
        Err(error) => Err(format!("{}{error}", ctx.place())),
    }
}
