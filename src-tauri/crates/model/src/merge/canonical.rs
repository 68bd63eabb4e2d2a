//! Which of two values wins a tie: the one whose canonical JSON is larger, byte by byte.

use std::cmp::Ordering;

use crate::encode::Canonical;

/// Compares the canonical JSON of two values.
pub(super) fn compare<T: Canonical + ?Sized>(a: &T, b: &T) -> Ordering {
    a.canonical_json().cmp(&b.canonical_json())
}

/// Replaces `held` by `other` when that wins the tie.
pub(super) fn keep_larger<T: Canonical + Clone + PartialEq>(held: &mut T, other: &T) {
    if held != other && compare(held, other).is_lt() {
        held.clone_from(other);
    }
}
