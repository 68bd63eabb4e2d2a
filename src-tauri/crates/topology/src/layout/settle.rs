//! Newcomers to a map whose nodes keep their places: near what they talk to, in free cells of their box; in
//! room that the box gains; or in a part of the box elsewhere.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::layout::fresh::Placing;
use crate::layout::geometry::{Point, Rect};
use crate::layout::grow::{Offer, PART_COST, Room, Site, extend};
use crate::layout::input::Graph;
use crate::layout::measures::{COLUMN, GAP, HALF, NODE_INSETS, OUTER_GAP, ROW};
use crate::layout::pack::{Plan, Shape};
use crate::layout::scene::{Occupied, PartId, PartKind, Scene, Standing};
use crate::layout::tree::Tree;

/// How much a place between columns must be nearer than one on a column to be taken, in layout units squared.
const BETWEEN_COLUMNS: f32 = COLUMN * COLUMN;

/// Newcomers to one box from which on they may be laid out as a whole, and how many times the known ones.
const FLOOD_LEAST: usize = 48;
const FLOOD_RATIO: usize = 2;
/// New boxes up to this many are placed one by one.
const ONE_BY_ONE_MAX: usize = 4;
/// What another part of a box costs that has room for a single node.
const LONE_PART_COST: f32 = 480.0;
/// Regions up to this much longer than wide, or wider than long, are as good as square.
const RATIO_FREE: f32 = 2.5;

/// Columns, rows and cost of a further part of a box: larger for larger boxes, or else a single cell.
fn part_sizes(cells: u32) -> [(u32, u32, f32); 2] {
    let wanted = (cells / 6).clamp(2, 12);
    let columns = (wanted as f32 * 1.5).sqrt().round().max(1.0) as u32;
    [
        (columns, wanted.div_ceil(columns), PART_COST),
        (1, 1, LONE_PART_COST),
    ]
}

/// Gives every inside node without a place one; moves nothing.
pub(crate) fn settle(scene: &mut Scene, graph: &Graph<'_>, spots: &mut [Option<Standing>]) {
    scene.prune(spots);
    let new: Vec<u32> = (0..graph.nodes.len() as u32)
        .filter(|&n| !graph.nodes[n as usize].outside && spots[n as usize].is_none())
        .collect();
    if new.is_empty() {
        return;
    }
    let mut known = vec![false; graph.groups.len()];
    let mut regions: FxHashMap<Option<u32>, Vec<PartId>> = FxHashMap::default();
    for (id, part) in scene.parts() {
        let group = part.group.as_ref().map(|g| g.index);
        match (part.kind, group) {
            (PartKind::Region, _) => regions.entry(group).or_default().push(id),
            (PartKind::Box, Some(group)) => known[group as usize] = true,
            (PartKind::Box, None) => {}
        }
    }
    let room = Room::new(spots);
    let mut settling = Settling {
        scene,
        graph,
        spots,
        occupied: Occupied::default(),
        room,
        cursors: FxHashMap::default(),
    };
    settling.occupied = Occupied::of(settling.spots);

    let floods = floods(graph, settling.spots, &new);
    let (joining, strangers): (Vec<u32>, Vec<u32>) = new.into_iter().partition(|&n| {
        let group = graph.group_of(n);
        regions.contains_key(&group) && !floods.contains(&group)
    });
    for node in near_known_first(graph, settling.spots, &joining) {
        let of_group = regions.entry(graph.group_of(node)).or_default();
        settling.join(node, of_group);
    }
    settling.lay_out(&strangers, &known);
}

/// Groups that so many newcomers join that these are better laid out as a whole.
fn floods(graph: &Graph<'_>, spots: &[Option<Standing>], new: &[u32]) -> FxHashSet<Option<u32>> {
    let mut joining = vec![0usize; graph.groups.len() + 1];
    let mut known = joining.clone();
    let slot = |n: u32| graph.group_of(n).map_or(0, |g| g as usize + 1);
    for &node in new {
        joining[slot(node)] += 1;
    }
    for node in (0..graph.nodes.len() as u32).filter(|&n| spots[n as usize].is_some_and(|s| !s.outside)) {
        known[slot(node)] += 1;
    }
    let flooded = |&slot: &usize| joining[slot] >= FLOOD_LEAST && joining[slot] > FLOOD_RATIO * known[slot];
    (0..joining.len())
        .filter(flooded)
        .map(|slot| slot.checked_sub(1).map(|g| g as u32))
        .collect()
}

