//! Calls on plugins' sockets, as the application makes them.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use orrery_plugins::once::{self, OnceError};
use orrery_supervisor::{CallError, Calls, Configured, HealthAnswer, Later, Peer, ReportFacts};
use serde_json::Value;

/// Bytes of an answer that are read.
const MOST: usize = 64 * 1024;

pub(crate) struct RealCalls;

fn error(error: OnceError) -> CallError {
    match error {
        OnceError::Unreachable(text) => CallError::Refused(text),
        OnceError::Timeout => CallError::Timeout,
        OnceError::Protocol(text) => CallError::Protocol(text),
    }
}

impl Calls for RealCalls {
    fn first_report<'a>(
        &'a self,
        socket: &'a Path,
        id: &'a str,
        timeout: Duration,
    ) -> Later<'a, Result<ReportFacts, CallError>> {
        Box::pin(async move {
            let asked = tokio::time::timeout(timeout, once::first_report(socket, id, "probe")).await;
            let report = asked.unwrap_or(Err(OnceError::Timeout)).map_err(error)?;
            Ok(ReportFacts {
                nodes: report.nodes,
                bytes: report.bytes,
                took: report.took,
                interfaces: report.interfaces,
                ..ReportFacts::default()
            })
        })
    }

    fn health<'a>(
        &'a self,
        socket: &'a Path,
        _about: Option<&'a str>,
        timeout: Duration,
    ) -> Later<'a, Result<Option<HealthAnswer>, CallError>> {
        Box::pin(async move {
            let asked = once::ask(socket, Method::GET, "/health", Bytes::new(), timeout, MOST).await;
            let (status, body) = asked.map_err(error)?;
            HealthAnswer::read(status.as_u16(), &body)
        })
    }

    fn configure<'a>(
        &'a self,
        socket: &'a Path,
        config: &'a Value,
        timeout: Duration,
    ) -> Later<'a, Result<Configured, CallError>> {
        Box::pin(async move {
            let body = Bytes::from(config.to_string());
            let asked = once::ask(socket, Method::POST, "/config", body, timeout, MOST).await;
            let (status, body) = asked.map_err(error)?;
            Ok(match status.as_u16() {
                200..=299 => Configured::Applied,
                404 | 405 | 501 => Configured::Unsupported,
                _ => Configured::Refused(String::from_utf8_lossy(&body).into_owned()),
            })
        })
    }

    fn listener<'a>(&'a self, socket: &'a Path) -> Later<'a, io::Result<Peer>> {
        Box::pin(async move {
            let peer = once::listener(socket).await?;
            Ok(Peer {
                uid: peer.uid,
                pid: peer.pid.and_then(|pid| u32::try_from(pid).ok()),
            })
        })
    }
}
