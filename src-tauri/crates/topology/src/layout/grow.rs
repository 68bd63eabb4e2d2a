//! Room for newcomers: boxes grow into free space, or continue elsewhere.

use rustc_hash::FxHashMap;

use crate::layout::geometry::{Insets, Point, Rect};
use crate::layout::input::Graph;
use crate::layout::measures::{ASPECT, NODE_INSETS};
use crate::layout::scene::{PLANE, PartId, PartKind, Scene, Standing};

/// Parts beside which a free place is looked for; among more, these are picked evenly.
const ANCHORS_MAX: usize = 96;

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

/// Gives a part a larger rectangle, and whatever is around it as far as needed. Neighbours give up what they
/// do not use; nothing is done where that is not enough.
pub(crate) fn extend(scene: &mut Scene, room: &Room, id: PartId, to: Rect) -> bool {
    let mut changes = Vec::new();
    if !plan(scene, room, id, to, &mut changes) {
        return false;
    }
    for (part, rect) in changes {
        resize(scene, part, rect);
    }
    true
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

/// Makes room for a part of this size in a group's box, or on the plane, and says in which part and where.
///
/// In free space of the box; else the box grows; else a part of the box begins elsewhere.
pub(crate) fn find(
    scene: &mut Scene,
    graph: &Graph<'_>,
    room: &mut Room,
    group: Option<u32>,
    kind: PartKind,
    size: (f32, f32),
) -> (PartId, Rect) {
    let Some(group) = group else {
        return (PLANE, on_plane(scene, size));
    };
    let parts: Vec<PartId> = scene
        .parts()
        .filter(|(_, p)| p.kind == PartKind::Box && p.group.as_ref().is_some_and(|g| g.index == group))
        .map(|(id, _)| id)
        .collect();
    for &part in &parts {
        if let Some(rect) = within(scene, room, part, kind, size) {
            return (part, rect);
        }
    }
    for &part in &parts {
        if let Some(rect) = by_growth(scene, room, part, kind, size) {
            return (part, rect);
        }
    }
    let depth = std::iter::successors(Some(group), |&g| graph.parent_of(g)).count() as u32;
    let pads = crate::layout::scene::pads(depth, kind, scene.nested);
    let (width, height) = pads.size();
    let outer = (size.0 + width, size.1 + height);
    let (parent, rect) = find(scene, graph, room, graph.parent_of(group), PartKind::Box, outer);
    let part = scene.add(PartKind::Box, Some(group), parent, rect, graph);
    (part, rect.inset(&pads))
}

/// A free place inside a box as it is; neighbours give up what they do not use.
fn within(scene: &mut Scene, room: &Room, part: PartId, kind: PartKind, size: (f32, f32)) -> Option<Rect> {
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
    for rect in candidates.filter(|r| inside.contains(r)) {
        let kept = children
            .iter()
            .map(|(id, r)| yielded(scene, room, *id, *r, &rect, gap).map(|kept| (*id, kept)));
        if let Some(kept) = kept.collect::<Option<Vec<_>>>() {
            for (id, to) in kept {
                resize(scene, id, to);
            }
            return Some(rect);
        }
    }
    None
}

/// A place below or beside what is in a box, which grows.
fn by_growth(scene: &mut Scene, room: &Room, part: PartId, kind: PartKind, size: (f32, f32)) -> Option<Rect> {
    let around = scene.get(part)?.rect;
    let pads = scene.pads(part, kind);
    let inside = around.inset(&pads);
    let gap = scene.gap(part);
    let used = scene
        .children(part)
        .map(|(_, p)| p.rect)
        .reduce(|a, b| a.union(&b))?;
    let below = Rect::new(inside.x, used.bottom() + gap, size.0, size.1);
    let beside = Rect::new(used.right() + gap, inside.y, size.0, size.1);
    [below, beside]
        .into_iter()
        .find(|rect| extend(scene, room, part, around.union(&rect.outset(&pads))))
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
        (map.width / ASPECT).max(map.height)
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
