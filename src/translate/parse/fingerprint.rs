//! Literals out of a text: statements that differ in their values alone share one plan.
//!
//! Only literals whose value shapes nothing are taken: the operands of comparisons and of `+ -` in WHERE, ON and SET, and the
//! values of INSERT. Everything that a translation looks into stays in the text: result lists (whose text names the columns),
//! patterns, formats, paths, dates, ordinals, LIMIT.

use super::scan::{self, Kind, Token};
use crate::translate::ParamClass;
use crate::value::Value;
use std::ops::Range;

/// A text without the values of its literals: two texts with one skeleton have the same tokens but for these.
#[derive(Debug, Default)]
pub struct Skeleton {
    /// The text, with a byte that no token has in each literal's place.
    pub text: Vec<u8>,
    literals: Vec<Literal>,
}

/// A literal's place in the client's text.
#[derive(Debug)]
struct Literal {
    at: Range<usize>,
    /// Where the last `-` before it stands: its sign, if it has one.
    minus: usize,
}

/// What becomes of each literal of a skeleton.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifting {
    uses: Box<[Use]>,
}

/// What becomes of a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It may shape the plan, and stays in the text.
    Stays,
    /// It is taken out.
    Taken,
    /// It is taken out together with the sign in front.
    Negated,
}

/// A text without some of its literals.
#[derive(Debug, Clone, PartialEq)]
pub struct Lifted {
    /// The text, `?1`, `?2`, … in the literals' places.
    pub sql: String,
    /// Their classes.
    pub classes: Vec<ParamClass>,
}

/// Longer texts are translated as they are: bulk data seldom comes twice.
const LONGEST: usize = 16 * 1024;

/// Stand for a number and for a text in a skeleton. Neither begins a token, so a skeleton reads back in one way only.
const NUMBER: u8 = 1;
const TEXT: u8 = 2;

/// The bytes that may stand between words, are of no literal, and begin no comment.
const PLAIN: [bool; 256] = {
    let (mut table, mut at) = ([false; 256], 0);
    let plain = b" \t\n\r\x0c(),=<>!+*;|%&~";
    while at < plain.len() {
        table[plain[at] as usize] = true;
        at += 1;
    }
    table
};

impl Skeleton {
    /// Becomes that of a statement; false for one whose literals nobody takes.
    pub fn read(&mut self, sql: &str) -> bool {
        let b = sql.as_bytes();
        self.text.clear();
        self.literals.clear();
        if b.len() > LONGEST {
            return false;
        }
        let (mut at, mut copied, mut minus) = (0, 0, 0);
        while let Some(&c) = b.get(at) {
            if PLAIN[usize::from(c)] {
                at += 1;
                continue;
            }
            if let Some(end) = scan::word_end(b, at) {
                at = end;
                continue;
            }
            let Some(token) = scan::next(b, &mut at) else { break };
            let mark = match token.kind {
                Kind::Integer => NUMBER,
                Kind::String => TEXT,
                // The client's own parameters and ours would be numbered together.
                Kind::Placeholder | Kind::Illegal => return false,
                Kind::Operator if b[token.at.start] < b' ' => return false,
                Kind::Operator if b[token.at.start] == b'-' => {
                    minus = token.at.start;
                    continue;
                }
                _ => continue,
            };
            self.text.extend_from_slice(&b[copied..token.at.start]);
            self.text.push(mark);
            copied = token.at.end;
            self.literals.push(Literal { at: token.at, minus });
        }
        self.text.extend_from_slice(&b[copied..]);
        !self.literals.is_empty()
    }

    /// Appends the texts of the literals that stay, so that they end where they do.
    pub fn staying(&self, sql: &str, lifting: &Lifting, out: &mut Vec<u8>) {
        for (literal, _) in self.literals.iter().zip(&lifting.uses).filter(|(_, taken)| **taken == Use::Stays) {
            out.extend_from_slice(&(literal.at.len() as u32).to_le_bytes());
            out.extend_from_slice(&sql.as_bytes()[literal.at.clone()]);
        }
    }

