//! When nodes appeared or changed last, for queries such as `changed in 10m`.
//!
//! A change is one that a person would call so: another value of a fact, another member of a set, another
//! parent, connection or control. Readings change all the time and do not count, nor do facts that count
//! time, such as an uptime. A connection that comes or goes changes the process it belongs to, and the
//! container and pod around that.

use std::sync::{PoisonError, RwLock};

use orrery_model::window::Snapshot;
use orrery_model::{Node, NodeId, Report, SmolStr, TopologyKind, id};
use orrery_topology::derive::ChangeLookup;
use rustc_hash::FxHashMap;

use crate::clock;
use crate::limits::{CHANGES_KEPT, CHANGES_MAX};

/// Data type of facts that count time.
const COUNTS_TIME: &str = "duration";

type Key = (TopologyKind, NodeId);

/// Time of the last change by node, in milliseconds since the epoch.
#[derive(Debug, Default)]
pub(crate) struct Changes(RwLock<FxHashMap<Key, i64>>);

impl Changes {
    /// Takes in what differs between a publication and the one that follows.
    pub(crate) fn note(&self, before: &Report, snapshot: &Snapshot, at_ms: i64) {
        if snapshot.changed.is_empty() {
            return;
        }
        let after = &*snapshot.report;
        let mut touched: Vec<Key> = Vec::new();
        let mut gone: Vec<&Key> = Vec::new();
        for key in snapshot.changed.iter() {
            let (kind, id) = key;
            let (old, new) = (before.node(*kind, id), after.node(*kind, id));
            let changed = match (old, new) {
                (Some(old), Some(new)) => differ(after, *kind, old, new),
                (None, Some(_)) => true,
                (Some(_), None) => {
                    gone.push(key);
                    *kind == TopologyKind::Endpoint
                }
                (None, None) => false,
            };
            if !changed {
                continue;
            }
            if *kind == TopologyKind::Endpoint {
                let sides = old.into_iter().chain(new);
                touched.extend(sides.flat_map(|endpoint| owners(after, endpoint)));
            } else {
                touched.push(key.clone());
            }
        }
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for key in gone {
            held.remove(key);
        }
        // What is there when everything begins is not news.
        if before.node_count() > 0 {
            held.extend(touched.into_iter().map(|key| (key, at_ms)));
        }
        bound(&mut held, at_ms);
    }
}

impl ChangeLookup for Changes {
    fn changed_ago_ms(&self, kind: TopologyKind, id: &NodeId) -> Option<i64> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let at_ms = *held.get(&(kind, id.clone()))?;
        Some(clock::now_ms().saturating_sub(at_ms).max(0))
    }
}

/// Whether two reports say different things of a node, readings and counted time aside.
fn differ(report: &Report, kind: TopologyKind, old: &Node, new: &Node) -> bool {
    if old.sets != new.sets
        || old.parents != new.parents
        || old.adjacency != new.adjacency
        || old.controls() != new.controls()
        || old.latest.len() != new.latest.len()
    {
        return true;
    }
    if old.latest.is_shared_with(&new.latest) {
        return false;
    }
    let templates = &report.topology(kind).metadata_templates;
    let counts_time = |key: &SmolStr| templates.get(key).is_some_and(|t| t.data_type == COUNTS_TIME);
    let pairs = old.latest.iter().zip(&new.latest);
    pairs
        .into_iter()
        .any(|((a, before), (b, after))| a != b || (before.value != after.value && !counts_time(a)))
}

/// The process that an endpoint belongs to, and what that runs in.
fn owners(report: &Report, endpoint: &Node) -> Vec<Key> {
    let process = endpoint.latest("host_node_id").and_then(|host| {
        let host = id::parse_tagged(TopologyKind::Host, host)?;
        Some(id::process(host, endpoint.latest("pid")?.parse().ok()?))
    });
    let Some(process) = process else {
        return Vec::new();
    };
    let parents = |kind: TopologyKind, id: &NodeId, of: TopologyKind| -> Vec<NodeId> {
        let node = report.node(kind, id);
        let parents = node.and_then(|n| n.parents.get(of.tag()));
        parents.into_iter().flatten().cloned().collect()
    };
    let mut out = Vec::new();
    for container in parents(TopologyKind::Process, &process, TopologyKind::Container) {
        let pods = parents(TopologyKind::Container, &container, TopologyKind::Pod);
        out.extend(pods.into_iter().map(|pod| (TopologyKind::Pod, pod)));
        out.push((TopologyKind::Container, container));
    }
    out.push((TopologyKind::Process, process));
    out
}

/// Forgets what is too old, and the older half when there is still too much.
fn bound(held: &mut FxHashMap<Key, i64>, at_ms: i64) {
    let kept_ms = i64::try_from(CHANGES_KEPT.as_millis()).unwrap_or(i64::MAX);
    if held.len() <= CHANGES_MAX / 2 {
        return;
    }
    held.retain(|_, changed| *changed > at_ms.saturating_sub(kept_ms));
    if held.len() > CHANGES_MAX {
        let mut times: Vec<i64> = held.values().copied().collect();
        let (_, middle, _) = times.select_nth_unstable(held.len() / 2);
        let middle = *middle;
        held.retain(|_, changed| *changed > middle);
    }
}

