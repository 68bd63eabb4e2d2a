//! Containers, by host name and by image.

use std::sync::Arc;

use orrery_model::{Latest, Node, NodeId, Report, SmolStr, TopologyKind, id};
use rustc_hash::FxHashMap;
use smol_str::format_smolstr;

use crate::derive::endpoints::{Endpoint, Endpoints};
use crate::derive::layer::{Join, Layer, Targets};
use crate::derive::local::LocalPeers;
use crate::derive::node::{Child, GroupKind, NodeKind, PseudoKind, uncontained_id};
use crate::derive::processes::group;
use crate::derive::{keys, outside};

/// Every container that is not deleted: joined by the processes inside, and by the addresses that belong
/// to exactly one container, which finds those on machines where processes cannot be seen.
pub(crate) fn containers(
    report: &Report,
    endpoints: &Endpoints,
    processes: &Layer,
    peers: Option<&LocalPeers<'_>>,
) -> Layer {
    let mut join = Join::new();
    join.seed(TopologyKind::Container, report.topology(TopologyKind::Container));
    join.lift(processes, |join, node| match node.kind {
        NodeKind::Known(_) => Targets::One(match container_of(&node.node) {
            Some(id) => join.target(NodeKind::Known(TopologyKind::Container), id),
            None => {
                let host = node.id.split_once(id::DELIMITER).map_or("", |(host, _)| host);
                join.target(NodeKind::Pseudo(PseudoKind::Uncontained), uncontained_id(host))
            }
        }),
        _ => join.pass(node),
    });
    let addresses = Addresses::of_containers(report);
    join.lift_endpoints(endpoints, |join, at| {
        let endpoint = endpoints.get(at);
        if let Some((kind, id)) = &endpoint.outside {
            return Targets::One(join.target(*kind, id.clone()));
        }
        let owner = addresses.find(endpoint).and_then(|id| join.at(id));
        owner.or_else(|| peers?.place(join, endpoint)).into()
    });
    let layer = join.finish();
    drop_deleted(layer, keys::CONTAINER_STATE, &[keys::STATE_DELETED])
}

/// Id of the container that a process runs in.
pub(crate) fn container_of(process: &Node) -> Option<NodeId> {
    let id = process.latest(keys::CONTAINER_ID).filter(|id| !id.is_empty())?;
    Some(id::tagged(TopologyKind::Container, id))
}

/// Drops reported nodes in one of these states.
pub(crate) fn drop_deleted(layer: Layer, state_key: &str, states: &[&str]) -> Layer {
    layer.retain(|n| n.kind.is_pseudo() || n.node.latest(state_key).is_none_or(|s| !states.contains(&s)))
}

/// The same with what their images say: name, tag, sizes, role.
pub(crate) fn with_images(report: &Report, containers: &Layer) -> Layer {
    let images = &report.topology(TopologyKind::ContainerImage).nodes;
    let mut out = containers.clone();
    for node in &mut out.nodes {
        if node.kind != NodeKind::Known(TopologyKind::Container) {
            continue;
        }
        let image = node
            .node
            .latest(keys::IMAGE_ID)
            .and_then(|i| images.get(&id::tagged(TopologyKind::ContainerImage, i)));
        if let Some(image) = image
            && let Some(name) = image.latest(keys::IMAGE_NAME)
        {
            node.node = Arc::new(with_image(&node.node, image, name));
        }
    }
    out
}

fn with_image(container: &Node, image: &Node, name: &str) -> Node {
    const COPIED: [&str; 5] = [
        keys::IMAGE_NAME,
        keys::IMAGE_TAG,
        keys::IMAGE_SIZE,
        keys::IMAGE_VIRTUAL_SIZE,
        keys::IMAGE_ROLE_LABEL,
    ];
    let mut node = container.clone();
    for key in COPIED {
        if let Some(fact) = image.latest.get(key)
            && node
                .latest
                .get(key)
                .is_none_or(|own| own.timestamp < fact.timestamp)
        {
            node.latest.insert(SmolStr::new_static(key), Latest::clone(fact));
        }
    }
    let id = id::tagged(TopologyKind::ContainerImage, image_without_tag(name));
    node.parents.insert(
        SmolStr::new_static(TopologyKind::ContainerImage.tag()),
        [id].into(),
    );
    node
}

/// One group per host name; containers without one are left out.
pub(crate) fn by_hostname(containers: &Layer) -> Layer {
    let mut join = Join::new();
    join.lift(containers, |join, node| {
        if node.kind.is_pseudo() {
            return join.pass(node);
        }
        let Some(name) = node
            .node
            .latest(keys::CONTAINER_HOSTNAME)
            .filter(|n| !n.is_empty())
        else {
            return Targets::None;
        };
        Targets::One(group(
            join,
            GroupKind::ContainerHostname,
            keys::CONTAINER_HOSTNAME,
            name,
        ))
    });
    join.finish()
}

/// One node per image name; two tags of one image are one node. Containers without an image id are left
/// out, and so are images without a name or a container.
pub(crate) fn by_image(report: &Report, containers: &Layer) -> Layer {
    let kind = NodeKind::Known(TopologyKind::ContainerImage);
    let mut by_id = Join::new();
    by_id.seed(
        TopologyKind::ContainerImage,
        report.topology(TopologyKind::ContainerImage),
    );
    by_id.lift(containers, |join, node| {
        if node.kind.is_pseudo() {
            return join.pass(node);
        }
        let image = node.node.latest(keys::IMAGE_ID).filter(|i| !i.is_empty());
        image
            .map(|i| join.target(kind, id::tagged(TopologyKind::ContainerImage, i)))
            .into()
    });
    let mut by_name = Join::new();
    by_name.rename(&by_id.finish(), |join, node| {
        if node.kind.is_pseudo() {
            return join.pass(node);
        }
        let Some(name) = node.node.latest(keys::IMAGE_NAME) else {
            return Targets::None;
        };
        let key = id::tagged(TopologyKind::ContainerImage, image_without_tag(name));
        let known = join.at(&key).map(|at| join.node(at));
        let mut merged = Node::clone(&node.node);
        if let Some(known) = known {
            merged.merge(known);
        }
        merged.id = key.clone();
        let at = join.target(kind, key);
        join.set_node(at, Arc::new(merged));
        Targets::One(at)
    });
    by_name
        .finish()
        .retain(|n| n.kind.is_pseudo() || n.count(TopologyKind::Container) > 0)
}

