//! How each limit is held: by a control group, by a resource limit, by sampling, or not at all.

use std::fmt;

use crate::cgroup::{Controller, Held, Version};
use crate::launch::{Enforce, LaunchError, Limits};

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitKind {
    /// Memory in use.
    Memory,
    /// CPU time per time.
    Cpu,
    /// Processes and threads.
    Pids,
    /// Open file descriptors.
    OpenFiles,
}

impl LimitKind {
    /// A stable name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
            Self::OpenFiles => "open_files",
        }
    }
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What holds a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBy {
    /// A control group, version 2.
    CgroupV2,
    /// A control group, version 1.
    CgroupV1,
    /// A resource limit of the process.
    Rlimit,
    /// We look every now and then: memory above the limit ends the program, other limits are only told.
    Sampling,
    /// Nothing.
    Nothing,
}

impl HeldBy {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CgroupV2 => "cgroup v2",
            Self::CgroupV1 => "cgroup v1",
            Self::Rlimit => "rlimit",
            Self::Sampling => "sampling",
            Self::Nothing => "nothing",
        }
    }
}

/// A limit and what holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitHeld {
    /// Which.
    pub kind: LimitKind,
    /// How much, as people write it: `64MiB`, `150%`, `32`.
    pub value: String,
    /// What holds it.
    pub held_by: HeldBy,
    /// True when the kernel does not enforce it.
    pub advisory: bool,
    /// Why it is advisory; empty when it is not.
    pub why: String,
}

/// Limits as they will be held, and what the launcher must set for that.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    pub(crate) held: Vec<LimitHeld>,
    pub(crate) open_files: Option<u64>,
    pub(crate) nproc: Option<u64>,
}

/// Decides what holds each limit. `groups` is what the control groups took; `own_account` says that the program
/// runs as an account of its own other than root, on which a limit of processes makes sense.
pub(crate) fn hold(
    limits: &Limits,
    groups: impl Fn(Controller) -> Option<Held>,
    own_account: bool,
    enforce: Enforce,
) -> Result<Holding, LaunchError> {
    let mut holding = Holding {
        open_files: limits.open_files,
        ..Holding::default()
    };
    let mut add = |kind: LimitKind, value: String, held_by: HeldBy, why: String| {
        let advisory = !why.is_empty();
        if advisory && enforce == Enforce::Required {
            return Err(LaunchError::Unsupported { limit: kind, why });
        }
        holding.held.push(LimitHeld {
            kind,
            value,
            held_by,
            advisory,
            why,
        });
        Ok(())
    };
    let by_group = |controller: Controller| match groups(controller) {
        Some(Ok(Version::Two)) => Ok(HeldBy::CgroupV2),
        Some(Ok(Version::One)) => Ok(HeldBy::CgroupV1),
        Some(Err(why)) => Err(why),
        None => Err("control groups are not available".to_owned()),
    };
    if let Some(bytes) = limits.memory_bytes {
        match by_group(Controller::Memory) {
            Ok(by) => add(LimitKind::Memory, bytes_text(bytes), by, String::new())?,
            Err(why) => add(LimitKind::Memory, bytes_text(bytes), HeldBy::Sampling, why)?,
        }
    }
    if let Some(percent) = limits.cpu_percent {
        match by_group(Controller::Cpu) {
            Ok(by) => add(LimitKind::Cpu, format!("{percent}%"), by, String::new())?,
            Err(why) => add(LimitKind::Cpu, format!("{percent}%"), HeldBy::Nothing, why)?,
        }
    }
    if let Some(count) = limits.pids {
        match by_group(Controller::Pids) {
            Ok(by) => add(LimitKind::Pids, count.to_string(), by, String::new())?,
            // The kernel counts all processes of the account, whoever started them.
            Err(_) if own_account => {
                holding.nproc = Some(count);
                add(LimitKind::Pids, count.to_string(), HeldBy::Rlimit, String::new())?;
            }
            Err(why) => add(LimitKind::Pids, count.to_string(), HeldBy::Sampling, why)?,
        }
    }
    if let Some(count) = limits.open_files {
        add(
            LimitKind::OpenFiles,
            count.to_string(),
            HeldBy::Rlimit,
            String::new(),
        )?;
    }
    Ok(holding)
}

/// Bytes in the largest unit that divides them.
fn bytes_text(bytes: u64) -> String {
    [(30, "GiB"), (20, "MiB"), (10, "KiB")]
        .into_iter()
        .find(|(shift, _)| bytes >= 1 << shift && bytes.trailing_zeros() >= *shift)
        .map_or_else(
            || format!("{bytes}B"),
            |(shift, unit)| format!("{}{unit}", bytes >> shift),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Limits = Limits {
        memory_bytes: Some(64 << 20),
        cpu_percent: Some(150.0),
        pids: Some(32),
        open_files: Some(256),
    };

    fn held(groups: impl Fn(Controller) -> Option<Held>, own_account: bool) -> Vec<(HeldBy, bool)> {
        let holding =
            hold(&ALL, groups, own_account, Enforce::BestEffort).expect("best effort never refuses");
        assert_eq!(holding.open_files, Some(256));
        holding
            .held
            .iter()
            .map(|limit| (limit.held_by, limit.advisory))
            .collect()
    }

    #[test]
    fn limits_are_held_by_the_best_there_is() {
        use HeldBy::{CgroupV1, CgroupV2, Nothing, Rlimit, Sampling};
        let two = |_| Some(Ok(Version::Two));
        assert_eq!(
            held(two, false),
            [
                (CgroupV2, false),
                (CgroupV2, false),
                (CgroupV2, false),
                (Rlimit, false)
            ]
        );
        let mixed = |controller| match controller {
            Controller::Memory => Some(Ok(Version::One)),
            _ => Some(Err("missing".to_owned())),
        };
        assert_eq!(
            held(mixed, false),
            [
                (CgroupV1, false),
                (Nothing, true),
                (Sampling, true),
                (Rlimit, false)
            ]
        );
        assert_eq!(
            held(|_| None, true),
            [
                (Sampling, true),
                (Nothing, true),
                (Rlimit, false),
                (Rlimit, false)
            ]
        );
    }

    #[test]
    fn required_limits_that_cannot_be_enforced_are_refused() {
        let check = |limits: Limits, refused: Option<LimitKind>| {
            let answer = hold(&limits, |_| None, false, Enforce::Required);
            match (answer, refused) {
                (Ok(_), None) => {}
                (Err(LaunchError::Unsupported { limit, why }), Some(kind)) => {
                    assert_eq!((limit, why.as_str()), (kind, "control groups are not available"));
                }
                (answer, refused) => panic!("{answer:?} instead of {refused:?}"),
            }
        };
        check(ALL, Some(LimitKind::Memory));
        check(
            Limits {
                memory_bytes: None,
                ..ALL
            },
            Some(LimitKind::Cpu),
        );
        check(
            Limits {
                memory_bytes: None,
                cpu_percent: None,
                ..ALL
            },
            Some(LimitKind::Pids),
        );
        check(
            Limits {
                open_files: Some(5),
                ..Limits::default()
            },
            None,
        );
        check(Limits::default(), None);
    }

    #[test]
    fn bytes_are_written_as_people_do() {
        let check = |bytes: u64, text: &str| assert_eq!(bytes_text(bytes), text);
        check(64 << 20, "64MiB");
        check(3 << 30, "3GiB");
        check(1536, "1536B");
        check(1536 << 10, "1536KiB");
        check(1, "1B");
        check(0, "0B");
    }
}
