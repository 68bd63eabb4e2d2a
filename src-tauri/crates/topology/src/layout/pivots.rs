//! A first rough map of a large part: places whose distances resemble the numbers of hops between nodes.
//!
//! Distances to a few nodes far from each other are turned into two coordinates (pivot multidimensional
//! scaling): cheap, and the unfolding that forces alone take long to find.

use std::collections::VecDeque;

use crate::layout::geometry::Point;

/// Nodes that distances are taken to.
const PIVOTS: usize = 32;
/// Steps towards each of the two main directions.
const ITERATIONS: usize = 60;
/// How far nodes of equal distances are spread, in ideal distances.
const JITTER: f32 = 0.3;

/// A place for every node, neighbours at a distance of about 1, servers rather below their clients.
pub(crate) fn rough(n: usize, edges: &[(u32, u32)], near: &[Vec<u32>]) -> Vec<Point> {
    let columns = centred(distances(near));
    let mut x = axis(&columns, None);
    let y = axis(&columns, Some(&x));
    normalise(&mut x);
    let (along_x, along_y) = (project(&columns, &x, n), project(&columns, &y, n));
    let mut at: Vec<Point> = along_x
        .into_iter()
        .zip(along_y)
        .map(|(x, y)| Point::new(x, y))
        .collect();
    scale(&mut at, edges);
    for (i, p) in (0u32..).zip(&mut at) {
        let angle = i as f32 * 2.399_963_2;
        p.x += JITTER * angle.cos();
        p.y += JITTER * angle.sin();
    }
    turn(&mut at, edges);
    at
}

/// Hops from every pivot to every node. Each pivot is the node farthest from those before.
fn distances(near: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let n = near.len();
    let mut pivot = (0..n)
        .max_by_key(|&v| (near[v].len(), std::cmp::Reverse(v)))
        .unwrap_or(0);
    let mut nearest = vec![u32::MAX; n];
    let mut columns = Vec::with_capacity(PIVOTS);
    for _ in 0..PIVOTS.min(n) {
        let hops = hops(near, pivot);
        for (least, &hop) in nearest.iter_mut().zip(&hops) {
            *least = (*least).min(hop);
        }
        columns.push(hops.into_iter().map(|h| h as f32).collect());
        pivot = (0..n)
            .max_by_key(|&v| (nearest[v], std::cmp::Reverse(v)))
            .unwrap_or(0);
    }
    columns
}

/// Hops from a node to every other; the part is connected.
fn hops(near: &[Vec<u32>], from: usize) -> Vec<u32> {
    let mut hops = vec![u32::MAX; near.len()];
    hops[from] = 0;
    let mut queue = VecDeque::from([from]);
    while let Some(at) = queue.pop_front() {
        for &next in &near[at] {
            if hops[next as usize] == u32::MAX {
                hops[next as usize] = hops[at] + 1;
                queue.push_back(next as usize);
            }
        }
    }
    hops
}

/// Squares less the means of row and column, so that only differences remain.
fn centred(mut columns: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let n = columns.first().map_or(0, Vec::len);
    let mut row_mean = vec![0.0f32; n];
    let share = 1.0 / columns.len().max(1) as f32;
    for column in &mut columns {
        let mut sum = 0.0;
        for (value, mean) in column.iter_mut().zip(&mut row_mean) {
            *value *= *value;
            *mean += *value * share;
            sum += *value;
        }
        let mean = sum / n.max(1) as f32;
        column.iter_mut().for_each(|v| *v -= mean);
    }
    let mean = row_mean.iter().sum::<f32>() / n.max(1) as f32;
    for column in &mut columns {
        for (value, row) in column.iter_mut().zip(&row_mean) {
            *value = -0.5 * (*value - row + mean);
        }
    }
    columns
}

/// The direction among the pivots in which nodes differ most, at right angles to another.
fn axis(columns: &[Vec<f32>], other: Option<&[f32]>) -> Vec<f32> {
    let k = columns.len();
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    let table: Vec<Vec<f32>> = columns
        .iter()
        .map(|a| columns.iter().map(|b| product(a, b)).collect())
        .collect();
    let mut axis: Vec<f32> = (0..k).map(|i| 1.0 + (i as f32 * 0.37).sin()).collect();
    for _ in 0..ITERATIONS {
        if let Some(other) = other {
            let along = product(&axis, other) / product(other, other).max(f32::MIN_POSITIVE);
            axis.iter_mut().zip(other).for_each(|(a, o)| *a -= along * o);
        }
        normalise(&mut axis);
        axis = table.iter().map(|row| product(row, &axis)).collect();
    }
    normalise(&mut axis);
    axis
}

fn normalise(axis: &mut [f32]) {
    let length = axis.iter().map(|v| v * v).sum::<f32>().sqrt();
    if length > 0.0 && length.is_finite() {
        axis.iter_mut().for_each(|v| *v /= length);
    }
}

fn project(columns: &[Vec<f32>], axis: &[f32], n: usize) -> Vec<f32> {
    let mut along = vec![0.0; n];
    for (column, weight) in columns.iter().zip(axis) {
        along
            .iter_mut()
            .zip(column)
            .for_each(|(sum, value)| *sum += value * weight);
    }
    along
}

/// Makes the mean edge 1 long, as far as the numbers allow.
fn scale(at: &mut [Point], edges: &[(u32, u32)]) {
    let length = |&(a, b): &(u32, u32)| at[a as usize].distance2(at[b as usize]).sqrt();
    let mean = edges.iter().map(length).sum::<f32>() / edges.len().max(1) as f32;
    let by = if mean.is_finite() && mean > 1e-6 {
        1.0 / mean
    } else {
        0.0
    };
    for p in at {
        let finite = p.x.is_finite() && p.y.is_finite();
        *p = if finite {
            Point::new(p.x * by, p.y * by)
        } else {
            Point::default()
        };
    }
}

/// Turns the map so that edges lead downwards on the whole.
fn turn(at: &mut [Point], edges: &[(u32, u32)]) {
    let (mut dx, mut dy) = (0.0f32, 0.0f32);
    for &(client, server) in edges {
        dx += at[server as usize].x - at[client as usize].x;
        dy += at[server as usize].y - at[client as usize].y;
    }
    let length = dx.hypot(dy);
    if length < 1e-3 || !length.is_finite() {
        return;
    }
    let (sin, cos) = (dx / length, dy / length);
    for p in at {
        *p = Point::new(p.x * cos - p.y * sin, p.x * sin + p.y * cos);
    }
}
