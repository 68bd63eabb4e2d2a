//! Where control groups are mounted, and which ones this process is in.

use std::path::{Path, PathBuf};

/// The hierarchies of this machine as this process sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mounts {
    /// Version 2: the mount point and our own group below it.
    pub(crate) unified: Option<Place>,
    /// Version 1: controller names and where they are.
    pub(crate) legacy: Vec<(String, Place)>,
}

/// Our own group in a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where the hierarchy is mounted.
    pub(crate) mount: PathBuf,
    /// The directory of the group that this process is in; the mount point when it cannot be seen.
    pub(crate) own: PathBuf,
}

impl Mounts {
    /// Reads the text of `/proc/self/mountinfo` and `/proc/self/cgroup`.
    pub(crate) fn parse(mountinfo: &str, cgroup: &str) -> Self {
        let mut mounts = Self::default();
        for line in mountinfo.lines() {
            let Some((left, right)) = line.split_once(" - ") else {
                continue;
            };
            let left: Vec<&str> = left.split(' ').collect();
            let right: Vec<&str> = right.split(' ').collect();
            let (Some(root), Some(point), Some(kind)) = (left.get(3), left.get(4), right.first()) else {
                continue;
            };
            let point = PathBuf::from(unescape(point));
            let root = unescape(root);
            match *kind {
                "cgroup2" => {
                    let own = own_group(cgroup, None).unwrap_or("/");
                    mounts.unified.get_or_insert_with(|| place(&point, &root, own));
                }
                "cgroup" => {
                    for controller in right.get(2).unwrap_or(&"").split(',') {
                        if mounts.legacy.iter().any(|(known, _)| known == controller) {
                            continue;
                        }
                        if let Some(own) = own_group(cgroup, Some(controller)) {
                            mounts
                                .legacy
                                .push((controller.to_owned(), place(&point, &root, own)));
                        }
                    }
                }
                _ => {}
            }
        }
        mounts
    }

    /// Where a version 1 controller is.
    pub(crate) fn legacy(&self, controller: &str) -> Option<&Place> {
        self.legacy
            .iter()
            .find(|(name, _)| name == controller)
            .map(|(_, place)| place)
    }
}

/// The mount may show only a part of the hierarchy, from `root` on.
fn place(point: &Path, root: &str, own: &str) -> Place {
    let seen = Path::new(own)
        .strip_prefix(root)
        .ok()
        .filter(|below| !below.starts_with(".."));
    Place {
        mount: point.to_owned(),
        own: seen.map_or_else(|| point.to_owned(), |below| point.join(below)),
    }
}

/// Our group in the hierarchy of a controller, or in version 2.
fn own_group<'a>(cgroup: &'a str, controller: Option<&str>) -> Option<&'a str> {
    cgroup.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let number = fields.next()?;
        let names = fields.next()?;
        let path = fields.next()?;
        let fits = match controller {
            Some(controller) => names.split(',').any(|name| name == controller),
            None => number == "0" && names.is_empty(),
        };
        fits.then_some(path)
    })
}

/// The kernel writes blanks and backslashes in octal.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mountinfo: &str, cgroup: &str, unified: Option<(&str, &str)>, legacy: &[(&str, &str, &str)]) {
        let place = |mount: &str, own: &str| Place {
            mount: mount.into(),
            own: own.into(),
        };
        let expected = Mounts {
            unified: unified.map(|(mount, own)| place(mount, own)),
            legacy: legacy
                .iter()
                .map(|(name, mount, own)| ((*name).to_owned(), place(mount, own)))
                .collect(),
        };
        assert_eq!(Mounts::parse(mountinfo, cgroup), expected);
    }

    #[test]
    fn version_two_alone() {
        check(
            "24 1 0:2 / /proc rw - proc proc rw\n\
             35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-orrery.scope\n",
            Some((
                "/sys/fs/cgroup",
                "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/app-orrery.scope",
            )),
            &[],
        );
    }

    #[test]
    fn version_one_with_controllers_together_and_a_named_hierarchy() {
        check(
            "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
             35 31 0:32 / /sys/fs/cgroup/mem\\040ory rw - cgroup cgroup rw,memory\n\
             40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            "4:memory:/box/1\n2:cpu,cpuacct:/\n1:name=systemd:/x\n0::/\n",
            Some(("/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified")),
            &[
                ("cpu", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"),
                (
                    "cpuacct",
                    "/sys/fs/cgroup/cpu,cpuacct",
                    "/sys/fs/cgroup/cpu,cpuacct",
                ),
                ("memory", "/sys/fs/cgroup/mem ory", "/sys/fs/cgroup/mem ory/box/1"),
                (
                    "name=systemd",
                    "/sys/fs/cgroup/systemd",
                    "/sys/fs/cgroup/systemd/x",
                ),
            ],
        );
    }

    #[test]
    fn inside_a_container_the_mount_starts_below_the_root() {
        let line = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let check = |own: &str, expected: &str| {
            check(
                line,
                &format!("4:memory:{own}\n"),
                None,
                &[("memory", "/sys/fs/cgroup/memory", expected)],
            );
        };
        check("/docker/abc/inner", "/sys/fs/cgroup/memory/inner");
        check("/elsewhere", "/sys/fs/cgroup/memory");
    }

    #[test]
    fn nonsense_is_passed_over() {
        check("", "", None, &[]);
        check("a b c\n1 2 3 - cgroup2\n - cgroup\n", "x\n::\n0:", None, &[]);
    }
}
