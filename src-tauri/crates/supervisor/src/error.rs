//! Why the supervisor refused something.

use crate::limits;

/// Why the supervisor refused something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupervisorError {
    /// There is no such plugin.
    #[error("there is no plugin '{0}'")]
    Unknown(String),
    /// It has a candidate already.
    #[error("'{0}' has a candidate already")]
    Busy(String),
    /// The candidate is not ready; says why.
    #[error("the candidate is not ready: {0}")]
    NotReady(String),
    /// The plugin does not run; says why.
    #[error("'{plugin}' does not run: {reason}")]
    NotRunning {
        /// Plugin id.
        plugin: String,
        /// Why not.
        reason: String,
    },
    /// Its socket could not be handed on.
    #[error("its socket cannot take the other's place: {0}")]
    Socket(String),
    /// As many plugins as may be.
    #[error("there are {} plugins already", limits::PLUGINS)]
    TooMany,
    /// Everything is ending.
    #[error("shutting down")]
    ShutDown,
}
