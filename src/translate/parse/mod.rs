//! Text to syntax tree: sqlparser with SQLite's precedence, and own small parsers for what it has no room for.

mod conflict;
pub mod dialect;
pub mod fingerprint;
mod lex;
pub mod scan;
pub mod trigger;

pub use conflict::{Declared, Resolution, Upsert, declared, upserts};
pub use lex::{Exclude, exclusions, is_keyword};

use crate::error::{ClientError, SqlState};
use sqlparser::ast::Statement;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token};

/// The byte offset of a place in the syntax tree; 0 where sqlparser knows none. The tokens are ours: a column is a byte offset.
pub fn offset(at: Location) -> usize {
    (at.column as usize).saturating_sub(1)
}

/// Parses one statement.
pub fn parse(sql: &str) -> Result<Statement, ClientError> {
    parse_tokens(sql, &scan::tokens(sql))
}

/// Parses one statement, whose tokens are at hand.
pub fn parse_tokens(sql: &str, tokens: &[scan::Token]) -> Result<Statement, ClientError> {
    bounded(sql, tokens)?;
    if let Some(clauses) = conflict::clauses(sql, tokens) {
        let rest: Vec<scan::Token> = tokens[..clauses.start].iter().chain(&tokens[clauses.end..]).cloned().collect();
        return parse_rest(sql, &rest);
    }
    parse_rest(sql, tokens)
}

fn parse_rest(sql: &str, tokens: &[scan::Token]) -> Result<Statement, ClientError> {
    let mut parser = Parser::new(&dialect::Sqlite).with_recursion_limit(200).with_tokens_with_locations(lex::lex(sql, tokens)?);
    let statement = parser.parse_statement().map_err(|e| error_at(&parser, sql, &e))?;
    while parser.consume_token(&Token::SemiColon) {}
    match &parser.peek_token_ref().token {
        Token::EOF => Ok(statement),
        _ => Err(error_at(&parser, sql, &ParserError::ParserError(String::new()))),
    }
}

/// SQLite's limits on the depth of an expression and the terms of a compound (limits.html), found before a tree is built:
/// a chain of operators is as deep as it is long, and the stack is not.
fn bounded(sql: &str, tokens: &[scan::Token]) -> Result<(), ClientError> {
    const DEPTH: usize = 1000;
    const COMPOUND: usize = 500;
    let (mut chains, mut terms) = (vec![0], 1);
    for token in tokens {
        let text = token.text(sql);
        let (last, at) = (chains.len() - 1, token.at.start);
        match token.kind {
            scan::Kind::Operator => match text {
                "(" => chains.push(0),
                ")" if last > 0 => drop(chains.pop()),
                "," | ";" => chains[last] = 0,
                "." => {}
                _ => chains[last] += 1,
            },
            scan::Kind::Word => match text.to_ascii_uppercase().as_str() {
                "UNION" | "EXCEPT" | "INTERSECT" => {
                    chains[last] = 0;
                    terms += 1;
                }
                "SELECT" | "FROM" | "WHERE" | "SET" | "VALUES" | "WHEN" | "THEN" | "ELSE" => chains[last] = 0,
                "AND" | "OR" | "NOT" | "IS" | "IN" | "LIKE" | "GLOB" | "BETWEEN" | "COLLATE" | "JOIN" => chains[last] += 1,
                _ => {}
            },
            _ => {}
        }
        if chains[chains.len() - 1] > DEPTH {
            return Err(ClientError::new(SqlState::PROGRAM_LIMIT, "Expression tree is too large (maximum depth 1000)").at(at));
        }
        if terms > COMPOUND {
            return Err(ClientError::new(SqlState::PROGRAM_LIMIT, "too many terms in compound SELECT").at(at));
        }
    }
    Ok(())
}

/// SQLite's message for the token at which the parser stands.
fn error_at(parser: &Parser, sql: &str, error: &ParserError) -> ClientError {
    if matches!(error, ParserError::RecursionLimitExceeded) {
        return ClientError::new(SqlState::PROGRAM_LIMIT, "Expression tree is too large (maximum depth 1000)");
    }
    // The message of sqlparser names the place of the token that it did not expect; the parser itself may have gone back.
    let text = error.to_string();
    let place = text.rsplit_once("Line: ").and_then(|(_, rest)| {
        let (line, column) = rest.split_once(", Column: ")?;
        Some(Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
    });
    let at = match place {
        Some(place) => offset(place).min(sql.len()),
        None if parser.peek_token_ref().token == Token::EOF => sql.len(),
        None => offset(parser.peek_token_ref().span.start).min(sql.len()),
    };
    if at >= sql.trim_end().len() {
        return ClientError::new(SqlState::SYNTAX_ERROR, "incomplete input").at(sql.len());
    }
    ClientError::syntax(first_word(&sql[at..])).at(at)
}

fn first_word(text: &str) -> &str {
    let mut at = 0;
    scan::next(text.as_bytes(), &mut at).map_or("", |t| &text[t.at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlparser::ast::{Expr, SelectItem, SetExpr};

    #[test]
    fn operators_bind_as_in_sqlite() {
        for (sql, tree) in [
            ("a LIKE b = c", "((a LIKE b) = c)"),
            ("a = b < c", "(a = (b < c))"),
            ("a * b || c", "(a * (b || c))"),
            ("~a * b", "((~ a) * b)"),
            ("NOT a = b", "(NOT (a = b))"),
            ("a IS NULL = b", "((a IS NULL) = b)"),
            ("a -> 'b' = c", "((a -> 'b') = c)"),
            ("- a || b", "((- a) || b)"),
            ("a & b << c", "((a & b) << c)"),
            ("a ISNULL", "(a IS NULL)"),
            ("a IS NOT DISTINCT FROM b", "(a IS b)"),
        ] {
            let Ok(Statement::Query(query)) = parse(&format!("SELECT {sql}")) else { panic!("{sql}") };
            let SetExpr::Select(select) = *query.body else { panic!("{sql}") };
            let SelectItem::UnnamedExpr(expr) = &select.projection[0] else { panic!("{sql}") };
            assert_eq!(bracketed(expr), tree, "{sql}");
        }
    }

    /// The expression with every operator in parentheses.
    fn bracketed(expr: &Expr) -> String {
        match expr {
            Expr::BinaryOp { left, op, right } => format!("({} {op} {})", bracketed(left), bracketed(right)),
            Expr::UnaryOp { op, expr } => format!("({op} {})", bracketed(expr)),
            Expr::Like { expr, pattern, .. } => format!("({} LIKE {})", bracketed(expr), bracketed(pattern)),
            Expr::IsNull(expr) => format!("({} IS NULL)", bracketed(expr)),
            Expr::Nested(expr) => bracketed(expr),
            other => other.to_string(),
        }
    }

    #[test]
    fn errors_name_the_token() {
        let error = parse("SELECT 1 FROM WHERE").unwrap_err();
        assert_eq!((error.message.as_str(), error.position), ("near \"WHERE\": syntax error", Some(14)));
        assert_eq!(parse("SELECT (1").unwrap_err().message, "incomplete input");
    }
}
