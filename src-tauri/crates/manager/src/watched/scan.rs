//! What lies in the watched directories.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use orrery_packages::manifest::MANIFEST_FILE;

use crate::error::OrderError;
use crate::limits::{SETTLE, WATCHED_FILES};
use crate::local;

/// What tells one content of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// When it or what belongs to it was last changed, in nanoseconds since the epoch.
    pub(crate) modified_ns: i64,
    /// Its size, in bytes.
    pub(crate) bytes: u64,
}

/// What lies in the watched directories.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Packages, and programs without one.
    pub(crate) archives: Vec<PathBuf>,
    /// Manifests of local plugins.
    pub(crate) manifests: Vec<PathBuf>,
    /// All of them.
    pub(crate) stamps: BTreeMap<PathBuf, Stamp>,
    /// Directories that others could put anything into.
    pub(crate) unsafe_dirs: BTreeMap<PathBuf, OrderError>,
}

/// Looks into directories. What cannot be read is not there.
pub(crate) fn scan(dirs: &[PathBuf]) -> Scan {
    let mut scan = Scan::default();
    for dir in dirs.iter().filter(|dir| dir.is_dir()) {
        match local::is_safe(dir) {
            Ok(()) => look(dir, &mut scan),
            Err(why) => drop(scan.unsafe_dirs.insert(dir.clone(), why)),
        }
    }
    scan
}

fn look(dir: &Path, scan: &mut Scan) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    for name in names.into_iter().take(WATCHED_FILES) {
        let path = dir.join(&name);
        if is_archive(&name) || is_program(&path, &name) {
            // A signature that comes later changes the verdict as much as the package itself.
            let beside = [
                orrery_packages::signature_file(&path),
                with_suffix(&path, ".sha256"),
            ];
            if let Some(stamp) = stamp(&path, &beside) {
                scan.stamps.insert(path.clone(), stamp);
                scan.archives.push(path);
            }
        } else {
            let manifest = match name.ends_with(".toml") {
                true => path,
                false => path.join(MANIFEST_FILE),
            };
            if let Some(stamp) = stamp(&manifest, &[]) {
                scan.stamps.insert(manifest.clone(), stamp);
                scan.manifests.push(manifest);
            }
        }
    }
}

fn is_archive(name: &str) -> bool {
    [".tar.gz", ".tgz", ".tar.zst"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// What may be executed and is named as a plugin could be. What it is shows when it is read.
fn is_program(path: &Path, name: &str) -> bool {
    let executable =
        |metadata: std::fs::Metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    !BESIDE.iter().any(|end| name.ends_with(end)) && std::fs::metadata(path).is_ok_and(executable)
}

/// Ends of the names of what lies beside packages, and of manifests.
const BESIDE: [&str; 4] = [".toml", ".minisig", ".sha256", ".json"];

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn stamp(path: &Path, beside: &[PathBuf]) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let of = |metadata: &std::fs::Metadata| {
        metadata
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(metadata.mtime_nsec())
    };
    let newest = beside
        .iter()
        .filter_map(|path| std::fs::metadata(path).ok())
        .map(|metadata| of(&metadata));
    Some(Stamp {
        modified_ns: newest.fold(of(&metadata), i64::max),
        bytes: metadata.len(),
    })
}

impl Scan {
    /// The files that nobody is writing any more: unchanged for a while, and since the scan before.
    pub(crate) fn settled(&self, before: Option<&BTreeMap<PathBuf, Stamp>>) -> BTreeMap<PathBuf, Stamp> {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let settled = self.stamps.iter().filter(|(path, stamp)| {
            let modified = Duration::from_nanos(u64::try_from(stamp.modified_ns).unwrap_or(0));
            // A time in the future says nothing; then it is the scan before that counts.
            let age = now.checked_sub(modified);
            match before {
                None => age.is_some_and(|age| age >= SETTLE * 2),
                Some(before) => before.get(*path) == Some(*stamp) && age.is_none_or(|age| age >= SETTLE),
            }
        });
        settled.map(|(path, stamp)| (path.clone(), *stamp)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn packages_and_manifests_are_found_and_everything_else_is_not() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path();
        for name in [
            "b-1.0.0.tar.gz",
            "a-1.0.0.tar.zst",
            "c.tgz",
            "local.toml",
            "readme.md",
            ".hidden.toml",
        ] {
            fs::write(dir.join(name), "x").unwrap();
        }
        fs::create_dir_all(dir.join("other")).unwrap();
        fs::write(dir.join("other/plugin.toml"), "x").unwrap();
        fs::create_dir_all(dir.join("empty")).unwrap();
        fs::create_dir_all(dir.join("dir.tar.gz")).unwrap();
        fs::write(dir.join("b-1.0.0.tar.gz.minisig"), "x").unwrap();
        for name in ["counter.py", "odd.toml", "counter.py.minisig"] {
            fs::write(dir.join(name), "#!/bin/sh").unwrap();
            fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let scan = scan(&[dir.to_owned(), dir.join("missing")]);
        let names = |paths: &[PathBuf]| -> Vec<String> {
            let relative = paths.iter().map(|p| p.strip_prefix(dir).unwrap());
            relative.map(|p| p.display().to_string()).collect()
        };
        assert_eq!(
            names(&scan.archives),
            ["a-1.0.0.tar.zst", "b-1.0.0.tar.gz", "c.tgz", "counter.py"]
        );
        assert_eq!(
            names(&scan.manifests),
            ["local.toml", "odd.toml", "other/plugin.toml"]
        );
        assert!(scan.unsafe_dirs.is_empty());
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_refused_whole() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("a.toml"), "x").unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let scan = scan(&[base.path().to_owned()]);
        assert!(scan.stamps.is_empty());
        assert!(scan.unsafe_dirs[base.path()].to_string().contains("mode 777"));
    }

    #[test]
    fn a_file_that_is_being_written_is_left_alone_until_it_settles() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("a.tar.gz");
        fs::write(&path, "x").unwrap();
        let age = |seconds: u64| {
            let time = SystemTime::now() - Duration::from_secs(seconds);
            fs::File::open(&path).unwrap().set_modified(time).unwrap();
        };
        let look = || scan(&[base.path().to_owned()]);
        let is_settled =
            |before: Option<&Scan>| look().settled(before.map(|b| &b.stamps)).contains_key(&path);
        assert!(!is_settled(None), "just written");
        age(60);
        assert!(is_settled(None), "old when Orrery starts");
        let before = look();
        fs::write(&path, "xy").unwrap();
        age(60);
        assert!(!is_settled(Some(&before)), "changed since");
        let before = look();
        assert!(is_settled(Some(&before)));
        // Its signature comes.
        fs::write(base.path().join("a.tar.gz.minisig"), "x").unwrap();
        assert_ne!(look().stamps[&path], before.stamps[&path]);
    }
}
