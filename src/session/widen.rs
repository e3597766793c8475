//! Widening a column, and doing again what it was done for. What is done again is a simple query's statement, or a batch of one
//! Bind and one Execute of which the client has seen nothing but its BindComplete.

use super::expect::Expect;
use super::{Ended, Session};
use crate::error::{ClientError, SqlState};
use crate::translate::{self, Misfit, Widening};
use crate::wire::{backend, encode};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};

/// A statement whose columns are widened more often than a table has columns goes round in a circle.
pub(super) const TURNS: usize = 2000;
/// Larger batches are not kept for another try.
const BATCH: usize = 1 << 20;

/// A batch of the extended protocol that may be sent again as it is.
#[derive(Debug, Default)]
pub(super) struct Batch {
    frames: BytesMut,
    executes: usize,
    synced: bool,
    turns: usize,
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
        match translate::widen(&catalog, &[misfit], &self.translation(), refusal) {
            Ok(widening) => self.widen(&widening).await.is_ok(),
            Err(_) => false,
        }
    }

    /// A Bind was sent: it begins a batch that may be sent again when `may_misfit`, unless something stands before it.
    pub(super) fn batch_begins(&mut self, whole: &[u8], alone: bool, may_misfit: bool) {
        let turns = self.batch.take().filter(|_| self.replaying).map_or(0, |b| b.turns);
        if alone && may_misfit && whole.len() <= BATCH && turns < TURNS {
            self.batch = Some(Batch { frames: BytesMut::from(whole), executes: 0, synced: false, turns });
        }
    }

    /// Another frame of the batch.
    pub(super) fn batch_goes_on(&mut self, tag: u8, whole: &[u8]) {
        let Some(batch) = &mut self.batch else { return };
        match tag {
            b'D' | b'E' if !batch.synced && batch.executes == 0 => batch.executes += usize::from(tag == b'E'),
            b'S' if !batch.synced => batch.synced = true,
            _ => {
                self.batch = None;
                return;
            }
        }
        batch.frames.extend_from_slice(whole);
    }

    /// An error of the batch's only Execute that widening may mend is held back; true when it is.
    pub(super) fn holds_misfit(&mut self, body: &[u8], message: &BytesMut) -> bool {
        let batch = self.batch.as_ref().is_some_and(|b| b.synced && b.executes == 1);
        if !batch || !matches!(self.expect.front(), Some(Expect::Execute { .. })) {
            return false;
        }
        let Some(misfit) = misfit_of(body) else { return false };
        while self.expect.pop_front().is_some_and(|e| !matches!(e, Expect::Sync)) {}
        self.expect.push_front(Expect::Own { tag: None, ready: false, required: false });
        (self.misfit, self.held_error) = (Some(misfit), Some(message.clone()));
        true
    }

    /// The batch whose error was held back is sent again, or the client gets the error.
    pub(super) async fn after_misfit(&mut self) -> Result<(), Ended> {
        let Some(misfit) = self.misfit.take() else { return Ok(()) };
        let Some(error) = self.held_error.take() else { return Ok(()) };
        if self.widen_misfit(misfit).await
            && let Some(batch) = &mut self.batch
        {
            batch.turns += 1;
            let mut frames = std::mem::take(&mut batch.frames);
            frames.extend_from_slice(&self.cin);
            self.cin = frames;
            self.replaying = true;
            return Ok(());
        }
        self.batch = None;
        self.replaying = false;
        self.cout.extend_from_slice(&error);
        self.ready_here();
        Ok(())
    }
}
