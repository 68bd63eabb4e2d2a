//! Node ids: lists of parts separated by `;`, where the last part of most kinds is a tag in angle brackets.
//!
//! Ids are the only join between what different reporters say, so making and reading them lives here alone.

use crate::{NodeId, TopologyKind};
use smol_str::format_smolstr;

/// Separates the parts of an id.
pub const DELIMITER: char = ';';

/// `<name>;<tag>` such as `example.com;<host>`, for kinds that have an id tag.
///
/// Kinds without one (endpoint, process, overlay, ECS service) get the bare name.
pub fn tagged(kind: TopologyKind, name: &str) -> NodeId {
    match kind.id_tag() {
        Some(tag) => format_smolstr!("{name};<{tag}>"),
        None => NodeId::new(name),
    }
}

/// The name in `<name>;<tag>` when the id is of this kind. Cuts at the first `;` and demands the exact tag.
pub fn parse_tagged(kind: TopologyKind, id: &str) -> Option<&str> {
    let (name, rest) = id.split_once(DELIMITER)?;
    let tag = rest.strip_prefix('<')?.strip_suffix('>')?;
    (Some(tag) == kind.id_tag()).then_some(name)
}

/// `<host>;<pid>`.
pub fn process(host_id: &str, pid: u32) -> NodeId {
    format_smolstr!("{host_id};{pid}")
}

/// `<scope>;<address>;<port>`. The scope is a host id where the address means something on that host alone
/// (loopback, bridge networks) and empty where it is routable: that makes endpoints join across hosts.
pub fn endpoint(scope: &str, address: &str, port: u16) -> NodeId {
    format_smolstr!("{scope};{address};{port}")
}

/// Scope, address and port of an endpoint id.
pub fn parse_endpoint(id: &str) -> Option<(&str, &str, &str)> {
    let (scope, rest) = id.split_once(DELIMITER)?;
    let (address, port) = rest.split_once(DELIMITER)?;
    Some((scope, address, port))
}
