//! Rows of the tail: what one commit brought, in columns, compressed quickly rather than well.

use crate::codec::Damaged;
use crate::codec::varint::{Reader, put, zigzag};
use crate::limits::{TAIL_ROW_SAMPLES, TAIL_ZSTD_LEVEL};

/// A sample and the series it belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TailSample {
    pub(crate) series: i64,
    pub(crate) t_ms: i64,
    pub(crate) value: f64,
}

/// Most bytes that a sample takes before compression: two integers of ten and a float of eight.
const SAMPLE_BYTES: usize = 28;
/// The same for a whole row, with the count before it.
const ROW_BYTES: usize = 10 + TAIL_ROW_SAMPLES * SAMPLE_BYTES;

/// Encodes at most [`TAIL_ROW_SAMPLES`] samples, sorted by series.
pub(crate) fn encode_tail(samples: &[TailSample]) -> std::io::Result<Vec<u8>> {
    let mut raw = Vec::with_capacity(10 + samples.len() * 12);
    put(&mut raw, samples.len() as u64);
    let mut before = 0;
    for sample in samples {
        put(&mut raw, zigzag(sample.series.wrapping_sub(before)));
        before = sample.series;
    }
    let mut before = 0;
    for sample in samples {
        put(&mut raw, zigzag(sample.t_ms.wrapping_sub(before)));
        before = sample.t_ms;
    }
    for sample in samples {
        raw.extend(sample.value.to_le_bytes());
    }
    zstd::bulk::compress(&raw, TAIL_ZSTD_LEVEL)
}

/// Decodes what [`encode_tail`] made.
pub(crate) fn decode_tail(bytes: &[u8]) -> Result<Vec<TailSample>, Damaged> {
    let raw = zstd::bulk::decompress(bytes, ROW_BYTES).map_err(|_| Damaged)?;
    let mut reader = Reader::new(&raw);
    let count = reader.unsigned()?;
    if count > TAIL_ROW_SAMPLES as u64 {
        return Err(Damaged);
    }
    let mut samples = Vec::with_capacity(count as usize);
    let mut series = 0i64;
    for _ in 0..count {
        series = series.wrapping_add(reader.signed()?);
        samples.push(TailSample {
            series,
            t_ms: 0,
            value: 0.0,
        });
    }
    let mut t_ms = 0i64;
    for sample in &mut samples {
        t_ms = t_ms.wrapping_add(reader.signed()?);
        sample.t_ms = t_ms;
    }
    for sample in &mut samples {
        sample.value = reader.float()?;
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_samples_come_back(samples in prop::collection::vec((any::<i64>(), any::<i64>(), -1e300..1e300), 0..200)) {
            let samples: Vec<TailSample> =
                samples.into_iter().map(|(series, t_ms, value)| TailSample { series, t_ms, value }).collect();
            prop_assert_eq!(decode_tail(&encode_tail(&samples).unwrap()), Ok(samples));
        }

        #[test]
        fn any_bytes_are_refused_or_decoded(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            // As stored, and as what comes out of a sound frame.
            let _ = decode_tail(&bytes);
            let framed = zstd::bulk::compress(&bytes, 1).unwrap();
            if let Ok(samples) = decode_tail(&framed) {
                prop_assert!(samples.len() <= bytes.len());
            }
        }
    }
}
