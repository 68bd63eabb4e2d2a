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

/// Listens on `path`, making its directory if needed: with mode 0600, or with mode 0660 for the group `orrery` where
/// that exists. A socket that nobody answers on any more is replaced; one that is answered on is left alone.
///
/// # Errors
/// When the path is taken or not allowed.
pub async fn bind(path: &Path) -> Result<UnixListener, BindError> {
    bind_io(path, Whose::Group).await.map_err(|source| BindError {
        path: path.display().to_string(),
        source,
    })
}

/// Listens on `path` for plugins that this instance runs, as [`bind`] does: with mode 0600, or with mode 0666 where
/// they may have accounts of their own, which takes root. Whoever comes has to show a token.
///
/// # Errors
/// When the path is taken or not allowed.
pub async fn bind_host(path: &Path) -> Result<UnixListener, BindError> {
    let whose = if rustix::process::geteuid().is_root() {
        Whose::Everybody
    } else {
        Whose::Own
    };
    bind_io(path, whose).await.map_err(|source| BindError {
        path: path.display().to_string(),
        source,
    })
}

/// Who may connect to a socket, beside its owner and root.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    Group,
    Everybody,
}

async fn bind_io(path: &Path, whose: Whose) -> std::io::Result<UnixListener> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(ErrorKind::InvalidInput.into());
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(parent)?;
    if path.symlink_metadata().is_ok() && connect(path).await.is_ok() {
        return Err(std::io::Error::new(
            ErrorKind::AddrInUse,
            "another instance answers there",
        ));
    }
    // It gets its mode where nobody else comes, and only then its place.
    let aside = parent.join(format!(".bind-{}", std::process::id()));
    let made = std::fs::DirBuilder::new().mode(0o700).create(&aside);
    if let Err(error) = made
        && error.kind() != ErrorKind::AlreadyExists
    {
        return Err(error);
    }
    let bound = bind_in(&aside, &aside.join(name), path, whose);
    // What is left there is an empty directory, if anything.
    let _ = std::fs::remove_dir(&aside);
    bound
}

fn bind_in(aside: &Path, at: &Path, path: &Path, whose: Whose) -> std::io::Result<UnixListener> {
    // The directory may be an old one of a process that had our number.
    std::fs::set_permissions(aside, std::fs::Permissions::from_mode(0o700))?;
    match std::fs::remove_file(at) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let reached = reach(at)?;
    let listener = UnixListener::bind(&reached.path)?;
    let mode = |mode| std::fs::set_permissions(at, std::fs::Permissions::from_mode(mode));
    mode(if whose == Whose::Everybody { 0o666 } else { 0o600 })?;
    if whose == Whose::Group
        && let Some(group) = group_id(&std::fs::read_to_string("/etc/group").unwrap_or_default())
    {
        match chown(at, None, Some(group)) {
            Ok(()) => mode(0o660)?,
            // Without the right to give the socket away it stays its owner's alone.
            Err(error) => tracing::debug!(%error, "the socket is its owner's alone"),
        }
    }
    std::fs::rename(at, path)?;
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
        let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
        let alone = if group_id(&groups).is_some() {
            [0o600, 0o660]
        } else {
            [0o600, 0o600]
        };
        assert!(
            alone.contains(&(mode & 0o777)),
            "its owner, and the group where there is one: {mode:o}"
        );
        let beside: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(beside.len(), 1, "nothing else is left: {beside:?}");
    }

    #[tokio::test]
    async fn plugins_reach_their_socket_whatever_account_they_have() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("host.sock");
        let _listener = bind_host(&path).await.unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let root = rustix::process::geteuid().is_root();
        assert_eq!(mode, if root { 0o666 } else { 0o600 }, "{mode:o}");
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
