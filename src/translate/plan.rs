//! What a translation yields: a plan that the session can run without knowing SQL.

use super::hatch::Set as HatchSet;
use super::shared::Shared;
use super::traces::Traces;
use crate::catalog::{Catalog, oid};
use crate::error::ClientError;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A statement of the client, translated.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What to do.
    pub action: Action,
    /// The client's parameters in the order of their numbers: the OID that ParameterDescription announces for each.
    pub params: Vec<u32>,
    /// The hatches that its translation passed.
    pub hatches: HatchSet,
    /// What it may leave at its backend.
    pub traces: Option<Traces>,
}

/// What the session does with a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send one statement to a backend.
    Execute(Box<Statement>),
    /// Answer with fixed rows, without a backend.
    Answer(Answer),
    /// Answer with one row of the session's own values, without a backend (`SELECT last_insert_rowid()`).
    Counters(Vec<(OutColumn, Source)>),
    /// A PRAGMA that reads or writes state of this connection alone.
    Setting(Setting),
    /// Transaction control.
    Transaction(TransactionControl),
    /// ATTACH or DETACH: what names mean to this connection.
    Attach(Attach),
    /// Nothing but white space and comments: EmptyQueryResponse.
    Empty,
}

/// One statement for the backend. It is always a single statement for PostgreSQL, so it may be parsed, bound and executed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statement {
    /// The text with its slots.
    pub template: Template,
    /// The columns of its result.
    pub columns: Columns,
    /// Columns at the end of each row that are the proxy's own: they are cut off, or the whole result is swallowed when `columns` is `None`.
    pub hidden: Vec<Hidden>,
    /// The command tag that the client gets, `{}` standing for the backend's row count; None keeps the backend's.
    pub tag: Option<&'static str>,
    /// Does it set changes() (INSERT, UPDATE, DELETE)? To the number at its tag's end where that has no `{}`.
    pub counts: bool,
    /// Does it change the schema? The catalog is loaded again before the next translation.
    pub schema_change: bool,
    /// Is what it changes in the schema the session's alone?
    pub temporary: bool,
    /// Does it read the counters (it then waits for the replies of its predecessors)? Set when a slot's source is a counter.
    pub reads_counters: bool,
    /// May it run in a subtransaction (the guard)? False for VACUUM and the like.
    pub guard: bool,
    /// Does it change nothing, not even by a function that it calls? Then the savepoint before it serves the next statement too.
    pub only_reads: bool,
    /// What it is at the backends, once somebody prepared it: see [`Statement::shared`].
    pub shared: OnceLock<Arc<Shared>>,
    /// A PRAGMA's value that the connection has once the statement is sent.
    pub sets: Option<(&'static str, &'static str)>,
    /// May it fail for a value that a column's type cannot hold?
    pub may_misfit: bool,
    /// The constraints whose violation ends the transaction (OR ROLLBACK), by name, columns for NOT NULL; `*` for all.
    pub rolls_back: Vec<String>,
    /// Columns that must become dynamic before it can run.
    pub widens: Option<Box<Widening>>,
    /// What the proxy did that the client may want to know: printed by `litewire translate`, sent as nothing on the wire.
    pub notes: Vec<String>,
}

/// Columns become dynamic ([`super::widen`]): their types cannot hold what SQLite would store in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Widening {
    /// What does it, as one statement.
    pub sql: String,
    /// The columns, for the log.
    pub columns: String,
    /// Was their table made in the transaction that is under way, or is it temporary? Within any other transaction it is refused.
    pub fresh: bool,
    /// Is their table the session's alone?
    pub temporary: bool,
    /// What the client is told where it may not be done.
    pub refusal: ClientError,
    /// The catalog afterwards.
    pub catalog: Arc<Catalog>,
}

