//! Remote probes: which there are, their controls and their terminals.

use std::collections::BTreeMap;

use orrery_model::{Timestamp, TopologyKind};

use super::named;
use crate::api::{ApiError, Caller, Role};
use crate::engine::Engine;
use crate::links::ProbeLink;
use crate::pipes::{PipeEnd, PipeError, PipeIo};

/// A probe that reports to this instance, the built-in ones together included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeInfo {
    /// Id.
    pub id: String,
    /// Host it runs on; empty while no report has told.
    pub hostname: String,
    /// Its version; empty while no report has told.
    pub version: String,
    /// When it was heard last, in milliseconds since the epoch.
    pub last_seen_ms: i64,
    /// Whether controls reach it.
    pub connected: bool,
    /// What was odd about its last report or left out of it.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Probes by id: those that a host names as its own, as Scope lists them, and those that only sent
    /// reports or only wait for controls.
    pub fn probes(&self) -> Vec<ProbeInfo> {
        let published = self.published();
        let connected = self.shared.links.connected();
        let mut all: BTreeMap<String, ProbeInfo> = BTreeMap::new();
        let mut note = |id: &str| {
            let connected = id == self.shared.probe_id || connected.contains(id);
            let info = ProbeInfo {
                id: id.to_owned(),
                hostname: String::new(),
                version: String::new(),
                last_seen_ms: 0,
                connected,
                warnings: Vec::new(),
            };
            all.entry(id.to_owned()).or_insert(info);
        };
        note(&self.shared.probe_id);
        let reporting = self.shared.remotes.all();
        reporting.iter().for_each(|(id, _)| note(id));
        let mut waiting: Vec<&String> = connected.iter().collect();
        waiting.sort_unstable();
        waiting.into_iter().for_each(|id| note(id));
        let hosts = published.report.topologies.get(&TopologyKind::Host);
        let hosts = hosts.into_iter().flat_map(|t| t.nodes.values());
        let hosts: Vec<_> = hosts
            .filter_map(|n| n.latest("control_probe_id").map(|id| (id, n)))
            .collect();
        hosts.iter().for_each(|(id, _)| note(id));
        for (id, node) in hosts {
            let Some(info) = all.get_mut(id) else { continue };
            node.latest("host_name")
                .unwrap_or_default()
                .clone_into(&mut info.hostname);
            node.latest("host_scope_version")
                .unwrap_or_default()
                .clone_into(&mut info.version);
            let seen = node.latest("ts").and_then(Timestamp::parse);
            info.last_seen_ms = seen.map_or(published.at_ms, |(at, _)| at.as_millis());
        }
        for (id, heard) in reporting {
            if let Some(info) = all.get_mut(&id) {
                info.last_seen_ms = info.last_seen_ms.max(heard.at_ms);
                info.warnings = heard.warnings;
            }
        }
        if let Some(own) = all.get_mut(&self.shared.probe_id) {
            own.hostname.clone_from(&self.shared.host);
            env!("CARGO_PKG_VERSION").clone_into(&mut own.version);
            own.last_seen_ms = own.last_seen_ms.max(published.at_ms);
        }
        all.into_values().collect()
    }

    /// Takes a remote probe's connection for controls.
    ///
    /// # Errors
    /// `Code::Forbidden` without the right to, `Code::LimitExceeded` when too many probes are connected.
    pub fn connect_probe(&self, caller: &Caller, probe: &str) -> Result<ProbeLink, ApiError> {
        self.allow(caller, Role::Control, false)?;
        named("probe id", probe)?;
        self.shared
            .links
            .connect(probe)
            .ok_or_else(|| ApiError::busy("Too many probes are connected to this instance."))
    }

    /// Takes hold of an end of a pipe, which is made if nobody has named it yet.
    ///
    /// # Errors
    /// `Code::Forbidden` without the right to press controls, `Code::NotFound` for a closed pipe,
    /// `Code::LimitExceeded` when there are too many.
    pub async fn pipe(&self, caller: &Caller, id: &str, end: PipeEnd) -> Result<PipeIo, ApiError> {
        self.allow(caller, Role::Control, true)?;
        named("pipe id", id)?;
        self.shared.pipes.attach(id, end).await.map_err(|error| {
            let message = format!("Pipe {id}: {error}.");
            match error {
                PipeError::Closed => ApiError::not_found(message),
                PipeError::TooMany => ApiError::busy(message),
            }
        })
    }

    /// Whether a pipe is there and open.
    pub fn pipe_open(&self, id: &str) -> bool {
        self.shared.pipes.open(id)
    }

    /// Closes a pipe for good; both ends are let go.
    ///
    /// # Errors
    /// `Code::Forbidden` without the right to press controls.
    pub fn close_pipe(&self, caller: &Caller, id: &str) -> Result<(), ApiError> {
        self.allow(caller, Role::Control, false)?;
        named("pipe id", id)?;
        self.shared.pipes.close(id);
        Ok(())
    }
}
