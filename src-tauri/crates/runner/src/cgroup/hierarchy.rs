//! Where our groups may be made, and the making of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::group::in_file;
use super::mounts::{Mounts, Place};
use super::{Controller, Group};
use crate::launch::Limits;
use crate::limits::{CPU_PERIOD_MAX_US, CPU_PERIOD_US, CPU_QUOTA_MIN_US, MEMORY_HIGH_PERCENT};

/// Version of the interface that holds a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

/// What became of a limit.
pub(crate) type Held = Result<Version, String>;

/// Our parent groups in all hierarchies of this machine that we may use.
#[derive(Debug, Default)]
pub(crate) struct Hierarchy {
    /// Version 2: the parent group, and the controllers that groups in it have.
    unified: Option<(PathBuf, BTreeSet<Controller>)>,
    /// Version 1: parent groups by controller.
    legacy: BTreeMap<Controller, PathBuf>,
    /// Version 1, counts CPU.
    accounting: Option<PathBuf>,
}

impl Hierarchy {
    /// Looks for places and makes the parent groups, named `parent`, there.
    pub(crate) fn find(parent: &str) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mounts = Mounts::parse(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
        Self::within(&mounts, parent, may_use)
    }

    fn within(mounts: &Mounts, parent: &str, may_use: fn(&Path, &Path) -> bool) -> Self {
        let unified = mounts
            .unified
            .as_ref()
            .and_then(|place| unified_parent(place, parent, may_use));
        let taken =
            |controller: Controller| unified.as_ref().is_some_and(|(_, has)| has.contains(&controller));
        let legacy_parent = |name: &str| {
            let dir = mounts.legacy(name)?.own.join(parent);
            make(&dir).ok()?;
            Some(dir)
        };
        let mut legacy = BTreeMap::new();
        for controller in Controller::ALL {
            if !taken(controller)
                && let Some(dir) = legacy_parent(controller.name())
            {
                if controller == Controller::Memory {
                    // Old kernels count nested groups only when told to; new ones have it always on.
                    let _ = fs::write(dir.join("memory.use_hierarchy"), "1");
                }
                legacy.insert(controller, dir);
            }
        }
        let accounting = if unified.is_some() {
            None
        } else {
            legacy_parent("cpuacct")
        };
        Self {
            unified,
            legacy,
            accounting,
        }
    }

    /// Makes a group named `unit` and writes the limits into it. Says what became of each limit that was asked for.
    pub(crate) fn create(
        &self,
        unit: &str,
        limits: &Limits,
    ) -> io::Result<(Group, BTreeMap<Controller, Held>)> {
        let below = |dir: &PathBuf| dir.join(unit);
        let group = Group {
            unified: self.unified.as_ref().map(|(dir, _)| below(dir)),
            memory: self.legacy.get(&Controller::Memory).map(below),
            cpu: self.legacy.get(&Controller::Cpu).map(below),
            accounting: self.accounting.as_ref().map(below),
            pids: self.legacy.get(&Controller::Pids).map(below),
        };
        for dir in group.dirs() {
            if let Err(error) = fs::create_dir(dir) {
                group.remove();
                return Err(in_file(dir, &error));
            }
        }
        let mut held = BTreeMap::new();
        for controller in Controller::ALL {
            let asked = match controller {
                Controller::Memory => limits.memory_bytes.is_some(),
                Controller::Cpu => limits.cpu_percent.is_some(),
                Controller::Pids => limits.pids.is_some(),
            };
            if asked {
                held.insert(controller, self.hold(controller, &group, limits));
            }
        }
        Ok((group, held))
    }

    fn hold(&self, controller: Controller, group: &Group, limits: &Limits) -> Held {
        let unified = self
            .unified
            .as_ref()
            .is_some_and(|(_, has)| has.contains(&controller));
        let (version, dir) = match controller {
            _ if unified => (Version::Two, group.unified.as_deref()),
            Controller::Memory => (Version::One, group.memory.as_deref()),
            Controller::Cpu => (Version::One, group.cpu.as_deref()),
            Controller::Pids => (Version::One, group.pids.as_deref()),
        };
        let Some(dir) = dir else {
            return Err(format!("the {} controller is not available", controller.name()));
        };
        for (file, value, needed) in files(controller, version, limits) {
            let path = dir.join(file);
            if let Err(error) = fs::write(&path, value)
                && needed
            {
                return Err(in_file(&path, &error).to_string());
            }
        }
        Ok(version)
    }

    /// Groups of an earlier run.
    pub(crate) fn leftovers(&self) -> Vec<Group> {
        let mut units: BTreeMap<String, Group> = BTreeMap::new();
        let mut gather = |parent: Option<&PathBuf>, slot: fn(&mut Group) -> &mut Option<PathBuf>| {
            let Some(Ok(entries)) = parent.map(fs::read_dir) else {
                return;
            };
            for entry in entries.filter_map(Result::ok) {
                if entry.file_type().is_ok_and(|kind| kind.is_dir())
                    && let Ok(name) = entry.file_name().into_string()
                {
                    *slot(units.entry(name).or_default()) = Some(entry.path());
                }
            }
        };
        gather(self.unified.as_ref().map(|(dir, _)| dir), |group| {
            &mut group.unified
        });
        gather(self.legacy.get(&Controller::Memory), |group| &mut group.memory);
        gather(self.legacy.get(&Controller::Cpu), |group| &mut group.cpu);
        gather(self.accounting.as_ref(), |group| &mut group.accounting);
        gather(self.legacy.get(&Controller::Pids), |group| &mut group.pids);
        units.into_values().collect()
    }

