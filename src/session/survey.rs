//! What a session leaves at its backend. Statements that may leave something are found by their text; what it is, once their
//! transaction is over, the backend itself says. So settings follow the outcome of transactions and savepoints, whatever set them,
//! and a backend is tied to its client for as long as it holds what cannot be moved.

use super::Session;
use super::expect::Expect;
use super::settings::{dotted, literal};
use crate::observe::counters;
use crate::translate;
use crate::translate::parse::scan::{self, Token};
use crate::wire::{backend, encode};
use std::collections::{BTreeMap, BTreeSet};
use tokio::io::{AsyncRead, AsyncWrite};

/// What a text may leave behind at the backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// Parameters that it may set and that PostgreSQL does not list.
    pub unlisted: Vec<String>,
    /// Something that the backend cannot be asked for.
    pub lasting: bool,
}

/// What a survey has found so far.
#[derive(Debug, Default)]
pub(super) struct Survey {
    values: BTreeMap<String, String>,
    pins: bool,
    failed: bool,
}

/// What a text may leave at the backend; None when that is nothing.
pub fn traces(sql: &str) -> Option<Traces> {
    let bytes = sql.as_bytes();
    // Only the last statement of a single one is followed by a semicolon.
    let several = memchr::memchr(b';', bytes).is_some_and(|at| !bytes[at + 1..].trim_ascii().is_empty());
    let mut found = calls(sql);
    if several {
        for range in translate::split(sql) {
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
    let (name, _) = dotted(sql, tokens.get(at..)?);
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

/// The question: each row is a setting of the session's and its value, or begins with `pin`, for what cannot be moved: temporary
/// objects, advisory locks, cursors that are held, statements prepared in SQL, channels that are listened to.
pub(super) fn question(unlisted: &BTreeSet<String>) -> String {
    let mut names = String::new();
    for name in unlisted {
        names.push_str(&format!(" UNION ALL SELECT 'set', {0}, pg_catalog.current_setting({0}, true)", literal(name)));
    }
    format!(
        "SELECT 'set', name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings
         WHERE source = 'session' AND name NOT IN ('transaction_isolation', 'transaction_read_only', 'transaction_deferrable')
         UNION ALL SELECT 'set', 'role', pg_catalog.current_setting('role') WHERE pg_catalog.current_setting('role') <> 'none'
         UNION ALL SELECT 'set', 'session_authorization', session_user FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())
             WHERE pg_catalog.pg_get_userbyid(usesysid) <> session_user{names}
         UNION ALL SELECT 'pin', '', '' WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema())
             OR EXISTS (SELECT FROM pg_catalog.pg_proc WHERE pronamespace = pg_catalog.pg_my_temp_schema())
             OR EXISTS (SELECT FROM pg_catalog.pg_type WHERE typnamespace = pg_catalog.pg_my_temp_schema())
             OR EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid())
             OR EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)
             OR EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)
             OR EXISTS (SELECT pg_catalog.pg_listening_channels())"
    )
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// Asks the backend what this session has left there.
    pub(super) fn survey(&mut self) {
        let question = self.settings.survey();
        self.surveyed = Some(Box::default());
        encode::query(&mut self.bout, &question);
        self.expect.push_back(Expect::Survey);
    }

    /// A row of the answer.
    pub(super) fn survey_row(&mut self, body: &[u8]) {
        let Some(survey) = &mut self.surveyed else { return };
        let fields = backend::data_row(body).unwrap_or_default();
        let texts: Vec<Option<&str>> = fields.iter().map(|f| f.and_then(|bytes| std::str::from_utf8(bytes).ok())).collect();
        match texts.as_slice() {
            [Some("pin"), ..] => survey.pins = true,
            [Some("set"), Some(name), Some(value)] => drop(survey.values.insert((*name).to_owned(), (*value).to_owned())),
            // A parameter that was never set.
            [Some("set"), Some(_), None] if fields.last().is_some_and(Option::is_none) => {}
            _ => survey.failed = true,
        }
    }

    /// The backend could not answer, for a limit that the client has set.
    pub(super) fn survey_failed(&mut self) {
        if let Some(survey) = &mut self.surveyed {
            survey.failed = true;
        }
    }

    /// The answer is complete.
    pub(super) fn survey_ends(&mut self) {
        let (Some(survey), Some(link)) = (self.surveyed.take(), self.link.as_mut()) else { return };
        let pinned = survey.pins || survey.failed || self.settings.is_lasting();
        if pinned && !self.pinned {
            counters().pins.add(1);
        }
        self.pinned = pinned;
        if survey.failed {
            // It is told by what it was, so the next statement that may leave something asks again.
            return;
        }
        link.applied.clone_from(&survey.values);
        self.settings.found(survey.values);
    }
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
