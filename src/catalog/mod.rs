//! The immutable snapshot of what a backend database holds, as far as a translation needs to know it. Plain data, no I/O:
//! `backend::catalog` fills it, `translate` reads it.

mod affinity;
mod attached;
pub mod module;
mod names;

pub use affinity::{Affinity, affinity_of_declared, affinity_of_pg};
pub use attached::{Attached, MOST_ATTACHED, is_attachable};
pub use names::{ROWID_NAMES, is_called, is_named, is_rowid, short_name};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

/// The backend's name of a session's own schema.
pub const TEMPORARY: &str = "pg_temp";

/// Type OIDs of PostgreSQL that the translator knows by name (`pg_type.dat`).
#[allow(missing_docs)]
pub mod oid {
    pub const BOOL: u32 = 16;
    pub const BYTEA: u32 = 17;
    pub const NAME: u32 = 19;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT4: u32 = 23;
    pub const TEXT: u32 = 25;
    pub const OID: u32 = 26;
    pub const JSON: u32 = 114;
    pub const FLOAT4: u32 = 700;
    pub const FLOAT8: u32 = 701;
    pub const UNKNOWN: u32 = 705;
    pub const BPCHAR: u32 = 1042;
    pub const VARCHAR: u32 = 1043;
    pub const DATE: u32 = 1082;
    pub const TIME: u32 = 1083;
    pub const TIMESTAMP: u32 = 1114;
    pub const TIMESTAMPTZ: u32 = 1184;
    pub const NUMERIC: u32 = 1700;
    pub const UUID: u32 = 2950;
    pub const JSONB: u32 = 3802;
}

/// One database as one role sees it, at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    /// Grows with every load that found a difference; part of the plan cache's key.
    pub version: u64,
    /// Tables, views and the like of the schemas on the search path, in its order.
    pub relations: Vec<Relation>,
    /// Lower-cased name to index in `relations`; the first schema on the path wins.
    pub by_name: HashMap<String, usize>,
    /// Do foreign keys of some relation wait for the COMMIT? Kept by [`Catalog::add`], for every COMMIT asks.
    pub defers: bool,
    /// Lower-cased names of the functions that the backend has (pg_catalog and the search path), for calls SQLite does not know.
    pub functions: std::collections::HashSet<String>,
    /// The version of the helper schema that is installed; None when it is missing.
    pub helpers: Option<u32>,
    /// Is the database's default collation byte order (`C`, `POSIX` or `C.UTF-8`)?
    pub byte_order: bool,
    /// The schema that CREATE TABLE would create in.
    pub current_schema: String,
    /// Values of `litewire.meta` (user_version, application_id, foreign_keys, …).
    pub meta: BTreeMap<String, String>,
    /// The databases that the session has attached, in their order; their relations are among `relations`.
    pub attached: Vec<Attached>,
    /// The relations of every schema that ATTACH has made, by schema.
    pub attachable: BTreeMap<String, Vec<Relation>>,
}

impl Catalog {
    /// The relation of that name, ASCII case-insensitively.
    pub fn relation(&self, name: &str) -> Option<&Relation> {
        self.by_name.get(&name.to_ascii_lowercase()).map(|&i| &self.relations[i])
    }

    /// The index of a relation of this catalog.
    pub fn index_of(&self, relation: &Relation) -> Option<usize> {
        let named = self.by_name.get(&relation.name.to_ascii_lowercase()).copied();
        named.filter(|&i| std::ptr::eq(&self.relations[i], relation)).or_else(|| self.relations.iter().position(|r| std::ptr::eq(r, relation)))
    }

    /// The relation of a name that may carry SQLite's name of a database (lang_naming.html).
    pub fn relation_in(&self, database: Option<&str>, name: &str) -> Option<&Relation> {
        let first = self.relation(name);
        match database {
            Some(database) if first.is_some_and(|r| !self.is_in(r, database)) => {
                self.relations.iter().find(|r| r.name.eq_ignore_ascii_case(name) && self.is_in(r, database))
            }
            _ => first,
        }
    }

