//! What has its place: boxes, the regions in them where nodes stand, and the nodes.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::layout::geometry::{Insets, Point, Rect};
use crate::layout::input::Graph;
use crate::layout::measures::{
    GAP, INNER_PADS, LEAST_COLUMN, LEAST_ROW, NODE_EXTENT, OUTER_GAP, OUTER_PADS, PLAIN_PADS,
};
use crate::layout::{PlacedBox, Positions, Spot};

/// Number of a part; rising with age, so that what is around a part has a lower one. Never used twice.
pub(crate) type PartId = u32;

/// The part that everything else is in.
pub(crate) const PLANE: PartId = 0;

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Standing {
    pub(crate) at: Point,
    /// Region it is in; the plane for outside nodes.
    pub(crate) region: PartId,
    /// Last call that had it.
    pub(crate) seen: u64,
    pub(crate) outside: bool,
}

impl Standing {
    pub(crate) fn new(at: Point, region: PartId) -> Self {
        Standing {
            at,
            region,
            seen: 0,
            outside: region == PLANE,
        }
    }
}

/// A drawn box, or a region: the part of a box, or of the plane, where nodes stand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) kind: PartKind,
    /// Group that it is drawn for, or whose nodes stand in it; none is the plane.
    pub(crate) group: Option<Group>,
    /// Part around it.
    pub(crate) parent: PartId,
    /// Boxes around and including it.
    pub(crate) depth: u32,
    pub(crate) rect: Rect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartKind {
    Box,
    Region,
}

/// A group by its lasting id and its index in the present call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) index: u32,
}

/// All parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scene {
    parts: BTreeMap<PartId, Part>,
    last: PartId,
    /// Some box holds others: then outermost boxes that hold none still line up with those that do.
    pub(crate) nested: bool,
}

impl Scene {
    pub(crate) fn new(nested: bool) -> Self {
        Scene {
            nested,
            ..Scene::default()
        }
    }

    pub(crate) fn add(
        &mut self,
        kind: PartKind,
        group: Option<u32>,
        parent: PartId,
        rect: Rect,
        graph: &Graph<'_>,
    ) -> PartId {
        self.last += 1;
        let group = group.map(|index| Group {
            id: graph.groups[index as usize].id.to_owned(),
            index,
        });
        let depth = self.depth(parent) + u32::from(kind == PartKind::Box);
        self.parts.insert(
            self.last,
            Part {
                kind,
                group,
                parent,
                depth,
                rect,
            },
        );
        self.last
    }

    pub(crate) fn get(&self, id: PartId) -> Option<&Part> {
        self.parts.get(&id)
    }

    pub(crate) fn set_rect(&mut self, id: PartId, rect: Rect) {
        if let Some(part) = self.parts.get_mut(&id) {
            part.rect = rect;
        }
    }

    pub(crate) fn parts(&self) -> impl DoubleEndedIterator<Item = (PartId, &Part)> {
        self.parts.iter().map(|(id, part)| (*id, part))
    }

    /// Parts directly in a part, oldest first.
    pub(crate) fn children(&self, parent: PartId) -> impl Iterator<Item = (PartId, &Part)> {
        self.parts().filter(move |(_, part)| part.parent == parent)
    }

    /// How many boxes are around what is in this part.
    pub(crate) fn depth(&self, id: PartId) -> u32 {
        self.get(id).map_or(0, |p| p.depth)
    }

    /// Space between the edge of a part and what of this kind is in it; none is kept on the plane.
    pub(crate) fn pads(&self, id: PartId, kind: PartKind) -> Insets {
        pads(self.depth(id), kind, self.nested)
    }

    /// Space kept between what is directly in a part.
    pub(crate) fn gap(&self, id: PartId) -> f32 {
        if id == PLANE { OUTER_GAP } else { GAP }
    }

    /// Drops parts of groups that are gone or stand elsewhere, and notes the present indices of the others.
    pub(crate) fn keep_groups(&mut self, graph: &Graph<'_>) {
        let index: FxHashMap<&str, u32> = (0u32..).zip(graph.groups).map(|(i, g)| (g.id, i)).collect();
        let mut kept: FxHashMap<PartId, Option<u32>> = FxHashMap::default();
        kept.insert(PLANE, None);
        self.parts.retain(|id, part| {
            let Some(&around) = kept.get(&part.parent) else {
                return false;
            };
            let present = match &mut part.group {
                None => None,
                Some(group) => {
                    let Some(&now) = index.get(group.id.as_str()) else {
                        return false;
                    };
                    let expected = if part.kind == PartKind::Box {
                        graph.parent_of(now)
                    } else {
                        Some(now)
                    };
                    if expected != around {
                        return false;
                    }
                    group.index = now;
                    Some(now)
                }
            };
            kept.insert(*id, present);
            true
        });
    }

