//! Everything that can be measured.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use semver::Version;
use smol_str::SmolStr;

use crate::entry::MetricEntry;
use crate::namespace::Namespace;
use crate::query::{Query, QueryElement, Versions};
use crate::shelf::{Instance, Selected, Shelf, Standing};

/// All sources and what they have. Never changes: with and without a source, it is another one, and shares the rest.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Versions of each source, newest first.
    sources: BTreeMap<SmolStr, Vec<Arc<Shelf>>>,
}

/// What answers a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Metrics, in order of sources, versions (newest first) and names.
    pub metrics: Vec<Selected>,
    /// Combinations of the query's tuples to which nothing answers; the query itself when it has none.
    pub missing: Vec<Query>,
}

/// Why there is no single metric to be told of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookUpError {
    /// There is none of this name.
    #[error("there is no metric {0}")]
    NotFound(Query),
    /// There is one, of other versions.
    #[error("there is no metric {0} in version {1}; there is {2}")]
    NoVersion(Query, Versions, String),
    /// Several answer.
    #[error("{0} stands for {1} metrics; ask for one")]
    Ambiguous(Query, usize),
}

impl Catalog {
    /// The catalog with this shelf, in the place of the one of the same source and version.
    #[must_use]
    pub fn with(&self, shelf: Arc<Shelf>) -> Catalog {
        let mut sources = self.sources.clone();
        let versions = sources.entry(shelf.source().id.clone()).or_default();
        versions.retain(|held| held.source().version != shelf.source().version);
        versions.push(shelf);
        versions.sort_by(|a, b| b.source().version.cmp(&a.source().version));
        Catalog { sources }
    }

    /// The catalog without a version of a source; without all of them when none is named.
    #[must_use]
    pub fn without(&self, source: &str, version: Option<&Version>) -> Catalog {
        let mut sources = self.sources.clone();
        if let Some(versions) = sources.get_mut(source) {
            versions.retain(|held| version.is_some_and(|version| held.source().version != *version));
            if versions.is_empty() {
                sources.remove(source);
            }
        }
        Catalog { sources }
    }

    /// Versions of a source, newest first.
    #[must_use]
    pub fn source(&self, id: &str) -> &[Arc<Shelf>] {
        self.sources.get(id).map_or(&[], Vec::as_slice)
    }

    /// The version of a source that is asked for: the newest that can be had, else the newest.
    #[must_use]
    pub fn one_of(&self, id: &str, versions: &Versions) -> Option<&Arc<Shelf>> {
        let mut taken = self
            .source(id)
            .iter()
            .filter(|shelf| versions.take(&shelf.source().version));
        let first = taken.clone().next();
        taken
            .find(|shelf| shelf.source().standing == Standing::Ready)
            .or(first)
    }

    /// All shelves, in order of sources and versions, newest first.
    pub fn shelves(&self) -> impl Iterator<Item = &Arc<Shelf>> {
        self.sources.values().flatten()
    }

    /// Number of metrics, versions counted one by one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shelves().map(|shelf| shelf.entries().len()).sum()
    }

    /// Whether there is no metric.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The metrics that answer a query, whether they can be had now or not. Of versions that have the same metric,
    /// [`Versions::All`] takes each; else the newest that can be had counts, and the newest when none can.
    #[must_use]
    pub fn select(&self, query: &Query, versions: &Versions) -> Found {
        let mut found = Found::default();
        let single = [query.clone()];
        let combinations = if query.elements().iter().any(is_tuple) {
            query.combinations()
        } else {
            single.to_vec()
        };
        for combination in combinations {
            let mut any = false;
            for shelves in self.concerned(&combination) {
                any |= select_from(shelves, &combination, versions, &mut found.metrics);
            }
            if !any {
                found.missing.push(combination);
            }
        }
        found
    }

    /// The one metric that answers a query.
    ///
    /// # Errors
    /// When none does, or several.
    pub fn look_up(&self, query: &Query, versions: &Versions) -> Result<Selected, LookUpError> {
        let mut found = self.select(query, versions);
        match found.metrics.len() {
            1 if found.missing.is_empty() => Ok(found.metrics.swap_remove(0)),
            0 => {
                let others = self.select(query, &Versions::All).metrics;
                let mut others: Vec<String> = others
                    .iter()
                    .map(|metric| metric.entry.source.version.to_string())
                    .collect();
                others.dedup();
                Err(match others.is_empty() {
                    true => LookUpError::NotFound(query.clone()),
                    false => LookUpError::NoVersion(query.clone(), versions.clone(), others.join(", ")),
                })
            }
            many => Err(LookUpError::Ambiguous(query.clone(), many)),
        }
    }

    /// Every version of a metric, newest first.
    #[must_use]
    pub fn versions_of(&self, name: &Namespace) -> Vec<Arc<MetricEntry>> {
        let shelves = self.source(name.source()).iter();
        let found = shelves.filter_map(|shelf| {
            let at = shelf
                .entries()
                .binary_search_by(|entry| entry.namespace.cmp(name))
                .ok()?;
            shelf.entries().get(at).cloned()
        });
        found.collect()
    }

    /// Sources of which something is not as in another catalog, in order.
    #[must_use]
    pub fn differences(&self, other: &Catalog) -> Vec<SmolStr> {
        let same = |id: &SmolStr| {
            let (here, there) = (self.source(id), other.source(id));
            here.len() == there.len() && here.iter().zip(there).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        let ids: std::collections::BTreeSet<&SmolStr> =
            self.sources.keys().chain(other.sources.keys()).collect();
        ids.into_iter().filter(|id| !same(id)).cloned().collect()
    }

    fn concerned(&self, query: &Query) -> Vec<&Vec<Arc<Shelf>>> {
        match query.elements().first() {
            Some(QueryElement::Exactly(id)) => self.sources.get(id).into_iter().collect(),
            _ => self.sources.values().collect(),
        }
    }
}

fn is_tuple(element: &QueryElement) -> bool {
    matches!(element, QueryElement::OneOf(_))
}

/// Adds what the versions of one source have; false when it is nothing.
fn select_from(shelves: &[Arc<Shelf>], query: &Query, versions: &Versions, into: &mut Vec<Selected>) -> bool {
    let taken: Vec<&Arc<Shelf>> = shelves
        .iter()
        .filter(|shelf| versions.take(&shelf.source().version))
        .collect();
    let before = into.len();
    if *versions == Versions::All || taken.len() < 2 {
        for shelf in taken {
            shelf.select(query, into);
        }
        return into.len() > before;
    }
    let ready = |shelf: &&&Arc<Shelf>| shelf.source().standing == Standing::Ready;
    let first = taken.iter().filter(ready);
    let then = taken.iter().filter(|shelf| !ready(shelf));
    let mut seen: FxHashSet<(Namespace, Instance)> = FxHashSet::default();
    for shelf in first.chain(then) {
        let begin = into.len();
        shelf.select(query, into);
        let fresh = into
            .split_off(begin)
            .into_iter()
            .filter(|found| seen.insert((found.entry.namespace.clone(), found.instance.clone())));
        let fresh: Vec<Selected> = fresh.collect();
        into.extend(fresh);
    }
    into.len() > before
}
