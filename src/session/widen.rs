//! Widening a column, and doing a statement again: after that, or with a catalog that is fresh. What is done again is a simple
//! query's statement, or a batch of one Bind and one Execute of which the client has seen nothing but its BindComplete.

use super::conflict::Conflicts;
use super::expect::Expect;
use super::statement::Prepared;
use super::{Ended, Session};
use crate::error::{ClientError, SqlState};
use crate::translate::{self, Misfit, Widening};
use crate::wire::{backend, encode, frame, frontend};
use bytes::BytesMut;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// A statement whose columns are widened more often than a table has columns goes round in a circle.
pub(super) const TURNS: usize = 2000;
/// Errors that a stale catalog may have caused.
pub(super) const STALE: [&str; 4] = ["42P01", "42703", "42883", "0A000"];
/// How PostgreSQL says that a prepared statement's columns have changed.
pub(super) const OUTDATED: &[u8] = b"cached plan must not change result type";
/// Larger batches are not kept for another try.
const BATCH: usize = 1 << 20;

/// A batch of the extended protocol that may be sent again as it is.
#[derive(Debug, Default)]
pub(super) struct Batch {
    frames: BytesMut,
    executes: usize,
    /// Does the client ask for the columns again?
    describes: bool,
    synced: bool,
    turns: usize,
    /// How often it met another transaction's.
    conflicts: Conflicts,
    /// May widening mend its error?
    may_misfit: bool,
    /// The catalog's version that it was translated with.
    version: u64,
    /// Has the client its BindComplete?
    told: bool,
}