/// What a hidden trailing column means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// int8: the rowid of the row that was inserted; the last one becomes last_insert_rowid().
    Rowid,
    /// bool: was the row really inserted (not updated by an upsert)? `Rowid` beside it counts only then.
    Inserted,
    /// A value that is computed for its side effect.
    Ignored,
    /// json: what went wrong after rows that stay (OR FAIL). Such a row is none of the result's; the client gets the error.
    Failure,
}

/// The columns of a result.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Columns {
    /// The statement returns no rows to the client.
    #[default]
    None,
    /// As the backend describes them (text that is forwarded as it came).
    Backend,
    /// Named and typed by the plan.
    Shaped(Arc<[OutColumn]>),
}

/// A column of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutColumn {
    /// Its name, SQLite's.
    pub name: String,
    /// Its type on the wire.
    pub kind: OutKind,
}

/// How a column comes from the backend and goes to the client. The template casts so that the backend's type is the one named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutKind {
    /// Backend int8. Client: 23 in text (20 in a statement's Describe), 20 in binary.
    Integer,
    /// Backend float8. Client: 701; text as SQLite prints reals (`1.0`, `1.0e+20`, `Inf`); NaN is NULL.
    Real,
    /// Backend text. Client: 25.
    Text,
    /// Backend bytea. Client: 17.
    Blob,
    /// Backend: the dynamic carrier (`litewire."any"`), or numeric whose scale tells INTEGER from REAL. Client: the type of the one storage
    /// class that the values have; text where they differ, or where the type had to be told before the rows.
    Dynamic(Carrier),
    /// Any type, passed as it is with this OID (results = native, or an opaque column).
    Native(u32),
}

impl OutKind {
    /// The type's OID at the backend.
    pub fn backend_oid(self) -> u32 {
        match self {
            OutKind::Integer => oid::INT8,
            OutKind::Real => oid::FLOAT8,
            OutKind::Text => oid::TEXT,
            OutKind::Blob => oid::BYTEA,
            OutKind::Dynamic(Carrier::Any) => oid::TEXT,
            OutKind::Dynamic(Carrier::Number) => oid::NUMERIC,
            OutKind::Native(oid) => oid,
        }
    }
}

/// What carries a value whose storage class is known at run time only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Any class: `litewire."any"`.
    Any,
    /// INTEGER or REAL: numeric, its scale 0 for an INTEGER.
    Number,
}

/// Fixed rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Columns; None when the statement yields no result set (only `tag`).
    pub columns: Option<Vec<OutColumn>>,
    /// Rows of values.
    pub rows: Vec<Vec<crate::value::Value>>,
    /// The command tag, `{}` standing for the number of rows.
    pub tag: &'static str,
}

/// A PRAGMA on the connection's own state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The PRAGMA's name, lower case (`busy_timeout`, `foreign_keys`, `case_sensitive_like`, `recursive_triggers`, …).
    pub name: &'static str,
    /// The new value, normalised (booleans as `0`/`1`); None reads.
    pub value: Option<String>,
    /// The value when nobody has set one.
    pub default: &'static str,
    /// Does the PRAGMA answer with a row (name = `name`, the value then in force)? An integer if it looks like one, else text.
    pub answers: bool,
}

/// ATTACH and DETACH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attach {
    /// ATTACH file AS name.
    Attach {
        /// The file.
        file: Operand,
        /// What the connection calls it.
        name: Operand,
    },
    /// DETACH name.
    Detach(Operand),
}

/// A text that a statement says, or leaves to a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// As it is said.
    Text(String),
    /// The client's parameter of that number (from 1).
    Param(usize),
}

/// SQLite's transaction statements (lang_transaction.html, lang_savepoint.html).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionControl {
    /// BEGIN; `immediate` for IMMEDIATE and EXCLUSIVE. `native` keeps PostgreSQL's own options (`ISOLATION LEVEL …`), as text after BEGIN.
    Begin {
        /// Takes the write lock at once.
        immediate: bool,
        /// PostgreSQL's own transaction modes, verbatim; empty for SQLite's forms.
        native: String,
    },
    /// COMMIT or END.
    Commit,
    /// ROLLBACK.
    Rollback,
    /// SAVEPOINT name (outside a transaction it begins one).
    Savepoint(String),
    /// RELEASE name.
    Release(String),
    /// ROLLBACK TO name.
    RollbackTo(String),
}

