//! Capturing packets on every interface of the host.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, eth, recv, socket_with, sockopt};

use crate::count::Counter;
use crate::limits::PACKET_BYTES;
use crate::packet;

/// Bytes of packets that the kernel keeps while we are busy.
const BACKLOG_BYTES: usize = 4 << 20;

/// A socket that sees every packet, without the frames around them.
///
/// # Errors
/// Without root (or the capability CAP_NET_RAW) it is refused.
pub(crate) fn open() -> io::Result<OwnedFd> {
    let socket = socket_with(
        AddressFamily::PACKET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(eth::ALL),
    )?;
    // A smaller backlog loses packets under load and nothing else.
    let _smaller = sockopt::set_socket_recv_buffer_size(&socket, BACKLOG_BYTES);
    Ok(socket)
}

/// Counts on a thread of its own until the socket fails.
///
/// # Errors
/// When the thread cannot be made.
pub(crate) fn run(socket: OwnedFd, counter: Arc<Mutex<Counter>>) -> io::Result<()> {
    std::thread::Builder::new()
        .name("capture".to_owned())
        .spawn(move || {
            let mut buffer = [0_u8; PACKET_BYTES];
            loop {
                match recv(&socket, &mut buffer, RecvFlags::empty()) {
                    Ok((kept, _)) => {
                        if let Some(segment) = buffer.get(..kept).and_then(packet::segment) {
                            counter
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .take(&segment);
                        }
                    }
                    // An interface that goes down is told to everybody, once.
                    Err(Errno::INTR | Errno::NETDOWN | Errno::NOBUFS) => {}
                    Err(_) => return,
                }
            }
        })?;
    Ok(())
}
