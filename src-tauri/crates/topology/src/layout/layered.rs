//! A small connected part in rows: clients above servers.

use crate::layout::block::{Cell, Cluster, Component};
use crate::layout::order::order;
use crate::layout::straighten::straighten;

/// Parts of up to this many nodes are not folded to be narrow: they would lose their layers.
const FOLDED_FROM: usize = 16;

/// Gives every node a row and a column such that edges lead downwards where they can, with few crossings; in
/// several widths.
pub(crate) fn arrange(part: &Component) -> Vec<Cluster> {
    let n = part.nodes.len();
    let edges = acyclic(n, &part.edges);
    let layers = order(n, &edges, &ranks(n, &edges));
    let arrange = |widest: usize| {
        let rows = fold(&layers, widest);
        let halves = straighten(n, &edges, &rows);
        let mut cells = Vec::with_capacity(n);
        for (row, nodes) in (0u32..).zip(&rows) {
            for &node in nodes {
                cells.push(Cell {
                    node: part.nodes[node as usize],
                    half: halves[node as usize],
                    row,
                });
            }
        }
        Cluster::of(cells)
    };
    widths(n, &layers).into_iter().map(arrange).collect()
}

/// Nodes that one row may hold, to choose from: about as many as make the part as wide as the window, less,
/// and more.
fn widths(n: usize, layers: &[Vec<u32>]) -> Vec<usize> {
    let natural = (n as f32 * 1.5).sqrt();
    let most = layers.iter().map(Vec::len).max().unwrap_or(1);
    let of = |share: f32| ((natural * share).ceil() as usize).max(3).min(most);
    let shares: &[f32] = if n > FOLDED_FROM {
        &[0.5, 0.75, 1.0, 1.4]
    } else {
        &[1.0, 1.4]
    };
    let mut widths: Vec<usize> = shares.iter().map(|share| of(*share)).collect();
    widths.dedup();
    widths
}

/// Wide layers become several rows; nodes that are near in the layer stay near.
fn fold(layers: &[Vec<u32>], widest: usize) -> Vec<Vec<u32>> {
    let mut rows = Vec::new();
    for layer in layers {
        let folds = layer.len().div_ceil(widest).max(1);
        let first = rows.len();
        rows.resize_with(first + folds, Vec::new);
        for (i, &node) in layer.iter().enumerate() {
            rows[first + i % folds].push(node);
        }
    }
    rows
}

/// The edges with those reversed that close a cycle. Of two that oppose each other one is left.
fn acyclic(n: usize, edges: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut out: Vec<Vec<u32>> = vec![Vec::new(); n];
    let mut surplus = vec![0i64; n];
    let mut has_clients = vec![false; n];
    for &(a, b) in edges {
        out[a as usize].push(b);
        surplus[a as usize] += 1;
        surplus[b as usize] -= 1;
        has_clients[b as usize] = true;
    }
    let mut starts: Vec<usize> = (0..n).collect();
    starts.sort_by_key(|&v| (has_clients[v], -surplus[v], v));

    const NEW: u8 = 0;
    const OPEN: u8 = 1;
    const DONE: u8 = 2;
    let mut state = vec![NEW; n];
    let mut kept = Vec::with_capacity(edges.len());
    for start in starts {
        if state[start] != NEW {
            continue;
        }
        state[start] = OPEN;
        let mut stack = vec![(start, 0usize)];
        while let Some((at, next)) = stack.last_mut() {
            let from = *at;
            let Some(&to) = out[from].get(*next) else {
                state[from] = DONE;
                stack.pop();
                continue;
            };
            *next += 1;
            match state[to as usize] {
                OPEN => kept.push((to, from as u32)),
                NEW => {
                    kept.push((from as u32, to));
                    state[to as usize] = OPEN;
                    stack.push((to as usize, 0));
                }
                _ => kept.push((from as u32, to)),
            }
        }
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// Layer of every node: below all its clients, and no higher above its servers than needed.
fn ranks(n: usize, edges: &[(u32, u32)]) -> Vec<u32> {
    let mut out: Vec<Vec<u32>> = vec![Vec::new(); n];
    let mut clients = vec![0usize; n];
    for &(a, b) in edges {
        out[a as usize].push(b);
        clients[b as usize] += 1;
    }
    let mut open = clients.clone();
    let mut sequence: Vec<usize> = (0..n).filter(|&v| open[v] == 0).collect();
    let mut ranks = vec![0u32; n];
    let mut next = 0;
    while let Some(&at) = sequence.get(next) {
        next += 1;
        for &to in &out[at] {
            let to = to as usize;
            ranks[to] = ranks[to].max(ranks[at] + 1);
            open[to] -= 1;
            if open[to] == 0 {
                sequence.push(to);
            }
        }
    }
    // Whoever has more servers than clients moves down to them: shorter edges.
    for &at in sequence.iter().rev() {
        if out[at].len() > clients[at]
            && let Some(lowest) = out[at].iter().map(|&to| ranks[to as usize]).min()
        {
            ranks[at] = ranks[at].max(lowest.saturating_sub(1));
        }
    }
    ranks
}
