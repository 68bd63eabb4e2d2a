//! The way of a plugin that runs as another account to what is its own.
//!
//! What is ours is closed to everybody else. Where a plugin has an account of its own, the directories on the way to
//! its package, its state, its config and its socket let others pass, not look: nobody can list them, and everything
//! in them has its own mode. The next start closes them again unless a plugin needs them.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use orrery_packages::Manifest;
use orrery_supervisor::{Account, other_account};

use crate::config::Dirs;
use crate::error::{Failure, StartError};

/// Nobody else comes in.
const CLOSED: u32 = 0o700;
/// Others may pass through.
const PASSABLE: u32 = 0o011;

/// The account that a plugin has to change to; none where it runs as ours. Blocks.
pub(crate) fn account(manifest: &Manifest) -> Result<Option<Account>, Failure> {
    let Some(user) = manifest.run.user.as_deref() else {
        return Ok(None);
    };
    other_account(user).map_err(|error| Failure::new("user", format!("it cannot run as '{user}': {error}")))
}

/// Makes all directories of plugins, closed. Blocks.
pub(crate) fn make_closed(dirs: &Dirs) -> Result<(), StartError> {
    let all = crossed(dirs).into_iter().skip(2);
    for path in all.chain([dirs.incoming(), dirs.log.join("plugins")]) {
        let made = fs::DirBuilder::new().recursive(true).mode(CLOSED).create(&path);
        let closed = made.and_then(|()| fs::set_permissions(&path, Permissions::from_mode(CLOSED)));
        closed.map_err(|source| StartError::Directory { path, source })?;
    }
    Ok(())
}

/// Lets a plugin's account pass to what is the plugin's. Blocks.
pub(crate) fn open(dirs: &Dirs, plugin: &str) -> Result<(), Failure> {
    let own = [dirs.revisions().join(plugin), dirs.config(plugin)];
    for dir in crossed(dirs).iter().chain(&own) {
        match let_pass(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Failure::file("let its account pass through", dir, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Directories of ours that are crossed on the way to what is a plugin's; the two that hold other things come first.
fn crossed(dirs: &Dirs) -> Vec<PathBuf> {
    let mut all = vec![dirs.data.clone(), dirs.runtime.clone(), dirs.data.join("plugins")];
    all.extend([dirs.revisions(), dirs.data.join("plugins/state")]);
    all.extend(["plugins", "staging", "config", "tmp"].map(|name| dirs.runtime.join(name)));
    all
}

fn let_pass(dir: &Path) -> io::Result<()> {
    let mode = fs::metadata(dir)?.mode() & 0o7777;
    match mode & PASSABLE == PASSABLE {
        true => Ok(()),
        false => fs::set_permissions(dir, Permissions::from_mode(mode | PASSABLE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn the_way_is_closed_until_somebody_needs_it() {
        let base = tempfile::tempdir().unwrap();
        let dirs = Dirs {
            data: base.path().join("data"),
            runtime: base.path().join("run"),
            log: base.path().join("log"),
        };
        make_closed(&dirs).unwrap();
        fs::create_dir(dirs.config("p")).unwrap();
        fs::create_dir(dirs.state("p")).unwrap();
        fs::set_permissions(dirs.state("p"), Permissions::from_mode(0o700)).unwrap();
        open(&dirs, "p").unwrap();
        for dir in crossed(&dirs) {
            assert_eq!(mode(&dir), 0o711, "{}", dir.display());
        }
        assert_eq!(mode(&dirs.config("p")) & 0o011, 0o011);
        for dir in [dirs.incoming(), dirs.log.join("plugins"), dirs.state("p")] {
            assert_eq!(mode(&dir), 0o700, "{}", dir.display());
        }
        make_closed(&dirs).unwrap();
        for dir in crossed(&dirs).iter().skip(2) {
            assert_eq!(mode(dir), 0o700, "{}", dir.display());
        }
    }
}
