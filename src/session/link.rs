//! Getting a backend, giving it back, and what is sent to it beside the client's own.

use super::expect::Expect;
use super::{Session, settings};
use crate::error::ClientError;
use crate::wire::encode;
use tokio::io::{AsyncRead, AsyncWrite};

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// A backend with this client's settings.
    pub(super) async fn ensure_link(&mut self) -> Result<(), ClientError> {
        if self.link.is_some() {
            return Ok(());
        }
        let link = self.pool.checkout().await?;
        self.info.cancel.hold(link.pid, &link.secret_key);
        self.unnamed_here = false;
        let mut applied = link.applied.clone();
        for (name, value) in self.settings.values() {
            let said = link.params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            if !applied.contains_key(name) && said.is_some_and(|(_, v)| v.eq_ignore_ascii_case(&settings::plain(value))) {
                applied.insert(name.clone(), value.clone());
            }
        }
        let difference = if applied.is_empty() && self.settings.is_empty() { String::new() } else { self.settings.difference(&applied) };
        let mut link = link;
        link.applied.clone_from(self.settings.values());
        self.link = Some(link);
        if !difference.is_empty() {
            self.own_query(&difference, None, false);
        }
        Ok(())
    }

    /// A Query of our own.
    pub(super) fn own_query(&mut self, sql: &str, tag: Option<&'static str>, ready: bool) {
        encode::query(&mut self.bout, sql);
        self.expect.push_back(Expect::Own { tag, ready, required: false });
    }

    /// Protects what is sent next within a transaction.
    pub(super) fn protect(&mut self, guard: bool) {
        if !self.is_sqlite() || !self.transaction.is_active() {
            return;
        }
        let sql = if guard { self.transaction.protect() } else { self.transaction.recover() };
        if !sql.is_empty() {
            self.own_query(sql, None, false);
        }
    }

    /// Gives the backend back when nothing ties it to this client.
    pub(super) fn release_if_idle(&mut self) {
        let Some(link) = &self.link else { return };
        let idle = self.expect.is_empty() && self.bout.is_empty() && self.pass == 0 && !self.unsynced && !self.pinned && link.status == b'I';
        if idle && self.script.is_none() {
            self.drop_link();
        }
    }

    /// Gives the backend back as it is; the pool closes one that is not clean.
    pub(super) fn drop_link(&mut self) {
        let Some(mut link) = self.link.take() else { return };
        link.busy = !self.expect.is_empty() || self.unsynced || self.pass > 0 || !self.bout.is_empty();
        link.broken |= self.pinned || self.info.cancel.release();
        self.turn = None;
    }
}
