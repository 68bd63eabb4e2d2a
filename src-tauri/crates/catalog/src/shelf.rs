//! What one version of one source has, indexed.

use std::sync::Arc;

use orrery_packages::manifest::Interface;
use orrery_packages::policy::Rule;
use rustc_hash::FxHashMap;
use semver::Version;
use smol_str::SmolStr;

use crate::config::Layers;
use crate::entry::{MetricEntry, Told};
use crate::limits::METRICS_PER_SOURCE;
use crate::namespace::{Element, Namespace};
use crate::query::{Query, QueryElement};

/// Whether a source can be asked for values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Standing {
    /// It runs, or would as soon as somebody wants it.
    #[default]
    Ready,
    /// It is known, and cannot be had; a sentence says why.
    Away(String),
}

/// One version of a plugin, or what is built in.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Plugin id, or the name of what is built in.
    pub id: SmolStr,
    /// Version.
    pub version: Version,
    /// It is part of Orrery and always there.
    pub built_in: bool,
    /// Whether it can be asked for values.
    pub standing: Standing,
    /// What it offers.
    pub interfaces: Vec<Interface>,
    /// Rules of its config.
    pub policy: Vec<Rule>,
    /// Config that it has without any task: everything up to the instance.
    pub config: Layers,
}

impl Source {
    /// A source of which only name and version are known.
    #[must_use]
    pub fn new(id: impl Into<SmolStr>, version: Version) -> Source {
        Source {
            id: id.into(),
            version,
            built_in: false,
            standing: Standing::Ready,
            interfaces: vec![Interface::Reporter],
            policy: Vec::new(),
            config: Layers::default(),
        }
    }
}

/// Why a list of metrics is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShelfError {
    /// A name begins with something else than its source.
    #[error("{0} does not begin with /{1}")]
    Foreign(Namespace, SmolStr),
    /// More than anybody has.
    #[error("a source has at most {METRICS_PER_SOURCE} metrics")]
    TooMany,
}

/// Everything that one version of a source has. Never changes.
#[derive(Debug)]
pub struct Shelf {
    source: Arc<Source>,
    /// In order of names.
    entries: Vec<Arc<MetricEntry>>,
    /// The first is the root; see [`Branch`].
    branches: Vec<Branch>,
}

/// A place in the tree of names. What lies below it is one range of the ordered entries.
#[derive(Debug, Default)]
struct Branch {
    fixed: FxHashMap<SmolStr, u32>,
    dynamic: Vec<u32>,
    /// The entry that ends here.
    here: Option<u32>,
    /// First entry at or below it, and the one after the last.
    range: (u32, u32),
}

/// Values that a query gives to dynamic elements of a name, in order; none when it leaves all of them open.
pub type Instance = Option<Arc<[Option<SmolStr>]>>;

/// A metric that answers a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    /// The metric.
    pub entry: Arc<MetricEntry>,
    /// Values that the query gives to dynamic elements, in order; none when it leaves all of them open.
    pub instance: Instance,
}

impl Selected {
    /// The name, with what the query gives.
    #[must_use]
    pub fn namespace(&self) -> Namespace {
        match &self.instance {
            Some(values) => self.entry.namespace.filled(values),
            None => self.entry.namespace.clone(),
        }
    }
}

impl Shelf {
    /// What a source has; of two with one name, the last stays.
    ///
    /// # Errors
    /// When a name is not the source's, or there are too many. Then nothing is taken.
    pub fn new(source: Arc<Source>, metrics: Vec<(Namespace, Told)>) -> Result<Shelf, ShelfError> {
        if metrics.len() > METRICS_PER_SOURCE {
            return Err(ShelfError::TooMany);
        }
        if let Some((name, _)) = metrics.iter().find(|(name, _)| name.source() != source.id) {
            return Err(ShelfError::Foreign(name.clone(), source.id.clone()));
        }
        let mut entries: Vec<Arc<MetricEntry>> = Vec::with_capacity(metrics.len());
        let mut metrics = metrics;
        metrics.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (namespace, told) in metrics {
            let same = entries.last().is_some_and(|last| last.namespace == namespace);
            if same {
                entries.pop();
            }
            entries.push(Arc::new(MetricEntry {
                namespace,
                source: Arc::clone(&source),
                told,
            }));
        }
        let branches = grow(&entries);
        Ok(Shelf {
            source,
            entries,
            branches,
        })
    }

