//! Places where plugins listen: made before a start, cleared after an end, handed on in a promotion.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::calls::Calls;
use crate::limits;

/// Mode of a directory of ours: nobody else reaches the socket in it.
const OURS: u32 = 0o700;

/// Who a program's own directories belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Who the directories of a program belong to that runs as `user`. Blocks.
pub(crate) fn owner_of(user: Option<&str>) -> io::Result<Owner> {
    let other = user.map(orrery_runner::other_account).transpose();
    let other = other.map_err(|error| {
        let user = user.unwrap_or_default();
        io::Error::new(
            ErrorKind::PermissionDenied,
            format!("cannot run as '{user}': {error}"),
        )
    })?;
    Ok(other.flatten().map_or_else(
        || Owner {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        },
        |account| Owner {
            uid: account.uid,
            gid: account.gid,
        },
    ))
}

/// Makes the directory of a socket, for its owner alone. Blocks.
pub(crate) fn make_directory(socket: &Path, owner: Owner) -> io::Result<()> {
    let Some(directory) = socket.parent() else {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "the socket has no directory",
        ));
    };
    DirBuilder::new().recursive(true).mode(OURS).create(directory)?;
    let found = fs::symlink_metadata(directory)?;
    if !found.is_dir() {
        return Err(io::Error::new(
            ErrorKind::NotADirectory,
            "the socket's directory is none",
        ));
    }
    if found.mode() & 0o7777 != OURS {
        fs::set_permissions(directory, Permissions::from_mode(OURS))?;
    }
    if found.uid() != owner.uid {
        std::os::unix::fs::chown(directory, Some(owner.uid), Some(owner.gid))?;
    }
    Ok(())
}

/// Binds a socket that is handed over. Blocks.
pub(crate) fn bind(socket: &Path) -> io::Result<UnixListener> {
    UnixListener::bind(socket)
}

/// What is at a socket's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing, or nothing any more.
    Free,
    /// Somebody listens, or something is there that is not ours to remove; says what.
    Taken(String),
}

/// Looks who listens at `socket`, and removes what a dead process left there if the directory is `ours`.
pub(crate) async fn clear(socket: &Path, ours: bool, calls: &dyn Calls) -> Place {
    match fs::symlink_metadata(socket) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Place::Free,
        Err(error) => return Place::Taken(format!("its socket cannot be looked at: {error}")),
        Ok(found) if found.file_type().is_socket() => {}
        Ok(_) if ours => {
            return Place::Taken("something else than a socket is at the path of its socket".to_owned());
        }
        // A program that chooses its own path may replace what it finds there.
        Ok(_) => return Place::Free,
    }
    match tokio::time::timeout(limits::REPORT_BUDGET, calls.listener(socket)).await {
        Ok(Ok(peer)) => {
            let who = peer
                .pid
                .map_or_else(|| format!("user {}", peer.uid), |pid| format!("process {pid}"));
            Place::Taken(format!(
                "its socket belongs to another program: {who} listens there"
            ))
        }
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Place::Free,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
            if ours && let Err(error) = fs::remove_file(socket) {
                return Place::Taken(format!("a dead socket cannot be removed: {error}"));
            }
            Place::Free
        }
        Ok(Err(error)) => Place::Taken(format!("its socket cannot be looked at: {error}")),
        Err(_) => Place::Taken("another program listens on its socket and does not answer".to_owned()),
    }
}

/// Gives the socket at `staging` the name `public` too, in place of whatever has it, without a moment in which
/// there is none. Blocks.
pub(crate) fn publish(staging: &Path, public: &Path) -> io::Result<()> {
    let mut beside = public.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    match fs::remove_file(beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::hard_link(staging, beside)?;
    fs::rename(beside, public)?;
    // Renaming onto another name of the same file does nothing and keeps both.
    match fs::remove_file(beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a socket that was published still has its public name. The staging name may be gone: an old process that
/// was started there removes it as its own when it ends. Blocks.
pub(crate) fn is_published(staging: &Path, public: &Path) -> bool {
    match (fs::symlink_metadata(staging), fs::symlink_metadata(public)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        (Err(error), Ok(_)) => error.kind() == ErrorKind::NotFound,
        _ => false,
    }
}

/// Removes a staging socket and its directory, if that is empty then. Blocks.
pub(crate) fn remove_staging(staging: &Path) {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() != ErrorKind::NotFound && error.kind() != ErrorKind::DirectoryNotEmpty => {
            tracing::debug!(path = %staging.display(), %error, "a staging socket stays");
        }
        _ => {}
    };
    gone(fs::remove_file(staging));
    if let Some(directory) = staging.parent() {
        gone(fs::remove_dir(directory));
    }
}
