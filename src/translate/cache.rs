//! Plans by the text they were made from and by all else that shaped them.

use super::parse::fingerprint::{Lifting, Skeleton};
use super::{Action, Columns, Demand, Options, ParamClass, Part, Plan, Source};
use crate::catalog::{Affinity, Catalog};
use crate::error::ClientError;
use crate::observe::{Counter, counters};
use crate::value::Value;
use lru::LruCache;
use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard};

/// What an entry costs beside its key and its plan's text: the table, the list, the allocations' own heads.
const OVERHEAD: usize = 256;
/// A single plan takes at most this part of the cache; one long script must not sweep out all others.
const SHARE: usize = 16;

/// A plan cache, shared by all sessions of a pool. Bounded in bytes; what was used longest ago goes first.
#[derive(Debug)]
pub struct PlanCache {
    plans: Mutex<Plans>,
    hits: Counter,
    misses: Counter,
}

#[derive(Debug)]
struct Plans {
    /// The hasher has a random seed: clients choose the keys.
    by_key: LruCache<Box<[u8]>, Entry>,
    bytes: usize,
    limit: usize,
    /// How many skeletons there have been.
    skeletons: u64,
}

#[derive(Debug)]
struct Entry {
    kept: Kept,
    bytes: usize,
}

#[derive(Debug, Clone)]
enum Kept {
    Plan(Arc<Plan>),
    /// What is taken out of the texts of a skeleton, and the number that stands for it in its plans' keys.
    Lifting(Arc<Lifting>, u64),
}

/// What a key begins with: what it is the key of.
const OF_TEXT: u8 = 0;
const OF_SKELETON: u8 = 1;
const OF_LIFTED: u8 = 2;

/// A worker's space for reading a statement, so that finding a plan allocates nothing but the literals' values.
#[derive(Debug, Default)]
struct Scratch {
    skeleton: Skeleton,
    key: Vec<u8>,
}

/// What a worker keeps of that space after a long text.
const SCRATCH_BYTES: usize = 64 << 10;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What a look-up gives: the plan, and the values of the literals that were taken out of its text ([`fingerprint`]).
#[derive(Debug, Clone)]
pub struct Found {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The literals: [`super::Source::Client`] number n is the one at n - 1. Empty where the plan is of the whole text.
    pub literals: Vec<Value>,
}

impl PlanCache {
    /// A cache that holds at most `bytes` of plans and keys.
    pub fn new(bytes: usize) -> Self {
        let plans = Plans { by_key: LruCache::unbounded(), bytes: 0, limit: bytes, skeletons: 0 };
        PlanCache { plans: Mutex::new(plans), hits: Counter::default(), misses: Counter::default() }
    }

    /// The plan of a statement of the extended protocol, by its whole text.
    pub fn extended(&self, sql: &str, params: &[ParamClass], catalog: &Catalog, options: &Options) -> Result<Arc<Plan>, ClientError> {
        SCRATCH.with_borrow_mut(|Scratch { key, .. }| {
            begin_key(key, OF_TEXT, catalog.version, options);
            key_params(key, params);
            key.extend_from_slice(sql.as_bytes());
            self.plan(key, || super::translate(sql, params, catalog, options))
        })
    }

    /// The plan of one statement of a simple query, by its text without its literals where they shape nothing.
    pub fn simple(&self, sql: &str, catalog: &Catalog, options: &Options) -> Result<Found, ClientError> {
        if let Some(found) = SCRATCH.with_borrow_mut(|scratch| self.lifted(sql, catalog, options, scratch)) {
            return Ok(found);
        }
        // An error, too, is that of the client's own text.
        Ok(Found { plan: self.extended(sql, &[], catalog, options)?, literals: Vec::new() })
    }

    /// The plan of a statement without its literals; None where it has none to take, or where they shape it after all.
    fn lifted(&self, sql: &str, catalog: &Catalog, options: &Options, Scratch { skeleton, key }: &mut Scratch) -> Option<Found> {
        if !skeleton.read(sql) {
            return None;
        }
        let (lifting, number) = self.lifting(sql, skeleton, key);
        if lifting.is_empty() {
            return None;
        }
        let literals = skeleton.values(sql, &lifting)?;
        begin_key(key, OF_LIFTED, catalog.version, options);
        key.extend_from_slice(&number.to_le_bytes());
        skeleton.staying(sql, &lifting, key);
        let made = || {
            let lifted = skeleton.lift(sql, &lifting);
            super::translate(&lifted.sql, &lifted.classes, catalog, options)
        };
        let plan = self.plan(key, made).ok()?;
        fits(&plan, &literals).then_some(Found { plan, literals })
    }

