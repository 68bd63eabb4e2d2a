//! Maps of the few things that a node says.

use std::ops::Index;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::SmolStr;

/// A map by text keys, kept as a sorted list that is shared where it is cloned.
///
/// A node has a dozen entries of a sort, read in order by everyone and changed by few. In a list they lie side
/// by side, take their own size alone, and cost one allocation, which all have that say the same. Changing one
/// copies it, so that many entries are to be added all at once, by [`Extend`].
#[derive(Debug, Clone)]
pub struct Entries<V>(Option<Arc<[(SmolStr, V)]>>);

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Entries(None)
    }
}

impl<V: PartialEq> PartialEq for Entries<V> {
    fn eq(&self, other: &Self) -> bool {
        self.is_shared_with(other) || self.all() == other.all()
    }
}

impl<V: Eq> Eq for Entries<V> {}

/// Entries up to which looking at all is faster than halving: most keys differ in length already.
const FEW: usize = 16;

/// Keys and values in ascending order of keys.
pub type Iter<'a, V> =
    std::iter::Map<std::slice::Iter<'a, (SmolStr, V)>, fn(&'a (SmolStr, V)) -> (&'a SmolStr, &'a V)>;

impl<V> Entries<V> {
    /// No entries.
    pub const fn new() -> Self {
        Entries(None)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.all().len()
    }

    /// True when there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// True when both are one list in memory, as all empty ones are.
    pub fn is_shared_with(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }

    /// True when somebody else has the same list.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.as_ref().is_some_and(|all| Arc::strong_count(all) > 1)
    }

    /// Where the list lies, for telling lists apart quickly.
    pub(crate) fn address(&self) -> usize {
        self.all().as_ptr().addr()
    }

    #[inline]
    fn all(&self) -> &[(SmolStr, V)] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Where the key is, or would be.
    fn place(&self, key: &str) -> Result<usize, usize> {
        match self.all().last() {
            Some((last, _)) if last.as_str() < key => Err(self.len()),
            None => Err(0),
            _ => self.all().binary_search_by(|(held, _)| held.as_str().cmp(key)),
        }
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.at(self.position(key)?).map(|(_, value)| value)
    }

    /// How many entries there are before the one under `key`.
    pub fn position(&self, key: &str) -> Option<usize> {
        if self.len() > FEW {
            return self.place(key).ok();
        }
        self.all().iter().position(|(held, _)| held.as_str() == key)
    }

    /// The entry that so many stand before.
    pub fn at(&self, position: usize) -> Option<(&SmolStr, &V)> {
        self.all().get(position).map(|(key, value)| (key, value))
    }

    /// True when there is a value under `key`.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// All in order of keys.
    pub fn iter(&self) -> Iter<'_, V> {
        self.all().iter().map(|(key, value)| (key, value))
    }

    /// Keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &SmolStr> + Clone {
        self.all().iter().map(|(key, _)| key)
    }

    /// Values in order of keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> + Clone {
        self.all().iter().map(|(_, value)| value)
    }

    /// Those whose key starts with `prefix`.
    pub fn starting_with(&self, prefix: &str) -> impl Iterator<Item = (&SmolStr, &V)> {
        let begin = self.all().partition_point(|(key, _)| key.as_str() < prefix);
        self.all()
            .iter()
            .skip(begin)
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key, value))
    }

    /// The one with the least key.
    pub fn first_key_value(&self) -> Option<(&SmolStr, &V)> {
        self.at(0)
    }
}

impl<V: Clone> Entries<V> {
    /// The list of this node alone, to be changed in place.
    fn own(&mut self) -> &mut [(SmolStr, V)] {
        self.0.as_mut().map(Arc::make_mut).unwrap_or_default()
    }

    fn set(&mut self, all: Vec<(SmolStr, V)>) {
        self.0 = (!all.is_empty()).then(|| all.into());
    }

    fn add(&mut self, at: usize, key: SmolStr, value: V) {
        let (before, after) = self.all().split_at(at);
        let mut all = Vec::with_capacity(self.len() + 1);
        all.extend_from_slice(before);
        all.push((key, value));
        all.extend_from_slice(after);
        self.set(all);
    }

    /// The value under `key`, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        let at = self.place(key).ok()?;
        self.own().get_mut(at).map(|(_, value)| value)
    }

    /// Puts a value under a key, and gives back what was there.
    pub fn insert(&mut self, key: SmolStr, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(at) => {
                let (_, held) = self.own().get_mut(at)?;
                Some(std::mem::replace(held, value))
            }
            Err(at) => {
                self.add(at, key, value);
                None
            }
        }
    }

    /// Takes out what is under a key.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        let at = self.place(key).ok()?;
        let mut all = self.all().to_vec();
        let (_, value) = all.remove(at);
        self.set(all);
        Some(value)
    }

    /// The place of a key, filled or not.
    pub fn entry(&mut self, key: SmolStr) -> Entry<'_, V> {
        let place = self.place(&key);
        Entry {
            entries: self,
            key,
            place,
        }
    }

    /// Keeps what the condition holds for.
    pub fn retain(&mut self, mut keep: impl FnMut(&SmolStr, &V) -> bool) {
        if self.iter().all(|(key, value)| keep(key, value)) {
            return;
        }
        let kept = self.all().iter().filter(|(key, value)| keep(key, value));
        let kept: Vec<_> = kept.cloned().collect();
        self.set(kept);
    }

    /// All in order of keys, values to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&SmolStr, &mut V)> {
        self.own().iter_mut().map(|(key, value)| (&*key, value))
    }

    /// Values in order of keys, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.own().iter_mut().map(|(_, value)| value)
    }

    /// What was read, which is left empty, in a list of its size.
    pub(crate) fn take_from(read: &mut Vec<(SmolStr, V)>) -> Self {
        put_in_order(read);
        Entries((!read.is_empty()).then(|| read.drain(..).collect()))
    }
}

