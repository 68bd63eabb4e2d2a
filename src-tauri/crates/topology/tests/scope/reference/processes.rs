//! Processes, hosts and peers; and where endpoints go.

use orrery_model::{Report, TopologyKind, id};

use super::{Join, Node, Nodes, PSEUDO, bare, containers, host_of, kubernetes};

const SERVICES: [&str; 10] = [
    ".amazonaws.com",
    ".googleapis.com",
    ".weave.works",
    ".core.windows.net",
    ".servicebus.windows.net",
    ".azure-api.net",
    ".onmicrosoft.com",
    ".cloudapp.azure.com",
    ".database.windows.net",
    ".documents.azure.com",
];

/// Names seen for an address: those asked for, then those it resolves back to.
pub(super) fn names(report: &Report, address: &str) -> Vec<String> {
    let record = report.dns.get(address).into_iter();
    record
        .flat_map(|r| r.forward.iter().chain(&r.reverse))
        .map(ToString::to_string)
        .collect()
}

fn is_service(name: &str) -> bool {
    let known = SERVICES.iter().any(|s| name.len() > s.len() && name.ends_with(s));
    known && !(name.starts_with("ec2") && name.ends_with(".amazonaws.com"))
}

fn bits(text: &str) -> Option<(u128, u32)> {
    match text.parse().ok()? {
        std::net::IpAddr::V4(a) => Some((u128::from(u32::from(a)), 32)),
        std::net::IpAddr::V6(a) => Some((u128::from(a), 128)),
    }
}

fn is_local(report: &Report, address: (u128, u32)) -> bool {
    let within = |base: (u128, u32), prefix: u32| {
        base.1 == address.1 && (prefix == 0 || (base.0 ^ address.0) >> (base.1 - prefix) == 0)
    };
    let nodes = [TopologyKind::Host, TopologyKind::Overlay];
    let mut networks = nodes
        .iter()
        .flat_map(|kind| report.topology(*kind).nodes.values())
        .filter_map(|node| node.sets.get("local_networks"))
        .flatten();
    if networks.any(|network| {
        let (base, prefix) = network.split_once('/').unwrap();
        within(bits(base).unwrap(), prefix.parse().unwrap())
    }) {
        return true;
    }
    let services = report.topology(TopologyKind::Service).nodes.values();
    let ips: Vec<u128> = services
        .filter_map(|s| bits(s.latest("kubernetes_ip")?).filter(|ip| ip.1 == 32))
        .map(|ip| ip.0)
        .collect();
    // The smallest network that holds all service addresses.
    let (Some(least), Some(greatest)) = (ips.iter().min(), ips.iter().max()) else {
        return false;
    };
    let common = (0..=32)
        .rev()
        .find(|p| *p == 0 || (least ^ greatest) >> (32 - p) == 0);
    within((*least, 32), common.unwrap())
}

/// Where an endpoint is drawn of which no probe knows the host.
pub(super) fn outside(report: &Report, endpoint: &Node) -> Option<String> {
    let (_, address, _) = id::parse_endpoint(&endpoint.id)?;
    if let Some(name) = names(report, address).into_iter().find(|n| is_service(n)) {
        return Some(format!("service-{name}"));
    }
    let end = if endpoint.adjacency.is_empty() {
        "out"
    } else {
        "in"
    };
    (!is_local(report, bits(address)?)).then(|| format!("{end}-theinternet"))
}

/// Endpoints joined into a kind.
pub(super) fn join_endpoints(
    report: &Report,
    kind: TopologyKind,
    owner: impl Fn(&Node, &Nodes) -> Option<String>,
) -> Nodes {
    let endpoints = Nodes::select(report, TopologyKind::Endpoint);
    let mut join = Join::into_what_is_reported(report, &[kind]);
    for endpoint in endpoints.all.values() {
        let outside = match endpoint.fact("host_node_id") {
            None => outside(report, endpoint),
            Some(_) => None,
        };
        if let Some(id) = outside {
            join.add(endpoint, PSEUDO, &id);
        } else if let Some(id) = owner(endpoint, &endpoints) {
            join.add(endpoint, kind.tag(), &id);
        }
    }
    join.done(&endpoints)
}

pub(super) fn processes(report: &Report) -> Nodes {
    if report.topology(TopologyKind::Process).nodes.is_empty() {
        return Nodes::default();
    }
    join_endpoints(report, TopologyKind::Process, |endpoint, endpoints| {
        let real = |to: &String| {
            let of = endpoints.all.get(to).and_then(|e| e.fact("copy_of"));
            of.unwrap_or(to).to_owned()
        };
        let targets: std::collections::BTreeSet<String> = endpoint.adjacency.iter().map(real).collect();
        let (pid, host) = (endpoint.fact("pid")?, host_of(endpoint));
        (targets.len() < 2 && !host.is_empty()).then(|| format!("{host};{pid}"))
    })
}

pub(super) fn by_name(report: &Report) -> Nodes {
    let processes = processes(report);
    let mut join = Join::default();
    for node in processes.all.values() {
        if node.is_pseudo() {
            join.pass(node);
        } else if let Some(name) = node.fact("name") {
            join.add_deep(node, "group:process:name", name);
        }
    }
    join.done(&processes)
}

pub(super) fn hosts(report: &Report) -> Nodes {
    let mut out = join_endpoints(report, TopologyKind::Host, |endpoint, _| {
        endpoint.fact("host_node_id").map(str::to_owned)
    });
    let parts = [
        processes(report),
        containers::containers(report),
        containers::by_image(report),
        kubernetes::pods(report),
    ];
    for part in parts {
        let mut join = Join::default();
        for node in part.all.values().filter(|n| !n.is_pseudo()) {
            for host in node.parents("host") {
                // Images span hosts: what they have edges to may be elsewhere.
                if node.topology == "container_image" {
                    join.put_below(node, "host", &host);
                } else {
                    join.add(node, "host", &host);
                }
            }
        }
        let joined = join.done(&part);
        out = out.merge(joined);
    }
    Nodes { filtered: 0, ..out }
}

pub(super) fn weave(report: &Report) -> Nodes {
    let mut peers = Nodes::select(report, TopologyKind::Overlay);
    peers
        .all
        .retain(|id, _| id.starts_with('#') && !id.starts_with("#docker_peer_"));
    let mut join = Join::default();
    for peer in peers.all.values() {
        if peer.fact("host_node_id").is_some() {
            join.pass(peer);
        } else {
            let id = format!("pseudo:unmanaged:{}", peer.word("weave_peer_nick_name"));
            join.at(PSEUDO, &id);
            join.went.entry(peer.id.clone()).or_default().push(id);
        }
    }
    join.done(&peers)
}

/// The host in a process's id.
pub(super) fn host_in(process_id: &str) -> &str {
    process_id.split_once(';').map_or("", |(host, _)| host)
}

/// The name in a host's id.
pub(super) fn host_name(id: &str) -> &str {
    bare(TopologyKind::Host, id)
}