/// `docker.io/library/nginx:1.27` → `library/nginx`: without registry (the first of three parts or more)
/// and tag.
pub(crate) fn image_without_tag(image: &str) -> &str {
    let mut rest = image;
    if image.matches('/').count() >= 2
        && let Some((_registry, path)) = image.split_once('/')
    {
        rest = path;
    }
    let from = rest.rfind('/').map_or(0, |slash| slash + 1);
    let end = rest[from..].find([':', '@']).map_or(rest.len(), |at| from + at);
    &rest[..end]
}

/// Which node an address belongs to, where it belongs to exactly one.
#[derive(Debug, Default)]
pub(crate) struct Addresses(FxHashMap<SmolStr, Option<NodeId>>);

impl Addresses {
    /// Scoped addresses of containers, and the host's address and port of what they publish.
    pub(crate) fn of_containers(report: &Report) -> Self {
        let mut out = Addresses::default();
        for (id, node) in &report.topology(TopologyKind::Container).nodes {
            if node.latest(keys::DOES_NOT_MAKE_CONNECTIONS).is_some()
                || node.latest(keys::CONTAINER_IN_HOST_NETWORK).is_some()
            {
                continue;
            }
            for scoped in node
                .sets
                .get(keys::CONTAINER_IPS_WITH_SCOPES)
                .into_iter()
                .flatten()
            {
                let Some((scope, address)) = scoped.split_once(id::DELIMITER) else {
                    continue;
                };
                if outside::parse_address(address).is_some_and(|a| !a.is_loopback()) {
                    out.claim(format_smolstr!("{scope};{address};"), id);
                }
            }
            for mapping in node.sets.get(keys::CONTAINER_PORTS).into_iter().flatten() {
                if let Some((address, port)) = published(mapping) {
                    out.claim(format_smolstr!(";{address};{port}"), id);
                }
            }
        }
        out
    }

    /// Addresses of pods that have their own.
    pub(crate) fn of_pods(report: &Report) -> Self {
        let mut out = Addresses::default();
        for (id, node) in &report.topology(TopologyKind::Pod).nodes {
            if node.latest(keys::K8S_IN_HOST_NETWORK).is_some() {
                continue;
            }
            if let Some(ip) = node.latest(keys::K8S_IP).filter(|ip| !ip.is_empty()) {
                out.claim(format_smolstr!(";{ip};"), id);
            }
        }
        out
    }

    fn claim(&mut self, address: SmolStr, id: &NodeId) {
        self.0
            .entry(address)
            .and_modify(|owner| {
                if owner.as_ref() != Some(id) {
                    *owner = None;
                }
            })
            .or_insert_with(|| Some(id.clone()));
    }

    pub(crate) fn find(&self, endpoint: &Endpoint) -> Option<&NodeId> {
        if self.0.is_empty() {
            return None;
        }
        let Endpoint {
            scope, address, port, ..
        } = endpoint;
        let alone = self.0.get(&format_smolstr!("{scope};{address};"));
        alone
            .or_else(|| self.0.get(&format_smolstr!("{scope};{address};{port}")))
            .and_then(Option::as_ref)
    }
}

/// Host address and port of `10.0.0.1:8080->80/tcp`.
fn published(mapping: &str) -> Option<(SmolStr, &str)> {
    let (host, container) = mapping.split_once("->")?;
    if !container.ends_with("/tcp") {
        return None;
    }
    let (address, port) = host.rsplit_once(':')?;
    let address = outside::parse_address(address.trim_start_matches('[').trim_end_matches(']'))?;
    port.parse::<u16>().ok()?;
    Some((format_smolstr!("{address}"), port))
}

/// A container's host name in a child list of another node.
pub(crate) fn child(kind: TopologyKind, node: &Arc<Node>) -> Child {
    Child {
        kind,
        node: node.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names() {
        let check = |image: &str, expected: &str| assert_eq!(image_without_tag(image), expected, "{image}");
        check("nginx", "nginx");
        check("nginx:1.27", "nginx");
        check("shop/api:2.14.0", "shop/api");
        check("quay.io/weaveworks/scope:1.13", "weaveworks/scope");
        check("localhost:5000/app:1", "localhost:5000/app");
        check("a/b@sha256:0011", "a/b");
        check("a.example/b/c/d:1", "b/c/d");
        check("", "");
    }

    #[test]
    fn published_ports() {
        let check = |mapping: &str, expected: Option<(&str, &str)>| {
            let got = published(mapping);
            assert_eq!(got.as_ref().map(|(a, p)| (a.as_str(), *p)), expected, "{mapping}");
        };
        check("10.0.0.1:8080->80/tcp", Some(("10.0.0.1", "8080")));
        check("[2001:db8::1]:8080->80/tcp", Some(("2001:db8::1", "8080")));
        check("10.0.0.1:53->53/udp", None);
        check("0.0.0.0:80->80/tcp", Some(("0.0.0.0", "80")));
        check("80/tcp", None);
        check("10.0.0.1:x->80/tcp", None);
    }
}
