//! Places of nodes and boxes.
//!
//! The first call lays everything out: connected nodes in layers, clients above servers; the others in a
//! grid; boxes packed into a rectangle that suits the window. Later calls keep every known node exactly where
//! it is and settle newcomers beside what they talk to. Nothing moves because something left.
//!
//! Everything is a function of the calls so far: equal calls give equal places.

mod affinity;
mod block;
mod force;
mod fresh;
mod geometry;
mod grow;
mod input;
mod layered;
mod links;
mod measures;
mod order;
mod outside;
mod pack;
mod pivots;
mod refine;
mod scene;
mod settle;
mod snap;
mod straighten;
#[cfg(test)]
mod tests;
mod tree;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

pub use crate::layout::geometry::{Point, Rect};
pub use crate::layout::input::{LayoutGroup, LayoutInput, LayoutNode};
pub use crate::layout::measures::{GAP, LEAST_COLUMN, LEAST_ROW, OUTER_GAP, OUTSIDE_COLUMN};

use crate::layout::input::Graph;
use crate::layout::measures::REMEMBERED_MAX;
use crate::layout::scene::{Scene, Standing};

/// Where everything stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Positions {
    /// Parallel to the input's nodes.
    pub nodes: Vec<Spot>,
    /// Boxes, outer ones before those in them.
    pub boxes: Vec<PlacedBox>,
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spot {
    /// Centre.
    pub x: f32,
    /// Centre, growing downwards.
    pub y: f32,
    /// Innermost box, as an index into [`Positions::boxes`].
    pub in_box: Option<u32>,
}

/// Where a box, or a part of it, stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlacedBox {
    /// Index into the input's groups.
    pub group: u32,
    /// 0, or the number of a part that continues the box elsewhere for want of room.
    pub part: u32,
    /// Box around it, as an index into [`Positions::boxes`].
    pub parent: Option<u32>,
    /// Its edges.
    pub rect: Rect,
}

/// Places that last from call to call.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    scene: Scene,
    /// Nodes of the last call and those that left since, by id.
    known: FxHashMap<SmolStr, Standing>,
    /// Number of the last call.
    call: u64,
    positions: Positions,
}

impl Layout {
    /// A layout that knows no node.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all places: the next call lays everything out.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Places of these nodes and boxes; those that were there before keep theirs.
    pub fn place(&mut self, input: &LayoutInput<'_>) -> &Positions {
        self.call += 1;
        let graph = Graph::new(input);
        let mut spots = self.keep(&graph);
        let has_anchor = |(node, spot): (&LayoutNode<'_>, &Option<Standing>)| !node.outside && spot.is_some();
        if input.nodes.iter().zip(&spots).any(has_anchor) {
            settle::settle(&mut self.scene, &graph, &mut spots);
        } else {
            self.known.clear();
            let inside;
            (self.scene, inside) = fresh::lay_out(&graph);
            spots = inside;
        }
        outside::place(&graph, &mut spots, self.scene.extent());
        self.remember(input, &spots);
        self.positions = self.scene.positions(&graph, &spots);
        &self.positions
    }

    /// The places of the last call. The same input again gives the same.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Standings of the nodes that are known and still in the same box.
    fn keep(&mut self, graph: &Graph<'_>) -> Vec<Option<Standing>> {
        self.scene.keep_groups(graph);
        let last = self.call.saturating_sub(1);
        let mut spots: Vec<Option<Standing>> = vec![None; graph.nodes.len()];
        let mut returned = Vec::new();
        for (i, node) in graph.nodes.iter().enumerate() {
            let Some(standing) = self.known.get(node.id) else {
                continue;
            };
            if standing.outside != node.outside {
                continue;
            }
            if !node.outside && !self.scene.holds(standing, graph.group_of(i as u32)) {
                continue;
            }
            if standing.seen == last {
                spots[i] = Some(*standing);
            } else if !node.outside {
                returned.push((i, *standing));
            }
        }
        self.scene.give_back(&mut spots, &returned);
        spots
    }

    /// Keeps the places of all that are there, and of not too many that left.
    fn remember(&mut self, input: &LayoutInput<'_>, spots: &[Option<Standing>]) {
        for (node, spot) in input.nodes.iter().zip(spots) {
            let Some(spot) = spot else { continue };
            let standing = Standing {
                seen: self.call,
                outside: node.outside,
                ..*spot
            };
            match self.known.get_mut(node.id) {
                Some(known) => *known = standing,
                None => {
                    self.known.insert(SmolStr::new(node.id), standing);
                }
            }
        }
        if self.known.len() > input.nodes.len() + REMEMBERED_MAX {
            let call = self.call;
            self.known.retain(|_, standing| standing.seen == call);
        }
    }
}
