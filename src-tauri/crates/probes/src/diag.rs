//! Asking the kernel for TCP sockets (sock_diag): one dump instead of parsing /proc/net/tcp.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, TCP_LISTEN};
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags, nlas::Nla,
};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};

use crate::ProbeError;
use crate::limits::CONNECTIONS_MAX;

/// One end of a connection, or a listening socket, as the kernel lists it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TcpSocket {
    pub(crate) listening: bool,
    pub(crate) local: (IpAddr, u16),
    pub(crate) remote: (IpAddr, u16),
    /// 0 for a connection that no process holds any more.
    pub(crate) inode: u32,
    pub(crate) figures: Option<Figures>,
}

/// What the kernel counts for a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    pub(crate) rtt_us: u32,
    pub(crate) retransmits: u32,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
}

impl Figures {
    /// From the kernel's `struct tcp_info`. It grows with every kernel; these fields lie in the part that
    /// all have since 4.1, so a longer or shorter end does not matter.
    fn read(info: &[u8]) -> Option<Figures> {
        let short = |at: usize| Some(u32::from_ne_bytes(*info.get(at..)?.first_chunk()?));
        let long = |at: usize| Some(u64::from_ne_bytes(*info.get(at..)?.first_chunk()?));
        Some(Figures {
            rtt_us: short(68)?,
            retransmits: short(100)?,
            bytes_sent: long(120)?,
            bytes_received: long(128)?,
        })
    }
}

/// All established and listening TCP sockets of the calling thread's network namespace.
///
/// # Errors
/// When the kernel refuses or answers with something else.
pub(crate) fn tcp_sockets() -> Result<Vec<TcpSocket>, ProbeError> {
    let mut all = dump(AF_INET, SocketId::new_v4())?;
    // A kernel without IPv6 refuses that half; the other half is no worse for it.
    match dump(AF_INET6, SocketId::new_v6()) {
        Ok(v6) => all.extend(v6),
        Err(error) => tracing::debug!(%error, "no IPv6 sockets"),
    }
    Ok(all)
}

fn dump(family: u8, socket_id: SocketId) -> Result<Vec<TcpSocket>, ProbeError> {
    let failed = |error: &dyn std::fmt::Display| ProbeError::Diag(error.to_string());
    let mut socket = Socket::new(NETLINK_SOCK_DIAG).map_err(|e| failed(&e))?;
    socket.bind_auto().map_err(|e| failed(&e))?;
    socket.connect(&SocketAddr::new(0, 0)).map_err(|e| failed(&e))?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let request = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::INFO,
        states: StateFlags::ESTABLISHED | StateFlags::LISTEN,
        socket_id,
    };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut buffer = vec![0; message.buffer_len()];
    message.serialize(&mut buffer);
    socket.send(&buffer, 0).map_err(|e| failed(&e))?;

    let mut sockets = Vec::new();
    let mut received = vec![0_u8; 64 * 1024];
    loop {
        let size = socket.recv(&mut &mut received[..], 0).map_err(|e| failed(&e))?;
        let mut rest = received.get(..size).unwrap_or_default();
        while !rest.is_empty() {
            let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest).map_err(|e| failed(&e))?;
            let length = (message.header.length as usize).next_multiple_of(4);
            match message.payload {
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response))
                    if sockets.len() < CONNECTIONS_MAX =>
                {
                    sockets.push(read(&response));
                }
                NetlinkPayload::Done(_) => return Ok(sockets),
                NetlinkPayload::Error(error) => return Err(failed(&error)),
                _ => {}
            }
            if length == 0 {
                return Err(failed(&"an empty message"));
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

fn read(response: &InetResponse) -> TcpSocket {
    let header = &response.header;
    let id = &header.socket_id;
    let figures = response.nlas.iter().find_map(|nla| match nla {
        Nla::TcpInfo(bytes) => Figures::read(bytes),
        _ => None,
    });
    TcpSocket {
        listening: header.state == TCP_LISTEN,
        // IPv4 traffic on an IPv6 socket is IPv4 traffic, so that both ends have one name.
        local: (id.source_address.to_canonical(), id.source_port),
        remote: (id.destination_address.to_canonical(), id.destination_port),
        inode: header.inode,
        figures,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[track_caller]
    fn check(address: &str) {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let server = listener.local_addr().unwrap();
        let client = TcpStream::connect(server).unwrap();
        let _accepted = listener.accept().unwrap();
        let end = client.local_addr().unwrap();
        let all = tcp_sockets().unwrap();
        assert!(
            all.iter().any(|s| s.listening && s.local.1 == server.port()),
            "the listener is listed"
        );
        let found = all
            .iter()
            .find(|s| !s.listening && s.local == (end.ip(), end.port()));
        let found = found.unwrap_or_else(|| panic!("the client's end {end} is listed"));
        assert_eq!(found.remote, (server.ip(), server.port()));
        assert!(found.inode > 0 && found.figures.is_some(), "{found:?}");
    }

    #[test]
    fn figures_are_read_from_records_of_any_length() {
        let mut info = [0_u8; 300];
        info[68..72].copy_from_slice(&1_500_u32.to_ne_bytes());
        info[128..136].copy_from_slice(&9_u64.to_ne_bytes());
        let read = Figures::read(&info[..136]).unwrap();
        assert_eq!((read.rtt_us, read.bytes_received), (1_500, 9));
        assert_eq!(
            Figures::read(&info),
            Some(read),
            "a newer kernel's longer record reads the same"
        );
        assert_eq!(
            Figures::read(&info[..100]),
            None,
            "an old kernel's record has not all of it"
        );
    }

    #[test]
    fn sockets_over_both_protocols_are_listed() {
        check("127.0.0.1");
        check("::1");
    }
}
