//! Sampling times of a block: mostly even steps, so what is kept is how the steps change.

use crate::codec::Damaged;
use crate::codec::varint::{Reader, put, put_runs, zigzag};
use crate::limits::CHUNK_MS;

/// Encodes rising times, in milliseconds since the epoch, of a chunk that starts at `origin_ms`.
pub(crate) fn encode_times(origin_ms: i64, times: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + times.len());
    put(&mut out, times.len() as u64);
    if let Some(first) = times.first() {
        put(&mut out, zigzag(first.wrapping_sub(origin_ms)));
    }
    let steps = times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let changes = steps.scan(0i64, |before, step| {
        let change = step.wrapping_sub(*before);
        *before = step;
        Some(change)
    });
    put_runs(&mut out, changes);
    out
}

/// Decodes what [`encode_times`] made.
pub(crate) fn decode_times(origin_ms: i64, bytes: &[u8]) -> Result<Vec<i64>, Damaged> {
    let mut reader = Reader::new(bytes);
    let count = reader.unsigned()?;
    // A chunk holds no two samples at the same millisecond.
    if count > CHUNK_MS as u64 {
        return Err(Damaged);
    }
    let mut times = Vec::with_capacity(count as usize);
    if count == 0 {
        return Ok(times);
    }
    let mut t = origin_ms.checked_add(reader.signed()?).ok_or(Damaged)?;
    let mut step = 0i64;
    times.push(t);
    for _ in 1..count {
        step = step.checked_add(reader.next_in_runs()?).ok_or(Damaged)?;
        if step <= 0 {
            return Err(Damaged);
        }
        t = t.checked_add(step).ok_or(Damaged)?;
        times.push(t);
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ORIGIN: i64 = 5_000 * CHUNK_MS;

    #[test]
    fn even_times_cost_next_to_nothing() {
        let times: Vec<i64> = (0..300).map(|i| ORIGIN + 17 + i * 1_000).collect();
        let bytes = encode_times(ORIGIN, &times);
        assert!(bytes.len() < 12, "{} bytes", bytes.len());
        assert_eq!(decode_times(ORIGIN, &bytes), Ok(times));
    }

    proptest! {
        #[test]
        fn any_rising_times_come_back(offsets in prop::collection::btree_set(0..CHUNK_MS, 0..400)) {
            let times: Vec<i64> = offsets.into_iter().map(|o| ORIGIN + o).collect();
            prop_assert_eq!(decode_times(ORIGIN, &encode_times(ORIGIN, &times)), Ok(times));
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(times) = decode_times(ORIGIN, &bytes) {
                prop_assert!(times.is_sorted());
            }
        }
    }
}
