//! What a statement may leave at its backend that outlives its transaction, as far as its text tells. What it is in truth, the
//! session asks the backend.

use super::parse::scan::{self, Token};

/// What a text may leave behind at the backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// Parameters that it may set and that PostgreSQL does not list.
    pub unlisted: Vec<String>,
    /// Something that the backend cannot be asked for.
    pub lasting: bool,
}

/// What a text may leave at the backend; None when that is nothing.
pub fn traces(sql: &str) -> Option<Traces> {
    let bytes = sql.as_bytes();
    // Only the last statement of a single one is followed by a semicolon.
    let several = memchr::memchr(b';', bytes).is_some_and(|at| !bytes[at + 1..].trim_ascii().is_empty());
    let mut found = calls(sql);
    if several {
        for range in super::split(sql) {
            merge(&mut found, of_statement(&sql[range]));
        }
    } else {
        merge(&mut found, of_statement(sql));
    }
    found
}

fn merge(into: &mut Option<Traces>, other: Option<Traces>) {
    let Some(other) = other else { return };
    let traces = into.get_or_insert_default();
    traces.unlisted.extend(other.unlisted);
    traces.lasting |= other.lasting;
}

fn of_statement(sql: &str) -> Option<Traces> {
    const VERBS: [&str; 14] =
        ["SET", "RESET", "DISCARD", "DO", "CALL", "LISTEN", "UNLISTEN", "PREPARE", "DEALLOCATE", "DECLARE", "CLOSE", "LOAD", "CREATE", "DROP"];
    let first = scan::next(sql.as_bytes(), &mut 0)?;
    if !VERBS.iter().any(|verb| first.is(sql, verb)) {
        return None;
    }
    let tokens = scan::tokens(sql);
    let is = |at: usize, words: &[&str]| tokens.get(at).is_some_and(|t| words.iter().any(|w| t.is(sql, w)));
    if first.is(sql, "SET") {
        return set(sql, &tokens);
    }
    if first.is(sql, "CREATE") {
        let temporary = (1..5).any(|at| is(at, &["TEMP", "TEMPORARY"]));
        return temporary.then(Traces::default);
    }
    if first.is(sql, "DECLARE") {
        return tokens.iter().any(|t| t.is(sql, "HOLD")).then(Traces::default);
    }
    Some(Traces { unlisted: Vec::new(), lasting: first.is(sql, "LOAD") })
}

fn set(sql: &str, tokens: &[Token]) -> Option<Traces> {
    let is = |at: usize, words: &[&str]| tokens.get(at).is_some_and(|t| words.iter().any(|w| t.is(sql, w)));
    if is(1, &["LOCAL", "TRANSACTION", "CONSTRAINTS"]) {
        return None;
    }
    let at = if is(1, &["SESSION"]) { 2 } else { 1 };
    let (name, _) = scan::dotted(sql, tokens.get(at..)?);
    let unlisted = if name.contains('.') { vec![name] } else { Vec::new() };
    Some(Traces { unlisted, lasting: false })
}

/// Calls and names within a statement that may leave something: `set_config`, advisory locks, the temporary schema.
fn calls(sql: &str) -> Option<Traces> {
    let bytes = sql.as_bytes();
    let around = |at: usize, before: usize, word: &[u8]| {
        at.checked_sub(before).and_then(|from| bytes.get(from..from + word.len())).is_some_and(|b| b.eq_ignore_ascii_case(word))
    };
    let mut found = None;
    for at in memchr::memchr_iter(b'_', bytes) {
        if around(at, 3, b"set_config") {
            merge(&mut found, set_config(sql, at + 7));
        } else if around(at, 0, b"_advisory") || around(at, 2, b"pg_temp") {
            found.get_or_insert_default();
        }
    }
    let into = |at: usize| around(at, 0, b"into") && bytes[at + 4..].trim_ascii_start().get(..4).is_some_and(|w| w.eq_ignore_ascii_case(b"temp"));
    if memchr::memchr2_iter(b'i', b'I', bytes).any(into) {
        found.get_or_insert_default();
    }
    found
}

/// What a call of `set_config` sets whose arguments begin at `from`; None when only for the transaction.
fn set_config(sql: &str, from: usize) -> Option<Traces> {
    let rest = sql.get(from..)?;
    let tokens = scan::tokens(rest);
    let mut depth = 0;
    let end = tokens.iter().position(|t| {
        depth += i32::from(t.is_op(rest, "(")) - i32::from(t.is_op(rest, ")"));
        depth == 0 && t.is_op(rest, ")")
    });
    let last = end.and_then(|end| tokens.get(end.checked_sub(1)?)).map_or("", |t| t.text(rest));
    if ["true", "'true'", "'t'"].iter().any(|word| last.eq_ignore_ascii_case(word)) {
        return None;
    }
    // Its name may come from elsewhere.
    let name = tokens.get(1).map(|t| t.text(rest)).filter(|t| t.starts_with('\''));
    let Some(name) = name.map(|n| scan::unquote(n).to_ascii_lowercase()) else { return Some(Traces { unlisted: Vec::new(), lasting: true }) };
    Some(Traces { unlisted: if name.contains('.') { vec![name] } else { Vec::new() }, lasting: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_nothing_is_not_asked_about() {
        for sql in [
            "SELECT 1",
            "SELECT a; SELECT b",
            "UPDATE t SET a = 1",
            "SET LOCAL x.y = 1",
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "SELECT set_config('app.user', $1, true)",
            "SELECT 'a;b' FROM into_t",
            "CREATE TABLE t(a int)",
            "DECLARE c CURSOR FOR SELECT 1",
            "",
        ] {
            assert_eq!(traces(sql), None, "{sql}");
        }
    }

    #[test]
    fn what_may_leave_something_is() {
        for sql in [
            "SET work_mem = '1MB'",
            "select 1; set a to b",
            "SELECT pg_advisory_lock(1)",
            "/* hint */ DO $$ BEGIN END $$",
            "CREATE LOCAL TEMPORARY TABLE t(a int)",
            "SELECT 1 AS a INTO TEMP t",
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
            "DISCARD ALL",
        ] {
            assert_eq!(traces(sql), Some(Traces::default()), "{sql}");
        }
        let unlisted = |sql: &str| traces(sql).map(|t| (t.unlisted, t.lasting));
        assert_eq!(unlisted("SET SESSION App.User = 'x'"), Some((vec!["app.user".to_owned()], false)));
        assert_eq!(unlisted("SELECT set_config('a.b', f(1, true), false)"), Some((vec!["a.b".to_owned()], false)));
        assert_eq!(unlisted("SELECT set_config($1, $2, $3)"), Some((Vec::new(), true)));
    }
}
