//! SQLite is the oracle: each statement of `fixtures/differential/*.sql` runs on SQLite and through the proxy, as a simple
//! query and in the extended protocol; rows, storage classes, column names and failure must agree. A statement ends with
//! a line's last `;`. Comments before it say how it is run and judged:
//!
//! - `-- with: 1, 'a', NULL`: its parameters, SQL values;
//! - `-- refused`: the proxy says 0A000; SQLite is not asked;
//! - `-- known: why`: the two still differ. Once they do not, the mark must go.

mod common;

use common::proxy::Proxy;
use common::wire::{Answer, Param, Row, Wire, bind, describe, execute, parse, sync};
use rusqlite::types::Value;
use std::fs;
use std::path::Path;

/// Results that may differ in the last digits: the order of the additions, or the library of functions.
const INEXACT: [&str; 4] = ["sum(", "avg(", "total(", "julianday("];
const SLACK: f64 = 1e-12;

struct Case {
    line: usize,
    sql: String,
    params: Option<String>,
    refused: bool,
    known: Option<String>,
}

fn cases(script: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let fresh = |line| Case { line, sql: String::new(), params: None, refused: false, known: None };
    let mut case = fresh(0);
    for (at, line) in script.lines().enumerate() {
        if case.sql.is_empty() {
            case.line = at + 1;
            if let Some(values) = line.strip_prefix("-- with: ") {
                case.params = Some(values.to_owned());
            } else if let Some(why) = line.strip_prefix("-- known: ") {
                case.known = Some(why.to_owned());
            } else if line == "-- refused" {
                case.refused = true;
            }
            if line.is_empty() || line.starts_with("--") {
                continue;
            }
        } else {
            case.sql.push('\n');
        }
        case.sql.push_str(line);
        if line.ends_with(';') {
            case.sql.pop();
            cases.push(std::mem::replace(&mut case, fresh(0)));
        }
    }
    assert!(case.sql.is_empty(), "the last statement ends with a semicolon");
    cases
}

/// What a statement gave.
#[derive(Debug, PartialEq, Clone)]
enum Outcome {
    Failed(String),
    Rows { names: Vec<String>, rows: Vec<Vec<Value>> },
}

fn on_sqlite(sqlite: &rusqlite::Connection, sql: &str, params: &[Value]) -> Outcome {
    let run = || {
        let mut statement = sqlite.prepare(sql)?;
        let names = statement.column_names().into_iter().map(str::to_owned).collect::<Vec<_>>();
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push((0..names.len()).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?);
        }
        Ok(Outcome::Rows { names, rows: all })
    };
    run().unwrap_or_else(|error: rusqlite::Error| Outcome::Failed(error.to_string()))
}

fn on_wire(wire: &mut Wire, sql: &str, params: &[Value], extended: bool) -> Outcome {
    if !extended && params.is_empty() {
        return outcome(&wire.query(sql));
    }
    let oids: Vec<u32> = params.iter().map(oid).collect();
    let params: Vec<Param> = params.iter().map(param).collect();
    wire.send(&[parse("", sql, &oids), bind("", "", &params, &[]), describe('P', ""), execute("", 0), sync()]);
    outcome(&wire.answer())
}

fn oid(value: &Value) -> u32 {
    match value {
        Value::Null | Value::Text(_) => 25,
        Value::Integer(_) => 20,
        Value::Real(_) => 701,
        Value::Blob(_) => 17,
    }
}

fn param(value: &Value) -> Param {
    match value {
        Value::Null => Param::Null,
        Value::Integer(i) => Param::Text(i.to_string()),
        Value::Real(x) => Param::Text(format!("{x:?}")),
        Value::Text(text) => Param::Text(text.clone()),
        Value::Blob(bytes) => Param::Binary(bytes.clone()),
    }
}

fn outcome(answer: &Answer) -> Outcome {
    if let Some((state, message)) = answer.error() {
        return Outcome::Failed(format!("{state} {message}"));
    }
    let columns = answer.columns().unwrap_or_default();
    let decode = |row: Row| row.iter().zip(&columns).map(|(value, column)| decoded(value.as_deref(), column.oid)).collect();
    let rows = answer.rows().into_iter().map(decode).collect();
    Outcome::Rows { rows, names: columns.into_iter().map(|c| c.name).collect() }
}

