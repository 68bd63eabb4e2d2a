//! Sets of the few names that a node lists, such as its parents of one kind.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::SmolStr;

/// A set of texts in order, shared where it is cloned.
///
/// Most sets have one element, and thousands of nodes have the same set: their host. As a shared list that is two
/// words for each of them. Changing one copies it, so that many elements are to be added all at once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Names(Arc<[SmolStr]>);

impl Names {
    /// True when `name` is in it.
    pub fn contains(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Adds a name; false when it was there.
    pub fn insert(&mut self, name: SmolStr) -> bool {
        let Err(at) = self.place(&name) else {
            return false;
        };
        let mut all = self.0.to_vec();
        all.insert(at, name);
        self.0 = all.into();
        true
    }

    /// Takes a name out; false when it was not there.
    pub fn remove(&mut self, name: &str) -> bool {
        let Ok(at) = self.place(name) else {
            return false;
        };
        let mut all = self.0.to_vec();
        all.remove(at);
        self.0 = all.into();
        true
    }

    /// True when every name of this set is in the other.
    pub fn is_subset(&self, other: &Names) -> bool {
        self.iter().all(|name| other.contains(name))
    }

    /// True when both are one list in memory.
    pub fn is_shared_with(&self, other: &Names) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|held| held.as_str().cmp(name))
    }
}

impl Deref for Names {
    type Target = [SmolStr];

    fn deref(&self) -> &[SmolStr] {
        &self.0
    }
}

impl From<Vec<SmolStr>> for Names {
    fn from(mut all: Vec<SmolStr>) -> Self {
        if !all.is_sorted_by(|a, b| a < b) {
            all.sort_unstable();
            all.dedup();
        }
        Names(all.into())
    }
}

impl<const N: usize> From<[SmolStr; N]> for Names {
    fn from(all: [SmolStr; N]) -> Self {
        Vec::from(all).into()
    }
}

impl From<BTreeSet<SmolStr>> for Names {
    fn from(all: BTreeSet<SmolStr>) -> Self {
        Names(all.into_iter().collect())
    }
}

impl FromIterator<SmolStr> for Names {
    fn from_iter<I: IntoIterator<Item = SmolStr>>(all: I) -> Self {
        all.into_iter().collect::<Vec<_>>().into()
    }
}

impl Extend<SmolStr> for Names {
    fn extend<I: IntoIterator<Item = SmolStr>>(&mut self, more: I) {
        let mut missing = more.into_iter().filter(|name| !self.contains(name)).peekable();
        if missing.peek().is_none() {
            return;
        }
        let all: Vec<SmolStr> = self.0.iter().cloned().chain(missing).collect();
        *self = all.into();
    }
}

impl<'a> IntoIterator for &'a Names {
    type Item = &'a SmolStr;
    type IntoIter = std::slice::Iter<'a, SmolStr>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is done to both, a tree and a list hold the same.
        #[test]
        fn a_list_is_a_set(steps in proptest::collection::vec((0..4_u8, "[a-c]{0,2}", "[a-c]{0,2}"), 0..40)) {
            let (mut list, mut tree) = (Names::default(), BTreeSet::new());
            for (step, one, other) in steps {
                let (one, other) = (SmolStr::from(one), SmolStr::from(other));
                match step {
                    0 => prop_assert_eq!(list.remove(&one), tree.remove(&one)),
                    1 => {
                        list.extend([one.clone(), other.clone(), one.clone()]);
                        tree.extend([one.clone(), other.clone(), one.clone()]);
                    }
                    _ => prop_assert_eq!(list.insert(one.clone()), tree.insert(one.clone())),
                }
                prop_assert!(list.iter().eq(&tree));
                prop_assert_eq!(list.contains(&other), tree.contains(&other));
                let more = Names::from([one, other]);
                let more_tree: BTreeSet<SmolStr> = more.iter().cloned().collect();
                prop_assert_eq!(more.is_subset(&list), more_tree.is_subset(&tree));
                prop_assert_eq!(&Names::from(tree.clone()), &list);
            }
        }
    }
}
