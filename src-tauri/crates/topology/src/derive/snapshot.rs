//! All topologies of one snapshot, each made when it is first asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use orrery_model::{NodeId, Report, TopologyKind};
use rustc_hash::FxHashMap;

use crate::card::ends::Ends;
use crate::derive::carry::{Shelf, Shelved, Slot};
use crate::derive::catalog::{CATALOG, TopologyKey};
use crate::derive::changes::Changes;
use crate::derive::derived::{Derived, RenderEdge};
use crate::derive::endpoints::Endpoints;
use crate::derive::figures::{EdgeFigures, figures};
use crate::derive::kinds::{self, Kinds, Sources};
use crate::derive::layer::Layer;
use crate::derive::limits::MAX_SOURCES;
use crate::derive::node::{NodeKind, RenderNode, is_local};
use crate::derive::options::{Chosen, Filter, Names, draws_local_peers, options_of};
use crate::derive::settings::Settings;
use crate::derive::templates::Templates;
use crate::derive::{
    ChangeLookup, DeriveError, OriginLookup, clouds, containers, dropped, everything, hosts, kubernetes,
    local, processes,
};
use crate::facets::facts;
use crate::info::{TopologyInfo, ViewStats};
use crate::picture::PictureNode;
use crate::scope_api::Summary;
use crate::search::SearchIndex;
use crate::summary::only_host;
use crate::view::ParentRef;

/// What is derived from one snapshot's report.
pub struct Derivation {
    report: Arc<Report>,
    origins: Option<Arc<dyn OriginLookup>>,
    settings: Arc<Settings>,
    changes: Option<Arc<dyn ChangeLookup>>,
    endpoints: Slot<Endpoints>,
    names: Slot<Names>,
    /// Containers before what their images say is added.
    plain_containers: Slot<Layer>,
    layers: [Slot<Layer>; CATALOG.len()],
    /// The same with machines of the local network.
    local_layers: [Slot<Layer>; CATALOG.len()],
    templates: [Slot<Templates>; TopologyKind::ALL.len()],
    host_links: OnceLock<FxHashMap<NodeId, Arc<[ParentRef]>>>,
    ends: OnceLock<Ends>,
    search: OnceLock<SearchIndex>,
    /// Rises when what is shown of a node may differ though the node does not: templates, labels of others.
    labels_epoch: u64,
    /// Rises when nodes that say the same come from elsewhere, or turn stale or fresh.
    origins_epoch: u64,
    pub(crate) summaries: [Shelved<Summary>; CATALOG.len()],
    pub(crate) pictured: [Shelved<PictureNode>; CATALOG.len()],
}

impl std::fmt::Debug for Derivation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Derivation")
            .field("nodes", &self.report.node_count())
            .finish_non_exhaustive()
    }
}

impl Derivation {
    /// Of a report, and of where its nodes come from when that is known.
    pub fn new(report: Arc<Report>, origins: Option<Arc<dyn OriginLookup>>) -> Self {
        Derivation {
            report,
            origins,
            settings: Arc::default(),
            changes: None,
            endpoints: Slot::default(),
            names: Slot::default(),
            plain_containers: Slot::default(),
            layers: std::array::from_fn(|_| Slot::default()),
            local_layers: std::array::from_fn(|_| Slot::default()),
            templates: std::array::from_fn(|_| Slot::default()),
            host_links: OnceLock::new(),
            ends: OnceLock::new(),
            search: OnceLock::new(),
            labels_epoch: 0,
            origins_epoch: 0,
            summaries: std::array::from_fn(|_| Shelved::default()),
            pictured: std::array::from_fn(|_| Shelved::default()),
        }
    }

    /// The same where it is known what changed.
    #[must_use]
    pub fn with_changes(self, changes: Arc<dyn ChangeLookup>) -> Self {
        let changes = Some(changes);
        Derivation { changes, ..self }
    }

