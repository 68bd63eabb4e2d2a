//! What all sources say of nodes, looked up in the order of these.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::contribution::Contribution;
use super::held::{HeldNodes, Joined};
use super::origins::{Mentions, SourceNumber};
use crate::merge::Joins;
use crate::{Node, TopologyKind};

/// What sources say of the nodes of one topology, while what one of them says changes.
pub(super) struct Voices<'a> {
    others: BTreeMap<SourceNumber, Voice<&'a HeldNodes>>,
    source: SourceNumber,
    own: Option<Voice<&'a mut HeldNodes>>,
}

/// The nodes of a source, and where the next one asked for probably is.
struct Voice<N> {
    nodes: N,
    near: usize,
}

impl<'a> Voices<'a> {
    /// Of all sources; `own` is the one that says something new.
    pub(super) fn of(
        others: &'a BTreeMap<SourceNumber, Contribution>,
        source: SourceNumber,
        own: &'a mut Option<Contribution>,
        kind: TopologyKind,
    ) -> Self {
        let others = others.iter().filter_map(|(number, contribution)| {
            let nodes = contribution.nodes(kind)?;
            Some((*number, Voice { nodes, near: 0 }))
        });
        let own = own.as_mut().and_then(|own| own.nodes_mut(kind));
        Voices {
            others: others.collect(),
            source,
            own: own.map(|nodes| Voice { nodes, near: 0 }),
        }
    }

    /// The join of what is said of a node; shared while only one thing is. From here on the own source holds what
    /// the others do not say alike.
    pub(super) fn join(&mut self, id: &str, mentions: &Mentions, joins: &mut Joins) -> Option<Arc<Node>> {
        let mut joined: Option<Joined> = None;
        let mut base = None;
        for mention in mentions.iter() {
            let said = if mention.source == self.source {
                self.own
                    .as_mut()
                    .and_then(|own| own.nodes.said(id, &mut own.near))
            } else {
                let other = self.others.get_mut(&mention.source);
                other.and_then(|other| other.nodes.said(id, &mut other.near))
            };
            let Some(said) = said else { continue };
            if mention.source != self.source && base.is_none() {
                base = Some(said.base().clone());
            }
            match &mut joined {
                Some(joined) => joined.add(said, joins),
                None => joined = Some(Joined::of(said)),
            }
        }
        if let (Some(base), Some(own)) = (base, &mut self.own) {
            let mut near = own.near.saturating_sub(1);
            own.nodes.lean(id, &mut near, &base);
        }
        joined.map(Joined::into_node)
    }
}