/// A value in text format, by its announced type.
fn decoded(value: Option<&[u8]>, oid: u32) -> Value {
    let Some(bytes) = value else { return Value::Null };
    let text = String::from_utf8_lossy(bytes).into_owned();
    match oid {
        20 | 21 | 23 => Value::Integer(text.parse().expect("a whole number")),
        700 | 701 => Value::Real(text.parse().expect("a number")),
        17 => Value::Blob(bytes_of(text.strip_prefix("\\x").expect("hex digits"))),
        18 | 25 | 1042 | 1043 => Value::Text(text),
        other => Value::Text(format!("{text} of type {other}")),
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// None if they agree, else what is wrong.
fn difference(sql: &str, wanted: &Outcome, found: &Outcome) -> Option<&'static str> {
    match (wanted, found) {
        (Outcome::Failed(_), Outcome::Failed(error)) => {
            let ours = ["XX", "08", "57", "0A000"].iter().any(|state| error.starts_with(state));
            ours.then_some("not the client's error")
        }
        (Outcome::Rows { names, rows: wanted }, Outcome::Rows { names: found_names, rows: found }) => {
            if !names.is_empty() && !found_names.is_empty() && names != found_names {
                return Some("names");
            }
            (!same_rows(sql, wanted.clone(), found.clone())).then_some("rows")
        }
        _ => Some("failure"),
    }
}

fn same_rows(sql: &str, mut wanted: Vec<Vec<Value>>, mut found: Vec<Vec<Value>>) -> bool {
    if wanted.len() != found.len() {
        return false;
    }
    // The wire has one type a column: values of several storage classes come as text.
    for at in 0..wanted.first().map_or(0, Vec::len) {
        let mut classes: Vec<u32> = wanted.iter().map(|row| &row[at]).filter(|v| **v != Value::Null).map(oid).collect();
        classes.dedup();
        if classes.len() > 1 && found.iter().any(|row| matches!(row.get(at), Some(Value::Text(_)))) {
            wanted.iter_mut().for_each(|row| row[at] = as_text(&row[at]));
        }
    }
    if !is_ordered(sql) {
        wanted.sort_by_cached_key(|row| format!("{row:?}"));
        found.sort_by_cached_key(|row| format!("{row:?}"));
    }
    let lower = sql.to_ascii_lowercase();
    let slack = if INEXACT.iter().any(|function| lower.contains(function)) { SLACK } else { 0.0 };
    wanted.iter().zip(&found).all(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, slack)))
}

fn as_text(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Integer(i) => Value::Text(i.to_string()),
        Value::Real(x) => Value::Text(litewire::value::real_text(*x)),
        Value::Text(text) => Value::Text(text.clone()),
        Value::Blob(bytes) => Value::Text(format!("\\x{}", litewire::value::hex(bytes).to_lowercase())),
    }
}

fn same(a: &Value, b: &Value, slack: f64) -> bool {
    match (a, b) {
        (Value::Real(a), Value::Real(b)) => a == b || (a - b).abs() <= slack * a.abs(),
        (a, b) => a == b,
    }
}

/// Is there an ORDER BY outside all parentheses?
fn is_ordered(sql: &str) -> bool {
    let mut depth = 0;
    let outside: String = sql
        .chars()
        .filter(|c| {
            depth += i32::from(*c == '(') - i32::from(*c == ')');
            depth == 0
        })
        .collect();
    outside.to_ascii_uppercase().contains("ORDER BY")
}

/// What SQLite makes of a list of values.
fn values(list: &str) -> Vec<Value> {
    let sqlite = rusqlite::Connection::open_in_memory().expect("SQLite");
    match on_sqlite(&sqlite, &format!("SELECT {list}"), &[]) {
        Outcome::Rows { mut rows, .. } => rows.remove(0),
        Outcome::Failed(error) => panic!("{list}: {error}"),
    }
}

/// The differences of a script in one mode, by case.
fn differences(proxy: &Proxy, cases: &[Case], extended: bool) -> Vec<Option<String>> {
    let sqlite = rusqlite::Connection::open_in_memory().expect("SQLite");
    sqlite.pragma_update(None, "foreign_keys", false).expect("set");
    let mut wire = proxy.client();
    let judge = |case: &Case| {
        let params = case.params.as_deref().map(values).unwrap_or_default();
        let found = on_wire(&mut wire, &case.sql, &params, extended);
        if case.refused {
            let refused = matches!(&found, Outcome::Failed(error) if error.starts_with("0A000"));
            return (!refused).then(|| format!("not refused: {found:?}"));
        }
        let wanted = on_sqlite(&sqlite, &case.sql, &params);
        difference(&case.sql, &wanted, &found).map(|what| format!("{what}\n    SQLite   {wanted:?}\n    Litewire {found:?}"))
    };
    cases.iter().map(judge).collect()
}

#[test]
fn litewire_answers_as_sqlite_does() {
    let proxy = Proxy::start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/differential");
    let only = std::env::var("LITEWIRE_FIXTURE").ok();
    let (mut count, mut known, mut failures) = (0, 0, Vec::new());
    let mut paths: Vec<_> = fs::read_dir(&folder).expect("the folder is there").map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let cases = cases(&fs::read_to_string(&path).expect("readable"));
        let modes = [("simple", differences(&proxy, &cases, false)), ("extended", differences(&proxy, &cases, true))];
        for (at, case) in cases.iter().enumerate() {
            let (place, mut differs) = (format!("{name}.sql:{} {}", case.line, case.sql), false);
            for (mode, found) in &modes {
                let Some(what) = &found[at] else { continue };
                differs = true;
                match &case.known {
                    Some(why) => println!("known ({why}), {mode}: {place}: {what}"),
                    None => failures.push(format!("{mode}: {place}: {what}")),
                }
            }
            if case.known.is_some() && !differs {
                failures.push(format!("mended, the mark must go: {place}"));
            }
            known += usize::from(case.known.is_some());
        }
        count += cases.len();
    }
    println!("{count} statements in two modes; {known} known to differ");
    assert!(failures.is_empty(), "{} differences\n{}", failures.len(), failures.join("\n"));
    assert!(only.is_some() || count > 300, "only {count} statements were found");
}
