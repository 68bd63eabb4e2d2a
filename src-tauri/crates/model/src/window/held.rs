//! Nodes as one source has them.

use std::sync::Arc;

use super::contribution::Change;
use super::linger::{self, Carry, Lingering};
use super::share;
use crate::merge::{Joins, merge_metrics, merge_shared};
use crate::{Entries, Metric, Node, NodeId, Timestamp};

/// What a source says of a node.
#[derive(Debug)]
pub(super) enum Said {
    /// All of it.
    Whole(Arc<Node>),
    /// The same as another source but for the readings. Of machines that many watch that is the rule, and what
    /// they say alike is held once.
    Like(Arc<Node>, Entries<Metric>),
}

impl Said {
    /// The node, whose readings may be another source's.
    pub(super) fn base(&self) -> &Arc<Node> {
        let (Said::Whole(base) | Said::Like(base, _)) = self;
        base
    }

    fn metrics(&self) -> &Entries<Metric> {
        match self {
            Said::Whole(node) => &node.metrics,
            Said::Like(_, metrics) => metrics,
        }
    }

    /// The node as the source says it.
    fn node(&self) -> Arc<Node> {
        match self {
            Said::Whole(node) => node.clone(),
            Said::Like(base, metrics) => Arc::new(Node {
                metrics: metrics.clone(),
                ..Node::clone(base)
            }),
        }
    }

    fn is(&self, node: &Node) -> bool {
        *self.metrics() == node.metrics && share::all_but_metrics(self.base(), node)
    }

    /// Holds no more than the readings where everything else is what `base` has.
    fn lean_on(&mut self, base: &Arc<Node>) {
        if let Said::Whole(node) = self
            && !Arc::ptr_eq(node, base)
            && share::all_but_metrics(node, base)
        {
            *self = Said::Like(base.clone(), std::mem::take(&mut Arc::make_mut(node).metrics));
        }
    }

    /// What the source says from here on. It goes on leaning on what it leant on while somebody else does.
    fn become_node(&mut self, node: Arc<Node>) {
        let before = std::mem::replace(self, Said::Whole(node));
        if let Said::Like(base, _) = before
            && Arc::strong_count(&base) > 1
        {
            self.lean_on(&base);
        }
    }
}

/// What several sources say of one node, joined as it is told.
#[derive(Debug)]
pub(super) struct Joined {
    node: Arc<Node>,
    base: Arc<Node>,
}

impl Joined {
    /// What the first of them says; shared while no other says anything else.
    pub(super) fn of(said: &Said) -> Self {
        Joined {
            node: said.node(),
            base: said.base().clone(),
        }
    }

    pub(super) fn add(&mut self, said: &Said, joins: &mut Joins) {
        // Joining the same is no change, so that readings alone are left.
        if Arc::ptr_eq(&self.base, said.base()) {
            merge_metrics(&mut self.node, said.metrics(), joins);
        } else {
            merge_shared(&mut self.node, &said.node(), joins);
        }
    }

    pub(super) fn into_node(self) -> Arc<Node> {
        self.node
    }
}

/// A node as the source has it.
#[derive(Debug)]
pub(super) struct Held {
    said: Said,
    /// When it was named last.
    pub(super) seen: Timestamp,
    /// True when that was by a whole report, so that the origins have it as such: see
    /// [`super::origins::Mention::seen`].
    pub(super) wholly: bool,
    lingering: Lingering,
}

impl Held {
    /// A node that is named for the first time.
    pub(super) fn new(node: Arc<Node>, now: Timestamp, wholly: bool) -> Self {
        Held {
            said: Said::Whole(node),
            seen: now,
            wholly,
            lingering: Vec::new(),
        }
    }

    /// How the origins have it.
    pub(super) fn mentioned(&self) -> Option<Timestamp> {
        (!self.wholly).then_some(self.seen)
    }

    /// When the oldest of its entries was named last.
    pub(super) fn oldest(&self) -> Timestamp {
        self.seen.min(linger::first_seen(&self.lingering))
    }

