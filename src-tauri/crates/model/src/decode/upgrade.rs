//! What probes of long ago reported otherwise, said as those of today say it.

use std::sync::Arc;

use crate::{Node, NodeId, Report, SmolStr, TopologyKind, id};

/// Sets of endpoints in which probes wrote the names of addresses before reports had `DNS`.
const ASKED_FOR: &str = "snooped_dns_names";
const RESOLVED_BACK: &str = "reverse_dns_names";

/// Says a report's old words anew. What stands in it already is kept.
pub(super) fn upgrade(report: &mut Report) {
    deployments_of_replica_sets(report);
    names_of_addresses(report);
}

/// Pods named the replica set that made them; now they name its deployment.
fn deployments_of_replica_sets(report: &mut Report) {
    let (sets, tag) = (TopologyKind::ReplicaSet, TopologyKind::ReplicaSet.tag());
    if !report.topologies.contains_key(&sets) || !report.topologies.contains_key(&TopologyKind::Pod) {
        return;
    }
    let above = TopologyKind::Deployment.tag();
    let deployments = |set: &NodeId| -> Vec<NodeId> {
        let set = report.topology(sets).nodes.get(set);
        let ids = set.and_then(|set| set.parents.get(above)).into_iter().flatten();
        ids.cloned().collect()
    };
    let pods = report.topology(TopologyKind::Pod).nodes.values();
    let raised: Vec<Node> = pods
        .filter_map(|pod| {
            let sets = pod.parents.get(tag)?;
            let mut raised = Node::clone(pod);
            raised.parents.remove(tag);
            let ids: Vec<NodeId> = sets.iter().flat_map(deployments).collect();
            if !ids.is_empty() {
                let held = raised.parents.entry(SmolStr::new_static(above)).or_default();
                held.extend(ids);
            }
            Some(raised)
        })
        .collect();
    let pods = report.topology_mut(TopologyKind::Pod);
    for pod in raised {
        pods.nodes.insert(pod.id.clone(), Arc::new(pod));
    }
}

/// Endpoints had the names of their addresses; now the report has.
fn names_of_addresses(report: &mut Report) {
    if !report.dns.is_empty() || !report.topologies.contains_key(&TopologyKind::Endpoint) {
        return;
    }
    let mut dns = std::mem::take(&mut report.dns);
    for (id, endpoint) in &report.topology(TopologyKind::Endpoint).nodes {
        let names = |key: &str| endpoint.sets.get(key).filter(|names| !names.is_empty());
        let (asked_for, resolved_back) = (names(ASKED_FOR), names(RESOLVED_BACK));
        if asked_for.is_none() && resolved_back.is_none() {
            continue;
        }
        let Some((_, address, _)) = id::parse_endpoint(id) else {
            continue;
        };
        if dns.len() >= crate::limits::DNS_RECORDS && !dns.contains_key(address) {
            continue;
        }
        let record = dns.entry(SmolStr::new(address)).or_default();
        record.forward.extend(asked_for.into_iter().flatten().cloned());
        record
            .reverse
            .extend(resolved_back.into_iter().flatten().cloned());
    }
    report.dns = dns;
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{Report, Timestamp, TopologyKind};

    fn decoded(report: &Value) -> Report {
        let text = serde_json::to_vec(report).unwrap();
        Report::from_json(&text, Timestamp(1)).unwrap().report
    }

    #[test]
    fn pods_of_replica_sets_are_their_deployments() {
        let report = decoded(&json!({
            "Pod": { "nodes": {
                "p;<pod>": { "id": "p;<pod>", "parents": {
                    "replica_set": ["r;<replica_set>", "gone;<replica_set>"], "service": ["s;<service>"],
                } },
                "q;<pod>": { "id": "q;<pod>", "parents": { "replica_set": ["gone;<replica_set>"] } },
            } },
            "ReplicaSet": { "nodes": {
                "r;<replica_set>": { "id": "r;<replica_set>", "parents": { "deployment": ["d;<deployment>"] } },
            } },
        }));
        let parents = |id: &str| {
            let pod = report.node(TopologyKind::Pod, id).unwrap();
            let said = pod.parents.iter().map(|(tag, ids)| {
                let ids: Vec<&str> = ids.iter().map(crate::NodeId::as_str).collect();
                format!("{tag}={}", ids.join(","))
            });
            said.collect::<Vec<_>>()
        };
        assert_eq!(
            parents("p;<pod>"),
            ["deployment=d;<deployment>", "service=s;<service>"]
        );
        assert!(parents("q;<pod>").is_empty());
    }

    #[test]
    fn names_on_endpoints_are_names_of_addresses() {
        let old = json!({ "Endpoint": { "nodes": {
            ";192.0.2.7;80": { "id": ";192.0.2.7;80", "sets": { "snooped_dns_names": ["b.example"] } },
            ";192.0.2.7;81": { "id": ";192.0.2.7;81", "sets": {
                "snooped_dns_names": ["a.example"], "reverse_dns_names": ["r.example"],
            } },
            ";192.0.2.8;80": { "id": ";192.0.2.8;80" },
            "odd": { "id": "odd", "sets": { "reverse_dns_names": ["x.example"] } },
        } } });
        let report = decoded(&old);
        let record = &report.dns["192.0.2.7"];
        assert!(record.forward.iter().eq(["a.example", "b.example"]), "{record:?}");
        assert!(record.reverse.iter().eq(["r.example"]), "{record:?}");
        assert_eq!(report.dns.len(), 1);

        let mut both = old;
        both["DNS"] = json!({ "192.0.2.9": { "forward": ["c.example"] } });
        assert_eq!(
            decoded(&both).dns.len(),
            1,
            "who writes names there writes all of them there"
        );
    }
}
