//! Accounts that programs may run as.

use std::ffi::CString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Main group id.
    pub gid: u32,
    /// All its group ids.
    pub groups: Vec<u32>,
}

/// Why an account cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// There is none of that name or number.
    #[error("there is no account of that name")]
    Unknown,
    /// Only root may change accounts.
    #[error("only root can run a program as somebody else, and this is user {0}")]
    NotRoot(u32),
    /// It could not be looked up.
    #[error("the account cannot be looked up: {0}")]
    Lookup(String),
}

/// Looks up an account by its name, else by its number. Blocks for as long as the system's name service does.
///
/// # Errors
/// When there is none, or the name service fails.
pub fn account(name: &str) -> Result<Account, AccountError> {
    let lookup = |error: nix::Error| AccountError::Lookup(error.desc().to_owned());
    let named = nix::unistd::User::from_name(name).map_err(lookup)?;
    let user = match (named, name.parse()) {
        (Some(user), _) => Some(user),
        (None, Ok(uid)) => nix::unistd::User::from_uid(Uid::from_raw(uid)).map_err(lookup)?,
        (None, Err(_)) => None,
    };
    let user = user.ok_or(AccountError::Unknown)?;
    let c_name = CString::new(user.name.as_str()).map_err(|_| AccountError::Unknown)?;
    let groups = nix::unistd::getgrouplist(&c_name, user.gid).map_err(lookup)?;
    Ok(Account {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        groups: groups.into_iter().map(nix::unistd::Gid::as_raw).collect(),
    })
}

/// The account that a program which is to run as `user` has to change to: none where that is our own. Blocks like
/// [`account`].
///
/// # Errors
/// Like [`account`], and when we may not change to it.
pub fn other_account(user: &str) -> Result<Option<Account>, AccountError> {
    let account = account(user)?;
    let own = nix::unistd::geteuid();
    if account.uid == own.as_raw() {
        return Ok(None);
    }
    match own.is_root() {
        true => Ok(Some(account)),
        false => Err(AccountError::NotRoot(own.as_raw())),
    }
}

/// The first directory on the way to `path` whose mode keeps an account out, with that mode. Access lists are not
/// looked at: this explains a refusal, and decides nothing. Blocks.
pub(crate) fn barrier(account: &Account, path: &Path) -> Option<(PathBuf, u32)> {
    let mut way: Vec<&Path> = path.ancestors().skip(1).collect();
    way.reverse();
    way.into_iter().find_map(|dir| {
        let found = std::fs::metadata(dir).ok()?;
        let bit = match (found.uid() == account.uid, account.is_in(found.gid())) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        (found.mode() & bit == 0).then(|| (dir.to_owned(), found.mode() & 0o7777))
    })
}

impl Account {
    fn is_in(&self, group: u32) -> bool {
        self.gid == group || self.groups.contains(&group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name() {
        let root = account("root").expect("every machine has it");
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(account("0").as_ref(), Ok(&root), "and by number");
        assert_eq!(account("no-such-account-here"), Err(AccountError::Unknown));
        assert_eq!(account("4000000000"), Err(AccountError::Unknown));
        assert_eq!(account("-1"), Err(AccountError::Unknown));
        assert_eq!(account("with\0nul"), Err(AccountError::Unknown));
    }

    #[test]
    fn only_root_changes_accounts() {
        let own = nix::unistd::geteuid();
        assert_eq!(other_account(&own.to_string()), Ok(None));
        let other = other_account(if own.is_root() { "nobody" } else { "root" });
        match own.is_root() {
            true => assert_eq!(other, account("nobody").map(Some)),
            false => assert_eq!(other, Err(AccountError::NotRoot(own.as_raw()))),
        }
    }

    #[test]
    fn what_is_in_the_way_of_an_account_is_named() {
        use std::os::unix::fs::PermissionsExt as _;
        let base = tempfile::tempdir().expect("a directory");
        let shut = base.path().join("shut");
        std::fs::create_dir(&shut).expect("makes it");
        let mode = |dir: &Path, mode| {
            std::fs::set_permissions(dir, std::fs::Permissions::from_mode(mode)).expect("changes");
        };
        mode(base.path(), 0o755);
        mode(&shut, 0o700);
        let stranger = Account {
            name: "stranger".to_owned(),
            uid: 4_000_000_000,
            gid: 4_000_000_000,
            groups: Vec::new(),
        };
        assert_eq!(barrier(&stranger, &shut.join("x")), Some((shut.clone(), 0o700)));
        let group = std::fs::metadata(&shut).expect("is there").gid();
        let member = Account {
            groups: vec![group],
            ..stranger.clone()
        };
        mode(&shut, 0o710);
        assert_eq!(barrier(&member, &shut.join("x")), None);
        assert_eq!(barrier(&stranger, &shut.join("x")), Some((shut.clone(), 0o710)));
        mode(&shut, 0o711);
        assert_eq!(barrier(&stranger, &shut.join("x")), None);
    }
}
