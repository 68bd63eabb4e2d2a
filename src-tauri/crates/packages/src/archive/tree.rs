//! Directories of revisions on disk: one on its way in, one on its way out, and what a crash left of them.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::error::{UnpackError, what_io};

/// Begins the names of directories on their way in.
const INCOMING: &str = ".incoming-";

/// Begins the names of directories on their way out.
const LEAVING: &str = ".leaving-";

/// Mode of directories and programs of a revision.
pub(super) const MODE_EXECUTABLE: u32 = 0o555;

/// Mode of other files of a revision.
pub(super) const MODE_FILE: u32 = 0o444;

/// A directory on its way in. It goes away with this value, unless it was put in its place.
pub(super) struct Incoming {
    path: PathBuf,
    /// Held while it is being filled, so that a sweep leaves it alone.
    lock: Option<File>,
    placed: bool,
}

impl Incoming {
    /// A fresh directory below `revisions/<id>`, beside the revisions: the last rename must not leave the directory.
    pub(super) fn create(plugin_dir: &Path) -> Result<Self, UnpackError> {
        let create = |path: &Path| what_io("creating a directory in", path);
        fs::create_dir_all(plugin_dir).map_err(create(plugin_dir))?;
        let path = tempfile::Builder::new()
            .prefix(INCOMING)
            .tempdir_in(plugin_dir)
            .map_err(create(plugin_dir))?
            .keep();
        let mut incoming = Self {
            path,
            lock: None,
            placed: false,
        };
        incoming.lock = Some(lock(&incoming.path).map_err(create(&incoming.path))?);
        Ok(incoming)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in its place, as a whole. False when somebody else did that before.
    pub(super) fn place(mut self, target: &Path) -> Result<bool, UnpackError> {
        match fs::rename(&self.path, target) {
            Ok(()) => {
                self.placed = true;
                Ok(true)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(what_io("putting in place", target)(error)),
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.placed {
            return;
        }
        if let Err(error) = remove_tree(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a half-unpacked package stays until the next sweep");
        }
        if let Some(plugin_dir) = self.path.parent() {
            // Only an empty one goes.
            let _ = fs::remove_dir(plugin_dir);
        }
    }
}

fn lock(dir: &Path) -> io::Result<File> {
    let file = File::open(dir)?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Makes what was written to a directory survive a power cut.
pub(super) fn sync_dir(dir: &Path) -> Result<(), UnpackError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(what_io("writing", dir))
}

/// Sets a mode, whatever the umask.
pub(super) fn set_mode(path: &Path, mode: u32) -> Result<(), UnpackError> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(what_io("setting the rights of", path))
}

/// Removes a tree, read-only directories included.
fn remove_tree(dir: &Path) -> io::Result<()> {
    make_writable(dir)?;
    fs::remove_dir_all(dir)
}

fn make_writable(dir: &Path) -> io::Result<()> {
    fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a revision: from one moment to the next it is not there any more. Its files go after that, and
/// what a crash leaves of them goes with the next [`sweep`]. One that is not there counts as removed.
///
/// # Errors
/// When the file system says no.
pub fn remove_revision(dir: &Path) -> Result<(), UnpackError> {
    let (Some(plugin_dir), Some(name)) = (dir.parent(), dir.file_name()) else {
        return Ok(());
    };
    let leaving = plugin_dir.join(format!("{LEAVING}{}", name.to_string_lossy()));
    // Somebody was here before and did not come to the end.
    if leaving.exists() {
        remove_tree(&leaving).map_err(what_io("removing", &leaving))?;
    }
    match fs::rename(dir, &leaving) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(what_io("removing", dir)(error)),
    }
    remove_tree(&leaving).map_err(what_io("removing", &leaving))?;
    // Only an empty one goes.
    let _ = fs::remove_dir(plugin_dir);
    Ok(())
}

/// Removes what a crash left below the directory of revisions, and directories of plugins that hold nothing.
/// What is being unpacked at the moment, by whatever process, stays.
///
/// # Errors
/// When the directory cannot be read. What cannot be removed is logged and tried again next time.
pub fn sweep(revisions_dir: &Path) -> Result<(), UnpackError> {
    let entries = match fs::read_dir(revisions_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(what_io("reading", revisions_dir)(error)),
    };
    for plugin in entries.flatten() {
        if !plugin.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        for revision in fs::read_dir(plugin.path()).into_iter().flatten().flatten() {
            let name = revision.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(INCOMING) || name.starts_with(LEAVING) {
                sweep_one(&revision.path());
            }
        }
        // Only an empty one goes.
        let _ = fs::remove_dir(plugin.path());
    }
    Ok(())
}

fn sweep_one(dir: &Path) {
    // Whoever holds the lock is at work.
    let Ok(_held) = lock(dir) else { return };
    match remove_tree(dir) {
        Ok(()) => {
            tracing::info!(path = %dir.display(), "removed what was left of a package");
        }
        Err(error) => {
            tracing::warn!(path = %dir.display(), %error, "what is left of a package cannot be removed");
        }
    }
}