/// Newcomers in the order in which they get places: those next to known nodes, then those next to them, and
/// so on; the others by label.
fn near_known_first(graph: &Graph<'_>, spots: &[Option<Standing>], new: &[u32]) -> Vec<u32> {
    let mut waiting: BTreeMap<u32, ()> = new.iter().map(|n| (*n, ())).collect();
    let mut order: Vec<u32> = new
        .iter()
        .copied()
        .filter(|&n| graph.neighbours(n).any(|m| spots[m as usize].is_some()))
        .collect();
    let mut rest = new.to_vec();
    rest.sort_by_key(|&n| {
        let node = &graph.nodes[n as usize];
        (graph.degree(n) == 0, node.label, node.id)
    });
    for n in &order {
        waiting.remove(n);
    }
    let mut next = 0;
    let mut rest = rest.into_iter();
    loop {
        while let Some(&at) = order.get(next) {
            next += 1;
            for other in graph.neighbours(at) {
                if waiting.remove(&other).is_some() {
                    order.push(other);
                }
            }
        }
        let Some(first) = rest.find(|n| waiting.remove(n).is_some()) else {
            return order;
        };
        order.push(first);
    }
}

struct Settling<'a, 'g> {
    scene: &'a mut Scene,
    graph: &'a Graph<'g>,
    spots: &'a mut [Option<Standing>],
    occupied: Occupied,
    room: Room,
    /// Where the search for a free cell goes on, per region: half column and row.
    cursors: FxHashMap<PartId, (u32, u32)>,
}

impl Settling<'_, '_> {
    /// Gives a node a place in one of its group's regions, which grow or become more where they are full.
    fn join(&mut self, node: u32, regions: &mut Vec<PartId>) {
        let wish = self.wish(node);
        let free = match wish {
            Some(wish) => {
                let nearest = regions.iter().filter_map(|r| self.nearest_free(*r, wish));
                nearest
                    .min_by(|a, b| a.0.total_cmp(&b.0))
                    .map(|(_, region, at)| (region, at))
            }
            // The latest region first: that is where the others without edges are.
            None => regions.iter().rev().find_map(|r| self.first_free(*r)),
        };
        if let Some((region, at)) = free {
            self.stand(node, region, at);
            return;
        }
        let region = self.make_room(self.graph.group_of(node), regions);
        let free = match wish {
            Some(wish) => self.nearest_free(region, wish).map(|(_, _, at)| at),
            None => self.first_free(region).map(|(_, at)| at),
        };
        // A region that has just grown or begun has a free cell, so the other answer is never given.
        let at = free.unwrap_or_else(|| self.cell(region, 0, 0));
        self.stand(node, region, at);
    }

    fn stand(&mut self, node: u32, region: PartId, at: Point) {
        self.occupied.insert(at);
        self.room.stand(region, at);
        self.spots[node as usize] = Some(Standing::new(at, region));
    }

    /// Amid placed neighbours: below clients and above servers by part of a row.
    fn wish(&self, node: u32) -> Option<Point> {
        let side = |others: &[u32], by: f32| {
            let placed = others.iter().filter_map(|&n| self.spots[n as usize]);
            placed.fold((0.0, 0.0, 0.0), |(x, y, count), s| {
                (x + s.at.x, y + s.at.y + by, count + 1.0)
            })
        };
        let (clients, servers) = (
            side(self.graph.clients(node), ROW / 2.0),
            side(self.graph.servers(node), -ROW / 2.0),
        );
        let count = clients.2 + servers.2;
        (count > 0.0).then(|| Point::new((clients.0 + servers.0) / count, (clients.1 + servers.1) / count))
    }

    /// Half columns where a node may begin, and rows, of a region.
    fn lattice(&self, region: PartId) -> (u32, u32) {
        let Some(part) = self.scene.get(region) else {
            return (1, 1);
        };
        let columns = (((part.rect.width + GAP) / COLUMN + 0.001) as u32).max(1);
        let rows = (((part.rect.height + GAP) / ROW + 0.001) as u32).max(1);
        (columns * 2 - 1, rows)
    }

