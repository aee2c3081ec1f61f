//! A map that holds only so much: what was not asked for longest makes room for what is new.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

#[cfg(test)]
mod tests;

/// A cache whose entries have a weight each (bytes, or 1 where they are counted).
#[derive(Debug)]
pub struct Bounded<K, V> {
    limit: usize,
    weight: usize,
    entries: HashMap<K, Entry<V>>,
    /// Keys by the moment of their last use.
    by_use: BTreeMap<u64, K>,
    /// Counts uses.
    now: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    weight: usize,
    used: u64,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    /// An empty map for entries that weigh `limit` together.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            weight: 0,
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
            now: 0,
        }
    }

    /// The value of a key, which thereby becomes the one that was used last.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        let entry = self.entries.get_mut(key)?;
        self.now += 1;
        self.by_use.remove(&entry.used);
        self.by_use.insert(self.now, key.clone());
        entry.used = self.now;
        Some(&entry.value)
    }

    /// Puts a value in place of the one before, and evicts others, one by one, until all fit. A value that is heavier
    /// than the limit is kept alone: whoever put it there is about to use it.
    pub fn insert(&mut self, key: K, value: V, weight: usize) {
        self.remove(&key);
        while self.weight.saturating_add(weight) > self.limit {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                break;
            };
            self.remove(&oldest);
        }
        self.now += 1;
        self.by_use.insert(self.now, key.clone());
        self.weight = self.weight.saturating_add(weight);
        let used = self.now;
        self.entries.insert(key, Entry { value, weight, used });
    }

    fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.used);
            self.weight -= entry.weight;
        }
    }
}