    /// The values of the literals that are taken, in order; None where one has no value here (an integer beyond 64 bits).
    pub fn values(&self, sql: &str, lifting: &Lifting) -> Option<Vec<Value>> {
        let taken = self.literals.iter().zip(&lifting.uses).filter(|(_, taken)| **taken != Use::Stays);
        taken.map(|(literal, taken)| value(&sql[literal.at.clone()], *taken == Use::Negated)).collect()
    }

    /// The text without the literals that are taken.
    pub fn lift(&self, sql: &str, lifting: &Lifting) -> Lifted {
        let mut out = Lifted { sql: String::with_capacity(sql.len()), classes: Vec::new() };
        let mut last = 0;
        for (Literal { at, minus }, taken) in self.literals.iter().zip(&lifting.uses).filter(|(_, taken)| **taken != Use::Stays) {
            out.sql.push_str(&sql[last..if *taken == Use::Negated { *minus } else { at.start }]);
            out.classes.push(if sql.as_bytes()[at.start] == b'\'' { ParamClass::Text } else { ParamClass::Integer });
            out.sql.push('?');
            out.sql.push_str(itoa::Buffer::new().format(out.classes.len()));
            last = at.end;
        }
        out.sql.push_str(&sql[last..]);
        out
    }
}

impl Lifting {
    /// For a statement, and so for all of its skeleton.
    pub fn of(sql: &str) -> Lifting {
        Lifting { uses: uses(sql).unwrap_or_default() }
    }

    /// Is nothing taken?
    pub fn is_empty(&self) -> bool {
        self.uses.iter().all(|taken| *taken == Use::Stays)
    }

    /// About what it takes on the heap.
    pub fn size(&self) -> usize {
        size_of_val(&*self.uses)
    }
}

/// What becomes of each integer and string of a statement, in order; None where nothing is taken.
fn uses(sql: &str) -> Option<Box<[Use]>> {
    let tokens = scan::tokens(sql);
    let verb = tokens.first()?;
    let writes = ["INSERT", "REPLACE"].iter().any(|w| verb.is(sql, w));
    if !writes && !["SELECT", "UPDATE", "DELETE"].iter().any(|w| verb.is(sql, w)) {
        return None;
    }
    let mut uses = Vec::new();
    let (mut compares, mut values, mut depth) = (false, None, 0);
    // The depths at which a result list is open: its text names the columns, whatever stands in parentheses within it.
    let mut naming: Vec<i32> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let text = token.text(sql);
        match token.kind {
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
                let taken = naming.is_empty() && (in_row || compares && is_operand(sql, &tokens, first, at));
                uses.push(match taken {
                    false => Use::Stays,
                    true if first < at => Use::Negated,
                    true => Use::Taken,
                });
            }
            Kind::Placeholder | Kind::Quoted | Kind::Blob | Kind::Real | Kind::Illegal => {}
        }
    }
    Some(uses.into())
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

/// The value of a literal.
fn value(text: &str, negative: bool) -> Option<Value> {
    let Some(inner) = text.strip_prefix('\'') else {
        // Without its sign, the smallest integer would be a real.
        return text.parse().ok().map(|n: i64| Value::Integer(if negative { -n } else { n }));
    };
    let inner = inner.strip_suffix('\'')?;
    Some(Value::Text(if memchr::memchr(b'\'', inner.as_bytes()).is_some() { inner.replace("''", "'") } else { inner.to_owned() }))
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
            let (mut skeleton, lifting) = (Skeleton::default(), Lifting::of(sql));
            let taken = skeleton.read(sql) && !lifting.is_empty();
            assert_eq!(taken.then(|| skeleton.lift(sql, &lifting).sql).as_deref(), lifted, "{sql}");
        }
    }
}
