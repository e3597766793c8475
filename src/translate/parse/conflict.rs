//! What SQLite says about conflicts and sqlparser has no room for: several ON CONFLICT clauses with expressions as targets behind an
//! INSERT (lang_upsert.html), and the ON CONFLICT of a constraint in CREATE TABLE (lang_conflict.html).

use super::scan::{self, Token};
use super::{dialect, error_at, lex};
use crate::error::ClientError;
use sqlparser::ast::{Assignment, Expr, Statement};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token as Parsed;
use std::ops::Range;

/// What happens to a row that breaks a constraint (lang_conflict.html).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The statement fails and leaves nothing.
    Abort,
    /// The statement fails, and what it did before stays.
    Fail,
    /// The row is left out.
    Ignore,
    /// The rows in its way are deleted, a NULL becomes the default.
    Replace,
    /// The statement fails, and with it the transaction.
    Rollback,
}

impl Resolution {
    /// Its keyword, in small letters.
    pub fn text(self) -> &'static str {
        match self {
            Resolution::Abort => "abort",
            Resolution::Fail => "fail",
            Resolution::Ignore => "ignore",
            Resolution::Replace => "replace",
            Resolution::Rollback => "rollback",
        }
    }

    fn named(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "ABORT" => Resolution::Abort,
            "FAIL" => Resolution::Fail,
            "IGNORE" => Resolution::Ignore,
            "REPLACE" => Resolution::Replace,
            "ROLLBACK" => Resolution::Rollback,
            _ => return None,
        })
    }
}

/// An ON CONFLICT clause of an INSERT.
#[derive(Debug)]
pub struct Upsert {
    /// Where it begins.
    pub at: usize,
    /// The key that it is for: its parts, and a partial index's predicate.
    pub target: Option<(Vec<Expr>, Option<Expr>)>,
    /// DO UPDATE: SET and WHERE; None for DO NOTHING.
    pub update: Option<(Vec<Assignment>, Option<Expr>)>,
}

/// The tokens of the ON CONFLICT clauses of an INSERT, by their numbers.
pub(super) fn clauses(sql: &str, tokens: &[Token]) -> Option<Range<usize>> {
    if !tokens.first().is_some_and(|t| t.is(sql, "INSERT") || t.is(sql, "REPLACE") || t.is(sql, "WITH")) {
        return None;
    }
    let start = outside(sql, tokens, |at| begins(sql, tokens, at))?;
    let end = outside(sql, &tokens[start..], |at| tokens[start + at].is(sql, "RETURNING") || tokens[start + at].is_op(sql, ";"));
    Some(start..end.map_or(tokens.len(), |end| start + end))
}

fn begins(sql: &str, tokens: &[Token], at: usize) -> bool {
    let is = |n: usize, word: &str| tokens.get(at + n).is_some_and(|t| t.is(sql, word));
    is(0, "ON") && is(1, "CONFLICT") && (is(2, "DO") || tokens.get(at + 2).is_some_and(|t| t.is_op(sql, "(")))
}

/// The first token outside all parentheses that satisfies `test`.
fn outside(sql: &str, tokens: &[Token], test: impl Fn(usize) -> bool) -> Option<usize> {
    let mut depth = 0i32;
    tokens.iter().enumerate().position(|(at, token)| {
        if token.is_op(sql, "(") {
            depth += 1;
        } else if token.is_op(sql, ")") {
            depth -= 1;
        }
        depth == 0 && test(at)
    })
}

/// The ON CONFLICT clauses of an INSERT, in order.
pub fn upserts(sql: &str) -> Result<Vec<Upsert>, ClientError> {
    let tokens = scan::tokens(sql);
    let Some(range) = clauses(sql, &tokens) else { return Ok(Vec::new()) };
    let mut rest = &tokens[range];
    let mut out = Vec::new();
    while !rest.is_empty() {
        let next = outside(sql, &rest[1..], |at| begins(sql, rest, at + 1)).map_or(rest.len(), |at| at + 1);
        let (clause, others) = rest.split_at(next);
        out.push(upsert(sql, clause)?);
        rest = others;
    }
    Ok(out)
}