    /// The parent groups, to be removed when everything in them has ended.
    pub(crate) fn parents(&self) -> Vec<PathBuf> {
        let unified = self.unified.as_ref().map(|(dir, _)| dir);
        unified
            .into_iter()
            .chain(self.legacy.values())
            .chain(&self.accounting)
            .cloned()
            .collect()
    }
}

/// Files to write for a limit, each with whether the limit holds without it.
fn files(controller: Controller, version: Version, limits: &Limits) -> Vec<(&'static str, String, bool)> {
    let memory = limits.memory_bytes.unwrap_or(0);
    let pids = limits.pids.unwrap_or(0).to_string();
    let (quota, period) = cpu_quota(limits.cpu_percent.unwrap_or(0.0));
    match (controller, version) {
        (Controller::Memory, Version::Two) => vec![
            ("memory.max", memory.to_string(), true),
            (
                "memory.high",
                (memory / 100 * MEMORY_HIGH_PERCENT).to_string(),
                false,
            ),
            // Missing where there is no swap.
            ("memory.swap.max", "0".to_owned(), false),
            ("memory.oom.group", "1".to_owned(), false),
        ],
        (Controller::Memory, Version::One) => vec![
            ("memory.limit_in_bytes", memory.to_string(), true),
            // Memory and swap together; missing where swap is not counted.
            ("memory.memsw.limit_in_bytes", memory.to_string(), false),
        ],
        (Controller::Cpu, Version::Two) => vec![("cpu.max", format!("{quota} {period}"), true)],
        (Controller::Cpu, Version::One) => {
            vec![
                ("cpu.cfs_period_us", period.to_string(), true),
                ("cpu.cfs_quota_us", quota.to_string(), true),
            ]
        }
        (Controller::Pids, _) => vec![("pids.max", pids, true)],
    }
}

/// Quota and period for a share of one core, in microseconds. Small shares get a longer period, because kernels
/// refuse small quotas.
fn cpu_quota(percent: f64) -> (u64, u64) {
    let quota = |period: u64| (percent / 100.0 * period as f64).round() as u64;
    if quota(CPU_PERIOD_US) >= CPU_QUOTA_MIN_US {
        (quota(CPU_PERIOD_US), CPU_PERIOD_US)
    } else {
        (quota(CPU_PERIOD_MAX_US).max(CPU_QUOTA_MIN_US), CPU_PERIOD_MAX_US)
    }
}

/// The nearest place upwards from our own group where groups get the most controllers. A group that holds
/// processes cannot give controllers to groups in it, so that is often the group above our own.
fn unified_parent(
    place: &Place,
    parent: &str,
    may_use: fn(&Path, &Path) -> bool,
) -> Option<(PathBuf, BTreeSet<Controller>)> {
    let mut best: Option<(PathBuf, BTreeSet<Controller>)> = None;
    let mut at = Some(place.own.as_path());
    while let Some(dir) = at.filter(|dir| dir.starts_with(&place.mount)) {
        if may_use(dir, &place.mount) {
            let own = dir.join(parent);
            if make(&own).is_ok() {
                let has = enable(dir, &own);
                let better = best.as_ref().is_none_or(|(_, known)| has.len() > known.len());
                let worse = if better {
                    best.replace((own, has)).map(|(dir, _)| dir)
                } else {
                    Some(own)
                };
                if let Some(worse) = worse {
                    let _ = fs::remove_dir(worse);
                }
            }
        }
        if best
            .as_ref()
            .is_some_and(|(_, has)| has.len() == Controller::ALL.len())
        {
            break;
        }
        at = dir.parent();
    }
    best
}

/// Groups belong to whoever was given them. For users other than root the owner of the directory says it; root
/// could write everywhere, so there a mark of the service manager, or its absence from the machine, is asked for.
fn may_use(dir: &Path, mount: &Path) -> bool {
    let own_id = rustix::process::geteuid();
    if !own_id.is_root() {
        return fs::metadata(dir).is_ok_and(|meta| meta.uid() == own_id.as_raw());
    }
    let delegated = |dir: &Path| {
        ["trusted.delegate", "user.delegate"].iter().any(|name| {
            let mut value = [0; 8];
            rustix::fs::getxattr(dir, *name, &mut value).is_ok_and(|length| value.get(..length) == Some(b"1"))
        })
    };
    !Path::new("/run/systemd/system").exists()
        || dir
            .ancestors()
            .take_while(|above| above.starts_with(mount))
            .any(delegated)
}

/// Gives groups in `own`, which is in `dir`, as many controllers as possible. Returns which they have.
fn enable(dir: &Path, own: &Path) -> BTreeSet<Controller> {
    for place in [dir, own] {
        let file = place.join("cgroup.subtree_control");
        let on = words(&file);
        for controller in Controller::ALL
            .into_iter()
            .filter(|controller| !on.contains(controller.name()))
        {
            // Refused where it is not available or where the group holds processes; what counts is read below.
            let _ = fs::write(&file, format!("+{}", controller.name()));
        }
    }
    let on = words(&own.join("cgroup.subtree_control"));
    Controller::ALL
        .into_iter()
        .filter(|controller| on.contains(controller.name()))
        .collect()
}

fn words(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// A directory that is there already is ours as well.
fn make(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
#[path = "hierarchy_tests.rs"]
mod tests;
