//! Boxes and regions that have no place yet, and the sizes they can have: from the inside out.

use crate::layout::block::Block;
use crate::layout::geometry::Insets;
use crate::layout::input::Graph;
use crate::layout::links::Links;
use crate::layout::measures::{COLUMN, GAP, ROW, WIDE_FROM_NODES};
use crate::layout::pack::{self, Plan, Shape};
use crate::layout::scene::{PartKind, pads};

/// Columns tried for a region, at most.
const WIDTHS_TRIED: u32 = 14;
/// Clustered nodes and single ones from which on each have a region of their own.
const APART_FROM: (usize, usize) = (6, 3);

/// A box or region without a place.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) kind: PartKind,
    pub(crate) group: Option<u32>,
    /// Boxes around and including it.
    pub(crate) depth: u32,
    /// Piece around it.
    pub(crate) parent: Option<usize>,
    pub(crate) children: Vec<usize>,
    pub(crate) block: Option<Block>,
    /// Sizes it can have, narrowest first.
    pub(crate) shapes: Vec<Shape>,
}

/// Boxes and regions of some nodes.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) pieces: Vec<Piece>,
    /// Pieces without another around them.
    pub(crate) tops: Vec<usize>,
    pub(crate) links: Links,
    /// Piece of each group that has one.
    of_group: Vec<Option<usize>>,
    nested: bool,
}

impl Tree {
    /// Pieces for these nodes and the boxes around them, with the sizes they can have.
    pub(crate) fn new(graph: &Graph<'_>, nodes: &[u32], nested: bool) -> Self {
        let groups = graph.groups.len();
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); groups];
        let mut loose = Vec::new();
        for &node in nodes {
            match graph.group_of(node) {
                Some(group) => members[group as usize].push(node),
                None => loose.push(node),
            }
        }
        let mut depth = vec![1u32; groups];
        for group in 0..groups as u32 {
            if let Some(parent) = graph.parent_of(group) {
                depth[group as usize] = depth[parent as usize] + 1;
            }
        }
        let of_group = vec![None; groups];
        let mut tree = Tree {
            pieces: Vec::new(),
            tops: Vec::new(),
            links: Links::default(),
            of_group,
            nested,
        };
        let mut inner: Vec<Vec<usize>> = vec![Vec::new(); groups];
        for group in (0..groups).rev() {
            let index = group as u32;
            let mut children = tree.add_regions(graph, Some(index), depth[group], &members[group]);
            children.extend(std::mem::take(&mut inner[group]).into_iter().rev());
            if children.is_empty() {
                continue;
            }
            let piece = tree.add_box(index, depth[group], children);
            tree.of_group[group] = Some(piece);
            match graph.parent_of(index) {
                Some(parent) => inner[parent as usize].push(piece),
                None => tree.tops.push(piece),
            }
        }
        tree.tops.reverse();
        let loose = tree.add_regions(graph, None, 0, &loose);
        tree.tops.extend(loose);
        tree.links = Links::new(graph, &tree.pieces);
        tree
    }

    /// The piece of a group's box.
    pub(crate) fn of_group(&self, group: u32) -> Option<usize> {
        self.of_group[group as usize]
    }

    /// Pieces of the nodes that stand directly in a group, or on the plane.
    pub(crate) fn regions_of(&self, group: Option<u32>) -> impl Iterator<Item = usize> {
        let pieces = self.pieces.iter().enumerate();
        pieces
            .filter(move |(_, p)| p.kind == PartKind::Region && p.group == group)
            .map(|(i, _)| i)
    }

    fn add_regions(
        &mut self,
        graph: &Graph<'_>,
        group: Option<u32>,
        depth: u32,
        nodes: &[u32],
    ) -> Vec<usize> {
        let block = Block::new(graph, nodes);
        let blocks = if block.clustered() >= APART_FROM.0 && block.singles().len() >= APART_FROM.1 {
            block.split()
        } else if block.len() > 0 {
            vec![block]
        } else {
            vec![]
        };
        blocks
            .into_iter()
            .map(|block| self.add_region(group, depth, block))
            .collect()
    }

    fn add_region(&mut self, group: Option<u32>, depth: u32, block: Block) -> usize {
        let shapes = widths(&block).into_iter().map(|columns| {
            let flow = block.flow(columns);
            // The plane has room all around; a box keeps some inside.
            let rows = if group.is_some() {
                block.rows_with_slack(&flow)
            } else {
                flow.rows
            };
            Shape {
                width: flow.columns as f32 * COLUMN - GAP,
                height: rows as f32 * ROW - GAP,
                plan: Plan::Flow(flow.columns),
            }
        });
        let shapes = pack::prune(shapes.collect());
        let kind = PartKind::Region;
        self.pieces.push(Piece {
            kind,
            group,
            depth,
            parent: None,
            children: vec![],
            block: Some(block),
            shapes,
        });
        self.pieces.len() - 1
    }

    fn add_box(&mut self, group: u32, depth: u32, children: Vec<usize>) -> usize {
        let (width, height) = self.pads(depth, &children).size();
        let mut shapes = self.pack(&children, GAP);
        for shape in &mut shapes {
            shape.width += width;
            shape.height += height;
        }
        let piece = self.pieces.len();
        for &child in &children {
            self.pieces[child].parent = Some(piece);
        }
        let group = Some(group);
        let kind = PartKind::Box;
        self.pieces.push(Piece {
            kind,
            group,
            depth,
            parent: None,
            children,
            block: None,
            shapes,
        });
        piece
    }

    /// Space between the edge of a box and these pieces in it.
    pub(crate) fn pads(&self, depth: u32, children: &[usize]) -> Insets {
        let boxes = children.iter().any(|&c| self.pieces[c].kind == PartKind::Box);
        pads(
            depth,
            if boxes { PartKind::Box } else { PartKind::Region },
            self.nested,
        )
    }

    /// Sizes that these pieces have together.
    pub(crate) fn pack(&self, pieces: &[usize], gap: f32) -> Vec<Shape> {
        let shapes: Vec<&[Shape]> = pieces.iter().map(|&p| self.pieces[p].shapes.as_slice()).collect();
        pack::pack(&shapes, gap)
    }
}

/// Numbers of columns worth trying for a block: small ones may be a single row or column, larger ones not.
fn widths(block: &Block) -> Vec<u32> {
    let n = block.len() as f32;
    let (from, to) = if block.len() < WIDE_FROM_NODES {
        (1, block.len() as u32)
    } else {
        ((n.sqrt() / 1.8).round() as u32, (n.sqrt() * 2.2).ceil() as u32)
    };
    let least = block.least_columns();
    let from = from.max(least);
    let to = to.max(block.natural_columns());
    let steps = (to - from).min(WIDTHS_TRIED - 1);
    let ratio = to as f32 / from as f32;
    let width = |i: u32| (from as f32 * ratio.powf(i as f32 / steps.max(1) as f32)).round() as u32;
    let mut widths: Vec<u32> = (0..=steps).map(width).collect();
    widths.push(to);
    widths.sort_unstable();
    widths.dedup();
    widths
}
