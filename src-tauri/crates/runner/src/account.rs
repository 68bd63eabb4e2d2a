//! Accounts that programs may run as.

use std::ffi::CString;

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
    /// There is none of that name.
    #[error("there is no account of that name")]
    Unknown,
    /// It could not be looked up.
    #[error("the account cannot be looked up: {0}")]
    Lookup(String),
}

/// Looks up an account. Blocks for as long as the system's name service does.
///
/// # Errors
/// When there is none of that name, or the name service fails.
pub fn account(name: &str) -> Result<Account, AccountError> {
    let lookup = |error: nix::Error| AccountError::Lookup(error.desc().to_owned());
    let user = nix::unistd::User::from_name(name)
        .map_err(lookup)?
        .ok_or(AccountError::Unknown)?;
    let c_name = CString::new(name).map_err(|_| AccountError::Unknown)?;
    let groups = nix::unistd::getgrouplist(&c_name, user.gid).map_err(lookup)?;
    Ok(Account {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        groups: groups.into_iter().map(nix::unistd::Gid::as_raw).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name() {
        let root = account("root").expect("every machine has it");
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(account("no-such-account-here"), Err(AccountError::Unknown));
        assert_eq!(account("with\0nul"), Err(AccountError::Unknown));
    }
}
