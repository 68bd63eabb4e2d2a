//! Shorter edges within what is laid out: single nodes of a region exchange their places, and clusters are
//! mirrored.

use crate::layout::geometry::Point;
use crate::layout::input::Graph;
use crate::layout::measures::{LEAST_COLUMN, LEAST_ROW, OUTSIDE_DROP};
use crate::layout::scene::Standing;

/// Rounds over all regions: the second sees where the first put the others.
const ROUNDS: usize = 3;
/// Comparisons in one region, at most; larger grids stay in the order of their labels.
const WORK_MAX: usize = 400_000;

/// What stands in a region that has just been laid out.
#[derive(Debug)]
pub(crate) struct Laid {
    pub(crate) clusters: Vec<Vec<u32>>,
    /// In the order of their cells.
    pub(crate) singles: Vec<u32>,
}

/// Brings nodes nearer to what they talk to.
pub(crate) fn refine(graph: &Graph<'_>, laid: &[Laid], spots: &mut [Option<Standing>]) {
    for _ in 0..ROUNDS {
        for region in laid {
            for cluster in &region.clusters {
                mirror(graph, region, cluster, spots);
            }
            exchange(graph, &region.singles, spots);
        }
    }
}

/// Turns a cluster left to right where that shortens its edges to other nodes and nothing is in the way.
fn mirror(graph: &Graph<'_>, region: &Laid, cluster: &[u32], spots: &mut [Option<Standing>]) {
    let at = |n: u32| spots[n as usize].map(|s| s.at).unwrap_or_default();
    let left = cluster.iter().map(|&n| at(n).x).fold(f32::INFINITY, f32::min);
    let right = cluster.iter().map(|&n| at(n).x).fold(f32::NEG_INFINITY, f32::max);
    let (mut now, mut turned) = (0.0, 0.0);
    for &node in cluster {
        let x = at(node).x;
        for other in graph.neighbours(node) {
            if let Some(far) = spots[other as usize].filter(|s| !s.outside)
                && cluster.binary_search(&other).is_err()
            {
                now += (x - far.at.x).abs();
                turned += (left + right - x - far.at.x).abs();
            }
        }
    }
    if turned >= now * 0.99 {
        return;
    }
    let others = region
        .clusters
        .iter()
        .flatten()
        .chain(&region.singles)
        .filter(|n| cluster.binary_search(n).is_err());
    let others: Vec<Point> = others.map(|&n| at(n)).collect();
    if others.len() * cluster.len() > WORK_MAX {
        return;
    }
    let in_the_way = |&node: &u32| {
        let place = Point::new(left + right - at(node).x, at(node).y);
        others
            .iter()
            .any(|o| (o.x - place.x).abs() < LEAST_COLUMN && (o.y - place.y).abs() < LEAST_ROW)
    };
    if cluster.iter().any(in_the_way) {
        return;
    }
    for &node in cluster {
        if let Some(spot) = &mut spots[node as usize] {
            spot.at.x = left + right - spot.at.x;
        }
    }
}

/// Deals the cells of single nodes anew: those with edges choose the nearest to their neighbours, the busiest
/// first; the others take what is left in order.
fn exchange(graph: &Graph<'_>, singles: &[u32], spots: &mut [Option<Standing>]) {
    let mut wishes: Vec<(u32, Point)> = singles
        .iter()
        .filter_map(|&n| Some((n, wish(graph, n, spots)?)))
        .collect();
    if wishes.is_empty() || wishes.len() * singles.len() > WORK_MAX {
        return;
    }
    let mut cells: Vec<Standing> = singles.iter().filter_map(|&n| spots[n as usize]).collect();
    cells.sort_by(|a, b| a.at.y.total_cmp(&b.at.y).then(a.at.x.total_cmp(&b.at.x)));
    let mut taken = vec![false; cells.len()];
    wishes.sort_by_key(|(n, _)| std::cmp::Reverse(graph.degree(*n)));
    for &(node, wish) in &wishes {
        let free = (0..cells.len()).filter(|&c| !taken[c]);
        let nearest = free.min_by(|&a, &b| apart(cells[a].at, wish).total_cmp(&apart(cells[b].at, wish)));
        if let Some(cell) = nearest {
            taken[cell] = true;
            spots[node as usize] = Some(cells[cell]);
        }
    }
    let mut left = cells
        .into_iter()
        .zip(taken)
        .filter(|(_, taken)| !taken)
        .map(|(cell, _)| cell);
    wishes.sort_unstable_by_key(|(n, _)| *n);
    for &node in singles {
        if wishes.binary_search_by_key(&node, |(n, _)| *n).is_err()
            && let Some(cell) = left.next()
        {
            spots[node as usize] = Some(cell);
        }
    }
}

fn apart(a: Point, b: Point) -> f32 {
    (a.x - b.x).abs() + (a.y - b.y).abs()
}

/// Amid the neighbours; outside nodes, which have no place yet, pull upwards.
fn wish(graph: &Graph<'_>, node: u32, spots: &[Option<Standing>]) -> Option<Point> {
    let own = spots[node as usize]?.at;
    let (mut sum, mut count) = (Point::default(), 0.0);
    for other in graph.neighbours(node) {
        let place = match spots[other as usize] {
            Some(standing) if !standing.outside => standing.at,
            _ => Point::new(own.x, -OUTSIDE_DROP),
        };
        sum.x += place.x;
        sum.y += place.y;
        count += 1.0;
    }
    (count > 0.0).then(|| Point::new(sum.x / count, sum.y / count))
}
