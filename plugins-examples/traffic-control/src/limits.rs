//! Every limit of this plugin, with its unit.

use std::time::Duration;

/// Pause between two looks at containers, namespaces and their settings.
pub(crate) const SURVEY_EVERY: Duration = Duration::from_secs(3);

/// Time for one run of `tc`.
pub(crate) const TC_TIMEOUT: Duration = Duration::from_secs(1);

/// Time for one answer of the container engine.
pub(crate) const ENGINE_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of one answer of the container engine.
pub(crate) const ENGINE_BYTES: usize = 16 << 20;

/// Bytes that `tc` may print.
pub(crate) const TC_BYTES: u64 = 1 << 20;

/// Bytes of a control's request.
pub(crate) const CONTROL_BYTES: usize = 64 << 10;

/// Containers and namespaces looked at; further ones are left out.
pub(crate) const TARGETS: usize = 500;

/// Interfaces of one namespace that are shaped.
pub(crate) const INTERFACES: usize = 64;

/// Runs of `tc` at the same time during a survey.
pub(crate) const SURVEY_AT_ONCE: usize = 4;

/// Connections served at the same time.
pub(crate) const CONNECTIONS: usize = 16;
