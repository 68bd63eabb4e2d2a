//! The rows above all boxes: The Internet and other outside nodes, each above what it talks to.

use rustc_hash::FxHashSet;

use crate::layout::geometry::{Point, Rect};
use crate::layout::input::Graph;
use crate::layout::measures::{OUTSIDE_COLUMN, OUTSIDE_DROP, ROW};
use crate::layout::scene::{PLANE, Standing};
use crate::layout::straighten::spread;

/// Outside nodes in a row, at the least, before another row is begun.
const ROW_LEAST: usize = 5;
/// Steps in which a free place is looked for.
const STEP: f32 = OUTSIDE_COLUMN / 4.0;

/// Places the outside nodes that have no place.
pub(crate) fn place(graph: &Graph<'_>, spots: &mut [Option<Standing>], extent: Option<Rect>) {
    let extent = extent.unwrap_or_default();
    let outside = |n: &u32| graph.nodes[*n as usize].outside;
    let all = || (0..graph.nodes.len() as u32).filter(outside);
    let mut new: Vec<(f32, u32)> = all()
        .filter(|&n| spots[n as usize].is_none())
        .map(|n| (wish(graph, spots, n, &extent), n))
        .collect();
    if new.is_empty() {
        return;
    }
    let label = |n: u32| (graph.nodes[n as usize].label, graph.nodes[n as usize].id);
    new.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| label(a.1).cmp(&label(b.1))));
    let per_row = ((extent.width / OUTSIDE_COLUMN) as usize).max(ROW_LEAST);
    if all().all(|n| spots[n as usize].is_none()) {
        first(&new, per_row, spots, &extent);
    } else {
        beside(&new, per_row, spots, &all().collect::<Vec<_>>(), &extent);
    }
}

/// Amid what it talks to.
fn wish(graph: &Graph<'_>, spots: &[Option<Standing>], node: u32, extent: &Rect) -> f32 {
    let near = graph
        .neighbours(node)
        .filter_map(|n| spots[n as usize].filter(|s| !s.outside));
    let (sum, count) = near.fold((0.0, 0.0), |(sum, count), s| (sum + s.at.x, count + 1.0));
    if count > 0.0 {
        sum / count
    } else {
        extent.center().x
    }
}

fn height(row: usize) -> f32 {
    -OUTSIDE_DROP - row as f32 * ROW
}

/// All of them: in as few rows as the width of the map allows.
fn first(new: &[(f32, u32)], per_row: usize, spots: &mut [Option<Standing>], extent: &Rect) {
    let rows = new.len().div_ceil(per_row);
    for row in 0..rows {
        let members: Vec<(f32, u32)> = new.iter().copied().skip(row).step_by(rows).collect();
        let wished: Vec<f32> = members.iter().map(|m| m.0).collect();
        let mut places = spread(&wished, OUTSIDE_COLUMN);
        into(&mut places, extent);
        for ((_, node), x) in members.into_iter().zip(places) {
            let at = Point::new(x.round(), height(row));
            spots[node as usize] = Some(Standing {
                outside: true,
                ..Standing::new(at, PLANE)
            });
        }
    }
}

/// Moves a row sideways where it stands out over the map, keeping all distances that must be kept.
fn into(places: &mut [f32], extent: &Rect) {
    let margin = OUTSIDE_COLUMN / 2.0;
    let count = places.len();
    let right = extent.right() - margin;
    for (i, x) in places.iter_mut().enumerate() {
        *x = x.min(right - (count - 1 - i) as f32 * OUTSIDE_COLUMN);
    }
    for (i, x) in places.iter_mut().enumerate() {
        *x = x.max(extent.x + margin + i as f32 * OUTSIDE_COLUMN);
    }
}

/// Newcomers: the nearest free place, in the lowest row that is not yet full.
fn beside(new: &[(f32, u32)], per_row: usize, spots: &mut [Option<Standing>], all: &[u32], extent: &Rect) {
    let mut rows: Vec<Vec<f32>> = Vec::new();
    for at in all.iter().filter_map(|&n| spots[n as usize]).map(|s| s.at) {
        let row = ((-OUTSIDE_DROP - at.y) / ROW).round().max(0.0) as usize;
        rows.resize_with(rows.len().max(row + 1), Vec::new);
        rows[row].push(at.x);
    }
    let mut full: FxHashSet<usize> = FxHashSet::default();
    for &(wish, node) in new {
        let mut row = 0;
        let x = loop {
            if rows.len() <= row {
                rows.push(Vec::new());
            }
            if !full.contains(&row) {
                if let Some(x) = free(&rows[row], wish, extent) {
                    break x;
                }
                // A row may stand out over a map that is narrower than its outside nodes need.
                if rows[row].len() < per_row {
                    let last = rows[row].iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    break last + OUTSIDE_COLUMN;
                }
                full.insert(row);
            }
            row += 1;
        };
        rows[row].push(x);
        let at = Point::new(x, height(row));
        spots[node as usize] = Some(Standing {
            outside: true,
            ..Standing::new(at, PLANE)
        });
    }
}

/// The free place of a row that is nearest to the wished one, above the map.
fn free(taken: &[f32], wish: f32, extent: &Rect) -> Option<f32> {
    let margin = OUTSIDE_COLUMN / 2.0;
    let (least, most) = (
        extent.x + margin,
        (extent.right() - margin).max(extent.x + margin),
    );
    let start = wish.clamp(least, most).round();
    let steps = ((most - least) / STEP) as i32 + 1;
    let offsets = (0..=steps).flat_map(|i| [i as f32 * STEP, -(i as f32) * STEP]);
    offsets
        .map(|offset| start + offset)
        .find(|x| (least..=most).contains(x) && taken.iter().all(|t| (t - x).abs() >= OUTSIDE_COLUMN))
}
