use lru::LruCache;

/// Which shared statements, by id, are prepared on one backend; the least recently used go first.
#[derive(Debug)]
pub struct Prepared {
    ids: LruCache<u64, ()>,
    /// Each takes some ten KiB of the backend's memory.
    capacity: usize,
}

impl Default for Prepared {
    /// One that keeps a single statement, until its pool says how many.
    fn default() -> Self {
        Prepared::new(1)
    }
}

impl Prepared {
    /// None yet, and never more than `capacity`.
    pub fn new(capacity: usize) -> Self {
        // Unbounded inside, so that memory grows with use.
        Prepared { ids: LruCache::unbounded(), capacity }
    }

    /// Is it prepared? Counts as a use.
    pub fn contains(&mut self, id: u64) -> bool {
        self.ids.get(&id).is_some()
    }

    /// Notes it as prepared. The id that had to go for it, if any, must be closed on the backend.
    pub fn insert(&mut self, id: u64) -> Option<u64> {
        self.ids.put(id, ());
        if self.ids.len() > self.capacity { self.ids.pop_lru().map(|(evicted, ())| evicted) } else { None }
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
        let capacity = 4;
        let mut prepared = Prepared::new(4);
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
