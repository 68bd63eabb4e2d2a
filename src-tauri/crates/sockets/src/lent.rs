//! Directories that we made for a plugin and gave to the account that it runs as.
//!
//! A socket may belong to somebody who is neither this user nor root if root gave them its directory: one of its
//! own, named for the plugin, that nobody else enters, below one that only root writes to. Nobody but root can have
//! brought that about, so what listens there is what root wanted to listen there.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Mode of the directory of a plugin that runs as an account of its own.
const OWN: u32 = 0o700;
/// Bits by which others than the owner may write.
const OTHERS_WRITE: u32 = 0o022;

/// The account that the directory of a socket was given to, when we are root and it was. Blocks for two looks at
/// directories.
pub fn lent_to(socket: &Path) -> Option<u32> {
    if !rustix::process::geteuid().is_root() || !is_named_for(socket)? {
        return None;
    }
    let own = socket.parent()?;
    let above = fs::symlink_metadata(own.parent()?).ok()?;
    let roots = above.is_dir() && above.uid() == 0 && above.mode() & OTHERS_WRITE == 0;
    // A link would lead to a directory that somebody else may have made.
    let found = fs::symlink_metadata(own).ok()?;
    (roots && found.is_dir() && found.mode() & 0o7777 == OWN).then(|| found.uid())
}

/// `<id>/<id>.sock`, or with a number after the directory's name, as long as it is not public.
fn is_named_for(socket: &Path) -> Option<bool> {
    let id = socket.file_name()?.to_str()?.strip_suffix(".sock")?;
    let rest = socket.parent()?.file_name()?.to_str()?.strip_prefix(id)?;
    let number = |rest: &str| {
        rest.strip_prefix('.')
            .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    Some(rest.is_empty() || number(rest))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    #[test]
    fn only_what_root_gave_away_is_trusted() {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: only root can give directories away");
            return;
        }
        const UID: u32 = 54_321;
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("p");
        let socket = dir.join("p.sock");
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(lent_to(&socket), None, "there is none");
        fs::create_dir(&dir).unwrap();
        chown(&dir, Some(UID), None).unwrap();
        mode(&dir, 0o700);
        assert_eq!(lent_to(&socket), Some(UID));
        assert_eq!(lent_to(&dir.join("q.sock")), None, "not named for it");
        mode(&dir, 0o755);
        assert_eq!(lent_to(&socket), None, "others come in");
        mode(&dir, 0o700);
        mode(base.path(), 0o770);
        assert_eq!(lent_to(&socket), None, "others may have put it there");
        mode(base.path(), 0o711);
        assert_eq!(lent_to(&socket), Some(UID));
        chown(base.path(), Some(UID), None).unwrap();
        assert_eq!(lent_to(&socket), None, "it is not root's place");
        chown(base.path(), Some(0), None).unwrap();
        fs::rename(&dir, base.path().join("p.12")).unwrap();
        assert_eq!(lent_to(&base.path().join("p.12/p.sock")), Some(UID));
        symlink(base.path().join("p.12"), &dir).unwrap();
        assert_eq!(lent_to(&socket), None, "behind a link may be anything");
    }
}
