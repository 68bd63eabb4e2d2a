//! From free places to a lattice: every node gets a cell of its own, and neighbours stay neighbours.

use crate::layout::geometry::Point;
use crate::layout::measures::SWAP_ROUNDS;

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

/// Nodes with more neighbours keep their cells: each move would cost too much to judge.
const HUB: usize = 48;

/// Lets nodes exchange cells, or move to free ones, as long as edges become shorter. `near` are the neighbours
/// of each node.
pub(crate) fn exchange(cells: &mut [(u32, u32)], near: &[Vec<u32>], columns: u32, rows: u32) {
    const FREE: u32 = u32::MAX;
    let index = |(column, row): (u32, u32)| (row * columns + column) as usize;
    let mut owner = vec![FREE; (columns * rows) as usize];
    for (node, cell) in (0u32..).zip(cells.iter()) {
        owner[index(*cell)] = node;
    }
    for _ in 0..SWAP_ROUNDS {
        let mut better = false;
        for node in 0..cells.len() as u32 {
            if near[node as usize].len() > HUB {
                continue;
            }
            let from = cells[node as usize];
            for to in targets(node, cells, near, columns, rows) {
                let other = owner[index(to)];
                if other != FREE && near[other as usize].len() > HUB {
                    continue;
                }
                let before = length(node, cells, near)
                    + if other == FREE {
                        0
                    } else {
                        length(other, cells, near)
                    };
                cells[node as usize] = to;
                if other != FREE {
                    cells[other as usize] = from;
                }
                let after = length(node, cells, near)
                    + if other == FREE {
                        0
                    } else {
                        length(other, cells, near)
                    };
                if after < before {
                    owner[index(to)] = node;
                    owner[index(from)] = other;
                    better = true;
                    break;
                }
                cells[node as usize] = from;
                if other != FREE {
                    cells[other as usize] = to;
                }
            }
        }
        if !better {
            return;
        }
    }
}

/// Cells worth trying: amid the neighbours and around there, and the ones beside the present.
fn targets(node: u32, cells: &[(u32, u32)], near: &[Vec<u32>], columns: u32, rows: u32) -> Vec<(u32, u32)> {
    let own = cells[node as usize];
    let mut column: Vec<u32> = near[node as usize].iter().map(|&n| cells[n as usize].0).collect();
    let mut row: Vec<u32> = near[node as usize].iter().map(|&n| cells[n as usize].1).collect();
    column.sort_unstable();
    row.sort_unstable();
    let amid = if column.is_empty() {
        own
    } else {
        (column[column.len() / 2], row[row.len() / 2])
    };
    let around = move |(column, row): (u32, u32)| {
        let beside = (-1i64..=1).flat_map(|dy| (-1i64..=1).map(move |dx| (dx, dy)));
        beside.map(move |(dx, dy)| (i64::from(column) + dx, i64::from(row) + dy))
    };
    let inside = move |&(column, row): &(i64, i64)| {
        (0..i64::from(columns)).contains(&column) && (0..i64::from(rows)).contains(&row)
    };
    let targets = around(amid)
        .chain(around(own))
        .filter(inside)
        .map(|(column, row)| (column as u32, row as u32));
    targets.filter(|cell| *cell != own).collect()
}

/// Length of a node's edges, in cells; squared, so that one long edge is worse than two short ones.
fn length(node: u32, cells: &[(u32, u32)], near: &[Vec<u32>]) -> u64 {
    let own = cells[node as usize];
    let square = |n: &u32| {
        let cell = cells[*n as usize];
        let (dx, dy) = (
            u64::from(own.0.abs_diff(cell.0)),
            u64::from(own.1.abs_diff(cell.1)),
        );
        dx * dx + dy * dy
    };
    near[node as usize].iter().map(square).sum()
}
