//! Columns of nodes whose order in rows is fixed: each as near to its neighbours as the others in its row
//! allow.

use crate::layout::measures::COLUMN_SWEEPS;

/// Half columns that a node takes.
const WIDTH: f32 = 2.0;

/// Left half column of every node.
pub(crate) fn straighten(n: usize, edges: &[(u32, u32)], rows: &[Vec<u32>]) -> Vec<u32> {
    let mut row_of = vec![0usize; n];
    for (row, nodes) in rows.iter().enumerate() {
        for &node in nodes {
            row_of[node as usize] = row;
        }
    }
    let mut near: Vec<Vec<u32>> = vec![Vec::new(); n];
    for &(a, b) in edges {
        near[a as usize].push(b);
        near[b as usize].push(a);
    }
    let widest = rows.iter().map(Vec::len).max().unwrap_or(0) as f32;
    let mut x = vec![0f32; n];
    for nodes in rows {
        let left = (widest - nodes.len() as f32) * WIDTH / 2.0;
        for (i, &node) in nodes.iter().enumerate() {
            x[node as usize] = left + i as f32 * WIDTH;
        }
    }
    for sweep in 0..COLUMN_SWEEPS {
        let down = sweep % 2 == 0;
        for step in 0..rows.len() {
            let row = if down { step } else { rows.len() - 1 - step };
            let wished: Vec<f32> = rows[row]
                .iter()
                .map(|&node| wish(node, &near, &row_of, &x))
                .collect();
            let places = spread(&wished, WIDTH);
            let count = places.len();
            for (i, (&node, at)) in rows[row].iter().zip(places).enumerate() {
                // No row stands out over the widest one: parts stay compact.
                let most = (widest - (count - i) as f32) * WIDTH;
                x[node as usize] = at.clamp(i as f32 * WIDTH, most);
            }
        }
    }
    round(n, rows, &x)
}

/// Where a node would like to be: amid its neighbours, the nearer rows counting more.
fn wish(node: u32, near: &[Vec<u32>], row_of: &[usize], x: &[f32]) -> f32 {
    let (mut sum, mut weight) = (0.0, 0.0);
    for &other in &near[node as usize] {
        let distance = row_of[node as usize].abs_diff(row_of[other as usize]).max(1);
        let w = 1.0 / distance as f32;
        sum += w * x[other as usize];
        weight += w;
    }
    if weight > 0.0 {
        sum / weight
    } else {
        x[node as usize]
    }
}

/// The places nearest to the wished ones (least squares) that keep order and this distance.
pub(crate) fn spread(wished: &[f32], distance: f32) -> Vec<f32> {
    // Pools of neighbours that touch: sum of their wishes as seen from the first, and how many they are.
    let mut pools: Vec<(f32, usize)> = Vec::with_capacity(wished.len());
    for (i, &wish) in wished.iter().enumerate() {
        let mut pool = (wish - i as f32 * distance, 1usize);
        while let Some(&(sum, count)) = pools.last() {
            if sum / count as f32 <= pool.0 / pool.1 as f32 {
                break;
            }
            pools.pop();
            pool = (sum + pool.0, count + pool.1);
        }
        pools.push(pool);
    }
    let mut out = Vec::with_capacity(wished.len());
    for (sum, count) in pools {
        for _ in 0..count {
            out.push(sum / count as f32 + out.len() as f32 * distance);
        }
    }
    out
}

/// Whole half columns, at the least 0.
fn round(n: usize, rows: &[Vec<u32>], x: &[f32]) -> Vec<u32> {
    let left = x.iter().copied().fold(f32::INFINITY, f32::min);
    let left = if left.is_finite() { left } else { 0.0 };
    let mut out = vec![0u32; n];
    for nodes in rows {
        let mut least = 0u32;
        for &node in nodes {
            let at = ((x[node as usize] - left).round() as u32).max(least);
            out[node as usize] = at;
            least = at + WIDTH as u32;
        }
    }
    out
}
