//! Query: one text, one or several statements.

use super::conflict::Conflicts;
use super::expect::{Expect, RAW};
use super::settings::{self, Change};
use super::{Ended, Session, hatches, params};
use crate::catalog::Catalog;
use crate::config::{DialectKind, Immediate, ResultProfile};
use crate::error::{ClientError, SqlState};
use crate::reply::{self, Shape};
use crate::translate::{self, Action, Answer, OutColumn, OutKind, Plan, Setting, Source, Statement, TransactionControl};
use crate::value::Value;
use crate::wire::{WireError, encode, frontend};
use bytes::BytesMut;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite};

/// The statements of a Query that are still to run, each by itself (a `sqlite` session commits each alone).
#[derive(Debug)]
pub(super) struct Script {
    sql: Arc<str>,
    statements: Vec<Range<usize>>,
    next: usize,
    /// How often a column was widened for the statement under way.
    pub(super) turns: usize,
    /// How often the statement under way met another transaction's.
    pub(super) conflicts: Conflicts,
    /// The last statement's own ReadyForQuery is the client's.
    pub(super) ready: bool,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// A Query.
    pub(super) async fn query(&mut self, body: &[u8]) -> Result<(), Ended> {
        // It ends a batch that no Sync has ended.
        self.unsynced = false;
        let sql = match frontend::query(body) {
            Ok(sql) if sql.len() <= self.options.max_query_size => sql,
            Ok(sql) => {
                let message = format!("the statement of {} bytes is longer than max_query_size", sql.len());
                self.inject_error(&ClientError::new(SqlState::PROGRAM_LIMIT, message), "");
                self.ready_here();
                return Ok(());
            }
            Err(error) => return self.bad_query(&error, body).await,
        };
        if self.own_setting(sql) {
            self.ready_here();
            return Ok(());
        }
        if !self.is_sqlite() {
            if self.deallocate(sql) {
                self.ready_here();
                return Ok(());
            }
            return self.forward(sql).await;
        }
        let statements = translate::split(sql);
        if statements.is_empty() {
            self.inject_empty(b'I');
            self.ready_here();
            return Ok(());
        }
        self.script = Some(Script { sql: sql.into(), statements, next: 0, turns: 0, conflicts: Conflicts::default(), ready: false });
        Ok(())
    }

    /// A Query that breaks the protocol.
    async fn bad_query(&mut self, error: &WireError, body: &[u8]) -> Result<(), Ended> {
        if self.link.is_none() || self.is_sqlite() {
            self.inject_error(&broken(error), "");
            self.ready_here();
        } else {
            // It ends the transaction: the backend is to see it.
            encode::message(&mut self.bout, b'Q', |b| b.extend_from_slice(body));
            self.expect.push_back(Expect::Query { shape: RAW.clone(), guards: 0, retry: false, ready: true });
        }
        Ok(())
    }

    /// The postgres dialect: the text goes as it is.
    async fn forward(&mut self, sql: &str) -> Result<(), Ended> {
        if let Err(error) = self.ensure_link().await {
            self.inject_error(&error, sql);
            self.ready_here();
            return Ok(());
        }
        let traces = translate::traces(sql);
        self.leaves(traces.as_ref());
        self.leaving = traces.is_some();
        encode::query(&mut self.bout, sql);
        self.expect.push_back(Expect::Query { shape: RAW.clone(), guards: 0, retry: false, ready: true });
        self.unnamed_here = false;
        self.forget_unnamed();
        Ok(())
    }

    /// A Query ends the unnamed statement.
    fn forget_unnamed(&mut self) {
        if !self.statements.is_empty() {
            self.statements.remove("");
        }
    }

    /// The next statement of the script; nothing is expected from the backend.
    pub(super) async fn next_statement(&mut self) -> Result<(), Ended> {
        if let Some(error) = self.held_error.take() {
            return self.after_held_error(error).await;
        }
        let Some(mut script) = self.script.take() else { return Ok(()) };
        let Some(range) = script.statements.get(script.next).cloned() else {
            if !script.ready {
                self.ready_here();
            }
            return Ok(());
        };
        script.next += 1;
        script.ready = false;
        let sql = script.sql.clone();
        let last = script.next == script.statements.len();
        self.script = Some(script);
        self.run_statement(&sql, range, last, true).await
    }

