//! The order of nodes within layers: sweeps that put each near its neighbours, then swaps of neighbours, as
//! long as fewer edges cross.

use crate::layout::measures::ORDER_SWEEPS;

/// Points that long edges may add where they pass a layer; without them beyond that.
const PASSES_MAX: usize = 4_000;
/// Rounds of swaps after a sweep.
const SWAP_ROUNDS: usize = 4;

/// Layers with their nodes in order. Every edge leads to a higher rank.
pub(crate) fn order(n: usize, edges: &[(u32, u32)], ranks: &[u32]) -> Vec<Vec<u32>> {
    let mut net = Net::new(n, edges, ranks);
    let mut best = net.layers.clone();
    let mut fewest = net.crossings();
    for sweep in 0..ORDER_SWEEPS {
        if fewest == 0 {
            break;
        }
        net.sweep(sweep % 2 == 0);
        net.swap();
        let crossings = net.crossings();
        if crossings < fewest {
            fewest = crossings;
            best.clone_from(&net.layers);
        }
    }
    for layer in &mut best {
        layer.retain(|&v| (v as usize) < n);
    }
    best.retain(|layer| !layer.is_empty());
    best
}

/// Nodes, and the points where long edges pass a layer, with links between neighbouring layers.
struct Net {
    layers: Vec<Vec<u32>>,
    above: Vec<Vec<u32>>,
    below: Vec<Vec<u32>>,
    /// Place in its layer.
    place: Vec<u32>,
}

impl Net {
    fn new(n: usize, edges: &[(u32, u32)], ranks: &[u32]) -> Self {
        let span = |&(a, b): &(u32, u32)| ranks[b as usize] - ranks[a as usize];
        let passes: usize = edges.iter().map(|e| span(e) as usize - 1).sum();
        let depth = ranks.iter().max().map_or(0, |r| *r as usize + 1);
        let mut rank_of = ranks.to_vec();
        let mut links = Vec::new();
        for edge in edges {
            if passes > PASSES_MAX {
                if span(edge) == 1 {
                    links.push(*edge);
                }
                continue;
            }
            let mut from = edge.0;
            for rank in ranks[edge.0 as usize] + 1..ranks[edge.1 as usize] {
                let point = rank_of.len() as u32;
                rank_of.push(rank);
                links.push((from, point));
                from = point;
            }
            links.push((from, edge.1));
        }
        let total = rank_of.len();
        let mut net = Net {
            layers: vec![Vec::new(); depth],
            above: vec![Vec::new(); total],
            below: vec![Vec::new(); total],
            place: vec![0; total],
        };
        for (a, b) in links {
            net.below[a as usize].push(b);
            net.above[b as usize].push(a);
        }
        net.first_order(n, &rank_of);
        net
    }

    /// Depth first from the top: children come in the order of their parents.
    fn first_order(&mut self, n: usize, rank_of: &[u32]) {
        let total = rank_of.len();
        let mut seen = vec![false; total];
        let mut starts: Vec<usize> = (0..total).collect();
        starts.sort_by_key(|&v| (v >= n, rank_of[v], v));
        for start in starts {
            let mut stack = vec![start];
            while let Some(at) = stack.pop() {
                if std::mem::replace(&mut seen[at], true) {
                    continue;
                }
                self.layers[rank_of[at] as usize].push(at as u32);
                let next = self.below[at].iter().rev().chain(self.above[at].iter().rev());
                stack.extend(next.map(|&v| v as usize).filter(|&v| !seen[v]));
            }
        }
        for layer in 0..self.layers.len() {
            self.number(layer);
        }
    }

    fn number(&mut self, layer: usize) {
        for (i, &v) in (0u32..).zip(&self.layers[layer]) {
            self.place[v as usize] = i;
        }
    }

    /// Orders each layer by the middle of its neighbours in the layer before.
    fn sweep(&mut self, down: bool) {
        let depth = self.layers.len();
        for step in 1..depth {
            let layer = if down { step } else { depth - 1 - step };
            let mut keyed: Vec<(f32, u32)> = self.layers[layer]
                .iter()
                .map(|&v| {
                    let fixed = if down {
                        &self.above[v as usize]
                    } else {
                        &self.below[v as usize]
                    };
                    (self.middle(fixed).unwrap_or(self.place[v as usize] as f32), v)
                })
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            self.layers[layer] = keyed.into_iter().map(|(_, v)| v).collect();
            self.number(layer);
        }
    }

    /// Mean of median and barycentre: the one has fewer crossings, the other fewer ties.
    fn middle(&self, neighbours: &[u32]) -> Option<f32> {
        if neighbours.is_empty() {
            return None;
        }
        let mut places: Vec<u32> = neighbours.iter().map(|&v| self.place[v as usize]).collect();
        places.sort_unstable();
        let mean = places.iter().sum::<u32>() as f32 / places.len() as f32;
        let half = places.len() / 2;
        let median = if places.len() % 2 == 1 {
            places[half] as f32
        } else {
            (places[half - 1] + places[half]) as f32 / 2.0
        };
        Some((mean + median) / 2.0)
    }

    /// Swaps neighbours in a layer as long as fewer edges cross.
    fn swap(&mut self) {
        for _ in 0..SWAP_ROUNDS {
            let mut better = false;
            for layer in 0..self.layers.len() {
                for i in 1..self.layers[layer].len() {
                    let (a, b) = (self.layers[layer][i - 1], self.layers[layer][i]);
                    let now = self.pair_crossings(a, b);
                    if now > 0 && self.pair_crossings(b, a) < now {
                        self.layers[layer].swap(i - 1, i);
                        self.place.swap(a as usize, b as usize);
                        better = true;
                    }
                }
            }
            if !better {
                break;
            }
        }
    }

    /// Crossings among the links of two nodes when `a` stands left of `b`.
    fn pair_crossings(&self, a: u32, b: u32) -> usize {
        let side = |links: &[Vec<u32>]| {
            let right = &links[b as usize];
            let lefts = links[a as usize].iter();
            let over = |v: &u32| {
                right
                    .iter()
                    .filter(|w| self.place[**w as usize] < self.place[*v as usize])
                    .count()
            };
            lefts.map(over).sum::<usize>()
        };
        side(&self.above) + side(&self.below)
    }

    fn crossings(&self) -> usize {
        self.layers
            .windows(2)
            .map(|pair| self.crossings_between(&pair[0], pair[1].len()))
            .sum()
    }

    /// Crossings between a layer and the next one: inversions of the ends, counted with a tree of sums.
    fn crossings_between(&self, upper: &[u32], width: usize) -> usize {
        let mut tree = vec![0usize; width + 1];
        let (mut count, mut seen) = (0, 0);
        for &v in upper {
            let mut ends: Vec<usize> = self.below[v as usize]
                .iter()
                .map(|&w| self.place[w as usize] as usize)
                .collect();
            ends.sort_unstable();
            for &end in &ends {
                let mut not_right = 0;
                let mut i = end + 1;
                while i > 0 {
                    not_right += tree[i];
                    i -= i & i.wrapping_neg();
                }
                count += seen - not_right;
            }
            for end in ends {
                seen += 1;
                let mut i = end + 1;
                while i <= width {
                    tree[i] += 1;
                    i += i & i.wrapping_neg();
                }
            }
        }
        count
    }
}
