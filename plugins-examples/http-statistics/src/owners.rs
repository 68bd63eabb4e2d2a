//! Which process serves an end: by the sockets that listen in its network namespace, and who holds them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::limits::NAMESPACES_MAX;
use crate::packet::End;

/// Servers known, by end.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    known: HashMap<End, u32>,
}

impl Owners {
    /// The processes behind some ends, as far as they can be found. Ends that are known and whose process
    /// lives cost nothing.
    pub(crate) fn find<'a>(&mut self, ends: impl Iterator<Item = &'a End>) -> BTreeMap<End, u32> {
        let ends: Vec<End> = ends.copied().collect();
        self.known
            .retain(|_, pid| fs::exists(format!("/proc/{pid}")).unwrap_or(false));
        if ends.iter().any(|end| !self.known.contains_key(end)) {
            self.look(&ends);
        }
        ends.into_iter()
            .filter_map(|end| Some((end, *self.known.get(&end)?)))
            .collect()
    }

    fn look(&mut self, ends: &[End]) {
        let pids = pids();
        let mut inodes: BTreeMap<u64, Vec<End>> = BTreeMap::new();
        for (own, pid) in namespaces(&pids) {
            let listening = listening(pid);
            let addresses = addresses(pid);
            for end in ends {
                let here = if end.0.is_loopback() {
                    own
                } else {
                    addresses.contains(&end.0)
                };
                if !here {
                    continue;
                }
                let exact = listening.get(end).or_else(|| {
                    let any = |ip: IpAddr| listening.get(&(ip, end.1));
                    any(Ipv4Addr::UNSPECIFIED.into()).or_else(|| any(Ipv6Addr::UNSPECIFIED.into()))
                });
                if let Some(inode) = exact {
                    inodes.entry(*inode).or_default().push(*end);
                }
            }
        }
        for pid in pids {
            if inodes.is_empty() {
                return;
            }
            for inode in sockets(pid) {
                // Of a parent and its workers the parent, with the lowest number, comes first.
                for end in inodes.remove(&inode).unwrap_or_default() {
                    self.known.insert(end, pid);
                }
            }
        }
    }
}

fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = entries
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

/// A process of each network namespace, and whether that is the own one.
fn namespaces(pids: &[u32]) -> Vec<(bool, u32)> {
    let own = fs::read_link("/proc/self/ns/net").unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for pid in pids {
        let Ok(namespace) = fs::read_link(format!("/proc/{pid}/ns/net")) else {
            continue;
        };
        if all.len() < NAMESPACES_MAX && seen.insert(namespace.clone()) {
            all.push((namespace == own, *pid));
        }
    }
    all
}

/// Inodes of listening sockets by end, in the namespace of a process.
fn listening(pid: u32) -> HashMap<End, u64> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/net/{file}")).unwrap_or_default();
    let mut all = HashMap::new();
    for table in [read("tcp"), read("tcp6")] {
        all.extend(table.lines().skip(1).filter_map(listener));
    }
    all
}

/// A line of /proc/net/tcp or tcp6, when its socket listens.
fn listener(line: &str) -> Option<(End, u64)> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    if *fields.get(3)? != LISTEN {
        return None;
    }
    let (address, port) = fields.get(1)?.split_once(':')?;
    let inode = fields.get(9)?.parse().ok()?;
    Some(((ip(address)?, u16::from_str_radix(port, 16).ok()?), inode))
}

/// The kernel writes addresses as words in its own byte order.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0_u8; 16];
            for (n, chunk) in bytes.chunks_mut(4).enumerate() {
                chunk.copy_from_slice(&word(n * 8)?);
            }
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

/// Addresses of the namespace of a process.
fn addresses(pid: u32) -> BTreeSet<IpAddr> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/net/{file}")).unwrap_or_default();
    let mut all = own_v4(&read("fib_trie"));
    all.extend(read("if_inet6").lines().filter_map(|line| {
        let address = u128::from_str_radix(line.split_ascii_whitespace().next()?, 16).ok()?;
        Some(IpAddr::from(Ipv6Addr::from(address)))
    }));
    all
}

/// In fib_trie an own address stands on the line before `/32 host LOCAL`.
fn own_v4(trie: &str) -> BTreeSet<IpAddr> {
    let lines: Vec<&str> = trie.lines().map(str::trim).collect();
    lines
        .windows(2)
        .filter(|pair| pair[1].starts_with("/32 host LOCAL"))
        .filter_map(|pair| pair[0].strip_prefix("|-- ")?.parse().ok())
        .collect()
}

fn sockets(pid: u32) -> Vec<u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let inode = |path: std::path::PathBuf| {
        let target = fs::read_link(path).ok()?;
        target
            .to_str()?
            .strip_prefix("socket:[")?
            .strip_suffix(']')?
            .parse()
            .ok()
    };
    entries.filter_map(|e| inode(e.path())).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_own_listener_is_found_over_both_protocols() {
        for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let end = listener.local_addr().unwrap();
            let ip = if end.ip().is_unspecified() {
                Ipv4Addr::LOCALHOST.into()
            } else {
                end.ip()
            };
            let end = (ip, end.port());
            let found = Owners::default().find([end].iter());
            assert_eq!(found.get(&end), Some(&std::process::id()), "{address}");
        }
    }

    #[test]
    fn an_end_that_nobody_serves_has_no_process() {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let end = (Ipv4Addr::LOCALHOST.into(), port);
        assert!(
            Owners::default().find([end].iter()).is_empty(),
            "the listener is closed"
        );
    }

    #[test]
    fn tables_are_read_as_the_kernel_writes_them() {
        let line = "0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1";
        assert_eq!(listener(line), Some(((Ipv4Addr::LOCALHOST.into(), 8080), 4711)));
        assert_eq!(
            listener(&line.replace(" 0A ", " 01 ")),
            None,
            "an established one does not listen"
        );
        assert_eq!(listener("sl local_address"), None);
        let trie = "  |-- 172.17.0.2\n     /32 host LOCAL\n  |-- 172.17.0.0\n     /16 link UNICAST\n";
        assert_eq!(own_v4(trie), [Ipv4Addr::new(172, 17, 0, 2).into()].into());
    }
}