    /// What a whole report says of a node that is held; `None` if that is nothing new.
    pub(super) fn say_wholly(
        &mut self,
        mut node: Arc<Node>,
        now: Timestamp,
        cutoff: Timestamp,
        span_ns: i64,
        joins: &mut Joins,
    ) -> Option<Change> {
        let was_wholly = std::mem::replace(&mut self.wholly, true);
        let seen = std::mem::replace(&mut self.seen, now);
        if self.lingering.is_empty() && self.said.is(&node) {
            return (!was_wholly).then_some(Change::Seen(None));
        }
        let mut lingering = Vec::new();
        let newer = Arc::make_mut(&mut node);
        let older = self.said.metrics();
        if !older.is_empty() {
            let newer = &mut newer.metrics;
            accumulate_all(newer, older, span_ns, joins);
            let mut carry = Carry::new(&self.lingering, seen, cutoff);
            carry.metrics(newer, older);
            lingering = carry.finish();
        }
        share::parts(newer, self.said.base(), older);
        self.lingering = lingering;
        self.said.become_node(node.clone());
        Some(Change::Said(node, None))
    }

    /// What a partial report says of a node that is held.
    pub(super) fn say_partly(
        &mut self,
        mut node: Arc<Node>,
        now: Timestamp,
        cutoff: Timestamp,
        span_ns: i64,
        joins: &mut Joins,
    ) -> Change {
        let newer = Arc::make_mut(&mut node);
        let (base, older) = (self.said.base(), self.said.metrics());
        accumulate_all(&mut newer.metrics, older, span_ns, joins);
        let mut carry = Carry::new(&self.lingering, self.seen, cutoff);
        carry.node(newer, base, older);
        share::parts(newer, base, older);
        self.lingering = carry.finish();
        self.seen = now;
        self.wholly = false;
        if self.said.is(&node) {
            return Change::Seen(self.mentioned());
        }
        self.said.become_node(node.clone());
        Change::Said(node, self.mentioned())
    }

    /// Drops entries named last before `cutoff`; what is left when that was any.
    pub(super) fn expire(&mut self, cutoff: Timestamp) -> Option<Change> {
        let expired = linger::split_expired(&mut self.lingering, cutoff);
        if expired.is_empty() {
            return None;
        }
        let mut node = self.said.node();
        linger::strip_node(&mut node, &expired);
        self.said.become_node(node.clone());
        Some(Change::Said(node, self.mentioned()))
    }
}

fn accumulate_all(newer: &mut Entries<Metric>, older: &Entries<Metric>, span_ns: i64, joins: &mut Joins) {
    if let Some(all) = joins.metrics.get(older, newer) {
        *newer = all;
        return;
    }
    let said = (newer.is_shared() && older.is_shared()).then(|| newer.clone());
    for (id, metric) in newer.iter_mut() {
        if let Some(held) = older.get(id) {
            linger::accumulate(metric, held, span_ns, joins);
        }
    }
    if let Some(said) = said {
        joins.metrics.put(older, &said, newer);
    }
}

/// Nodes by id in ascending order, in as much room as they need.
#[derive(Debug, Default)]
pub(super) struct HeldNodes(Vec<(NodeId, Held)>);

impl HeldNodes {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &NodeId> {
        self.0.iter().map(|(id, _)| id)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&NodeId, &mut Held)> {
        self.0.iter_mut().map(|(id, held)| (&*id, held))
    }

    /// All of them, which leaves none.
    pub(super) fn take(&mut self) -> Vec<(NodeId, Held)> {
        std::mem::take(&mut self.0)
    }

    /// Has these nodes instead, which are in order.
    pub(super) fn put(&mut self, nodes: Vec<(NodeId, Held)>) {
        self.0 = nodes;
    }

    /// Adds nodes that it does not have yet, in order themselves.
    pub(super) fn add(&mut self, mut more: Vec<(NodeId, Held)>) {
        if self.0.is_empty() {
            more.shrink_to_fit();
            self.0 = more;
        } else if !more.is_empty() {
            self.0.reserve_exact(more.len());
            self.0.append(&mut more);
            // Two runs in order, which the sort only has to join.
            self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&NodeId, &mut Held) -> bool) {
        self.0.retain_mut(|(id, held)| keep(id, held));
        if self.0.len() < self.0.capacity() / 2 {
            self.0.shrink_to_fit();
        }
    }

