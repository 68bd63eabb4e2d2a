//! Nodes: the part of a report of which there are thousands.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use smol_str::ToSmolStr;

use super::context::{Context, Oddity, quoted};
use super::metric::Metrics;
use super::pack::FACT;
use super::scalar::{Id, Integer, Text, Time, Truth, Written, within_id};
use super::shape::{Each, Fill, List, Record};
use crate::{ControlState, Entries, Latest, Names, Node, OWN_CONTROLS, SmolStr, Timestamp, limits};

/// Key in `latest` under which the newer form of active controls travels.
pub(crate) const ACTIVE_CONTROLS: &str = "active_controls";

/// A node as it is being read.
#[derive(Default)]
pub(super) struct Draft {
    node: Node,
    counters: Vec<(SmolStr, i64)>,
}

impl Draft {
    /// The node. The key it stands under is its identity, as in Scope; the id inside counts without one.
    pub(super) fn finish(mut self, key: &str, ctx: &mut Context) -> Node {
        if self.node.id != key && !key.is_empty() {
            if !self.node.id.is_empty() {
                ctx.warn(Oddity::OtherId, || {
                    let (inner, key) = (quoted(&self.node.id), quoted(key));
                    format!("node {key} says its id is {inner}: its key counts")
                });
            }
            self.node.id = ctx.share(key);
        }
        if !self.counters.is_empty() {
            // Facts of the same key stand behind, and so they stay.
            let timestamp = ctx.received;
            let counted = self.counters.into_iter().map(|(counter, count)| {
                let value = count.to_smolstr();
                (counter, Latest { timestamp, value })
            });
            let facts = self.node.latest.iter();
            let facts = facts.map(|(key, fact)| (key.clone(), fact.clone()));
            self.node.latest = counted.rev().chain(facts).collect();
        }
        self.node
    }
}

impl Record for Draft {
    const WHAT: &'static str = "a node";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        let node = &mut self.node;
        match &*key {
            "id" => node.id = map.next_value_seed(Id(ctx))?,
            "topology" => node.topology = map.next_value_seed(Id(ctx))?,
            "latest" => {
                let mut facts = std::mem::take(&mut ctx.facts);
                map.next_value_seed(Fill(&mut Facts(node, &mut facts), ctx))?;
                add(&mut node.latest, &mut facts);
                ctx.facts = facts;
            }
            "metrics" => {
                let mut metrics = std::mem::take(&mut ctx.metrics);
                map.next_value_seed(Fill(&mut Metrics(&mut metrics), ctx))?;
                if node.metrics.is_empty() {
                    node.metrics = ctx.share_metrics(&mut metrics);
                } else {
                    add(&mut node.metrics, &mut metrics);
                }
                ctx.metrics = metrics;
            }
            "adjacency" => map.next_value_seed(Each(&mut Adjacency(&mut node.adjacency), ctx))?,
            "parents" => {
                let mut parents = Vec::new();
                map.next_value_seed(Fill(&mut Parents(&mut parents), ctx))?;
                add(&mut node.parents, &mut parents);
            }
            "sets" => {
                let mut sets = Vec::new();
                map.next_value_seed(Fill(&mut Sets(&mut sets), ctx))?;
                add(&mut node.sets, &mut sets);
            }
            "latestControls" => map.next_value_seed(Fill(&mut Controls(node), ctx))?,
            "children" => map.next_value_seed(Each(&mut Children(&mut node.children), ctx))?,
            "counters" => map.next_value_seed(Fill(&mut Counters(&mut self.counters), ctx))?,
            "edges" => map.next_value_seed(Fill(&mut Edges(&mut node.adjacency), ctx))?,
            "controls" => {
                let mut old = OldControls::default();
                map.next_value_seed(Fill(&mut old, ctx))?;
                if old.timestamp.is_some() || !old.ids.is_empty() {
                    let ids = split_controls(old.ids.iter(), ctx);
                    own_controls(node, old.timestamp.unwrap_or(ctx.received), ids);
                }
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Adds what was read to what stands there already, which is nothing but where a key occurs twice. Nothing is
/// left of what was read but its room.
fn add<V: Clone>(entries: &mut Entries<V>, read: &mut Vec<(SmolStr, V)>) {
    if entries.is_empty() {
        *entries = Entries::take_from(read);
    } else {
        entries.extend(read.drain(..));
    }
}

/// Passes over a value that means nothing to us.
pub(super) fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(|_| ())
}

/// Ids of controls. They travel joined by semicolons, so that none can contain one.
fn split_controls<'a>(joined: impl Iterator<Item = &'a SmolStr>, ctx: &mut Context) -> BTreeSet<SmolStr> {
    joined
        .flat_map(|ids| ids.split(';'))
        .filter(|id| !id.is_empty())
        .map(|id| ctx.share(id))
        .collect()
}

/// Notes what a reporter says of its own active controls; the newest word counts.
fn own_controls(node: &mut Node, timestamp: Timestamp, ids: BTreeSet<SmolStr>) {
    let (at, held) = node
        .active_controls
        .entry(SmolStr::new_static(OWN_CONTROLS))
        .or_default();
    if held.is_empty() || timestamp >= *at {
        (*at, *held) = (timestamp, ids);
    }
}

/// `latest`: facts by key, and the active controls among them.
struct Facts<'a>(&'a mut Node, &'a mut Vec<(SmolStr, Latest)>);

impl Record for Facts<'_> {
    const WHAT: &'static str = "a map of facts";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        let Fact {
            timestamp,
            value: Some(value),
        } = map.next_value_seed(ReadFact(ctx))?
        else {
            return Ok(());
        };
        if key == ACTIVE_CONTROLS {
            let ids = split_controls([&value].into_iter(), ctx);
            own_controls(self.0, timestamp, ids);
        } else {
            self.1.push((ctx.share(&key), Latest { timestamp, value }));
        }
        Ok(())
    }
}

