//! SQLite's own sqllogictest (sqlite.org/sqllogictest): its files, run through Litewire as the engine `sqlite`. Those of
//! `fixtures/sqllogictest` are a part of its corpus, which is in the public domain; another directory of such files is run with
//!
//! ```text
//! LITEWIRE_SQLLOGICTEST=directory cargo test --test sqllogictest -- --nocapture
//! ```
//!
//! The format is read here, in its original form: the crate of that name brings forty others, and a dialect of its own.

#[path = "common/mod.rs"]
mod common;

use common::Stack;
use common::wire::{Client, Column};
use litewire::value::{Value, printf};
use md5::{Digest, Md5};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// How many differences of a file are told.
const TOLD: usize = 5;

#[test]
fn every_file_agrees() {
    let directory =
        std::env::var_os("LITEWIRE_SQLLOGICTEST").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sqllogictest"), PathBuf::from);
    let mut files = Vec::new();
    find(&directory, &mut files);
    files.sort();
    assert!(!files.is_empty(), "no file of {} ends in .test", directory.display());
    let stack = Stack::shared();
    let mut wrong = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut run = Run { client: stack.connect(&stack.database()), labels: HashMap::new() };
        let records = records(&text);
        let differences: Vec<String> = records
            .iter()
            .filter_map(|record| run.difference(record).map(|d| format!("{}:{}: {}\n    {d}", file.display(), record.line, record.sql)))
            .collect();
        println!("{}: {} of {} records agree", file.display(), records.len() - differences.len(), records.len());
        wrong.extend(differences.into_iter().take(TOLD));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The files below a directory that end in `.test`.
fn find(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|e| e == "test") {
            files.push(path);
        }
    }
}

/// A statement or a query, with what it is to answer.
struct Record<'t> {
    line: usize,
    sql: String,
    expected: Expected<'t>,
}

enum Expected<'t> {
    Done,
    Error,
    Values { types: &'t str, sort: Sort, label: Option<&'t str>, lines: Vec<&'t str> },
}

#[derive(Clone, Copy, PartialEq)]
enum Sort {
    No,
    Rows,
    Values,
}

/// The records that concern SQLite.
fn records(text: &str) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    let mut lines = text.lines().zip(1..).peekable();
    let mut skipped = false;
    while let Some((text, line)) = lines.next() {
        let words: Vec<&str> = text.split('#').next().unwrap_or_default().split_whitespace().collect();
        let expected = match words.as_slice() {
            ["skipif", engine] => {
                skipped |= *engine == "sqlite";
                continue;
            }
            ["onlyif", engine] => {
                skipped |= *engine != "sqlite";
                continue;
            }
            ["halt"] if !skipped => break,
            ["statement", "ok"] => Expected::Done,
            ["statement", "error", ..] => Expected::Error,
            ["query", types, rest @ ..] => {
                let sort = match rest.first() {
                    Some(&"rowsort") => Sort::Rows,
                    Some(&"valuesort") => Sort::Values,
                    _ => Sort::No,
                };
                Expected::Values { types, sort, label: rest.get(1).copied(), lines: Vec::new() }
            }
            [] => continue,
            ["halt" | "hash-threshold", ..] => {
                skipped = false;
                continue;
            }
            other => panic!("line {line}: {other:?} is no record"),
        };
        let mut body: Vec<&str> = std::iter::from_fn(|| lines.next_if(|(text, _)| !text.trim().is_empty()).map(|(text, _)| text)).collect();
        if std::mem::take(&mut skipped) {
            continue;
        }
        let (sql, expected) = match expected {
            Expected::Values { types, sort, label, .. } => {
                let end = body.iter().position(|l| *l == "----").unwrap_or(body.len());
                let lines = body.split_off(end).into_iter().skip(1).collect();
                (body.join("\n"), Expected::Values { types, sort, label, lines })
            }
            other => (body.join("\n"), other),
        };
        records.push(Record { line, sql, expected });
    }
    records
}

struct Run<'t> {
    client: Client,
    /// The values of queries that must have the same ones.
    labels: HashMap<&'t str, String>,
}

impl<'t> Run<'t> {
    fn difference(&mut self, record: &Record<'t>) -> Option<String> {
        let reply = self.client.simple(&record.sql).unwrap_or_else(|error| panic!("{}: the connection is lost: {error}", record.sql));
        let failed = reply.error.map(|e| format!("{} {}", e.state, e.message));
        let (types, sort, label, lines) = match (&record.expected, failed) {
            (Expected::Error, None) => return Some("no error".to_owned()),
            (Expected::Error, Some(error)) => return error.starts_with("0A000").then_some(error),
            // Of a query that fails while it runs SQLite's runner sees the rows before.
            (Expected::Values { lines, .. }, Some(error)) if lines.is_empty() && error.starts_with("22003") => return None,
            (_, Some(error)) => return Some(error),
            (Expected::Done, None) => return None,
            (Expected::Values { types, sort, label, lines }, None) => (types, *sort, label, lines),
        };
        let answer = reply.answers.into_iter().next().unwrap_or_default();
        let columns = answer.columns.unwrap_or_default();
        if columns.len() != types.len() && !answer.rows.is_empty() {
            return Some(format!("{} columns", columns.len()));
        }
        let mut rows: Vec<Vec<String>> = answer
            .rows
            .iter()
            .map(|row| row.iter().zip(&columns).zip(types.chars()).map(|((v, c), t)| shown(v.as_deref(), c, t)).collect())
            .collect();
        if sort == Sort::Rows {
            rows.sort();
        }
        let mut values = rows.concat();
        if sort == Sort::Values {
            values.sort();
        }
        let found = hash(&values);
        if let Some(label) = label {
            let first = self.labels.entry(label).or_insert_with(|| found.clone());
            if *first != found {
                return Some(format!("another query of the label {label} had other values"));
            }
        }
        match lines.as_slice() {
            [only] if only.contains(" values hashing to ") => (*only != found).then_some(found),
            lines => (*lines != values).then(|| format!("{values:?}")),
        }
    }
}

/// A value as `slt_sqlite.c` prints it in a column of a type.
fn shown(value: Option<&[u8]>, column: &Column, kind: char) -> String {
    let Some(bytes) = value else { return "NULL".to_owned() };
    let text = String::from_utf8_lossy(bytes);
    // `sqlite3_column_int` and `sqlite3_column_double` take what a text begins with.
    let number = || (1..=text.len()).rev().find_map(|end| text.get(..end)?.trim_start().parse::<f64>().ok()).unwrap_or(0.0);
    match kind {
        'I' if matches!(column.oid, 20 | 23) => text.into_owned(),
        'I' => (number() as i64).to_string(),
        'R' => printf::format("%.3f", &[Value::Real(number())]).and_then(|v| Some(v.text()?.into_owned())).expect("a number has a text"),
        _ if text.is_empty() => "(empty)".to_owned(),
        _ => text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '@' }).collect(),
    }
}

fn hash(values: &[String]) -> String {
    let mut digest = Md5::new();
    for value in values {
        digest.update(value);
        digest.update("\n");
    }
    let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} values hashing to {hex}", values.len())
}
