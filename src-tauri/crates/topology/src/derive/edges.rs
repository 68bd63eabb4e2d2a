//! Edges of a layer, with the connections that each stands for.

/// Marks an edge that a report names as such, without a connection.
const NO_FLOW: u32 = u32::MAX;

/// Edges by source and target, one after another; connections of all of them in one list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Edges {
    ends: Vec<(u32, u32)>,
    /// Where the connections of each edge begin; one more than there are edges.
    start: Vec<u32>,
    /// Numbers of connections, ascending within an edge.
    flows: Vec<u32>,
}

impl Edges {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Connections of an edge; none where a report names it as such.
    pub(crate) fn flows(&self, edge: u32) -> &[u32] {
        let edge = edge as usize;
        &self.flows[self.start[edge] as usize..self.start[edge + 1] as usize]
    }

    /// Every edge: source, target, connections.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u32, &[u32])> {
        (0u32..)
            .zip(&self.ends)
            .map(|(edge, (a, b))| (*a, *b, self.flows(edge)))
    }

    /// Targets of the edges from a node, ascending.
    pub(crate) fn targets(&self, from: u32) -> impl Iterator<Item = u32> {
        let begin = self.ends.partition_point(|(a, _)| *a < from);
        self.ends[begin..]
            .iter()
            .take_while(move |(a, _)| *a == from)
            .map(|(_, to)| *to)
    }

    /// The edges whose ends are both kept, under the ends' new numbers; these rise as the old ones do.
    pub(crate) fn renumbered(&self, moved: &[Option<u32>]) -> Edges {
        let mut out = Edges::default();
        for (from, to, flows) in self.iter() {
            if let (Some(from), Some(to)) = (moved[from as usize], moved[to as usize]) {
                out.push((from, to), flows);
            }
        }
        out.close();
        out
    }

    fn push(&mut self, ends: (u32, u32), flows: &[u32]) {
        self.ends.push(ends);
        self.start.push(self.flows.len() as u32);
        self.flows.extend_from_slice(flows);
    }

    fn close(&mut self) {
        self.start.push(self.flows.len() as u32);
    }
}

/// Edges as joins find them: in any order and more than once.
#[derive(Debug, Default)]
pub(crate) struct Gathered(Vec<(u32, u32, u32)>);

impl Gathered {
    /// An edge that stands for a connection.
    pub(crate) fn flow(&mut self, from: u32, to: u32, flow: u32) {
        self.0.push((from, to, flow));
    }

    /// An edge that stands for these connections, or for none.
    pub(crate) fn flows(&mut self, from: u32, to: u32, flows: &[u32]) {
        if flows.is_empty() {
            self.0.push((from, to, NO_FLOW));
        }
        self.0.extend(flows.iter().map(|flow| (from, to, *flow)));
    }

    /// Each edge once, each of its connections once.
    pub(crate) fn finish(self) -> Edges {
        let mut all = self.0;
        all.sort_unstable();
        all.dedup();
        let mut out = Edges::default();
        for (from, to, flow) in all {
            if out.ends.last() != Some(&(from, to)) {
                out.push((from, to), &[]);
            }
            if flow != NO_FLOW {
                out.flows.push(flow);
            }
        }
        out.close();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_joined_and_sorted() {
        let mut gathered = Gathered::default();
        gathered.flow(1, 0, 7);
        gathered.flows(0, 1, &[]);
        gathered.flows(1, 0, &[3, 7]);
        gathered.flows(2, 0, &[]);
        let edges = gathered.finish();
        let all: Vec<_> = edges.iter().map(|(a, b, flows)| (a, b, flows.to_vec())).collect();
        assert_eq!(all, [(0, 1, vec![]), (1, 0, vec![3, 7]), (2, 0, vec![])]);
        assert_eq!(edges.targets(1).collect::<Vec<_>>(), [0]);
        let kept = edges.renumbered(&[Some(0), None, Some(1)]);
        assert_eq!(kept.iter().map(|(a, b, _)| (a, b)).collect::<Vec<_>>(), [(1, 0)]);
        assert_eq!((kept.len(), Edges::default().len()), (1, 0));
    }
}
