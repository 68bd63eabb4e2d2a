//! Room for newcomers: boxes grow into free space, or continue elsewhere.

use rustc_hash::FxHashMap;

use crate::layout::geometry::{Insets, Point, Rect};
use crate::layout::input::Graph;
use crate::layout::measures::{ASPECT, NODE_INSETS};
use crate::layout::scene::{PLANE, Part, PartId, PartKind, Scene, Standing, pads};

/// Parts beside which a free place is looked for; among more, these are picked evenly.
const ANCHORS_MAX: usize = 96;

/// What another part of a box costs, against growth of the whole map in layout units.
pub(crate) const PART_COST: f32 = 160.0;

/// How much a map of the same spread is better for being smaller.
const COMPACT: f32 = 0.1;

/// What of each region is in use: from its upper left corner to here. The rest may be given away.
#[derive(Debug, Default)]
pub(crate) struct Room {
    used: FxHashMap<PartId, Point>,
}

impl Room {
    pub(crate) fn new(spots: &[Option<Standing>]) -> Self {
        let mut room = Room::default();
        for spot in spots.iter().flatten() {
            room.stand(spot.region, spot.at);
        }
        room
    }

    /// Notes that a node stands there.
    pub(crate) fn stand(&mut self, region: PartId, at: Point) {
        let used = self.used.entry(region).or_insert(at);
        used.x = used.x.max(at.x);
        used.y = used.y.max(at.y);
    }

    /// The part of a part's rectangle that is in use.
    fn core(&self, scene: &Scene, id: PartId) -> Rect {
        let Some(part) = scene.get(id) else {
            return Rect::default();
        };
        let rect = part.rect;
        if part.kind == PartKind::Region {
            return match self.used.get(&id) {
                Some(used) => Rect::between(
                    rect.x,
                    rect.y,
                    (used.x + NODE_INSETS.right).min(rect.right()),
                    (used.y + NODE_INSETS.bottom).min(rect.bottom()),
                ),
                None => Rect::new(rect.x, rect.y, 0.0, 0.0),
            };
        }
        let mut core = Rect::new(rect.x, rect.y, 0.0, 0.0);
        for (child, inner) in scene.children(id) {
            let pads = scene.pads(id, inner.kind);
            core = core.union(&self.core(scene, child).outset(&Insets {
                left: 0.0,
                top: 0.0,
                ..pads
            }));
        }
        Rect {
            width: core.width.min(rect.width),
            height: core.height.min(rect.height),
            ..core
        }
    }
}

/// A place for something, and the rectangles that other parts get so that it has room.
#[derive(Debug)]
pub(crate) struct Offer {
    /// Part that the place is in.
    pub(crate) parent: PartId,
    pub(crate) rect: Rect,
    changes: Vec<(PartId, Rect)>,
}

impl Offer {
    /// How much smaller the whole map must be drawn afterwards, as the growth of the least window for it.
    pub(crate) fn cost(&self, scene: &Scene) -> f32 {
        let spread = |rect: Rect| (rect.width / ASPECT).max(rect.height);
        let Some(now) = scene.extent() else { return 0.0 };
        let on_plane = self
            .changes
            .iter()
            .filter(|(id, _)| scene.get(*id).is_some_and(|p| p.parent == PLANE));
        let mut after = on_plane.fold(now, |all, (_, rect)| all.union(rect));
        if self.parent == PLANE {
            after = after.union(&self.rect);
        }
        spread(after) - spread(now)
    }

    /// Gives all parts concerned their new rectangles.
    pub(crate) fn accept(self, scene: &mut Scene) -> (PartId, Rect) {
        for (part, rect) in self.changes {
            resize(scene, part, rect);
        }
        (self.parent, self.rect)
    }
}

/// A larger rectangle for a part, whatever is around it growing as far as needed. Neighbours give up what they
/// do not use; there is no offer where that is not enough.
pub(crate) fn extend(scene: &Scene, room: &Room, id: PartId, to: Rect) -> Option<Offer> {
    let mut changes = Vec::new();
    let parent = scene.get(id)?.parent;
    plan(scene, room, id, to, &mut changes).then_some(Offer {
        parent,
        rect: to,
        changes,
    })
}

fn plan(scene: &Scene, room: &Room, id: PartId, to: Rect, changes: &mut Vec<(PartId, Rect)>) -> bool {
    let Some(part) = scene.get(id) else { return false };
    let parent = part.parent;
    for (sibling, other) in scene.children(parent) {
        if sibling == id {
            continue;
        }
        match yielded(scene, room, sibling, other.rect, &to, scene.gap(parent)) {
            Some(rect) if rect == other.rect => {}
            Some(rect) => changes.push((sibling, rect)),
            None => return false,
        }
    }
    if let Some(around) = scene.get(parent) {
        let needed = to.outset(&scene.pads(parent, part.kind));
        if !around.rect.contains(&needed) && !plan(scene, room, parent, around.rect.union(&needed), changes) {
            return false;
        }
    }
    changes.push((id, to));
    true
}

