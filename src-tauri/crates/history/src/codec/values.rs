//! Values of a block, in the shortest of three forms, always exact to the last bit.
//!
//! * constant: one value for all
//! * decimal: whole numbers after shifting the decimal point; kept are the differences, runs of none as one
//! * float: the bits that differ from the value before (after Facebook's Gorilla)

use crate::codec::Damaged;
use crate::codec::bits::{BitReader, BitWriter};
use crate::codec::varint::{Reader, put, put_runs, zigzag};

const CONSTANT: u8 = 0;
const FLOAT: u8 = 1;
/// `DECIMAL + n` shifts the point by n places.
const DECIMAL: u8 = 2;
const SCALES: [f64; 5] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0];
/// Whole numbers up to this are exact as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Five bits hold the number of leading zeros.
const MAX_LEADING: u32 = 31;

/// Encodes values; decoding must be told how many they are.
pub(crate) fn encode_values(values: &[f64]) -> Vec<u8> {
    let Some(&first) = values.first() else {
        return Vec::new();
    };
    if values.iter().all(|v| v.to_bits() == first.to_bits()) {
        let mut out = vec![CONSTANT];
        out.extend(first.to_le_bytes());
        return out;
    }
    let float = encode_float(values);
    match encode_decimal(values) {
        Some(decimal) if decimal.len() <= float.len() => decimal,
        _ => float,
    }
}

/// Decodes `count` values.
pub(crate) fn decode_values(count: usize, bytes: &[u8]) -> Result<Vec<f64>, Damaged> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut reader = Reader::new(bytes);
    match reader.byte()? {
        CONSTANT => Ok(vec![reader.float()?; count]),
        FLOAT => decode_float(count, reader.rest()),
        tag => {
            let scale = *SCALES
                .get(usize::from(tag.wrapping_sub(DECIMAL)))
                .ok_or(Damaged)?;
            decode_decimal(count, scale, reader)
        }
    }
}

fn encode_decimal(values: &[f64]) -> Option<Vec<u8>> {
    let (places, scale) = SCALES
        .iter()
        .enumerate()
        .find(|(_, scale)| values.iter().all(|v| whole(*v, **scale).is_some()))?;
    let numbers: Vec<i64> = values.iter().filter_map(|v| whole(*v, *scale)).collect();
    let mut out = Vec::with_capacity(2 + values.len());
    out.push(DECIMAL + places as u8);
    put(&mut out, zigzag(*numbers.first()?));
    put_runs(&mut out, numbers.windows(2).map(|pair| pair[1] - pair[0]));
    Some(out)
}

/// The value times the scale, when it is a whole number from which the value comes back exactly.
fn whole(value: f64, scale: f64) -> Option<i64> {
    let scaled = (value * scale).round();
    if scaled.abs() >= EXACT {
        return None;
    }
    let number = scaled as i64;
    // Through the integer, as decoding goes: it knows no negative zero.
    (number as f64 / scale)
        .to_bits()
        .eq(&value.to_bits())
        .then_some(number)
}

fn decode_decimal(count: usize, scale: f64, mut reader: Reader<'_>) -> Result<Vec<f64>, Damaged> {
    let mut n = reader.signed()?;
    let mut values = Vec::with_capacity(count);
    values.push(n as f64 / scale);
    for _ in 1..count {
        n = n.checked_add(reader.next_in_runs()?).ok_or(Damaged)?;
        values.push(n as f64 / scale);
    }
    Ok(values)
}

fn encode_float(values: &[f64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(9 + values.len() * 4);
    out.push(FLOAT);
    let mut bits = BitWriter::new(&mut out);
    let mut before = 0u64;
    // The window of meaningful bits that the last value with one of its own set.
    let mut window: Option<(u32, u32)> = None;
    for (i, value) in values.iter().map(|v| v.to_bits()).enumerate() {
        if i == 0 {
            bits.put(value, 64);
            before = value;
            continue;
        }
        let xor = value ^ before;
        before = value;
        if xor == 0 {
            bits.put(0, 1);
            continue;
        }
        bits.put(1, 1);
        let (leading, trailing) = (xor.leading_zeros().min(MAX_LEADING), xor.trailing_zeros());
        match window {
            Some((l, t)) if leading >= l && trailing >= t => {
                bits.put(0, 1);
                bits.put(xor >> t, 64 - l - t);
            }
            _ => {
                bits.put(1, 1);
                bits.put(u64::from(leading), 5);
                let meaningful = 64 - leading - trailing;
                bits.put(u64::from(meaningful - 1), 6);
                bits.put(xor >> trailing, meaningful);
                window = Some((leading, trailing));
            }
        }
    }
    out
}

fn decode_float(count: usize, bytes: &[u8]) -> Result<Vec<f64>, Damaged> {
    let mut bits = BitReader::new(bytes);
    let mut value = bits.take(64)?;
    let mut values = Vec::with_capacity(count);
    values.push(f64::from_bits(value));
    let mut window: Option<(u32, u32)> = None;
    for _ in 1..count {
        if bits.take(1)? == 1 {
            if bits.take(1)? == 1 {
                let leading = bits.take(5)? as u32;
                let meaningful = bits.take(6)? as u32 + 1;
                let trailing = 64u32.checked_sub(leading + meaningful).ok_or(Damaged)?;
                window = Some((leading, trailing));
            }
            let (leading, trailing) = window.ok_or(Damaged)?;
            value ^= bits.take(64 - leading - trailing)? << trailing;
        }
        values.push(f64::from_bits(value));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(name: &str, values: &[f64], most_bytes: usize) {
        let bytes = encode_values(values);
        assert!(bytes.len() <= most_bytes, "{name}: {} bytes", bytes.len());
        let back = decode_values(values.len(), &bytes).unwrap();
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(values), "{name}");
    }

    #[test]
    fn typical_series_are_short_and_exact() {
        let series = |f: fn(u32) -> f64| (0..300).map(f).collect::<Vec<f64>>();
        check("none", &[], 0);
        check("one", &[0.1], 9);
        check("constant", &series(|_| 4.7), 9);
        check(
            "idle with a blip",
            &series(|i| if i == 77 { 1.5 } else { 0.0 }),
            12,
        );
        check(
            "memory in pages",
            &series(|i| f64::from(i / 10) * 4096.0 + 1e9),
            160,
        );
        check("hundredths", &series(|i| f64::from(i % 7) / 100.0), 310);
        check("counter", &series(|i| f64::from(i) * 1500.0), 620);
        check("negative zero stays", &[0.0, -0.0, 1.0], 40);
        check("thirds", &series(|i| f64::from(i) / 3.0), 2_600);
        check("extremes", &[f64::MAX, f64::MIN, f64::MIN_POSITIVE, 0.0], 60);
    }

    proptest! {
        #[test]
        fn any_values_come_back(values in prop::collection::vec(any::<f64>(), 0..300)) {
            let back = decode_values(values.len(), &encode_values(&values)).unwrap();
            prop_assert!(back.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()));
            prop_assert_eq!(back.len(), values.len());
        }

        #[test]
        fn decimals_come_back(numbers in prop::collection::vec(-100_000i64..100_000, 1..300), places in 0usize..5) {
            let values: Vec<f64> = numbers.iter().map(|n| *n as f64 / SCALES[places]).collect();
            prop_assert_eq!(decode_values(values.len(), &encode_values(&values)), Ok(values));
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..400) {
            if let Ok(values) = decode_values(count, &bytes) {
                prop_assert_eq!(values.len(), count);
            }
        }
    }
}
