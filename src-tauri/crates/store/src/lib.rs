//! `state.db`: what must survive a restart.
//!
//! Records of plugins, their revisions, the journal of operations and the memory of watched files, in one SQLite
//! file. It keeps records and knows nothing of what they are for: it starts no process and reads no package.
//!
//! Start at [`Store`]: everything is read once, at the start, by [`Store::load`]; every change is a list of
//! [`Change`]s that [`Store::commit`] writes in one durable transaction, all of it or nothing.

mod error;
mod file;
pub mod limits;
mod record;
mod store;

pub use error::StoreError;
pub use orrery_sqlite::OpenError;
pub use record::{
    CatalogRecord, Config, ConfigRecord, Desired, LayerRecord, OperationRecord, OperationState, Origin,
    PendingRecord, PluginRecord, Quarantined, RevisionRecord, StepRecord, TaskRecord, WatchedRecord,
};
pub use store::{Change, Loaded, Store};
