//! The order of boxes in their columns and of the columns: those that talk to each other side by side.

use crate::layout::geometry::{Point, Rect};
use crate::layout::measures::COLUMN;
use crate::layout::pack::{Column, Item};

/// Terms of costs computed for one container, at most: then the order is good enough.
const TERMS_MAX: usize = 1_500_000;
/// A swap must save this share to be worth leaving the order by size.
const GAIN: f32 = 0.005;

/// What pulls the children of a container.
#[derive(Debug, Default)]
pub(crate) struct Pulls {
    /// Two children and the edges between them.
    pub(crate) between: Vec<(usize, usize, f32)>,
    /// A child, a place elsewhere, and the edges that lead there.
    pub(crate) to: Vec<(usize, Point, f32)>,
    /// A child and its edges to outside nodes: those stand above.
    pub(crate) up: Vec<(usize, f32)>,
}

/// The room that columns are put into.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) rect: Rect,
    pub(crate) gap: f32,
    /// Height of a child in one of its shapes.
    pub(crate) height: &'a dyn Fn(&Item) -> f32,
}

impl Frame<'_> {
    /// Where every child goes. What is too much in width is shared by whole columns of nodes, the rest of it goes to
    /// the last; what is too much in height goes to the largest child of each column: so edges line up and newcomers
    /// find room.
    pub(crate) fn places(&self, columns: &[Column]) -> Vec<(Item, Rect)> {
        let mut places = Vec::new();
        let gaps = columns.len().saturating_sub(1) as f32 * self.gap;
        let needed = columns.iter().map(|c| c.width).sum::<f32>();
        let too_much = (self.rect.width - needed - gaps).max(0.0);
        let mut x = self.rect.x;
        for (i, column) in columns.iter().enumerate() {
            let last = i + 1 == columns.len();
            let share = (too_much * column.width / needed.max(1.0) / COLUMN).floor() * COLUMN;
            let width = if last {
                self.rect.right() - x
            } else {
                column.width + share
            };
            let spare = (self.rect.height - column.height).max(0.0);
            let heights: Vec<f32> = column.items.iter().map(self.height).collect();
            let largest =
                (0..heights.len()).max_by(|&a, &b| heights[a].total_cmp(&heights[b]).then(b.cmp(&a)));
            let mut y = self.rect.y;
            for (k, (item, height)) in column.items.iter().zip(heights).enumerate() {
                let height = height + if largest == Some(k) { spare } else { 0.0 };
                places.push((*item, Rect::new(x, y, width, height)));
                y += height + self.gap;
            }
            x += width + self.gap;
        }
        places
    }

    fn cost(&self, columns: &[Column], pulls: &Pulls, centers: &mut Vec<Point>) -> f32 {
        for (item, rect) in self.places(columns) {
            if centers.len() <= item.child {
                centers.resize(item.child + 1, Point::default());
            }
            centers[item.child] = rect.center();
        }
        let apart = |p: Point, q: Point| (p.x - q.x).abs() + (p.y - q.y).abs();
        let between = pulls
            .between
            .iter()
            .map(|(a, b, weight)| apart(centers[*a], centers[*b]) * weight);
        let to = pulls
            .to
            .iter()
            .map(|(child, place, weight)| apart(centers[*child], *place) * weight);
        let up = pulls
            .up
            .iter()
            .map(|(child, weight)| (centers[*child].y - self.rect.y) * weight);
        between.sum::<f32>() + to.sum::<f32>() + up.sum::<f32>()
    }
}

/// Swaps children in columns, and columns, as long as edges become shorter.
pub(crate) fn improve(columns: &mut [Column], frame: Frame<'_>, pulls: &Pulls) {
    let terms = pulls.between.len() + pulls.to.len() + pulls.up.len();
    if terms == 0 {
        return;
    }
    let children: usize = columns.iter().map(|c| c.items.len()).sum();
    let mut evaluations = TERMS_MAX / (terms + 4 * children);
    let mut centers = Vec::new();
    let mut cost = frame.cost(columns, pulls, &mut centers);
    let swaps = swaps(columns);
    loop {
        let before = cost;
        for swap in &swaps {
            if evaluations == 0 {
                return;
            }
            evaluations -= 1;
            swap.apply(columns);
            let tried = frame.cost(columns, pulls, &mut centers);
            if tried < cost * (1.0 - GAIN) {
                cost = tried;
            } else {
                swap.apply(columns);
            }
        }
        if cost >= before {
            return;
        }
    }
}

/// Something that is undone by doing it again.
#[derive(Debug)]
enum Swap {
    Columns(usize, usize),
    Items(usize, usize, usize),
}

impl Swap {
    fn apply(&self, columns: &mut [Column]) {
        match *self {
            Swap::Columns(a, b) => columns.swap(a, b),
            // The column that stands there may be a shorter one by then.
            Swap::Items(column, a, b) if b < columns[column].items.len() => columns[column].items.swap(a, b),
            Swap::Items(..) => {}
        }
    }
}

/// All swaps worth trying; of long columns only those of near neighbours.
fn swaps(columns: &[Column]) -> Vec<Swap> {
    const NEAR: usize = 12;
    let mut swaps = Vec::new();
    for a in 0..columns.len() {
        swaps.extend((a + 1..columns.len().min(a + NEAR)).map(|b| Swap::Columns(a, b)));
    }
    let most = columns.iter().map(|c| c.items.len()).max().unwrap_or(0);
    for (column, items) in (0..columns.len()).map(|c| (c, most)) {
        for a in 0..items {
            swaps.extend((a + 1..items.min(a + NEAR)).map(|b| Swap::Items(column, a, b)));
        }
    }
    swaps
}
