//! All groups, and the plugins that run because of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::catalog::Catalog;
use crate::group::{GroupRequest, Problem, ProblemKind, View, process};
use crate::limits::{GROUPS, WANTS_PER_GROUP};

/// Who makes plugins run for as long as somebody needs them.
pub trait Lessor {
    /// A reason for a plugin to run. It ends with the value.
    type Lease;

    /// Gives a plugin a reason to run. Does not wait until it does.
    ///
    /// # Errors
    /// Why it cannot run, in a sentence.
    fn acquire(&self, plugin: &str) -> Result<Self::Lease, String>;

    /// Whether a lease still makes the plugin run: one that was forgotten and put back is another, though it has the
    /// same name and the catalog saw no difference.
    fn holds(&self, plugin: &str, lease: &Self::Lease) -> bool {
        let _ = (plugin, lease);
        true
    }
}

/// Why a group is not taken, or not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// There is none of this id.
    #[error("there is no subscription {0}")]
    Unknown(SmolStr),
    /// Too many.
    #[error("there are {GROUPS} subscriptions already")]
    TooMany,
    /// It asks for too much.
    #[error("a subscription asks for at most {WANTS_PER_GROUP} metrics and plugins")]
    TooLarge,
}

/// What a change of the catalog or of a group led to.
#[derive(Debug, Default, Clone)]
pub struct Changes {
    /// Views that mean something else than before, in order of groups.
    pub views: Vec<Arc<View>>,
    /// Groups and plugins that they make run by now.
    pub acquired: Vec<(SmolStr, SmolStr)>,
    /// Groups and plugins that they need no more.
    pub released: Vec<(SmolStr, SmolStr)>,
}

/// All groups. Recomputed on every change, they hold what they need and nothing else.
pub struct Subscriptions<L: Lessor> {
    lessor: L,
    catalog: Arc<Catalog>,
    groups: BTreeMap<SmolStr, Group<L::Lease>>,
}

struct Group<Lease> {
    request: Arc<GroupRequest>,
    view: Arc<View>,
    /// By plugin: those of the view, or none at all.
    leases: BTreeMap<SmolStr, Lease>,
}

impl<L: Lessor> Subscriptions<L> {
    /// No groups, and nothing to be had.
    pub fn new(lessor: L) -> Self {
        Subscriptions {
            lessor,
            catalog: Arc::default(),
            groups: BTreeMap::new(),
        }
    }

    /// The catalog that all views go by.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Takes in a group, or another request of one that is known. A group with problems is kept: it waits.
    ///
    /// # Errors
    /// When it is too large or one too many.
    pub fn put(&mut self, request: GroupRequest) -> Result<Changes, GroupError> {
        if request.wants.len() + request.plugins.len() > WANTS_PER_GROUP {
            return Err(GroupError::TooLarge);
        }
        if !self.groups.contains_key(&request.id) && self.groups.len() >= GROUPS {
            return Err(GroupError::TooMany);
        }
        let id = request.id.clone();
        let request = Arc::new(request);
        let group = self.groups.entry(id).or_insert_with(|| Group {
            request: Arc::clone(&request),
            view: Arc::default(),
            leases: BTreeMap::new(),
        });
        group.request = request;
        let mut changes = Changes::default();
        group.recompute(&self.lessor, &self.catalog, &mut changes);
        Ok(changes)
    }

    /// What a request would mean now. Changes nothing.
    #[must_use]
    pub fn preview(&self, request: GroupRequest) -> View {
        process(&Arc::new(request), &self.catalog)
    }

    /// Forgets a group and lets go of what it needed.
    ///
    /// # Errors
    /// When there is none of this id.
    pub fn remove(&mut self, id: &str) -> Result<Changes, GroupError> {
        let (id, group) = self
            .groups
            .remove_entry(id)
            .ok_or_else(|| GroupError::Unknown(id.into()))?;
        let released = group.leases.into_keys().map(|plugin| (id.clone(), plugin));
        Ok(Changes {
            released: released.collect(),
            ..Changes::default()
        })
    }

