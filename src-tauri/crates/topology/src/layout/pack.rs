//! Boxes into a box: in columns whose boxes are equally wide, trying several heights.

use crate::layout::measures::{ASPECT, HEIGHTS_TRIED, SHAPES_MAX};

/// Shapes that take this much more than the smallest are not worth keeping.
const WASTE: f32 = 1.6;

/// A size that something can have, and how it gets it.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) plan: Plan,
}

/// How the contents are arranged.
#[derive(Debug, Clone)]
pub(crate) enum Plan {
    /// Nodes on a grid of this many columns.
    Flow(u32),
    /// Boxes and regions in columns, from the left.
    Columns(Vec<Column>),
}

/// Boxes and regions below each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) items: Vec<Item>,
}

/// One of the children, in one of its shapes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    pub(crate) child: usize,
    pub(crate) shape: usize,
}

impl Shape {
    fn area(&self) -> f32 {
        self.width * self.height
    }

    /// Side of the least window that shows it: the smaller, the larger it is drawn.
    pub(crate) fn spread(&self, above: f32) -> f32 {
        (self.width / ASPECT).max(self.height + above)
    }
}

/// Keeps shapes that no other beats in both directions, narrowest first, and not too many.
pub(crate) fn prune(mut shapes: Vec<Shape>) -> Vec<Shape> {
    let least = shapes.iter().map(Shape::area).fold(f32::INFINITY, f32::min);
    shapes.retain(|s| s.area() <= least * WASTE);
    shapes.sort_by(|a, b| a.width.total_cmp(&b.width).then(a.height.total_cmp(&b.height)));
    let mut lowest = f32::INFINITY;
    shapes.retain(|s| {
        let lower = s.height < lowest - 0.5;
        if lower {
            lowest = s.height;
        }
        lower
    });
    let count = shapes.len();
    if count <= SHAPES_MAX {
        return shapes;
    }
    let kept: Vec<usize> = (0..SHAPES_MAX)
        .map(|i| i * (count - 1) / (SHAPES_MAX - 1))
        .collect();
    let mut at = 0..;
    shapes.retain(|_| at.next().is_some_and(|i| kept.binary_search(&i).is_ok()));
    shapes
}

/// Shapes that children can be packed into, each given with its shapes as [`prune`] leaves them.
pub(crate) fn pack(children: &[&[Shape]], gap: f32) -> Vec<Shape> {
    let mut order: Vec<usize> = (0..children.len()).filter(|&c| !children[c].is_empty()).collect();
    let area = |c: usize| children[c].iter().map(Shape::area).fold(f32::INFINITY, f32::min);
    order.sort_by(|&a, &b| area(b).total_cmp(&area(a)).then(a.cmp(&b)));
    let mut shapes = Vec::new();
    for height in heights(children, &order, gap) {
        for opening in [Opening::Narrowest, Opening::Smallest] {
            shapes.push(columns(children, &order, gap, height, opening));
        }
    }
    prune(shapes)
}

/// Heights worth trying.
fn heights(children: &[&[Shape]], order: &[usize], gap: f32) -> Vec<f32> {
    let lowest = |c: &usize| children[*c].last().map_or(0.0, |s| s.height);
    let highest = |c: &usize| children[*c].first().map_or(0.0, |s| s.height);
    let least = order.iter().map(lowest).fold(0.0, f32::max);
    let most = order.iter().map(|c| highest(c) + gap).sum::<f32>().max(least);
    let steps = (HEIGHTS_TRIED - 1) as f32;
    let ratio = (most / least.max(1.0)).max(1.0);
    let mut heights: Vec<f32> = (0..HEIGHTS_TRIED)
        .map(|i| least * ratio.powf(i as f32 / steps))
        .collect();
    // More around the height at which the whole would suit the window.
    let area: f32 = order
        .iter()
        .map(|&c| children[c].iter().map(Shape::area).fold(f32::INFINITY, f32::min))
        .sum();
    let ideal = (area / ASPECT).sqrt();
    heights.extend(
        (0..10)
            .map(|i| ideal * (0.8 + i as f32 * 0.08))
            .filter(|h| *h >= least),
    );
    // Those of the largest children, alone and below each other, fit without waste.
    let of_children = order.iter().take(4).flat_map(|&c| children[c]).map(|s| s.height);
    let fitting: Vec<f32> = of_children.filter(|h| *h >= least).collect();
    for (i, a) in fitting.iter().enumerate() {
        heights.push(*a);
        heights.extend(fitting[i..].iter().map(|b| a + gap + b).take(4));
    }
    heights.sort_by(f32::total_cmp);
    heights.dedup_by(|a, b| (*a - *b).abs() < 0.5);
    heights
}

/// Which of its shapes a child takes that opens a column.
#[derive(Debug, Clone, Copy)]
enum Opening {
    Narrowest,
    Smallest,
}

/// First fit: each child goes to the first column that has room for it, or opens one.
fn columns(children: &[&[Shape]], order: &[usize], gap: f32, height: f32, opening: Opening) -> Shape {
    const HAIR: f32 = 0.01;
    let mut columns: Vec<Column> = Vec::new();
    for &child in order {
        let shapes = children[child];
        let fitting = columns.iter_mut().find_map(|column| {
            let shape = shapes.iter().rposition(|s| s.width <= column.width + HAIR)?;
            let room = height - column.height - gap;
            (shapes[shape].height <= room + HAIR).then_some((column, shape))
        });
        if let Some((column, shape)) = fitting {
            column.height += gap + shapes[shape].height;
            column.items.push(Item { child, shape });
            continue;
        }
        // Heights fall along the list, so those from here on fit.
        let fits = shapes
            .iter()
            .position(|s| s.height <= height + HAIR)
            .unwrap_or(shapes.len() - 1);
        let shape = match opening {
            Opening::Narrowest => fits,
            Opening::Smallest => (fits..shapes.len())
                .min_by(|&a, &b| shapes[a].area().total_cmp(&shapes[b].area()))
                .unwrap_or(fits),
        };
        columns.push(Column {
            width: shapes[shape].width,
            height: shapes[shape].height,
            items: vec![Item { child, shape }],
        });
    }
    let gaps = columns.len().saturating_sub(1) as f32 * gap;
    Shape {
        width: columns.iter().map(|c| c.width).sum::<f32>() + gaps,
        height: columns.iter().map(|c| c.height).fold(0.0, f32::max),
        plan: Plan::Columns(columns),
    }
}
