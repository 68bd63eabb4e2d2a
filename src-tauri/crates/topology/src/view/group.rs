//! Boxes around nodes: which there are, and which node stands in which.
//!
//! A node's path follows the fields in order; a field that the node has no facet of is passed over. A box is
//! left out, its nodes standing in the next one outwards, where it would say nothing new:
//! * it would hold a single node that carries the box's own label;
//! * it lies in another box and would hold everything that the other one holds.
//!
//! Such a decision is kept for as long as the box has nodes, so that nothing moves when company arrives;
//! re-arranging decides anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::picture::{Facet, PictureNode};

/// Boxes in each other, at most; further fields are ignored.
const MAX_DEPTH: usize = 4;

/// A box before it has a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// `host=…`, `host=…/unit=…`: fields and keys from the outermost in.
    pub(crate) id: String,
    /// Box around it, an earlier one in the list.
    pub(crate) parent: Option<u32>,
    pub(crate) field: String,
    pub(crate) label: String,
    /// Key among the facts of its field.
    pub(crate) key: String,
}

/// Boxes, parents before children and otherwise by id, with the innermost box of every node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Grouping {
    pub(crate) groups: Vec<Group>,
    /// Parallel to the nodes.
    pub(crate) of_node: Vec<Option<u32>>,
}

/// Boxes nodes by fields, and remembers which boxes it left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grouper {
    fields: Vec<String>,
    /// Whether a box is drawn, by id.
    drawn: BTreeMap<String, bool>,
}

/// A possible box while it is being counted.
struct Candidate {
    parent: Option<usize>,
    id: String,
    field: usize,
    facet: Facet,
    /// Nodes inside at any depth.
    count: usize,
    /// The node inside, where it is one.
    only: usize,
}

impl Grouper {
    /// Boxes by these fields, outermost first.
    pub(crate) fn new(mut fields: Vec<String>) -> Self {
        fields.truncate(MAX_DEPTH);
        Grouper {
            fields,
            drawn: BTreeMap::new(),
        }
    }

    /// Decides anew which boxes are drawn.
    pub(crate) fn reset(&mut self) {
        self.drawn.clear();
    }

    /// The boxes of these nodes.
    pub(crate) fn group(&mut self, nodes: &[Arc<PictureNode>]) -> Grouping {
        let (candidates, innermost) = self.candidates(nodes);
        let drawn = self.decide(&candidates, nodes);
        let mut place: Vec<Option<u32>> = vec![None; candidates.len()];
        let mut groups = Vec::new();
        // Sorted by depth first: a parent's place is known before its children ask for it.
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by_key(|&i| (candidates[i].field, &candidates[i].id));
        for i in order {
            let candidate = &candidates[i];
            let outer = candidate.parent.and_then(|p| place[p]);
            place[i] = if drawn[i] {
                groups.push(Group {
                    id: candidate.id.clone(),
                    parent: outer,
                    field: self.fields[candidate.field].clone(),
                    label: candidate.facet.label.clone(),
                    key: candidate.facet.key.clone(),
                });
                u32::try_from(groups.len() - 1).ok()
            } else {
                outer
            };
        }
        let of_node = innermost.into_iter().map(|i| i.and_then(|i| place[i])).collect();
        self.drawn = candidates.into_iter().map(|c| c.id).zip(drawn).collect();
        Grouping { groups, of_node }
    }

    /// Every possible box, outer ones before inner ones of the same node, and the innermost of every node.
    fn candidates(&self, nodes: &[Arc<PictureNode>]) -> (Vec<Candidate>, Vec<Option<usize>>) {
        let mut found: FxHashMap<(Option<usize>, usize, &str), usize> = FxHashMap::default();
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut innermost = Vec::with_capacity(nodes.len());
        for (node, pictured) in nodes.iter().enumerate() {
            let mut at = None;
            for (field, name) in self.fields.iter().enumerate() {
                let Some(facet) = pictured.facets.get(name) else {
                    continue;
                };
                let index = *found.entry((at, field, facet.key.as_str())).or_insert_with(|| {
                    let outer = at.map_or("", |p: usize| candidates[p].id.as_str());
                    let id = group_id(outer, name, &facet.key);
                    candidates.push(Candidate {
                        parent: at,
                        id,
                        field,
                        facet: facet.clone(),
                        count: 0,
                        only: node,
                    });
                    candidates.len() - 1
                });
                candidates[index].count += 1;
                at = Some(index);
            }
            innermost.push(at);
        }
        (candidates, innermost)
    }

