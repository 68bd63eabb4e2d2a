//! What is to be placed.

/// Nodes, edges and boxes to place.
#[derive(Debug, Clone, Default)]
pub struct LayoutInput<'a> {
    /// Nodes with distinct ids.
    pub nodes: Vec<LayoutNode<'a>>,
    /// Client and server, as indices into the nodes; others are passed over.
    pub edges: Vec<(u32, u32)>,
    /// Boxes with distinct ids, outer ones before those in them.
    pub groups: Vec<LayoutGroup<'a>>,
}

/// A node to place.
#[derive(Debug, Clone, Copy, Default)]
pub struct LayoutNode<'a> {
    /// Identity from call to call.
    pub id: &'a str,
    /// What orders nodes that nothing else does.
    pub label: &'a str,
    /// Innermost box, as an index into the groups.
    pub group: Option<u32>,
    /// Stands in the row above all boxes.
    pub outside: bool,
}

/// A box to place.
#[derive(Debug, Clone, Copy, Default)]
pub struct LayoutGroup<'a> {
    /// Identity from call to call.
    pub id: &'a str,
    /// What orders boxes that nothing else does.
    pub label: &'a str,
    /// Box around it, as an index into the groups; only earlier ones count.
    pub parent: Option<u32>,
}

/// The input with neighbours at hand. Self loops and edges to nowhere are left out, parallel ones merged.
#[derive(Debug)]
pub(crate) struct Graph<'a> {
    pub(crate) nodes: &'a [LayoutNode<'a>],
    pub(crate) groups: &'a [LayoutGroup<'a>],
    out: Rows,
    inn: Rows,
}

impl<'a> Graph<'a> {
    pub(crate) fn new(input: &'a LayoutInput<'a>) -> Self {
        let n = input.nodes.len() as u32;
        let mut edges: Vec<(u32, u32)> = input
            .edges
            .iter()
            .copied()
            .filter(|&(a, b)| a != b && a < n && b < n)
            .collect();
        edges.sort_unstable();
        edges.dedup();
        let out = Rows::new(n as usize, edges.iter().copied());
        let inn = Rows::new(n as usize, edges.iter().map(|&(a, b)| (b, a)));
        Graph {
            nodes: &input.nodes,
            groups: &input.groups,
            out,
            inn,
        }
    }

    /// Servers of a node.
    pub(crate) fn servers(&self, node: u32) -> &[u32] {
        self.out.of(node)
    }

    /// Clients of a node.
    pub(crate) fn clients(&self, node: u32) -> &[u32] {
        self.inn.of(node)
    }

    /// Clients and servers of a node; one that is both comes twice.
    pub(crate) fn neighbours(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        self.servers(node).iter().chain(self.clients(node)).copied()
    }

    /// How many clients and servers a node has.
    pub(crate) fn degree(&self, node: u32) -> usize {
        self.servers(node).len() + self.clients(node).len()
    }

    /// Box of a node that stands inside, where the index is good.
    pub(crate) fn group_of(&self, node: u32) -> Option<u32> {
        self.nodes[node as usize]
            .group
            .filter(|g| (*g as usize) < self.groups.len())
    }

    /// Box around a box.
    pub(crate) fn parent_of(&self, group: u32) -> Option<u32> {
        self.groups[group as usize].parent.filter(|p| *p < group)
    }
}

/// Lists of indices, one after another.
#[derive(Debug)]
struct Rows {
    start: Vec<u32>,
    items: Vec<u32>,
}

impl Rows {
    fn new(rows: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut start = vec![0u32; rows + 1];
        for (row, _) in pairs.clone() {
            start[row as usize + 1] += 1;
        }
        for i in 0..rows {
            start[i + 1] += start[i];
        }
        let mut next = start.clone();
        let mut items = vec![0; start[rows] as usize];
        for (row, item) in pairs {
            let at = &mut next[row as usize];
            items[*at as usize] = item;
            *at += 1;
        }
        Rows { start, items }
    }

    fn of(&self, row: u32) -> &[u32] {
        &self.items[self.start[row as usize] as usize..self.start[row as usize + 1] as usize]
    }
}
