//! Which pieces talk to which, as seen from the piece around them.

use crate::layout::input::Graph;
use crate::layout::tree::Piece;

/// Edges between children of each container, and from them to what is elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// Container, two of its children, edges between them; sorted.
    between: Vec<(Container, usize, usize, u32)>,
    /// Container, one of its children, a node elsewhere that it talks to; sorted.
    away: Vec<(Container, usize, u32)>,
    /// Region piece of every node.
    region: Vec<Option<usize>>,
}

/// A box's piece; none is the plane.
type Container = Option<usize>;

impl Links {
    pub(crate) fn new(graph: &Graph<'_>, pieces: &[Piece]) -> Self {
        let mut region = vec![None; graph.nodes.len()];
        for (i, piece) in pieces.iter().enumerate() {
            for node in piece.block.iter().flat_map(super::block::Block::nodes) {
                region[node as usize] = Some(i);
            }
        }
        let mut pairs = Vec::new();
        let mut away = Vec::new();
        for node in 0..graph.nodes.len() as u32 {
            for &server in graph.servers(node) {
                let (a, b) = (region[node as usize], region[server as usize]);
                if a.is_none() && b.is_none() || a == b {
                    continue;
                }
                let (path_a, path_b) = (path(pieces, a), path(pieces, b));
                let shared = path_a.iter().zip(&path_b).take_while(|(x, y)| x == y).count();
                if let (Some(&x), Some(&y)) = (path_a.get(shared), path_b.get(shared)) {
                    pairs.push((pieces[x].parent, x.min(y), x.max(y)));
                }
                // Where both are inside, the container of both sees a pair; those below see one end.
                let from = if a.is_some() && b.is_some() { shared + 1 } else { 0 };
                away.extend(path_a.iter().skip(from).map(|&p| (pieces[p].parent, p, server)));
                away.extend(path_b.iter().skip(from).map(|&p| (pieces[p].parent, p, node)));
            }
        }
        pairs.sort_unstable();
        away.sort_unstable();
        let between = pairs
            .chunk_by(|a, b| a == b)
            .map(|run| (run[0].0, run[0].1, run[0].2, run.len() as u32));
        Links {
            between: between.collect(),
            away,
            region,
        }
    }

    /// Children of a container that talk to each other, and by how many edges.
    pub(crate) fn between(&self, container: Container) -> impl Iterator<Item = (usize, usize, u32)> {
        let from = self.between.partition_point(|l| l.0 < container);
        self.between[from..]
            .iter()
            .take_while(move |l| l.0 == container)
            .map(|l| (l.1, l.2, l.3))
    }

    /// Children of a container and nodes outside it that they talk to.
    pub(crate) fn away(&self, container: Container) -> impl Iterator<Item = (usize, u32)> {
        let from = self.away.partition_point(|l| l.0 < container);
        self.away[from..]
            .iter()
            .take_while(move |l| l.0 == container)
            .map(|l| (l.1, l.2))
    }

    /// Region piece that a node is in.
    pub(crate) fn region(&self, node: u32) -> Option<usize> {
        self.region[node as usize]
    }
}

/// Pieces around a region and itself, outermost first.
fn path(pieces: &[Piece], region: Option<usize>) -> Vec<usize> {
    let mut path: Vec<usize> = std::iter::successors(region, |&p| pieces[p].parent).collect();
    path.reverse();
    path
}
