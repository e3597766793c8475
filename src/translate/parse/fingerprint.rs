//! Literals out of a text: statements that differ in their values alone share one plan.
//!
//! Only literals whose value shapes nothing are taken: the operands of comparisons and of `+ -` in WHERE, ON and SET, and the
//! values of INSERT. Everything that a translation looks into stays in the text: result lists (whose text names the columns),
//! patterns, formats, paths, dates, ordinals, LIMIT.

use super::scan::{self, Kind, Token};
use crate::translate::ParamClass;
use crate::value::Value;

/// A text without some of its literals.
#[derive(Debug, Clone, PartialEq)]
pub struct Lifted {
    /// The text, `?1`, `?2`, … in the literals' places.
    pub sql: String,
    /// The literals, in order.
    pub literals: Vec<Value>,
    /// Their classes.
    pub classes: Vec<ParamClass>,
}

/// Longer texts are translated as they are: bulk data seldom comes twice.
const LONGEST: usize = 16 * 1024;

/// Takes the literals out of a statement; None where there are none to take.
pub fn lift(sql: &str) -> Option<Lifted> {
    if sql.len() > LONGEST {
        return None;
    }
    let tokens = scan::tokens(sql);
    let verb = tokens.first()?;
    let writes = ["INSERT", "REPLACE"].iter().any(|w| verb.is(sql, w));
    if !writes && !["SELECT", "UPDATE", "DELETE"].iter().any(|w| verb.is(sql, w)) {
        return None;
    }
    let mut out = Lifted { sql: String::with_capacity(sql.len()), literals: Vec::new(), classes: Vec::new() };
    let (mut last, mut compares, mut values, mut depth) = (0, false, None, 0);
    // The depths at which a result list is open: its text names the columns, whatever stands in parentheses within it.
    let mut naming: Vec<i32> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let text = token.text(sql);
        match token.kind {
            // The client's own parameters and ours would be numbered together.
            Kind::Placeholder => return None,
            Kind::Word => match clause(text) {
                Some(Clause::Names) => {
                    (compares, values) = (false, None);
                    if naming.last() != Some(&depth) {
                        naming.push(depth);
                    }
                }
                _ if naming.last() == Some(&depth) && ["FROM", "WHERE", "GROUP", "ORDER", "LIMIT"].iter().any(|w| token.is(sql, w)) => {
                    naming.pop();
                    (compares, values) = (token.is(sql, "WHERE"), None);
                }
                Some(Clause::Compares) => (compares, values) = (true, None),
                Some(Clause::Values) if writes => (compares, values) = (false, Some(depth)),
                Some(_) => (compares, values) = (false, None),
                None => {}
            },
            Kind::Operator => match text {
                "(" => depth += 1,
                ")" => {
                    depth -= 1;
                    naming.retain(|d| *d <= depth);
                }
                _ => {}
            },
            Kind::Integer | Kind::String => {
                let first = if is_signed(sql, &tokens, at) { at - 1 } else { at };
                let in_row = values.is_some_and(|outer| depth == outer + 1) && is_cell(sql, &tokens, first, at);
                if naming.is_empty()
                    && (in_row || compares && is_operand(sql, &tokens, first, at))
                    && let Some((value, class)) = literal(token, text, first < at)
                {
                    out.literals.push(value);
                    out.classes.push(class);
                    out.sql.push_str(&sql[last..tokens[first].at.start]);
                    out.sql.push('?');
                    out.sql.push_str(itoa::Buffer::new().format(out.literals.len()));
                    last = token.at.end;
                }
            }
            Kind::Quoted | Kind::Blob | Kind::Real | Kind::Illegal => {}
        }
    }
    out.sql.push_str(&sql[last..]);
    (!out.literals.is_empty()).then_some(out)
}

enum Clause {
    Names,
    Compares,
    Values,
    Other,
}

fn clause(word: &str) -> Option<Clause> {
    const OTHER: [&str; 9] = ["GROUP", "ORDER", "LIMIT", "OFFSET", "HAVING", "WINDOW", "ESCAPE", "LIKE", "GLOB"];
    match word.len() {
        2 if word.eq_ignore_ascii_case("ON") => Some(Clause::Compares),
        3 if word.eq_ignore_ascii_case("SET") => Some(Clause::Compares),
        5 if word.eq_ignore_ascii_case("WHERE") => Some(Clause::Compares),
        6 if word.eq_ignore_ascii_case("VALUES") => Some(Clause::Values),
        6 if word.eq_ignore_ascii_case("SELECT") => Some(Clause::Names),
        9 if word.eq_ignore_ascii_case("RETURNING") => Some(Clause::Names),
        4..=9 if OTHER.iter().any(|w| w.eq_ignore_ascii_case(word)) => Some(Clause::Other),
        _ => None,
    }
}