    /// What is taken out of the texts of a skeleton.
    fn lifting(&self, sql: &str, skeleton: &Skeleton, key: &mut Vec<u8>) -> (Arc<Lifting>, u64) {
        key.clear();
        key.push(OF_SKELETON);
        key.extend_from_slice(&skeleton.text);
        if let Some(Kept::Lifting(lifting, number)) = self.plans().get(key) {
            return (lifting.clone(), *number);
        }
        let lifting = Arc::new(Lifting::of(sql));
        let mut plans = self.plans();
        plans.skeletons += 1;
        let number = plans.skeletons;
        plans.put(key, Kept::Lifting(lifting.clone(), number), lifting.size());
        (lifting, number)
    }

    /// The plan of a key, made where there is none.
    fn plan(&self, key: &[u8], make: impl FnOnce() -> Result<Plan, ClientError>) -> Result<Arc<Plan>, ClientError> {
        if let Some(Kept::Plan(plan)) = self.plans().get(key) {
            self.hits.add(1);
            counters().plan_hits.add(1);
            return Ok(plan.clone());
        }
        self.misses.add(1);
        counters().plan_misses.add(1);
        // Without the lock: two sessions that miss at once both translate, and get the same.
        let plan = make().map(Arc::new)?;
        self.plans().put(key, Kept::Plan(plan.clone()), size(&plan));
        Ok(plan)
    }

    /// (hits, misses) since the start.
    pub fn counts(&self) -> (u64, u64) {
        (self.hits.get(), self.misses.get())
    }

    /// Holds at most so many bytes from now on.
    pub fn set_limit(&self, bytes: usize) {
        let mut plans = self.plans();
        plans.limit = bytes;
        plans.shrink();
    }

    /// Its entries, their bytes, and the most that it may hold.
    pub fn usage(&self) -> (usize, usize, usize) {
        let plans = self.plans();
        (plans.by_key.len(), plans.bytes, plans.limit)
    }

    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().expect("no holder panics")
    }
}

/// Can every slot be given its literal as it is? Otherwise the value shapes the plan after all.
fn fits(plan: &Plan, literals: &[Value]) -> bool {
    // Text that goes to the backend as it came must be the client's own.
    let Action::Execute(statement) = &plan.action else { return false };
    if statement.columns == Columns::Backend {
        return false;
    }
    let number = |v: &Value, affinity| !matches!(v.clone().apply(affinity), Value::Text(_));
    statement.template.slots.iter().all(|slot| {
        let Source::Client(n) = slot.source else { return true };
        let Some(value) = literals.get(n - 1) else { return false };
        match (slot.demand, value) {
            (Demand::Integer | Demand::Real | Demand::Numeric, Value::Integer(_)) => true,
            (Demand::Integer, value) => matches!(value.clone().apply(Affinity::Integer), Value::Integer(_)),
            (Demand::Real, value) => number(value, Affinity::Real),
            (Demand::Numeric, value) => number(value, Affinity::Numeric),
            (Demand::Bool, Value::Integer(n)) => matches!(n, 0 | 1),
            (Demand::Words, value) => !matches!(value, Value::Blob(_)) && matches!(value.clone().apply(Affinity::Numeric), Value::Text(_)),
            (Demand::Text, _) | (Demand::Dynamic, Value::Integer(_) | Value::Text(_)) => true,
            _ => false,
        }
    })
}

impl Plans {
    fn get(&mut self, key: &[u8]) -> Option<&Kept> {
        self.by_key.get(key).map(|entry| &entry.kept)
    }

    fn put(&mut self, key: &[u8], kept: Kept, size: usize) {
        let bytes = OVERHEAD + key.len() + size;
        if bytes > self.limit / SHARE {
            return;
        }
        self.bytes += bytes;
        if let Some((_, replaced)) = self.by_key.push(key.into(), Entry { kept, bytes }) {
            self.bytes -= replaced.bytes;
        }
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.bytes > self.limit {
            let (_, oldest) = self.by_key.pop_lru().expect("bytes are counted for entries that are there");
            self.bytes -= oldest.bytes;
        }
    }
}

