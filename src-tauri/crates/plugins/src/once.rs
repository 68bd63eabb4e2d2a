//! Single calls on a socket that the registry does not call (yet): is this a plugin, how does it feel, here is
//! its config. For whoever runs plugins and must know before everybody else.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use orrery_model::Report;
use orrery_sockets::Address;
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

use crate::call::{CallError, Line};
use crate::limits;
use crate::text::clean;
use crate::transport::{Transport, TransportError, Trust, body_pool};

/// What a first valid report tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstReport {
    /// Name the plugin gives itself.
    pub label: String,
    /// Interfaces it names.
    pub interfaces: Vec<String>,
    /// Nodes in the report.
    pub nodes: u32,
    /// Size of the report, in bytes.
    pub bytes: u64,
    /// How long the call took.
    pub took: Duration,
}

/// Why a single call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnceError {
    /// Nobody listens there.
    #[error("{0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("context deadline exceeded")]
    Timeout,
    /// An answer that is not a plugin's.
    #[error("{0}")]
    Protocol(String),
}

/// Who listens on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    /// User id.
    pub uid: u32,
    /// Process id, where the kernel tells.
    pub pid: Option<i32>,
}

/// Asks a socket for a report and checks it as the registry does.
///
/// # Errors
/// See [`OnceError`]; it ends within [`limits::CALL_BUDGET`].
pub async fn first_report(path: &Path, id: &str, probe_id: &str) -> Result<FirstReport, OnceError> {
    let (facts, _) = whole_first_report(path, id, probe_id).await?;
    Ok(facts)
}

/// The same, with the report itself.
///
/// # Errors
/// See [`OnceError`]; it ends within [`limits::CALL_BUDGET`].
pub async fn whole_first_report(
    path: &Path,
    id: &str,
    probe_id: &str,
) -> Result<(FirstReport, Report), OnceError> {
    let transport = Transport::new(path, own_or_root(), body_pool());
    let line = Line::new(id.into(), path, probe_id, transport);
    let began = Instant::now();
    let good = line.report().await.map_err(|error| {
        let text = clean(&error.to_string(), limits::STATUS_CHARS);
        match error {
            CallError::Unreachable(_) => OnceError::Unreachable(text),
            CallError::Deadline => OnceError::Timeout,
            CallError::NoAnswer(_)
            | CallError::Status(_)
            | CallError::Decode(_)
            | CallError::Handshake(_) => OnceError::Protocol(text),
        }
    })?;
    let facts = FirstReport {
        label: good.spec.label.to_string(),
        interfaces: good.spec.interfaces.iter().map(ToString::to_string).collect(),
        nodes: u32::try_from(good.report.node_count()).unwrap_or(u32::MAX),
        bytes: good.bytes,
        took: began.elapsed(),
    };
    Ok((facts, good.report))
}

/// Sends any request and gives status and body as they are, the body up to `most` bytes.
///
/// # Errors
/// See [`OnceError`]; it ends within `budget`.
pub async fn ask(
    path: &Path,
    method: Method,
    target: &str,
    body: Bytes,
    budget: Duration,
    most: usize,
) -> Result<(StatusCode, Vec<u8>), OnceError> {
    let transport = Transport::new(path, own_or_root(), body_pool());
    let asked = timeout(budget, transport.ask(method, target, body, most)).await;
    match asked {
        Ok(Ok((status, answer))) => Ok((status, answer.bytes)),
        Ok(Err(TransportError::Dial(text))) => Err(OnceError::Unreachable(text)),
        Ok(Err(error)) => Err(OnceError::Protocol(clean(
            &error.to_string(),
            limits::STATUS_CHARS,
        ))),
        Err(_) => Err(OnceError::Timeout),
    }
}

/// Who listens on a socket, by the kernel's word.
///
/// # Errors
/// When nobody does.
pub async fn listener(path: &Path) -> io::Result<Listener> {
    let stream = UnixStream::connect(Address::of(path)?.path()).await?;
    let peer = stream.peer_cred()?;
    Ok(Listener {
        uid: peer.uid(),
        pid: peer.pid(),
    })
}

pub(crate) fn own_or_root() -> Trust {
    Trust::RootAnd(rustix::process::geteuid().as_raw())
}
