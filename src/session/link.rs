//! Getting a backend, giving it back, and what is sent to it beside the client's own.

use super::Session;
use super::expect::Expect;
use super::transaction::STEPS;
use crate::config::PoolMode;
use crate::error::{ClientError, SqlState};
use crate::reply::Shape;
use crate::translate::{self, Shared};
use crate::wire::encode;
use bytes::BufMut;
use std::sync::{Arc, LazyLock};
use tokio::io::{AsyncRead, AsyncWrite};

/// The steps of the guard as shared statements: every statement of a transaction needs them.
static GUARD: LazyLock<[Arc<Shared>; STEPS.len()]> = LazyLock::new(|| STEPS.map(|step| translate::shared(step.to_owned(), Vec::new(), 0)));

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// A backend with this client's settings.
    pub(super) async fn ensure_link(&mut self) -> Result<(), ClientError> {
        if self.link.is_some() {
            return Ok(());
        }
        let link = self.info.meter.wait(self.pool.checkout()).await;
        let link = link.unwrap_or_else(|| Err(ClientError::new(SqlState::ADMIN_SHUTDOWN, super::TERMINATED)))?;
        self.info.meter.took(link.pid);
        self.info.cancel.hold(&link.cancel);
        self.unnamed_here = false;
        if link.applied == *self.settings.values() {
            self.link = Some(link);
            return Ok(());
        }
        let mut applied = link.applied.clone();
        for (name, value) in self.settings.values() {
            let said = link.params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            if !applied.contains_key(name) && said.is_some_and(|(_, v)| v.eq_ignore_ascii_case(value)) {
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

    /// Does the client keep its backend until it leaves?
    fn keeps_link(&self) -> bool {
        self.options.pool_mode == PoolMode::Session
    }

    /// A Query of our own.
    pub(super) fn own_query(&mut self, sql: &str, tag: Option<&'static str>, ready: bool) {
        encode::query(&mut self.bout, sql);
        self.expect.push_back(Expect::Own { tag, ready, required: false });
    }

    /// The statements that protect the next one within a transaction.
    pub(super) fn guard(&mut self, guard: bool) -> &'static [&'static str] {
        if !self.is_sqlite() || !self.transaction.is_active() {
            return &[];
        }
        if guard { self.transaction.protect() } else { self.transaction.recover() }
    }

    /// Protects what the extended protocol sends next, in messages of the same protocol: a Query of our own would have a reply, and
    /// a wake-up, of its own. They use the unnamed portal, which a Bind of `portal` must not need any more.
    pub(super) fn protect_extended(&mut self, guard: bool, portal: &str) {
        let steps = self.guard(guard);
        if !portal.is_empty() && self.portals.contains_key("") {
            steps.iter().for_each(|step| self.own_query(step, None, false));
            return;
        }
        for step in steps {
            let shared = GUARD.iter().find(|s| s.sql == *step).expect("every step is there");
            self.prepare(shared, false);
            encode::message(&mut self.bout, b'B', |b| {
                encode::cstring(b, "");
                encode::cstring(b, &shared.name);
                b.put_bytes(0, 6);
            });
            encode::execute(&mut self.bout, "", 0);
            self.expect.push_back(Expect::Bind { pass: false });
            let shape = Arc::new(Shape { silent: true, ..Shape::default() });
            self.expect.push_back(Expect::Execute { shape });
        }
    }

    /// Gives the backend back when nothing ties it to this client.
    pub(super) fn release_if_idle(&mut self) {
        let Some(link) = &self.link else { return };
        let idle =
            self.expect.is_empty() && self.bout.is_empty() && self.pass == 0 && !self.unsynced && !self.stream.is_open() && link.status == b'I';
        if !idle || self.script.is_some() || self.keeps_link() {
            return;
        }
        if self.settings.is_suspect() {
            self.survey();
        } else if !(self.pinned || self.schema.is_bound()) {
            self.drop_link();
        }
    }

    /// Gives the backend back; one that is not clean is reset by the pool, or closed.
    pub(super) fn drop_link(&mut self) {
        let Some(mut link) = self.link.take() else { return };
        self.info.meter.gave();
        link.busy = !self.expect.is_empty() || self.unsynced || self.pass > 0 || !self.bout.is_empty() || self.stream.is_open();
        link.broken |= self.info.cancel.release();
        self.turn = None;
        if self.keeps_link() || self.pinned || self.schema.is_bound() || self.settings.is_suspect() {
            link.reset();
        }
    }
}
