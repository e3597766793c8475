//! When two answers agree.

use crate::common::wire::Report;
use crate::proxy::Answer;
use crate::script::Statement;
use crate::sqlite::Sqlite;
use crate::{Rows, Value};
use std::cmp::Ordering;

/// Functions whose last bits are the platform's.
const INEXACT: [&str; 21] = [
    "sum(",
    "avg(",
    "total(",
    "exp(",
    "ln(",
    "log(",
    "log10(",
    "log2(",
    "pow(",
    "power(",
    "sqrt(",
    "sin(",
    "cos(",
    "tan(",
    "asin(",
    "acos(",
    "atan(",
    "atan2(",
    "radians(",
    "degrees(",
    "julianday(",
];

/// What differs, if anything.
pub fn statement(statement: &Statement, expected: &rusqlite::Result<Rows>, answer: &Answer) -> Option<String> {
    match (expected, &answer.result) {
        (_, Err(report)) if report.state == "0A000" => (!statement.refused).then(|| format!("refused: {}", shown(report))),
        _ if statement.refused => Some("it is marked as refused and was not".to_owned()),
        (Err(expected), Err(report)) => error(expected, report),
        (Ok(_), Err(report)) => Some(format!("error: {}", shown(report))),
        (Err(expected), Ok(rows)) => Some(format!("SQLite says {expected}, Litewire {:?}", rows.rows)),
        (Ok(expected), Ok(got)) => rows(statement, expected, got).or_else(|| types(statement, answer)),
    }
}

fn shown(report: &Report) -> String {
    let detail = report.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    format!("{} {}{detail}", report.state, report.message)
}

/// No error of ours or of the connection will do; a constraint's must be in SQLite's words, as the message or as its detail.
fn error(expected: &rusqlite::Error, report: &Report) -> Option<String> {
    if ["XX", "08", "57"].iter().any(|class| report.state.starts_with(class)) {
        return Some(format!("SQLite says {expected}, Litewire {}", shown(report)));
    }
    let rusqlite::Error::SqliteFailure(code, Some(message)) = expected else { return None };
    let told = report.message.contains(message.as_str()) || report.detail.as_ref().is_some_and(|detail| detail.contains(message.as_str()));
    (code.code == rusqlite::ErrorCode::ConstraintViolation && !told).then(|| format!("SQLite says {message}, Litewire {}", shown(report)))
}

fn types(statement: &Statement, answer: &Answer) -> Option<String> {
    let (wanted, announced) = (statement.oids.as_ref()?, answer.oids.as_ref()?);
    (wanted != announced).then(|| format!("types: expected {wanted:?}, announced {announced:?}"))
}

fn rows(statement: &Statement, expected: &Rows, got: &Rows) -> Option<String> {
    if expected.names != got.names {
        return Some(format!("names: SQLite {:?}, Litewire {:?}", expected.names, got.names));
    }
    let (mut wanted, mut rows) = (expected.rows.clone(), got.rows.clone());
    for column in 0..expected.names.len() {
        if statement.dynamic || classes_differ(&wanted, column) {
            as_text(&mut wanted, &rows, column);
        }
    }
    if !is_ordered(&statement.sql) {
        wanted.sort_by(|a, b| order(a, b));
        rows.sort_by(|a, b| order(a, b));
    }
    let lower = statement.sql.to_ascii_lowercase();
    let slack = if INEXACT.iter().any(|function| lower.contains(function)) { 1e-12 } else { 0.0 };
    let same_row = |(a, b): (&Vec<Value>, &Vec<Value>)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, slack));
    let agree = wanted.len() == rows.len() && wanted.iter().zip(&rows).all(same_row);
    (!agree).then(|| format!("SQLite   {:?}\n    Litewire {:?}", expected.rows, got.rows))
}

/// The wire has one type a column: whatever does not fit it arrives as text.
fn classes_differ(rows: &[Vec<Value>], column: usize) -> bool {
    let mut classes = rows.iter().map(|row| &row[column]).filter(|value| **value != Value::Null).map(std::mem::discriminant);
    let first = classes.next();
    classes.any(|class| Some(class) != first)
}

fn as_text(wanted: &mut [Vec<Value>], got: &[Vec<Value>], column: usize) {
    if got.iter().any(|row| matches!(row.get(column), Some(Value::Text(_)))) {
        wanted.iter_mut().for_each(|row| row[column] = Sqlite::text(&row[column]));
    }
}

fn same(a: &Value, b: &Value, slack: f64) -> bool {
    match (a, b) {
        (Value::Real(a), Value::Real(b)) => a == b || (a - b).abs() <= slack * a.abs().max(b.abs()),
        _ => a == b,
    }
}

/// Any total order, to compare rows that have none.
fn order(a: &[Value], b: &[Value]) -> Ordering {
    let key = |value: &Value| match value {
        Value::Real(x) => format!("{x:.9e}"),
        other => format!("{other:?}"),
    };
    a.iter().map(key).cmp(b.iter().map(key))
}

/// Has it an ORDER BY outside all parentheses and strings?
fn is_ordered(sql: &str) -> bool {
    let (mut depth, mut quoted, mut outside) = (0_i32, false, String::new());
    for c in sql.chars() {
        match c {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 => outside.push(c.to_ascii_uppercase()),
            _ => {}
        }
    }
    outside.split_whitespace().collect::<Vec<_>>().join(" ").contains("ORDER BY")
}