/// What a part keeps when another one wants `wanted`; nothing when that takes what is in use.
fn yielded(scene: &Scene, room: &Room, id: PartId, rect: Rect, wanted: &Rect, gap: f32) -> Option<Rect> {
    if !rect.is_near(wanted, gap) {
        return Some(rect);
    }
    let core = room.core(scene, id);
    if core.is_near(wanted, gap) {
        return None;
    }
    let lower = Rect::between(rect.x, rect.y, rect.right(), wanted.y - gap);
    let left = Rect::between(rect.x, rect.y, wanted.x - gap, rect.bottom());
    [lower, left]
        .into_iter()
        .filter(|kept| kept.contains(&core) && !kept.is_near(wanted, gap))
        .max_by(|a, b| (a.width * a.height).total_cmp(&(b.width * b.height)))
}

/// Sets a rectangle; what is inside gives way where it has become too small.
fn resize(scene: &mut Scene, id: PartId, to: Rect) {
    let Some(before) = scene.get(id).map(|p| p.rect) else {
        return;
    };
    scene.set_rect(id, to);
    if to.contains(&before) {
        return;
    }
    let children: Vec<(PartId, Rect, Insets)> = scene
        .children(id)
        .map(|(child, part)| (child, part.rect, scene.pads(id, part.kind)))
        .collect();
    for (child, rect, pads) in children {
        let inside = to.inset(&pads);
        if !inside.contains(&rect) {
            let kept = Rect::between(
                rect.x,
                rect.y,
                rect.right().min(inside.right()),
                rect.bottom().min(inside.bottom()),
            );
            resize(scene, child, kept);
        }
    }
}

/// A place for a part, with the boxes that are drawn anew around it.
#[derive(Debug)]
pub(crate) struct Site {
    offer: Offer,
    /// Groups and what their boxes keep free at the sides, innermost first.
    around: Vec<(u32, Insets)>,
    /// Against growth of the whole map, in layout units.
    pub(crate) cost: f32,
}

impl Site {
    /// The cheapest place for a part of this size that belongs into a group, or on the plane: in free space of
    /// the group's box, in room that the box gains, or in another part of the box elsewhere.
    pub(crate) fn cheapest(
        scene: &Scene,
        graph: &Graph<'_>,
        room: &Room,
        group: Option<u32>,
        kind: PartKind,
        size: (f32, f32),
    ) -> Site {
        let mut around = Vec::new();
        let mut best_so_far: Option<Site> = None;
        let (mut group, mut kind, mut size) = (group, kind, size);
        loop {
            if let Some(offer) = best(scene, room, group, kind, size) {
                let cost = offer.cost(scene) + around.len() as f32 * PART_COST;
                if best_so_far.as_ref().is_none_or(|b| cost < b.cost) {
                    best_so_far = Some(Site {
                        offer,
                        around: around.clone(),
                        cost,
                    });
                }
            }
            let Some(inner) = group else { break };
            let depth = std::iter::successors(Some(inner), |&g| graph.parent_of(g)).count() as u32;
            let pads = pads(depth, kind, scene.nested);
            let (width, height) = pads.size();
            size = (size.0 + width, size.1 + height);
            around.push((inner, pads));
            kind = PartKind::Box;
            group = graph.parent_of(inner);
        }
        // The plane has an offer at any rate.
        best_so_far.unwrap_or_else(|| {
            let offer = Offer {
                parent: PLANE,
                rect: on_plane(scene, size),
                changes: Vec::new(),
            };
            Site {
                offer,
                around,
                cost: 0.0,
            }
        })
    }

    /// Makes the room, draws the boxes, and says in which part the place is.
    pub(crate) fn accept(self, scene: &mut Scene, graph: &Graph<'_>) -> (PartId, Rect) {
        let (mut parent, mut rect) = self.offer.accept(scene);
        for (group, pads) in self.around.into_iter().rev() {
            parent = scene.add(PartKind::Box, Some(group), parent, rect, graph);
            rect = rect.inset(&pads);
        }
        (parent, rect)
    }
}

