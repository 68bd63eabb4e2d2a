//! Laying out what has no place yet: from the outside in.

use crate::layout::affinity::{self, Frame, Pulls};
use crate::layout::block::Flow;
use crate::layout::geometry::{Point, Rect};
use crate::layout::input::Graph;
use crate::layout::measures::{
    AIR_LEAST, AIR_MOST, ASPECT, COLUMN, GAP, HALF, NODE_INSETS, OUTER_GAP, OUTSIDE_DROP, ROW,
};
use crate::layout::pack::{Column, Item, Plan, Shape};
use crate::layout::refine::{Laid, refine};
use crate::layout::scene::{PLANE, PartId, Scene, Standing};
use crate::layout::tree::Tree;

/// Lays out all nodes that stand inside.
pub(crate) fn lay_out(graph: &Graph<'_>) -> (Scene, Vec<Option<Standing>>) {
    let inside: Vec<u32> = (0..graph.nodes.len() as u32)
        .filter(|&n| !graph.nodes[n as usize].outside)
        .collect();
    let nested = inside
        .iter()
        .any(|&n| graph.group_of(n).is_some_and(|g| graph.parent_of(g).is_some()));
    let tree = Tree::new(graph, &inside, nested);
    let mut scene = Scene::new(nested);
    let mut spots = vec![None; graph.nodes.len()];
    let above = if inside.len() < graph.nodes.len() {
        OUTSIDE_DROP + ROW / 2.0
    } else {
        0.0
    };
    let shapes = tree.pack(&tree.tops, OUTER_GAP);
    let best = shapes
        .into_iter()
        .min_by(|a, b| a.spread(above).total_cmp(&b.spread(above)));
    if let Some(Shape {
        width,
        height,
        plan: Plan::Columns(columns),
    }) = best
    {
        let air = air(tree.tops.len(), width, height + above);
        let mut placing = Placing::new(graph, &tree, &mut scene, &mut spots);
        placing.air = air;
        placing.fill(
            None,
            &tree.tops,
            columns,
            PLANE,
            Rect::new(0.0, 0.0, width * air, height),
        );
        placing.finish();
    }
    (scene, spots)
}

/// How many times wider than need be the whole is made: long chains of few nodes would stand in a narrow tower with
/// nothing beside it. Several boxes keep their widths, as their nodes stand on one lattice.
fn air(tops: usize, width: f32, height: f32) -> f32 {
    let wanted = height * ASPECT / width.max(1.0);
    if tops > 1 || wanted < AIR_LEAST {
        return 1.0;
    }
    wanted.min(AIR_MOST)
}

/// Puts the pieces of a tree into a scene.
pub(crate) struct Placing<'a, 'g> {
    graph: &'a Graph<'g>,
    tree: &'a Tree,
    scene: &'a mut Scene,
    spots: &'a mut [Option<Standing>],
    /// Rectangles of the pieces that have one.
    rects: Vec<Option<Rect>>,
    laid: Vec<Laid>,
    /// How far apart columns of connected nodes may stand, in their usual distance.
    air: f32,
}

impl<'a, 'g> Placing<'a, 'g> {
    pub(crate) fn new(
        graph: &'a Graph<'g>,
        tree: &'a Tree,
        scene: &'a mut Scene,
        spots: &'a mut [Option<Standing>],
    ) -> Self {
        Placing {
            graph,
            tree,
            scene,
            spots,
            rects: vec![None; tree.pieces.len()],
            laid: Vec::new(),
            air: 1.0,
        }
    }

    /// Puts a piece, in one of its shapes, into a rectangle of a part that has room for it.
    pub(crate) fn put(&mut self, piece: usize, shape: usize, parent: PartId, rect: Rect) {
        let it = &self.tree.pieces[piece];
        self.rects[piece] = Some(rect);
        let part = self.scene.add(it.kind, it.group, parent, rect, self.graph);
        match &it.shapes[shape].plan {
            Plan::Flow(columns) => self.stand(piece, *columns, rect, part),
            Plan::Columns(columns) => {
                let inside = rect.inset(&self.tree.pads(it.depth, &it.children));
                self.fill(Some(piece), &it.children, columns.clone(), part, inside);
            }
        }
    }

    /// Brings nodes nearer to what they talk to, when all have a place.
    pub(crate) fn finish(self) {
        refine(self.graph, &self.laid, self.spots);
    }

