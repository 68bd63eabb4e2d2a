//! UNIX sockets: binding one with the right mode, and paths longer than the kernel takes.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::limits::SOCKET_PATH_BYTES_MAX;

/// Group whose members may connect to the instance of another user.
const GROUP: &str = "orrery";

/// Why a socket was not bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {path}: {source}")]
pub struct BindError {
    /// The socket.
    path: String,
    /// Why.
    source: std::io::Error,
}

/// A path that the kernel takes, and the directory handle that keeps it valid.
struct Reach {
    path: PathBuf,
    _dir: Option<File>,
}

/// The path itself, or one through an open handle of its directory where it is too long.
fn reach(path: &Path) -> std::io::Result<Reach> {
    if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return Ok(Reach {
            path: path.to_path_buf(),
            _dir: None,
        });
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(ErrorKind::InvalidInput.into());
    };
    let flags = i32::try_from(rustix::fs::OFlags::PATH.bits()).unwrap_or_default();
    let dir = OpenOptions::new().read(true).custom_flags(flags).open(parent)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())).join(name);
    Ok(Reach {
        path,
        _dir: Some(dir),
    })
}

/// Listens on `path` with mode 0660 (group `orrery` where it exists), making its directory if needed. A
/// socket that nobody answers on any more is replaced; one that is answered on is left alone.
///
/// # Errors
/// When the path is taken or not allowed.
pub async fn bind(path: &Path) -> Result<UnixListener, BindError> {
    bind_io(path).await.map_err(|source| BindError {
        path: path.display().to_string(),
        source,
    })
}

async fn bind_io(path: &Path) -> std::io::Result<UnixListener> {
    if let Some(parent) = path.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)?;
    }
    if path.symlink_metadata().is_ok() {
        if connect(path).await.is_ok() {
            return Err(std::io::Error::new(
                ErrorKind::AddrInUse,
                "another instance answers there",
            ));
        }
        std::fs::remove_file(path)?;
    }
    let reached = reach(path)?;
    let listener = UnixListener::bind(&reached.path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    if let Some(group) = group_id(&std::fs::read_to_string("/etc/group").unwrap_or_default()) {
        // Without the right to give the socket away it stays with the own group, which is as safe.
        if let Err(error) = chown(path, None, Some(group)) {
            tracing::debug!(%error, "the socket stays with the own group");
        }
    }
    Ok(listener)
}

/// Connects to `path`, however long it is.
///
/// # Errors
/// As the kernel says.
pub(crate) async fn connect(path: &Path) -> std::io::Result<UnixStream> {
    let reached = reach(path)?;
    UnixStream::connect(&reached.path).await
}

fn group_id(groups: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(GROUP))
            .then(|| fields.nth(1)?.parse().ok())
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_found_in_the_group_file() {
        assert_eq!(group_id("root:x:0:\norrery:x:990:ada\n"), Some(990));
        assert_eq!(group_id("orrery2:x:1:\n"), None);
    }

    #[tokio::test]
    async fn paths_over_the_kernels_limit_work() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d".repeat(120)).join("instance.sock");
        assert!(
            path.as_os_str().len() > SOCKET_PATH_BYTES_MAX,
            "the test means a long path"
        );
        let listener = bind(&path).await.unwrap();
        let (connected, accepted) = tokio::join!(connect(&path), listener.accept());
        assert!(
            connected.is_ok() && accepted.is_ok(),
            "a client reaches it by its long path"
        );
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660, "owner and group only");
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        drop(bind(&path).await.unwrap());
        let live = bind(&path).await.unwrap();
        assert!(bind(&path).await.is_err(), "somebody answers there");
        drop(live);
    }
}
