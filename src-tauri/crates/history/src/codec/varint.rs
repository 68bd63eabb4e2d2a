//! Integers in as few bytes as they need, and runs of zeros in two.

use crate::codec::Damaged;

/// Appends an integer, seven bits to a byte, lowest first.
pub(crate) fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Folds the sign into the lowest bit, so that small negative numbers stay short.
pub(crate) fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

/// Undoes [`zigzag`].
pub(crate) fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

/// Appends signed numbers, a run of zeros as a zero and the run's length less one.
pub(crate) fn put_runs(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = i64>) {
    let mut zeros = 0u64;
    for n in numbers {
        if n == 0 {
            zeros += 1;
            continue;
        }
        put_zeros(out, &mut zeros);
        put(out, zigzag(n));
    }
    put_zeros(out, &mut zeros);
}

fn put_zeros(out: &mut Vec<u8>, zeros: &mut u64) {
    if *zeros > 0 {
        put(out, 0);
        put(out, *zeros - 1);
        *zeros = 0;
    }
}

/// Reads what the functions above wrote.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    zeros: u64,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader {
            rest: bytes,
            zeros: 0,
        }
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Damaged> {
        let (&byte, rest) = self.rest.split_first().ok_or(Damaged)?;
        self.rest = rest;
        Ok(byte)
    }

    pub(crate) fn unsigned(&mut self) -> Result<u64, Damaged> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(Damaged)
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Damaged> {
        self.unsigned().map(unzigzag)
    }

    /// The next of the numbers that [`put_runs`] wrote.
    pub(crate) fn next_in_runs(&mut self) -> Result<i64, Damaged> {
        if self.zeros > 0 {
            self.zeros -= 1;
            return Ok(0);
        }
        let n = self.unsigned()?;
        if n == 0 {
            self.zeros = self.unsigned()?;
        }
        Ok(unzigzag(n))
    }

    /// The next eight bytes as a float.
    pub(crate) fn float(&mut self) -> Result<f64, Damaged> {
        let (bytes, rest) = self.rest.split_first_chunk::<8>().ok_or(Damaged)?;
        self.rest = rest;
        Ok(f64::from_le_bytes(*bytes))
    }
}