impl<V: PartialEq> Entries<V> {
    /// Has the other list in the place of an equal one.
    pub(crate) fn share(&mut self, other: &Self) {
        if self == other {
            self.0.clone_from(&other.0);
        }
    }
}

/// The place of a key, filled or not.
#[derive(Debug)]
pub struct Entry<'a, V> {
    entries: &'a mut Entries<V>,
    key: SmolStr,
    place: Result<usize, usize>,
}

impl<'a, V: Clone> Entry<'a, V> {
    /// The value, made when there is none.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        let at = match self.place {
            Ok(at) => at,
            Err(at) => {
                self.entries.add(at, self.key, make());
                at
            }
        };
        &mut self.entries.own()[at].1
    }

    /// The value, the default one when there is none.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }
}

impl<V> Index<&str> for Entries<V> {
    type Output = V;

    /// The value under a key that is known to be there.
    #[expect(clippy::expect_used, reason = "as with every index")]
    fn index(&self, key: &str) -> &V {
        self.get(key).expect("no entry under this key")
    }
}

impl<'a, V> IntoIterator for &'a Entries<V> {
    type Item = (&'a SmolStr, &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Iter<'a, V> {
        self.iter()
    }
}

/// Sorts by key; of several with one key, the last stays.
pub(crate) fn put_in_order<V>(all: &mut Vec<(SmolStr, V)>) {
    if all.is_sorted_by(|a, b| a.0 < b.0) {
        return;
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
}

impl<V: Clone> Extend<(SmolStr, V)> for Entries<V> {
    /// Adds all; of several with one key, the last stays.
    fn extend<I: IntoIterator<Item = (SmolStr, V)>>(&mut self, more: I) {
        let mut more = more.into_iter().peekable();
        if more.peek().is_some() {
            *self = self.all().iter().cloned().chain(more).collect();
        }
    }
}

impl<V> FromIterator<(SmolStr, V)> for Entries<V> {
    fn from_iter<I: IntoIterator<Item = (SmolStr, V)>>(all: I) -> Self {
        all.into_iter().collect::<Vec<_>>().into()
    }
}

impl<V> From<Vec<(SmolStr, V)>> for Entries<V> {
    /// Of several with one key, the last stays.
    fn from(mut all: Vec<(SmolStr, V)>) -> Self {
        put_in_order(&mut all);
        Entries((!all.is_empty()).then(|| all.into()))
    }
}

impl<V, const N: usize> From<[(SmolStr, V); N]> for Entries<V> {
    fn from(all: [(SmolStr, V); N]) -> Self {
        Vec::from(all).into()
    }
}

impl<V: Serialize> Serialize for Entries<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is done to both, a tree and a list hold the same.
        #[test]
        fn a_list_is_a_map(steps in proptest::collection::vec((0..5_u8, "[a-c]{0,3}", 0..9_u8), 0..60)) {
            let (mut list, mut tree) = (Entries::default(), BTreeMap::default());
            for (step, key, value) in steps {
                let smol = SmolStr::from(&key);
                match step {
                    0 => prop_assert_eq!(list.remove(&key), tree.remove(&smol)),
                    1 => {
                        prop_assert_eq!(
                            list.entry(smol.clone()).or_insert_with(|| value),
                            tree.entry(smol).or_insert(value)
                        );
                    }
                    2 => {
                        let more = [(smol.clone(), value), (SmolStr::new("b"), 1), (smol.clone(), 2)];
                        list.extend(more.clone());
                        tree.extend(more);
                    }
                    3 => {
                        list.retain(|held, _| *held != key);
                        tree.retain(|held, _| *held != key);
                    }
                    _ => prop_assert_eq!(list.insert(smol.clone(), value), tree.insert(smol, value)),
                }
                prop_assert!(list.iter().eq(&tree) && list.len() == tree.len());
                prop_assert_eq!(list.get(&key), tree.get(key.as_str()));
                let position = list.position(&key);
                prop_assert_eq!(position, tree.keys().position(|held| *held == key));
                prop_assert_eq!(position.and_then(|at| list.at(at)), tree.get_key_value(key.as_str()));
                prop_assert_eq!(list.get_mut(&key), tree.get_mut(key.as_str()));
                let prefixed = tree.iter().filter(|(held, _)| held.starts_with(&*key));
                prop_assert!(list.starting_with(&key).eq(prefixed));
                prop_assert_eq!(list.first_key_value(), tree.first_key_value());
            }
        }
    }
}