#[cfg(test)]
mod tests {
    use orrery_model::window::{Completeness, SourceId, Window};
    use orrery_model::{MetadataTemplate, Metric, Timestamp};

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Hands reports to a window and notes what changes from one snapshot to the next.
    struct Bench {
        window: Window,
        before: Snapshot,
        changes: Changes,
        at: i64,
    }

    impl Bench {
        fn new() -> Self {
            let mut window = Window::new(15 * SECOND);
            let before = window.snapshot(Timestamp(1));
            Bench {
                window,
                before,
                changes: Changes::default(),
                at: clock::now().0,
            }
        }

        fn say(&mut self, nodes: Vec<(TopologyKind, Node)>) {
            self.at += SECOND;
            let mut report = Report::default();
            for (kind, node) in nodes {
                report.topology_mut(kind).insert(node);
            }
            let uptime = MetadataTemplate {
                id: "uptime".into(),
                data_type: COUNTS_TIME.into(),
                ..MetadataTemplate::default()
            };
            let hosts = report.topology_mut(TopologyKind::Host);
            hosts.metadata_templates.insert("uptime".into(), uptime);
            let now = Timestamp(self.at);
            self.window
                .take(&SourceId::probe("test"), report, Completeness::Whole, now);
            let snapshot = self.window.snapshot(now);
            // Far in the future, so that what is noted is told from what is not by being there.
            self.changes.note(&self.before.report, &snapshot, now.as_millis());
            self.before = snapshot;
        }

        fn changed(&self) -> Vec<String> {
            let held = self.changes.0.read().unwrap();
            let mut ids: Vec<String> = held.keys().map(|(_, id)| id.to_string()).collect();
            ids.sort();
            ids
        }

        fn forget(&self) {
            self.changes.0.write().unwrap().clear();
        }
    }

    fn process(pid: u32, name: &str) -> (TopologyKind, Node) {
        let node = Node::new(format!("h;{pid}"), "process")
            .with_latest("name", Timestamp(1), name)
            .with_parent("container", "c;<container>")
            .with_metric("cpu", Metric::of(Timestamp(i64::from(pid)), 1.0, 0.0, 100.0));
        (TopologyKind::Process, node)
    }

    fn host(uptime: &str) -> (TopologyKind, Node) {
        let node = Node::new("h;<host>", "host").with_latest("uptime", Timestamp(1), uptime);
        (TopologyKind::Host, node)
    }

    fn container() -> (TopologyKind, Node) {
        let node = Node::new("c;<container>", "container").with_parent("pod", "p;<pod>");
        (TopologyKind::Container, node)
    }

    fn endpoint(port: u32, to: &[&str]) -> (TopologyKind, Node) {
        let node = Node::new(format!(";10.0.0.1;{port}"), "endpoint")
            .with_latest("host_node_id", Timestamp(1), "h;<host>")
            .with_latest("pid", Timestamp(1), "1");
        let node = to.iter().fold(node, |node, to| node.with_adjacent(*to));
        (TopologyKind::Endpoint, node)
    }

    #[test]
    fn what_counts_as_a_change() {
        let mut bench = Bench::new();
        bench.say(vec![process(1, "a"), host("1")]);
        assert_eq!(
            bench.changed(),
            [""; 0],
            "what is there at the beginning is not news"
        );

        bench.say(vec![process(1, "a"), process(2, "b"), host("2")]);
        assert_eq!(bench.changed(), ["h;2"], "it appeared; counted time is no change");

        bench.forget();
        let (kind, node) = process(1, "a");
        let reading = node.with_metric("cpu", Metric::of(Timestamp(9), 2.0, 0.0, 100.0));
        bench.say(vec![(kind, reading), process(2, "b"), host("3")]);
        assert_eq!(bench.changed(), [""; 0], "readings are no change");

        bench.say(vec![process(1, "renamed"), process(2, "b"), host("3")]);
        assert_eq!(bench.changed(), ["h;1"]);

        bench.say(vec![process(2, "b"), host("3")]);
        assert_eq!(bench.changed(), [""; 0], "what is gone is forgotten");
    }

    #[test]
    fn connections_change_whom_they_belong_to() {
        let mut bench = Bench::new();
        let all = |endpoints: &[(TopologyKind, Node)]| {
            let mut nodes = vec![process(1, "a"), process(2, "b"), container()];
            nodes.extend(endpoints.iter().cloned());
            nodes
        };
        let owners = ["c;<container>", "h;1", "p;<pod>"];
        bench.say(all(&[]));
        bench.say(all(&[endpoint(1, &[])]));
        assert_eq!(bench.changed(), owners, "came");
        bench.forget();
        bench.say(all(&[endpoint(1, &[";10.0.0.2;80"])]));
        assert_eq!(bench.changed(), owners, "leads elsewhere");
        bench.forget();
        bench.say(all(&[]));
        assert_eq!(bench.changed(), owners, "went");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut held: FxHashMap<Key, i64> = FxHashMap::default();
        let key = |i: usize| (TopologyKind::Process, NodeId::from(format!("h;{i}")));
        held.extend((0..CHANGES_MAX + 10).map(|i| (key(i), i as i64)));
        bound(&mut held, CHANGES_MAX as i64);
        assert!(held.len() <= CHANGES_MAX, "{}", held.len());
        assert!(held.contains_key(&key(CHANGES_MAX + 9)), "the newest stays");
        bound(&mut held, i64::MAX);
        assert!(held.len() <= CHANGES_MAX / 2 + 5, "{}", held.len());
    }
}
