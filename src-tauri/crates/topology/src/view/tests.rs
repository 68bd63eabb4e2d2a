//! The view over time, against a client that only knows the first frame and the deltas.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::picture::{Facet, Picture, PictureNode};
use crate::view::{Advance, ViewEdge, ViewMetric, ViewNode, ViewState};

/// A node by number: its host, unit and name follow from it.
fn node(number: u8, reading: u8) -> PictureNode {
    let facet = |field: &str, key: String| {
        (
            field.to_owned(),
            Facet {
                label: key.clone(),
                key,
            },
        )
    };
    let mut facets = BTreeMap::new();
    let pseudo = number.is_multiple_of(16);
    if !pseudo {
        facets.extend([facet("host", format!("host{}", number % 3))]);
        if number.is_multiple_of(2) {
            facets.extend([facet("unit", format!("unit{}", number % 5))]);
        }
    }
    let metrics = vec![ViewMetric {
        id: "cpu".into(),
        value: f64::from(reading),
        max: 100.0,
    }];
    let id = format!("{number:03}");
    let label = format!("process {number}");
    PictureNode {
        node: ViewNode {
            id: id.into(),
            label: label.into(),
            pseudo,
            metrics,
            count: 1,
            ..ViewNode::default()
        },
        facets,
    }
}

/// A picture of nodes and edges by number; edges to nodes that are not there are left out.
fn picture(nodes: &BTreeMap<u8, u8>, edges: &[(u8, u8)]) -> Picture {
    let mut list: Vec<ViewEdge> = edges
        .iter()
        .filter(|(a, b)| nodes.contains_key(a) && nodes.contains_key(b))
        .map(|(a, b)| ViewEdge {
            id: format!("{a:03}---{b:03}"),
            source: format!("{a:03}").into(),
            target: format!("{b:03}").into(),
            connections: 1,
            ..ViewEdge::default()
        })
        .collect();
    list.sort_by(|a, b| a.id.cmp(&b.id));
    list.dedup_by(|a, b| a.id == b.id);
    let facts = BTreeMap::from([(
        ("host".to_owned(), "host0".to_owned()),
        format!("{} nodes", nodes.len()),
    )]);
    let nodes = nodes
        .iter()
        .map(|(&number, &reading)| node(number, reading).into())
        .collect();
    Picture {
        nodes,
        edges: list,
        facts,
        ..Picture::default()
    }
}

fn by_host_and_unit() -> ViewState {
    ViewState::new(vec!["host".to_owned(), "unit".to_owned()])
}

fn some(numbers: &[u8]) -> BTreeMap<u8, u8> {
    numbers.iter().map(|n| (*n, 0)).collect()
}

#[test]
fn first_then_deltas_then_nothing() {
    let mut state = by_host_and_unit();
    assert_eq!(state.frame().seq, 0);
    let Advance::First(first) = state.advance(picture(&some(&[1, 2, 4]), &[(1, 2)]), 10) else {
        panic!("the first picture is whole")
    };
    assert_eq!(
        (first.seq, first.at_ms, first.nodes.len(), first.edges.len()),
        (1, 10, 3, 1)
    );
    assert_eq!(
        state.advance(picture(&some(&[1, 2, 4]), &[(1, 2)]), 20),
        Advance::Unchanged
    );
    assert_eq!(
        (state.frame().seq, state.frame().at_ms),
        (1, 20),
        "the newest moment is told to who joins"
    );

    let Advance::Delta(delta) = state.advance(picture(&some(&[1, 2, 7]), &[]), 30) else {
        panic!("a later picture is a delta")
    };
    assert_eq!((delta.base, delta.seq, delta.at_ms), (1, 2, 30));
    assert_eq!(
        delta.nodes.iter().map(|n| n.id.as_str()).collect::<Vec<_>>(),
        ["007"]
    );
    assert_eq!(delta.nodes_removed, ["004"]);
    assert_eq!(delta.edges_removed, ["001---002"]);
}

