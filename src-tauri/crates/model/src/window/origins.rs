//! Which source names which node, and when it did so last.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::SourceId;
use super::contribution::Change;
use crate::{NodeId, Timestamp, TopologyKind};

/// A source within one window, cheaper to note than its name. Never used again for another one.
pub(super) type SourceNumber = u64;

/// Where a node of a snapshot comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The sources that name it, oldest source first.
    pub sources: Vec<SourceId>,
    /// When one of them named it last.
    pub last_seen: Timestamp,
    /// True when every source that names it is gone or has not repeated it lately: a source whose reports
    /// are partial has three reports to do so.
    pub stale: bool,
}

/// Where the nodes of a snapshot come from.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    kinds: BTreeMap<TopologyKind, Named>,
    sources: BTreeMap<SourceNumber, Presence>,
}

/// How a source is doing.
#[derive(Debug, Clone)]
pub(super) struct Presence {
    pub(super) id: SourceId,
    /// When its last whole report came.
    pub(super) said_all: Timestamp,
    /// What it named last before this is stale.
    pub(super) fresh_after: Timestamp,
    pub(super) gone: bool,
}

/// That a source names a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) source: SourceNumber,
    /// When it did so last; `None` is "in its last whole report", which need not be written anew with every report.
    pub(super) seen: Option<Timestamp>,
}

/// All mentions of one node. Nearly always there is one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mentions {
    One(Mention),
    Many(Arc<[Mention]>),
}

impl Mentions {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Mention> {
        match self {
            Mentions::One(mention) => std::slice::from_ref(mention).iter(),
            Mentions::Many(mentions) => mentions.iter(),
        }
    }

    fn of(mentions: Vec<Mention>) -> Option<Self> {
        match mentions.as_slice() {
            [] => None,
            [mention] => Some(Mentions::One(*mention)),
            _ => Some(Mentions::Many(mentions.into())),
        }
    }
}

/// Mentions of the nodes of one topology, shared with snapshots until it changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Named(Arc<BTreeMap<NodeId, Mentions>>);

impl Named {
    /// True when any source but this one names the node.
    pub(super) fn by_another(&self, id: &NodeId, source: SourceNumber) -> bool {
        let mut mentions = self.0.get(id).into_iter().flat_map(Mentions::iter);
        mentions.any(|mention| mention.source != source)
    }

    /// Notes how a source names a node from here on and gives all mentions of it, `None` if nobody names it.
    pub(super) fn mention(
        &mut self,
        id: &NodeId,
        source: SourceNumber,
        change: &Change,
        recent: &mut Recent,
    ) -> Option<Mentions> {
        let mention = match change {
            Change::Said(_, seen) | Change::Seen(seen) => Some(Mention { source, seen: *seen }),
            Change::Gone => None,
        };
        let held = self.0.get(id);
        if let (Some(Mentions::One(one)), Some(mention)) = (held, mention)
            && *one == mention
        {
            return Some(Mentions::One(mention));
        }
        let mentions = recent.after(held, source, mention);
        match &mentions {
            Some(mentions) if held == Some(mentions) => {}
            Some(mentions) => {
                Arc::make_mut(&mut self.0).insert(id.clone(), mentions.clone());
            }
            None => {
                Arc::make_mut(&mut self.0).remove(id);
            }
        }
        mentions
    }
}

/// What became of mentions last: nodes that sources name together have one list of them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    before: Option<Mentions>,
    mention: Option<Mention>,
    after: Option<Mentions>,
}

impl Recent {
    /// All mentions of a node when a source names it in another way, or no more.
    fn after(
        &mut self,
        held: Option<&Mentions>,
        source: SourceNumber,
        mention: Option<Mention>,
    ) -> Option<Mentions> {
        if held != self.before.as_ref() || self.mention != mention || self.after.is_none() {
            let mut all: Vec<Mention> = held
                .into_iter()
                .flat_map(Mentions::iter)
                .filter(|m| m.source != source)
                .copied()
                .collect();
            all.extend(mention);
            all.sort_by_key(|m| m.source);
            *self = Recent {
                before: held.cloned(),
                mention,
                after: Mentions::of(all),
            };
        }
        self.after.clone()
    }
}

impl Origins {
    /// The origin of a node, when the snapshot has it.
    pub fn get(&self, kind: TopologyKind, id: &NodeId) -> Option<Origin> {
        let mut origin = Origin {
            sources: Vec::new(),
            last_seen: Timestamp(i64::MIN),
            stale: true,
        };
        for (presence, seen) in self.mentions(kind, id) {
            origin.sources.push(presence.id.clone());
            origin.last_seen = origin.last_seen.max(seen);
            origin.stale &= presence.gone || seen < presence.fresh_after;
        }
        (!origin.sources.is_empty()).then_some(origin)
    }

    /// Names of the sources of a node, such as `plugin:iowait`.
    pub fn sources(&self, kind: TopologyKind, id: &NodeId) -> Vec<String> {
        self.mentions(kind, id)
            .map(|(presence, _)| presence.id.to_string())
            .collect()
    }

    /// Whether any of a node's sources passes a test.
    pub fn any_source(&self, kind: TopologyKind, id: &NodeId, test: impl Fn(&SourceId) -> bool) -> bool {
        self.mentions(kind, id).any(|(presence, _)| test(&presence.id))
    }

    /// Every source that names anything, oldest first.
    pub fn all_sources(&self) -> impl Iterator<Item = &SourceId> {
        self.sources.values().map(|presence| &presence.id)
    }

    /// Whether a source has reported and has not gone since.
    pub fn is_present(&self, source: &SourceId) -> bool {
        let mut all = self.sources.values();
        all.any(|presence| presence.id == *source && !presence.gone)
    }

    /// When a stale node was named last; `None` for a fresh one and for one that is not there.
    pub fn stale_since(&self, kind: TopologyKind, id: &NodeId) -> Option<Timestamp> {
        self.get(kind, id)
            .filter(|origin| origin.stale)
            .map(|origin| origin.last_seen)
    }

    fn mentions(&self, kind: TopologyKind, id: &NodeId) -> impl Iterator<Item = (&Presence, Timestamp)> {
        let mentions = self.kinds.get(&kind).and_then(|named| named.0.get(id));
        mentions
            .into_iter()
            .flat_map(Mentions::iter)
            .filter_map(|mention| {
                let presence = self.sources.get(&mention.source)?;
                Some((presence, mention.seen.unwrap_or(presence.said_all)))
            })
    }

    pub(super) fn kind(&self, kind: TopologyKind) -> Option<&Named> {
        self.kinds.get(&kind)
    }

    pub(super) fn kind_mut(&mut self, kind: TopologyKind) -> &mut Named {
        self.kinds.entry(kind).or_default()
    }

    pub(super) fn set_sources(&mut self, sources: BTreeMap<SourceNumber, Presence>) {
        self.sources = sources;
    }
}
