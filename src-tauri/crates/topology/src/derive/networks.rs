//! The networks that count as local: what lies outside of them is The Internet.

use std::net::{IpAddr, Ipv4Addr};

use orrery_model::{Report, TopologyKind};

use crate::derive::keys;

/// A set of networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Networks(Vec<Network>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    base: IpAddr,
    bits: u8,
}

impl Networks {
    /// All networks that hosts and overlay peers call their own, and the smallest IPv4 network that holds
    /// every service address (clusters do not report theirs).
    pub(crate) fn of(report: &Report) -> Self {
        let mut networks: Vec<Network> = [TopologyKind::Host, TopologyKind::Overlay]
            .into_iter()
            .flat_map(|kind| report.topology(kind).nodes.values())
            .filter_map(|node| node.sets.get(keys::LOCAL_NETWORKS))
            .flatten()
            .filter_map(|text| parse(text))
            .collect();
        networks.extend(service_network(report));
        networks.sort_by_key(|n| (n.base, n.bits));
        networks.dedup();
        Networks(networks)
    }

    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        let address = unmapped(address);
        self.0.iter().any(|n| n.contains(address))
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(a)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                u32::from(base) & mask == u32::from(a) & mask
            }
            (IpAddr::V6(base), IpAddr::V6(a)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                u128::from(base) & mask == u128::from(a) & mask
            }
            _ => false,
        }
    }
}

/// IPv4 in IPv6 clothing is IPv4.
pub(crate) fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn parse(text: &str) -> Option<Network> {
    let (base, bits) = text.split_once('/')?;
    let base: IpAddr = base.parse().ok()?;
    let bits: u8 = bits.parse().ok()?;
    let width = if base.is_ipv4() { 32 } else { 128 };
    (bits <= width).then_some(Network { base, bits })
}

fn service_network(report: &Report) -> Option<Network> {
    let addresses: Vec<u32> = report
        .topology(TopologyKind::Service)
        .nodes
        .values()
        .filter_map(|n| n.latest(keys::K8S_IP)?.parse::<Ipv4Addr>().ok())
        .filter(|a| !a.is_unspecified())
        .map(u32::from)
        .collect();
    let (least, greatest) = (addresses.iter().min()?, addresses.iter().max()?);
    let bits = (least ^ greatest).leading_zeros() as u8;
    Some(Network {
        base: IpAddr::V4(Ipv4Addr::from(*least)),
        bits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_model::{Node, Timestamp};

    fn networks(texts: &[&str]) -> Networks {
        Networks(texts.iter().filter_map(|t| parse(t)).collect())
    }

    #[test]
    fn containment() {
        let check = |nets: &[&str], address: &str, expected: bool| {
            assert_eq!(
                networks(nets).contain(address.parse().unwrap()),
                expected,
                "{address} in {nets:?}"
            );
        };
        check(&["10.1.2.3/24"], "10.1.2.77", true);
        check(&["10.1.2.3/24"], "10.1.3.1", false);
        check(&["10.1.2.3/24"], "::ffff:10.1.2.9", true);
        check(&["0.0.0.0/0"], "8.8.8.8", true);
        check(&["fe80::1/64"], "fe80::99", true);
        check(&["fe80::1/64"], "2001:db8::1", false);
        check(&["10.0.0.0/33", "10.0.0.0/x", "ten/8"], "10.0.0.1", false);
        check(&[], "127.0.0.1", false);
    }

    #[test]
    fn services_span_a_network() {
        let mut report = Report::default();
        for (id, ip) in [
            ("a", "10.96.0.1"),
            ("b", "10.96.3.10"),
            ("headless", "None"),
            ("c", "10.96.1.7"),
        ] {
            report.topology_mut(TopologyKind::Service).insert(
                Node::new(format!("{id};<service>"), "service").with_latest(keys::K8S_IP, Timestamp(1), ip),
            );
        }
        let nets = Networks::of(&report);
        for (address, expected) in [("10.96.2.2", true), ("10.96.4.1", false), ("10.95.0.1", false)] {
            assert_eq!(nets.contain(address.parse().unwrap()), expected, "{address}");
        }
    }
}
