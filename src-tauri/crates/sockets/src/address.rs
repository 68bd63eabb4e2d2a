//! Paths of sockets as the kernel takes them.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Longest path that a socket address holds beside its terminating zero. Bytes.
const ADDRESS_BYTES: usize = 107;

/// A path that fits into a socket address and names the same socket.
#[derive(Debug)]
pub struct Address {
    path: PathBuf,
    /// Keeps the descriptor that the path goes through.
    _pin: Option<OwnedFd>,
}

impl Address {
    /// The path itself where it fits and is text, which is what a URI can carry; otherwise the way through a
    /// descriptor of the socket's file.
    ///
    /// # Errors
    /// When a file that needs a descriptor cannot be opened.
    pub fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= ADDRESS_BYTES && path.to_str().is_some() {
            return Ok(Address {
                path: path.to_owned(),
                _pin: None,
            });
        }
        let pin = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Address {
            path: PathBuf::from(format!("/proc/self/fd/{}", pin.as_raw_fd())),
            _pin: Some(pin),
        })
    }

    /// What to dial, for as long as this lives.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::io::Read as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn whatever_the_path_the_same_socket_is_dialled() {
        let home = tempfile::tempdir().unwrap();
        let deep = home.path().join("d".repeat(ADDRESS_BYTES));
        for directory in [home.path(), &deep, &home.path().join(OsStr::from_bytes(b"\xff"))] {
            std::fs::create_dir_all(directory).unwrap();
            let dir = std::fs::File::open(directory).unwrap();
            // Listened on by another way than it is dialled.
            let near = format!("/proc/self/fd/{}/s", dir.as_raw_fd());
            let listener = UnixListener::bind(near).unwrap();
            let address = Address::of(&directory.join("s")).unwrap();
            let mut dialled = UnixStream::connect(address.path()).unwrap();
            drop(listener.accept().unwrap());
            assert_eq!(dialled.read(&mut [0]).unwrap(), 0, "{}", directory.display());
        }
        assert!(Address::of(&deep.join("none")).is_err());
    }
}