    /// Of another report of the same time under the same settings, with nothing taken over.
    #[must_use]
    pub fn anew(&self, report: Arc<Report>, origins: Option<Arc<dyn OriginLookup>>) -> Self {
        Derivation {
            settings: self.settings.clone(),
            changes: self.changes.clone(),
            ..Derivation::new(report, origins)
        }
    }

    /// Of the report that follows, of which the nodes in `changed` may differ from this one's or come from
    /// elsewhere, and no others. What they do not touch is taken over; the result is the same as that of
    /// [`Derivation::new`].
    #[must_use]
    pub fn next(
        &self,
        report: Arc<Report>,
        origins: Option<Arc<dyn OriginLookup>>,
        changed: &BTreeSet<(TopologyKind, NodeId)>,
    ) -> Self {
        let mut changes = Changes::between(&self.report, &report, changed);
        let mut next = self.anew(report, origins);
        if self.layers[TopologyKey::Everything.index()].used().is_some() {
            changes.origins |= self.plugins_moved(&next, changed);
        }
        let relabelled = !changes.records.is_empty() || changes.shape.meets(kinds::LABELLING);
        next.labels_epoch = self.labels_epoch + u64::from(relabelled);
        next.origins_epoch = self.origins_epoch + u64::from(changes.origins);
        next.endpoints = carried_endpoints(&self.endpoints, &changes);
        next.names = Slot::holding(
            self.names
                .used()
                .filter(|_| !changes.shape.meets(kinds::OPTION_NAMES))
                .cloned(),
        );
        next.plain_containers = carried_layer(&self.plain_containers, kinds::PLAIN, &changes);
        for entry in &CATALOG {
            let at = entry.key.index();
            if entry.key == TopologyKey::Everything && changes.origins {
                continue;
            }
            next.layers[at] = carried_layer(&self.layers[at], kinds::sources(entry.key), &changes);
        }
        for kind in TopologyKind::ALL {
            if !changes.records.meets(Kinds::of(&[kind])) {
                next.templates[kind as usize] = Slot::holding(self.templates[kind as usize].used().cloned());
            }
        }
        next.summaries = std::array::from_fn(|at| self.summaries[at].next());
        next.pictured = std::array::from_fn(|at| self.pictured[at].next());
        next
    }

    /// What a topology's pictures are made of. Where it is the same, pictures with the same options are.
    ///
    /// # Errors
    /// When there is no topology of this name.
    pub fn basis(&self, topology: &str) -> Result<Basis, DeriveError> {
        Ok(Basis {
            layer: self.layer(key(topology)?).clone(),
            endpoints: self.endpoints().clone(),
            names: self.names().clone(),
            facts: facts(&self.report),
            epoch: self.pictures_epoch(),
        })
    }

    /// Whether a plugin began or ceased to report one of these processes.
    fn plugins_moved(&self, next: &Derivation, changed: &BTreeSet<(TopologyKind, NodeId)>) -> bool {
        let plugins = |of: &Derivation| of.origins.as_ref().is_some_and(|o| o.any_plugin());
        if !plugins(self) && !plugins(next) {
            return false;
        }
        let process = TopologyKind::Process;
        changed
            .range((process, NodeId::default())..)
            .take_while(|(kind, _)| *kind == process)
            .any(|(kind, id)| self.reported_by_plugin(*kind, id) != next.reported_by_plugin(*kind, id))
    }

    /// Equal numbers mean that equal nodes are shown the same in Scope's form.
    pub(crate) fn summaries_epoch(&self) -> u64 {
        self.labels_epoch
    }

    /// The same of pictures, which show where nodes come from. Neither number ever falls, so that no two sums
    /// of them are equal by chance.
    pub(crate) fn pictures_epoch(&self) -> u64 {
        self.labels_epoch + self.origins_epoch
    }

    /// The same under settings.
    #[must_use]
    pub fn with_settings(self, settings: Arc<Settings>) -> Self {
        Derivation { settings, ..self }
    }

