//! One view over time: boxes, places and what changed, picture by picture.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::layout::{Layout, LayoutGroup, LayoutInput, LayoutNode, Positions};
use crate::picture::{Picture, PictureNode};
use crate::view::diff::diff;
use crate::view::group::{Grouper, Grouping};
use crate::view::{ViewDelta, ViewEdge, ViewFrame, ViewGroup, ViewNode};

/// What a new picture means for those who look at the one before.
#[derive(Debug, Clone, PartialEq)]
pub enum Advance {
    /// They see it already; the newest moment is in [`ViewState::frame`].
    Unchanged,
    /// What differs from the picture before.
    Delta(ViewDelta),
    /// The first picture.
    First(ViewFrame),
}

/// A view as it is shown: takes pictures, gives frames and deltas. Known nodes keep their places.
#[derive(Debug, Clone)]
pub struct ViewState {
    grouper: Grouper,
    layout: Layout,
    /// Boxes of the last layout.
    grouping: Grouping,
    frame: ViewFrame,
    /// What the frame's nodes are made of; kept for arranging them anew, and for knowing which are the same.
    pictured: Vec<Arc<PictureNode>>,
    /// Facts beside boxes' labels, by field and key.
    facts: BTreeMap<(String, String), String>,
}

impl ViewState {
    /// An empty view whose nodes are boxed by these fields, outermost first.
    pub fn new(group_fields: Vec<String>) -> Self {
        ViewState {
            grouper: Grouper::new(group_fields),
            layout: Layout::new(),
            grouping: Grouping::default(),
            frame: ViewFrame::default(),
            pictured: Vec::new(),
            facts: BTreeMap::new(),
        }
    }

    /// Shows a picture; `at_ms` is when its snapshot was published, in milliseconds since the epoch.
    pub fn advance(&mut self, mut picture: Picture, at_ms: i64) -> Advance {
        put_in_order(&mut picture);
        let nodes = self.placed_before(&picture.nodes);
        let same_shape = self.has_shape_of(&picture);
        self.pictured = picture.nodes;
        self.facts = picture.facts;
        let frame = ViewFrame {
            seq: self.frame.seq,
            at_ms,
            nodes,
            edges: picture.edges,
            groups: Vec::new(),
            stats: picture.stats,
            metrics: picture.metrics,
            truncated_nodes: picture.truncated_nodes,
        };
        self.show(frame, same_shape)
    }

    /// Whether a new picture differs from the current one in nothing that boxes and places depend on.
    fn has_shape_of(&self, picture: &Picture) -> bool {
        let same_place = |(old, new): (&Arc<PictureNode>, &Arc<PictureNode>)| {
            Arc::ptr_eq(old, new)
                || (old.node.id == new.node.id
                    && old.node.label == new.node.label
                    && old.node.pseudo == new.node.pseudo
                    && old.facets == new.facets)
        };
        let same_ends =
            |(old, new): (&ViewEdge, &ViewEdge)| old.source == new.source && old.target == new.target;
        self.frame.seq > 0
            && self.pictured.len() == picture.nodes.len()
            && self.frame.edges.len() == picture.edges.len()
            && self.pictured.iter().zip(&picture.nodes).all(same_place)
            && self.frame.edges.iter().zip(&picture.edges).all(same_ends)
    }

    /// The nodes of a new picture: with the places they have where they are the same as in the one before.
    fn placed_before(&self, nodes: &[Arc<PictureNode>]) -> Vec<Arc<ViewNode>> {
        let mut before = self.pictured.iter().zip(&self.frame.nodes).peekable();
        nodes
            .iter()
            .map(|new| {
                while before.next_if(|(old, _)| old.node.id < new.node.id).is_some() {}
                match before.peek() {
                    Some((old, placed)) if Arc::ptr_eq(old, new) => Arc::clone(placed),
                    _ => Arc::new(new.node.clone()),
                }
            })
            .collect()
    }

    /// A later moment shows the same: what [`ViewState::advance`] does with an equal picture, for less.
    pub fn stay(&mut self, at_ms: i64) {
        self.frame.at_ms = at_ms;
    }

    /// The whole current picture; sequence number 0 before the first.
    pub fn frame(&self) -> ViewFrame {
        self.frame.clone()
    }