    /// Where a node is. `near` is where it probably is: who asks for nodes in order finds each at once.
    fn place(&self, id: &str, near: &mut usize) -> Option<usize> {
        let at = match self.0.get(*near) {
            Some((held, _)) if held == id => *near,
            _ => self.0.binary_search_by(|(held, _)| held.as_str().cmp(id)).ok()?,
        };
        *near = at + 1;
        Some(at)
    }

    pub(super) fn said(&self, id: &str, near: &mut usize) -> Option<&Said> {
        let at = self.place(id, near)?;
        self.0.get(at).map(|(_, held)| &held.said)
    }

    pub(super) fn get_mut(&mut self, id: &str, near: &mut usize) -> Option<&mut Held> {
        let at = self.place(id, near)?;
        self.0.get_mut(at).map(|(_, held)| held)
    }

    /// Holds no more of a node than its readings where everything else is what `base` has.
    pub(super) fn lean(&mut self, id: &str, near: &mut usize, base: &Arc<Node>) {
        if let Some(held) = self.get_mut(id, near) {
            held.said.lean_on(base);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SmolStr;

    fn node(id: &str, fact: &str, reading: f64) -> Arc<Node> {
        let node = Node::new(SmolStr::new(id), "process").with_latest("name", Timestamp(1), fact);
        let metric = Metric::of(Timestamp(reading as i64), reading, 0.0, 9.0);
        Arc::new(node.with_metric("cpu", metric))
    }

    #[test]
    fn what_sources_say_alike_is_held_once() {
        let (one, other, differs) = (node("a", "x", 1.0), node("a", "x", 2.0), node("a", "y", 3.0));
        let mut said = Said::Whole(other.clone());
        said.lean_on(&one);
        assert!(matches!(said, Said::Like(..)) && Arc::ptr_eq(said.base(), &one));
        assert_eq!(said.node(), other, "and nothing is lost");
        assert!(said.is(&other) && !said.is(&one));
        let mut joined = Joined::of(&Said::Whole(one.clone()));
        joined.add(&said, &mut Joins::default());
        let mut expected = Node::clone(&one);
        expected.merge(&other);
        assert_eq!(*joined.into_node(), expected);
        said.become_node(differs.clone());
        assert!(matches!(&said, Said::Whole(node) if *node == differs));
        said.lean_on(&one);
        assert!(matches!(said, Said::Whole(_)), "a different fact");
    }

    #[test]
    fn nobody_leans_on_what_nobody_else_has() {
        let base = node("a", "x", 1.0);
        let mut said = Said::Whole(node("a", "x", 2.0));
        said.lean_on(&base);
        said.become_node(node("a", "x", 3.0));
        assert!(matches!(said, Said::Like(..)));
        drop(base);
        said.become_node(node("a", "x", 4.0));
        assert!(matches!(said, Said::Whole(_)));
    }

    #[test]
    fn nodes_are_found_wherever_they_are_looked_for() {
        let mut nodes = HeldNodes::default();
        for added in [vec!["b", "d"], vec!["a", "c", "e"], vec![]] {
            let held = |id: &str| {
                (
                    NodeId::from(id),
                    Held::new(node(id, "x", 1.0), Timestamp(1), true),
                )
            };
            nodes.add(added.into_iter().map(held).collect());
        }
        assert!(nodes.ids().map(SmolStr::as_str).eq(["a", "b", "c", "d", "e"]));
        for begin in 0..7 {
            for id in ["a", "b", "c", "d", "e"] {
                let mut near = begin;
                assert_eq!(nodes.said(id, &mut near).map(|said| &*said.base().id), Some(id));
            }
            assert!(nodes.said("bb", &mut { begin }).is_none());
        }
        nodes.retain(|id, _| id == "c");
        assert!(nodes.ids().map(SmolStr::as_str).eq(["c"]));
    }
}