#[test]
fn boxes_have_labels_facts_and_counts() {
    let mut state = by_host_and_unit();
    state.advance(picture(&some(&[3, 6, 10, 12, 1, 16]), &[]), 0);
    let mut groups = state.frame().groups;
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    let told: Vec<_> = groups
        .iter()
        .map(|g| {
            (
                g.id.as_str(),
                g.parent.as_deref(),
                g.label.as_str(),
                g.facts.as_str(),
                g.count,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("host=host0", None, "host0", "6 nodes", 3),
            ("host=host0/unit=unit1", Some("host=host0"), "unit1", "", 1),
            ("host=host0/unit=unit2", Some("host=host0"), "unit2", "", 1),
            ("host=host1", None, "host1", "", 2),
            ("host=host1/unit=unit0", Some("host=host1"), "unit0", "", 1),
        ]
    );
    let frame = state.frame();
    let of = |id: &str| {
        frame
            .nodes
            .iter()
            .find(|n| n.id == id)
            .and_then(|n| n.group.as_deref())
    };
    assert_eq!(of("003"), Some("host=host0"));
    assert_eq!(of("012"), Some("host=host0/unit=unit2"));
    assert_eq!(of("016"), None, "The Internet is in no box");
}

#[test]
fn pictures_out_of_order_do_no_harm() {
    let mut state = by_host_and_unit();
    let mut wrong = picture(&some(&[1, 2, 3]), &[(1, 2)]);
    wrong.nodes.reverse();
    wrong.nodes.push(node(2, 0).into());
    wrong.edges.push(ViewEdge {
        id: "x".into(),
        source: "1".into(),
        target: "nobody".into(),
        ..ViewEdge::default()
    });
    state.advance(wrong, 0);
    assert_eq!(
        state
            .frame()
            .nodes
            .iter()
            .map(|n| n.id.as_str())
            .collect::<Vec<_>>(),
        ["001", "002", "003"]
    );
}

#[test]
fn a_delta_on_another_picture_is_refused() {
    let mut state = by_host_and_unit();
    state.advance(picture(&some(&[1]), &[]), 0);
    let mut client = state.frame();
    state.advance(picture(&some(&[1, 2]), &[]), 1);
    let Advance::Delta(late) = state.advance(picture(&some(&[1, 2, 3]), &[]), 2) else {
        panic!("a delta")
    };
    let before = client.clone();
    assert!(!client.apply(&late));
    assert_eq!(client, before);
}

/// What may happen to a picture.
#[derive(Debug, Clone)]
enum Step {
    Arrive(Vec<u8>),
    Leave(Vec<u8>),
    Read(u8, u8),
    Edges(Vec<(u8, u8)>),
    Rearrange,
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0..120u8;
    prop_oneof![
        prop::collection::vec(number.clone(), 0..24).prop_map(Step::Arrive),
        prop::collection::vec(number.clone(), 0..24).prop_map(Step::Leave),
        (number.clone(), any::<u8>()).prop_map(|(n, r)| Step::Read(n, r)),
        prop::collection::vec((number.clone(), number), 0..40).prop_map(Step::Edges),
        Just(Step::Rearrange),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn deltas_lead_to_the_frame(steps in prop::collection::vec(step(), 1..24)) {
        let mut state = by_host_and_unit();
        let mut nodes = BTreeMap::new();
        let mut edges = Vec::new();
        let mut client = None;
        for (at_ms, step) in (0..).zip(steps) {
            let mut rearrange = false;
            match step {
                Step::Arrive(list) => nodes.extend(list.into_iter().map(|n| (n, 0))),
                Step::Leave(list) => nodes.retain(|n, _| !list.contains(n)),
                Step::Read(n, reading) => nodes.entry(n).and_modify(|r| *r = reading).or_default().clone_from(&reading),
                Step::Edges(list) => edges = list,
                Step::Rearrange => rearrange = true,
            }
            let advance = if rearrange { state.rearrange() } else { state.advance(picture(&nodes, &edges), at_ms) };
            match advance {
                Advance::First(frame) => {
                    prop_assert!(client.is_none(), "only the first picture is whole");
                    client = Some(frame);
                }
                Advance::Delta(delta) => {
                    let client = client.as_mut().expect("a first picture");
                    prop_assert!(client.apply(&delta));
                    prop_assert!(!rearrange || delta.nodes_removed.is_empty());
                }
                // A heartbeat tells the moment.
                Advance::Unchanged => if let Some(client) = &mut client { client.at_ms = state.frame().at_ms },
            }
            if let Some(client) = &client {
                prop_assert_eq!(client, &state.frame());
            }
        }
    }
}
