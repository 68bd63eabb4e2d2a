//! What a group asks for, and what that means at present.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use orrery_packages::manifest::Interface;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use smol_str::SmolStr;
use ts_rs::TS;

use crate::catalog::Catalog;
use crate::config::{LayerKind, Resolved, resolve};
use crate::query::{Query, Versions};
use crate::shelf::{Selected, Shelf, Source, Standing};

/// Metrics that a group asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// Which.
    pub query: Query,
    /// In which versions.
    pub versions: Versions,
    /// When nothing answers, that is a note and not a problem.
    pub optional: bool,
}

impl Want {
    /// The newest of what a query asks for.
    #[must_use]
    pub fn new(query: Query) -> Want {
        Want {
            query,
            versions: Versions::Latest,
            optional: false,
        }
    }
}

/// A plugin that a group asks for by name: a processor or publisher.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginWant {
    /// Where that is said, such as `process[0].publish[1]`.
    pub path: String,
    /// Its id.
    pub plugin: SmolStr,
    /// In which versions.
    pub versions: Versions,
    /// What it has to offer.
    pub interface: Interface,
    /// Config for this place.
    pub config: Map<String, Value>,
}

/// What a group asks for. It is the group's own and never changes by itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GroupRequest {
    /// Id: the task's.
    pub id: SmolStr,
    /// Metrics.
    pub wants: Vec<Want>,
    /// Processors and publishers that are plugins.
    pub plugins: Vec<PluginWant>,
    /// Config of the task by source; under the empty name, what is for all that know the key.
    pub config: BTreeMap<SmolStr, Map<String, Value>>,
}

impl GroupRequest {
    /// Whether what happens to a source may mean anything to it.
    #[must_use]
    pub fn concerns(&self, source: &str) -> bool {
        self.wants.iter().any(|want| want.query.concerns(source))
            || self.plugins.iter().any(|want| want.plugin == source)
            || self.config.contains_key(source)
    }
}

/// What a plugin is needed for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// It has metrics.
    Collect,
    /// It works on values.
    Process,
    /// It takes values elsewhere.
    Publish,
}

/// A source that a group needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// The source, in the version that is meant.
    pub source: Arc<Source>,
    /// What for.
    pub part: Part,
    /// Where that is said; empty for what has metrics.
    pub path: String,
    /// Its config, with everything filled in.
    pub config: Resolved,
    /// The task makes it another config than the source has without it. Only for what has metrics.
    pub differs: bool,
}

/// Kinds of problems.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// Nothing answers a query.
    NoMetric,
    /// There is no such plugin.
    NoPlugin,
    /// It is known, and cannot be had now.
    Away,
    /// It does not offer what is asked of it.
    NoInterface,
    /// A value of the config is not as its rule says.
    Config,
    /// It cannot be made to run.
    Lease,
}

/// Why a group does not get what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, schemars::JsonSchema)]
pub struct Problem {
    /// In a word.
    pub kind: ProblemKind,
    /// What it is about: a query, or the place in the task.
    pub subject: String,
    /// In a sentence.
    pub message: String,
    /// The group gets along without.
    pub note: bool,
}

/// What a group's request means at present. Never changes: who took one has it for the whole run.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The group.
    pub group: SmolStr,
    /// Counts the different views of this group; the first is 1.
    pub number: u64,
    /// What is asked for.
    pub request: Arc<GroupRequest>,
    /// Who is needed: those with metrics in order of ids, then processors and publishers as they are asked for.
    pub needs: Vec<Need>,
    /// Metrics that are there to be collected.
    pub metrics: Vec<Selected>,
    /// Why something is missing.
    pub problems: Vec<Problem>,
}

impl View {
    /// Whether the group gets what it asks for, notes aside. Otherwise it waits.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.problems.iter().all(|problem| problem.note)
    }

    /// Plugins that have to run for it: none while it waits.
    #[must_use]
    pub fn leased(&self) -> BTreeSet<SmolStr> {
        if !self.is_ready() {
            return BTreeSet::new();
        }
        self.plugins().map(SmolStr::from).collect()
    }

    /// Plugins that it needs, whether it waits or not; some of them several times.
    pub fn plugins(&self) -> impl Iterator<Item = &str> {
        let plugins = self.needs.iter().filter(|need| !need.source.built_in);
        plugins.map(|need| need.source.id.as_str())
    }

    /// The config of a processor or publisher at its place in the task.
    #[must_use]
    pub fn config_at(&self, path: &str) -> Option<&Resolved> {
        let found = self
            .needs
            .iter()
            .find(|need| !need.path.is_empty() && need.path == path);
        found.map(|need| &need.config)
    }

    /// Whether another view means the same, whatever its number.
    #[must_use]
    pub fn means_the_same(&self, other: &View) -> bool {
        let metrics = |a: &Selected, b: &Selected| {
            a.instance == b.instance
                && (Arc::ptr_eq(&a.entry, &b.entry)
                    || (a.entry.namespace == b.entry.namespace
                        && a.entry.source.version == b.entry.source.version
                        && a.entry.told.place == b.entry.told.place))
        };
        let needs = |a: &Need, b: &Need| {
            a.part == b.part
                && a.path == b.path
                && a.config == b.config
                && a.differs == b.differs
                && a.source.id == b.source.id
                && a.source.version == b.source.version
        };
        self.request == other.request
            && self.problems == other.problems
            && all(&self.needs, &other.needs, needs)
            && all(&self.metrics, &other.metrics, metrics)
    }
}

fn all<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

