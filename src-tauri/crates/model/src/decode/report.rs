//! The top level of a report, and its topologies.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::{MapAccess, SeqAccess};

use super::context::{Context, Oddity, quoted};
use super::node::{Draft, skip};
use super::scalar::{Id, Integer, Text, Time, Truth};
use super::shape::{Each, Fill, List, Record};
use super::template::{ByKey, NOT_SAID};
use crate::{DnsRecord, Node, NodeId, PluginSpec, Report, Sampling, SmolStr, Topology, TopologyKind, limits};

/// A report as it is being read.
#[derive(Default)]
pub(super) struct ReportDraft {
    report: Report,
    /// Nodes that stand in the topology of another kind than the one they say they are of.
    strays: Vec<(TopologyKind, Node)>,
}

impl ReportDraft {
    pub(super) fn finish(self) -> Report {
        let ReportDraft { mut report, strays } = self;
        for (kind, node) in strays {
            match report.topology_mut(kind).nodes.entry(node.id.clone()) {
                std::collections::btree_map::Entry::Vacant(free) => {
                    free.insert(Arc::new(node));
                }
                std::collections::btree_map::Entry::Occupied(mut held) => {
                    Arc::make_mut(held.get_mut()).merge(&node);
                }
            }
        }
        let ts = report.ts;
        for control in report
            .topologies
            .values_mut()
            .flat_map(|t| t.controls.values_mut())
        {
            if control.declared == NOT_SAID {
                control.declared = ts;
            }
        }
        super::upgrade::upgrade(&mut report);
        report
    }
}

impl Record for ReportDraft {
    const WHAT: &'static str = "a report";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        let report = &mut self.report;
        match &*key {
            "TS" => report.ts = map.next_value_seed(Time(ctx))?,
            // Old probes wrote DNS under the key `nodes` by mistake.
            "DNS" | "nodes" => map.next_value_seed(Fill(&mut Dns(&mut report.dns), ctx))?,
            "Sampling" => map.next_value_seed(Fill(&mut report.sampling, ctx))?,
            "Window" => report.window_ns = map.next_value_seed(Integer(ctx))?.unwrap_or_default(),
            "Shortcut" => report.shortcut = map.next_value_seed(Truth)?,
            "Plugins" => map.next_value_seed(Each(&mut Plugins(&mut report.plugins), ctx))?,
            "ID" => report.id = map.next_value_seed(Id(ctx))?,
            "Address" => {
                ctx.warn(Oddity::Address, || {
                    "the old topology \"Address\" is ignored".to_owned()
                });
                skip(map)?;
            }
            other => match TopologyKind::from_key(other) {
                Some(kind) => {
                    ctx.kind = Some(kind);
                    let topology = std::mem::take(report.topology_mut(kind));
                    let mut draft = TopologyDraft {
                        kind,
                        topology,
                        strays: &mut self.strays,
                    };
                    map.next_value_seed(Fill(&mut draft, ctx))?;
                    let topology = draft.topology;
                    if topology == Topology::default() || topology == crate::encode::blank(kind) {
                        report.topologies.remove(&kind);
                    } else {
                        *report.topology_mut(kind) = topology;
                    }
                    ctx.kind = None;
                }
                None => skip(map)?,
            },
        }
        Ok(())
    }
}

struct TopologyDraft<'a> {
    kind: TopologyKind,
    topology: Topology,
    strays: &'a mut Vec<(TopologyKind, Node)>,
}

impl Record for TopologyDraft<'_> {
    const WHAT: &'static str = "a topology";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        let topology = &mut self.topology;
        match &*key {
            "nodes" => {
                let mut nodes = Nodes {
                    kind: self.kind,
                    read: Vec::new(),
                    strays: self.strays,
                };
                map.next_value_seed(Fill(&mut nodes, ctx))?;
                // Building the map from a list at once is faster than one insertion after the other.
                let mut read: BTreeMap<_, _> = nodes.read.into_iter().collect();
                topology.nodes.append(&mut read);
            }
            "shape" => topology.shape = map.next_value_seed(Text(ctx))?,
            "tag" => topology.tag = map.next_value_seed(Text(ctx))?,
            "label" => topology.label = map.next_value_seed(Text(ctx))?,
            "label_plural" => topology.label_plural = map.next_value_seed(Text(ctx))?,
            "controls" => map.next_value_seed(Fill(&mut ByKey(&mut topology.controls), ctx))?,
            "metadata_templates" => {
                map.next_value_seed(Fill(&mut ByKey(&mut topology.metadata_templates), ctx))?;
            }
            "metric_templates" => {
                map.next_value_seed(Fill(&mut ByKey(&mut topology.metric_templates), ctx))?;
            }
            "table_templates" => {
                map.next_value_seed(Fill(&mut ByKey(&mut topology.table_templates), ctx))?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Nodes by id.
struct Nodes<'a> {
    kind: TopologyKind,
    read: Vec<(NodeId, Arc<Node>)>,
    strays: &'a mut Vec<(TopologyKind, Node)>,
}

impl Record for Nodes<'_> {
    const WHAT: &'static str = "a map of nodes";
    const ENTRIES: usize = usize::MAX;

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        if let Err(error) = ctx.count_node() {
            ctx.blame(|| format!("node {}", quoted(&key)));
            return Err(error);
        }
        let mut draft = Draft::default();
        if let Err(error) = map.next_value_seed(Fill(&mut draft, ctx)) {
            ctx.blame(|| format!("node {}", quoted(&key)));
            return Err(error);
        }
        let node = draft.finish(&key, ctx);
        if node.id.is_empty() {
            return Ok(());
        }
        if !node.topology.is_empty() && node.topology != self.kind.tag() {
            let kind = self.kind;
            if let Some(said) = TopologyKind::from_tag(&node.topology) {
                ctx.warn(Oddity::ForeignTag, || {
                    let (id, tag) = (quoted(&node.id), quoted(&node.topology));
                    format!("node {id} stands in {kind} but says it is {tag}: taken as {said}")
                });
                self.strays.push((said, node));
                return Ok(());
            }
            ctx.warn(Oddity::UnknownTag, || {
                let (id, tag) = (quoted(&node.id), quoted(&node.topology));
                format!("node {id} in {kind} says it is {tag}, which is no topology")
            });
        }
        self.read.push((node.id.clone(), Arc::new(node)));
        Ok(())
    }
}

