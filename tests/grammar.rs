//! The grammar: every statement that a real SQLite prepares is read. `fixtures/grammar.sql` holds one of each kind; a whole corpus
//! (JSON lines with `kind` and `sql`) is read where `LITEWIRE_GRAMMAR` names one.

use litewire::catalog::Catalog;
use litewire::error::SqlState;
use litewire::translate::{self, Options};

/// The message of a syntax error; what only a catalog could tell, or what is refused by name, is none.
fn syntax_error(sql: &str) -> Option<String> {
    let error = translate::translate(sql, &[], &Catalog::default(), &Options::default()).err()?;
    let syntactic =
        error.message.ends_with(": syntax error") || error.message == "incomplete input" || error.message.starts_with("unrecognized token");
    (error.state == SqlState::SYNTAX_ERROR && syntactic).then_some(error.message)
}

#[test]
fn what_sqlite_prepares_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/grammar.sql");
    let text = std::fs::read_to_string(path).expect("the fixture");
    let mut wrong = Vec::new();
    for (number, sql) in text.lines().enumerate().filter(|(_, sql)| !sql.is_empty() && !sql.starts_with("--")) {
        wrong.extend(syntax_error(sql).map(|message| format!("{path}:{}: {message}\n    {sql}", number + 1)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_whole_corpus_is_read() {
    let Ok(path) = std::env::var("LITEWIRE_GRAMMAR") else { return };
    let text = std::fs::read_to_string(&path).expect("the corpus that LITEWIRE_GRAMMAR names");
    let mut wrong = Vec::new();
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let sql = case["sql"].as_str().expect("a statement");
        wrong.extend(syntax_error(sql).map(|message| format!("{} {message}\n    {sql}", case["kind"])));
    }
    assert!(wrong.is_empty(), "{} are not read\n{}", wrong.len(), wrong.join("\n"));
}