    /// The trigger of that name, ASCII case-insensitively, and its table or view; one of a temporary table comes first.
    pub fn trigger_in(&self, database: Option<&str>, name: &str) -> Option<(&Relation, &Trigger)> {
        let all = || self.relations.iter().flat_map(|r| r.triggers.iter().map(move |t| (r, t)));
        let within = |d: &str| all().find(|(r, t)| t.name.eq_ignore_ascii_case(name) && self.holds(d, r, t));
        database.map_or_else(|| self.databases().find_map(within), within)
    }

    /// Is a trigger of a relation in the database of that name?
    pub fn holds(&self, database: &str, relation: &Relation, trigger: &Trigger) -> bool {
        if trigger.temporary { database.eq_ignore_ascii_case("temp") } else { self.is_in(relation, database) }
    }

    /// The session's own triggers of relations that others see, too.
    pub fn own_triggers(&self) -> impl Iterator<Item = (&Relation, &Trigger)> {
        self.shared().flat_map(|r| r.triggers.iter().filter(|t| t.temporary).map(move |t| (r, t)))
    }

    /// Do others see the same in both?
    pub fn is_shared_by(&self, other: &Catalog) -> bool {
        let seen = |r: &Relation| {
            let mut seen = r.clone();
            seen.triggers.retain(|t| !t.temporary);
            seen
        };
        self.shared().map(seen).eq(other.shared().map(seen))
    }

    /// The index of that name, ASCII case-insensitively, with its table; one of a temporary table comes first.
    pub fn index_in(&self, database: Option<&str>, name: &str) -> Option<(&Relation, &Index)> {
        let of = |r: &'_ Relation| r.indexes.iter().position(|i| i.name.eq_ignore_ascii_case(name));
        let find = |temporary: bool| {
            let mut those = self.relations.iter().filter(|r| r.is_temporary() == temporary && database.is_none_or(|d| self.is_in(r, d)));
            those.find_map(|r| of(r).map(|at| (r, &r.indexes[at])))
        };
        find(true).or_else(|| find(false))
    }

    /// Adds a relation; an earlier one of the same name keeps precedence, unless the new one's database comes first.
    pub fn add(&mut self, relation: Relation) {
        let (name, at) = (relation.name.to_ascii_lowercase(), self.relations.len());
        match self.by_name.get(&name) {
            Some(&first) if self.rank(&self.relations[first].schema) <= self.rank(&relation.schema) => {}
            _ => drop(self.by_name.insert(name, at)),
        }
        self.defers |= !relation.enforced.is_empty() || relation.foreign_keys.iter().any(|key| key.deferred);
        self.relations.push(relation);
    }

    /// This catalog with other relations.
    pub fn with_relations(&self, relations: impl IntoIterator<Item = Relation>) -> Catalog {
        let mut made = Catalog { relations: Vec::new(), by_name: HashMap::new(), defers: false, ..self.clone() };
        relations.into_iter().for_each(|r| made.add(r));
        made.numbered()
    }

    /// This catalog under a version that no loaded one has: plans made with it are found by nobody else.
    pub fn numbered(mut self) -> Catalog {
        static LAST: AtomicU64 = AtomicU64::new(1 << 63);
        self.version = LAST.fetch_add(1, Ordering::Relaxed);
        self
    }

    /// The temporary relations of the session whose catalog this is.
    pub fn temporary(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|r| r.is_temporary())
    }

    /// The relations that other sessions see as well.
    pub fn shared(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|r| !r.is_temporary())
    }
}

/// What kind of relation it is (`pg_class.relkind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RelationKind {
    /// An ordinary or partitioned table.
    #[default]
    Table,
    /// A view.
    View,
    /// A materialized view or a foreign table: may be read.
    Other,
}