/// Is it a number with a sign of its own in front: a `-` that has no left operand?
fn is_signed(sql: &str, tokens: &[Token], at: usize) -> bool {
    tokens[at].kind == Kind::Integer
        && at >= 2
        && tokens[at - 1].is_op(sql, "-")
        && matches!(tokens[at - 2].text(sql), "(" | "," | "=" | "==" | "<" | ">" | "<=" | ">=" | "<>" | "!=" | "+" | "-")
}

/// Is it, from token `first` to token `at`, a whole value of a VALUES row?
fn is_cell(sql: &str, tokens: &[Token], first: usize, at: usize) -> bool {
    let before = first.checked_sub(1).and_then(|i| tokens.get(i));
    let after = tokens.get(at + 1);
    before.is_some_and(|t| matches!(t.text(sql), "(" | ",")) && after.is_some_and(|t| matches!(t.text(sql), ")" | ","))
}

/// Is it the right operand of a comparison, or of `+` or `-` behind an operand, with nothing tighter behind it?
fn is_operand(sql: &str, tokens: &[Token], first: usize, at: usize) -> bool {
    let Some(before) = first.checked_sub(1).and_then(|i| tokens.get(i)) else { return false };
    let operator = match before.text(sql) {
        "=" | "==" | "<" | ">" | "<=" | ">=" | "<>" | "!=" => true,
        "+" | "-" => first
            .checked_sub(2)
            .and_then(|i| tokens.get(i))
            .is_some_and(|t| matches!(t.kind, Kind::Quoted) || t.kind == Kind::Word && clause(t.text(sql)).is_none()),
        _ => false,
    };
    operator
        && tokens.get(at + 1).is_none_or(|t| {
            matches!(t.text(sql), ")" | "," | ";")
                || ["AND", "OR", "WHERE", "RETURNING", "ORDER", "LIMIT", "GROUP", "FROM", "UNION", "EXCEPT", "INTERSECT"].iter().any(|w| t.is(sql, w))
        })
}

fn literal(token: &Token, text: &str, negative: bool) -> Option<(Value, ParamClass)> {
    match token.kind {
        // Without its sign, the smallest integer would be a real.
        Kind::Integer => text.parse().ok().map(|n: i64| (Value::Integer(if negative { -n } else { n }), ParamClass::Integer)),
        _ => {
            let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
            (!inner.contains('\0')).then(|| (Value::Text(inner.replace("''", "'")), ParamClass::Text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_that_shape_nothing_are_taken() {
        for (sql, lifted) in [
            ("SELECT a FROM t WHERE id = 5 AND b <> 'x''y' LIMIT 3", Some("SELECT a FROM t WHERE id = ?1 AND b <> ?2 LIMIT 3")),
            ("UPDATE t SET a = a + 7, b = -1 WHERE c LIKE 'x%'", Some("UPDATE t SET a = a + ?1, b = ?2 WHERE c LIKE 'x%'")),
            ("INSERT INTO t VALUES (1, 'a', datetime('now'), -2)", Some("INSERT INTO t VALUES (?1, ?2, datetime('now'), ?3)")),
            ("UPDATE t SET a = a + -7, b = a - - 1 WHERE c = b -1", Some("UPDATE t SET a = a + ?1, b = a - ?2 WHERE c = b -?3")),
            ("SELECT a = 5 FROM t", None),
            (
                "SELECT max(b) FILTER (WHERE b < 5), (SELECT a FROM t WHERE a = 1) FROM t WHERE c = 2",
                Some("SELECT max(b) FILTER (WHERE b < 5), (SELECT a FROM t WHERE a = 1) FROM t WHERE c = ?1"),
            ),
            ("SELECT 1 FROM t WHERE a = ? AND b = 5", None),
            ("SELECT a FROM t WHERE a = 1 UNION SELECT b = 2 FROM t", Some("SELECT a FROM t WHERE a = ?1 UNION SELECT b = 2 FROM t")),
            ("SELECT a FROM t WHERE a = 2 * 3 ORDER BY 1", None),
        ] {
            assert_eq!(lift(sql).map(|l| l.sql).as_deref(), lifted, "{sql}");
        }
    }
}
