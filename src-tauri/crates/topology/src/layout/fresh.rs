//! Laying out what has no place yet: sizes from the inside out, places from the outside in.

use crate::layout::block::Block;
use crate::layout::geometry::{Point, Rect};
use crate::layout::input::Graph;
use crate::layout::measures::{
    COLUMN, GAP, HALF, INNER_PADS, NODE_INSETS, OUTER_GAP, OUTSIDE_DROP, ROW, SLACK_FROM_NODES,
};
use crate::layout::pack::{self, Column, Plan, Shape};
use crate::layout::scene::{PLANE, PartId, PartKind, Scene, Standing, pads};

/// Columns tried for a region, at most.
const WIDTHS_TRIED: usize = 14;

/// A box or region without a place.
#[derive(Debug)]
struct Piece {
    kind: PartKind,
    group: Option<u32>,
    /// Boxes around and including it.
    depth: u32,
    children: Vec<usize>,
    block: Option<Block>,
    /// Sizes it can have, narrowest first.
    shapes: Vec<Shape>,
}

/// Boxes and regions of some nodes.
#[derive(Debug)]
pub(crate) struct Tree {
    pieces: Vec<Piece>,
    /// Piece of each group that has one.
    of_group: Vec<Option<usize>>,
    nested: bool,
}

/// Lays out all nodes that stand inside.
pub(crate) fn lay_out(graph: &Graph<'_>) -> (Scene, Vec<Option<Standing>>) {
    let inside: Vec<u32> = (0..graph.nodes.len() as u32)
        .filter(|&n| !graph.nodes[n as usize].outside)
        .collect();
    let nested = has_inner_boxes(graph, &inside);
    let tree = Tree::new(graph, &inside, nested);
    let mut scene = Scene::new(nested);
    let mut spots = vec![None; graph.nodes.len()];
    let tops = tree.tops(graph);
    let above = if inside.len() < graph.nodes.len() {
        OUTSIDE_DROP + ROW / 2.0
    } else {
        0.0
    };
    let mut shapes = tree.pack(&tops, OUTER_GAP);
    shapes.sort_by(|a, b| a.spread(above).total_cmp(&b.spread(above)));
    if let Some(Shape {
        width,
        height,
        plan: Plan::Columns(columns),
    }) = shapes.into_iter().next()
    {
        let rect = Rect::new(0.0, 0.0, width, height);
        tree.fill(
            &columns,
            &tops,
            rect,
            OUTER_GAP,
            &mut Target {
                graph,
                scene: &mut scene,
                spots: &mut spots,
                parent: PLANE,
            },
        );
    }
    (scene, spots)
}

/// True when some box would hold others.
fn has_inner_boxes(graph: &Graph<'_>, nodes: &[u32]) -> bool {
    nodes
        .iter()
        .any(|&n| graph.group_of(n).is_some_and(|g| graph.parent_of(g).is_some()))
}

