//! What the supervisor asks of a plugin, over its socket.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use orrery_plugins::once::{self, OnceError};
use orrery_supervisor::{CallError, Calls, Configured, HealthAnswer, Later, Peer, ReportFacts};
use serde_json::Value;

use crate::catalog::{DESCRIBE, Library, description};
use crate::limits::PLUGIN_ANSWER_BYTES;

/// HTTP on UNIX sockets.
pub(super) struct OverSockets {
    library: Arc<Library>,
}

impl OverSockets {
    /// What first reports say of metrics goes to this library.
    pub(super) fn new(library: Arc<Library>) -> Self {
        OverSockets { library }
    }
}

impl Calls for OverSockets {
    fn first_report<'a>(
        &'a self,
        socket: &'a Path,
        id: &'a str,
        timeout: Duration,
    ) -> Later<'a, Result<ReportFacts, CallError>> {
        Box::pin(async move {
            let asked =
                tokio::time::timeout(timeout, once::whole_first_report(socket, id, "supervisor")).await;
            let (report, whole) = asked.map_err(|_| CallError::Timeout)?.map_err(failed)?;
            // One that is only tried may be gone in a moment, so it is asked at once.
            let describes = report.interfaces.iter().any(|i| i == DESCRIBE);
            let description = match describes {
                true => description(socket).await,
                false => None,
            };
            self.library.heard.first(id, &whole, description.as_deref());
            self.library.wake();
            let listener = once::listener(socket).await.ok();
            Ok(ReportFacts {
                nodes: report.nodes,
                bytes: report.bytes,
                took: report.took,
                peer_pid: listener.and_then(|peer| pid(peer.pid)),
                interfaces: report.interfaces,
                version: None,
                description,
            })
        })
    }

    fn health<'a>(
        &'a self,
        socket: &'a Path,
        about: Option<&'a str>,
        timeout: Duration,
    ) -> Later<'a, Result<Option<HealthAnswer>, CallError>> {
        Box::pin(async move {
            let target = match about {
                Some(about) => format!("/health?about={}", escaped(about)),
                None => "/health".to_owned(),
            };
            let (status, body) = ask(socket, Method::GET, &target, Bytes::new(), timeout).await?;
            HealthAnswer::read(status, &body)
        })
    }

    fn configure<'a>(
        &'a self,
        socket: &'a Path,
        config: &'a Value,
        timeout: Duration,
    ) -> Later<'a, Result<Configured, CallError>> {
        Box::pin(post(socket, "/config", config, timeout))
    }

    fn tell<'a>(
        &'a self,
        socket: &'a Path,
        event: &'a Value,
        timeout: Duration,
    ) -> Later<'a, Result<Configured, CallError>> {
        Box::pin(post(socket, "/events", event, timeout))
    }

    fn listener<'a>(&'a self, socket: &'a Path) -> Later<'a, io::Result<Peer>> {
        Box::pin(async move {
            let peer = once::listener(socket).await?;
            Ok(Peer {
                uid: peer.uid,
                pid: pid(peer.pid),
            })
        })
    }
}

async fn post(socket: &Path, target: &str, body: &Value, timeout: Duration) -> Result<Configured, CallError> {
    let body = Bytes::from(body.to_string());
    let (status, body) = ask(socket, Method::POST, target, body, timeout).await?;
    Ok(match status {
        200..=299 => Configured::Applied,
        404 | 405 | 501 => Configured::Unsupported,
        _ => Configured::Refused(String::from_utf8_lossy(&body).into_owned()),
    })
}

async fn ask(
    socket: &Path,
    method: Method,
    target: &str,
    body: Bytes,
    timeout: Duration,
) -> Result<(u16, Vec<u8>), CallError> {
    let asked = once::ask(socket, method, target, body, timeout, PLUGIN_ANSWER_BYTES).await;
    let (status, body) = asked.map_err(failed)?;
    Ok((status.as_u16(), body))
}

fn failed(error: OnceError) -> CallError {
    match error {
        OnceError::Unreachable(text) => CallError::Refused(text),
        OnceError::Timeout => CallError::Timeout,
        OnceError::Protocol(text) => CallError::Protocol(text),
    }
}

fn pid(pid: Option<i32>) -> Option<u32> {
    pid.and_then(|pid| u32::try_from(pid).ok())
}

/// A value for a query string.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => {
                // Writing to a string does not fail.
                let _ = std::fmt::Write::write_fmt(&mut out, format_args!("%{byte:02X}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_travel_whole() {
        assert_eq!(escaped("disk a&b=é"), "disk%20a%26b%3D%C3%A9");
    }
}
