//! Networks that the host is on, by which addresses count as local.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use smol_str::{SmolStr, format_smolstr};

use crate::procfs;

/// Networks of all interfaces, as `address/bits`.
pub(crate) fn local() -> BTreeSet<SmolStr> {
    let mut all: BTreeSet<SmolStr> =
        [SmolStr::new_static("127.0.0.0/8"), SmolStr::new_static("::1/128")].into();
    all.extend(routes(&procfs::read("/proc/net/route").unwrap_or_default()));
    all.extend(addresses(&procfs::read("/proc/net/if_inet6").unwrap_or_default()));
    all
}

/// Networks reached without a gateway, from /proc/net/route.
fn routes(text: &str) -> Vec<SmolStr> {
    let network = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let hex = |n: usize| u32::from_str_radix(fields.get(n)?, 16).ok().map(u32::from_be);
        let (destination, gateway, mask) = (hex(1)?, hex(2)?, hex(7)?);
        let bits = mask.count_ones();
        (gateway == 0 && bits > 0).then(|| format_smolstr!("{}/{bits}", Ipv4Addr::from(destination)))
    };
    text.lines().skip(1).filter_map(network).collect()
}

/// Networks of the addresses in /proc/net/if_inet6.
fn addresses(text: &str) -> Vec<SmolStr> {
    let network = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let address = u128::from_str_radix(fields.next()?, 16).ok()?;
        let bits = u32::from_str_radix(fields.nth(1)?, 16)
            .ok()
            .filter(|b| (1..=128).contains(b))?;
        let network = Ipv6Addr::from(address & (u128::MAX << (128 - bits)));
        Some(format_smolstr!("{network}/{bits}"))
    };
    text.lines().filter_map(network).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_without_a_gateway_are_local() {
        let text = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n\
                    eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\n\
                    eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\nbroken\n";
        assert_eq!(routes(text), ["192.168.1.0/24"]);
    }

    #[test]
    fn addresses_give_their_networks() {
        let text = "fe800000000000000000000000000001 02 40 20 80 eth0\n00000000000000000000000000000001 01 80 10 80 lo\nx\n";
        assert_eq!(addresses(text), ["fe80::/64", "::1/128"]);
    }
}
