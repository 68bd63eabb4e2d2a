//! The routing table: made whole, never changed, swapped at once.

mod mount;
mod path;
mod routes;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;

use crate::object::DataPlaneService;

pub(crate) use mount::{Makings, Mount, Tenures};
pub(crate) use routes::Target;

use path::Place;

/// The namespace of requests that name none.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// Every group and version with what serves it.
pub(crate) struct Table {
    groups: BTreeMap<String, BTreeMap<String, Arc<Mount>>>,
    /// Whether the objects have been read for the first time.
    synced: bool,
}

/// What answers a request.
pub(crate) enum Found<'a> {
    /// A service.
    Service(Hit<'a>),
    /// A document of this table.
    Document(Document<'a>),
    /// Nobody here, but the objects have not been read yet.
    Unsynced,
    /// Nobody here.
    Nothing,
}

/// Which document.
pub(crate) enum Document<'a> {
    Groups,
    Group(&'a str),
    Version(&'a Arc<Mount>),
}

/// A service, and what the path says beside it.
pub(crate) struct Hit<'a> {
    pub(crate) mount: &'a Arc<Mount>,
    pub(crate) target: &'a Arc<Target>,
    pub(crate) namespace: &'a str,
    pub(crate) call: Call<'a>,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call<'a> {
    /// A route or stream; the path without group, version and namespace.
    Pass {
        rest: &'a str,
    },
    Query {
        uid: &'a str,
    },
    Mutate,
    Validate,
    Convert,
    /// A datasource proxy; what stands behind the uid, with its slash, or nothing.
    Upstream {
        rest: &'a str,
    },
}

impl Table {
    /// A table from the objects that are in force, at most one for each group and version. What did not
    /// change is taken from the table before.
    pub(crate) fn build(
        objects: &[Arc<DataPlaneService>],
        synced: bool,
        before: &Table,
        makings: &Makings<'_>,
    ) -> Table {
        let mut groups: BTreeMap<String, BTreeMap<String, Arc<Mount>>> = BTreeMap::new();
        for object in objects {
            let spec = &object.spec;
            let known = before.mount(&spec.group, &spec.version);
            let mount = match known {
                Some(mount) if mount.is_of(object) => Arc::clone(mount),
                _ => Arc::new(Mount::new(object, makings)),
            };
            groups
                .entry(spec.group.clone())
                .or_default()
                .insert(spec.version.clone(), mount);
        }
        Table { groups, synced }
    }

    /// A table of nothing.
    pub(crate) fn empty() -> Table {
        Table {
            groups: BTreeMap::new(),
            synced: false,
        }
    }

    pub(crate) fn mount(&self, group: &str, version: &str) -> Option<&Arc<Mount>> {
        self.groups.get(group)?.get(version)
    }

    /// The groups with their versions.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, Arc<Mount>>)> {
        self.groups
            .iter()
            .map(|(group, versions)| (group.as_str(), versions))
    }

    pub(crate) fn versions(&self, group: &str) -> Option<&BTreeMap<String, Arc<Mount>>> {
        self.groups.get(group)
    }

    /// What answers this method and path (without query).
    pub(crate) fn find<'a>(&'a self, method: &Method, path: &'a str) -> Found<'a> {
        let looks = method == Method::GET || method == Method::HEAD;
        match path::place(path) {
            Place::Elsewhere => Found::Nothing,
            Place::Groups if looks => Found::Document(Document::Groups),
            Place::Group(group) if looks && self.groups.contains_key(group) => {
                Found::Document(Document::Group(group))
            }
            Place::Version(group, version) if looks => match self.mount(group, version) {
                Some(mount) => Found::Document(Document::Version(mount)),
                None => self.nothing(),
            },
            Place::Within(group, version, rest) => match self.mount(group, version) {
                Some(mount) => mount.find(method, rest).map_or(Found::Nothing, Found::Service),
                None => self.nothing(),
            },
            Place::Groups | Place::Group(_) | Place::Version(..) => self.nothing(),
        }
    }

    fn nothing(&self) -> Found<'_> {
        if self.synced {
            Found::Nothing
        } else {
            Found::Unsynced
        }
    }
}