/// The cheapest place for a part of this size in a group's box as it is drawn so far, or on the plane.
fn best(scene: &Scene, room: &Room, group: Option<u32>, kind: PartKind, size: (f32, f32)) -> Option<Offer> {
    let Some(group) = group else {
        return Some(Offer {
            parent: PLANE,
            rect: on_plane(scene, size),
            changes: Vec::new(),
        });
    };
    let of_group = |p: &Part| p.kind == PartKind::Box && p.group.as_ref().is_some_and(|g| g.index == group);
    let parts: Vec<PartId> = scene
        .parts()
        .filter(|(_, p)| of_group(p))
        .map(|(id, _)| id)
        .collect();
    if let Some(offer) = parts.iter().find_map(|p| within(scene, room, *p, kind, size)) {
        return Some(offer);
    }
    let growing = parts.iter().flat_map(|p| by_growth(scene, room, *p, kind, size));
    growing.min_by(|a, b| a.cost(scene).total_cmp(&b.cost(scene)))
}

/// A free place inside a box as it is; neighbours give up what they do not use.
fn within(scene: &Scene, room: &Room, part: PartId, kind: PartKind, size: (f32, f32)) -> Option<Offer> {
    let inside = scene.get(part)?.rect.inset(&scene.pads(part, kind));
    let gap = scene.gap(part);
    let children: Vec<(PartId, Rect)> = scene.children(part).map(|(id, p)| (id, p.rect)).collect();
    let cores: Vec<Rect> = children.iter().map(|(id, _)| room.core(scene, *id)).collect();
    let mut xs = vec![inside.x];
    let mut ys = vec![inside.y];
    for rect in cores
        .iter()
        .chain(children.iter().map(|(_, r)| r))
        .take(ANCHORS_MAX)
    {
        xs.push(rect.right() + gap);
        ys.push(rect.bottom() + gap);
    }
    for list in [&mut xs, &mut ys] {
        list.sort_by(f32::total_cmp);
        list.dedup();
    }
    let candidates = ys
        .iter()
        .flat_map(|&y| xs.iter().map(move |&x| Rect::new(x, y, size.0, size.1)));
    candidates.filter(|r| inside.contains(r)).find_map(|rect| {
        let mut changes = Vec::new();
        for (id, before) in &children {
            let kept = yielded(scene, room, *id, *before, &rect, gap)?;
            if kept != *before {
                changes.push((*id, kept));
            }
        }
        Some(Offer {
            parent: part,
            rect,
            changes,
        })
    })
}

/// Places below and beside what is in a box, which grows.
fn by_growth(scene: &Scene, room: &Room, part: PartId, kind: PartKind, size: (f32, f32)) -> Vec<Offer> {
    let Some(around) = scene.get(part).map(|p| p.rect) else {
        return Vec::new();
    };
    let pads = scene.pads(part, kind);
    let inside = around.inset(&pads);
    let gap = scene.gap(part);
    let Some(used) = scene
        .children(part)
        .map(|(_, p)| p.rect)
        .reduce(|a, b| a.union(&b))
    else {
        return Vec::new();
    };
    let below = Rect::new(inside.x, used.bottom() + gap, size.0, size.1);
    let beside = Rect::new(used.right() + gap, inside.y, size.0, size.1);
    let offer = |rect: Rect| {
        let grown = extend(scene, room, part, around.union(&rect.outset(&pads)))?;
        Some(Offer {
            parent: part,
            rect,
            changes: grown.changes,
        })
    };
    [below, beside].into_iter().filter_map(offer).collect()
}

/// A free place on the plane that leaves the map in the best proportion.
fn on_plane(scene: &Scene, size: (f32, f32)) -> Rect {
    let gap = scene.gap(PLANE);
    let parts: Vec<Rect> = scene.children(PLANE).map(|(_, p)| p.rect).collect();
    let Some(all) = scene.extent() else {
        return Rect::new(0.0, 0.0, size.0, size.1);
    };
    let mut candidates = vec![(all.x, all.bottom() + gap), (all.right() + gap, all.y)];
    for rect in parts.iter().step_by(parts.len().div_ceil(ANCHORS_MAX).max(1)) {
        candidates.extend([
            (rect.x, rect.bottom() + gap),
            (rect.right() + gap, rect.y),
            (all.x, rect.bottom() + gap),
            (rect.right() + gap, all.y),
        ]);
    }
    let is_free = |rect: &Rect| parts.iter().all(|p| !p.is_near(rect, gap));
    let cost = |rect: &Rect| {
        let map = all.union(rect);
        let (wide, high) = (map.width / ASPECT, map.height);
        wide.max(high) + COMPACT * (wide + high)
    };
    candidates
        .into_iter()
        .map(|(x, y)| Rect::new(x, y, size.0, size.1))
        .filter(is_free)
        .min_by(|a, b| {
            cost(a)
                .total_cmp(&cost(b))
                .then(a.y.total_cmp(&b.y))
                .then(a.x.total_cmp(&b.x))
        })
        .unwrap_or(Rect::new(all.x, all.bottom() + gap, size.0, size.1))
}
