//! What a call of `reauthorize` has pinned so far.

use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Keys of pinned objects.
#[derive(Default)]
pub struct Pinned {
    keys: BTreeSet<String>,
    /// Whether the branches were listed after the last pin.
    pub is_listed_since: bool,
}

impl Pinned {
    /// Of the objects that are needed, those that are not pinned yet, by branch.
    pub fn missing(&self, needed: BTreeMap<Uuid, Vec<String>>) -> BTreeMap<Uuid, Vec<String>> {
        let not_pinned = |(branch, mut keys): (Uuid, Vec<String>)| {
            keys.retain(|key| !self.keys.contains(key));
            (!keys.is_empty()).then_some((branch, keys))
        };
        needed.into_iter().filter_map(not_pinned).collect()
    }

    /// These are pinned now, and the branches are listed next.
    pub fn add(&mut self, pinned: &BTreeMap<Uuid, Vec<String>>) {
        self.keys.extend(pinned.values().flatten().cloned());
        self.is_listed_since = true;
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.keys.len()
    }
}