    /// The report it is made of.
    pub fn report(&self) -> &Arc<Report> {
        &self.report
    }

    /// A topology as a graph, with the nodes that the chosen options keep.
    ///
    /// # Errors
    /// When there is no topology of this name.
    pub fn derive(&self, topology: &str, chosen: Chosen<'_>) -> Result<Derived, DeriveError> {
        Ok(self.derived(key(topology)?, chosen))
    }

    /// What the connections of an edge add up to.
    pub fn edge_figures(&self, edge: RenderEdge<'_>) -> EdgeFigures {
        figures(self.endpoints(), edge.flows)
    }

    /// Every topology with its options, and how much the default options show of it.
    pub fn topologies(&self) -> Vec<TopologyInfo> {
        let defaults = Default::default();
        let chosen = Chosen::Values(&defaults);
        let mut all = self.topologies_with(chosen);
        for (info, entry) in all.iter_mut().zip(&CATALOG) {
            info.filtered = dropped::filtered(self, entry.key, chosen);
        }
        all
    }

    /// The same without saying what is not in them.
    pub(crate) fn topologies_with(&self, chosen: Chosen<'_>) -> Vec<TopologyInfo> {
        CATALOG
            .iter()
            .map(|entry| TopologyInfo {
                id: entry.id.to_owned(),
                parent: entry.parent.map(|p| p.id().to_owned()),
                name: entry.name.to_owned(),
                kind: entry.kind.to_owned(),
                shape: entry.shape.to_owned(),
                rank: entry.rank,
                hide_if_empty: entry.hide_if_empty,
                options: options_of(entry.key, self.names()),
                stats: self.stats(entry.key, chosen),
                filtered: Vec::new(),
            })
            .collect()
    }

    /// Counts of a topology.
    pub(crate) fn stats(&self, key: TopologyKey, chosen: Chosen<'_>) -> ViewStats {
        self.derived(key, chosen).stats
    }

    pub(crate) fn derived(&self, key: TopologyKey, chosen: Chosen<'_>) -> Derived {
        Derived::of(
            self.layer_chosen(key, chosen).clone(),
            &Filter::of(key, self.names(), chosen),
        )
    }

    /// The same, with one node in it whatever the options say.
    pub(crate) fn derived_keeping(&self, key: TopologyKey, node_id: &str, chosen: Chosen<'_>) -> Derived {
        let layer = if is_local(node_id) {
            self.local_layer(key)
        } else {
            self.layer_chosen(key, chosen)
        };
        Derived::of(
            layer.clone(),
            &Filter::of(key, self.names(), chosen).keeping(node_id),
        )
    }

    /// Whether a topology has a node, shown or not.
    pub(crate) fn has(&self, key: TopologyKey, node_id: &str) -> bool {
        let layer = if is_local(node_id) {
            self.local_layer(key)
        } else {
            self.layer(key)
        };
        layer.index.contains_key(node_id)
    }

    /// A topology before filters, with machines of the local network where the options ask for them.
    fn layer_chosen(&self, key: TopologyKey, chosen: Chosen<'_>) -> &Arc<Layer> {
        if draws_local_peers(key, chosen) {
            self.local_layer(key)
        } else {
            self.layer(key)
        }
    }

    /// What is made of each node of a layer of a topology.
    pub(crate) fn shelf<T>(
        &self,
        shelved: &[Shelved<T>; CATALOG.len()],
        key: TopologyKey,
        layer: &Arc<Layer>,
        epoch: u64,
    ) -> Arc<Shelf<T>> {
        let shelved = &shelved[key.index()];
        if Arc::ptr_eq(layer, self.layer(key)) {
            shelved.shelf(layer, epoch).clone()
        } else {
            shelved.aside(layer, epoch)
        }
    }

    fn local_layer(&self, key: TopologyKey) -> &Arc<Layer> {
        self.local_layers[key.index()].get(|| local::layer(self, key))
    }

    pub(crate) fn names(&self) -> &Arc<Names> {
        self.names.get(|| Names::of(&self.report, &self.settings))
    }