    /// Sequence number of the current picture; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.frame.seq
    }

    /// Forgets all places and boxes left out, and lays the current picture out anew.
    pub fn rearrange(&mut self) -> Advance {
        self.grouper.reset();
        self.layout.reset();
        if self.frame.seq == 0 {
            return Advance::Unchanged;
        }
        self.show(self.frame.clone(), false)
    }

    /// Boxes and places the nodes of a frame and makes it the current one. Where nothing that this depends on
    /// is different, boxes and places are those of before.
    fn show(&mut self, mut frame: ViewFrame, same_shape: bool) -> Advance {
        let positions = if same_shape {
            self.layout.positions()
        } else {
            self.grouping = self.grouper.group(&self.pictured);
            self.layout.place(&layout_input(&frame, &self.grouping))
        };
        frame.groups = boxes(&self.grouping, positions, &self.facts);
        for (node, spot) in frame.nodes.iter_mut().zip(&positions.nodes) {
            let group = spot
                .in_box
                .and_then(|b| frame.groups.get(b as usize))
                .map(|g| &g.id);
            let stays = (node.x, node.y, node.group.as_ref()) == (spot.x, spot.y, group);
            if !stays {
                let node = Arc::make_mut(node);
                (node.x, node.y, node.group) = (spot.x, spot.y, group.cloned());
            }
        }
        if self.frame.seq == 0 {
            frame.seq = 1;
            self.frame = frame.clone();
            return Advance::First(frame);
        }
        frame.seq = self.frame.seq + 1;
        let Some(delta) = diff(&self.frame, &frame) else {
            self.frame.at_ms = frame.at_ms;
            return Advance::Unchanged;
        };
        self.frame = frame;
        Advance::Delta(delta)
    }
}

/// Sorts by id and drops what appears twice or hangs in the air: the deltas rely on it.
fn put_in_order(picture: &mut Picture) {
    if !picture.nodes.is_sorted_by(|a, b| a.node.id < b.node.id) {
        picture.nodes.sort_by(|a, b| a.node.id.cmp(&b.node.id));
        picture.nodes.dedup_by(|a, b| a.node.id == b.node.id);
    }
    if !picture.edges.is_sorted_by(|a, b| a.id < b.id) {
        picture.edges.sort_by(|a, b| a.id.cmp(&b.id));
        picture.edges.dedup_by(|a, b| a.id == b.id);
    }
}

fn layout_input<'a>(frame: &'a ViewFrame, grouping: &'a Grouping) -> LayoutInput<'a> {
    let nodes: Vec<LayoutNode<'_>> = frame
        .nodes
        .iter()
        .zip(&grouping.of_node)
        .map(|(node, group)| LayoutNode {
            id: &node.id,
            label: &node.label,
            group: *group,
            outside: is_outside(node, *group),
        })
        .collect();
    let groups = grouping.groups.iter().map(|g| LayoutGroup {
        id: &g.id,
        label: &g.label,
        parent: g.parent,
    });
    LayoutInput {
        edges: edge_indices(&frame.nodes, &frame.edges),
        groups: groups.collect(),
        nodes,
    }
}

/// What no report names stands above the map, unless it is known to be part of a box.
fn is_outside(node: &ViewNode, group: Option<u32>) -> bool {
    node.pseudo && group.is_none()
}

fn edge_indices(nodes: &[Arc<ViewNode>], edges: &[ViewEdge]) -> Vec<(u32, u32)> {
    let index: FxHashMap<&str, u32> = (0u32..).zip(nodes).map(|(i, n)| (n.id.as_str(), i)).collect();
    edges
        .iter()
        .filter_map(|e| Some((*index.get(e.source.as_str())?, *index.get(e.target.as_str())?)))
        .collect()
}

/// The boxes as clients see them. Where a box continues elsewhere, `#2` and so on follow its id.
fn boxes(
    grouping: &Grouping,
    positions: &Positions,
    facts: &BTreeMap<(String, String), String>,
) -> Vec<ViewGroup> {
    let mut out: Vec<ViewGroup> = Vec::with_capacity(positions.boxes.len());
    for placed in &positions.boxes {
        let Some(group) = grouping.groups.get(placed.group as usize) else {
            continue;
        };
        let id = match placed.part {
            0 => group.id.clone(),
            part => format!("{}#{}", group.id, part + 1),
        };
        let facts = facts.get(&(group.field.clone(), group.key.clone()));
        out.push(ViewGroup {
            id,
            parent: placed
                .parent
                .and_then(|p| out.get(p as usize))
                .map(|p: &ViewGroup| p.id.clone()),
            field: group.field.clone(),
            label: group.label.clone(),
            facts: facts.cloned().unwrap_or_default(),
            x: placed.rect.x,
            y: placed.rect.y,
            width: placed.rect.width,
            height: placed.rect.height,
            count: 0,
        });
    }
    for spot in &positions.nodes {
        let mut at = spot.in_box;
        while let Some(b) = at.filter(|b| (*b as usize) < out.len()) {
            out[b as usize].count += 1;
            at = positions.boxes[b as usize].parent;
        }
    }
    out
}