/// A table or view.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Relation {
    /// pg_class.oid; 0 in a catalog made from SQLite DDL alone.
    pub oid: u32,
    /// Its schema, in the backend's spelling.
    pub schema: String,
    /// Its name, in the backend's spelling.
    pub name: String,
    /// Table or view.
    pub kind: RelationKind,
    /// Columns in their order, hidden ones included, dropped ones not.
    pub columns: Vec<Column>,
    /// Its indexes.
    pub indexes: Vec<Index>,
    /// Its foreign keys, by creation.
    pub foreign_keys: Vec<ForeignKey>,
    /// Triggers that enforce foreign keys of its own which PostgreSQL cannot express.
    pub enforced: Vec<String>,
    /// CHECK constraints: name and expression as the backend prints it.
    pub checks: Vec<(String, String)>,
    /// The text of the SQLite statement that made it; None for a native relation.
    pub sql: Option<String>,
    /// May the role read it (`has_table_privilege … SELECT`)? Without, no RETURNING is added.
    pub may_select: bool,
    /// SQLite's STRICT or WITHOUT ROWID, from its own DDL.
    pub strict: bool,
    /// See `strict`.
    pub without_rowid: bool,
    /// Triggers made from SQLite's DDL, in the order in which they fire: the newest first.
    pub triggers: Vec<Trigger>,
    /// What it is as a virtual table.
    pub module: Option<module::Module>,
}

/// A trigger made from SQLite's DDL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// pg_proc.oid of its function; 0 when that is not known yet.
    pub oid: u32,
    /// Grows with every trigger of the database.
    pub number: u32,
    /// The text that `sqlite_schema` shows.
    pub sql: String,
    /// Is it the session's alone, though its table is not?
    pub temporary: bool,
}

impl Trigger {
    /// The name of the trigger and of its function at the backend, where triggers fire in the order of their names.
    pub fn backend_name(&self) -> String {
        let readable: String = self.name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
        format!("lw_{:06}_{readable}", 999_999_u32.saturating_sub(self.number))
    }

    /// The number in a name that [`Trigger::backend_name`] gave.
    pub fn number_of(backend_name: &str) -> Option<u32> {
        999_999_u32.checked_sub(backend_name.strip_prefix("lw_")?.get(..6)?.parse().ok()?)
    }
}

impl Relation {
    /// Is it of the session alone?
    pub fn is_temporary(&self) -> bool {
        self.schema == TEMPORARY
    }

    /// Was it made from SQLite's DDL, through Litewire?
    pub fn is_sqlite(&self) -> bool {
        self.sql.is_some()
    }

    /// The text of a view of SQLite's: wherever it is named, it is read anew.
    pub fn view_text(&self) -> Option<&str> {
        self.sql.as_deref().filter(|_| self.kind == RelationKind::View)
    }

    /// The visible column of that name, ASCII case-insensitively, with its index.
    pub fn column(&self, name: &str) -> Option<(usize, &Column)> {
        self.columns.iter().enumerate().find(|(_, c)| !c.hidden && c.name.eq_ignore_ascii_case(name))
    }

    /// It as a full-text table.
    pub fn full_text(&self) -> Option<&module::FullText> {
        self.module.as_ref().and_then(module::Module::full_text)
    }

    /// The column that plays SQLite's rowid: the hidden one, else a primary key of a single integer column.
    pub fn rowid(&self) -> Option<(usize, &Column)> {
        if self.without_rowid {
            return None;
        }
        if let Some(hidden) = self.columns.iter().enumerate().find(|(_, c)| c.hidden) {
            return Some(hidden);
        }
        let key = self.indexes.iter().find(|i| i.primary)?;
        let [IndexPart::Column(at)] = key.parts.as_slice() else { return None };
        let column = &self.columns[*at];
        matches!(column.type_oid, oid::INT2 | oid::INT4 | oid::INT8).then_some((*at, column))
    }

