//! Points and rectangles in layout units (CSS px at 100 %), y growing downwards.

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

/// An axis-parallel rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width, not negative.
    pub width: f32,
    /// Height, not negative.
    pub height: f32,
}

impl Point {
    /// The place at these coordinates.
    pub const fn new(x: f32, y: f32) -> Self {
        Point { x, y }
    }

    /// Square of the distance to another place.
    pub(crate) fn distance2(self, other: Point) -> f32 {
        (self.x - other.x).powi(2) + (self.y - other.y).powi(2)
    }
}

impl Rect {
    /// The rectangle with this upper left corner and size.
    pub const fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Rect { x, y, width, height }
    }

    /// The rectangle between two corners.
    pub(crate) fn between(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Rect::new(left, top, (right - left).max(0.0), (bottom - top).max(0.0))
    }

    /// Right edge.
    pub fn right(&self) -> f32 {
        self.x + self.width
    }

    /// Lower edge.
    pub fn bottom(&self) -> f32 {
        self.y + self.height
    }

    /// The middle.
    pub fn center(&self) -> Point {
        Point::new(self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// True when the other rectangle lies inside or on the edges, with a hair's tolerance.
    pub fn contains(&self, other: &Rect) -> bool {
        const HAIR: f32 = 0.01;
        other.x >= self.x - HAIR
            && other.y >= self.y - HAIR
            && other.right() <= self.right() + HAIR
            && other.bottom() <= self.bottom() + HAIR
    }

    /// True when the two come closer than `gap` to each other; touching at exactly `gap` is apart.
    pub fn is_near(&self, other: &Rect, gap: f32) -> bool {
        const HAIR: f32 = 0.01;
        self.x + HAIR < other.right() + gap
            && other.x + HAIR < self.right() + gap
            && self.y + HAIR < other.bottom() + gap
            && other.y + HAIR < self.bottom() + gap
    }

    /// The smallest rectangle around both.
    pub fn union(&self, other: &Rect) -> Rect {
        Rect::between(
            self.x.min(other.x),
            self.y.min(other.y),
            self.right().max(other.right()),
            self.bottom().max(other.bottom()),
        )
    }

    /// Shrunk on every side.
    pub(crate) fn inset(&self, by: &Insets) -> Rect {
        Rect::between(
            self.x + by.left,
            self.y + by.top,
            self.right() - by.right,
            self.bottom() - by.bottom,
        )
    }

    /// Grown on every side.
    pub(crate) fn outset(&self, by: &Insets) -> Rect {
        Rect::between(
            self.x - by.left,
            self.y - by.top,
            self.right() + by.right,
            self.bottom() + by.bottom,
        )
    }
}

/// Space kept at the four sides.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Insets {
    pub(crate) left: f32,
    pub(crate) top: f32,
    pub(crate) right: f32,
    pub(crate) bottom: f32,
}

impl Insets {
    /// Width and height that the sides take together.
    pub(crate) fn size(&self) -> (f32, f32) {
        (self.left + self.right, self.top + self.bottom)
    }
}
