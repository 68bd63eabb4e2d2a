//! The nodes that stand directly in one box: connected ones in clusters, the others in a grid around them.

use rustc_hash::FxHashMap;

use crate::layout::input::Graph;
use crate::layout::measures::{LAYERED_MAX_EDGES, LAYERED_MAX_NODES, SLACK_FROM_NODES, SLACK_SHARE};
use crate::layout::{force, layered};

/// A node's place in units of half a column and a row; the node takes two half columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) node: u32,
    pub(crate) half: u32,
    pub(crate) row: u32,
}

/// Layered parts of more rows than this may not be this many times higher than wide.
const TOWER_ROWS: u32 = 12;
const TOWER_RATIO: u32 = 3;

/// Connected nodes with fixed places relative to each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cluster {
    /// Width in half columns.
    pub(crate) halves: u32,
    pub(crate) cells: Vec<Cell>,
}

impl Cluster {
    /// The cluster of these cells, moved so that it begins at 0.
    pub(crate) fn of(mut cells: Vec<Cell>) -> Self {
        let left = cells.iter().map(|c| c.half).min().unwrap_or(0);
        let top = cells.iter().map(|c| c.row).min().unwrap_or(0);
        for cell in &mut cells {
            cell.half -= left;
            cell.row -= top;
        }
        let halves = cells.iter().map(|c| c.half + 2).max().unwrap_or(0);
        Cluster { halves, cells }
    }

    fn columns(&self) -> u32 {
        self.halves.div_ceil(2)
    }

    /// True when it is much higher than wide: long chains fill no window.
    fn is_tower(&self) -> bool {
        let rows = self.cells.iter().map(|c| c.row + 1).max().unwrap_or(0);
        rows > TOWER_ROWS && rows > TOWER_RATIO * self.columns()
    }
}

/// The nodes of one region before it has a width.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// Each in one or more widths, narrowest first; largest cluster first.
    clusters: Vec<Vec<Cluster>>,
    /// Those that talk to nodes elsewhere first, then by label.
    singles: Vec<u32>,
}

/// The nodes of a region at a width.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    pub(crate) columns: u32,
    pub(crate) rows: u32,
    pub(crate) cells: Vec<Cell>,
}

impl Block {
    pub(crate) fn new(graph: &Graph<'_>, nodes: &[u32]) -> Self {
        let mut block = Block::default();
        for part in connected(graph, nodes) {
            if let [single] = part.nodes[..] {
                block.singles.push(single);
                continue;
            }
            let small = part.nodes.len() <= LAYERED_MAX_NODES && part.edges.len() <= LAYERED_MAX_EDGES;
            let mut widths = if small {
                layered::arrange(&part)
            } else {
                Vec::new()
            };
            widths.retain(|c| !c.is_tower());
            if widths.is_empty() {
                widths = force::arrange(&part);
            }
            widths.sort_by_key(|c| c.halves);
            widths.dedup_by_key(|c| c.halves);
            if !widths.is_empty() {
                block.clusters.push(widths);
            }
        }
        block
            .clusters
            .sort_by_key(|c| std::cmp::Reverse(c[0].cells.len()));
        let key = |n: u32| {
            let node = &graph.nodes[n as usize];
            (graph.degree(n) == 0, node.label, node.id)
        };
        block.singles.sort_by(|&a, &b| key(a).cmp(&key(b)));
        block
    }

    /// Clusters and single nodes by themselves.
    pub(crate) fn split(self) -> Vec<Block> {
        let clusters = Block {
            clusters: self.clusters,
            singles: Vec::new(),
        };
        vec![
            clusters,
            Block {
                clusters: Vec::new(),
                singles: self.singles,
            },
        ]
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.clustered() + self.singles.len()
    }

    /// Nodes in clusters.
    pub(crate) fn clustered(&self) -> usize {
        self.clusters.iter().map(|c| c[0].cells.len()).sum()
    }

