//! CREATE TABLE … AS SELECT (lang_createtable.html §2.1): the table that SQLite's own text of it makes, and the query's rows.

use super::create::{Making, finished, making};
use super::types::backend_type;
use super::{Change, TEMPORARY, qualified};
use crate::catalog::Affinity;
use crate::error::ClientError;
use crate::translate::bind::{Binder, Bound, distinct, quote_ident, quote_name};
use crate::translate::lower::{Frag, Lower, fill};
use crate::translate::parse::{self, scan};
use crate::translate::tree::{BinaryOp, Body, Class, Expr, Kind, Query, Ty};
use crate::value::Value;
use sqlparser::ast;

/// CREATE TABLE name AS query.
pub(super) fn table_as<'a>(name: &str, schema: &str, query: &ast::Query, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Change> {
    let query = binder.named_query(query, &scan::result_items(binder.sql, false))?;
    let names = distinct(query.columns.iter().map(|c| c.name.clone()));
    let affinities: Vec<Affinity> = (0..names.len()).map(|at| affinity(&query, at)).collect();
    let sql = text(name, &names, &affinities);
    let ast::Statement::CreateTable(mut create) = parse::parse(&sql)? else { return Err(ClientError::refused("CREATE TABLE … AS SELECT")) };
    create.temporary = schema == TEMPORARY;
    let plain = |class: Class| class.or_text();
    let classes: Vec<Class> = query.columns.iter().map(|c| plain(c.ty.class)).collect();
    // What its affinity's own type may not hold is kept in the carrier.
    let holds = |affinity: Affinity, class: Class| {
        let own = match affinity {
            Affinity::Integer => Class::Integer,
            Affinity::Real => Class::Real,
            Affinity::Text => Class::Text,
            Affinity::Numeric => Class::Number,
            Affinity::Blob => Class::Dynamic,
        };
        debug_assert!(affinity == Affinity::Blob || !backend_type(declared(affinity), false).dynamic);
        own == class || affinity == Affinity::Blob
    };
    let wide = names.iter().zip(affinities.iter().zip(&classes)).filter(|(_, (a, c))| !holds(**a, **c)).map(|(n, _)| n.clone());
    let wide: Vec<String> = wide.collect();
    let mut inner = Binder::new(&sql, &[], binder.catalog, binder.options);
    let Making { relation, parts, .. } = making(&create, name, &wide, &mut inner, &mut Lower::new(binder.catalog, binder.options))?;

    lower.stored = true;
    let rows = lower.query_as(&query, &classes);
    lower.stored = false;
    let rows = rows?;
    let mut cells = Vec::new();
    for (at, class) in classes.iter().enumerate() {
        let piece = Frag::text(format!("\"_v\".\"c{}\"", at + 1));
        let class = if query.columns[at].ty.class == Class::Null { Class::Null } else { *class };
        let column = &relation.columns[at];
        cells.push(crate::translate::write::stored(lower, &relation, column, Ty::of_column(column).class, &piece, class)?);
    }
    let columns: Vec<String> = (1..=names.len()).map(|i| format!("\"c{i}\"")).collect();
    let into: Vec<String> = names.iter().map(|n| quote_ident(n)).collect();
    let head = format!("INSERT INTO {} ({}) SELECT ", qualified(&relation.schema, &relation.name), into.join(", "));
    let fill_in = fill(&format!("{head}{{}} FROM ({{}}) AS \"_v\"({})", columns.join(", ")), &[&Frag::join(&cells, ", "), &rows]);
    let fill_in = fill_in.into_fixed().ok_or_else(|| ClientError::refused("a parameter in CREATE TABLE … AS SELECT"))?;
    let mut change = finished(relation, parts, sql, binder.catalog);
    change.steps.push(fill_in);
    Ok(change)
}