    /// Drops parts in which nothing stands.
    pub(crate) fn prune(&mut self, spots: &[Option<Standing>]) {
        let mut used: FxHashMap<PartId, ()> = FxHashMap::default();
        for spot in spots.iter().flatten() {
            used.insert(spot.region, ());
        }
        for (id, part) in self.parts.iter().rev() {
            if used.contains_key(id) {
                used.insert(part.parent, ());
            }
        }
        self.parts.retain(|id, _| used.contains_key(id));
    }

    /// True when a node of this group may stay where it stood.
    pub(crate) fn holds(&self, standing: &Standing, group: Option<u32>) -> bool {
        self.get(standing.region)
            .is_some_and(|part| part.group.as_ref().map(|g| g.index) == group)
    }

    /// Gives nodes that came back their old places where these are free and still in their region.
    pub(crate) fn give_back(&self, spots: &mut [Option<Standing>], returned: &[(usize, Standing)]) {
        if returned.is_empty() {
            return;
        }
        let mut occupied = Occupied::of(spots);
        for &(node, standing) in returned {
            let cover = cover(standing.at);
            let inside = self.get(standing.region).is_some_and(|p| p.rect.contains(&cover));
            if inside && occupied.is_free(standing.at) {
                occupied.insert(standing.at);
                spots[node] = Some(standing);
            }
        }
    }

    /// The rectangle around all that is on the plane.
    pub(crate) fn extent(&self) -> Option<Rect> {
        self.children(PLANE)
            .map(|(_, part)| part.rect)
            .reduce(|a, b| a.union(&b))
    }

    /// The places as they are told.
    pub(crate) fn positions(&self, graph: &Graph<'_>, spots: &[Option<Standing>]) -> Positions {
        let mut boxes = Vec::new();
        let mut box_of: FxHashMap<PartId, u32> = FxHashMap::default();
        let mut drawn = vec![0u32; graph.groups.len()];
        for (id, part) in self.parts() {
            let outer = box_of.get(&part.parent).copied();
            match (&part.group, part.kind) {
                (Some(group), PartKind::Box) => {
                    let number = &mut drawn[group.index as usize];
                    box_of.insert(id, boxes.len() as u32);
                    boxes.push(PlacedBox {
                        group: group.index,
                        part: *number,
                        parent: outer,
                        rect: part.rect,
                    });
                    *number += 1;
                }
                _ => {
                    if let Some(outer) = outer {
                        box_of.insert(id, outer);
                    }
                }
            }
        }
        let spot = |s: &Option<Standing>| {
            s.map_or(Spot::default(), |s| Spot {
                x: s.at.x,
                y: s.at.y,
                in_box: box_of.get(&s.region).copied(),
            })
        };
        Positions {
            nodes: spots.iter().map(spot).collect(),
            boxes,
        }
    }
}

/// Space between the edge of a part and what of this kind is in it, by how many boxes are around that.
pub(crate) fn pads(depth: u32, kind: PartKind, nested: bool) -> Insets {
    match (depth, kind) {
        (0, _) => Insets::default(),
        (1, PartKind::Region) if !nested => PLAIN_PADS,
        (1, _) => OUTER_PADS,
        (_, PartKind::Box) => INNER_PADS,
        (_, PartKind::Region) => Insets::default(),
    }
}

/// What a node at a place covers with its label.
pub(crate) fn cover(at: Point) -> Rect {
    Rect::new(at.x, at.y, 0.0, 0.0).outset(&NODE_EXTENT)
}

/// Where nodes stand, to see what is free.
#[derive(Debug, Default)]
pub(crate) struct Occupied {
    /// No cell holds two: they would be too close.
    cells: FxHashMap<(i32, i32), Point>,
}

impl Occupied {
    pub(crate) fn of(spots: &[Option<Standing>]) -> Self {
        let mut occupied = Occupied::default();
        for spot in spots.iter().flatten() {
            occupied.insert(spot.at);
        }
        occupied
    }

    pub(crate) fn insert(&mut self, at: Point) {
        self.cells.insert(cell(at), at);
    }

    /// True when a node may stand there.
    pub(crate) fn is_free(&self, at: Point) -> bool {
        const HAIR: f32 = 0.01;
        let (column, row) = cell(at);
        let near =
            |p: &Point| (p.x - at.x).abs() < LEAST_COLUMN - HAIR && (p.y - at.y).abs() < LEAST_ROW - HAIR;
        !(-1..=1)
            .flat_map(|dx| (-1..=1).map(move |dy| (column + dx, row + dy)))
            .any(|key| self.cells.get(&key).is_some_and(near))
    }
}

fn cell(at: Point) -> (i32, i32) {
    (
        (at.x / LEAST_COLUMN).floor() as i32,
        (at.y / LEAST_ROW).floor() as i32,
    )
}
