//! Routing without plugins: which service of an object would answer a request, for checks of what is declared.

use std::sync::Arc;

use http::Method;
use tokio::sync::watch;

use crate::availability::{Lines, PluginState, Plugins};
use crate::object::{DataPlaneService, Service};
use crate::table::{Found, Makings, Table, Tenures};
use crate::traffic::Meters;

/// The routes of one object.
pub struct Dry {
    table: Table,
}

impl Dry {
    /// The routes of an object, as if it were in force.
    #[must_use]
    pub fn of(object: &DataPlaneService) -> Self {
        let makings = Makings {
            lines: &Lines::new(Arc::new(Nobody)),
            meters: &Meters::default(),
            tenures: &Tenures::default(),
        };
        let objects = [Arc::new(object.clone())];
        Dry {
            table: Table::build(&objects, true, &Table::empty(), &makings),
        }
    }

    /// The service that answers this method and path (from `/apis` on, without query).
    #[must_use]
    pub fn serves<'a>(&'a self, method: &Method, path: &'a str) -> Option<&'a Service> {
        match self.table.find(method, path) {
            Found::Service(hit) => Some(&hit.target.service),
            Found::Document(_) | Found::Unsynced | Found::Nothing => None,
        }
    }
}

/// Keeps no plugins.
struct Nobody;

impl Plugins for Nobody {
    fn state(&self, _: &str) -> PluginState {
        PluginState::NotFound
    }

    fn changes(&self) -> watch::Receiver<u64> {
        watch::Sender::new(0).subscribe()
    }
}
