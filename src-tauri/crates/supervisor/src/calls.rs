//! What is asked of a plugin over its socket. HTTP is spoken elsewhere; this is what the supervisor needs of it.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use serde_json::Value;

use crate::health::HealthAnswer;

/// A future in a box, so that implementations can be chosen at run time.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Calls on a plugin's socket. Each ends within its `timeout`, whatever the plugin does.
pub trait Calls: Send + Sync + 'static {
    /// Asks for a report and checks it as a plugin's: status, JSON, one plugin entry with this `id`, version.
    fn first_report<'a>(
        &'a self,
        socket: &'a Path,
        id: &'a str,
        timeout: Duration,
    ) -> Later<'a, Result<ReportFacts, CallError>>;

    /// Asks `GET /health`, or `GET /health?about=…`; `None` when there is no such route.
    /// [`HealthAnswer::read`] makes it from status and body.
    fn health<'a>(
        &'a self,
        socket: &'a Path,
        about: Option<&'a str>,
        timeout: Duration,
    ) -> Later<'a, Result<Option<HealthAnswer>, CallError>>;

    /// Sends a config with `POST /config`.
    fn configure<'a>(
        &'a self,
        socket: &'a Path,
        config: &'a Value,
        timeout: Duration,
    ) -> Later<'a, Result<Configured, CallError>>;

    /// Tells what happens with `POST /events`; a plugin without such a route is none the worse for it.
    fn tell<'a>(
        &'a self,
        socket: &'a Path,
        event: &'a Value,
        timeout: Duration,
    ) -> Later<'a, Result<Configured, CallError>> {
        let _ = (socket, event, timeout);
        Box::pin(std::future::ready(Ok(Configured::Unsupported)))
    }

    /// Who listens on a socket, by the kernel's word; an error when nobody does.
    fn listener<'a>(&'a self, socket: &'a Path) -> Later<'a, io::Result<Peer>>;

    /// Waits, for at most `timeout`, until no call on the socket is under way, before its process is replaced.
    fn drain<'a>(&'a self, socket: &'a Path, timeout: Duration) -> Later<'a, ()> {
        let _ = (socket, timeout);
        Box::pin(std::future::ready(()))
    }
}

/// What a valid report tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportFacts {
    /// Nodes in it.
    pub nodes: u32,
    /// Its size, in bytes.
    pub bytes: u64,
    /// How long the call took.
    pub took: Duration,
    /// Process that listens, where the kernel tells.
    pub peer_pid: Option<u32>,
    /// Interfaces that it names.
    pub interfaces: Vec<String>,
    /// The version that it said with its first line; none where it does not say where it listens either.
    pub version: Option<semver::Version>,
    /// What it answers when it is asked to describe itself, as it came; none where it does not.
    pub description: Option<Vec<u8>>,
}

/// Who listens on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// User id.
    pub uid: u32,
    /// Process id, where the kernel tells.
    pub pid: Option<u32>,
}

/// How a plugin took a config, or an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Configured {
    /// It works with it.
    Applied,
    /// It cannot take one while it runs; for a config it has to be started anew.
    Unsupported,
    /// It refused, with its words.
    Refused(String),
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// Nobody listens there.
    Refused(String),
    /// No answer in time.
    Timeout,
    /// An answer that is not a plugin's.
    Protocol(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Refused(why) => write!(f, "nobody listens: {why}"),
            CallError::Timeout => f.write_str("no answer in time"),
            CallError::Protocol(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for CallError {}
