//! The text of DDL as SQLite keeps it in `sqlite_schema` (schematab.html §2).

use crate::translate::parse::scan::{self, Token};

/// SQLite's text of a CREATE: what stands before the name is written anew. `kind` is TABLE, VIEW, INDEX or UNIQUE INDEX.
pub(super) fn stored(sql: &str, kind: &str) -> String {
    let tokens = scan::tokens(sql);
    let object = kind.rsplit(' ').next().unwrap_or(kind);
    let mut at = tokens.iter().position(|t| t.is(sql, object)).map_or(0, |at| at + 1);
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|t| t.is(sql, word));
    if is(at, "IF") && is(at + 1, "NOT") && is(at + 2, "EXISTS") {
        at += 3;
    }
    if tokens.get(at + 1).is_some_and(|t| t.is_op(sql, ".")) {
        at += 2;
    }
    let end = tokens.last().filter(|t| t.is_op(sql, ";")).map_or(sql.len(), |t| t.at.start);
    tokens.get(at).map_or_else(|| sql.to_owned(), |name| format!("CREATE {kind} {}", &sql[name.at.start.min(end)..end]))
}

/// The places of a CREATE TABLE's column definitions, and where the last of them ends: at the comma before the first constraint,
/// or at the closing parenthesis.
pub(super) fn columns(sql: &str) -> (Vec<usize>, usize) {
    let tokens = scan::tokens(sql);
    let (mut starts, mut depth, mut expected) = (Vec::new(), 0, false);
    for token in &tokens {
        if expected {
            expected = false;
            if ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].iter().any(|w| token.is(sql, w)) {
                let comma = tokens.iter().rev().find(|t| t.at.end <= token.at.start && t.is_op(sql, ","));
                return (starts, comma.map_or(token.at.start, |t| t.at.start));
            }
            starts.push(token.at.start);
        }
        match token.text(sql) {
            "(" => {
                depth += 1;
                expected = depth == 1 && starts.is_empty();
            }
            ")" => {
                depth -= 1;
                if depth == 0 {
                    return (starts, token.at.start);
                }
            }
            "," => expected = depth == 1,
            _ => {}
        }
    }
    (starts, sql.len())
}

/// The end of the list of a CREATE TABLE's columns and constraints.
pub(super) fn list_end(sql: &str) -> usize {
    let mut depth = 0;
    for token in scan::tokens(sql) {
        match token.text(sql) {
            "(" => depth += 1,
            ")" => {
                depth -= 1;
                if depth == 0 {
                    return token.at.start;
                }
            }
            _ => {}
        }
    }
    sql.len()
}

/// The text with the column of an ALTER TABLE … ADD COLUMN behind the others.
pub(super) fn with_column(sql: &str, definition: &str) -> String {
    let (_, end) = columns(sql);
    format!("{}, {definition}{}", &sql[..end], &sql[end..])
}

/// The text without a column.
pub(super) fn without_column(sql: &str, at: usize) -> String {
    let (starts, end) = columns(sql);
    let Some(&start) = starts.get(at) else { return sql.to_owned() };
    match starts.get(at + 1) {
        Some(next) => format!("{}{}", &sql[..start], &sql[*next..]),
        None => {
            let comma = scan::tokens(sql).iter().rev().find(|t| t.at.end <= start && t.is_op(sql, ",")).map_or(start, |t| t.at.start);
            format!("{}{}", &sql[..comma], &sql[end..])
        }
    }
}

/// What stands behind the words of an ALTER TABLE, from token `from` on.
pub(super) fn tail<'s>(sql: &'s str, tokens: &[Token], from: usize) -> &'s str {
    let end = tokens.iter().rev().find(|t| !t.is_op(sql, ";")).map_or(sql.len(), |t| t.at.end);
    tokens.get(from).map_or("", |t| &sql[t.at.start..end])
}

/// A name in the place of a token (`renameEditSql`): as it is written where the token and the name are bare, else in double quotes.
pub(super) fn name_for(sql: &str, token: &Token, new: &str, quoted: bool) -> String {
    if !quoted && token.kind == scan::Kind::Word {
        return new.to_owned();
    }
    let space = if sql[token.at.end..].starts_with('"') { " " } else { "" };
    format!("\"{}\"{space}", new.replace('"', "\"\""))
}

/// A string in double quotes, in single ones (`sqlite_rename_quotefix`).
pub(super) fn requoted(sql: &str, token: &Token) -> String {
    let space = if sql[token.at.end..].starts_with('\'') { " " } else { "" };
    format!("'{}'{space}", scan::unquote(token.text(sql)).replace('\'', "''"))
}