fn upsert(sql: &str, tokens: &[Token]) -> Result<Upsert, ClientError> {
    let near = |at: usize| match tokens.get(at) {
        Some(token) => ClientError::syntax(token.text(sql)).at(token.at.start),
        None => ClientError::new(crate::error::SqlState::SYNTAX_ERROR, "incomplete input").at(sql.len()),
    };
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|t| t.is(sql, word));
    let mut at = 2;
    let mut target = None;
    if tokens.get(at).is_some_and(|t| t.is_op(sql, "(")) {
        let close = at + outside(sql, &tokens[at..], |n| tokens[at + n].is_op(sql, ")")).ok_or_else(|| near(tokens.len()))?;
        let mut parts = Vec::new();
        let mut rest = &tokens[at + 1..close];
        while !rest.is_empty() {
            let end = outside(sql, rest, |n| rest[n].is_op(sql, ",")).unwrap_or(rest.len());
            let order = rest[..end].last().is_some_and(|t| t.is(sql, "ASC") || t.is(sql, "DESC"));
            parts.push(expression(sql, &rest[..end - usize::from(order)])?);
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        at = close + 1;
        let mut predicate = None;
        if is(at, "WHERE") {
            let end = outside(sql, &tokens[at..], |n| tokens[at + n].is(sql, "DO")).ok_or_else(|| near(tokens.len()))?;
            predicate = Some(expression(sql, &tokens[at + 1..at + end])?);
            at += end;
        }
        target = Some((parts, predicate));
    }
    if !is(at, "DO") {
        return Err(near(at));
    }
    let update = match () {
        () if is(at + 1, "NOTHING") && at + 2 == tokens.len() => None,
        () if is(at + 1, "NOTHING") => return Err(near(at + 2)),
        () if is(at + 1, "UPDATE") && is(at + 2, "SET") => {
            let mut lexed = lex::lex(sql, &tokens[at + 1..])?;
            // sqlparser's UPDATE names its table.
            let name = sqlparser::tokenizer::TokenWithSpan { token: Parsed::make_word("t", Some('"')), span: lexed[0].span };
            lexed.insert(1, name);
            let mut parser = Parser::new(&dialect::Sqlite).with_recursion_limit(200).with_tokens_with_locations(lexed);
            let statement = parser.parse_statement().map_err(|e| error_at(&parser, sql, &e))?;
            let Statement::Update(update) = statement else { return Err(near(at + 1)) };
            if parser.peek_token_ref().token != Parsed::EOF || !update.order_by.is_empty() || update.limit.is_some() || update.from.is_some() {
                return Err(error_at(&parser, sql, &ParserError::ParserError(String::new())));
            }
            Some((update.assignments, update.selection))
        }
        () => return Err(near(at + 1)),
    };
    Ok(Upsert { at: tokens[0].at.start, target, update })
}

fn expression(sql: &str, tokens: &[Token]) -> Result<Expr, ClientError> {
    let mut parser = Parser::new(&dialect::Sqlite).with_recursion_limit(200).with_tokens_with_locations(lex::lex(sql, tokens)?);
    let expr = parser.parse_expr().map_err(|e| error_at(&parser, sql, &e))?;
    match parser.peek_token_ref().token {
        Parsed::EOF => Ok(expr),
        _ => Err(error_at(&parser, sql, &ParserError::ParserError(String::new()))),
    }
}

/// What the constraints of a table say about conflicts; those that say nothing abort.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Declared {
    /// NOT NULL of a column.
    pub not_null: Vec<(String, Resolution)>,
    /// A PRIMARY KEY or UNIQUE over columns.
    pub keys: Vec<(Vec<String>, Resolution)>,
}