    /// An error that a stale catalog may have caused: with a newer one the statement is tried once more.
    async fn after_held_error(&mut self, error: BytesMut) -> Result<(), Ended> {
        if let Some(misfit) = self.misfit.take() {
            if self.widen_misfit(misfit).await {
                self.once_more();
                return Ok(());
            }
            self.cout.extend_from_slice(&error);
            self.script = None;
            self.ready_here();
            return Ok(());
        }
        if let Some(script) = self.script.as_mut()
            && script.conflicts.wait().await
        {
            self.once_more();
            return Ok(());
        }
        let before = self.pool.catalog().version;
        let fresh = self.catalog().await;
        if let Ok(catalog) = fresh
            && catalog.version != before
            && let Some(script) = &self.script
        {
            crate::observe::counters().retries.add(1);
            let (sql, range) = (script.sql.clone(), script.statements[script.next - 1].clone());
            let last = script.next == script.statements.len();
            return self.run_statement(&sql, range, last, false).await;
        }
        self.cout.extend_from_slice(&error);
        self.script = None;
        self.ready_here();
        Ok(())
    }

    /// The statement that was under way is the next one again.
    fn once_more(&mut self) {
        if let Some(script) = self.script.as_mut() {
            script.next -= 1;
            script.turns += 1;
        }
    }

    async fn run_statement(&mut self, whole: &Arc<str>, range: Range<usize>, last: bool, retry: bool) -> Result<(), Ended> {
        let (start, sql) = (range.start, &whole[range]);
        if self.own_setting(sql) {
            return Ok(());
        }
        if let Err(mut error) = self.try_statement(sql, last, retry).await {
            error.position = error.position.map(|p| p + start);
            self.script = None;
            self.inject_error(&error, whole);
            self.ready_here();
        }
        Ok(())
    }

    async fn try_statement(&mut self, sql: &str, last: bool, retry: bool) -> Result<(), ClientError> {
        let catalog = self.catalog().await?;
        let options = self.translation(&catalog);
        let found = self.pool.plans().simple(sql, &catalog, &options)?;
        hatches::count(found.plan.hatches);
        self.note_ddl(sql, &found.plan, &catalog);
        match &found.plan.action {
            Action::Execute(statement) if statement.widens.is_some() => {
                let Some(widening) = statement.widens.as_deref() else { return Ok(()) };
                if self.script.as_ref().is_none_or(|s| s.turns >= super::widen::TURNS) {
                    return Err(widening.refusal.clone());
                }
                self.widen(widening).await?;
                self.once_more();
            }
            Action::Execute(statement) => {
                let text = self.printed(statement, &found.literals)?;
                self.pragmas.extend(statement.sets.map(|(name, value)| (name, value.to_owned())));
                self.ensure_link().await?;
                if !statement.temporary {
                    self.leaves(found.plan.traces.as_ref());
                }
                let mut shape = Shape::of(statement, &[], false);
                shape.held = shape.is_dynamic() && !self.dynamic_text;
                // In one Query with the statement, and so in one reply.
                let guard = self.guard(statement.guard);
                encode::message(&mut self.bout, b'Q', |b| {
                    guard.iter().for_each(|step| [step.as_bytes(), b";"].iter().for_each(|part| b.extend_from_slice(part)));
                    encode::cstring(b, &text);
                });
                let guards = guard.len() as u8;
                self.expect.push_back(Expect::Query { shape: Arc::new(shape), guards, retry, ready: last });
                if let Some(script) = self.script.as_mut() {
                    // The script stays while its last statement may have to be tried again.
                    script.ready = last;
                }
                if !statement.only_reads {
                    self.transaction.used();
                }
                self.unnamed_here = false;
            }
            Action::Transaction(control) => {
                self.control(control, last).await?;
                if let Some(script) = self.script.as_mut() {
                    script.ready = last;
                }
            }
            Action::Attach(attach) => {
                let tag = self.attach(attach).await?;
                let mut out = BytesMut::new();
                encode::complete(&mut out, tag);
                self.inject(out);
            }
            _ => {
                let out = self.answer(&found.plan, &[], true)?;
                self.inject(out);
            }
        }
        Ok(())
    }

