//! From the bytes of a packet to a segment of TCP. Packets come from anywhere and may hold anything.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One end of a connection.
pub(crate) type End = (IpAddr, u16);

/// What a packet says about a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment<'a> {
    pub(crate) from: End,
    pub(crate) to: End,
    /// Number of its first byte.
    pub(crate) sequence: u32,
    /// What it carries; cut off where the capture was.
    pub(crate) payload: &'a [u8],
}

const TCP: u8 = 6;

/// The TCP segment in an IP packet that carries something.
pub(crate) fn segment(packet: &[u8]) -> Option<Segment<'_>> {
    match packet.first()? >> 4 {
        4 => v4(packet),
        6 => v6(packet),
        _ => None,
    }
}

fn v4(packet: &[u8]) -> Option<Segment<'_>> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let length = usize::from(short(packet, 2)?);
    // Later fragments carry no TCP header.
    let fragment = short(packet, 6)? & 0x1fff;
    if *packet.get(9)? != TCP || fragment != 0 || header < 20 {
        return None;
    }
    let address = |at: usize| {
        Some(IpAddr::from(Ipv4Addr::from(
            *packet.get(at..)?.first_chunk::<4>()?,
        )))
    };
    // Large segments that the network card splits carry length 0.
    let end = if length == 0 {
        packet.len()
    } else {
        length.min(packet.len())
    };
    tcp(packet.get(header..end)?, address(12)?, address(16)?)
}

fn v6(packet: &[u8]) -> Option<Segment<'_>> {
    // Extension headers before TCP are rare enough to leave such packets out.
    if *packet.get(6)? != TCP {
        return None;
    }
    let address = |at: usize| Some(Ipv6Addr::from(*packet.get(at..)?.first_chunk::<16>()?).to_canonical());
    let length = usize::from(short(packet, 4)?);
    let end = if length == 0 {
        packet.len()
    } else {
        (40 + length).min(packet.len())
    };
    tcp(packet.get(40..end)?, address(8)?, address(24)?)
}

fn tcp(bytes: &[u8], from: IpAddr, to: IpAddr) -> Option<Segment<'_>> {
    let header = usize::from(bytes.get(12)? >> 4) * 4;
    let payload = bytes.get(header..).filter(|p| !p.is_empty() && header >= 20)?;
    let sequence = u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?);
    Some(Segment {
        from: (from, short(bytes, 0)?),
        to: (to, short(bytes, 2)?),
        sequence,
        payload,
    })
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An IPv4 packet with a segment.
    pub(crate) fn packet(
        from: (Ipv4Addr, u16),
        to: (Ipv4Addr, u16),
        sequence: u32,
        payload: &[u8],
    ) -> Vec<u8> {
        let mut bytes = vec![0_u8; 40];
        bytes[0] = 0x45;
        bytes[2..4].copy_from_slice(&(40 + u16::try_from(payload.len()).unwrap()).to_be_bytes());
        bytes[9] = TCP;
        bytes[12..16].copy_from_slice(&from.0.octets());
        bytes[16..20].copy_from_slice(&to.0.octets());
        bytes[20..22].copy_from_slice(&from.1.to_be_bytes());
        bytes[22..24].copy_from_slice(&to.1.to_be_bytes());
        bytes[24..28].copy_from_slice(&sequence.to_be_bytes());
        bytes[32] = 5 << 4;
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn a_segment_is_found_in_its_packet() {
        let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let bytes = packet((a, 40_000), (b, 80), 7, b"GET / HTTP/1.1\r\n");
        let segment = segment(&bytes).unwrap();
        assert_eq!(
            (segment.from, segment.to, segment.sequence),
            ((a.into(), 40_000), (b.into(), 80), 7)
        );
        assert_eq!(segment.payload, b"GET / HTTP/1.1\r\n");
    }

    #[test]
    fn padding_after_a_packet_is_not_payload() {
        let (a, b) = (Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST);
        let mut bytes = packet((a, 1), (b, 2), 0, b"");
        bytes.extend_from_slice(&[0; 6]);
        assert_eq!(segment(&bytes), None, "an empty segment is padded on the wire");
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_survived() {
        let (a, b) = (Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST);
        let bytes = packet((a, 1), (b, 2), 0, b"HTTP/1.1 200 OK\r\n");
        let mut six = vec![0_u8; 80];
        (six[0], six[6], six[5], six[52]) = (0x60, TCP, 40, 0x50);
        for whole in [bytes, six] {
            for end in 0..whole.len() {
                let _ = segment(&whole[..end]);
            }
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let _ = segment(&flipped);
            }
            assert!(segment(&whole).is_some(), "the whole one is a segment");
        }
    }
}