    pub(crate) fn endpoints(&self) -> &Arc<Endpoints> {
        self.endpoints.get(|| Endpoints::of(&self.report))
    }

    /// Which endpoints nodes stand for.
    pub(crate) fn ends(&self) -> &Ends {
        self.ends.get_or_init(|| Ends::of(&self.report, self.endpoints()))
    }

    /// Links to a host as the only parent.
    pub(crate) fn host_alone(&self, id: &NodeId) -> Arc<[ParentRef]> {
        let links = self.host_links.get_or_init(|| {
            let hosts = self.report.topology(TopologyKind::Host).nodes.keys();
            hosts.map(|id| (id.clone(), only_host(id))).collect()
        });
        links.get(id).cloned().unwrap_or_else(|| only_host(id))
    }

    /// How nodes of a kind are shown.
    pub(crate) fn templates(&self, kind: TopologyKind) -> &Arc<Templates> {
        self.templates[kind as usize].get(|| Templates::of(self.report.topology(kind)))
    }

    pub(crate) fn search_index(&self) -> &SearchIndex {
        self.search.get_or_init(|| SearchIndex::of(self))
    }

    /// A topology before filters.
    pub(crate) fn layer(&self, key: TopologyKey) -> &Arc<Layer> {
        self.layers[key.index()].get(|| self.make(key))
    }

    fn make(&self, key: TopologyKey) -> Layer {
        let report = &*self.report;
        let of = |key| self.layer(key);
        match key {
            TopologyKey::Everything => {
                let by_plugin = |kind, id: &NodeId| self.reported_by_plugin(kind, id);
                everything::everything(report, self.endpoints(), of(TopologyKey::Containers), by_plugin)
            }
            TopologyKey::Processes => processes::processes(report, self.endpoints(), None),
            TopologyKey::ProcessesByName => processes::by_name(of(TopologyKey::Processes)),
            TopologyKey::Containers => containers::with_images(report, self.plain_containers()),
            TopologyKey::ContainersByHostname => containers::by_hostname(of(TopologyKey::Containers)),
            TopologyKey::ContainersByImage => containers::by_image(report, of(TopologyKey::Containers)),
            TopologyKey::Pods => {
                kubernetes::pods(report, self.endpoints(), of(TopologyKey::Containers), None)
            }
            TopologyKey::KubeControllers => kubernetes::controllers(report, of(TopologyKey::Pods)),
            TopologyKey::Services => kubernetes::services(report, of(TopologyKey::Pods)),
            TopologyKey::EcsTasks => clouds::ecs_tasks(report, of(TopologyKey::Containers)),
            TopologyKey::EcsServices => clouds::ecs_services(report, of(TopologyKey::EcsTasks)),
            TopologyKey::SwarmServices => clouds::swarm_services(report, of(TopologyKey::Containers)),
            TopologyKey::Hosts => hosts::hosts(
                report,
                self.endpoints(),
                of(TopologyKey::Processes),
                self.plain_containers(),
                of(TopologyKey::ContainersByImage),
                of(TopologyKey::Pods),
                None,
            ),
            TopologyKey::Weave => hosts::weave(report),
        }
    }

    pub(crate) fn plain_containers(&self) -> &Arc<Layer> {
        self.plain_containers.get(|| {
            let processes = self.layer(TopologyKey::Processes);
            containers::containers(&self.report, self.endpoints(), processes, None)
        })
    }

    fn reported_by_plugin(&self, kind: TopologyKind, id: &NodeId) -> bool {
        self.origins.as_ref().is_some_and(|o| o.by_plugin(kind, id))
    }

