//! BEGIN, COMMIT, ROLLBACK, SAVEPOINT (lang_transaction.html, lang_savepoint.html).

use super::TransactionControl;
use super::parse::scan::{self, Kind, Token};
use crate::error::{ClientError, SqlState};

/// PostgreSQL's own modes behind BEGIN.
const MODES: [&str; 4] = ["ISOLATION", "READ", "NOT", "DEFERRABLE"];

/// Parses a statement of transaction control; PostgreSQL's own modes behind BEGIN are kept.
pub(super) fn control(sql: &str, tokens: &[Token]) -> Result<TransactionControl, ClientError> {
    let mut rest: &[Token] = &tokens[1..];
    let take = |rest: &mut &[Token], word: &str| {
        let found = rest.first().is_some_and(|t| t.is(sql, word));
        if found {
            *rest = &rest[1..];
        }
        found
    };
    // SQLite takes a name behind TRANSACTION, and forgets it.
    let label = |rest: &mut &[Token], but: &[&str]| {
        if rest.first().is_some_and(|t| matches!(t.kind, Kind::Word | Kind::Quoted | Kind::String) && !but.iter().any(|w| t.is(sql, w))) {
            *rest = &rest[1..];
        }
    };
    let verb = tokens[0].text(sql).to_ascii_uppercase();
    let control = match verb.as_str() {
        "BEGIN" | "START" => {
            let immediate = take(&mut rest, "IMMEDIATE") || take(&mut rest, "EXCLUSIVE");
            let _ = immediate || take(&mut rest, "DEFERRED");
            if take(&mut rest, "TRANSACTION") || take(&mut rest, "WORK") {
                label(&mut rest, &MODES);
            }
            let native = match rest.first() {
                Some(t) if MODES.iter().any(|w| t.is(sql, w)) => sql[t.at.start..].trim_end_matches(';').to_owned(),
                _ => String::new(),
            };
            if !native.is_empty() {
                rest = &[];
            }
            TransactionControl::Begin { immediate, native }
        }
        "COMMIT" | "END" => {
            if take(&mut rest, "TRANSACTION") || take(&mut rest, "WORK") {
                label(&mut rest, &[]);
            }
            TransactionControl::Commit
        }
        "ROLLBACK" | "ABORT" => {
            if take(&mut rest, "TRANSACTION") || take(&mut rest, "WORK") {
                label(&mut rest, &["TO"]);
            }
            if take(&mut rest, "TO") {
                take(&mut rest, "SAVEPOINT");
                TransactionControl::RollbackTo(name(sql, &mut rest)?)
            } else {
                TransactionControl::Rollback
            }
        }
        "SAVEPOINT" => TransactionControl::Savepoint(name(sql, &mut rest)?),
        _ => {
            take(&mut rest, "SAVEPOINT");
            TransactionControl::Release(name(sql, &mut rest)?)
        }
    };
    match rest.iter().find(|t| !t.is_op(sql, ";")) {
        Some(extra) => Err(ClientError::syntax(extra.text(sql)).at(extra.at.start)),
        None => Ok(control),
    }
}

fn name(sql: &str, rest: &mut &[Token]) -> Result<String, ClientError> {
    let (first, tail) = rest.split_first().ok_or_else(|| ClientError::new(SqlState::SYNTAX_ERROR, "incomplete input").at(sql.len()))?;
    *rest = tail;
    Ok(scan::unquote(first.text(sql)))
}