/// What a request means with this catalog. Pure: looks at nothing else, and changes nothing.
#[must_use]
pub(crate) fn process(request: &Arc<GroupRequest>, catalog: &Catalog) -> View {
    let mut view = View {
        group: request.id.clone(),
        number: 1,
        request: Arc::clone(request),
        ..View::default()
    };
    let mut collectors: BTreeMap<(SmolStr, semver::Version), Arc<Source>> = BTreeMap::new();
    for want in &request.wants {
        collect(want, catalog, &mut view, &mut collectors);
    }
    for source in collectors.into_values() {
        let config = config_for(request, &source, "", &Map::new(), &mut view.problems);
        view.needs.push(Need {
            differs: differs(request, &source, &config),
            source,
            part: Part::Collect,
            path: String::new(),
            config,
        });
    }
    for want in &request.plugins {
        by_name(want, request, catalog, &mut view);
    }
    view
}

fn collect(
    want: &Want,
    catalog: &Catalog,
    view: &mut View,
    collectors: &mut BTreeMap<(SmolStr, semver::Version), Arc<Source>>,
) {
    let mut problem = |kind, subject: String, message: String| {
        view.problems.push(Problem {
            kind,
            subject,
            message,
            note: want.optional,
        });
    };
    let found = catalog.select(&want.query, &want.versions);
    for missing in found.missing {
        let versions = match &want.versions {
            Versions::Range(range) => format!(" in version {range}"),
            Versions::Latest | Versions::All => String::new(),
        };
        let message = format!("There is no metric {missing}{versions}.");
        problem(ProblemKind::NoMetric, missing.to_string(), message);
    }
    let mut away: Option<(Arc<Source>, String)> = None;
    let mut any = false;
    for metric in found.metrics {
        let source = &metric.entry.source;
        match &source.standing {
            Standing::Ready => {
                any = true;
                let key = (source.id.clone(), source.version.clone());
                collectors.entry(key).or_insert_with(|| Arc::clone(source));
                view.metrics.push(metric);
            }
            Standing::Away(why) => {
                away.get_or_insert_with(|| (Arc::clone(source), why.clone()));
            }
        }
    }
    // Of what stands for many, those that are there are enough.
    if let Some((source, why)) = away
        && !any
    {
        let message = format!("{} {} has it: {why}", source.id, source.version);
        problem(ProblemKind::Away, want.query.to_string(), message);
    }
}

fn by_name(want: &PluginWant, request: &GroupRequest, catalog: &Catalog, view: &mut View) {
    let mut problem = |kind, message: String| {
        view.problems.push(Problem {
            kind,
            subject: want.path.clone(),
            message,
            note: false,
        });
    };
    let id = &want.plugin;
    let Some(shelf) = catalog.one_of(id, &want.versions) else {
        let held: Vec<String> = catalog
            .source(id)
            .iter()
            .map(|s| s.source().version.to_string())
            .collect();
        let message = match held.is_empty() {
            true => format!("There is no plugin {id}."),
            false => format!(
                "There is no plugin {id} in version {}; there is {}.",
                want.versions,
                held.join(", ")
            ),
        };
        problem(ProblemKind::NoPlugin, message);
        return;
    };
    let source = Shelf::source(shelf);
    if let Standing::Away(why) = &source.standing {
        problem(ProblemKind::Away, format!("{id} cannot be had: {why}"));
        return;
    }
    if !source.interfaces.contains(&want.interface) {
        let message = format!("{id} is no {}: {}", want.interface.as_str(), capabilities(source));
        problem(ProblemKind::NoInterface, message);
        return;
    }
    let config = config_for(request, source, &want.path, &want.config, &mut view.problems);
    view.needs.push(Need {
        source: Arc::clone(source),
        part: match want.interface {
            Interface::Processor => Part::Process,
            _ => Part::Publish,
        },
        path: want.path.clone(),
        config,
        differs: false,
    });
}

/// What a plugin can do in a task, in a sentence.
fn capabilities(source: &Source) -> String {
    let can = |interface| source.interfaces.contains(&interface);
    match (
        can(Interface::Processor),
        can(Interface::Publisher),
        can(Interface::Reporter),
    ) {
        (true, _, _) => "it processes; name it under process.",
        (_, true, _) => "it publishes; name it under publish.",
        (_, _, true) => "it reports; name its metrics under collect.",
        _ => "it does nothing in a task.",
    }
    .to_owned()
}

/// Whether what the task says makes a source's config another than it is without the task.
fn differs(request: &GroupRequest, source: &Source, config: &Resolved) -> bool {
    let says = |name: &str| request.config.get(name).is_some_and(|values| !values.is_empty());
    if !says(&source.id) && !says("") {
        return false;
    }
    let without = resolve(&source.policy, &source.config);
    !without.is_ok_and(|without| without.values == config.values)
}

fn config_for(
    request: &GroupRequest,
    source: &Source,
    path: &str,
    own: &Map<String, Value>,
    problems: &mut Vec<Problem>,
) -> Resolved {
    let of_task = |name: &str| request.config.get(name).cloned().unwrap_or_default();
    // What is for all is meant for those who know the key.
    let mut wide = of_task("");
    wide.retain(|key, _| source.policy.iter().any(|rule| rule.key == *key));
    let layers = source
        .config
        .clone()
        .with(LayerKind::Task, wide)
        .with(LayerKind::Task, of_task(&source.id))
        .with(LayerKind::Task, own.clone());
    match resolve(&source.policy, &layers) {
        Ok(resolved) => resolved,
        Err(errors) => {
            let place = if path.is_empty() {
                format!("config./{}", source.id)
            } else {
                format!("{path}.config")
            };
            problems.extend(errors.into_iter().map(|error| Problem {
                kind: ProblemKind::Config,
                subject: match error.key.is_empty() {
                    true => place.clone(),
                    false => format!("{place}.{}", error.key),
                },
                message: format!("{}: {} ({})", source.id, error.message, error.layer.as_str()),
                note: false,
            }));
            Resolved::default()
        }
    }
}
