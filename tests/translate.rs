//! The translation of each statement in `fixtures/translate/*.sql`, beside it in a `.pg` file: a rule has a case, and a change
//! of a rule is seen in all its cases. `LITEWIRE_WRITE_FIXTURES=1 cargo test --test translate` writes the `.pg` files anew.

use litewire::catalog::Catalog;
use litewire::translate::{self, Action, Options};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A fixture: SQLite's DDL up to a line of `---`, then statements.
fn translated(text: &str) -> String {
    let (ddl, statements) = text.split_once("\n---\n").expect("a fixture has DDL, a line of ---, and statements");
    let catalog = translate::catalog_from_ddl(ddl).expect("the DDL of a fixture is right");
    let mut out = String::new();
    for place in translate::split(statements) {
        let sql = &statements[place];
        writeln!(out, "{sql}\n{}\n", shown(sql, &catalog)).expect("a string takes all");
    }
    out
}

fn shown(sql: &str, catalog: &Catalog) -> String {
    match translate::translate(sql, &[], catalog, &Options::default()) {
        Ok(plan) => match &plan.action {
            Action::Execute(statement) => {
                let slots: Vec<String> = statement.template.slots.iter().map(|s| format!("{:?}", s.demand)).collect();
                let slots = if slots.is_empty() { String::new() } else { format!("  [{}]", slots.join(", ")) };
                format!("=> {}{slots}", statement.template.numbered())
            }
            other => format!("=> {other:?}"),
        },
        Err(error) => format!("!! {} {} at {:?}", error.state.as_str(), error.message, error.position),
    }
}

#[test]
fn translations_are_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/translate");
    let write = std::env::var_os("LITEWIRE_WRITE_FIXTURES").is_some();
    let mut checked = 0;
    for entry in fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("a readable folder").path();
        if path.extension().is_none_or(|e| e != "sql") {
            continue;
        }
        let found = translated(&fs::read_to_string(&path).expect("a readable fixture"));
        let recorded = path.with_extension("pg");
        if write {
            fs::write(&recorded, &found).expect("a writable fixture");
        }
        let wanted = fs::read_to_string(&recorded).unwrap_or_default();
        assert_eq!(found, wanted, "{}", path.display());
        checked += 1;
    }
    assert!(checked >= 5, "only {checked} fixtures were found");
}
