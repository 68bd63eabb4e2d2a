//! Maps of the few things that a node says.

use std::ops::Index;

use serde::{Serialize, Serializer};

use crate::SmolStr;

/// A map by text keys, kept as a sorted list.
///
/// A node has a dozen entries of a sort, read in order by everyone and changed by few. In a list they lie side
/// by side, take their own size alone, and cost one allocation; a tree would take room for eleven at once.
/// Inserting in ascending order of keys is as cheap as appending; many others are to be added all at once, by
/// [`Extend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries<V>(Vec<(SmolStr, V)>);

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Entries(Vec::new())
    }
}

/// Entries up to which looking at all is faster than halving: most keys differ in length already.
const FEW: usize = 16;

/// Keys and values in ascending order of keys.
pub type Iter<'a, V> =
    std::iter::Map<std::slice::Iter<'a, (SmolStr, V)>, fn(&'a (SmolStr, V)) -> (&'a SmolStr, &'a V)>;

impl<V> Entries<V> {
    /// No entries.
    pub const fn new() -> Self {
        Entries(Vec::new())
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes room for so many more entries, and no more than that.
    pub fn reserve_exact(&mut self, more: usize) {
        self.0.reserve_exact(more);
    }

    /// Gives back room that nothing takes.
    pub fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Where the key is, or would be.
    fn place(&self, key: &str) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if last.as_str() < key => Err(self.0.len()),
            None => Err(0),
            _ => self.0.binary_search_by(|(held, _)| held.as_str().cmp(key)),
        }
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.at(self.position(key)?).map(|(_, value)| value)
    }

    /// How many entries there are before the one under `key`.
    pub fn position(&self, key: &str) -> Option<usize> {
        if self.0.len() > FEW {
            return self.place(key).ok();
        }
        self.0.iter().position(|(held, _)| held.as_str() == key)
    }

    /// The entry that so many stand before.
    pub fn at(&self, position: usize) -> Option<(&SmolStr, &V)> {
        self.0.get(position).map(|(key, value)| (key, value))
    }

    /// The value under `key`, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        let at = self.place(key).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// True when there is a value under `key`.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Puts a value under a key, and gives back what was there.
    pub fn insert(&mut self, key: SmolStr, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(at) => self.0.get_mut(at).map(|(_, held)| std::mem::replace(held, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Takes out what is under a key.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        let at = self.place(key).ok()?;
        Some(self.0.remove(at).1)
    }

    /// The place of a key, filled or not.
    pub fn entry(&mut self, key: SmolStr) -> Entry<'_, V> {
        let place = self.place(&key);
        Entry {
            all: &mut self.0,
            key,
            place,
        }
    }

    /// Keeps what the condition holds for.
    pub fn retain(&mut self, mut keep: impl FnMut(&SmolStr, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| keep(key, value));
    }

    /// All in order of keys.
    pub fn iter(&self) -> Iter<'_, V> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// All in order of keys, values to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&SmolStr, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// Keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &SmolStr> + Clone {
        self.0.iter().map(|(key, _)| key)
    }

    /// Values in order of keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> + Clone {
        self.0.iter().map(|(_, value)| value)
    }

    /// Values in order of keys, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Those whose key starts with `prefix`.
    pub fn starting_with(&self, prefix: &str) -> impl Iterator<Item = (&SmolStr, &V)> {
        let begin = self.0.partition_point(|(key, _)| key.as_str() < prefix);
        self.0
            .iter()
            .skip(begin)
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key, value))
    }

    /// The one with the least key.
    pub fn first_key_value(&self) -> Option<(&SmolStr, &V)> {
        self.0.first().map(|(key, value)| (key, value))
    }
}

/// The place of a key, filled or not.
#[derive(Debug)]
pub struct Entry<'a, V> {
    all: &'a mut Vec<(SmolStr, V)>,
    key: SmolStr,
    place: Result<usize, usize>,
}

impl<'a, V> Entry<'a, V> {
    /// The value, made when there is none.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        let at = match self.place {
            Ok(at) => at,
            Err(at) => {
                self.all.insert(at, (self.key, make()));
                at
            }
        };
        &mut self.all[at].1
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

impl<V> IntoIterator for Entries<V> {
    type Item = (SmolStr, V);
    type IntoIter = std::vec::IntoIter<(SmolStr, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<V> Extend<(SmolStr, V)> for Entries<V> {
    /// Adds all; of several with one key, the last stays.
    fn extend<I: IntoIterator<Item = (SmolStr, V)>>(&mut self, more: I) {
        self.0.extend(more);
        if self.0.is_sorted_by(|a, b| a.0 < b.0) {
            return;
        }
        self.0.sort_by(|a, b| a.0.cmp(&b.0));
        self.0.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
    }
}

impl<V> FromIterator<(SmolStr, V)> for Entries<V> {
    fn from_iter<I: IntoIterator<Item = (SmolStr, V)>>(all: I) -> Self {
        let mut out = Entries::default();
        out.extend(all);
        out
    }
}

impl<V> From<Vec<(SmolStr, V)>> for Entries<V> {
    fn from(all: Vec<(SmolStr, V)>) -> Self {
        let mut out = Entries(all);
        out.extend([]);
        out
    }
}

impl<V, const N: usize> From<[(SmolStr, V); N]> for Entries<V> {
    fn from(all: [(SmolStr, V); N]) -> Self {
        all.into_iter().collect()
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