/// The column that an error of a store helper's names.
pub(super) fn misfit_of(body: &[u8]) -> Option<Misfit> {
    let fields = backend::fields(body);
    let get = |code: u8| fields.iter().find(|(c, _)| *c == code).map(|(_, t)| (*t).to_owned());
    (get(b'C')?.as_bytes() == SqlState::INVALID_TEXT.0).then_some(())?;
    Some(Misfit { schema: get(b's')?, table: get(b't')?, column: get(b'c')? })
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// Sends what widens columns; what needs it comes after the reply.
    pub(super) async fn widen(&mut self, widening: &Widening) -> Result<(), ClientError> {
        let active = self.transaction.is_active();
        if self.unsynced || active && !widening.fresh {
            return Err(widening.refusal.clone());
        }
        tracing::info!(columns = %widening.columns, "columns become dynamic: their types cannot hold what is stored in them");
        crate::observe::counters().widened.add(1);
        self.ensure_link().await?;
        self.guard(true).iter().for_each(|step| self.own_query(step, None, false));
        encode::query(&mut self.bout, &widening.sql);
        self.expect.push_back(Expect::Own { tag: None, ready: false, required: true });
        self.transaction.used();
        self.unnamed_here = false;
        let own = active || widening.temporary;
        self.schema.sent(own.then(|| widening.catalog.clone()), widening.temporary);
        Ok(())
    }

    /// Widens the column that the backend named; false where it may not be.
    pub(super) async fn widen_misfit(&mut self, misfit: Misfit) -> bool {
        let Ok(catalog) = self.catalog().await else { return false };
        if !translate::may_widen(&catalog, &misfit) {
            return false;
        }
        let refusal = ClientError::new(SqlState::FEATURE_NOT_SUPPORTED, format!("cannot widen the column {}.{}", misfit.table, misfit.column));
        match translate::widen(&catalog, &[misfit], &self.translation(&catalog), refusal) {
            Ok(widening) => self.widen(&widening).await.is_ok(),
            Err(_) => false,
        }
    }

    /// A Bind was sent: it begins a batch that may be sent again, unless something stands before it.
    pub(super) fn batch_begins(&mut self, whole: &[u8], alone: bool, may_misfit: bool, version: u64) {
        let last = self.batch.take().unwrap_or_default();
        let (turns, conflicts) = if self.replaying { (last.turns, last.conflicts) } else { Default::default() };
        if alone && whole.len() <= BATCH && turns < TURNS {
            let mut frames = last.frames;
            frames.clear();
            frames.extend_from_slice(whole);
            self.batch = Some(Batch { frames, executes: 0, describes: false, synced: false, turns, conflicts, may_misfit, version, told: false });
        }
    }

    /// Another frame of the batch.
    pub(super) fn batch_goes_on(&mut self, tag: u8, whole: &[u8]) {
        let Some(batch) = &mut self.batch else { return };
        match tag {
            b'D' | b'E' if !batch.synced && batch.executes == 0 => {
                batch.executes += usize::from(tag == b'E');
                batch.describes |= tag == b'D';
            }
            b'S' if !batch.synced => batch.synced = true,
            _ => {
                self.batch = None;
                return;
            }
        }
        batch.frames.extend_from_slice(whole);
    }

    /// An error of a batch with one Execute that widening, or a fresh catalog, may mend is held back; true when it is.
    pub(super) fn holds_error(&mut self, state: &str, body: &[u8], message: &BytesMut) -> bool {
        if !self.is_sqlite() && !self.is_outdated(state, body) {
            return false;
        }
        let repeatable = self.is_repeatable();
        let Some(batch) = self.batch.as_mut().filter(|b| b.synced && b.executes == 1) else { return false };
        let conflict = matches!(self.expect.front(), Some(Expect::Execute { .. })) && repeatable && batch.conflicts.meet(state);
        let misfit = match self.expect.front() {
            Some(Expect::Execute { .. }) if conflict => None,
            Some(Expect::Execute { .. }) if batch.may_misfit => misfit_of(body),
            // Before its BindComplete the client knows nothing of the columns that were to come.
            Some(Expect::Parse { .. } | Expect::Bind { pass: true }) if batch.turns == 0 && STALE.contains(&state) => None,
            _ => return false,
        };
        if misfit.is_none() && !conflict && matches!(self.expect.front(), Some(Expect::Execute { .. })) {
            return false;
        }
        batch.told = true;
        while let Some(expected) = self.expect.pop_front() {
            match expected {
                Expect::Sync => break,
                Expect::Bind { pass: true } => batch.told = false,
                Expect::Parse { id: Some(id), .. } => {
                    if let Some(link) = self.link.as_mut() {
                        link.prepared.remove(id);
                    }
                }
                _ => {}
            }
        }
        self.expect.push_front(Expect::Own { tag: None, ready: false, required: false });
        (self.misfit, self.held_error) = (misfit, Some(message.clone()));
        true
    }

    /// Is an error of the postgres dialect mended by preparing the statement anew? Not in a transaction, which has failed; and only
    /// where the client does not take the columns for what they were.
    fn is_outdated(&self, state: &str, body: &[u8]) -> bool {
        let outdated = state == "0A000" && memchr::memmem::find(body, OUTDATED).is_some();
        let idle = self.link.as_ref().is_some_and(|link| link.status == b'I');
        let Some(batch) = self.batch.as_ref().filter(|_| outdated && idle) else { return false };
        batch.describes || self.bound(batch).is_some_and(|(_, prepared)| !prepared.described)
    }

    /// The statement that a batch binds.
    fn bound<'b>(&self, batch: &'b Batch) -> Option<(&'b str, Arc<Prepared>)> {
        let (_, name) = frontend::bind_names(batch.frames.get(frame::HEADER..)?).ok()?;
        Some((name, self.statements.get(name)?.clone()))
    }

    /// Prepares the statement of the batch anew.
    fn prepare_anew(&mut self) -> bool {
        self.unnamed_here = false;
        let Some((name, mut prepared)) = self.batch.as_ref().and_then(|batch| self.bound(batch)) else { return false };
        let name = name.to_owned();
        let anew = Arc::make_mut(&mut prepared);
        anew.shared = anew.shared.take().map(|_| translate::shared(anew.sql.to_string(), anew.declared.clone(), self.pool.generation()));
        self.statements.insert(name, prepared);
        true
    }

    /// The batch whose error was held back is sent again, or the client gets the error.
    pub(super) async fn after_batch_error(&mut self, error: BytesMut) -> Result<(), Ended> {
        let version = self.batch.as_ref().map_or(0, |b| b.version);
        let waited = match &mut self.batch {
            Some(batch) => batch.conflicts.wait().await,
            None => false,
        };
        let mended = match self.misfit.take() {
            _ if waited => true,
            _ if !self.is_sqlite() => self.prepare_anew(),
            Some(misfit) => self.widen_misfit(misfit).await,
            None => self.catalog().await.is_ok_and(|catalog| catalog.version != version),
        };
        if mended && let Some(batch) = &mut self.batch {
            batch.turns += 1;
            crate::observe::counters().retries.add(1);
            let mut frames = std::mem::take(&mut batch.frames);
            frames.extend_from_slice(&self.cin);
            self.cin = frames;
            self.replaying = batch.told;
            return Ok(());
        }
        self.batch = None;
        self.replaying = false;
        self.cout.extend_from_slice(&error);
        self.ready_here();
        Ok(())
    }
}