    fn cell(&self, region: PartId, half: u32, row: u32) -> Point {
        let origin = self.scene.get(region).map(|p| p.rect).unwrap_or_default();
        Point::new(
            origin.x + NODE_INSETS.left + half as f32 * HALF,
            origin.y + NODE_INSETS.top + row as f32 * ROW,
        )
    }

    /// The first free cell, row by row. Cells never become free while newcomers settle.
    fn first_free(&mut self, region: PartId) -> Option<(PartId, Point)> {
        let (halves, rows) = self.lattice(region);
        let (mut half, mut row) = self.cursors.get(&region).copied().unwrap_or((0, 0));
        while row < rows {
            while half < halves {
                let at = self.cell(region, half, row);
                if self.occupied.is_free(at) {
                    self.cursors.insert(region, (half, row));
                    return Some((region, at));
                }
                half += 1;
            }
            half = 0;
            row += 1;
        }
        // Growth may add columns to rows that are passed, so the next search begins anew.
        self.cursors.remove(&region);
        None
    }

    /// The free cell nearest to a place, with its distance squared: ring by ring around it.
    fn nearest_free(&self, region: PartId, wish: Point) -> Option<(f32, PartId, Point)> {
        let (halves, rows) = self.lattice(region);
        let origin = self.cell(region, 0, 0);
        let along = |v: f32, count: u32| (v.round().max(0.0) as u32).min(count - 1);
        let (half, row) = (
            along((wish.x - origin.x) / HALF, halves),
            along((wish.y - origin.y) / ROW, rows),
        );
        let mut best: Option<(f32, PartId, Point)> = None;
        let mut rings_left = u32::MAX;
        for ring in 0..=rows.max(halves / 2 + 1) {
            if rings_left == 0 {
                break;
            }
            rings_left -= 1;
            let wide = ring * 2 + 1;
            let (left, right) = (half.saturating_sub(wide), (half + wide).min(halves - 1));
            for r in row.saturating_sub(ring)..=(row + ring).min(rows - 1) {
                let whole_row = r.abs_diff(row) == ring;
                for h in left..=right {
                    if !whole_row && ring > 0 && h.abs_diff(half) < wide - 1 {
                        continue;
                    }
                    let at = self.cell(region, h, r);
                    let between = if h % 2 == 0 { 0.0 } else { BETWEEN_COLUMNS };
                    let distance = at.distance2(wish) + between;
                    if best.is_none_or(|(d, _, _)| distance < d) && self.occupied.is_free(at) {
                        best = Some((distance, region, at));
                        // Places between columns count for less: the next ring may have a better one.
                        rings_left = rings_left.min(2);
                    }
                }
            }
        }
        best
    }

    /// Adds a row or a column to one of a group's regions, or another region: what leaves the map largest.
    fn make_room(&mut self, group: Option<u32>, regions: &mut Vec<PartId>) -> PartId {
        let mut best: Option<(f32, PartId, Offer)> = None;
        for &region in regions.iter() {
            for (to, lengthy) in self.larger(region) {
                let Some(offer) = extend(self.scene, &self.room, region, to) else {
                    continue;
                };
                let cost = offer.cost(self.scene) + lengthy;
                if best.as_ref().is_none_or(|(least, _, _)| cost < *least) {
                    best = Some((cost, region, offer));
                }
            }
        }
        let nodes = regions
            .iter()
            .map(|r| self.lattice(*r))
            .map(|(halves, rows)| halves.div_ceil(2) * rows);
        let sites = part_sizes(nodes.sum()).map(|(columns, rows, extra)| {
            let size = (columns as f32 * COLUMN - GAP, rows as f32 * ROW - GAP);
            let site = Site::cheapest(self.scene, self.graph, &self.room, group, PartKind::Region, size);
            (site.cost + extra, site)
        });
        let site = sites.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
        match (best, site) {
            (Some((cost, region, offer)), site) if site.as_ref().is_none_or(|(other, _)| cost <= *other) => {
                offer.accept(self.scene);
                self.cursors.remove(&region);
                region
            }
            (_, Some((_, site))) => {
                let (parent, rect) = site.accept(self.scene, self.graph);
                let region = self.scene.add(PartKind::Region, group, parent, rect, self.graph);
                regions.push(region);
                region
            }
            (_, None) => regions.first().copied().unwrap_or_default(),
        }
    }