/// Text with holes. Extended query prints `$n` for slot n; simple query prints each slot's value as a literal.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Template {
    /// Text and slots in turn.
    pub parts: Vec<Part>,
    /// The slots, numbered from 0 here and from 1 in the text.
    pub slots: Vec<Slot>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// The slot's place. Its printed form needs no parentheses and carries its type (`$1`, or `'x'::text`).
    Slot(usize),
}

/// A hole: a physical parameter of the backend's statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// Where its value comes from.
    pub source: Source,
    /// What the backend is given.
    pub demand: Demand,
}

/// Where a slot's value comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The client's parameter of that number (from 1).
    Client(usize),
    /// last_insert_rowid() of this client connection.
    LastInsertRowid,
    /// changes() of this client connection.
    Changes,
    /// total_changes() of this client connection.
    TotalChanges,
    /// A PRAGMA's value for this connection, by name, and what it is when nobody has set one.
    Pragma(&'static str, &'static str),
    /// A date function over 'now': computed once per execution.
    Now(Arc<crate::value::datetime::DateCall>),
}

/// What the backend is given for a slot: its type, and the class that the value must have. A bound value that cannot be
/// converted is a misfit: the session translates again, with that parameter's class known ([`ParamClass`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Demand {
    /// int8: integers, reals that are whole, text that looks like an integer (numeric affinity).
    Integer,
    /// float8: any number, text that looks like a number.
    Real,
    /// numeric; the scale tells the class (0: integer).
    Numeric,
    /// text: numbers as SQLite prints them.
    Text,
    /// text that does not look like a number: for a column of NUMERIC affinity that holds dates, JSON and the like.
    Words,
    /// bytea; text gives its bytes.
    Blob,
    /// bool: 0/1, t/f, true/false; other numbers by their truth.
    Bool,
    /// The dynamic carrier's text: the value with its storage class.
    Dynamic,
    /// A native type of the backend: text goes in as that type's text, binary only when the client declared that type.
    Native(u32),
}

impl Plan {
    /// A plan that passed no hatch and leaves nothing.
    pub fn of(action: Action, params: Vec<u32>) -> Self {
        Plan { action, params, hatches: HatchSet::default(), traces: None }
    }

    /// Does it read the counters? Then it waits for the replies of its predecessors.
    pub fn reads_counters(&self) -> bool {
        match &self.action {
            Action::Execute(statement) => statement.reads_counters,
            Action::Counters(_) => true,
            _ => false,
        }
    }
}

impl Demand {
    /// The type's name; text for one of the backend's own that has none here.
    pub fn type_name(self) -> &'static str {
        match self {
            Demand::Integer => "int8",
            Demand::Real => "float8",
            Demand::Numeric => "numeric",
            Demand::Text | Demand::Words | Demand::Dynamic => "text",
            Demand::Blob => "bytea",
            Demand::Bool => "bool",
            Demand::Native(oid::TIMESTAMPTZ) => "timestamptz",
            Demand::Native(oid::TIMESTAMP) => "timestamp",
            Demand::Native(oid::DATE) => "date",
            Demand::Native(oid::TIME) => "time",
            Demand::Native(_) => "text",
        }
    }

    /// The OID that Parse declares for the slot.
    pub fn oid(self) -> u32 {
        match self {
            Demand::Integer => oid::INT8,
            Demand::Real => oid::FLOAT8,
            Demand::Numeric => oid::NUMERIC,
            Demand::Text | Demand::Words => oid::TEXT,
            Demand::Blob => oid::BYTEA,
            Demand::Bool => oid::BOOL,
            // A composite has an OID of its own in each database: it goes as text, which the template casts.
            Demand::Dynamic => oid::TEXT,
            Demand::Native(oid) => oid,
        }
    }
}

