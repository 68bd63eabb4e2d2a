//! A program's own directory belongs to the account that it runs as. Accounts may change from one revision to the
//! next, and then what the one before kept there is given to the new one.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, Stat};
use rustix::process::{Gid, Uid};

use crate::limits::{HOME_DEPTH, HOME_ENTRIES};
use crate::sockets::Owner;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Gives a directory, with everything in it that belonged to the account before, to its owner. It does nothing when
/// the directory is the owner's already, and when we are not root, whose directories are all its own. Blocks.
///
/// Somebody else writes to it: no symbolic link in it is followed, and what that account did not own, or what has
/// another name elsewhere, is left alone.
pub(crate) fn give(home: &Path, owner: Owner) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let top = rustix::fs::openat(CWD, home, DIRECTORY, Mode::empty())?;
    let before = rustix::fs::fstat(&top)?.st_uid;
    if before == owner.uid {
        return Ok(());
    }
    let mut left = HOME_ENTRIES;
    give_below(&top, before, owner, HOME_DEPTH, &mut left)?;
    // Last: were we cut off in between, the next start would do it again.
    rustix::fs::fchown(
        &top,
        Some(Uid::from_raw(owner.uid)),
        Some(Gid::from_raw(owner.gid)),
    )?;
    Ok(())
}

fn give_below(dir: &OwnedFd, before: u32, owner: Owner, depth: usize, left: &mut usize) -> io::Result<()> {
    if depth == 0 {
        return Err(io::Error::other(format!(
            "it is nested more than {HOME_DEPTH} deep"
        )));
    }
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        *left = left
            .checked_sub(1)
            .ok_or_else(|| io::Error::other(format!("it holds more than {HOME_ENTRIES} files")))?;
        match give_entry(dir.as_fd(), name, before, owner, depth, left) {
            // The program removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            given => given?,
        }
    }
    Ok(())
}

fn give_entry(
    dir: BorrowedFd<'_>,
    name: &CStr,
    before: u32,
    owner: Owner,
    depth: usize,
    left: &mut usize,
) -> io::Result<()> {
    let found: Stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let is_dir = rustix::fs::FileType::from_raw_mode(found.st_mode).is_dir();
    if found.st_uid != before || (!is_dir && found.st_nlink > 1) {
        return Ok(());
    }
    if is_dir {
        let below = rustix::fs::openat(dir, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
        give_below(&below, before, owner, depth - 1, left)?;
    }
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    Ok(rustix::fs::chownat(
        dir,
        name,
        Some(uid),
        Some(gid),
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, chown, symlink};

    use super::*;

    const OLD: u32 = 54_321;
    const NEW: Owner = Owner {
        uid: 54_322,
        gid: 54_322,
    };

    #[test]
    fn what_the_account_before_kept_is_given_to_the_next_and_nothing_else() {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: only root can give files away");
            return;
        }
        let base = tempfile::tempdir().expect("a directory");
        let home = base.path().join("home");
        let outside = base.path().join("outside");
        fs::create_dir_all(home.join("a/b")).expect("makes it");
        fs::create_dir(&outside).expect("makes it");
        for file in [home.join("a/b/kept"), home.join("roots"), outside.join("x")] {
            fs::write(file, "x").expect("writes");
        }
        symlink(&outside, home.join("a/link")).expect("links");
        let uid = |path: &Path| fs::symlink_metadata(path).expect("is there").uid();
        for path in ["", "a", "a/b", "a/b/kept"] {
            chown(home.join(path), Some(OLD), Some(OLD)).expect("gives");
        }
        std::os::unix::fs::lchown(home.join("a/link"), Some(OLD), Some(OLD)).expect("gives");
        chown(outside.join("x"), Some(OLD), Some(OLD)).expect("gives");

        give(&home, NEW).expect("gives");
        for path in ["", "a", "a/b", "a/b/kept", "a/link"] {
            assert_eq!(uid(&home.join(path)), NEW.uid, "{path}");
        }
        assert_eq!(uid(&home.join("roots")), 0, "it was not the account's");
        assert_eq!(uid(&outside.join("x")), OLD, "it is behind a link");

        // What has a name elsewhere too may be anybody's.
        fs::hard_link(outside.join("x"), home.join("taken")).expect("links");
        chown(&home, Some(OLD), Some(OLD)).expect("gives");
        give(&home, NEW).expect("gives");
        assert_eq!(uid(&outside.join("x")), OLD);
    }

    #[test]
    fn deep_trees_end() {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: only root can give files away");
            return;
        }
        let base = tempfile::tempdir().expect("a directory");
        let mut deep = base.path().to_owned();
        for _ in 0..=HOME_DEPTH {
            deep.push("d");
        }
        fs::create_dir_all(&deep).expect("makes it");
        let error = give(base.path(), NEW).expect_err("is too deep").to_string();
        assert!(error.contains("nested"), "{error}");
    }
}