/// `DNS`: names by address. Some old probes wrap the map once more in `nodes`.
struct Dns<'a>(&'a mut BTreeMap<SmolStr, DnsRecord>);

impl Record for Dns<'_> {
    const WHAT: &'static str = "a map of DNS records";
    const ENTRIES: usize = limits::DNS_RECORDS;

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        if key == "nodes" {
            return map.next_value_seed(Fill(&mut Wrapped(self.0), ctx));
        }
        record(self.0, &key, map, ctx)
    }
}

struct Wrapped<'a>(&'a mut BTreeMap<SmolStr, DnsRecord>);

impl Record for Wrapped<'_> {
    const WHAT: &'static str = Dns::WHAT;
    const ENTRIES: usize = limits::DNS_RECORDS;

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        // No address, and what would be read as another wrapping when it is written again.
        if key == "nodes" {
            return skip(map);
        }
        record(self.0, &key, map, ctx)
    }
}

fn record<'de, A: MapAccess<'de>>(
    dns: &mut BTreeMap<SmolStr, DnsRecord>,
    address: &str,
    map: &mut A,
    ctx: &mut Context,
) -> Result<(), A::Error> {
    let record = dns.entry(ctx.share(address)).or_default();
    map.next_value_seed(Fill(record, ctx))
}

impl Record for DnsRecord {
    const WHAT: &'static str = "a DNS record";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        match &*key {
            "forward" => map.next_value_seed(Each(&mut super::node::Texts(&mut self.forward), ctx)),
            "reverse" => map.next_value_seed(Each(&mut super::node::Texts(&mut self.reverse), ctx)),
            _ => skip(map),
        }
    }
}

impl Record for Sampling {
    const WHAT: &'static str = "a map with \"Count\" and \"Total\"";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        let count = match &*key {
            "Count" => &mut self.count,
            "Total" => &mut self.total,
            _ => return skip(map),
        };
        *count = u64::try_from(map.next_value_seed(Integer(ctx))?.unwrap_or_default()).unwrap_or(0);
        Ok(())
    }
}

/// `Plugins`: what plugins say of themselves, but not how they are: that is for the host to say.
struct Plugins<'a>(&'a mut Vec<PluginSpec>);

impl List for Plugins<'_> {
    const WHAT: &'static str = "a list of plugins";
    const ENTRIES: usize = limits::PLUGINS;

    fn item<'de, A: SeqAccess<'de>>(&mut self, seq: &mut A, ctx: &mut Context) -> Result<bool, A::Error> {
        let mut plugin = PluginSpec::default();
        if seq.next_element_seed(Fill(&mut plugin, ctx))?.is_none() {
            return Ok(false);
        }
        self.0.push(plugin);
        Ok(true)
    }
}

impl Record for PluginSpec {
    const WHAT: &'static str = "a plugin";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        match &*key {
            "id" => self.id = map.next_value_seed(Id(ctx))?,
            "label" => self.label = map.next_value_seed(Text(ctx))?,
            "description" => self.description = map.next_value_seed(Text(ctx))?,
            "interfaces" => map.next_value_seed(Each(&mut Interfaces(&mut self.interfaces), ctx))?,
            "api_version" => self.api_version = map.next_value_seed(Text(ctx))?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct Interfaces<'a>(&'a mut Vec<SmolStr>);

impl List for Interfaces<'_> {
    const WHAT: &'static str = "a list of interfaces";

    fn item<'de, A: SeqAccess<'de>>(&mut self, seq: &mut A, ctx: &mut Context) -> Result<bool, A::Error> {
        let Some(interface) = seq.next_element_seed(Text(ctx))? else {
            return Ok(false);
        };
        self.0.push(interface);
        Ok(true)
    }
}