    /// Puts some of the pieces in a piece, or on the plane, into a rectangle of a part.
    pub(crate) fn fill(
        &mut self,
        container: Option<usize>,
        children: &[usize],
        mut columns: Vec<Column>,
        part: PartId,
        rect: Rect,
    ) {
        let tree = self.tree;
        let height = |item: &Item| tree.pieces[children[item.child]].shapes[item.shape].height;
        let frame = Frame {
            rect,
            gap: self.scene.gap(part),
            height: &height,
        };
        if children.len() > 1 {
            affinity::improve(&mut columns, frame, &self.pulls(container, children));
        }
        let places = frame.places(&columns);
        for (item, rect) in &places {
            self.rects[children[item.child]] = Some(*rect);
        }
        for (item, rect) in places {
            self.put(children[item.child], item.shape, part, rect);
        }
    }

    /// What pulls children, by their place in the list.
    fn pulls(&self, container: Option<usize>, children: &[usize]) -> Pulls {
        let mut slot = vec![usize::MAX; self.tree.pieces.len()];
        for (i, &child) in children.iter().enumerate() {
            slot[child] = i;
        }
        let links = &self.tree.links;
        let shown = |child: &usize| slot[*child] != usize::MAX;
        let between = links
            .between(container)
            .filter(|(a, b, _)| shown(a) && shown(b))
            .map(|(a, b, weight)| (slot[a], slot[b], weight as f32))
            .collect();
        let mut pulls = Pulls {
            between,
            ..Pulls::default()
        };
        let mut to = vec![(0.0f32, 0.0f32, 0.0f32); children.len()];
        let mut up = vec![0.0f32; children.len()];
        for (child, node) in links.away(container).filter(|(child, _)| shown(child)) {
            let child = slot[child];
            if self.graph.nodes[node as usize].outside {
                up[child] += 1.0;
            } else if let Some(place) = self.whereabouts(node) {
                let sum = &mut to[child];
                *sum = (sum.0 + place.x, sum.1 + place.y, sum.2 + 1.0);
            }
        }
        let mean = |(child, (x, y, count)): (usize, (f32, f32, f32))| {
            (count > 0.0).then(|| (child, Point::new(x / count, y / count), count))
        };
        pulls.to = to.into_iter().enumerate().filter_map(mean).collect();
        pulls.up = up
            .into_iter()
            .enumerate()
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        pulls
    }

    /// Where a node stands, or the middle of the innermost piece around it that has a place.
    fn whereabouts(&self, node: u32) -> Option<Point> {
        if let Some(standing) = self.spots[node as usize] {
            return Some(standing.at);
        }
        let around = std::iter::successors(self.tree.links.region(node), |&p| self.tree.pieces[p].parent);
        around.into_iter().find_map(|p| self.rects[p]).map(|r| r.center())
    }

    /// Puts the nodes of a block into its region.
    fn stand(&mut self, piece: usize, columns: u32, rect: Rect, region: PartId) {
        let Some(block) = &self.tree.pieces[piece].block else {
            return;
        };
        let room = (((rect.width + GAP) / COLUMN + 0.001) as u32).max(1);
        let mut flow = block.flow(columns);
        if room > flow.columns {
            let wider = block.flow(room);
            if wider.rows < flow.rows {
                flow = wider;
            }
        }
        let Flow { cells, .. } = flow;
        let used = cells.iter().map(|c| c.half + 2).max().unwrap_or(0);
        // Grids begin at the left, so that columns run through neighbouring boxes; clusters stand in the middle.
        let shift = if block.clustered() > 0 {
            (room * 2).saturating_sub(used) / 2
        } else {
            0
        };
        let mut left = shift as f32 * HALF;
        let mut step = HALF;
        if self.air > 1.0 && block.clustered() > 0 && used > 2 {
            let free = rect.width - NODE_INSETS.left - NODE_INSETS.right;
            let taken = (used - 2) as f32 * HALF;
            step = HALF * (free / taken).clamp(1.0, self.air);
            left = (free - (used - 2) as f32 * step).max(0.0) / 2.0;
        }
        let at = |half: u32, row: u32| {
            Point::new(
                rect.x + NODE_INSETS.left + left + half as f32 * step,
                rect.y + NODE_INSETS.top + row as f32 * ROW,
            )
        };
        for cell in &cells {
            self.spots[cell.node as usize] = Some(Standing::new(at(cell.half, cell.row), region));
        }
        self.laid.push(Laid {
            clusters: block.clusters().collect(),
            singles: block.singles().to_vec(),
        });
    }
}
