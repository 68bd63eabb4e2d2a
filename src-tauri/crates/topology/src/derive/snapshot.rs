//! All topologies of one snapshot, each made when it is first asked for.

use std::sync::{Arc, OnceLock};

use orrery_model::{NodeId, Report, SmolStr, TopologyKind};
use rustc_hash::FxHashMap;

use crate::derive::catalog::{CATALOG, TopologyKey};
use crate::derive::derived::{Derived, RenderEdge};
use crate::derive::endpoints::Endpoints;
use crate::derive::figures::{EdgeFigures, figures};
use crate::derive::layer::Layer;
use crate::derive::limits::MAX_SOURCES;
use crate::derive::node::{NodeKind, RenderNode};
use crate::derive::options::{Chosen, Filter, Names, options_of};
use crate::derive::settings::Settings;
use crate::derive::templates::Templates;
use crate::derive::{
    DeriveError, OriginLookup, clouds, containers, everything, hosts, kubernetes, processes,
};
use crate::info::{TopologyInfo, ViewStats};
use crate::labels::host_label;
use crate::search::SearchIndex;

/// Sources of plugins begin with this.
const PLUGIN_SOURCE: &str = "plugin:";

/// What is derived from one snapshot's report.
pub struct Derivation {
    report: Arc<Report>,
    origins: Option<Arc<dyn OriginLookup>>,
    endpoints: OnceLock<Endpoints>,
    settings: Arc<Settings>,
    names: OnceLock<Names>,
    /// Containers before what their images say is added.
    plain_containers: OnceLock<Layer>,
    layers: [OnceLock<Layer>; CATALOG.len()],
    templates: [OnceLock<Templates>; TopologyKind::ALL.len()],
    host_labels: OnceLock<FxHashMap<NodeId, SmolStr>>,
    search: OnceLock<SearchIndex>,
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
            endpoints: OnceLock::new(),
            settings: Arc::default(),
            names: OnceLock::new(),
            plain_containers: OnceLock::new(),
            layers: std::array::from_fn(|_| OnceLock::new()),
            templates: std::array::from_fn(|_| OnceLock::new()),
            host_labels: OnceLock::new(),
            search: OnceLock::new(),
        }
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
    pub fn edge_figures(&self, edge: &RenderEdge) -> EdgeFigures {
        figures(self.endpoints(), &edge.flows)
    }

    /// Every topology with its options, and how much the default options show of it.
    pub fn topologies(&self) -> Vec<TopologyInfo> {
        let defaults = Default::default();
        self.topologies_with(Chosen::Values(&defaults))
    }

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
            })
            .collect()
    }

    /// Counts of a topology.
    pub(crate) fn stats(&self, key: TopologyKey, chosen: Chosen<'_>) -> ViewStats {
        self.derived(key, chosen).stats
    }

    pub(crate) fn derived(&self, key: TopologyKey, chosen: Chosen<'_>) -> Derived {
        Derived::of(self.layer(key), &Filter::of(key, self.names(), chosen))
    }

    /// The same, with one node in it whatever the options say.
    pub(crate) fn derived_keeping(&self, key: TopologyKey, node_id: &str, chosen: Chosen<'_>) -> Derived {
        Derived::of(
            self.layer(key),
            &Filter::of(key, self.names(), chosen).keeping(node_id),
        )
    }

    pub(crate) fn names(&self) -> &Names {
        self.names.get_or_init(|| Names::of(&self.report, &self.settings))
    }

    pub(crate) fn endpoints(&self) -> &Endpoints {
        self.endpoints.get_or_init(|| Endpoints::of(&self.report))
    }

    /// Short name of a host; nearly every node has one as its parent.
    pub(crate) fn host_label(&self, id: &NodeId) -> SmolStr {
        let labels = self.host_labels.get_or_init(|| {
            let hosts = self.report.topology(TopologyKind::Host).nodes.keys();
            hosts.map(|id| (id.clone(), host_label(id))).collect()
        });
        labels.get(id).cloned().unwrap_or_else(|| host_label(id))
    }

    /// How nodes of a kind are shown.
    pub(crate) fn templates(&self, kind: TopologyKind) -> &Templates {
        self.templates[kind as usize].get_or_init(|| Templates::of(self.report.topology(kind)))
    }

    pub(crate) fn search_index(&self) -> &SearchIndex {
        self.search.get_or_init(|| SearchIndex::of(self))
    }

    /// A topology before filters.
    pub(crate) fn layer(&self, key: TopologyKey) -> &Layer {
        self.layers[key.index()].get_or_init(|| self.make(key))
    }

    fn make(&self, key: TopologyKey) -> Layer {
        let report = &*self.report;
        let of = |key| self.layer(key);
        match key {
            TopologyKey::Everything => {
                let by_plugin = |kind, id: &NodeId| self.reported_by_plugin(kind, id);
                everything::everything(report, self.endpoints(), of(TopologyKey::Containers), by_plugin)
            }
            TopologyKey::Processes => processes::processes(report, self.endpoints()),
            TopologyKey::ProcessesByName => processes::by_name(of(TopologyKey::Processes)),
            TopologyKey::Containers => containers::with_images(report, self.plain_containers()),
            TopologyKey::ContainersByHostname => containers::by_hostname(of(TopologyKey::Containers)),
            TopologyKey::ContainersByImage => containers::by_image(report, of(TopologyKey::Containers)),
            TopologyKey::Pods => kubernetes::pods(report, self.endpoints(), of(TopologyKey::Containers)),
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
            ),
            TopologyKey::Weave => hosts::weave(report),
        }
    }

    fn plain_containers(&self) -> &Layer {
        self.plain_containers.get_or_init(|| {
            containers::containers(&self.report, self.endpoints(), self.layer(TopologyKey::Processes))
        })
    }

    fn reported_by_plugin(&self, kind: TopologyKind, id: &NodeId) -> bool {
        self.origins
            .as_ref()
            .is_some_and(|o| o.sources(kind, id).iter().any(|s| s.starts_with(PLUGIN_SOURCE)))
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

/// The topology of a name.
pub(crate) fn key(topology: &str) -> Result<TopologyKey, DeriveError> {
    TopologyKey::parse(topology).ok_or_else(|| DeriveError::UnknownTopology {
        topology: topology.to_owned(),
    })
}
