//! Prepared statements and portals of a client, and the shared statements that stand for them at the backends.

use super::shape::Shape;
use crate::translate::{Action, ParamClass, Plan, Source, Statement};
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// A client's prepared statement.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Its text, as the client sent it.
    pub sql: Arc<str>,
    /// The types that the client declared.
    pub declared: Vec<u32>,
    /// Its translation; None in the postgres dialect.
    pub plan: Option<Arc<Plan>>,
    /// The catalog's version that it was made with.
    pub version: u64,
    /// What it is at the backends; None for what needs none.
    pub shared: Option<Arc<Shared>>,
    /// Was it described? Then whole numbers were announced as int8.
    pub described: bool,
}

/// A client's portal.
#[derive(Debug, Clone)]
pub struct Portal {
    /// The plan that was bound, with the parameters' classes known where that mattered.
    pub plan: Option<Arc<Plan>>,
    /// How its rows are shaped.
    pub shape: Arc<Shape>,
    /// The client's result formats.
    pub formats: Vec<i16>,
    /// The statement's text.
    pub sql: Arc<str>,
}

impl Prepared {
    /// The type that a parameter (from 0) has: declared, else announced.
    pub fn parameter(&self, at: usize) -> (u32, bool) {
        match self.declared.get(at) {
            Some(oid) if *oid != 0 => (*oid, true),
            _ => (self.plan.as_ref().and_then(|p| p.params.get(at)).copied().unwrap_or(0), false),
        }
    }

    /// Does it read last_insert_rowid(), changes() or total_changes()?
    pub fn reads_counters(&self) -> bool {
        let counter = |source: &Source| matches!(source, Source::LastInsertRowid | Source::Changes | Source::TotalChanges);
        self.plan.as_ref().and_then(|plan| of_plan(plan)).is_some_and(|s| s.template.slots.iter().any(|slot| counter(&slot.source)))
    }

    /// What is known of its parameters.
    pub fn classes(&self) -> Vec<ParamClass> {
        self.declared.iter().map(|oid| ParamClass::of_oid(*oid)).collect()
    }
}

/// The statement that a plan sends to a backend.
pub fn of_plan(plan: &Plan) -> Option<&Statement> {
    match &plan.action {
        Action::Execute(statement) => Some(statement),
        _ => None,
    }
}

/// A statement under the name that all clients share.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Shared {
    /// Its number; the name is `lw` and this.
    pub id: u64,
    /// Its text for PostgreSQL.
    pub sql: String,
    /// The types of its parameters.
    pub types: Vec<u32>,
}

impl Shared {
    /// Its name at the backends.
    pub fn name(&self) -> String {
        name(self.id)
    }
}

/// The name of a shared statement.
pub fn name(id: u64) -> String {
    format!("lw{id}")
}

/// How many shared statements are known at most; one that is forgotten gets a new number when it comes again.
const KNOWN: NonZeroUsize = NonZeroUsize::new(16 * 1024).expect("not zero");

struct Registry {
    last: u64,
    known: LruCache<(String, Vec<u32>, u64), Arc<Shared>>,
}

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(|| Mutex::new(Registry { last: 0, known: LruCache::new(KNOWN) }));

/// The shared statement of a text and its parameters' types. The catalog's version goes in, so that a backend's cached plan never
/// outlives the schema it was made for; 0 where text passes as it is.
pub fn shared(sql: String, types: Vec<u32>, version: u64) -> Arc<Shared> {
    let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (sql, types, version);
    if let Some(found) = registry.known.get(&key) {
        return found.clone();
    }
    registry.last += 1;
    let made = Arc::new(Shared { id: registry.last, sql: key.0.clone(), types: key.1.clone() });
    registry.known.put(key, made.clone());
    made
}

/// The shared statement of a plan, made with a version of the catalog.
pub fn shared_of(statement: &Statement, version: u64) -> Arc<Shared> {
    shared(statement.template.numbered(), statement.template.slots.iter().map(|s| s.demand.oid()).collect(), version)
}
