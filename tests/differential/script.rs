//! The scripts. A statement ends with a `;` at the end of a line; several on one line are sent as one simple query. Comment
//! lines before a statement say more about it:
//!
//! ```text
//! -- params: [1, "a", 2.5, null, {"blob": "00ff"}]   bound with their types declared
//! -- untyped: ["7"]                                  bound as text, type left open
//! -- refused                                         SQLSTATE 0A000, whatever SQLite does
//! -- fails                                           an error on both sides
//! -- dynamic                                         columns may arrive as text, whatever their storage class
//! -- oids: [23, 25]                                  the types that a simple query announces
//! ```

use crate::Value;
use std::path::Path;

#[derive(Debug, Clone, Default)]
pub struct Statement {
    /// Where it begins in its file.
    pub line: usize,
    pub sql: String,
    pub parameters: Vec<Value>,
    /// Whether the parameters' types are declared.
    pub declared: bool,
    pub refused: bool,
    pub fails: bool,
    pub dynamic: bool,
    pub oids: Option<Vec<u32>>,
}

impl Statement {
    /// Without any comment.
    pub fn plain(sql: String) -> Statement {
        Statement { sql, ..Statement::default() }
    }
}

/// The statements of a file.
pub fn read(path: &Path) -> Vec<Statement> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut statements, mut current) = (Vec::new(), Statement::default());
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if current.sql.is_empty() {
            if let Some(comment) = trimmed.strip_prefix("-- ") {
                current.note(comment);
                continue;
            }
            if trimmed.is_empty() || trimmed == "--" {
                continue;
            }
            current.line = number + 1;
        } else {
            current.sql.push('\n');
        }
        current.sql.push_str(line.trim_end());
        if trimmed.ends_with(';') {
            current.sql.pop();
            statements.push(std::mem::take(&mut current));
        }
    }
    assert!(current.sql.is_empty(), "{}: the last statement has no end", path.display());
    statements
}

impl Statement {
    fn note(&mut self, comment: &str) {
        match comment.split_once(": ").unwrap_or((comment, "")) {
            ("params", list) => (self.parameters, self.declared) = (values(list), true),
            ("untyped", list) => self.parameters = values(list),
            ("refused", "") => self.refused = true,
            ("fails", "") => self.fails = true,
            ("dynamic", "") => self.dynamic = true,
            ("oids", list) => self.oids = Some(serde_json::from_str(list).unwrap_or_else(|error| panic!("{list}: {error}"))),
            _ => {}
        }
    }
}

fn values(list: &str) -> Vec<Value> {
    let list: Vec<serde_json::Value> = serde_json::from_str(list).unwrap_or_else(|error| panic!("{list}: {error}"));
    list.iter().map(value).collect()
}

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::String(text) => Value::Text(text.clone()),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::Real(number.as_f64().expect("a number is an integer or a real")), Value::Integer)
        }
        other => Value::Blob(other["blob"].as_str().and_then(unhex).unwrap_or_else(|| panic!("{other} is no parameter"))),
    }
}

/// The bytes that hex digits stand for.
pub fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.as_bytes().chunks(2).map(pair).collect()
}
