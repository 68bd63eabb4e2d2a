//! How long laying out takes: a whole map, and 1 % more on a map that is there.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use orrery_topology::layout::{Layout, LayoutGroup, LayoutInput, LayoutNode};

/// A graph clustered by host, three edges for two nodes, most within the host, busy nodes busier.
struct Map {
    ids: Vec<String>,
    groups: Vec<(String, Option<u32>)>,
    edges: Vec<(u32, u32)>,
}

/// Nodes on a host.
const HOST: u32 = 100;
/// Units of a host.
const UNITS: u32 = 8;

impl Map {
    fn new(nodes: u32, grouped: bool) -> Self {
        let mut seed = 1u64;
        let mut random = move |below: u32| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((seed >> 33) % u64::from(below.max(1))) as u32
        };
        let mut edges = Vec::new();
        for node in 0..nodes {
            for _ in 0..1 + node % 2 {
                let host = node / HOST * HOST;
                // Twice at random: the first of each host, and of all, are the busiest.
                let in_host = random(HOST.min(nodes - host)) + 1;
                let near = host + random(in_host);
                let anywhere = random(nodes) + 1;
                let far = random(anywhere);
                edges.push((node, if random(10) < 8 { near } else { far }));
            }
        }
        let hosts = if grouped { nodes.div_ceil(HOST) } else { 0 };
        let mut groups: Vec<_> = (0..hosts).map(|h| (format!("host={h:03}"), None)).collect();
        for host in 0..hosts {
            groups.extend((0..UNITS).map(|u| (format!("host={host:03}/unit={u}"), Some(host))));
        }
        Map {
            ids: (0..nodes)
                .map(|n| format!("host{:03};{n:05}", n / HOST))
                .collect(),
            groups,
            edges,
        }
    }

    /// The first so many nodes of the map, with every hundredth left out on request.
    fn input(&self, thinned: bool) -> LayoutInput<'_> {
        let kept = |n: u32| !thinned || n % 100 != 50;
        let mut index = vec![u32::MAX; self.ids.len()];
        let mut nodes = Vec::new();
        let hosts = self.groups.iter().filter(|g| g.1.is_none()).count() as u32;
        for (n, id) in (0u32..).zip(&self.ids).filter(|(n, _)| kept(*n)) {
            index[n as usize] = nodes.len() as u32;
            let unit = n * 7 % 13 % UNITS;
            let group = (hosts > 0).then(|| hosts + n / HOST * UNITS + unit);
            nodes.push(LayoutNode {
                id,
                label: id,
                group,
                outside: false,
            });
        }
        let edges = self.edges.iter().filter(|(a, b)| kept(*a) && kept(*b));
        LayoutInput {
            nodes,
            edges: edges
                .map(|(a, b)| (index[*a as usize], index[*b as usize]))
                .collect(),
            groups: self
                .groups
                .iter()
                .map(|(id, parent)| LayoutGroup {
                    id,
                    label: id,
                    parent: *parent,
                })
                .collect(),
        }
    }
}

fn layout(c: &mut Criterion) {
    for (name, grouped) in [("boxed", true), ("plain", false)] {
        for nodes in [1_000, 10_000] {
            let map = Map::new(nodes, grouped);
            let (all, fewer) = (map.input(false), map.input(true));
            let mut group = c.benchmark_group(format!("layout/{name}/{nodes}"));
            group.sample_size(10);
            group.bench_function("all", |b| b.iter(|| Layout::new().place(&all).nodes.len()));
            let mut there = Layout::new();
            there.place(&fewer);
            group.bench_function("one percent more", |b| {
                b.iter_batched_ref(
                    || there.clone(),
                    |l| l.place(&all).nodes.len(),
                    BatchSize::LargeInput,
                );
            });
            there.place(&all);
            group.bench_function("nothing new", |b| b.iter(|| there.place(&all).nodes.len()));
            group.finish();
        }
    }
}

criterion_group!(benches, layout);
criterion_main!(benches);
