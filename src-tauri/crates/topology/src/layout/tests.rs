//! What holds for every map: nothing overlaps, boxes hold what is theirs, known nodes stay, equal calls give
//! equal places.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::layout::{
    GAP, LEAST_COLUMN, LEAST_ROW, Layout, LayoutGroup, LayoutInput, LayoutNode, OUTER_GAP, OUTSIDE_COLUMN,
    Point, Positions, Rect,
};

/// A graph that owns its ids.
#[derive(Debug, Clone, Default)]
struct Graph {
    /// Node → group path, outermost first; outside nodes have none.
    nodes: BTreeMap<u32, Node>,
    edges: Vec<(u32, u32)>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    path: Vec<u32>,
    outside: bool,
}

/// The same with indices, as the layout wants it.
struct Prepared {
    ids: Vec<String>,
    groups: Vec<(String, Option<u32>)>,
    of_node: Vec<Option<u32>>,
    outside: Vec<bool>,
    edges: Vec<(u32, u32)>,
}

impl Graph {
    fn prepare(&self) -> Prepared {
        let mut paths: Vec<&[u32]> = self
            .nodes
            .values()
            .flat_map(|n| (1..=n.path.len()).map(|l| &n.path[..l]))
            .collect();
        paths.sort_by_key(|p| (p.len(), *p));
        paths.dedup();
        let index = |path: &[u32]| paths.iter().position(|p| *p == path).map(|i| i as u32);
        let name = |path: &&[u32]| path.iter().map(|n| format!("/{n}")).collect::<String>();
        let place: BTreeMap<u32, u32> = self.nodes.keys().zip(0..).map(|(n, i)| (*n, i)).collect();
        Prepared {
            ids: self.nodes.keys().map(|n| format!("n{n}")).collect(),
            groups: paths
                .iter()
                .map(|p| (name(p), index(&p[..p.len() - 1])))
                .collect(),
            of_node: self.nodes.values().map(|n| index(&n.path)).collect(),
            outside: self.nodes.values().map(|n| n.outside).collect(),
            edges: self
                .edges
                .iter()
                .filter_map(|(a, b)| Some((*place.get(a)?, *place.get(b)?)))
                .collect(),
        }
    }
}

