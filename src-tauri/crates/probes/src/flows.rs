//! From sockets to endpoints and edges: who is the client, and what each connection carries.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use orrery_model::{Metric, Node, NodeId, SmolStr, Timestamp, Topology, TopologyKind, id};
use smol_str::{ToSmolStr as _, format_smolstr};

use crate::diag::{Figures, TcpSocket};
use crate::limits::THIN_ABOVE;

/// Address and port.
type End = (IpAddr, u16);
/// What connections have in common that may stand for one another: client's address, server's end, and the
/// processes at both.
type Alike = (IpAddr, End, Option<u32>, Option<u32>);

/// One connection seen from one of its ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flow {
    pub(crate) client: End,
    pub(crate) server: End,
    /// True when the end that was looked at is the client's.
    pub(crate) seen_at_client: bool,
    pub(crate) inode: u32,
    pub(crate) figures: Option<Figures>,
}

/// Ends of the connections of one network namespace. A local port that somebody listens on belongs to the
/// server; where nobody listens on either, the lower port does.
pub(crate) fn flows(sockets: &[TcpSocket]) -> Vec<Flow> {
    let listening: BTreeSet<(Option<IpAddr>, u16)> = sockets
        .iter()
        .filter(|s| s.listening)
        .map(|s| ((!s.local.0.is_unspecified()).then_some(s.local.0), s.local.1))
        .collect();
    let listens = |end: End| listening.contains(&(None, end.1)) || listening.contains(&(Some(end.0), end.1));
    let local: BTreeSet<(IpAddr, u16)> = sockets.iter().filter(|s| !s.listening).map(|s| s.local).collect();
    let end = |socket: &TcpSocket| {
        let (here, there) = (socket.local, socket.remote);
        let serves = listens(here);
        let server_there = local.contains(&there) && listens(there);
        let seen_at_client = if serves == server_there {
            here.1 > there.1
        } else {
            server_there
        };
        // Behind a connection to a foreign machine nobody here listens on our port.
        let seen_at_client = seen_at_client || (!serves && !server_there && here.1 >= there.1);
        let (client, server) = if seen_at_client {
            (here, there)
        } else {
            (there, here)
        };
        Flow {
            client,
            server,
            seen_at_client,
            inode: socket.inode,
            figures: socket.figures,
        }
    };
    sockets.iter().filter(|s| !s.listening).map(end).collect()
}

/// Counts of bytes at the report before, by client and server end.
pub(crate) type Before = BTreeMap<(NodeId, NodeId), (Timestamp, Figures)>;

/// Turns flows into endpoint nodes.
#[derive(Debug)]
pub(crate) struct Endpoints<'a> {
    pub(crate) host: &'a str,
    pub(crate) host_node: NodeId,
    /// Inode of the network namespace that the flows are in.
    pub(crate) namespace: u64,
    pub(crate) now: Timestamp,
}

