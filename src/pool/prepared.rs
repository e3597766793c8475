use lru::LruCache;

/// Statements that one backend keeps prepared at most: each takes some ten KiB of the backend's memory.
const CAPACITY: usize = 256;

/// Which shared statements, by id, are prepared on one backend; the least recently used go first.
#[derive(Debug)]
pub struct Prepared {
    ids: LruCache<u64, ()>,
}

impl Default for Prepared {
    fn default() -> Self {
        // Unbounded inside, so that memory grows with use.
        Prepared { ids: LruCache::unbounded() }
    }
}

impl Prepared {
    /// Is it prepared? Counts as a use.
    pub fn contains(&mut self, id: u64) -> bool {
        self.ids.get(&id).is_some()
    }

    /// Notes it as prepared. The id that had to go for it, if any, must be closed on the backend.
    pub fn insert(&mut self, id: u64) -> Option<u64> {
        self.ids.put(id, ());
        if self.ids.len() > CAPACITY { self.ids.pop_lru().map(|(evicted, ())| evicted) } else { None }
    }

    /// Notes that it is not prepared (any more).
    pub fn remove(&mut self, id: u64) {
        self.ids.pop(&id);
    }

    /// Notes that nothing is prepared, as after DISCARD ALL.
    pub fn clear(&mut self) {
        self.ids.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut prepared = Prepared::default();
        let capacity = CAPACITY as u64;
        for id in 0..capacity {
            assert_eq!(prepared.insert(id), None);
        }
        assert!(prepared.contains(0));
        assert_eq!(prepared.insert(capacity), Some(1));
        assert!(!prepared.contains(1));
        assert_eq!(prepared.insert(0), None, "it is there already");
        prepared.remove(0);
        assert!(!prepared.contains(0));
        prepared.clear();
        assert!(!prepared.contains(2));
    }
}