impl Prepared {
    fn input(&self) -> LayoutInput<'_> {
        let node = |i: usize| LayoutNode {
            id: &self.ids[i],
            label: &self.ids[i],
            group: self.of_node[i],
            outside: self.outside[i],
        };
        LayoutInput {
            nodes: (0..self.ids.len()).map(node).collect(),
            edges: self.edges.clone(),
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

/// Everything that must hold for a picture by itself.
fn check(graph: &Prepared, at: &Positions) {
    assert_eq!(at.nodes.len(), graph.ids.len());
    no_two_nodes_touch(graph, at);
    for (i, node) in at.nodes.iter().enumerate() {
        assert!(
            node.x.is_finite() && node.y.is_finite(),
            "{} is somewhere",
            graph.ids[i]
        );
        let group = node.in_box.map(|b| at.boxes[b as usize].group);
        assert_eq!(group, graph.of_node[i], "{} stands in its own box", graph.ids[i]);
        let body = Rect::new(node.x - 40.0, node.y - 21.0, 80.0, 74.0);
        if let Some(b) = node.in_box {
            assert!(
                at.boxes[b as usize].rect.contains(&body),
                "{} stands inside its box",
                graph.ids[i]
            );
        }
        for (b, outer) in at.boxes.iter().enumerate() {
            let around = std::iter::successors(node.in_box, |b| at.boxes[*b as usize].parent);
            if !around.into_iter().any(|a| a as usize == b) {
                assert!(
                    !outer.rect.is_near(&body, 0.0),
                    "{} stands in no other box",
                    graph.ids[i]
                );
            }
        }
    }
    for (b, one) in at.boxes.iter().enumerate() {
        let outer = one.parent.map(|p| &at.boxes[p as usize]);
        assert_eq!(
            outer.map(|o| o.group),
            graph.groups[one.group as usize].1,
            "boxes nest as their groups do"
        );
        if let Some(outer) = outer {
            assert!(
                one.parent.is_some_and(|p| (p as usize) < b),
                "outer boxes come first"
            );
            assert!(outer.rect.contains(&one.rect), "{one:?} lies inside {outer:?}");
        }
        for other in &at.boxes[..b] {
            if other.parent == one.parent {
                let gap = if one.parent.is_none() { OUTER_GAP } else { GAP };
                assert!(
                    !one.rect.is_near(&other.rect, gap),
                    "{one:?} and {other:?} are apart"
                );
            }
        }
    }
}

fn no_two_nodes_touch(graph: &Prepared, at: &Positions) {
    let mut order: Vec<usize> = (0..at.nodes.len()).collect();
    order.sort_by(|&a, &b| at.nodes[a].y.total_cmp(&at.nodes[b].y));
    for (k, &a) in order.iter().enumerate() {
        for &b in &order[k + 1..] {
            let (p, q) = (&at.nodes[a], &at.nodes[b]);
            if q.y - p.y >= LEAST_ROW - 0.01 {
                break;
            }
            let both_outside = graph.outside[a] && graph.outside[b];
            let least = if both_outside {
                OUTSIDE_COLUMN
            } else {
                LEAST_COLUMN
            };
            assert!(
                (p.x - q.x).abs() >= least - 0.01,
                "{} at {p:?} and {} at {q:?} overlap",
                graph.ids[a],
                graph.ids[b]
            );
        }
    }
}

/// Lays out one graph after another, checking each and that what stays does not move.
fn run(graphs: &[Graph]) -> Positions {
    let mut layout = Layout::new();
    let mut before: BTreeMap<String, (Option<String>, Point)> = BTreeMap::new();
    for graph in graphs {
        let prepared = graph.prepare();
        let at = layout.place(&prepared.input());
        check(&prepared, at);
        let box_name = |i: usize| prepared.of_node[i].map(|g| prepared.groups[g as usize].0.clone());
        let now: BTreeMap<_, _> = (0..prepared.ids.len())
            .map(|i| {
                (
                    prepared.ids[i].clone(),
                    (box_name(i), Point::new(at.nodes[i].x, at.nodes[i].y)),
                )
            })
            .collect();
        let stays = |(id, _): &(&String, &(Option<String>, Point))| {
            let i = prepared.ids.iter().position(|n| n == *id).expect("a node");
            !prepared.outside[i] && before.get(*id).is_some_and(|b| b.0 == now[*id].0)
        };
        // A picture that shares no node with the one before is laid out by itself.
        if now.iter().any(|n| stays(&n)) {
            for (id, (group, place)) in &now {
                if let Some((group_before, place_before)) = before.get(id)
                    && group_before == group
                {
                    assert_eq!(place, place_before, "{id} stays");
                }
            }
        }
        before = now;
    }
    layout.positions
}

/// Nodes in boxes by remainder: `hosts` hosts with `units` units each, some nodes loose, some outside.
fn boxed(numbers: impl IntoIterator<Item = u32>, hosts: u32, units: u32) -> BTreeMap<u32, Node> {
    let node = |n: u32| {
        let path = match n % 11 {
            _ if hosts == 0 => vec![],
            0 => vec![],
            1 | 2 => vec![n % hosts],
            _ if units == 0 => vec![n % hosts],
            _ => vec![n % hosts, n / 3 % units],
        };
        (
            n,
            Node {
                outside: path.is_empty() && n.is_multiple_of(4),
                path,
            },
        )
    };
    numbers.into_iter().map(node).collect()
}

#[test]
fn nothing_and_next_to_nothing() {
    run(&[Graph::default()]);
    run(&[Graph {
        nodes: boxed(0..1, 0, 0),
        edges: vec![(0, 0)],
    }]);
    run(&[
        Graph {
            nodes: boxed([0, 4, 8], 0, 0),
            edges: vec![],
        },
        Graph::default(),
    ]);
    run(&[Graph {
        nodes: boxed([1, 2], 0, 0),
        edges: vec![(1, 2), (2, 1), (1, 1), (1, 9)],
    }]);
}

#[test]
fn five_thousand_in_one_box() {
    let edges = (0..5_000u32).map(|n| (n, n * 7 % 4_999)).collect();
    let nodes = (0..5_000)
        .map(|n| {
            (
                n,
                Node {
                    path: vec![0],
                    outside: false,
                },
            )
        })
        .collect();
    run(&[Graph { nodes, edges }]);
    let nodes = (0..5_000)
        .map(|n| {
            (
                n,
                Node {
                    path: vec![0],
                    outside: false,
                },
            )
        })
        .collect();
    run(&[Graph { nodes, edges: vec![] }]);
}

#[test]
fn a_thousand_on_ten_hosts() {
    let path = |n: u32| vec![n % 10, n / 10 % 8];
    let mut edges = Vec::new();
    for n in 0..1_000u32 {
        // Mostly within the unit, which is every eightieth.
        let by = n.wrapping_mul(2_654_435_761) >> 20;
        edges.push((n, (n + by % 12 * 80) % 1_000));
        if n % 2 == 0 {
            edges.push((n, by % 1_000));
        }
    }
    let nodes = (0..1_000)
        .map(|n| {
            (
                n,
                Node {
                    path: path(n),
                    outside: false,
                },
            )
        })
        .collect();
    run(&[Graph { nodes, edges }]);
}

#[test]
fn a_box_that_cannot_grow_continues_elsewhere() {
    let graph = |more: u32| {
        let mut nodes = boxed(0..60, 4, 3);
        nodes.extend((1_000..1_000 + more).map(|n| {
            (
                n,
                Node {
                    path: vec![0, 0],
                    outside: false,
                },
            )
        }));
        Graph {
            nodes,
            edges: (0..more).map(|n| (1_000 + n, n * 7 % 60)).collect(),
        }
    };
    let at = run(&(0..20).map(|k| graph(k * 16)).collect::<Vec<_>>());
    assert!(
        at.boxes.iter().any(|b| b.part > 0),
        "hosts stand too close for all to fit in one"
    );
    // All at once.
    run(&[graph(0), graph(300)]);
    run(&[
        graph(0),
        Graph {
            nodes: boxed(0..600, 9, 7),
            edges: graph(0).edges,
        },
    ]);
}

#[test]
fn odd_shapes() {
    let plain = |n: u32| (0..n).map(|n| (n, Node::default())).collect::<BTreeMap<_, _>>();
    let check = |n: u32, edges: Vec<(u32, u32)>| {
        run(&[Graph {
            nodes: plain(n),
            edges,
        }])
    };
    let ratio = |at: &Positions| {
        let side = |key: fn(&crate::layout::Spot) -> f32| at.nodes.iter().map(key).fold(0.0, f32::max);
        side(|n| n.x) / side(|n| n.y)
    };
    for n in [40, 199, 600] {
        for (shape, edges) in [
            ("star", (1..n).map(|i| (i, 0)).collect()),
            ("chain", (1..n).map(|i| (i - 1, i)).collect()),
            ("ring", (0..n).map(|i| (i, (i + 1) % n)).collect()),
            (
                "pairs",
                (0..n / 2).map(|i| (i * 2, i * 2 + 1)).collect::<Vec<_>>(),
            ),
            ("all with all", (0..n * 12).map(|i| (i / 12, i * 5 % n)).collect()),
        ] {
            let ratio = ratio(&check(n, edges));
            assert!(
                (0.4..4.0).contains(&ratio),
                "{n} in a {shape} fill a window: {ratio}"
            );
        }
    }
}

#[test]
fn who_returns_finds_its_place() {
    let all = Graph {
        nodes: boxed(0..80, 2, 4),
        edges: vec![(3, 4), (4, 5)],
    };
    let mut fewer = all.clone();
    fewer.nodes.retain(|n, _| n % 5 != 0);
    let mut layout = Layout::new();
    let prepared = all.prepare();
    let before = layout.place(&prepared.input()).clone();
    layout.place(&fewer.prepare().input());
    let after = layout.place(&prepared.input());
    for (i, (a, b)) in before.nodes.iter().zip(&after.nodes).enumerate() {
        assert!(prepared.outside[i] || a == b, "{} is back", prepared.ids[i]);
    }
}

type Pairs = Vec<(u32, u32)>;

#[test]
fn clients_stand_above_their_servers() {
    let nodes = (0..7).map(|n| (n, Node::default())).collect();
    let edges = vec![(0, 1), (0, 2), (1, 3), (2, 3), (2, 4), (4, 5), (4, 6)];
    let graph = Graph {
        nodes,
        edges: edges.clone(),
    };
    let at = run(&[graph]);
    for (client, server) in edges {
        assert!(
            at.nodes[client as usize].y < at.nodes[server as usize].y,
            "{client} stands above {server}"
        );
    }
}

/// A chain of few would be a tower with nothing beside it: its branches stand apart, and the box takes the room.
#[test]
fn few_nodes_below_each_other_take_the_width_of_the_window() {
    let mut graph = Graph {
        nodes: boxed(1..11, 1, 0),
        edges: Vec::new(),
    };
    for above in [1, 3, 5, 7] {
        let pairs = [
            (above, above + 2),
            (above, above + 3),
            (above + 1, above + 2),
            (above + 1, above + 3),
        ];
        graph.edges.extend(pairs);
    }
    let at = run(std::slice::from_ref(&graph));
    let all = at.boxes[0].rect;
    assert!(all.width / all.height > 0.5, "{all:?}");
    let lefts = at.nodes.iter().map(|n| n.x - all.x).fold(f32::INFINITY, f32::min);
    let rights = at
        .nodes
        .iter()
        .map(|n| all.right() - n.x)
        .fold(f32::INFINITY, f32::min);
    assert!(
        (lefts - rights).abs() < 2.0,
        "in the middle: {lefts} and {rights}"
    );
    let (left, right) = (at.nodes[0].x.min(at.nodes[1].x), at.nodes[0].x.max(at.nodes[1].x));
    assert!(right - left > 150.0, "apart: {left} and {right}");
}

fn graphs() -> impl Strategy<Value = Vec<Graph>> {
    let shape = (0..5u32, 0..5u32);
    let edges = prop::collection::vec((0..400u32, 0..400u32), 0..160);
    // These stay in one box, so that clusters grow large.
    let near = prop::collection::vec((0..400u32, 0..8u32), 0..240);
    let one = (prop::collection::btree_set(0..400u32, 0..220), edges, near);
    (shape, prop::collection::vec(one, 1..6)).prop_map(|((hosts, units), list)| {
        let step = 3 * hosts.max(1) * units.max(1);
        let graph = |(nodes, mut edges, near): (std::collections::BTreeSet<u32>, Pairs, Pairs)| {
            edges.extend(near.into_iter().map(|(a, by)| (a, (a + by * step) % 400)));
            Graph {
                nodes: boxed(nodes, hosts, units),
                edges,
            }
        };
        list.into_iter().map(graph).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_pictures(graphs in graphs()) {
        let at = run(&graphs);
        prop_assert_eq!(at, run(&graphs), "equal calls give equal places");
    }

    #[test]
    fn the_same_picture_again_changes_nothing(graphs in graphs()) {
        let twice: Vec<Graph> = graphs.iter().flat_map(|g| [g.clone(), g.clone()]).collect();
        prop_assert_eq!(run(&graphs), run(&twice));
    }
}
