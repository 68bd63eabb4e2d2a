//! TCP connections of this machine's processes.

use std::collections::BTreeSet;

use orrery_model::{NodeId, Report, Sampling, Timestamp, Topology, TopologyKind, id};

use crate::diag::{self, TcpSocket};
use crate::flows::{Before, Endpoints, flows};
use crate::limits::{CONNECTIONS_MAX, NAMESPACES_MAX};
use crate::namespaces;
use crate::sockets::{self, Holders};
use crate::templates::metric;
use crate::{Health, HealthState, Observation, Probe, ProbeError};

/// Reports the connections of all network namespaces that may be looked into.
#[derive(Debug)]
pub struct ConnectionProbe {
    host: String,
    host_node: NodeId,
    holders: Holders,
    before: Before,
}

impl ConnectionProbe {
    /// A probe of the connections of the host with this id.
    pub fn new(host: String, _probe_id: String) -> Self {
        ConnectionProbe {
            host_node: id::tagged(TopologyKind::Host, &host),
            host,
            holders: Holders::default(),
            before: Before::new(),
        }
    }
}

/// What one round saw, for the health.
#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    unattributed: usize,
    namespaces: usize,
    closed_namespaces: usize,
}

impl Probe for ConnectionProbe {
    fn id(&self) -> &'static str {
        "connections"
    }

    fn report(&mut self, now: Timestamp) -> Result<Observation, ProbeError> {
        let own = sockets::own_namespace();
        let pids = sockets::pids();
        let mut seen = Seen::default();
        let mut spaces: Vec<(u64, Vec<TcpSocket>)> = vec![(own, diag::tcp_sockets()?)];
        for (inode, pid) in sockets::namespaces(&pids)
            .into_iter()
            .filter(|(i, _)| *i != own)
            .take(NAMESPACES_MAX)
        {
            match namespaces::inside(pid, diag::tcp_sockets) {
                Ok(Ok(list)) => spaces.push((inode, list)),
                Ok(Err(_)) | Err(_) => seen.closed_namespaces += 1,
            }
        }
        seen.namespaces = spaces.len();
        let wanted: BTreeSet<u32> = spaces
            .iter()
            .flat_map(|(_, list)| list)
            .map(|s| s.inode)
            .filter(|i| *i > 0)
            .collect();
        self.holders.refresh(&pids, &wanted);

        let mut report = Report {
            ts: now,
            ..Report::default()
        };
        let mut after = Before::new();
        for (namespace, list) in &spaces {
            let mut ends = flows(list);
            ends.truncate(CONNECTIONS_MAX.saturating_sub(seen.connections));
            seen.connections += ends.len();
            seen.unattributed += ends
                .iter()
                .filter(|f| self.holders.pid(f.inode).is_none())
                .count();
            let endpoints = Endpoints {
                host: &self.host,
                host_node: self.host_node.clone(),
                namespace: *namespace,
                now,
            };
            let topology = report.topology_mut(TopologyKind::Endpoint);
            endpoints.add(
                topology,
                &ends,
                |inode| self.holders.pid(inode),
                &self.before,
                &mut after,
            );
        }
        describe(report.topology_mut(TopologyKind::Endpoint));
        self.before = after;
        let count = seen.connections as u64;
        report.sampling = Sampling { count, total: count };
        Ok(Observation {
            report,
            health: health(&seen, self.holders.unreadable()),
        })
    }
}

/// How the figures of connections are called.
fn describe(endpoints: &mut Topology) {
    metric(endpoints, "rtt_ms", "Round trip (ms)", "", "", 1.0);
    metric(
        endpoints,
        "bytes_sent_per_s",
        "Sent a second",
        "filesize",
        "",
        2.0,
    );
    metric(
        endpoints,
        "bytes_received_per_s",
        "Received a second",
        "filesize",
        "",
        3.0,
    );
    metric(
        endpoints,
        "retransmits_per_s",
        "Retransmits a second",
        "",
        "",
        4.0,
    );
}

fn health(seen: &Seen, unreadable: usize) -> Health {
    let limited = seen.closed_namespaces > 0 || (seen.unattributed > 0 && unreadable > 0);
    let mut summary = format!("{} ends of connections", seen.connections);
    if seen.unattributed > 0 {
        summary = format!("{summary}, {} without a known process", seen.unattributed);
    }
    let mut limited_by = Vec::new();
    if unreadable > 0 && seen.unattributed > 0 {
        limited_by.push(format!("The sockets of {unreadable} processes may not be seen"));
    }
    if seen.closed_namespaces > 0 {
        limited_by.push(format!(
            "{} network namespaces may not be entered",
            seen.closed_namespaces
        ));
    }
    Health {
        state: if limited {
            HealthState::Limited
        } else {
            HealthState::Ok
        },
        summary,
        looked_at: format!("sock_diag in {} network namespaces", seen.namespaces),
        limited_by: limited_by.join("; "),
        remedy: if limited {
            "sudo orrery serve".to_owned()
        } else {
            String::new()
        },
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[track_caller]
    fn check(address: &str) {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_accepted, _) = listener.accept().unwrap();
        let mut probe = ConnectionProbe::new("h".into(), "p".into());
        let seen = probe.report(Timestamp(1)).unwrap();
        let scope = format!("h-{}", sockets::own_namespace());
        let end = |a: std::net::SocketAddr| id::endpoint(&scope, &a.ip().to_string(), a.port());
        let (from, to) = (
            end(client.local_addr().unwrap()),
            end(listener.local_addr().unwrap()),
        );
        let node = seen
            .report
            .node(TopologyKind::Endpoint, &from)
            .unwrap_or_else(|| panic!("{from} is reported"));
        let named = &seen.report.topology(TopologyKind::Endpoint).metric_templates;
        assert!(
            node.metrics.keys().all(|metric| named.contains_key(metric)),
            "every figure has a label"
        );
        assert!(
            node.adjacency.contains(&to),
            "the client points at the server: {node:?}"
        );
        let own = std::process::id().to_string();
        assert_eq!(node.latest("pid"), Some(own.as_str()), "this process holds it");
        assert!(
            node.metrics.contains_key("rtt_ms"),
            "the kernel's figures are there"
        );
        let server = seen.report.node(TopologyKind::Endpoint, &to).unwrap();
        assert_eq!(server.latest("pid"), Some(own.as_str()), "and the other end");
    }

    #[test]
    fn connections_over_both_protocols_have_their_processes() {
        check("127.0.0.1");
        check("::1");
    }

    #[test]
    fn what_may_not_be_seen_is_said() {
        let seen = Seen {
            connections: 9,
            unattributed: 2,
            namespaces: 1,
            closed_namespaces: 3,
        };
        let limited = health(&seen, 5);
        assert_eq!(limited.state, HealthState::Limited);
        assert!(
            limited.summary.contains("2 without") && limited.limited_by.contains("3 network"),
            "{limited:?}"
        );
        let all = Seen {
            connections: 9,
            namespaces: 1,
            ..Seen::default()
        };
        assert_eq!(health(&all, 0).state, HealthState::Ok);
    }
}