/// Begins a key with what it is the key of, and with all beside its text and parameters that a translation depends on; different
/// inputs never give the same bytes.
fn begin_key(key: &mut Vec<u8>, of: u8, version: u64, options: &Options) {
    // Without `..`: an option that the key lacks does not compile.
    let Options {
        native_results,
        infer_params,
        native_types,
        case_sensitive_like,
        foreign_keys,
        foreign_keys_by_pragma,
        foreign_keys_checked,
        legacy_alter_table,
        widen,
        ref hatches,
        ref column_types,
    } = *options;
    let flags = [
        native_results,
        infer_params,
        native_types,
        case_sensitive_like,
        foreign_keys,
        foreign_keys_by_pragma,
        foreign_keys_checked,
        legacy_alter_table,
        widen.is_some(),
    ];
    key.clear();
    key.shrink_to(SCRATCH_BYTES);
    key.push(of);
    key.extend_from_slice(&version.to_le_bytes());
    key.extend_from_slice(&flags.iter().fold(0, |bits, &flag| bits << 1 | u16::from(flag)).to_le_bytes());
    key.extend_from_slice(&hatches.lenient().bits().to_le_bytes());
    for ((table, column), name) in column_types.iter().flat_map(|types| types.iter()) {
        for part in [table, column, name] {
            key.extend_from_slice(&part.len().to_le_bytes());
            key.extend_from_slice(part.as_bytes());
        }
    }
    key.extend_from_slice(&column_types.as_ref().map_or(0, |types| types.len()).to_le_bytes());
}

fn key_params(key: &mut Vec<u8>, params: &[ParamClass]) {
    key.extend_from_slice(&params.len().to_le_bytes());
    for param in params {
        let (class, oid) = match *param {
            ParamClass::Unknown => (0, 0),
            ParamClass::Null => (1, 0),
            ParamClass::Integer => (2, 0),
            ParamClass::Real => (3, 0),
            ParamClass::Text => (4, 0),
            ParamClass::OnlyText => (5, 0),
            ParamClass::Blob => (6, 0),
            ParamClass::Fraction => (7, 0),
            ParamClass::FractionText => (8, 0),
            ParamClass::Native(oid) => (9, oid),
        };
        key.push(class);
        key.extend_from_slice(&oid.to_le_bytes());
    }
}