    /// The text of a statement, its slots as literals.
    fn printed(&self, statement: &Statement, literals: &[Value]) -> Result<String, ClientError> {
        let mut failed = None;
        let now = now_ms();
        let text = statement.template.printed(|at, out| {
            let slot = &statement.template.slots[at];
            if let Err(error) = self.slot_value(&slot.source, literals, now).and_then(|v| params::literal(out, &v, slot.demand)) {
                failed = Some(error);
            }
        });
        failed.map_or(Ok(text), Err)
    }

    /// The value of a slot that is not the client's.
    pub(super) fn slot_value<'v>(&self, source: &Source, literals: &'v [Value], now_ms: i64) -> Result<Cow<'v, Value>, ClientError> {
        Ok(Cow::Owned(match source {
            Source::Client(n) => return literals.get(n - 1).map(Cow::Borrowed).ok_or_else(|| translate::unbound(*n)),
            Source::LastInsertRowid => Value::Integer(self.counters.last_insert_rowid),
            Source::Changes => Value::Integer(self.counters.changes),
            Source::TotalChanges => Value::Integer(self.counters.total_changes),
            Source::Pragma(name, default) => {
                let value = self.pragmas.get(name).map_or(*default, String::as_str);
                value.parse().map_or_else(|_| Value::Text(value.to_owned()), Value::Integer)
            }
            Source::Now(call) => call.evaluate(now_ms),
        }))
    }

    /// Do the checks of all foreign keys wait for the COMMIT?
    fn defers_all(&self) -> bool {
        self.pragmas.get("defer_foreign_keys").is_some_and(|v| v == "1")
    }

    /// May checks wait for the COMMIT?
    fn defers(&mut self) -> bool {
        self.defers_all() || self.known().defers
    }

    /// Transaction control; the tag is the client's.
    pub(super) async fn control(&mut self, control: &TransactionControl, ready: bool) -> Result<(), ClientError> {
        let (sql, tag) = match control {
            TransactionControl::Begin { immediate, native } => {
                let serial = *immediate && self.options.immediate == Immediate::Serial;
                let lock = serial && self.pool.catalog().helpers.is_some();
                let mut sql = self.transaction.begin(native, self.options.isolation.modes(), lock)?;
                if self.defers_all() {
                    sql.push_str("; ");
                    sql.push_str(DEFERRED);
                }
                if serial {
                    // Waiters hold no backend.
                    self.turn = Some(self.pool.immediate().await);
                }
                (sql, "BEGIN")
            }
            TransactionControl::Commit => {
                let defers = self.defers();
                (self.transaction.commit(defers)?, "COMMIT")
            }
            TransactionControl::Rollback => {
                let sql = self.transaction.rollback()?;
                self.rolled_back = true;
                (sql, "ROLLBACK")
            }
            TransactionControl::Savepoint(name) => {
                self.schema.mark();
                (self.transaction.savepoint(name), "SAVEPOINT")
            }
            TransactionControl::Release(name) => {
                let defers = self.defers();
                let sql = self.transaction.release(name, defers)?;
                self.schema.unmark(self.transaction.depth(), false);
                (sql, "RELEASE")
            }
            TransactionControl::RollbackTo(name) => {
                let sql = self.transaction.rollback_to(name)?;
                self.schema.unmark(self.transaction.depth(), true);
                (sql, "ROLLBACK")
            }
        };
        if let Err(error) = self.ensure_link().await {
            self.turn = None;
            return Err(error);
        }
        self.own_query(&sql, Some(tag), ready);
        Ok(())
    }

    /// The answer of a plan that needs no backend; with its RowDescription where `describe` (a simple query).
    pub(super) fn answer(&mut self, plan: &Plan, formats: &[i16], describe: bool) -> Result<BytesMut, ClientError> {
        let made;
        let answer = match &plan.action {
            Action::Answer(answer) => answer,
            Action::Counters(counters) => {
                let row = counters.iter().map(|(_, source)| self.slot_value(source, &[], 0).map(Cow::into_owned)).collect::<Result<_, _>>()?;
                made = Answer { columns: Some(counters.iter().map(|(c, _)| c.clone()).collect()), rows: vec![row], tag: "SELECT {}" };
                &made
            }
            Action::Setting(change) => {
                made = self.pragma(change);
                &made
            }
            _ => {
                let mut out = BytesMut::new();
                encode::empty(&mut out, b'I');
                return Ok(out);
            }
        };
        let mut out = BytesMut::new();
        if let Some(columns) = &answer.columns {
            let columns = reply::Columns::new(columns.as_slice().into(), formats, false);
            if describe {
                reply::describe(&mut out, columns.iter());
            }
            for row in &answer.rows {
                let cells: Vec<Option<Vec<u8>>> = row.iter().zip(columns.iter()).map(|(v, c)| reply::value_bytes(v, &c)).collect();
                encode::data_row(&mut out, cells.iter().map(|c| c.as_deref()));
            }
        }
        encode::complete(&mut out, &answer.tag.replace("{}", &answer.rows.len().to_string()));
        Ok(out)
    }

    /// A PRAGMA on the connection's own state.
    fn pragma(&mut self, setting: &Setting) -> Answer {
        if let Some(value) = &setting.value {
            let ms: i64 = value.parse().unwrap_or(0);
            match setting.name {
                // 0 fails at once in SQLite; at the backend 0 would wait without limit.
                "busy_timeout" => self.set_at_backend("lock_timeout", &format!("{}ms", ms.max(1))),
                // Under the guard, which would undo it with a statement that fails.
                "defer_foreign_keys" if ms == 1 && self.transaction.is_active() && self.link.is_some() => {
                    self.guard(true).iter().for_each(|step| self.own_query(step, None, false));
                    self.own_query(DEFERRED, None, false);
                    self.transaction.used();
                }
                "recursive_triggers" => self.set_at_backend("litewire.recursive_triggers", if ms == 1 { "on" } else { "off" }),
                "query_only" => self.set_at_backend("default_transaction_read_only", if ms == 1 { "on" } else { "off" }),
                _ => {}
            }
            self.pragmas.insert(setting.name, value.clone());
        }
        let value = self.pragmas.get(setting.name).map_or(setting.default, String::as_str);
        let value = value.parse().map_or_else(|_| Value::Text(value.to_owned()), Value::Integer);
        let kind = if matches!(value, Value::Integer(_)) { OutKind::Integer } else { OutKind::Text };
        let columns =
            setting.answers.then(|| vec![OutColumn { name: if setting.name == "busy_timeout" { "timeout" } else { setting.name }.to_owned(), kind }]);
        let rows = if setting.answers { vec![vec![value]] } else { Vec::new() };
        Answer { tag: if columns.is_some() { "SELECT {}" } else { "PRAGMA" }, columns, rows }
    }

    /// A setting that the backend has to know, too.
    fn set_at_backend(&mut self, name: &str, value: &str) {
        self.settings.set(name, value);
        // A backend that is held is told with the next statement.
        let Some(link) = self.link.as_mut() else { return };
        let sql = self.settings.difference(&link.applied);
        link.applied.clone_from(self.settings.values());
        if !sql.is_empty() {
            self.own_query(&sql, None, false);
        }
    }

    /// A statement is sent that leaves something at the backend.
    pub(super) fn leaves(&mut self, traces: Option<&translate::Traces>) {
        if let Some(traces) = traces {
            self.settings.touched(traces);
        }
    }

    /// SET and SHOW of Litewire's own settings; true when the statement was one.
    pub(super) fn own_setting(&mut self, sql: &str) -> bool {
        let known =
            |name: &str| matches!(name, "litewire.dialect" | "litewire.results" | "litewire.dynamic" | "litewire.plan_cache" | "litewire.hatches");
        let head = sql.trim_start().as_bytes().get(..4).unwrap_or_default();
        if ![b"SET ", b"SHOW", b"RESE"].iter().any(|verb| head.eq_ignore_ascii_case(*verb)) {
            return false;
        }
        let mut out = BytesMut::new();
        match settings::change(sql) {
            Some(Change::Set(name, value)) if known(&name) => {
                let value = settings::plain(&value).to_ascii_lowercase();
                match (name.as_str(), value.as_str()) {
                    ("litewire.dialect", "sqlite") => self.set_dialect(DialectKind::Sqlite),
                    ("litewire.dialect", "postgres") => self.set_dialect(DialectKind::Postgres),
                    ("litewire.dynamic", "auto" | "text") => self.dynamic_text = value == "text",
                    ("litewire.results", "sqlite") => self.options.results = ResultProfile::Sqlite,
                    ("litewire.results", "native") => self.options.results = ResultProfile::Native,
                    _ => {
                        let message = format!("invalid value for parameter \"{name}\": \"{value}\"");
                        self.inject_error(&ClientError::new(SqlState::INVALID_PARAMETER_VALUE, message), sql);
                        return true;
                    }
                }
                encode::complete(&mut out, "SET");
            }
            _ => {
                let tokens = translate::parse::scan::tokens(sql);
                let name = tokens.iter().skip(1).map(|t| t.text(sql).to_ascii_lowercase()).collect::<String>();
                let name = name.trim_end_matches(';');
                if !known(name) || !tokens.first().is_some_and(|t| t.is(sql, "SHOW")) {
                    return false;
                }
                let (hits, misses) = self.pool.plans().counts();
                let counts = format!("hits={hits} misses={misses}");
                let value = match name {
                    "litewire.plan_cache" => &counts,
                    "litewire.hatches" => &hatches::uses(self.options.hatches),
                    "litewire.dialect" if self.is_sqlite() => "sqlite",
                    "litewire.dialect" => "postgres",
                    "litewire.dynamic" if self.dynamic_text => "text",
                    "litewire.dynamic" => "auto",
                    _ if self.options.results == ResultProfile::Native => "native",
                    _ => "sqlite",
                };
                let columns = [OutColumn { name: name.to_owned(), kind: OutKind::Text }];
                reply::describe(&mut out, reply::Columns::new(columns.into(), &[], false).iter());
                encode::data_row(&mut out, std::iter::once(Some(value.as_bytes())));
                encode::complete(&mut out, "SHOW");
            }
        }
        self.inject(out);
        true
    }

    /// DDL within a transaction, or of temporary objects: later statements see its effect before anybody else does.
    pub(super) fn note_ddl(&mut self, sql: &str, plan: &Plan, catalog: &Catalog) {
        let Action::Execute(statement) = &plan.action else { return };
        let own = self.transaction.is_active() || self.unsynced || statement.temporary || self.schema.is_bound();
        let after = (own && statement.schema_change).then(|| translate::overlay(sql, catalog, &self.translation(catalog))).flatten();
        self.schema.sent(after.map(Arc::new), statement.temporary);
    }
}

/// The error for a message that breaks the protocol.
pub(super) fn broken(error: &WireError) -> ClientError {
    let state = if matches!(error, WireError::Encoding(_)) { SqlState::UNTRANSLATABLE } else { SqlState::PROTOCOL_VIOLATION };
    ClientError::new(state, error.to_string())
}

/// What `PRAGMA defer_foreign_keys` is at the backend, for one transaction.
const DEFERRED: &str = "SET CONSTRAINTS ALL DEFERRED";

/// Milliseconds of Unix time.
pub(super) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}