/// The text with some tokens replaced.
pub(super) fn replaced(sql: &str, with: &dyn Fn(&Token) -> Option<String>) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut last = 0;
    for token in scan::tokens(sql) {
        if let Some(text) = with(&token) {
            out.push_str(&sql[last..token.at.start]);
            out.push_str(&text);
            last = token.at.end;
        }
    }
    out.push_str(&sql[last..]);
    out
}

/// The text with NOT NULL (and its conflict clause) behind a column's definition; one that stands there already gives way.
pub(super) fn with_not_null(sql: &str, at: usize, clause: &str) -> String {
    let sql = without_not_null(sql, at);
    let (starts, end) = columns(&sql);
    let end = match starts.get(at + 1) {
        Some(next) => scan::tokens(&sql).iter().rev().find(|t| t.at.end <= *next && t.is_op(&sql, ",")).map_or(end, |t| t.at.start),
        None => end,
    };
    format!("{} {clause}{}", &sql[..end], &sql[end..])
}

/// The text without the NOT NULL of a column.
pub(super) fn without_not_null(sql: &str, at: usize) -> String {
    let (starts, end) = columns(sql);
    let Some(&start) = starts.get(at) else { return sql.to_owned() };
    let end = starts.get(at + 1).copied().unwrap_or(end);
    let tokens = scan::tokens(sql);
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().filter(|(_, t)| t.at.start >= start && t.at.start < end) {
        match token.text(sql) {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        let null = tokens.get(i + 1).is_some_and(|t| t.is(sql, "NULL"));
        if depth == 0 && token.is(sql, "NOT") && null && i > 0 {
            let named = i > 2 && tokens[i - 2].is(sql, "CONSTRAINT");
            return cut(sql, &tokens, if named { i - 2 } else { i }, i + 1);
        }
    }
    sql.to_owned()
}

/// The text without the constraint of a name; None when there is none.
pub(super) fn without_constraint(sql: &str, name: &str) -> Option<String> {
    let tokens = scan::tokens(sql);
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate() {
        match token.text(sql) {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        let named = tokens.get(i + 1).is_some_and(|t| scan::unquote(t.text(sql)).eq_ignore_ascii_case(name));
        if depth == 1 && token.is(sql, "CONSTRAINT") && named && i > 0 {
            // A constraint of the table goes with its comma.
            let from = if tokens[i - 1].is_op(sql, ",") { i - 1 } else { i };
            return Some(cut(sql, &tokens, from, i + 2));
        }
    }
    None
}

/// The text without a constraint: from a token up to what follows the constraint whose first word is another token.
fn cut(sql: &str, tokens: &[Token], from: usize, word: usize) -> String {
    const BEGIN: [&str; 11] = ["CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS"];
    let (mut depth, mut to) = (0, word + 1);
    while let Some(token) = tokens.get(to) {
        let ends = token.is_op(sql, ",") || token.is_op(sql, ")") || BEGIN.iter().any(|w| token.is(sql, w));
        if depth == 0 && ends {
            break;
        }
        match token.text(sql) {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        to += 1;
    }
    format!("{}{}", &sql[..tokens[from - 1].at.end], &sql[tokens[to - 1].at.end..])
}

/// Does a column's definition have a word outside parentheses?
pub(super) fn names_column(sql: &str, at: usize, word: &str) -> bool {
    let (starts, end) = columns(sql);
    let Some(&start) = starts.get(at) else { return false };
    let end = starts.get(at + 1).copied().unwrap_or(end);
    let mut depth = 0;
    scan::tokens(sql).iter().filter(|t| t.at.start >= start && t.at.start < end).any(|t| {
        depth += i32::from(t.is_op(sql, "(")) - i32::from(t.is_op(sql, ")"));
        depth == 0 && t.is(sql, word)
    })
}

/// The length in bytes to which a CHECK's name is cut.
pub const CHECK_NAME: usize = 56;

/// The expressions of the CHECKs in a text, as they are written, in order.
pub fn checks(sql: &str) -> Vec<String> {
    let tokens = scan::tokens(sql);
    let mut out = Vec::new();
    for at in 0..tokens.len() {
        if !tokens[at].is(sql, "CHECK") || !tokens.get(at + 1).is_some_and(|t| t.is_op(sql, "(")) {
            continue;
        }
        let mut depth = 0;
        let close = tokens[at + 1..].iter().position(|t| {
            depth += i32::from(t.is_op(sql, "(")) - i32::from(t.is_op(sql, ")"));
            depth == 0
        });
        if let Some(close) = close {
            out.push(sql[tokens[at + 1].at.end..tokens[at + 1 + close].at.start].trim().to_owned());
        }
    }
    out
}
