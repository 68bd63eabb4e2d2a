//! The composition: owns the clock and the loops, merges what every source contributes, publishes one
//! immutable snapshot, and offers every operation as plain functions on plain data.
//!
//! Shells (window, HTTP, command line) translate to and from this crate and decide nothing. Start reading
//! at [`Engine`] and [`api`].

pub mod api;
mod arrivals;
mod audit;
mod catalog;
mod changes;
mod clock;
mod collector;
mod config;
mod derived;
mod engine;
mod errors;
mod event_log;
mod history_watch;
mod instance;
pub mod limits;
mod links;
mod managed;
mod moments;
mod ops;
mod otlp_settings;
mod paths;
mod pipes;
mod probe_loop;
mod published;
mod rates;
mod record;
mod remotes;
mod settings;
mod sources;
mod tasks;
mod user;
mod views;

pub use audit::{AuditEntry, AuditResult, Deed};
pub use config::{Config, PluginRunning, ProbeKind};
pub use engine::{Engine, StartError};
pub use instance::{Held, InstanceLock};
pub use links::{ProbeLink, RemoteAnswer, RemoteCall};
pub use managed::{Guest, ManagedError, Reach, Turn, TurnCount, first_packages};
pub use ops::{
    ControlRequest, Noting, PackageUpload, PluginProcess, ProbeInfo, Reading, Readings, ReadingsOf, Told,
    Uploaded,
};
pub use orrery_catalog;
pub use orrery_manager::OrderError;
pub use orrery_model as model;
pub use orrery_runner::guardian::run_if_asked as guard_if_asked;
pub use orrery_supervisor::Lease;
pub use orrery_tasks::{TaskDid, TaskEvent, Watcher as TaskWatcher};
pub use orrery_topology as topology;
pub use otlp_settings::{ExportSettings, OtlpSettings, OtlpWhat};
pub use paths::Paths;
pub use pipes::{PipeEnd, PipeError, PipeIo, PipeSender};
pub use published::Published;
pub use settings::{
    DatasourceSettings, HistorySettings, PackageSettings, ScopeApi, ServeSettings, Settings, SettingsError,
    TlsSettings,
};
pub use user::{user_name, user_name_of};
pub use views::Encoded;