impl Endpoints<'_> {
    /// Adds the endpoints of some flows. `pid` finds the holder of a socket. Connections alike in both
    /// addresses, server port and processes are thinned to a few that stand for all: by port arithmetic, so
    /// that the other end's reporter picks the same ones.
    pub(crate) fn add(
        &self,
        topology: &mut Topology,
        flows: &[Flow],
        pid: impl Fn(u32) -> Option<u32>,
        before: &Before,
        after: &mut Before,
    ) {
        let mut ends: BTreeMap<(End, End), Ends> = BTreeMap::new();
        for flow in flows {
            let both = ends.entry((flow.client, flow.server)).or_default();
            let holder = pid(flow.inode);
            if flow.seen_at_client {
                both.client = Some(holder);
                both.figures = flow.figures.or(both.figures);
            } else {
                both.server = Some(holder);
                // What the server received, the client sent.
                let turned = flow.figures.map(|f| Figures {
                    bytes_sent: f.bytes_received,
                    bytes_received: f.bytes_sent,
                    ..f
                });
                both.figures = both.figures.or(turned);
            }
        }
        let mut groups: BTreeMap<Alike, Vec<u16>> = BTreeMap::new();
        for ((client, server), both) in &ends {
            let key = (client.0, *server, both.client.flatten(), both.server.flatten());
            groups.entry(key).or_default().push(client.1);
        }
        for ((client_ip, server, ..), ports) in groups {
            let (kept, each) = thin(&ports);
            let extra = ports.len() - kept.len() * each;
            for (n, client_port) in kept.iter().enumerate() {
                let client = (client_ip, *client_port);
                let Some(both) = ends.get(&(client, server)) else {
                    continue;
                };
                let stands_for = each + usize::from(n < extra);
                self.connection(topology, client, server, both, stands_for, before, after);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one connection is all of this")]
    fn connection(
        &self,
        topology: &mut Topology,
        client: End,
        server: End,
        both: &Ends,
        stands_for: usize,
        before: &Before,
        after: &mut Before,
    ) {
        let (client_id, server_id) = (self.id(client), self.id(server));
        let mut from = self
            .node(topology, &client_id, both.client)
            .with_adjacent(server_id.clone());
        // Readers count a connection itself once, and add the ones left out.
        if stands_for > 1 {
            from = from.with_latest("conn_count", self.now, (stands_for - 1).to_smolstr());
        }
        if let Some(figures) = both.figures {
            let key = (client_id, server_id.clone());
            for (name, value) in rates(before.get(&key), self.now, figures) {
                from = from.with_metric(name, Metric::of(self.now, value, 0.0, 0.0));
            }
            after.insert(key, (self.now, figures));
        }
        topology.insert(from);
        let to = self.node(topology, &server_id, both.server);
        topology.insert(to);
    }

    /// The endpoint as far as it is known: a server's is shared by all its connections.
    fn node(&self, topology: &Topology, id: &NodeId, held: Option<Option<u32>>) -> Node {
        let known = topology.nodes.get(id).map(|n| n.as_ref().clone());
        let mut node = known.unwrap_or_else(|| Node::new(id.clone(), TopologyKind::Endpoint.tag()));
        if let Some(holder) = held {
            node = node.with_latest("host_node_id", self.now, self.host_node.clone());
            if let Some(pid) = holder {
                node = node.with_latest("pid", self.now, pid.to_smolstr());
            }
        }
        node
    }

    /// Loopback addresses mean something in their own namespace alone; others are the same for everybody,
    /// which is what joins hosts.
    fn id(&self, end: End) -> NodeId {
        let scope = if end.0.is_loopback() {
            format_smolstr!("{}-{}", self.host, self.namespace)
        } else {
            SmolStr::default()
        };
        id::endpoint(&scope, &end.0.to_smolstr(), end.1)
    }
}

#[derive(Debug, Default)]
struct Ends {
    /// Holder of the client's end, when that end is here; none inside when nobody could be found.
    client: Option<Option<u32>>,
    server: Option<Option<u32>>,
    figures: Option<Figures>,
}

/// Client ports kept, and how many connections each stands for at least.
fn thin(ports: &[u16]) -> (Vec<u16>, usize) {
    let mut divisor = 1_u32;
    loop {
        let kept: Vec<u16> = ports
            .iter()
            .copied()
            .filter(|p| u32::from(*p) % divisor == 0)
            .collect();
        if kept.len() <= THIN_ABOVE || divisor > u32::from(u16::MAX) {
            // No port may be divisible: then the lowest stands for all.
            let kept = if kept.is_empty() {
                ports.iter().copied().take(1).collect()
            } else {
                kept
            };
            let each = ports.len() / kept.len().max(1);
            return (kept, each);
        }
        divisor *= 3;
    }
}

/// Rates since the report before, and the figures that are what they are.
fn rates(
    before: Option<&(Timestamp, Figures)>,
    now: Timestamp,
    figures: Figures,
) -> Vec<(&'static str, f64)> {
    let mut all = vec![("rtt_ms", f64::from(figures.rtt_us) / 1_000.0)];
    if let Some((at, old)) = before {
        let seconds = (now.0 - at.0) as f64 / 1e9;
        if seconds > 0.0 {
            let rate = |new: u64, old: u64| new.saturating_sub(old) as f64 / seconds;
            all.push(("bytes_sent_per_s", rate(figures.bytes_sent, old.bytes_sent)));
            all.push((
                "bytes_received_per_s",
                rate(figures.bytes_received, old.bytes_received),
            ));
            let again = u64::from(figures.retransmits.saturating_sub(old.retransmits));
            all.push(("retransmits_per_s", again as f64 / seconds));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(listening: bool, local: &str, remote: &str, inode: u32) -> TcpSocket {
        let end = |text: &str| {
            let address: std::net::SocketAddr = text.parse().unwrap();
            (address.ip(), address.port())
        };
        TcpSocket {
            listening,
            local: end(local),
            remote: end(remote),
            inode,
            figures: None,
        }
    }

    fn nodes(sockets: &[TcpSocket]) -> Topology {
        let mut topology = Topology::default();
        let host_node = NodeId::new("h;<host>");
        let endpoints = Endpoints {
            host: "h",
            host_node,
            namespace: 7,
            now: Timestamp(1),
        };
        let holder = |inode| (inode > 0).then_some(inode + 1_000);
        endpoints.add(
            &mut topology,
            &flows(sockets),
            holder,
            &Before::new(),
            &mut Before::new(),
        );
        topology
    }

    #[test]
    fn the_end_that_listens_is_the_server_whatever_its_port() {
        let topology = nodes(&[
            socket(true, "0.0.0.0:50000", "0.0.0.0:0", 1),
            socket(false, "127.0.0.1:50000", "127.0.0.1:40000", 2),
            socket(false, "127.0.0.1:40000", "127.0.0.1:50000", 3),
        ]);
        let client = &topology.nodes["h-7;127.0.0.1;40000"];
        assert!(
            client.adjacency.contains("h-7;127.0.0.1;50000"),
            "client to server"
        );
        assert_eq!(client.latest("pid"), Some("1003"));
        let server = &topology.nodes["h-7;127.0.0.1;50000"];
        assert!(
            server.adjacency.is_empty() && server.latest("pid") == Some("1002"),
            "{server:?}"
        );
    }

    #[test]
    fn far_ends_carry_no_host_and_routable_addresses_no_scope() {
        let topology = nodes(&[socket(false, "10.0.0.5:41000", "93.184.216.34:443", 4)]);
        let client = &topology.nodes[";10.0.0.5;41000"];
        assert_eq!(client.latest("host_node_id"), Some("h;<host>"));
        assert!(client.adjacency.contains(";93.184.216.34;443"));
        assert_eq!(topology.nodes[";93.184.216.34;443"].latest("host_node_id"), None);
    }

    #[test]
    fn a_connection_to_us_points_at_us() {
        let topology = nodes(&[
            socket(true, "[::]:8080", "[::]:0", 1),
            socket(false, "10.0.0.5:8080", "10.0.0.9:33000", 2),
        ]);
        assert!(
            topology.nodes[";10.0.0.9;33000"]
                .adjacency
                .contains(";10.0.0.5;8080")
        );
    }

    #[test]
    fn sockets_without_a_known_holder_are_still_there() {
        let topology = nodes(&[socket(false, "10.0.0.5:41000", "10.0.0.6:5432", 0)]);
        let client = &topology.nodes[";10.0.0.5;41000"];
        assert_eq!(
            (client.latest("pid"), client.latest("host_node_id")),
            (None, Some("h;<host>"))
        );
    }

    #[test]
    fn many_alike_are_thinned_and_all_are_counted() {
        let sockets: Vec<_> = (0..100)
            .map(|n| socket(false, &format!("10.0.0.5:{}", 40_000 + n), "10.0.0.6:5432", 9))
            .collect();
        let topology = nodes(&sockets);
        let clients: Vec<_> = topology
            .nodes
            .values()
            .filter(|n| !n.adjacency.is_empty())
            .collect();
        assert!(
            (1..=THIN_ABOVE).contains(&clients.len()),
            "{} are kept",
            clients.len()
        );
        let count = |n: &Node| 1 + n.latest("conn_count").map_or(0, |c| c.parse::<usize>().unwrap());
        let total: usize = clients.iter().map(|n| count(n)).sum();
        assert_eq!(total, 100, "those kept stand for all");
    }

    #[test]
    fn rates_need_a_report_before() {
        let figures = |n| Figures {
            rtt_us: 1_500,
            retransmits: 0,
            bytes_sent: n,
            bytes_received: n * 2,
        };
        assert_eq!(rates(None, Timestamp(1), figures(5)), [("rtt_ms", 1.5)]);
        let later = rates(
            Some(&(Timestamp(0), figures(100))),
            Timestamp(2_000_000_000),
            figures(300),
        );
        assert_eq!(
            later[1..3],
            [("bytes_sent_per_s", 100.0), ("bytes_received_per_s", 200.0)]
        );
    }
}
