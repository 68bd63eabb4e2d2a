//! Control groups: where ours may be made, what they hold, what they tell, and how they end.
//!
//! Version 2 and version 1 are used side by side, controller by controller, as this machine offers them. A version 2
//! hierarchy without controllers still serves to find and to kill what belongs together.

mod group;
mod hierarchy;
mod mounts;

pub(crate) use group::{Counters, Group};
pub(crate) use hierarchy::{Held, Hierarchy, Version};

/// A controller that holds a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Controller {
    Memory,
    Cpu,
    Pids,
}

impl Controller {
    pub(crate) const ALL: [Self; 3] = [Self::Memory, Self::Cpu, Self::Pids];

    /// Its name in the kernel's files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
        }
    }
}