/// The type that SQLite declares for an affinity.
fn declared(affinity: Affinity) -> Option<&'static str> {
    match affinity {
        Affinity::Blob => None,
        Affinity::Text => Some("TEXT"),
        Affinity::Numeric => Some("NUM"),
        Affinity::Integer => Some("INT"),
        Affinity::Real => Some("REAL"),
    }
}

/// The text of the table (`createTableStmt`).
fn text(name: &str, columns: &[String], affinities: &[Affinity]) -> String {
    let width = |name: &str| name.len() + name.matches('"').count() + 2;
    let short = columns.iter().map(|c| width(c) + 5).sum::<usize>() + width(name) < 50;
    let (first, between, last) = if short { ("", ",", ")") } else { ("\n  ", ",\n  ", "\n)") };
    let column = |(name, affinity): (&String, &Affinity)| match declared(*affinity) {
        Some(declared) => format!("{} {declared}", named(name)),
        None => named(name),
    };
    let columns: Vec<String> = columns.iter().zip(affinities).map(column).collect();
    format!("CREATE TABLE {}({first}{}{last}", named(name), columns.join(between))
}

/// A name as it is written into such a text: bare where it can be (`identPut`).
fn named(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain && !name.is_empty() && !parse::is_keyword(name) { name.to_owned() } else { quote_name(name) }
}

/// The affinity of a query's column (`sqlite3SubqueryColumnTypes`): that of the first arm that has one, unless another arm may
/// bring values that it does not fit.
fn affinity(query: &Query, at: usize) -> Affinity {
    let mut arms = Vec::new();
    collect(query, at, &mut arms);
    // A function gives a value without one, whatever its arguments are.
    let own = |arm: &&Expr| arm.ty.affinity.filter(|a| *a != Affinity::Blob && !matches!(arm.kind, Kind::Call(_)));
    let Some((first, affinity)) = arms.iter().enumerate().find_map(|(i, arm)| own(arm).map(|a| (i, a))) else { return Affinity::Blob };
    let others = arms.iter().enumerate().filter(|(i, _)| *i != first).map(|(_, arm)| may_be(arm)).fold(0, |all, one| all | one);
    let unfit = if affinity == Affinity::Text { NUMBER } else { TEXT };
    if others & unfit == 0 { affinity } else { Affinity::Blob }
}

/// The expressions that give a column, arm by arm.
fn collect<'q>(query: &'q Query, at: usize, arms: &mut Vec<&'q Expr>) {
    match &query.body {
        Body::Select(select) => arms.extend(select.items.get(at)),
        Body::Values(rows) => arms.extend(rows.iter().filter_map(|row| row.get(at))),
        Body::Compound(_, left, right) => {
            collect(left, at, arms);
            collect(right, at, arms);
        }
    }
}

const NUMBER: u8 = 1;
const TEXT: u8 = 2;
const BLOB: u8 = 4;

/// The storage classes that an expression may have (`sqlite3ExprDataType`).
fn may_be(e: &Expr) -> u8 {
    match &e.kind {
        Kind::Literal { value } => match value {
            Value::Null => 0,
            Value::Integer(_) | Value::Real(_) => NUMBER,
            Value::Text(_) => TEXT,
            Value::Blob(_) => BLOB,
        },
        Kind::Collate(inner) => may_be(inner),
        Kind::Binary(BinaryOp::Concat, ..) => TEXT | BLOB,
        Kind::Param(_) | Kind::Call(_) | Kind::Counter(_) => NUMBER | TEXT | BLOB,
        Kind::Column(_) | Kind::Subquery(_) | Kind::Cast(_) => match e.ty.affinity {
            Some(Affinity::Text) => TEXT | BLOB,
            Some(affinity) if affinity.is_numeric() => NUMBER | BLOB,
            _ => NUMBER | TEXT | BLOB,
        },
        Kind::Case(arms, other) => arms.iter().map(|(_, value)| value).chain(other.as_deref()).map(may_be).fold(0, |all, one| all | one),
        _ => NUMBER,
    }
}
