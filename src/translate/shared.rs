//! Statements under the names that all clients share: what is prepared at the backends.

use super::Statement;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// A statement under the name that all clients share.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Shared {
    /// Its number.
    pub id: u64,
    /// Its name at the backends.
    pub name: String,
    /// Its text for PostgreSQL.
    pub sql: String,
    /// The types of its parameters.
    pub types: Vec<u32>,
}

/// The name of a shared statement.
pub fn shared_name(id: u64) -> String {
    format!("lw{id}")
}

/// Is it the name of a shared statement?
pub fn is_shared_name(name: &str) -> bool {
    name.strip_prefix("lw").is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
}

/// How many shared statements are known at most; one that is forgotten gets a new number when it comes again.
const KNOWN: NonZeroUsize = NonZeroUsize::new(16 * 1024).expect("not zero");

struct Registry {
    last: u64,
    known: LruCache<(String, Vec<u32>, u64), Arc<Shared>>,
}

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(|| Mutex::new(Registry { last: 0, known: LruCache::new(KNOWN) }));

impl Statement {
    /// What it is at the backends; `version` is that of the catalog which it was translated with.
    pub fn shared(&self, version: u64) -> &Arc<Shared> {
        self.shared.get_or_init(|| shared(self.template.numbered(), self.template.slots.iter().map(|s| s.demand.oid()).collect(), version))
    }
}

/// The shared statement of a text and its parameters' types. The catalog's version goes in, so that a backend's cached plan never
/// outlives the schema it was made for; 0 where text passes as it is.
pub fn shared(sql: String, types: Vec<u32>, version: u64) -> Arc<Shared> {
    let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (sql, types, version);
    if let Some(found) = registry.known.get(&key) {
        return found.clone();
    }
    registry.last += 1;
    let made = Arc::new(Shared { id: registry.last, name: shared_name(registry.last), sql: key.0.clone(), types: key.1.clone() });
    registry.known.put(key, made.clone());
    made
}