/// Where pieces are put.
pub(crate) struct Target<'a, 'g> {
    pub(crate) graph: &'a Graph<'g>,
    pub(crate) scene: &'a mut Scene,
    pub(crate) spots: &'a mut [Option<Standing>],
    /// Part that they go into.
    pub(crate) parent: PartId,
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
        let mut tree = Tree {
            pieces: Vec::new(),
            of_group: vec![None; groups],
            nested,
        };
        let mut inner: Vec<Vec<usize>> = vec![Vec::new(); groups];
        for group in (0..groups).rev() {
            let mut children = std::mem::take(&mut inner[group]);
            children.reverse();
            if !members[group].is_empty() {
                children.insert(
                    0,
                    tree.add_region(graph, Some(group as u32), depth[group], &members[group]),
                );
            }
            if children.is_empty() {
                continue;
            }
            let piece = tree.add_box(group as u32, depth[group], children);
            tree.of_group[group] = Some(piece);
            if let Some(parent) = graph.parent_of(group as u32) {
                inner[parent as usize].push(piece);
            }
        }
        if !loose.is_empty() {
            tree.add_region(graph, None, 0, &loose);
        }
        tree
    }

    /// Pieces that stand on the plane.
    fn tops(&self, graph: &Graph<'_>) -> Vec<usize> {
        let boxes = self.of_group.iter().enumerate();
        let mut tops: Vec<usize> = boxes
            .filter(|(g, _)| graph.parent_of(*g as u32).is_none())
            .filter_map(|(_, p)| *p)
            .collect();
        tops.extend(self.pieces.iter().rposition(|p| p.group.is_none()));
        tops
    }

    /// The piece of a group's box.
    pub(crate) fn of_group(&self, group: u32) -> Option<usize> {
        self.of_group[group as usize]
    }

    /// The piece of the nodes that stand in a group, or on the plane, without a box of their own.
    pub(crate) fn region_of(&self, group: Option<u32>) -> Option<usize> {
        self.pieces
            .iter()
            .position(|p| p.kind == PartKind::Region && p.group == group)
    }

    /// Sizes that a piece can have, narrowest first.
    pub(crate) fn shapes(&self, piece: usize) -> &[Shape] {
        &self.pieces[piece].shapes
    }

    fn add_region(&mut self, graph: &Graph<'_>, group: Option<u32>, depth: u32, nodes: &[u32]) -> usize {
        let block = Block::new(graph, nodes);
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
        self.pieces.push(Piece {
            kind: PartKind::Region,
            group,
            depth,
            children: Vec::new(),
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
        let group = Some(group);
        self.pieces.push(Piece {
            kind: PartKind::Box,
            group,
            depth,
            children,
            block: None,
            shapes,
        });
        self.pieces.len() - 1
    }

    fn pads(&self, depth: u32, children: &[usize]) -> crate::layout::geometry::Insets {
        let boxes = children.iter().any(|&c| self.pieces[c].kind == PartKind::Box);
        pads(
            depth,
            if boxes { PartKind::Box } else { PartKind::Region },
            self.nested,
        )
    }

    fn pack(&self, pieces: &[usize], gap: f32) -> Vec<Shape> {
        let shapes: Vec<&[Shape]> = pieces.iter().map(|&p| self.pieces[p].shapes.as_slice()).collect();
        pack::pack(&shapes, gap)
    }

    /// Puts a piece into a rectangle that has room for one of its shapes.
    pub(crate) fn put(&self, piece: usize, shape: usize, rect: Rect, target: &mut Target<'_, '_>) {
        let it = &self.pieces[piece];
        let part = target
            .scene
            .add(it.kind, it.group, target.parent, rect, target.graph);
        match (&it.shapes[shape].plan, &it.block) {
            (Plan::Flow(columns), Some(block)) => stand(block, *columns, rect, part, target),
            (Plan::Columns(columns), _) => {
                let inside = rect.inset(&self.pads(it.depth, &it.children));
                let outer = std::mem::replace(&mut target.parent, part);
                self.fill(columns, &it.children, inside, GAP, target);
                target.parent = outer;
            }
            _ => {}
        }
    }

    /// Puts columns of pieces into a rectangle. What is too much goes to the last column and to the largest
    /// piece of each column, so that edges line up and newcomers find room.
    fn fill(&self, columns: &[Column], pieces: &[usize], rect: Rect, gap: f32, target: &mut Target<'_, '_>) {
        let mut x = rect.x;
        for (i, column) in columns.iter().enumerate() {
            let width = if i + 1 == columns.len() {
                rect.right() - x
            } else {
                column.width
            };
            let spare = (rect.height - column.height).max(0.0);
            let heights = |item: &pack::Item| self.shapes(pieces[item.child])[item.shape].height;
            let largest = (0..column.items.len()).max_by(|&a, &b| {
                heights(&column.items[a])
                    .total_cmp(&heights(&column.items[b]))
                    .then(b.cmp(&a))
            });
            let mut y = rect.y;
            for (k, item) in column.items.iter().enumerate() {
                let height = heights(item) + if largest == Some(k) { spare } else { 0.0 };
                self.put(
                    pieces[item.child],
                    item.shape,
                    Rect::new(x, y, width, height),
                    target,
                );
                y += height + gap;
            }
            x += width + gap;
        }
    }
}

/// Numbers of columns worth trying for a block.
fn widths(block: &Block) -> Vec<u32> {
    let n = block.len() as f32;
    let least = block.least_columns();
    let (from, to) = if block.len() <= SLACK_FROM_NODES {
        (1, block.len() as u32)
    } else {
        ((n.sqrt() / 3.0).ceil() as u32, (n.sqrt() * 2.5).ceil() as u32)
    };
    let (from, to) = (from.max(least), to.max(least));
    let steps = (to - from).min(WIDTHS_TRIED as u32 - 1);
    let ratio = to as f32 / from as f32;
    let mut widths: Vec<u32> = (0..=steps)
        .map(|i| (from as f32 * ratio.powf(i as f32 / steps.max(1) as f32)).round() as u32)
        .collect();
    widths.push(to);
    widths.sort_unstable();
    widths.dedup();
    widths
}

/// Puts the nodes of a block into its region.
fn stand(block: &Block, columns: u32, rect: Rect, region: PartId, target: &mut Target<'_, '_>) {
    let room = (((rect.width + GAP) / COLUMN) as u32).max(1);
    let mut flow = block.flow(columns);
    if room > flow.columns && !block.singles().is_empty() {
        let wider = block.flow(room);
        if wider.rows < flow.rows {
            flow = wider;
        }
    }
    let used = flow.cells.iter().map(|c| c.half + 2).max().unwrap_or(0);
    // Grids begin at the left, so that columns run through neighbouring boxes; clusters stand in the middle.
    let clustered = block.singles().len() < block.len();
    let shift = if clustered {
        (room * 2).saturating_sub(used) / 2
    } else {
        0
    };
    for cell in &flow.cells {
        let at = Point::new(
            rect.x + NODE_INSETS.left + (cell.half + shift) as f32 * HALF,
            rect.y + NODE_INSETS.top + cell.row as f32 * ROW,
        );
        target.spots[cell.node as usize] = Some(Standing::new(at, region));
    }
}

/// Head of the boxes in boxes; here to keep the two in step.
const _: () = assert!(
    INNER_PADS.top < NODE_INSETS.top,
    "a region has room for its box's label"
);