/// One fact; without a value it is none.
struct Fact {
    timestamp: Timestamp,
    value: Option<SmolStr>,
}

struct ReadFact<'a>(&'a mut Context);

impl<'de> DeserializeSeed<'de> for ReadFact<'_> {
    type Value = Fact;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fact, D::Error> {
        deserializer.deserialize_newtype_struct(FACT, self)
    }
}

impl<'de> Visitor<'de> for ReadFact<'_> {
    type Value = Fact;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Fact::WHAT)
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, mut fact: A) -> Result<Fact, A::Error> {
        let timestamp = fact.next_element_seed(Written(self.0))?;
        Ok(Fact {
            timestamp: timestamp.unwrap_or_default(),
            value: fact.next_element_seed(Text(self.0))?,
        })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fact, D::Error> {
        let mut fact = Fact {
            timestamp: Timestamp::ZERO,
            value: None,
        };
        Fill(&mut fact, self.0).deserialize(deserializer)?;
        Ok(fact)
    }
}

impl Record for Fact {
    const WHAT: &'static str = "a fact with timestamp and value";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        match &*key {
            "timestamp" => self.timestamp = map.next_value_seed(Time(ctx))?,
            "value" => self.value = Some(map.next_value_seed(Text(ctx))?),
            _ => skip(map)?,
        }
        Ok(())
    }

    fn bare<E: Error>(&mut self, text: &str, ctx: &mut Context) -> Result<(), E> {
        ctx.warn(Oddity::BareLatest, || {
            let shown = quoted(text);
            format!("the fact {shown} has no timestamp around it: taken as of the time of receipt")
        });
        self.timestamp = ctx.received;
        self.value = Some(ctx.share(text));
        Ok(())
    }
}

/// What texts, ids and edges are on the wire.
const TEXTS: &str = "a list of texts";

/// Texts from a list; a single text stands for a list of one.
pub(super) struct Texts<'a, C>(pub(super) &'a mut C);

impl<C: Extend<SmolStr>> List for Texts<'_, C> {
    const WHAT: &'static str = TEXTS;

    fn item<'de, A: SeqAccess<'de>>(&mut self, seq: &mut A, ctx: &mut Context) -> Result<bool, A::Error> {
        let Some(text) = seq.next_element_seed(Text(ctx))? else {
            return Ok(false);
        };
        self.0.extend([text]);
        Ok(true)
    }

    fn bare<E: Error>(&mut self, text: &str, ctx: &mut Context) -> Result<(), E> {
        self.0.extend([ctx.share(text)]);
        Ok(())
    }
}

/// Ids from a list; a single id stands for a list of one.
struct Ids<'a>(&'a mut Vec<SmolStr>);

impl List for Ids<'_> {
    const WHAT: &'static str = TEXTS;

    fn item<'de, A: SeqAccess<'de>>(&mut self, seq: &mut A, ctx: &mut Context) -> Result<bool, A::Error> {
        let Some(id) = seq.next_element_seed(Id(ctx))? else {
            return Ok(false);
        };
        self.0.push(id);
        Ok(true)
    }

    fn bare<E: Error>(&mut self, id: &str, ctx: &mut Context) -> Result<(), E> {
        self.0.push(within_id(ctx.share(id))?);
        Ok(())
    }
}

/// Ids of the nodes that edges lead to, as many as a report may have.
struct Adjacency<'a>(&'a mut BTreeSet<SmolStr>);

impl List for Adjacency<'_> {
    const WHAT: &'static str = TEXTS;

    fn item<'de, A: SeqAccess<'de>>(&mut self, seq: &mut A, ctx: &mut Context) -> Result<bool, A::Error> {
        let Some(id) = seq.next_element_seed(Id(ctx))? else {
            return Ok(false);
        };
        if ctx.count_edge() {
            self.0.insert(id);
        }
        Ok(true)
    }

    fn bare<E: Error>(&mut self, id: &str, ctx: &mut Context) -> Result<(), E> {
        if ctx.count_edge() {
            self.0.insert(within_id(ctx.share(id))?);
        }
        Ok(())
    }
}