    /// All nodes.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = u32> {
        let clustered = self.clusters.iter().flat_map(|c| &c[0].cells).map(|c| c.node);
        clustered.chain(self.singles.iter().copied())
    }

    /// Nodes of each cluster, in ascending order.
    pub(crate) fn clusters(&self) -> impl Iterator<Item = Vec<u32>> {
        self.clusters.iter().map(|c| {
            let mut nodes: Vec<u32> = c[0].cells.iter().map(|c| c.node).collect();
            nodes.sort_unstable();
            nodes
        })
    }

    /// Nodes that no cluster holds in its place.
    pub(crate) fn singles(&self) -> &[u32] {
        &self.singles
    }

    /// The least columns that the block needs.
    pub(crate) fn least_columns(&self) -> u32 {
        let narrowest = self.clusters.iter().filter_map(|c| c.first());
        narrowest.map(Cluster::columns).max().unwrap_or(1).max(1)
    }

    /// Columns that let every cluster have its widest shape.
    pub(crate) fn natural_columns(&self) -> u32 {
        let widest = self.clusters.iter().filter_map(|c| c.last());
        widest.map(Cluster::columns).max().unwrap_or(1).max(1)
    }

    /// Puts all nodes on a grid of this many columns (or the least, if that is more).
    pub(crate) fn flow(&self, columns: u32) -> Flow {
        let columns = columns.max(self.least_columns());
        let mut grid = Grid {
            halves: columns * 2,
            taken: Vec::new(),
        };
        let mut cells = Vec::with_capacity(self.len());
        let mut from = 0;
        for widths in &self.clusters {
            let fitting = widths
                .iter()
                .rfind(|c| c.halves <= columns * 2)
                .or(widths.first());
            let Some(cluster) = fitting else { continue };
            let (half, row) = grid.fit(cluster, from);
            if self.clusters.len() > SEARCHED_CLUSTERS {
                from = row;
            }
            for cell in &cluster.cells {
                let cell = Cell {
                    half: half + cell.half,
                    row: row + cell.row,
                    ..*cell
                };
                grid.take(cell.half, cell.row);
                cells.push(cell);
            }
        }
        let mut at = (0, 0);
        for &node in &self.singles {
            at = grid.next_free(at);
            grid.take(at.0, at.1);
            cells.push(Cell {
                node,
                half: at.0,
                row: at.1,
            });
        }
        let rows = cells.iter().map(|c| c.row + 1).max().unwrap_or(0);
        Flow { columns, rows, cells }
    }

    /// Rows that a region of this flow gets: some cells stay free for newcomers unless it is small.
    pub(crate) fn rows_with_slack(&self, flow: &Flow) -> u32 {
        let nodes = flow.cells.len();
        let free = (flow.columns * flow.rows) as usize - nodes.min((flow.columns * flow.rows) as usize);
        let wanted = (nodes as f32 * SLACK_SHARE) as usize;
        if nodes < SLACK_FROM_NODES || free >= wanted {
            return flow.rows;
        }
        flow.rows + ((wanted - free) as u32).div_ceil(flow.columns)
    }
}

/// Up to this many clusters each looks for the first place from the top; more follow each other.
const SEARCHED_CLUSTERS: usize = 48;

/// Which half columns of which rows are taken.
struct Grid {
    halves: u32,
    taken: Vec<Vec<bool>>,
}

impl Grid {
    fn is_free(&self, half: u32, row: u32) -> bool {
        let Some(cells) = self.taken.get(row as usize) else {
            return true;
        };
        !cells[half as usize] && !cells[half as usize + 1]
    }

    fn take(&mut self, half: u32, row: u32) {
        while self.taken.len() <= row as usize {
            self.taken.push(vec![false; self.halves as usize]);
        }
        let row = &mut self.taken[row as usize];
        row[half as usize] = true;
        row[half as usize + 1] = true;
    }

    /// The first place, row by row, where a cluster fits.
    fn fit(&self, cluster: &Cluster, from: u32) -> (u32, u32) {
        let most = self.halves - cluster.halves.min(self.halves);
        for row in from..self.taken.len() as u32 {
            for half in 0..=most {
                if cluster
                    .cells
                    .iter()
                    .all(|c| self.is_free(half + c.half, row + c.row))
                {
                    return (half, row);
                }
            }
        }
        (0, self.taken.len() as u32)
    }

    /// The first free place at or after this one.
    fn next_free(&self, (mut half, mut row): (u32, u32)) -> (u32, u32) {
        loop {
            while half + 2 <= self.halves {
                if self.is_free(half, row) {
                    return (half, row);
                }
                half += 1;
            }
            half = 0;
            row += 1;
        }
    }
}

/// Connected nodes, and the edges among them as indices into the nodes.
#[derive(Debug, Default)]
pub(crate) struct Component {
    pub(crate) nodes: Vec<u32>,
    /// Client and server.
    pub(crate) edges: Vec<(u32, u32)>,
}

/// Parts that edges between these nodes connect, by their first node.
fn connected(graph: &Graph<'_>, nodes: &[u32]) -> Vec<Component> {
    let local: FxHashMap<u32, u32> = (0u32..).zip(nodes).map(|(i, n)| (*n, i)).collect();
    let mut part_of: Vec<Option<u32>> = vec![None; nodes.len()];
    let mut parts: Vec<Component> = Vec::new();
    let mut place = vec![0u32; nodes.len()];
    for start in 0..nodes.len() {
        if part_of[start].is_some() {
            continue;
        }
        let number = parts.len() as u32;
        part_of[start] = Some(number);
        let mut queue = vec![start as u32];
        let mut next = 0;
        while let Some(&at) = queue.get(next) {
            next += 1;
            for other in graph.neighbours(nodes[at as usize]) {
                if let Some(&other) = local.get(&other)
                    && part_of[other as usize].is_none()
                {
                    part_of[other as usize] = Some(number);
                    queue.push(other);
                }
            }
        }
        queue.sort_unstable();
        for (i, &member) in (0u32..).zip(&queue) {
            place[member as usize] = i;
        }
        parts.push(Component {
            nodes: queue.into_iter().map(|i| nodes[i as usize]).collect(),
            edges: vec![],
        });
    }
    for (i, &node) in nodes.iter().enumerate() {
        let Some(number) = part_of[i] else { continue };
        for server in graph.servers(node) {
            if let Some(&server) = local.get(server) {
                parts[number as usize]
                    .edges
                    .push((place[i], place[server as usize]));
            }
        }
    }
    parts
}
