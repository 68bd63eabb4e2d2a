//! From free places to a lattice: every node gets a cell of its own, and neighbours stay neighbours.

use crate::layout::geometry::Point;

/// A rectangle of lattice cells.
#[derive(Debug, Clone, Copy)]
struct Field {
    column: u32,
    row: u32,
    columns: u32,
    rows: u32,
}

/// Column and row of every point on a lattice that has room for all. What stays free is spread evenly.
///
/// Halves the lattice and the points along the longer side again and again.
pub(crate) fn snap(points: &[Point], columns: u32, rows: u32) -> Vec<(u32, u32)> {
    debug_assert!((columns * rows) as usize >= points.len(), "the lattice has room");
    let mut cells = vec![(0, 0); points.len()];
    let mut members: Vec<u32> = (0..points.len() as u32).collect();
    let field = Field {
        column: 0,
        row: 0,
        columns,
        rows,
    };
    halve(points, &mut members, field, &mut cells);
    cells
}

fn halve(points: &[Point], members: &mut [u32], field: Field, cells: &mut [(u32, u32)]) {
    match members {
        [] => return,
        [only] => {
            cells[*only as usize] = (
                field.column + (field.columns - 1) / 2,
                field.row + (field.rows - 1) / 2,
            );
            return;
        }
        _ => {}
    }
    let wide = field.columns >= field.rows;
    let key = |i: &u32| {
        let p = points[*i as usize];
        if wide { (p.x, p.y) } else { (p.y, p.x) }
    };
    members.sort_unstable_by(|a, b| {
        let (ka, kb) = (key(a), key(b));
        ka.0.total_cmp(&kb.0).then(ka.1.total_cmp(&kb.1)).then(a.cmp(b))
    });
    let (first, second) = if wide {
        let left = field.columns / 2;
        let second = Field {
            column: field.column + left,
            columns: field.columns - left,
            ..field
        };
        (
            Field {
                columns: left,
                ..field
            },
            second,
        )
    } else {
        let upper = field.rows / 2;
        let second = Field {
            row: field.row + upper,
            rows: field.rows - upper,
            ..field
        };
        (Field { rows: upper, ..field }, second)
    };
    let room = |f: Field| (f.columns * f.rows) as usize;
    let share = members.len() as f64 * room(first) as f64 / room(field) as f64;
    let least = members.len().saturating_sub(room(second));
    let most = room(first).min(members.len());
    let (low, high) = members.split_at_mut((share.round() as usize).clamp(least, most));
    halve(points, low, first, cells);
    halve(points, high, second, cells);
}