/// What is known of a client's parameter when a statement is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ParamClass {
    /// Text format without a declared type: the context decides.
    #[default]
    Unknown,
    /// NULL (class of a bound value; it never causes a misfit).
    Null,
    /// An integer.
    Integer,
    /// A real.
    Real,
    /// Text, which a numeric context may still take for a number.
    Text,
    /// Text of which is known that it is no number.
    OnlyText,
    /// A real that is not whole.
    Fraction,
    /// Text that looks like a number, but not like an integer.
    FractionText,
    /// A blob.
    Blob,
    /// A PostgreSQL type that has no SQLite class (an array, an inet, …): native contexts only.
    Native(u32),
}

impl ParamClass {
    /// Its storage class as typeof() names it.
    pub fn name(self) -> &'static str {
        match self {
            ParamClass::Unknown | ParamClass::Text | ParamClass::OnlyText | ParamClass::FractionText | ParamClass::Native(_) => "text",
            ParamClass::Null => "null",
            ParamClass::Integer => "integer",
            ParamClass::Real | ParamClass::Fraction => "real",
            ParamClass::Blob => "blob",
        }
    }

    /// The class of a type that Parse declares; 0 and `unknown` are Unknown.
    pub fn of_oid(declared: u32) -> Self {
        match declared {
            0 | oid::UNKNOWN => ParamClass::Unknown,
            oid::INT2 | oid::INT4 | oid::INT8 | oid::BOOL | oid::OID => ParamClass::Integer,
            oid::FLOAT4 | oid::FLOAT8 | oid::NUMERIC => ParamClass::Real,
            oid::BYTEA => ParamClass::Blob,
            oid::TEXT
            | oid::VARCHAR
            | oid::BPCHAR
            | oid::NAME
            | oid::JSON
            | oid::JSONB
            | oid::UUID
            | oid::DATE
            | oid::TIME
            | oid::TIMESTAMP
            | oid::TIMESTAMPTZ => ParamClass::Text,
            other => ParamClass::Native(other),
        }
    }
}

impl Template {
    /// A template of fixed text.
    pub fn fixed(text: impl Into<String>) -> Self {
        Template { parts: vec![Part::Text(text.into())], slots: Vec::new() }
    }

    /// Appends text.
    pub fn push(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    /// Appends a slot; the same source and demand share one.
    pub fn slot(&mut self, source: Source, demand: Demand) {
        let slot = Slot { source, demand };
        // Sharing saves a little; looking far back for it would make long lists slow.
        let near = self.slots.len().saturating_sub(64);
        let at = self.slots[near..].iter().position(|s| *s == slot).map(|at| near + at).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        });
        self.parts.push(Part::Slot(at));
    }

    /// Appends another template, renumbering its slots.
    pub fn append(&mut self, other: &Template) {
        for part in &other.parts {
            match part {
                Part::Text(text) => self.push(text),
                Part::Slot(at) => self.slot(other.slots[*at].source.clone(), other.slots[*at].demand),
            }
        }
    }

    /// The text for Parse: slot n as `$n`.
    pub fn numbered(&self) -> String {
        self.printed(|at, out| {
            out.push('$');
            out.push_str(&(at + 1).to_string());
        })
    }

    /// The text with each slot written by `print` (slot index, output).
    pub fn printed(&self, mut print: impl FnMut(usize, &mut String)) -> String {
        let mut out = String::with_capacity(self.parts.iter().map(|p| if let Part::Text(t) = p { t.len() } else { 24 }).sum());
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Slot(at) => print(*at, &mut out),
            }
        }
        out
    }
}

/// A statement's place in the text of a simple query, without its semicolon.
pub type StatementRange = Range<usize>;