/// The ON CONFLICT clauses in the text of a CREATE TABLE.
pub fn declared(sql: &str) -> Declared {
    let mut out = Declared::default();
    let tokens = scan::tokens(sql);
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|t| t.is(sql, word));
    if !(0..tokens.len()).any(|at| is(at, "ON") && is(at + 1, "CONFLICT")) {
        return out;
    }
    let Some(open) = tokens.iter().position(|t| t.is_op(sql, "(")) else { return out };
    let (mut depth, mut column, mut first) = (0, String::new(), true);
    // The constraint that a clause would be of: NOT NULL, or the columns of a key.
    let mut constraint: Option<Option<Vec<String>>> = None;
    let mut at = open + 1;
    while at < tokens.len() && depth >= 0 {
        let token = &tokens[at];
        match token.text(sql) {
            "(" => depth += 1,
            ")" => depth -= 1,
            "," if depth == 0 => first = true,
            _ if depth > 0 => {}
            _ if std::mem::take(&mut first) => {
                constraint = None;
                column = scan::unquote(token.text(sql));
                // A table's constraint is looked at again, as one.
                if ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].iter().any(|w| token.is(sql, w)) {
                    column.clear();
                    continue;
                }
            }
            _ if is(at, "NOT") && is(at + 1, "NULL") => constraint = Some(None),
            _ if is(at, "UNIQUE") || is(at, "PRIMARY") => {
                let list = if is(at, "UNIQUE") { at + 1 } else { at + 2 };
                let columns = if column.is_empty() { names(sql, &tokens, list) } else { vec![column.clone()] };
                constraint = Some(Some(columns));
            }
            _ if is(at, "CHECK") || is(at, "REFERENCES") || is(at, "FOREIGN") => constraint = None,
            _ if is(at, "ON") && is(at + 1, "CONFLICT") => {
                let resolution = tokens.get(at + 2).and_then(|t| Resolution::named(t.text(sql)));
                match (constraint.take(), resolution) {
                    (Some(Some(columns)), Some(resolution)) => out.keys.push((columns, resolution)),
                    (Some(None), Some(resolution)) => out.not_null.push((column.clone(), resolution)),
                    _ => {}
                }
            }
            _ => {}
        }
        at += 1;
    }
    out
}

/// The names in the parentheses at a token.
fn names(sql: &str, tokens: &[Token], open: usize) -> Vec<String> {
    let inner = tokens.get(open + 1..).unwrap_or_default().iter().take_while(|t| !t.is_op(sql, ")"));
    let mut out = Vec::new();
    let mut first = true;
    for token in inner {
        if std::mem::take(&mut first) {
            out.push(scan::unquote(token.text(sql)));
        }
        first = token.is_op(sql, ",");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_say_what_a_conflict_does() {
        let sql = "CREATE TABLE t(a INTEGER PRIMARY KEY ON CONFLICT REPLACE, b INT NOT NULL ON CONFLICT IGNORE DEFAULT (1, 2) UNIQUE \
                   ON CONFLICT FAIL, c CHECK (c > 0) ON CONFLICT IGNORE, UNIQUE (b, \"c\" DESC) ON CONFLICT ROLLBACK, d)";
        let found = declared(sql);
        assert_eq!(found.not_null, [("b".to_owned(), Resolution::Ignore)]);
        let key = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(found.keys, [(key(&["a"]), Resolution::Replace), (key(&["b"]), Resolution::Fail), (key(&["b", "c"]), Resolution::Rollback)]);
    }

    #[test]
    fn clauses_are_found_behind_the_rows() {
        let sql = "INSERT INTO t SELECT a FROM s JOIN u ON conflict WHERE 1 ON CONFLICT (a, lower(b) DESC) WHERE b > (1) DO UPDATE SET a = 1, (b, c) = (2, 3) \
                   WHERE t.a > 0 ON CONFLICT DO NOTHING RETURNING a";
        let found = upserts(sql).expect("clauses");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].target.as_ref().map(|t| (t.0.len(), t.1.is_some())), Some((2, true)));
        assert_eq!(found[0].update.as_ref().map(|u| (u.0.len(), u.1.is_some())), Some((2, true)));
        assert!(found[1].target.is_none() && found[1].update.is_none());
    }
}
