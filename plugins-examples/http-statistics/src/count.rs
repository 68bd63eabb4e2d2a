//! Counting messages by the server's end, each once: a packet over loopback is captured twice, and lost
//! segments are sent again.

use std::collections::{BTreeMap, HashMap};

use crate::http::{Message, messages};
use crate::limits::{CODES_MAX, FLOWS_MAX, SERVERS_MAX};
use crate::packet::{End, Segment};

/// What a server did since the last round.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) responses: BTreeMap<u16, u64>,
}

/// Counts by server since the last round.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    servers: BTreeMap<End, Counts>,
    /// Number after the last byte seen of each direction.
    seen: HashMap<(End, End), u32>,
}

impl Counter {
    /// Takes a segment in.
    pub(crate) fn take(&mut self, segment: &Segment<'_>) {
        let messages = messages(segment.payload);
        if messages.is_empty() {
            return;
        }
        let direction = (segment.from, segment.to);
        let next = segment
            .sequence
            .wrapping_add(u32::try_from(segment.payload.len()).unwrap_or(u32::MAX));
        if let Some(seen) = self.seen.get(&direction) {
            // Numbers wrap around: what lies in the half before is old. A new connection with the numbers
            // of an old one begins far away from them.
            let ahead = segment.sequence.wrapping_sub(*seen);
            if ahead > u32::MAX / 2 && seen.wrapping_sub(segment.sequence) < 1 << 20 {
                return;
            }
        } else if self.seen.len() >= FLOWS_MAX {
            // Forgetting costs at worst a segment counted twice.
            self.seen.clear();
        }
        self.seen.insert(direction, next);
        for message in messages {
            let server = match message {
                Message::Request => segment.to,
                Message::Response(_) => segment.from,
            };
            if !self.servers.contains_key(&server) && self.servers.len() >= SERVERS_MAX {
                continue;
            }
            let counts = self.servers.entry(server).or_default();
            match message {
                Message::Request => counts.requests += 1,
                Message::Response(code) => {
                    if counts.responses.len() < CODES_MAX || counts.responses.contains_key(&code) {
                        *counts.responses.entry(code).or_default() += 1;
                    }
                }
            }
        }
    }

    /// The counts since the last call.
    pub(crate) fn round(&mut self) -> BTreeMap<End, Counts> {
        std::mem::take(&mut self.servers)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const CLIENT: End = (std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 40_000);
    const SERVER: End = (std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 80);

    fn segment(from: End, to: End, sequence: u32, payload: &[u8]) -> Segment<'_> {
        Segment {
            from,
            to,
            sequence,
            payload,
        }
    }

    #[test]
    fn repeated_segments_count_once_and_later_ones_again() {
        let mut counter = Counter::default();
        let request = b"GET / HTTP/1.1\r\n\r\n".as_slice();
        let step = u32::try_from(request.len()).unwrap();
        for sequence in [u32::MAX - 5, u32::MAX - 5, (u32::MAX - 5).wrapping_add(step)] {
            counter.take(&segment(CLIENT, SERVER, sequence, request));
        }
        counter.take(&segment(SERVER, CLIENT, 9, b"HTTP/1.1 200 OK\r\n\r\n"));
        counter.take(&segment(SERVER, CLIENT, 9, b"HTTP/1.1 200 OK\r\n\r\n"));
        let counts = counter.round().remove(&SERVER).unwrap();
        assert_eq!((counts.requests, counts.responses), (2, [(200, 1)].into()));
        assert!(counter.round().is_empty(), "a round begins at nothing");
    }

    #[test]
    fn what_is_no_http_counts_nothing() {
        let mut counter = Counter::default();
        counter.take(&segment(CLIENT, SERVER, 1, b"\x16\x03\x01\x02\x00\x01"));
        assert!(counter.round().is_empty(), "encrypted traffic says nothing");
    }
}
