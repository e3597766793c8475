//! SQLite is the oracle: each script of `fixtures/differential` runs, statement by statement, on rusqlite and through a running
//! Litewire, by simple queries and by prepared statements; values, storage classes, column names and failures must agree, and
//! so must every table at the end.

mod cached;
#[path = "../common/mod.rs"]
mod common;
mod compare;
mod generate;
mod property;
mod proxy;
mod script;
mod sqlite;

use common::Stack;
use proxy::{Mode, Proxy};
use script::Statement;
use sqlite::Sqlite;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A value of SQLite: its storage class and its content.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
    /// A wire type that the profile `sqlite` does not announce, or bytes that are no value of the type announced.
    Foreign(u32, String),
}

/// The rows of a statement, or of several sent at once.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rows {
    pub names: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

/// A test a script.
macro_rules! fixtures {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        #[test]
        fn every_script_is_run() {
            let run = BTreeSet::from([$(stringify!($name).to_owned()),*]);
            let stem = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("it can be read").path().file_stem().map(|s| s.to_string_lossy().into_owned());
            let there = std::fs::read_dir(directory()).expect("the fixtures").filter_map(stem).collect();
            assert_eq!(run, there);
        }
    };
}

fixtures! {
    attach long_names temporary_trigger trigger_before trigger_raise trigger_policy trigger_conflict late_errors misfit conflict_rows keys foreign_rows foreign_check
    create_index create_table migration
    pragma_function create_as sqlite_sequence sqlite_stat1 maintenance explain
    collation dynamic dynamic_functions fts4 fts5 fts5_options fts_vocabulary in_select rtree
    aggregate alias alter alter_column alter_drop alter_rename arithmetic cast_typeof comparison compound counters cte datetime ddl foreign_keys group_by
    identifiers insert_conflict join json like_glob limit null_order placeholders pragma printf returning row_values sqlite_master subquery temporary text_functions
    transaction trigger truth types update_delete upsert views window
    json_each json_edit jsonb traps
}

/// A script fails on SQLite where its comments say so, and nowhere else. This needs no proxy.
#[test]
fn sqlite_takes_the_scripts() {
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(directory()).expect("the fixtures") {
        let path = entry.expect("it can be read").path();
        let sqlite = Sqlite::open();
        for statement in script::read(&path) {
            let note = match sqlite.run(&statement) {
                Err(error) if !statement.fails => error.to_string(),
                Ok(_) if statement.fails => "no error".to_owned(),
                _ => continue,
            };
            wrong.push(format!("{}:{}: {note}\n    {}", path.display(), statement.line, statement.sql));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_oracle_is_the_version_that_is_promised() {
    assert_eq!(rusqlite::version(), "3.54.1");
    let options = Sqlite::open().rows("PRAGMA compile_options");
    let wanted = Value::Text("ENABLE_MATH_FUNCTIONS".to_owned());
    assert!(options.rows.iter().any(|row| row.contains(&wanted)), "SQLite is built without the flags of .cargo/config.toml");
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/differential")
}

fn check(name: &str) {
    let path = directory().join(format!("{name}.sql"));
    let script = script::read(&path);
    let stack = Stack::shared();
    let mut wrong = Vec::new();
    for mode in [Mode::Simple, Mode::Prepared] {
        wrong.extend(run(&stack, &script, mode).into_iter().map(|difference| format!("{name}.sql:{difference} ({mode:?})")));
    }
    let checks = script.len() * 2;
    assert!(wrong.is_empty(), "{} of {checks} statements differ\n{}", wrong.len(), wrong.join("\n"));
}

/// The differences, each with its line.
fn run(stack: &Stack, script: &[Statement], mode: Mode) -> Vec<String> {
    let database = stack.database();
    let connect = || Proxy::new(stack.connect(&database), mode);
    let (sqlite, mut proxy) = (Sqlite::open(), connect());
    let mut wrong = Vec::new();
    for statement in script {
        let expected = sqlite.run(statement);
        let difference = match proxy.run(statement) {
            Ok(answer) => compare::statement(statement, &expected, &answer),
            Err(lost) => {
                proxy = connect();
                Some(format!("the connection is lost: {lost}"))
            }
        };
        wrong.extend(difference.map(|difference| format!("{}: {}\n    {difference}", statement.line, statement.sql)));
    }
    for table in sqlite.tables() {
        // What is stored is compared; how a described statement announces a column is its own cases' matter.
        let statement = Statement { dynamic: true, ..Statement::plain(format!("SELECT * FROM \"{}\"", table.replace('"', "\"\""))) };
        let difference = match proxy.run(&statement) {
            Ok(answer) => compare::statement(&statement, &sqlite.run(&statement), &answer),
            Err(lost) => Some(format!("the connection is lost: {lost}")),
        };
        wrong.extend(difference.map(|difference| format!("table {table}\n    {difference}")));
    }
    wrong
}