    /// Whether each box is drawn: as before where it is known.
    fn decide(&self, candidates: &[Candidate], nodes: &[Arc<PictureNode>]) -> Vec<bool> {
        let decide = |c: &Candidate| {
            let names_its_node = c.count == 1 && nodes[c.only].node.label == c.facet.label;
            let fills_outer = c.parent.is_some_and(|p| candidates[p].count == c.count);
            !names_its_node && !fills_outer
        };
        candidates
            .iter()
            .map(|c| self.drawn.get(&c.id).copied().unwrap_or_else(|| decide(c)))
            .collect()
    }
}

/// Key of a box. A slash in a facet's key is escaped, so that different paths never share one.
fn group_id(outer: &str, field: &str, key: &str) -> String {
    let key = if key.contains(['/', '%']) {
        key.replace('%', "%25").replace('/', "%2F")
    } else {
        key.to_owned()
    };
    if outer.is_empty() {
        format!("{field}={key}")
    } else {
        format!("{outer}/{field}={key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::ViewNode;

    /// Nodes as `label`, `field=key` …; expects `node label → box id`.
    fn check(grouper: &mut Grouper, nodes: &[(&str, &str)], expected: &[&str]) {
        let pictured: Vec<Arc<PictureNode>> = nodes
            .iter()
            .map(|(label, facets)| {
                let facet = |(field, key): (&str, &str)| {
                    let (key, label) = (key.to_owned(), key.to_owned());
                    (field.to_owned(), Facet { key, label })
                };
                let facets = facets.split_whitespace().filter_map(|f| f.split_once('='));
                Arc::new(PictureNode {
                    node: ViewNode {
                        label: (*label).into(),
                        ..ViewNode::default()
                    },
                    facets: facets.map(facet).collect(),
                })
            })
            .collect();
        let grouping = grouper.group(&pictured);
        let got: Vec<&str> = grouping
            .of_node
            .iter()
            .map(|g| g.map_or("-", |g| grouping.groups[g as usize].id.as_str()))
            .collect();
        assert_eq!(got, expected, "{nodes:?}");
        for (i, group) in grouping.groups.iter().enumerate() {
            assert!(
                group.parent.is_none_or(|p| (p as usize) < i),
                "parents come first"
            );
        }
    }

    fn by_host_and_unit() -> Grouper {
        Grouper::new(vec!["host".to_owned(), "unit".to_owned()])
    }

    #[test]
    fn paths_follow_the_fields() {
        check(
            &mut by_host_and_unit(),
            &[
                ("a", "host=h unit=u"),
                ("b", "host=h unit=v"),
                ("c", "host=h"),
                ("d", "unit=u"),
                ("e", ""),
            ],
            &["host=h/unit=u", "host=h/unit=v", "host=h", "unit=u", "-"],
        );
        check(&mut Grouper::default(), &[("a", "host=h")], &["-"]);
    }

    #[test]
    fn boxes_that_say_nothing_are_left_out() {
        check(
            &mut by_host_and_unit(),
            &[("a", "host=h unit=u"), ("b", "host=h unit=u")],
            &["host=h", "host=h"],
        );
        check(&mut by_host_and_unit(), &[("h", "host=h")], &["-"]);
        check(
            &mut by_host_and_unit(),
            &[("u", "host=h unit=u"), ("b", "host=h unit=v")],
            &["host=h", "host=h/unit=v"],
        );
    }

    #[test]
    fn decisions_last_until_reset() {
        let mut grouper = by_host_and_unit();
        let alone = [("a", "host=h unit=u"), ("b", "host=h unit=u")];
        let joined = [alone[0], alone[1], ("c", "host=h unit=v")];
        check(&mut grouper, &alone, &["host=h", "host=h"]);
        check(&mut grouper, &joined, &["host=h", "host=h", "host=h/unit=v"]);
        grouper.reset();
        check(
            &mut grouper,
            &joined,
            &["host=h/unit=u", "host=h/unit=u", "host=h/unit=v"],
        );
    }

    #[test]
    fn slashes_in_keys_are_not_levels() {
        check(
            &mut by_host_and_unit(),
            &[("a", "host=x/unit=y"), ("b", "host=x unit=y"), ("c", "host=x")],
            &["host=x%2Funit=y", "host=x/unit=y", "host=x"],
        );
    }
}
