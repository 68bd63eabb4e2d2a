//! Reports that are too much, for tests of what becomes of them.

use std::fmt::Write as _;
use std::io::Write as _;

/// More nodes than a report may have.
pub fn million_nodes() -> Vec<u8> {
    let mut json = String::from(r#"{"Host":{"nodes":{"#);
    for n in 0..1_000_000 {
        let comma = if n == 0 { "" } else { "," };
        let _ = write!(json, r#"{comma}"{n}":{{}}"#);
    }
    json.push_str("}}}");
    json.into()
}

/// An id of a megabyte.
pub fn long_id() -> Vec<u8> {
    format!(r#"{{"Host":{{"nodes":{{"{}":{{}}}}}}}}"#, "x".repeat(1 << 20)).into()
}

/// Processes of which each is adjacent to each.
pub fn all_to_all(nodes: usize) -> Vec<u8> {
    let all: Vec<String> = (0..nodes).map(|n| format!("\"n{n}\"")).collect();
    let list = all.join(",");
    let nodes: Vec<String> = all
        .iter()
        .map(|id| format!(r#"{id}:{{"adjacency":[{list}]}}"#))
        .collect();
    format!(r#"{{"Process":{{"nodes":{{{}}}}}}}"#, nodes.join(",")).into()
}

/// A topology that declares so many controls.
pub fn many_controls(count: usize) -> Vec<u8> {
    let controls: Vec<String> = (0..count)
        .map(|n| format!(r#""c{n}":{{"human":"do {n}"}}"#))
        .collect();
    format!(r#"{{"Host":{{"controls":{{{}}}}}}}"#, controls.join(",")).into()
}

/// A node in which others nest a hundred deep.
pub fn nested() -> Vec<u8> {
    let nested = r#"{"id":"c","children":["#.repeat(100) + &"]}".repeat(100);
    format!(r#"{{"Pod":{{"nodes":{{"p":{nested}}}}}}}"#).into()
}

/// A gigabyte of zeros in gzip. A stream may have several members; a thousand small ones cost less to make than a
/// large one.
pub fn bomb() -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let written = gzip.write_all(&vec![0; 1 << 20]);
    let member = gzip.finish().unwrap_or_default();
    assert!(written.is_ok() && !member.is_empty(), "writing to memory");
    member.repeat(1_024)
}