    /// Sources whose reports name a node, or anything a group stands for.
    pub(crate) fn sources(&self, node: &RenderNode) -> Vec<String> {
        let Some(origins) = &self.origins else {
            return Vec::new();
        };
        let mut out = match node.kind {
            NodeKind::Known(kind) => origins.sources(kind, &node.id),
            NodeKind::Group(group) => {
                let members = node.children.iter().filter(|c| c.kind == group.member());
                members
                    .flat_map(|c| origins.sources(c.kind, &c.node.id))
                    .collect()
            }
            NodeKind::Pseudo(_) => Vec::new(),
        };
        out.sort_unstable();
        out.dedup();
        out.truncate(MAX_SOURCES);
        out
    }

    /// Whether what changed is known: it is of the present.
    pub(crate) fn knows_changes(&self) -> bool {
        self.changes.is_some()
    }

    /// Time since a node appeared or changed, in milliseconds; what stands for several changes with any.
    pub(crate) fn changed_ago_ms(&self, node: &RenderNode) -> Option<i64> {
        let changes = self.changes.as_ref()?;
        let below = |kind: Option<TopologyKind>| {
            let members = node
                .children
                .iter()
                .filter(move |c| kind.is_none_or(|kind| c.kind == kind));
            members
                .filter_map(|c| changes.changed_ago_ms(c.kind, &c.node.id))
                .min()
        };
        match node.kind {
            NodeKind::Known(TopologyKind::ContainerImage) => below(Some(TopologyKind::Container)),
            NodeKind::Known(kind) => changes.changed_ago_ms(kind, &node.id),
            NodeKind::Group(group) => below(Some(group.member())),
            NodeKind::Pseudo(_) => below(None),
        }
    }

    /// When a node was last seen, if it is stale; a group is when all its members are.
    pub(crate) fn stale_since_ms(&self, node: &RenderNode) -> Option<i64> {
        let origins = self.origins.as_ref()?;
        match node.kind {
            NodeKind::Known(kind) => origins.stale_since_ms(kind, &node.id),
            NodeKind::Group(group) => {
                let mut newest = None;
                for member in node.children.iter().filter(|c| c.kind == group.member()) {
                    newest = newest.max(Some(origins.stale_since_ms(member.kind, &member.node.id)?));
                }
                newest
            }
            NodeKind::Pseudo(_) => None,
        }
    }
}

/// What pictures of a topology are made of, to know whether they would differ.
#[derive(Debug, Clone)]
pub struct Basis {
    layer: Arc<Layer>,
    endpoints: Arc<Endpoints>,
    names: Arc<Names>,
    facts: BTreeMap<(String, String), String>,
    epoch: u64,
}

impl PartialEq for Basis {
    /// Holding what they are made of keeps places from being used again, so comparing places is enough.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.layer, &other.layer)
            && Arc::ptr_eq(&self.endpoints, &other.endpoints)
            && Arc::ptr_eq(&self.names, &other.names)
            && self.epoch == other.epoch
            && self.facts == other.facts
    }
}

fn carried_layer(slot: &Slot<Layer>, sources: Sources, changes: &Changes) -> Slot<Layer> {
    let anew = sources.shape.meets(changes.shape)
        || sources.blended.meets(changes.content)
        || (sources.joined && changes.dns);
    Slot::holding(slot.used().filter(|_| !anew).map(|layer| {
        if sources.carried.meets(changes.content) {
            Arc::new(layer.restated(&changes.said))
        } else {
            layer.clone()
        }
    }))
}

fn carried_endpoints(slot: &Slot<Endpoints>, changes: &Changes) -> Slot<Endpoints> {
    let anew = kinds::ENDPOINTS.meets(changes.shape) || changes.dns;
    Slot::holding(slot.used().filter(|_| !anew).map(|endpoints| {
        if changes.content.meets(kinds::ENDPOINTS) {
            Arc::new(endpoints.restated(&changes.said))
        } else {
            endpoints.clone()
        }
    }))
}

/// The topology of a name.
pub(crate) fn key(topology: &str) -> Result<TopologyKey, DeriveError> {
    TopologyKey::parse(topology).ok_or_else(|| DeriveError::UnknownTopology {
        topology: topology.to_owned(),
    })
}
