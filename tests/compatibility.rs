//! COMPATIBILITY.md's lists are those of the code. `UPDATE_COMPATIBILITY=1 cargo test --test compatibility` rewrites them.

use litewire::translate::functions::{self, Function, FunctionKind};
use litewire::translate::{HATCHES, Hatches, Options, catalog_from_ddl, pragma, translate};
use std::fmt::Write;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/COMPATIBILITY.md");

/// Statements of which the document says that they are refused.
const REFUSED: &[(&str, &str)] = &[
    ("Some temporary triggers", "CREATE TEMP TRIGGER r BEFORE INSERT ON t BEGIN SELECT 1; END"),
    ("Modules of virtual tables other than those below", "CREATE VIRTUAL TABLE v USING geopoly(x)"),
    ("A contentless FTS5 table with less than a full index", "CREATE VIRTUAL TABLE v USING fts5(x, content='', detail=none)"),
    ("Encrypted database files", "ATTACH 'other.db' AS other KEY 'k'"),
    ("Bytecode", "EXPLAIN SELECT 1"),
    (
        "ORDER BY in a recursive common table, by what does not grow with each step",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x * 2 FROM c WHERE x < 9 ORDER BY 1) SELECT x FROM c",
    ),
    ("Text with a NUL character", "SELECT upper('a\0b')"),
    ("Lists of modules", "PRAGMA module_list"),
];

const SCHEMA: &str =
    "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); CREATE TABLE u (a INTEGER UNIQUE, b INTEGER UNIQUE); CREATE TABLE n (a TEXT COLLATE NOCASE)";

#[test]
fn the_document_is_up_to_date() {
    let text = std::fs::read_to_string(PATH).expect("COMPATIBILITY.md can be read");
    let mut made = text.clone();
    for (name, list) in [("functions", function_list()), ("pragmas", pragma_list()), ("refused", refusals()), ("hatches", hatch_list())] {
        let (begin, end) = (format!("<!-- {name}: made by tests/compatibility.rs -->\n"), format!("<!-- end of {name} -->"));
        let start = made.find(&begin).expect("the list's begin is marked") + begin.len();
        let stop = start + made[start..].find(&end).expect("the list's end is marked");
        made.replace_range(start..stop, &list);
    }
    if std::env::var_os("UPDATE_COMPATIBILITY").is_some() {
        std::fs::write(PATH, made).expect("COMPATIBILITY.md can be written");
    } else {
        assert!(text == made, "COMPATIBILITY.md is out of date: UPDATE_COMPATIBILITY=1 cargo test --test compatibility");
    }
}

fn function_list() -> String {
    let mut functions: Vec<&Function> = functions::all().collect();
    functions.sort_by_key(|f| f.name);
    let mut list = String::from("| function | arguments | |\n|---|---|---|\n");
    for function in functions {
        let arguments = match (function.args, function.kind) {
            (_, FunctionKind::Refused(_)) => String::new(),
            ((least, u8::MAX), _) => format!("{least} or more"),
            ((least, most), _) if least == most => least.to_string(),
            ((least, most), _) => format!("{least} to {most}"),
        };
        let kind = match function.kind {
            FunctionKind::Scalar => String::new(),
            FunctionKind::Aggregate => "aggregate, window".to_owned(),
            FunctionKind::Extreme => "aggregate with one argument".to_owned(),
            FunctionKind::Window => "window".to_owned(),
            FunctionKind::Date(_) => "date".to_owned(),
            FunctionKind::Counter(_) => "of the client's connection".to_owned(),
            FunctionKind::Refused(why) => format!("**refused**: {why}"),
        };
        let star = if function.star && !arguments.is_empty() { ", or `*`" } else { "" };
        writeln!(list, "| `{}` | {arguments}{star} | {kind} |", function.name).expect("a string takes all");
    }
    for function in functions::table::all() {
        writeln!(list, "| `{}` | 0 to {} | in FROM |", function.name, function.arguments.len()).expect("a string takes all");
    }
    list
}

fn hatch_list() -> String {
    let mut list = String::from("| key | what | `\"lenient\"` |\n|---|---|---|\n");
    for hatch in &HATCHES {
        writeln!(list, "| `{}` | {} | {} |", hatch.name, hatch.what, hatch.lenient).expect("a string takes all");
    }
    list
}

/// A statement for each hatch, in their order.
const HATCHED: &[&str] = &[
    "EXPLAIN SELECT 1",
    "SELECT b FROM t ORDER BY b COLLATE \"de-AT\"",
    "SELECT load_extension('x.so')",
    "SELECT a FROM t INDEXED BY gone",
    "PRAGMA full_column_names = 1",
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x * 2 FROM c WHERE x < 9 ORDER BY 1) SELECT x FROM c",
];

#[test]
fn a_lenient_hatch_opens_its_construct_alone() {
    let catalog = catalog_from_ddl(SCHEMA).expect("the schema is SQLite's");
    assert_eq!(HATCHED.len(), HATCHES.len());
    for (hatch, sql) in HATCHES.iter().zip(HATCHED) {
        for open in &HATCHES {
            let options = Options { hatches: Hatches::new([open.hatch].into_iter().collect()), ..Options::default() };
            match translate(sql, &[], &catalog, &options) {
                Ok(plan) => assert!(open.hatch == hatch.hatch && plan.hatches.has(hatch.hatch), "{sql}"),
                Err(error) => assert!(
                    open.hatch != hatch.hatch && error.hint.as_ref().is_some_and(|hint| hint.contains(hatch.name)),
                    "{} is not opened by its hatch: {error:?}",
                    hatch.name
                ),
            }
        }
        // A plan that passed nothing says so.
        let open = Options { hatches: Hatches::new(HATCHES.iter().map(|d| d.hatch).collect()), ..Options::default() };
        assert!(translate("SELECT a FROM t", &[], &catalog, &open).expect("plain").hatches.is_empty());
    }
}

fn pragma_list() -> String {
    let mut list = String::from("| PRAGMA | |\n|---|---|\n");
    for name in pragma::names() {
        writeln!(list, "| `{name}` | {} |", pragma::done(name)).expect("a string takes all");
    }
    list
}

/// What is refused, each with the message that a translation really gives.
fn refusals() -> String {
    let catalog = catalog_from_ddl(SCHEMA).expect("the schema is SQLite's");
    let mut list = String::from("| what | message |\n|---|---|\n");
    for (what, sql) in REFUSED {
        match translate(sql, &[], &catalog, &Default::default()) {
            Ok(plan) => panic!("{what} is no longer refused: {plan:?}"),
            Err(error) => writeln!(list, "| {what} | {} |", error.message.replace('|', "\\|").replace('\0', "\\0")).expect("a string takes all"),
        }
    }
    list
}
