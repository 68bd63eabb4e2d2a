//! A large connected part: neighbours pull, others push, servers sink below their clients; then all are
//! snapped to a lattice.

use crate::layout::block::{Cell, Cluster, Component};
use crate::layout::geometry::Point;
use crate::layout::measures::{ASPECT, COLUMN, FORCE_MOVES, FORCE_STEPS_LEAST, FORCE_STEPS_MOST, ROW};
use crate::layout::pivots::rough;
use crate::layout::snap::{exchange, snap};

/// How far nodes push, in ideal distances.
const REACH: f32 = 2.0;
/// Nodes of one cell that push another; crowded cells are thinned, or a hub would cost the square of its size.
const PUSHERS_MAX: usize = 24;
/// Share of the lattice that is filled; the rest is room for newcomers.
const FILL: f32 = 0.85;
/// How strongly a server sinks below its client, in ideal distances a step.
const SINK: f32 = 0.08;
/// How far a node moves in the first step, at most, in ideal distances.
const HEAT: f32 = 0.7;

/// Gives every node of a large part a cell.
pub(crate) fn arrange(part: &Component) -> Vec<Cluster> {
    let n = part.nodes.len();
    let mut near: Vec<Vec<u32>> = vec![Vec::new(); n];
    for &(a, b) in &part.edges {
        near[a as usize].push(b);
        near[b as usize].push(a);
    }
    let points = relax(rough(n, &part.edges, &near), &part.edges);
    let wanted = n as f32 / FILL;
    let columns = ((wanted * ASPECT * ROW / COLUMN).sqrt().ceil() as u32).max(1);
    let rows = (wanted / columns as f32).ceil() as u32;
    let mut cells = snap(&points, columns, rows);
    exchange(&mut cells, &near, columns, rows);
    let cell = |(&node, (column, row)): (&u32, (u32, u32))| Cell {
        node,
        half: column * 2,
        row,
    };
    vec![Cluster::of(part.nodes.iter().zip(cells).map(cell).collect())]
}

/// Moves nodes at ideal distance 1 from where they begin.
fn relax(mut at: Vec<Point>, edges: &[(u32, u32)]) -> Vec<Point> {
    let n = at.len();
    let steps = (FORCE_MOVES / n.max(1)).clamp(FORCE_STEPS_LEAST, FORCE_STEPS_MOST);
    let mut force = vec![Point::default(); n];
    let mut cells = Cells::default();
    for step in 0..steps {
        let heat = (1.0 - step as f32 / steps as f32) * HEAT + 0.05;
        force.fill(Point::default());
        cells.fill(&at);
        for (i, force) in force.iter_mut().enumerate() {
            cells.push(&at, i, force);
        }
        pull(&at, edges, &mut force);
        for (p, f) in at.iter_mut().zip(&force) {
            let length = f.distance2(Point::default()).sqrt();
            if length > 1e-6 && length.is_finite() {
                let by = length.min(heat) / length;
                p.x += f.x * by;
                p.y += f.y * by;
            }
        }
    }
    at
}

/// Neighbours pull each other, and a server goes below its client.
fn pull(at: &[Point], edges: &[(u32, u32)], force: &mut [Point]) {
    for &(client, server) in edges {
        let (a, b) = (at[client as usize], at[server as usize]);
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let strength = (dx * dx + dy * dy).sqrt() * 0.25;
        let (fx, fy) = (dx * strength, dy * strength);
        let sink = if dy < 1.0 { SINK } else { 0.0 };
        let f = &mut force[client as usize];
        f.x += fx;
        f.y += fy - sink;
        let f = &mut force[server as usize];
        f.x -= fx;
        f.y -= fy - sink;
    }
}

/// Nodes by square cells as wide as they push.
#[derive(Default)]
struct Cells {
    left: f32,
    top: f32,
    columns: usize,
    rows: usize,
    start: Vec<u32>,
    members: Vec<u32>,
}

/// Cells along one side, at most.
const CELLS_MAX: f32 = 512.0;

impl Cells {
    fn fill(&mut self, at: &[Point]) {
        let fold =
            |f: fn(f32, f32) -> f32, key: fn(&Point) -> f32| at.iter().map(key).reduce(f).unwrap_or(0.0);
        self.left = fold(f32::min, |p| p.x);
        self.top = fold(f32::min, |p| p.y);
        let side = |least: f32, most: f32| ((most - least) / REACH).clamp(0.0, CELLS_MAX) as usize + 1;
        self.columns = side(self.left, fold(f32::max, |p| p.x));
        self.rows = side(self.top, fold(f32::max, |p| p.y));
        self.start.clear();
        self.start.resize(self.columns * self.rows + 1, 0);
        let cells: Vec<usize> = at.iter().map(|p| self.index(self.cell(*p))).collect();
        for &cell in &cells {
            self.start[cell + 1] += 1;
        }
        for i in 1..self.start.len() {
            self.start[i] += self.start[i - 1];
        }
        self.members.clear();
        self.members.resize(at.len(), 0);
        let mut next = self.start.clone();
        for (i, &cell) in (0u32..).zip(&cells) {
            self.members[next[cell] as usize] = i;
            next[cell] += 1;
        }
    }

    fn cell(&self, p: Point) -> (usize, usize) {
        let along = |v: f32, least: f32, count: usize| (((v - least) / REACH) as usize).min(count - 1);
        (
            along(p.x, self.left, self.columns),
            along(p.y, self.top, self.rows),
        )
    }

    fn index(&self, (column, row): (usize, usize)) -> usize {
        row * self.columns + column
    }

    /// What the nodes around push one by.
    fn push(&self, at: &[Point], node: usize, force: &mut Point) {
        let p = at[node];
        let (column, row) = self.cell(p);
        for row in row.saturating_sub(1)..=(row + 1).min(self.rows - 1) {
            for column in column.saturating_sub(1)..=(column + 1).min(self.columns - 1) {
                let cell = self.index((column, row));
                let members = &self.members[self.start[cell] as usize..self.start[cell + 1] as usize];
                let stride = members.len().div_ceil(PUSHERS_MAX).max(1);
                let weight = stride as f32;
                for &other in members.iter().skip(node % stride).step_by(stride) {
                    if other as usize == node {
                        continue;
                    }
                    let q = at[other as usize];
                    let (mut dx, mut dy) = (p.x - q.x, p.y - q.y);
                    let mut d2 = dx * dx + dy * dy;
                    if d2 > REACH * REACH {
                        continue;
                    }
                    if d2 < 1e-4 {
                        // Two at one place part in a direction of their own.
                        let angle = node as f32 * 2.4;
                        (dx, dy, d2) = (angle.cos() * 0.01, angle.sin() * 0.01, 1e-4);
                    }
                    let by = weight / d2;
                    force.x += dx * by;
                    force.y += dy * by;
                }
            }
        }
    }
}
