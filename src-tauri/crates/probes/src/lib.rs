//! Built-in reporters: the host, its processes and their TCP connections.
//!
//! Probes block on /proc and netlink; whoever owns them gives each a thread. They need no root: what may not
//! be read is counted in their [`Health`] and marked on the nodes, never hidden. Start reading at [`Probe`].

mod cgroup;
mod connections;
mod diag;
mod flows;
mod host;
mod limits;
mod namespaces;
mod networks;
mod own;
mod process;
mod procfs;
mod sockets;
mod templates;
mod users;

use orrery_model::{Report, Timestamp};

pub use connections::ConnectionProbe;
pub use host::{HostProbe, host_id};
pub use own::{Cost, OwnCost};
pub use process::ProcessProbe;

/// Something that reports again and again.
pub trait Probe: Send {
    /// Its name, such as `host`.
    fn id(&self) -> &'static str;

    /// A whole report of what is there at `now`.
    ///
    /// # Errors
    /// When nothing at all can be seen; what is merely limited goes into the health.
    fn report(&mut self, now: Timestamp) -> Result<Observation, ProbeError>;
}

/// A report and how complete it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// What is there.
    pub report: Report,
    /// How complete that is.
    pub health: Health,
}

/// How a probe does, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// In one word.
    pub state: HealthState,
    /// What it sees, such as `212 processes`.
    pub summary: String,
    /// Where it looked.
    pub looked_at: String,
    /// What limits it; may be empty.
    pub limited_by: String,
    /// Command that helps; may be empty.
    pub remedy: String,
}

/// How a probe does, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthState {
    /// Sees all there is.
    Ok,
    /// Sees a part, for want of rights.
    Limited,
    /// Sees nothing.
    Failed,
    /// There is nothing to see.
    Absent,
}

/// Why a probe saw nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A file of /proc cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The kernel does not list sockets.
    #[error("the kernel does not list sockets: {0}")]
    Diag(String),
}
