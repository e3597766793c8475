//! The one registry of SQLite's functions: name, argument counts, result type, lowering. Nobody else knows a function's name.

mod aggregate;
mod datetime;
pub mod fts;
mod json;
mod math;
pub mod rtree;
pub mod table;
mod text;
mod window;

pub use datetime::stored_date;
pub use json::arrow as json_arrow;
pub use text::COMPILE_OPTIONS;

use super::Source;
use super::lower::{Lower, Lowered};
use super::tree::{Call, Class, Expr, Ty};
use crate::value::datetime::DateFunction;

/// A function of SQLite's.
#[derive(Debug)]
pub struct Function {
    /// Its name, lower case.
    pub name: &'static str,
    /// The fewest and the most arguments.
    pub args: (u8, u8),
    /// May it be called with `*`?
    pub star: bool,
    /// What kind of function it is.
    pub kind: FunctionKind,
    /// The type of its result.
    pub result: fn(&[Expr]) -> Ty,
    /// Its text for PostgreSQL.
    pub lower: fn(&mut Lower, &Call, &Expr) -> Lowered,
}

/// Kinds of functions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FunctionKind {
    /// A value for a row.
    Scalar,
    /// A value for a group, or over a window.
    Aggregate,
    /// min and max: an aggregate with one argument, a scalar with more.
    Extreme,
    /// Only over a window.
    Window,
    /// Of dates.
    Date(DateFunction),
    /// A value of the connection.
    Counter(Counter),
    /// Known, and refused, with the reason.
    Refused(&'static str),
}

/// The counters of a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Counter {
    /// last_insert_rowid()
    LastInsertRowid,
    /// changes()
    Changes,
    /// total_changes()
    TotalChanges,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Function {
    /// Does it give the same for the same arguments?
    pub fn is_deterministic(&self) -> bool {
        !matches!(self.name, "random" | "randomblob" | "last_insert_rowid" | "changes" | "total_changes")
    }

    /// Does it take that many arguments?
    pub fn takes(&self, count: usize) -> bool {
        (usize::from(self.args.0)..=usize::from(self.args.1)).contains(&count)
    }

    /// Does it aggregate when called with that many arguments?
    pub fn is_aggregate(&self, count: usize) -> bool {
        match self.kind {
            FunctionKind::Aggregate => true,
            FunctionKind::Extreme => count == 1,
            _ => false,
        }
    }

    /// The counter it reads.
    pub fn counter(&self) -> Option<Source> {
        match self.kind {
            FunctionKind::Counter(Counter::LastInsertRowid) => Some(Source::LastInsertRowid),
            FunctionKind::Counter(Counter::Changes) => Some(Source::Changes),
            FunctionKind::Counter(Counter::TotalChanges) => Some(Source::TotalChanges),
            _ => None,
        }
    }
}

/// The function of a lower-case name.
pub fn find(name: &str) -> Option<&'static Function> {
    all().find(|f| f.name == name)
}

/// Every function, family by family.
pub fn all() -> impl Iterator<Item = &'static Function> {
    [COUNTERS, text::FUNCTIONS, math::FUNCTIONS, datetime::FUNCTIONS, json::FUNCTIONS, aggregate::FUNCTIONS, window::FUNCTIONS].into_iter().flatten()
}

const fn counter(name: &'static str, counter: Counter) -> Function {
    Function { name, args: (0, 0), star: false, kind: FunctionKind::Counter(counter), result: integer, lower: unreachable_call }
}

static COUNTERS: &[Function] =
    &[counter("last_insert_rowid", Counter::LastInsertRowid), counter("changes", Counter::Changes), counter("total_changes", Counter::TotalChanges)];

/// A scalar function.
const fn scalar(name: &'static str, args: (u8, u8), result: fn(&[Expr]) -> Ty, lower: fn(&mut Lower, &Call, &Expr) -> Lowered) -> Function {
    Function { name, args, star: false, kind: FunctionKind::Scalar, result, lower }
}

/// A function that is refused.
const fn refused(name: &'static str, why: &'static str) -> Function {
    Function { name, args: (0, 255), star: true, kind: FunctionKind::Refused(why), result: text, lower: unreachable_call }
}

fn unreachable_call(_: &mut Lower, _: &Call, e: &Expr) -> Lowered {
    Err(crate::error::ClientError::refused(format!("the call {e:?}")))
}

fn integer(_: &[Expr]) -> Ty {
    Ty::plain(Class::Integer)
}

fn real(_: &[Expr]) -> Ty {
    Ty::plain(Class::Real)
}

fn text(args: &[Expr]) -> Ty {
    Ty { nullable: args.iter().any(|a| a.ty.nullable), ..Ty::plain(Class::Text) }
}

fn blob(_: &[Expr]) -> Ty {
    Ty::plain(Class::Blob)
}

/// The type of the first argument, as a call has it: without affinity, and with no collation but one that is written.
fn first(args: &[Expr]) -> Ty {
    args.first().map_or(Ty::plain(Class::Null), |a| Ty { affinity: None, nullable: true, collation: a.ty.collation.filter(|c| c.1), ..a.ty })
}

/// One type for all arguments.
fn unified(args: &[Expr]) -> Ty {
    let ty = args.iter().map(|a| a.ty).reduce(Ty::unify).unwrap_or(Ty::plain(Class::Null));
    Ty { affinity: None, collation: ty.collation.filter(|(_, written)| *written), ..ty }
}

/// The class of a PostgreSQL type that a client wrote behind `::`.
pub fn native_class(name: &str) -> Class {
    use crate::catalog::oid;
    match name.to_ascii_lowercase().split('(').next().unwrap_or_default().trim() {
        "int" | "int2" | "int4" | "int8" | "integer" | "bigint" | "smallint" => Class::Integer,
        "float" | "float4" | "float8" | "real" | "double precision" => Class::Real,
        "numeric" | "decimal" => Class::Number,
        "text" | "varchar" | "char" | "character varying" | "character" | "name" => Class::Text,
        "bool" | "boolean" => Class::Bool,
        "bytea" => Class::Blob,
        "timestamp" => Class::Native(oid::TIMESTAMP),
        "timestamptz" | "timestamp with time zone" => Class::Native(oid::TIMESTAMPTZ),
        "date" => Class::Native(oid::DATE),
        "json" => Class::Native(oid::JSON),
        "jsonb" => Class::Native(oid::JSONB),
        "uuid" => Class::Native(oid::UUID),
        _ => Class::Native(0),
    }
}

/// The class of what a backend function gives, for the few whose answer is not best shown as text.
pub fn native_function_class(name: &str) -> Class {
    match name {
        "now" | "clock_timestamp" | "statement_timestamp" | "transaction_timestamp" => Class::Native(crate::catalog::oid::TIMESTAMPTZ),
        _ => Class::Native(0),
    }
}