    /// Goes by another catalog from here on.
    pub fn update(&mut self, catalog: Arc<Catalog>) -> Changes {
        let sources = catalog.differences(&self.catalog);
        self.catalog = catalog;
        let mut changes = Changes::default();
        for group in self.groups.values_mut() {
            let concerned = sources.iter().any(|source| group.request.concerns(source));
            let stale = group.drop_stale(&self.lessor);
            if concerned || stale || group.lacks_a_lease() {
                group.recompute(&self.lessor, &self.catalog, &mut changes);
            }
        }
        changes
    }

    /// The view of a group.
    ///
    /// # Errors
    /// When there is none of this id.
    pub fn view(&self, id: &str) -> Result<Arc<View>, GroupError> {
        let group = self.groups.get(id);
        group
            .map(|group| Arc::clone(&group.view))
            .ok_or_else(|| GroupError::Unknown(id.into()))
    }

    /// All views, in order of groups.
    pub fn views(&self) -> impl Iterator<Item = &Arc<View>> {
        self.groups.values().map(|group| &group.view)
    }

    /// Groups that need a plugin, whether they wait for something or not.
    #[must_use]
    pub fn users_of(&self, plugin: &str) -> Vec<SmolStr> {
        let users = self
            .groups
            .iter()
            .filter(|(_, group)| group.view.plugins().any(|needed| needed == plugin));
        users.map(|(id, _)| id.clone()).collect()
    }

    /// Groups that have what they ask for and would not without this plugin.
    #[must_use]
    pub fn losing(&self, plugin: &str) -> Vec<SmolStr> {
        let without = self.catalog.without(plugin, None);
        let losing = self.groups.iter().filter(|(_, group)| {
            group.view.is_ready()
                && group.view.plugins().any(|needed| needed == plugin)
                && !process(&group.request, &without).is_ready()
        });
        losing.map(|(id, _)| id.clone()).collect()
    }

    /// Number of groups.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there is no group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

impl<Lease> Group<Lease> {
    fn lacks_a_lease(&self) -> bool {
        self.view.problems.iter().any(|p| p.kind == ProblemKind::Lease)
    }

    /// Lets go of leases that hold nothing any more.
    fn drop_stale<L: Lessor<Lease = Lease>>(&mut self, lessor: &L) -> bool {
        let before = self.leases.len();
        self.leases.retain(|plugin, lease| lessor.holds(plugin, lease));
        self.leases.len() != before
    }

    fn recompute<L: Lessor<Lease = Lease>>(&mut self, lessor: &L, catalog: &Catalog, changes: &mut Changes) {
        let mut view = process(&self.request, catalog);
        if let Err(problems) = self.hold(lessor, &view, changes) {
            view.problems.extend(problems);
            // All or nothing: what is missing would make the rest run for nobody.
            let nobody = View::default();
            drop(self.hold(lessor, &nobody, changes));
        }
        if self.view.number == 0 || !self.view.means_the_same(&view) {
            view.number = self.view.number + 1;
            self.view = Arc::new(view);
            changes.views.push(Arc::clone(&self.view));
        }
    }

    /// Makes run what a view needs, and lets go of the rest. When one cannot run, none of the new ones does.
    fn hold<L: Lessor<Lease = Lease>>(
        &mut self,
        lessor: &L,
        view: &View,
        changes: &mut Changes,
    ) -> Result<(), Vec<Problem>> {
        let needed = view.leased();
        let mut fresh = Vec::new();
        let mut problems = Vec::new();
        for plugin in needed.iter().filter(|plugin| !self.leases.contains_key(*plugin)) {
            match lessor.acquire(plugin) {
                Ok(lease) => fresh.push((plugin.clone(), lease)),
                Err(message) => problems.push(Problem {
                    kind: ProblemKind::Lease,
                    subject: plugin.to_string(),
                    message,
                    note: false,
                }),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let id = &self.request.id;
        for (plugin, lease) in fresh {
            changes.acquired.push((id.clone(), plugin.clone()));
            self.leases.insert(plugin, lease);
        }
        let gone: Vec<SmolStr> = self
            .leases
            .keys()
            .filter(|plugin| !needed.contains(*plugin))
            .cloned()
            .collect();
        for plugin in gone {
            self.leases.remove(&plugin);
            changes.released.push((id.clone(), plugin));
        }
        Ok(())
    }
}