/// `parents`: sets of ids by tag. A set that is `null` or empty says nothing.
struct Parents<'a>(&'a mut Vec<(SmolStr, Names)>);

impl Record for Parents<'_> {
    const WHAT: &'static str = Sets::WHAT;

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        let mut ids = std::mem::take(&mut ctx.names);
        map.next_value_seed(Each(&mut Ids(&mut ids), ctx))?;
        if !ids.is_empty() {
            self.0.push((ctx.share(&key), ctx.share_names(&mut ids)));
        }
        ctx.names = ids;
        Ok(())
    }
}

/// `sets`: sets of texts by key. A set that is `null` or empty says nothing.
struct Sets<'a>(&'a mut Vec<(SmolStr, Names)>);

impl Record for Sets<'_> {
    const WHAT: &'static str = "a map of lists";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        let mut set = std::mem::take(&mut ctx.names);
        map.next_value_seed(Each(&mut Texts(&mut set), ctx))?;
        if !set.is_empty() {
            self.0.push((ctx.share(&key), ctx.share_names(&mut set)));
        }
        ctx.names = set;
        Ok(())
    }
}

/// `counters` of old reports.
struct Counters<'a>(&'a mut Vec<(SmolStr, i64)>);

impl Record for Counters<'_> {
    const WHAT: &'static str = "a map of counters";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        if let Some(count) = map.next_value_seed(Integer(ctx))? {
            self.0.push((ctx.share(&key), count));
        }
        Ok(())
    }
}

/// `edges` of old reports: what is known of an edge, by its target. The edge itself is all we keep.
struct Edges<'a>(&'a mut BTreeSet<SmolStr>);

impl Record for Edges<'_> {
    const WHAT: &'static str = "a map of edges";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        if ctx.count_edge() {
            self.0.insert(ctx.share(&key));
        }
        skip(map)
    }
}

/// `latestControls`: `{id: {timestamp, value: {dead}}}`.
struct Controls<'a>(&'a mut Node);

impl Record for Controls<'_> {
    const WHAT: &'static str = "a map of control states";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        let mut state = State(ControlState {
            timestamp: Timestamp::ZERO,
            dead: false,
        });
        map.next_value_seed(Fill(&mut state, ctx))?;
        self.0.latest_controls.insert(ctx.share(&key), state.0);
        Ok(())
    }
}

struct State(ControlState);

impl Record for State {
    const WHAT: &'static str = "a control state with timestamp and value";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        match &*key {
            "timestamp" => self.0.timestamp = map.next_value_seed(Time(ctx))?,
            "value" => map.next_value_seed(Fill(&mut Dead(&mut self.0.dead), ctx))?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct Dead<'a>(&'a mut bool);

impl Record for Dead<'_> {
    const WHAT: &'static str = "a map with \"dead\"";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        _: &mut Context,
    ) -> Result<(), A::Error> {
        match &*key {
            "dead" => *self.0 = map.next_value_seed(Truth)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// `controls` of reports of 2016: `{timestamp, controls: [ids]}`.
#[derive(Default)]
struct OldControls {
    timestamp: Option<Timestamp>,
    ids: BTreeSet<SmolStr>,
}

impl Record for OldControls {
    const WHAT: &'static str = "a map with \"timestamp\" and \"controls\"";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        match &*key {
            "timestamp" => self.timestamp = Some(map.next_value_seed(Time(ctx))?),
            "controls" => map.next_value_seed(Each(&mut Texts(&mut self.ids), ctx))?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Nested nodes, sorted by topology and id; one without an id is dropped, for it has no key to take.
struct Children<'a>(&'a mut Vec<Arc<Node>>);

impl List for Children<'_> {
    const WHAT: &'static str = "a list of nodes";

    fn item<'de, A: SeqAccess<'de>>(&mut self, seq: &mut A, ctx: &mut Context) -> Result<bool, A::Error> {
        if ctx.depth >= limits::CHILDREN_DEPTH {
            let most = limits::CHILDREN_DEPTH;
            return Err(A::Error::custom(format_args!(
                "nodes nest deeper than {most} levels"
            )));
        }
        let mut draft = Draft::default();
        ctx.depth += 1;
        let read = seq.next_element_seed(Fill(&mut draft, ctx));
        ctx.depth -= 1;
        if read?.is_none() {
            return Ok(false);
        }
        ctx.count_node()?;
        let node = draft.finish("", ctx);
        if !node.id.is_empty() {
            crate::merge::insert_child(self.0, Arc::new(node));
        }
        Ok(true)
    }
}
