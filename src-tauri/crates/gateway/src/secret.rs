//! Files that only their owner reads.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::limits::SECRET_BYTES_MAX;

/// The text of a file; none when there is no file.
///
/// # Errors
/// When it cannot be read, is no plain file, is not our own, or may be read or written by others.
pub(crate) fn read(path: &Path) -> std::io::Result<Option<String>> {
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let opened = OpenOptions::new().read(true).custom_flags(no_follow).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    check(&file)?;
    let mut text = String::new();
    file.take(SECRET_BYTES_MAX).read_to_string(&mut text)?;
    Ok(Some(text))
}

fn check(file: &File) -> std::io::Result<()> {
    let refused = |why: String| Err(Error::new(ErrorKind::PermissionDenied, why));
    let meta = file.metadata()?;
    let own = rustix::process::geteuid().as_raw();
    if !meta.is_file() {
        return refused("it is no plain file".to_owned());
    }
    if meta.uid() != own && meta.uid() != 0 {
        return refused(format!("it belongs to user {}", meta.uid()));
    }
    if meta.mode() & 0o077 != 0 {
        let mode = meta.mode() & 0o777;
        return refused(format!(
            "others may use it (mode {mode:o}); if nobody has, chmod 600 it, else remove it for a new one"
        ));
    }
    Ok(())
}

/// Puts `bytes` into a file of mode 0600, all or nothing.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    // One that a crash left behind.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}
