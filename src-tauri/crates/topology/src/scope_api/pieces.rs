//! The JSON of a topology's nodes, piece by piece.

use serde::Serialize as _;

use super::{Listed, TopologyAnswer};

/// Pieces of JSON; put together they are what serializing the answer gives.
#[derive(Debug)]
pub struct Pieces {
    nodes: std::vec::IntoIter<Listed>,
    bytes: usize,
    /// What the next piece begins with.
    opening: Option<&'static str>,
    ended: bool,
}

impl TopologyAnswer {
    /// The answer as JSON in pieces of `bytes`, each longer by a node at most.
    pub fn into_json(self, bytes: usize) -> Pieces {
        Pieces {
            nodes: self.nodes.into_iter(),
            bytes,
            opening: Some("{\"nodes\":{"),
            ended: false,
        }
    }
}

impl Iterator for Pieces {
    type Item = serde_json::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        // Room for one node more than fits, of a usual size.
        let mut piece = Vec::with_capacity(self.bytes + self.bytes / 8);
        while piece.len() < self.bytes {
            let Some(node) = self.nodes.next() else {
                self.ended = true;
                piece.extend_from_slice(self.opening.take().unwrap_or_default().as_bytes());
                piece.extend_from_slice(b"}}");
                break;
            };
            let opening = self.opening.take().unwrap_or(",");
            piece.extend_from_slice(opening.as_bytes());
            if let Err(error) = write(&mut piece, &node) {
                self.ended = true;
                return Some(Err(error));
            }
        }
        Some(Ok(piece))
    }
}

fn write(piece: &mut Vec<u8>, node: &Listed) -> serde_json::Result<()> {
    node.summary
        .id
        .serialize(&mut serde_json::Serializer::new(&mut *piece))?;
    piece.push(b':');
    node.serialize(&mut serde_json::Serializer::new(piece))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use orrery_model::{Metric, Node, Report, Timestamp, TopologyKind};

    use crate::derive::Derivation;

    #[test]
    fn pieces_put_together_are_the_whole() {
        for nodes in [0, 1, 40] {
            let mut report = Report::default();
            for n in 0..nodes {
                let mut node =
                    Node::new(format!("host;\"{n}\\ü"), "process").with_latest("name", Timestamp(1), "a\nb");
                node.metrics.insert(
                    "cpu".into(),
                    Metric::of(Timestamp(1), f64::NAN, 0.0, f64::INFINITY),
                );
                report.topology_mut(TopologyKind::Process).insert(node);
            }
            let derivation = Derivation::new(Arc::new(report), None);
            let answer = derivation.scope_nodes("processes", None).expect("processes");
            let whole = serde_json::to_vec(&answer).expect("JSON");
            for bytes in [1, 100, 1 << 20] {
                let pieces: Vec<Vec<u8>> = answer
                    .clone()
                    .into_json(bytes)
                    .collect::<Result<_, _>>()
                    .expect("JSON");
                assert_eq!(pieces.concat(), whole, "{nodes} nodes in pieces of {bytes}");
                assert!(bytes > 1 || nodes == 0 || pieces.len() == nodes + 1);
            }
        }
    }
}