    /// The same metrics of a source of which something else is known by now.
    #[must_use]
    pub fn of(&self, source: Arc<Source>) -> Shelf {
        let metrics = self
            .entries
            .iter()
            .map(|entry| (entry.namespace.clone(), entry.told.clone()));
        // The names are in order already, and those of the same source.
        let entries: Vec<Arc<MetricEntry>> = metrics
            .map(|(namespace, told)| {
                Arc::new(MetricEntry {
                    namespace,
                    source: Arc::clone(&source),
                    told,
                })
            })
            .collect();
        let branches = grow(&entries);
        Shelf {
            source,
            entries,
            branches,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Its metrics, in order of names.
    #[must_use]
    pub fn entries(&self) -> &[Arc<MetricEntry>] {
        &self.entries
    }

    /// The metrics that answer a query, added to `into` in order of names; each once, with the values that the
    /// query gives to dynamic elements. False when there is none. The query has no tuples.
    pub(crate) fn select(&self, query: &Query, into: &mut Vec<Selected>) -> bool {
        let before = into.len();
        if let Some(root) = self.branches.first() {
            self.walk(root, query.elements(), &mut Vec::new(), into);
        }
        into.len() > before
    }

    fn walk(
        &self,
        branch: &Branch,
        wanted: &[QueryElement],
        values: &mut Vec<Option<SmolStr>>,
        into: &mut Vec<Selected>,
    ) {
        let Some((first, rest)) = wanted.split_first() else {
            let ends_here = branch.here.and_then(|at| self.entries.get(at as usize));
            into.extend(ends_here.map(|entry| selected(entry, values)));
            return;
        };
        match first {
            QueryElement::Any if rest.is_empty() => {
                // Below, not here.
                let (begin, end) = branch.range;
                let begin = begin + u32::from(branch.here.is_some());
                let below = self.entries.get(begin as usize..end as usize);
                into.extend(below.into_iter().flatten().map(|entry| selected(entry, values)));
            }
            QueryElement::Any => {
                let mut fixed: Vec<u32> = branch.fixed.values().copied().collect();
                fixed.sort_unstable();
                for at in fixed {
                    self.step(at, rest, values, into);
                }
                for at in &branch.dynamic {
                    values.push(None);
                    self.step(*at, rest, values, into);
                    values.pop();
                }
            }
            QueryElement::Exactly(value) => {
                // What is called so wins over what may be called so.
                if let Some(at) = branch.fixed.get(value) {
                    self.step(*at, rest, values, into);
                    return;
                }
                for at in &branch.dynamic {
                    values.push(Some(value.clone()));
                    self.step(*at, rest, values, into);
                    values.pop();
                }
            }
            QueryElement::OneOf(_) => {}
        }
    }

    fn step(
        &self,
        at: u32,
        rest: &[QueryElement],
        values: &mut Vec<Option<SmolStr>>,
        into: &mut Vec<Selected>,
    ) {
        if let Some(branch) = self.branches.get(at as usize) {
            self.walk(branch, rest, values, into);
        }
    }
}

fn selected(entry: &Arc<MetricEntry>, values: &[Option<SmolStr>]) -> Selected {
    Selected {
        entry: Arc::clone(entry),
        instance: values.iter().any(Option::is_some).then(|| values.into()),
    }
}

/// The tree over ordered entries.
fn grow(entries: &[Arc<MetricEntry>]) -> Vec<Branch> {
    let mut branches = vec![Branch::default()];
    // Branches from the root to where the last entry ended, with the element that led to each.
    let mut path: Vec<u32> = vec![0];
    let mut last: &[Element] = &[];
    for (at, entry) in entries.iter().enumerate() {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let elements = entry.namespace.elements();
        let common = elements.iter().zip(last).take_while(|(a, b)| a == b).count();
        path.truncate(common + 1);
        for element in &elements[common..] {
            let new = u32::try_from(branches.len()).unwrap_or(u32::MAX);
            branches.push(Branch {
                range: (at, at),
                ..Branch::default()
            });
            let parent = path.last().map_or(0, |parent| *parent as usize);
            match element {
                Element::Static(value) => drop(branches[parent].fixed.insert(value.clone(), new)),
                Element::Dynamic(_) => branches[parent].dynamic.push(new),
            }
            path.push(new);
        }
        for branch in &path {
            branches[*branch as usize].range.1 = at + 1;
        }
        if let Some(end) = path.last() {
            branches[*end as usize].here = Some(at);
        }
        last = elements;
    }
    branches
}