    /// The primary key's columns, as indexes into `columns`, in key order; empty when there is none.
    pub fn primary_key(&self) -> Vec<usize> {
        let key = self.indexes.iter().find(|i| i.primary);
        key.map_or(Vec::new(), |k| k.parts.iter().filter_map(|p| if let IndexPart::Column(c) = p { Some(*c) } else { None }).collect())
    }
}

/// A column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Column {
    /// Its name, in the backend's spelling.
    pub name: String,
    /// pg_attribute.attnum, from 1.
    pub number: i16,
    /// Its type's OID; a domain's base type, except for the helper schema's dynamic carrier (see `dynamic`).
    pub type_oid: u32,
    /// The type as the backend spells it (`format_type`), e.g. `character varying(20)`.
    pub type_name: String,
    /// Is it the dynamic carrier `litewire."any"` (any storage class)?
    pub dynamic: bool,
    /// An array or another type of which the translator knows nothing.
    pub opaque: bool,
    /// NOT NULL.
    pub not_null: bool,
    /// The default expression, as the backend prints it.
    pub default: Option<String>,
    /// GENERATED … AS IDENTITY, or a serial default: the schema-qualified, quoted name of its sequence.
    pub sequence: Option<String>,
    /// GENERATED ALWAYS AS IDENTITY: explicit values need OVERRIDING SYSTEM VALUE.
    pub identity_always: bool,
    /// A stored generated column.
    pub generated: bool,
    /// Is the column's collation byte order (`C`), be it its own or the database's default?
    pub byte_order: bool,
    /// The type as SQLite's DDL declared it; None on a native column.
    pub declared: Option<String>,
    /// SQLite's affinity: from `declared`, else from the backend's type.
    pub affinity: Affinity,
    /// SQLite's declared collation.
    pub collation: Collation,
    /// The hidden rowid column of a table made from SQLite's DDL; behind it, what the index of a virtual table keeps for itself.
    pub hidden: bool,
    /// A hidden column of a virtual table's: left out of `*`, found by its name (vtab.html §2.1.1).
    pub argument: bool,
    /// Its place in the primary key that SQLite's DDL declared, from 1; 0 where it has none.
    pub key: i16,
}

/// SQLite's built-in collating sequences (datatype3.html §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Collation {
    /// Byte order.
    #[default]
    Binary,
    /// ASCII letters folded.
    NoCase,
    /// Trailing spaces ignored.
    RTrim,
}

impl Collation {
    /// By SQLite's name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "BINARY" => Some(Self::Binary),
            "NOCASE" => Some(Self::NoCase),
            "RTRIM" => Some(Self::RTrim),
            _ => None,
        }
    }
}

/// An index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Index {
    /// pg_class.oid; 0 until the catalog is loaded anew.
    pub oid: u32,
    /// Its name.
    pub name: String,
    /// UNIQUE.
    pub unique: bool,
    /// Belongs to the PRIMARY KEY.
    pub primary: bool,
    /// Made by a UNIQUE or PRIMARY KEY clause, not by CREATE INDEX.
    pub constraint: bool,
    /// Its key columns, in order.
    pub parts: Vec<IndexPart>,
    /// DESC, part by part.
    pub descending: Vec<bool>,
    /// NULLS FIRST, part by part.
    pub nulls_first: Vec<bool>,
    /// A partial index's predicate, as the backend prints it.
    pub predicate: Option<String>,
    /// The text of the SQLite statement that made it.
    pub sql: Option<String>,
}

/// A key part of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexPart {
    /// A column, as an index into `Relation::columns`.
    Column(usize),
    /// An expression, as the backend prints it (`lower(name)`).
    Expression(String),
}

/// A foreign key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// Column names on this side.
    pub columns: Vec<String>,
    /// The table referred to.
    pub target: String,
    /// Column names on the other side.
    pub target_columns: Vec<String>,
    /// `NO ACTION`, `CASCADE`, …
    pub on_update: String,
    /// See `on_update`.
    pub on_delete: String,
    /// DEFERRABLE INITIALLY DEFERRED.
    pub deferred: bool,
}
