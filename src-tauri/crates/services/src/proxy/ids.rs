//! Ids of requests: UUIDs of version 7, made without asking the kernel for random bytes each time. They have to
//! differ, not to be secret.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid};

/// A new id.
pub(super) fn next() -> Uuid {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
    let mut random = [0; 10];
    random[..8].copy_from_slice(&fastrand::u64(..).to_ne_bytes());
    random[8..].copy_from_slice(&fastrand::u16(..).to_ne_bytes());
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_differ_in_both_halves_and_are_of_version_7() {
        let ids: Vec<Uuid> = (0..10_000).map(|_| next()).collect();
        let spans: BTreeSet<u64> = ids.iter().map(|id| id.as_u64_pair().1).collect();
        assert_eq!(spans.len(), ids.len());
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }
}
