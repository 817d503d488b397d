//! A map with a bound on its size in bytes, from which the entry that was used longest ago is dropped first.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

#[derive(Debug)]
pub(crate) struct Lru<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// The keys, the next to be dropped first. Ranks are positive and rise with each use, but for retired entries.
    order: BTreeMap<i64, K>,
    last_rank: i64,
    used_bytes: usize,
    limit_bytes: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    size_bytes: usize,
    rank: i64,
}

impl<K: Copy + Eq + Hash, V> Lru<K, V> {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: BTreeMap::new(),
            last_rank: 0,
            used_bytes: 0,
            limit_bytes,
        }
    }

    /// The value of a key, which counts as used.
    pub(crate) fn get(&mut self, key: &K) -> Option<&V> {
        let entry = self.entries.get_mut(key)?;
        // Most often the entry is asked for that was asked for last.
        if entry.rank != self.last_rank {
            self.order.remove(&entry.rank);
            self.last_rank += 1;
            entry.rank = self.last_rank;
            self.order.insert(entry.rank, *key);
        }
        Some(&entry.value)
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// Adds an entry or replaces it. Others make room; an entry larger than the bound is then the only one.
    pub(crate) fn insert(&mut self, key: K, value: V, size_bytes: usize) {
        self.remove(&key);
        while self.make_room(size_bytes).is_some() {}
        self.last_rank += 1;
        let rank = self.last_rank;
        self.order.insert(rank, key);
        self.used_bytes += size_bytes;
        let entry = Entry {
            value,
            size_bytes,
            rank,
        };
        self.entries.insert(key, entry);
    }

    /// Drops one entry, if there is one and so many more bytes would not fit.
    pub(crate) fn make_room(&mut self, size_bytes: usize) -> Option<V> {
        if self.used_bytes + size_bytes <= self.limit_bytes {
            return None;
        }
        let key = *self.order.first_key_value()?.1;
        self.remove(&key)
    }

    /// Lets an entry be the next to be dropped: nobody will ask for it again.
    pub(crate) fn retire(&mut self, key: &K) {
        if let Some(entry) = self.entries.get_mut(key) {
            self.order.remove(&entry.rank);
            let first = self.order.first_key_value().map_or(0, |(rank, _)| *rank);
            entry.rank = first.min(0) - 1;
            self.order.insert(entry.rank, *key);
        }
    }

    fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.rank);
        self.used_bytes -= entry.size_bytes;
        Some(entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(lru: &Lru<u32, ()>) -> Vec<u32> {
        lru.order.values().copied().collect()
    }

    #[test]
    fn drops_what_was_used_longest_ago() {
        let mut lru = Lru::new(3);
        for key in [1, 2, 3] {
            lru.insert(key, (), 1);
        }
        assert!(lru.get(&1).is_some());
        lru.insert(4, (), 1);
        assert_eq!(keys(&lru), [3, 1, 4]);
        lru.insert(3, (), 2);
        assert_eq!(keys(&lru), [4, 3]);
        assert_eq!(lru.used_bytes, 3);
    }

    #[test]
    fn a_retired_entry_goes_first_unless_it_is_used_again() {
        let mut lru = Lru::new(3);
        for key in [1, 2, 3] {
            lru.insert(key, (), 1);
        }
        lru.retire(&3);
        lru.retire(&2);
        assert!(lru.get(&2).is_some());
        assert_eq!(keys(&lru), [3, 1, 2]);
        lru.insert(4, (), 1);
        assert_eq!(keys(&lru), [1, 2, 4]);
    }

    #[test]
    fn what_is_too_large_stays_alone() {
        let mut lru = Lru::new(3);
        lru.insert(1, (), 1);
        lru.insert(2, (), 100);
        assert_eq!(keys(&lru), [2]);
        lru.insert(3, (), 1);
        assert_eq!(keys(&lru), [3]);
        assert_eq!(lru.used_bytes, 1);
    }
}