/// About what a plan takes on the heap.
fn size(plan: &Plan) -> usize {
    let own = size_of::<Plan>() + size_of_val(&plan.params[..]);
    let columns = |columns: &[super::OutColumn]| columns.iter().map(|c| size_of_val(c) + c.name.len()).sum::<usize>();
    own + match &plan.action {
        Action::Execute(statement) => {
            let parts = statement.template.parts.iter().map(|part| {
                size_of_val(part)
                    + match part {
                        Part::Text(text) => text.len(),
                        Part::Slot(_) => 0,
                    }
            });
            let shaped = match &statement.columns {
                Columns::Shaped(shaped) => columns(shaped),
                Columns::None | Columns::Backend => 0,
            };
            let notes = statement.notes.iter().map(|note| size_of_val(note) + note.len());
            size_of_val(&**statement) + size_of_val(&statement.template.slots[..]) + parts.sum::<usize>() + shaped + notes.sum::<usize>()
        }
        Action::Answer(answer) => {
            let values = answer.rows.iter().flatten().map(|value| {
                size_of_val(value)
                    + match value {
                        Value::Text(text) => text.len(),
                        Value::Blob(blob) => blob.len(),
                        Value::Null | Value::Integer(_) | Value::Real(_) => 0,
                    }
            });
            answer.columns.as_deref().map_or(0, columns) + values.sum::<usize>()
        }
        Action::Attach(_) => 2 * size_of::<super::Attach>(),
        Action::Counters(counters) => counters.iter().map(|c| size_of_val(c) + c.0.name.len()).sum(),
        Action::Setting(setting) => setting.value.as_ref().map_or(0, String::len),
        Action::Transaction(_) | Action::Empty => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn catalog(version: u64) -> Catalog {
        let mut catalog = super::super::catalog_from_ddl("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c)").expect("a schema");
        catalog.version = version;
        catalog
    }

    #[test]
    fn a_plan_is_made_once_for_the_same_inputs() {
        let (cache, catalog, options) = (PlanCache::new(1 << 20), catalog(1), Options::default());
        let first = cache.extended("SELECT a FROM t WHERE b = ?", &[], &catalog, &options).expect("a plan");
        let again = cache.extended("SELECT a FROM t WHERE b = ?", &[], &catalog, &options).expect("a plan");
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(cache.counts(), (1, 1));
    }

    #[test]
    fn parameters_options_and_catalogs_have_plans_of_their_own() {
        let (cache, options) = (PlanCache::new(1 << 20), Options::default());
        let sql = "SELECT ? + a FROM t";
        let native = Options { native_results: true, ..Options::default() };
        for (params, version, options) in [
            (&[][..], 1, &options),
            (&[ParamClass::Unknown], 1, &options),
            (&[ParamClass::Integer], 1, &options),
            (&[ParamClass::Integer, ParamClass::Unknown], 1, &options),
            (&[], 2, &options),
            (&[], 1 << 63, &options),
            (&[], 1, &native),
        ] {
            cache.extended(sql, params, &catalog(version), options).expect("a plan");
        }
        assert_eq!(cache.counts(), (0, 7));
    }

    #[test]
    fn errors_are_not_kept() {
        let (cache, catalog, options) = (PlanCache::new(1 << 20), catalog(1), Options::default());
        for _ in 0..2 {
            assert!(cache.simple("SELECT nothing FROM t", &catalog, &options).is_err());
        }
        assert_eq!(cache.counts(), (0, 2));
        assert_eq!(cache.plans().bytes, 0);
    }

    #[test]
    fn it_stays_within_its_bytes_and_forgets_the_oldest() {
        let (cache, catalog, options) = (PlanCache::new(64 << 10), catalog(1), Options::default());
        let kept = "SELECT a FROM t";
        for i in 0..1000 {
            cache.simple(kept, &catalog, &options).expect("a plan");
            cache.simple(&format!("SELECT {i} FROM t"), &catalog, &options).expect("a plan");
            let plans = cache.plans();
            assert!(plans.bytes <= plans.limit);
            assert_eq!(plans.bytes, plans.by_key.iter().map(|(_, entry)| entry.bytes).sum::<usize>());
        }
        assert_eq!(cache.counts(), (999, 1001));
        let entries = cache.plans().by_key.len();
        cache.extended(&format!("SELECT '{}'", "x".repeat(8 << 10)), &[], &catalog, &options).expect("a plan");
        assert_eq!(cache.plans().by_key.len(), entries, "a plan of more than its share is not kept");
    }

    proptest! {
        #[test]
        fn a_cached_plan_is_the_one_that_a_translation_gives(
            literals in proptest::collection::vec(prop_oneof!["-?[0-9]{1,20}", "[0-9]{1,3}\\.[0-9]{1,3}", "'[a-z%_0-9]{0,5}'", "x'(00|ff){0,2}'", Just("NULL".to_owned())], 1..12),
            shape in 0..4usize,
        ) {
            let (cache, catalog, options) = (PlanCache::new(1 << 20), catalog(1), Options::default());
            for literal in literals.iter().chain(&literals) {
                let sql = ["SELECT * FROM t WHERE a = @", "SELECT b LIKE @, @ FROM t", "INSERT INTO t (b, c) VALUES (@, @)", "UPDATE t SET c = @"][shape].replace('@', literal);
                // With its literals in the text or beside it, a plan promises the client the same.
                let promised = |plan: &Plan| match &plan.action {
                    Action::Execute(s) => Some((s.columns.clone(), s.hidden.clone(), s.tag, s.counts)),
                    _ => None,
                };
                let cached = cache.simple(&sql, &catalog, &options);
                if let Ok(found) = &cached {
                    let mut skeleton = Skeleton::default();
                    let lifted = skeleton.read(&sql).then(|| skeleton.values(&sql, &Lifting::of(&sql))).flatten();
                    prop_assert!(found.literals.is_empty() || Some(&found.literals) == lifted.as_ref());
                }
                let fresh = super::super::translate(&sql, &[], &catalog, &options);
                prop_assert_eq!(cached.map(|f| promised(&f.plan)).map_err(|e| e.message), fresh.map(|p| promised(&p)).map_err(|e| e.message));
            }
        }
    }
}
