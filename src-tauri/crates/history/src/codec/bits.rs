//! Single bits in a row of bytes, highest first.

use crate::codec::Damaged;

/// Appends bits.
#[derive(Debug)]
pub(crate) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Bits that are free in the last byte.
    free: u32,
}

impl<'a> BitWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        BitWriter { out, free: 0 }
    }

    /// Appends the lowest `count` bits of `bits`, 64 at most.
    pub(crate) fn put(&mut self, bits: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.out.push(0);
                self.free = 8;
            }
            let take = left.min(self.free);
            let part = (bits >> (left - take)) & ((1 << take) - 1);
            if let Some(last) = self.out.last_mut() {
                *last |= (part << (self.free - take)) as u8;
            }
            self.free -= take;
            left -= take;
        }
    }
}

/// Reads bits.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        BitReader { bytes, at: 0 }
    }

    /// The next `count` bits, 64 at most.
    pub(crate) fn take(&mut self, count: u32) -> Result<u64, Damaged> {
        let mut bits = 0u64;
        let mut left = count;
        while left > 0 {
            let byte = u64::from(*self.bytes.get(self.at / 8).ok_or(Damaged)?);
            let free = 8 - (self.at % 8) as u32;
            let take = left.min(free);
            let part = (byte >> (free - take)) & ((1 << take) - 1);
            bits = (bits << take) | part;
            self.at += take as usize;
            left -= take;
        }
        Ok(bits)
    }
}
