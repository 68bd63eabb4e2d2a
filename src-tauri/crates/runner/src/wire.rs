//! What application, guardian and launcher say to each other: lines of JSON over a socket pair, with descriptors
//! beside the first byte of the line that they belong to.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cgroup::{Counters, Group};
use crate::limits::{MAX_MESSAGE_BYTES, MESSAGE_FDS};

/// From the application to the guardian.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// The groups above those of the programs, to be removed at the very end.
    Parents { dirs: Vec<PathBuf> },
    /// Launch a program. Goes with its standard output, its standard error and, if the plan says so, a listener.
    Launch { id: u64, plan: Box<Plan> },
    /// TERM to the process group, KILL of everything after the grace.
    Stop { id: u64, grace_ms: u64 },
    /// KILL of everything.
    Kill { id: u64 },
}

/// Everything that a launcher must know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: PathBuf,
    pub(crate) identity: Option<Identity>,
    pub(crate) group: Group,
    pub(crate) open_files: Option<u64>,
    pub(crate) nproc: Option<u64>,
    pub(crate) listener: bool,
    /// Value of the environment variable by which descendants are told.
    pub(crate) mark: String,
}

/// Who a program runs as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
}

/// From the guardian to the application.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum News {
    /// The guardian is there.
    Ready { pid: u32 },
    /// The program runs.
    Launched { id: u64, pid: u32, start_ticks: u64 },
    /// The program does not run, and nothing of it is left.
    Failed { id: u64, fault: Fault },
    /// The main process ended. What it left behind is being ended.
    Exited {
        id: u64,
        code: Option<i32>,
        signal: Option<i32>,
        at_ms: i64,
        counters: Counters,
    },
    /// Nothing of it is left, except for this many processes that could not be ended.
    Gone { id: u64, left: usize },
}

/// From a launcher to the guardian. After `Going` the socket closes: the program runs.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LaunchNews {
    /// About to become the program.
    Going,
    /// It did not work.
    Fault(Fault),
}

/// A step of a launch that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) step: Step,
    /// The kernel's error number, when it gave one.
    pub(crate) errno: Option<i32>,
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn new(step: Step, error: &io::Error) -> Self {
        Self {
            step,
            errno: error.raw_os_error(),
            text: error.to_string(),
        }
    }
}

/// Steps of a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// The guardian starts the launcher.
    Spawn,
    /// The launcher reads its plan.
    Plan,
    /// Session, umask, descriptors.
    Setup,
    /// Joining the control groups.
    Group,
    /// Resource limits.
    Rlimit,
    /// Changing to the account.
    Identity,
    /// Entering the working directory.
    Directory,
    /// Becoming the program.
    Exec,
}

/// A message in its form on the wire.
pub(crate) fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    if line.len() > MAX_MESSAGE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the message is too long",
        ));
    }
    Ok(line)
}

/// Sends as much of `bytes` as the socket takes now, `fds` beside the first byte. Returns how much it took.
pub(crate) fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MESSAGE_FDS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "too many descriptors",
        ));
    }
    Ok(rustix::io::retry_on_intr(|| {
        rustix::net::sendmsg(
            &socket,
            &[IoSlice::new(bytes)],
            &mut ancillary,
            SendFlags::NOSIGNAL,
        )
    })?)
}

/// Incoming messages: bytes not yet taken as lines, and descriptors not yet claimed.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    fds: VecDeque<OwnedFd>,
}

impl Inbox {
    /// Reads what is there now. `Ok(0)` is the end.
    pub(crate) fn receive(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MESSAGE_FDS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let got = rustix::io::retry_on_intr(|| {
            rustix::net::recvmsg(
                &socket,
                &mut [IoSliceMut::new(&mut buffer)],
                &mut ancillary,
                RecvFlags::CMSG_CLOEXEC,
            )
        })?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.fds.extend(fds);
            }
        }
        self.bytes.extend_from_slice(&buffer[..got.bytes]);
        Ok(got.bytes)
    }

    /// The next whole message.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') else {
            if self.bytes.len() > MAX_MESSAGE_BYTES {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a message is too long",
                ));
            }
            return Ok(None);
        };
        let message = serde_json::from_slice(&self.bytes[..end])?;
        self.bytes.drain(..=end);
        Ok(Some(message))
    }

    /// The descriptor that belongs to the message just taken.
    pub(crate) fn claim(&mut self) -> io::Result<OwnedFd> {
        self.fds
            .pop_front()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a descriptor is missing"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn messages_arrive_whole_and_with_their_descriptors() {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let first = encode(&Order::Kill { id: 1 }).expect("encodes");
        let second = encode(&Order::Stop { id: 2, grace_ms: 5 }).expect("encodes");
        let (head, tail) = first.split_at(3);
        send(&ours, head, &[]).expect("sends");
        let mut inbox = Inbox::default();
        inbox.receive(&theirs).expect("receives");
        assert!(inbox.next::<Order>().expect("no fault").is_none());
        send(&ours, tail, &[]).expect("sends");
        send(&ours, &second, &[writer.as_fd()]).expect("sends");
        drop(writer);
        drop(ours);
        while inbox.receive(&theirs).expect("receives") > 0 {}
        assert!(matches!(inbox.next::<Order>(), Ok(Some(Order::Kill { id: 1 }))));
        assert!(matches!(
            inbox.next::<Order>(),
            Ok(Some(Order::Stop { id: 2, grace_ms: 5 }))
        ));
        let passed = inbox.claim().expect("it came along");
        std::fs::File::from(passed).write_all(b"through").expect("writes");
        let mut text = String::new();
        { reader }.read_to_string(&mut text).expect("reads to the end");
        assert_eq!(text, "through");
        assert!(inbox.claim().is_err());
    }

    #[test]
    fn messages_without_end_are_refused() {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let writer = std::thread::spawn(move || {
            // The reader gives up and closes, so this may fail.
            let _ = { ours }.write_all(&vec![b'x'; 2 * MAX_MESSAGE_BYTES]);
        });
        let mut inbox = Inbox::default();
        let fault = loop {
            inbox.receive(&theirs).expect("receives");
            if let Err(fault) = inbox.next::<Order>() {
                break fault;
            }
        };
        assert_eq!(fault.kind(), io::ErrorKind::InvalidData);
        drop(theirs);
        writer.join().expect("ends");
    }
}
