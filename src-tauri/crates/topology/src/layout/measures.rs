//! Distances of the map, in layout units (CSS px at 100 %), and bounds of the work.
//!
//! A region of `c` columns and `r` rows is `112 c − 8` by `108 r − 8`: with the gap of 8 between boxes, nodes
//! of neighbouring boxes stand on one lattice, so that rows and columns run through a whole host.

use crate::layout::geometry::Insets;

/// From one column of nodes to the next.
pub(crate) const COLUMN: f32 = 112.0;
/// From one row of nodes to the next: shape, two lines of label and 30 for edges.
pub(crate) const ROW: f32 = 108.0;
/// Half a column: nodes of layered parts may stand between columns.
pub(crate) const HALF: f32 = COLUMN / 2.0;

/// No two nodes are closer than this sideways while closer than [`LEAST_ROW`] in height.
pub const LEAST_COLUMN: f32 = 96.0;
/// See [`LEAST_COLUMN`].
pub const LEAST_ROW: f32 = 104.0;

/// Between boxes in a box.
pub const GAP: f32 = 8.0;
/// Between the outermost boxes.
pub const OUTER_GAP: f32 = 16.0;

/// From the edge of a region to the centres of its outermost nodes: room for shape and label.
pub(crate) const NODE_INSETS: Insets = Insets {
    left: 52.0,
    top: 46.0,
    right: 52.0,
    bottom: 54.0,
};
/// What a node and its label cover, from its centre.
pub(crate) const NODE_EXTENT: Insets = Insets {
    left: 46.0,
    top: 21.0,
    right: 46.0,
    bottom: 53.0,
};

/// From the edge of an outermost box to what is in it: the label's line above.
pub(crate) const OUTER_PADS: Insets = Insets {
    left: 12.0,
    top: 32.0,
    right: 12.0,
    bottom: 12.0,
};
/// From the edge of an outermost box to the nodes in it where no box of the map holds others.
pub(crate) const PLAIN_PADS: Insets = Insets {
    left: 4.0,
    top: 10.0,
    right: 4.0,
    bottom: 0.0,
};
/// From the edge of an inner box to boxes in it.
pub(crate) const INNER_PADS: Insets = Insets {
    left: 12.0,
    top: 28.0,
    right: 12.0,
    bottom: 12.0,
};

/// From one outside node to the next: their labels are wider.
pub const OUTSIDE_COLUMN: f32 = 160.0;
/// From the lowest row of outside nodes to what is below.
pub(crate) const OUTSIDE_DROP: f32 = 72.0;

/// Width to height that a picture should have: the canvas beside the rail, less its tools.
pub(crate) const ASPECT: f32 = 1.5;

/// How many times wider than need be a single narrow box is made to fill the window, at most: farther apart, edges
/// are harder to follow.
pub(crate) const AIR_MOST: f32 = 1.75;
/// Less than this is not worth leaving the lattice for.
pub(crate) const AIR_LEAST: f32 = 1.15;

/// Connected parts up to this many nodes are layered; larger ones are arranged by force.
pub(crate) const LAYERED_MAX_NODES: usize = 200;
/// Edges that a layered part may have; denser ones are arranged by force.
pub(crate) const LAYERED_MAX_EDGES: usize = 1_200;
/// Sweeps over the layers to reduce crossings.
pub(crate) const ORDER_SWEEPS: usize = 12;
/// Sweeps that straighten columns.
pub(crate) const COLUMN_SWEEPS: usize = 8;
/// Steps of the force arrangement, at the least.
pub(crate) const FORCE_STEPS_LEAST: usize = 40;
/// Steps of the force arrangement, at most.
pub(crate) const FORCE_STEPS_MOST: usize = 300;
/// Moves of single nodes in the force arrangement: fewer steps for more nodes.
pub(crate) const FORCE_MOVES: usize = 150_000;
/// Rounds in which nodes exchange cells after it.
pub(crate) const SWAP_ROUNDS: usize = 12;

/// From this many nodes on a region is neither a single row nor a single column.
pub(crate) const WIDE_FROM_NODES: usize = 7;
/// From this many nodes on a region keeps a share of its cells free for newcomers.
pub(crate) const SLACK_FROM_NODES: usize = 12;
/// That share.
pub(crate) const SLACK_SHARE: f32 = 0.15;

/// Shapes kept for a box while it is fitted into another.
pub(crate) const SHAPES_MAX: usize = 10;
/// Heights tried for the contents of a box.
pub(crate) const HEIGHTS_TRIED: usize = 18;

/// Nodes that left whose places are kept for their return.
pub(crate) const REMEMBERED_MAX: usize = 20_000;
