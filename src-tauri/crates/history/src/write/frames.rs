//! Report frames: opaque bytes, of which one resembles the next. A base frame is compressed by itself, those
//! after it against the base's bytes, which makes them many times smaller.

use std::sync::Arc;

use sqlx::SqliteConnection;
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use crate::limits;

use super::Writer;

/// A frame as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EncodedFrame {
    pub(super) at_ms: i64,
    base_ms: Option<i64>,
    raw_bytes: usize,
    data: Vec<u8>,
}

/// Compresses frames.
#[derive(Default)]
pub(super) struct FrameEncoder {
    base: Option<Base>,
}

/// A frame that others build on. It is held as it is stored: its bytes, and what a compressor makes of them, are
/// needed for a moment every few seconds, and take many times as much.
struct Base {
    at_ms: i64,
    raw_bytes: usize,
    stored: Vec<u8>,
    followers: u32,
}

impl FrameEncoder {
    /// The next frame will be a base.
    pub(super) fn start_anew(&mut self) {
        self.base = None;
    }

    /// Time of the frame that the next ones build on, in milliseconds since the epoch.
    pub(super) fn base_ms(&self) -> Option<i64> {
        self.base.as_ref().map(|base| base.at_ms)
    }

    fn encode(&mut self, at_ms: i64, raw: &[u8]) -> std::io::Result<EncodedFrame> {
        if let Some(base) = self.base.as_mut().filter(|base| base.suits(at_ms, raw.len())) {
            let data = base.follow(raw)?;
            if data.len() <= base.stored.len() / 2 {
                base.followers += 1;
                return Ok(EncodedFrame {
                    at_ms,
                    base_ms: Some(base.at_ms),
                    raw_bytes: raw.len(),
                    data,
                });
            }
        }
        let data = compressor(raw.len())?.compress(raw)?;
        self.base = Some(Base {
            at_ms,
            raw_bytes: raw.len(),
            stored: data.clone(),
            followers: 0,
        });
        Ok(EncodedFrame {
            at_ms,
            base_ms: None,
            raw_bytes: raw.len(),
            data,
        })
    }
}

impl Base {
    /// A frame compressed against this one.
    fn follow(&self, raw: &[u8]) -> std::io::Result<Vec<u8>> {
        let base = zstd::bulk::decompress(&self.stored, self.raw_bytes)?;
        // Frames may grow to twice the base's size before another base is made.
        let mut compressor = compressor(self.raw_bytes.saturating_mul(3))?;
        compressor.set_dictionary(limits::FRAME_ZSTD_LEVEL, &base)?;
        compressor.compress(raw)
    }

    fn suits(&self, at_ms: i64, raw_bytes: usize) -> bool {
        let age_ms = at_ms.saturating_sub(self.at_ms);
        (0..limits::FRAME_GROUP_MS).contains(&age_ms)
            && self.followers < limits::FRAMES_PER_BASE
            && raw_bytes <= self.raw_bytes.saturating_mul(2)
    }
}

/// A compressor that finds repetitions as far back as `span` bytes.
fn compressor(span: usize) -> std::io::Result<Compressor<'static>> {
    // The format's own bounds: a window of 1 KiB to 128 MiB.
    let window = span.max(1).next_power_of_two().trailing_zeros().clamp(10, 27);
    let mut compressor = Compressor::new(limits::FRAME_ZSTD_LEVEL)?;
    compressor.set_parameter(CParameter::WindowLog(window))?;
    compressor.set_parameter(CParameter::EnableLongDistanceMatching(true))?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    Ok(compressor)
}

impl Writer {
    /// Compresses the pending frames. One at a time that has a frame already is left out.
    pub(super) async fn encode_frames(&mut self) -> Result<Vec<EncodedFrame>, sqlx::Error> {
        let mut encoded: Vec<EncodedFrame> = Vec::new();
        for (at_ms, raw) in &self.pending.frames {
            let (at_ms, raw) = (*at_ms, Arc::clone(raw));
            let stored: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM frame WHERE at_ms = ?)")
                .bind(at_ms)
                .fetch_one(&mut self.db)
                .await?;
            if stored || encoded.iter().any(|frame| frame.at_ms == at_ms) {
                continue;
            }
            let mut encoder = std::mem::take(&mut self.frames);
            let work = tokio::task::spawn_blocking(move || {
                let frame = encoder.encode(at_ms, &raw);
                (encoder, frame)
            });
            let (encoder, frame) = work.await.map_err(std::io::Error::other)?;
            self.frames = encoder;
            encoded.push(frame?);
        }
        Ok(encoded)
    }
}

pub(super) async fn write_frame(db: &mut SqliteConnection, frame: &EncodedFrame) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO frame (at_ms, base_ms, raw_bytes, stored_bytes) VALUES (?, ?, ?, ?)")
        .bind(frame.at_ms)
        .bind(frame.base_ms)
        .bind(frame.raw_bytes as i64)
        .bind(frame.data.len() as i64)
        .execute(&mut *db)
        .await?;
    sqlx::query("INSERT INTO frame_data (at_ms, data) VALUES (?, ?)")
        .bind(frame.at_ms)
        .bind(frame.data.as_slice())
        .execute(db)
        .await?;
    Ok(())
}