    /// A region's rectangle with a row more and with a column more, and how much too long each is.
    fn larger(&self, region: PartId) -> [(Rect, f32); 2] {
        let rect = self.scene.get(region).map(|p| p.rect).unwrap_or_default();
        let (halves, rows) = self.lattice(region);
        let taller = Rect {
            height: (rows + 1) as f32 * ROW - GAP,
            ..rect
        };
        let wider = Rect {
            width: (halves.div_ceil(2) + 1) as f32 * COLUMN - GAP,
            ..rect
        };
        let lengthy = |r: Rect| {
            let ratio = (r.width / r.height).max(r.height / r.width);
            (ratio - RATIO_FREE).max(0.0) * ROW
        };
        [taller, wider].map(|r| (r, lengthy(r)))
    }

    /// Lays out newcomers of boxes that are new, each box as a whole.
    fn lay_out(&mut self, nodes: &[u32], known: &[bool]) {
        if nodes.is_empty() {
            return;
        }
        let nested = self.scene.nested;
        let tree = Tree::new(self.graph, nodes, nested);
        let mut loose: Vec<Option<u32>> = Vec::new();
        for &node in nodes {
            let group = self.graph.group_of(node);
            if group.is_none_or(|g| known[g as usize]) && !loose.contains(&group) {
                loose.push(group);
            }
        }
        let mut pieces: Vec<(Option<u32>, usize)> = Vec::new();
        pieces.extend(
            loose
                .into_iter()
                .flat_map(|g| tree.regions_of(g).map(move |piece| (g, piece))),
        );
        for group in 0..self.graph.groups.len() as u32 {
            let parent = self.graph.parent_of(group);
            let on_top = !known[group as usize] && parent.is_none_or(|p| known[p as usize]);
            if let Some(piece) = tree.of_group(group).filter(|_| on_top) {
                pieces.push((parent, piece));
            }
        }
        for (parent, pieces) in together(&tree, pieces) {
            let gap = if parent.is_none() { OUTER_GAP } else { GAP };
            // The shape that suits the window best: there is no telling what the free room will be.
            let shapes = tree.pack(&pieces, gap);
            let best = shapes
                .into_iter()
                .min_by(|a, b| a.spread(0.0).total_cmp(&b.spread(0.0)));
            let Some(Shape {
                width,
                height,
                plan: Plan::Columns(columns),
            }) = best
            else {
                continue;
            };
            let kind = tree.pieces[pieces[0]].kind;
            let site = Site::cheapest(self.scene, self.graph, &self.room, parent, kind, (width, height));
            let (part, rect) = site.accept(self.scene, self.graph);
            let mut placing = Placing::new(self.graph, &tree, self.scene, self.spots);
            placing.fill(tree.pieces[pieces[0]].parent, &pieces, columns, part, rect);
            placing.finish();
            // Later boxes see the room that these need.
            self.room = Room::new(self.spots);
        }
    }
}

/// Pieces of one box that are placed as one: few boxes find gaps one by one, many are packed.
fn together(tree: &Tree, pieces: Vec<(Option<u32>, usize)>) -> Vec<(Option<u32>, Vec<usize>)> {
    let mut lists: BTreeMap<(Option<u32>, bool), Vec<usize>> = BTreeMap::new();
    for (parent, piece) in pieces {
        lists
            .entry((parent, tree.pieces[piece].kind == PartKind::Box))
            .or_default()
            .push(piece);
    }
    let split = |((parent, _), list): ((Option<u32>, bool), Vec<usize>)| {
        let size = if list.len() > ONE_BY_ONE_MAX {
            list.len()
        } else {
            1
        };
        list.chunks(size)
            .map(move |chunk| (parent, chunk.to_vec()))
            .collect::<Vec<_>>()
    };
    lists.into_iter().flat_map(split).collect()
}
