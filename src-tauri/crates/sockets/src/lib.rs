//! A plugin's socket before the first byte is sent to it: who may listen there, and how it is dialled where its path
//! is longer than a socket address holds.
//!
//! It stands below the two crates that talk to plugins, `plugins` and `services`, so that both go by one rule.

mod address;
mod lent;

use std::path::Path;

pub use address::Address;
pub use lent::lent_to;

/// Whether this account may listen on a plugin's socket: root, the one that we run as (`own`), and the one that root
/// gave the socket's directory to. Looks at directories only where it is neither of the first two.
#[must_use]
pub fn may_listen(socket: &Path, uid: u32, own: u32) -> bool {
    uid == 0 || uid == own || lent_to(socket) == Some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_we_ourselves_may_listen_anywhere_and_nobody_else() {
        let nowhere = Path::new("/nowhere/p/p.sock");
        for (uid, own, may) in [
            (0, 1_000, true),
            (1_000, 1_000, true),
            (1_001, 1_000, false),
            (1_000, 0, false),
        ] {
            assert_eq!(may_listen(nowhere, uid, own), may, "{uid} for {own}");
        }
    }
}
