//! A plugin's own directory belongs to one machine: what a copied disk brought along is set aside.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::limits::MACHINE_ID_BYTES;

/// What tells this machine from others, as the system below `root` says; empty when it says nothing.
pub(crate) fn machine_id(root: &Path) -> String {
    let places = ["etc/machine-id", "var/lib/dbus/machine-id"];
    let found = places.iter().find_map(|place| read_id(&root.join(place)));
    found.unwrap_or_default()
}

fn read_id(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = File::open(path).ok()?;
    file.take(MACHINE_ID_BYTES).read_to_string(&mut text).ok()?;
    let id = text.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// A directory that is there and is this machine's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    /// It was not there before.
    pub(crate) is_new: bool,
    /// Where the one that another machine had left went.
    pub(crate) set_aside: Option<PathBuf>,
}

/// Sees to it that a directory is there and is this machine's. The stamp lies beside it, where the plugin has no
/// business.
pub(crate) fn make_ready(dir: &Path, machine_id: &str, now_ms: i64) -> io::Result<Ready> {
    let stamp = stamp_of(dir);
    let mut set_aside = None;
    if dir.exists() && !machine_id.is_empty() {
        let foreign = read_id(&stamp).is_some_and(|id| id != machine_id);
        if foreign {
            let mut name = dir.file_name().unwrap_or_default().to_owned();
            name.push(format!(".foreign-{now_ms}"));
            let aside = dir.with_file_name(name);
            fs::rename(dir, &aside)?;
            set_aside = Some(aside);
        }
    }
    let is_new = !dir.exists();
    if is_new {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    if !machine_id.is_empty() && read_id(&stamp).as_deref() != Some(machine_id) {
        fs::write(&stamp, machine_id)?;
    }
    Ok(Ready { is_new, set_aside })
}

/// Removes a directory and its stamp; that it is not there is fine.
pub(crate) fn remove(dir: &Path) -> io::Result<()> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    gone(fs::remove_dir_all(dir))?;
    gone(fs::remove_file(stamp_of(dir)))
}

fn stamp_of(dir: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(dir.file_name().unwrap_or_default());
    name.push(".machine");
    dir.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_another_machine_is_set_aside_and_our_own_stays() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("p");
        let first = make_ready(&dir, "a", 1).unwrap();
        assert!(first.is_new && first.set_aside.is_none());
        fs::write(dir.join("kept"), "x").unwrap();
        // A restart on the same machine.
        let again = make_ready(&dir, "a", 2).unwrap();
        assert!(!again.is_new && dir.join("kept").exists());
        // The disk in another one.
        let copied = make_ready(&dir, "b", 3).unwrap();
        assert!(copied.is_new && !dir.join("kept").exists());
        assert!(copied.set_aside.unwrap().join("kept").exists());
        assert!(!make_ready(&dir, "b", 4).unwrap().is_new);
        // A machine that cannot be told changes nothing.
        assert!(!make_ready(&dir, "", 5).unwrap().is_new);
        remove(&dir).unwrap();
        remove(&dir).unwrap();
        let names: Vec<_> = fs::read_dir(base.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names, ["p.foreign-3"]);
    }

    #[test]
    fn the_machine_is_told_by_what_the_system_says() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(machine_id(root.path()), "");
        fs::create_dir_all(root.path().join("var/lib/dbus")).unwrap();
        fs::write(root.path().join("var/lib/dbus/machine-id"), "old\n").unwrap();
        assert_eq!(machine_id(root.path()), "old");
        fs::create_dir_all(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/machine-id"), "").unwrap();
        assert_eq!(machine_id(root.path()), "old");
        fs::write(root.path().join("etc/machine-id"), "new\n").unwrap();
        assert_eq!(machine_id(root.path()), "new");
    }
}
