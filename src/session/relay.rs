//! Both sockets at once: what the client is owed goes out, what the backend says is looked at by its header alone.

use super::expect::Expect;
use super::timeouts::Waiting;
use super::widen::STALE;
use super::{Ended, Session};
use crate::backend::Link;
use crate::catalog::Catalog;
use crate::config::PoolMode;
use crate::error::ClientError;
use crate::reply::{self, Held, Shape};
use crate::translate::Hidden;
use crate::wire::{backend, encode, frame};
use bytes::{Buf, BytesMut};
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

/// What is read from the backend at once, and how much may wait for a slow client.
const BUFFER: usize = 64 * 1024;
/// What is read from a client at once.
const CLIENT_BUFFER: usize = 32 * 1024;

thread_local! {
    /// Where clients are read into, so that one who is silent holds no buffer.
    static CLIENT: RefCell<Box<[u8]>> = RefCell::new(vec![0; CLIENT_BUFFER].into_boxed_slice());
}

/// Why the relay stopped.
#[derive(Debug)]
pub(super) enum Event {
    /// The client said something whole.
    Client,
    /// Nothing is expected any more.
    Drained,
    /// The client's socket ended.
    ClientGone,
    /// The backend's socket ended.
    BackendGone(String),
    /// It took too long.
    Late(Waiting),
    /// The proxy stops.
    Stop,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// Writes out what the client is owed.
    pub(super) fn poll_flush_client(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.cout.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.cout))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.cout.advance(written);
            self.info.meter.sent(written);
        }
        self.prompt = false;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Drives both sockets until something is to be decided.
    pub(super) fn poll_relay(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, Ended>> {
        let expecting = !self.expect.is_empty();
        let waiting = self.has_frame();
        loop {
            let mut moved = false;
            if self.link.is_some() {
                match self.poll_backend(cx) {
                    Ok(progress) => moved |= progress,
                    Err(Lost(reason)) => return Poll::Ready(Ok(Event::BackendGone(reason))),
                }
                // What waits has another meaning now.
                if waiting && self.copy.is_open() {
                    return Poll::Ready(Ok(Event::Client));
                }
                // An answer is complete: what follows may still join it in one write.
                if expecting && self.expect.is_empty() && self.pass == 0 {
                    if self.script.is_none() && !waiting && !self.has_frame() {
                        let _ = self.poll_flush_client(cx)?;
                    }
                    return Poll::Ready(Ok(Event::Drained));
                }
            }
            if !self.cout.is_empty() && (self.prompt || self.expect.is_empty()) {
                let before = self.cout.len();
                let _ = self.poll_flush_client(cx)?;
                moved |= self.cout.len() < before;
            }
            // A client that does not read is not read from; one whose frame waits has said enough.
            if self.bout.len() < BUFFER && !waiting {
                match self.poll_client(cx) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Ok(Event::ClientGone)),
                    Poll::Ready(Ok(read)) => {
                        self.info.meter.received(read);
                        if self.has_frame() {
                            return Poll::Ready(Ok(Event::Client));
                        }
                        moved = true;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                    Poll::Pending => {}
                }
            }
            if !moved {
                if self.link.is_none() {
                    self.shed();
                }
                return Poll::Pending;
            }
        }
    }

    /// Reads from the client; 0 bytes are its end.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        CLIENT.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
            self.cin.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    /// Writes to and reads from the backend; true when something moved.
    fn poll_backend(&mut self, cx: &mut Context<'_>) -> Result<bool, Lost> {
        let Some(checkout) = self.link.as_mut() else { return Ok(false) };
        let link: &mut Link = checkout;
        let mut moved = false;
        while !self.bout.is_empty() {
            match Pin::new(&mut link.io).poll_write(cx, &self.bout) {
                Poll::Ready(Ok(written)) => {
                    self.bout.advance(written);
                    moved = true;
                }
                Poll::Ready(Err(error)) => return Err(self.lost(&error.to_string())),
                Poll::Pending => break,
            }
        }
        if let Poll::Ready(Err(error)) = Pin::new(&mut link.io).poll_flush(cx) {
            return Err(self.lost(&error.to_string()));
        }
        if self.cout.len() >= BUFFER {
            return Ok(moved);
        }
        if link.rbuf.capacity() - link.rbuf.len() < 4096 {
            link.rbuf.reserve(BUFFER);
        }
        match poll_read_buf(Pin::new(&mut link.io), cx, &mut link.rbuf) {
            Poll::Ready(Ok(0)) => Err(self.lost("the server closed the connection")),
            Poll::Ready(Ok(_)) => {
                self.scan().map_err(|reason| self.lost(&reason))?;
                self.prompt = true;
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(self.lost(&error.to_string())),
            Poll::Pending => Ok(moved),
        }
    }

    fn lost(&mut self, reason: &str) -> Lost {
        if let Some(link) = self.link.as_mut() {
            link.broken = true;
            tracing::warn!(pid = link.pid, reason, "a backend was lost");
        }
        Lost(reason.to_owned())
    }

    /// Looks at every frame that the backend sent.
    fn scan(&mut self) -> Result<(), String> {
        let Some(link) = self.link.as_mut() else { return Ok(()) };
        let mut buffer = std::mem::take(&mut link.rbuf);
        let outcome = self.scan_buffer(&mut buffer);
        if let Some(link) = self.link.as_mut() {
            link.rbuf = buffer;
        }
        outcome
    }

    fn scan_buffer(&mut self, buffer: &mut BytesMut) -> Result<(), String> {
        loop {
            if self.pass > 0 {
                let count = self.pass.min(buffer.len());
                self.cout.extend_from_slice(&buffer[..count]);
                buffer.advance(count);
                self.pass -= count;
                if self.pass > 0 {
                    return Ok(());
                }
            }
            let length = match frame::length(buffer, usize::MAX) {
                Ok(Some(length)) => length,
                Ok(None) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            };
            let tag = buffer[0];
            if self.passes_unseen(tag) {
                self.pass = length;
                continue;
            }
            if buffer.len() < length {
                buffer.reserve(length - buffer.len());
                return Ok(());
            }
            self.reply(tag, &buffer[..length])?;
            buffer.advance(length);
        }
    }

    /// Rows and COPY data that need no look.
    fn passes_unseen(&self, tag: u8) -> bool {
        match tag {
            b'd' => true,
            b'D' => match self.expect.front() {
                Some(Expect::Execute { shape, .. } | Expect::Query { shape, .. }) => shape.passes_rows(),
                _ => false,
            },
            _ => false,
        }
    }

    /// A whole frame of the backend's.
    fn reply(&mut self, tag: u8, whole: &[u8]) -> Result<(), String> {
        let body = &whole[frame::HEADER..];
        match tag {
            b'Z' => self.ready(body.first().copied().unwrap_or(b'I')),
            b'E' => self.error(whole),
            b'S' => {
                self.parameter_status(body);
                // Settings that are given to a backend are those the client has already.
                if !matches!(self.expect.front(), Some(Expect::Own { tag: None, .. })) {
                    self.cout.extend_from_slice(whole);
                }
            }
            b'G' => {
                self.copy_begins();
                self.cout.extend_from_slice(whole);
            }
            b'D' if matches!(self.expect.front(), Some(Expect::Survey)) => self.survey_row(body),
            b'N' => self.cout.extend_from_slice(whole),
            b'A' => self.notification(whole),
            b'1' => match self.expect.pop_front() {
                Some(Expect::Parse { pass, .. }) => self.pass_if(pass, whole),
                other => return Err(format!("ParseComplete where {other:?} was expected")),
            },
            b'2' => match self.expect.pop_front() {
                Some(Expect::Bind { pass }) => self.pass_if(pass, whole),
                other => return Err(format!("BindComplete where {other:?} was expected")),
            },
            b'3' => match self.expect.pop_front() {
                Some(Expect::Close { pass }) => self.pass_if(pass, whole),
                other => return Err(format!("CloseComplete where {other:?} was expected")),
            },
            b't' => self.cout.extend_from_slice(whole),
            b'T' | b'n' => self.description(tag, whole),
            b'D' => self.row(body)?,
            b'C' | b'I' | b's' => self.complete(tag, whole),
            _ => self.cout.extend_from_slice(whole),
        }
        self.release_injected();
        Ok(())
    }

    fn pass_if(&mut self, pass: bool, whole: &[u8]) {
        if pass {
            self.cout.extend_from_slice(whole);
        }
    }

    /// Messages made here whose turn has come.
    pub(super) fn release_injected(&mut self) {
        while let Some(Expect::Inject(_) | Expect::Ready | Expect::CopyEnd | Expect::Renamed(..)) = self.expect.front() {
            match self.expect.pop_front() {
                Some(Expect::Inject(message)) => self.cout.extend_from_slice(&message),
                Some(Expect::Ready) => self.tell_ready(),
                _ => {}
            }
        }
    }

    pub(super) fn shape(&self) -> Option<Arc<Shape>> {
        match self.expect.front() {
            Some(Expect::Execute { shape, .. } | Expect::Query { shape, .. }) => Some(shape.clone()),
            _ => None,
        }
    }

    fn description(&mut self, tag: u8, whole: &[u8]) {
        if let Some(Expect::Describe) = self.expect.front() {
            self.expect.pop_front();
            self.cout.extend_from_slice(whole);
            return;
        }
        match self.shape() {
            Some(shape) if shape.raw => self.cout.extend_from_slice(whole),
            Some(shape) if shape.held => self.held = Some(Held::default()),
            Some(shape) if tag == b'T' => {
                if let Some(columns) = &shape.columns {
                    reply::describe(&mut self.cout, columns.iter());
                }
            }
            _ => {}
        }
    }

    fn row(&mut self, body: &[u8]) -> Result<(), String> {
        let Some(shape) = self.shape() else { return Ok(()) };
        let fields = backend::data_row(body).map_err(|e| e.to_string())?;
        if !shape.hidden.is_empty() {
            let first = fields.len().saturating_sub(shape.hidden.len());
            self.counters.row(&shape.hidden, &fields[first..]);
            if let Some(failure) = shape.hidden.iter().position(|h| *h == Hidden::Failure).and_then(|at| fields[first + at]) {
                self.failure = Some(String::from_utf8_lossy(failure).into_owned());
                return Ok(());
            }
        }
        let Some(columns) = &shape.columns else { return Ok(()) };
        if shape.held {
            let held = self.held.get_or_insert_default();
            if !self.dropping
                && let Err(error) = held.row(body, columns, &mut self.cout)
            {
                self.drop_result(&error);
            }
        } else {
            reply::shape_row(&mut self.cout, columns, &fields);
        }
        Ok(())
    }

    /// A result that cannot go on: the client gets an error instead of the rest.
    fn drop_result(&mut self, error: &ClientError) {
        encode::error(&mut self.cout, error, "");
        self.dropping = true;
        self.script = None;
        if let Some(Expect::Query { ready, .. }) = self.expect.front_mut() {
            *ready = true;
        }
    }

    /// The catalog that this client's statements were translated with last.
    pub(super) fn known(&mut self) -> Arc<Catalog> {
        match self.schema.overlay() {
            Some(overlay) => overlay.clone(),
            None => self.schema.merge(self.pool.catalog()),
        }
    }

    /// A statement that failed behind rows that stay.
    fn fails(&mut self, failure: &str) {
        let fields: std::collections::BTreeMap<String, Option<String>> = serde_json::from_str(failure).unwrap_or_default();
        let known = fields.iter().filter_map(|(code, text)| Some((*code.as_bytes().first()?, text.as_deref().filter(|t| !t.is_empty())?)));
        let mut report = BytesMut::new();
        encode::error_fields(&mut report, [(b'S', "ERROR"), (b'V', "ERROR")].into_iter().chain(known));
        let catalog = self.known();
        reply::shape_error(&mut self.cout, &report[frame::HEADER..], &catalog);
        self.dropping = true;
        self.script = None;
        self.skipping |= !self.expect.iter().any(|e| matches!(e, Expect::Sync | Expect::Query { .. }));
        if let Some(Expect::Query { ready, .. }) = self.expect.front_mut() {
            *ready = true;
        }
    }

    fn complete(&mut self, tag: u8, whole: &[u8]) {
        if let Some(Expect::Query { guards: guards @ 1.., .. }) = self.expect.front_mut() {
            *guards -= 1;
            return;
        }
        let Some(shape) = self.shape() else { return };
        if shape.silent {
            self.expect.pop_front();
            return;
        }
        if shape.held
            && !self.dropping
            && let Some(columns) = &shape.columns
        {
            let mut held = self.held.take().unwrap_or_default();
            if let Err(error) = held.tell(columns, &mut self.cout) {
                self.drop_result(&error);
            }
        }
        if let Some(failure) = self.failure.take() {
            let (_, rows) = backend::tag(&whole[frame::HEADER..]);
            self.counters.changed(rows.saturating_sub(1));
            self.fails(&failure);
        }
        self.held = None;
        if std::mem::take(&mut self.dropping) {
            if matches!(self.expect.front(), Some(Expect::Execute { .. })) {
                self.expect.pop_front();
                // As after any error, what follows up to Sync gets no answer; the backend has answered it all the same.
                self.expect.iter_mut().take_while(|e| !matches!(e, Expect::Sync)).for_each(Expect::silence);
            }
            return;
        }
        let body = &whole[frame::HEADER..];
        if tag == b'C' {
            let (text, rows) = backend::tag(body);
            if text == "ROLLBACK" {
                self.rolled_back = true;
            }
            if shape.counts {
                // What INSTEAD OF triggers do with the rows of a view counts as nothing.
                // A tag of its own says how many.
                let told = shape.tag.filter(|t| !t.contains("{}")).map(|t| t.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default());
                self.counters.changed(told.unwrap_or(rows));
            }
            if shape.schema_change {
                self.schema.changed();
            }
            if shape.raw {
                self.deallocated(text);
            }
            match shape.tag {
                Some(tag) => encode::complete(&mut self.cout, &tag.replace("{}", &rows.to_string())),
                None => self.cout.extend_from_slice(whole),
            }
        } else {
            self.cout.extend_from_slice(whole);
        }
        if matches!(self.expect.front(), Some(Expect::Execute { .. })) {
            self.expect.pop_front();
        }
    }

    /// A statement was done that ends what is prepared.
    fn deallocated(&mut self, tag: &str) {
        if !matches!(tag, "DISCARD ALL" | "DEALLOCATE ALL") {
            return;
        }
        self.statements.clear();
        self.unnamed_here = false;
        if let Some(link) = self.link.as_mut() {
            link.prepared.clear();
        }
    }

    /// What follows a message that failed up to the Sync gets no answer, and has not happened.
    fn skip(&mut self) {
        self.skipping = !self.expect.iter().any(|e| matches!(e, Expect::Sync));
        // The message that failed took the unnamed statement with it, if it was to replace it.
        let unnamed = matches!(self.expect.front(), Some(Expect::Parse { id: None, .. }));
        let mut renamed = Vec::new();
        while self.expect.front().is_some_and(|e| !e.survives_error()) {
            match self.expect.pop_front() {
                Some(Expect::Parse { id: Some(id), .. }) => {
                    if let Some(link) = self.link.as_mut() {
                        link.prepared.remove(id);
                    }
                }
                Some(Expect::Renamed(name, before)) => renamed.push((name, before)),
                _ => {}
            }
        }
        while let Some((name, before)) = renamed.pop() {
            self.unnamed_here &= !name.is_empty();
            match before {
                Some(before) => drop(self.statements.insert(name.into_string(), before)),
                None => drop(self.statements.remove(&*name)),
            }
        }
        if unnamed {
            self.statements.remove("");
            self.unnamed_here = false;
        }
    }

    fn error(&mut self, whole: &[u8]) {
        if matches!(self.expect.front(), Some(Expect::Survey)) {
            self.survey_failed();
            return;
        }
        let told = match self.expect.front_mut() {
            Some(Expect::Fail(told)) => Some(std::mem::take(told)),
            _ => None,
        };
        let body = &whole[frame::HEADER..];
        let state = backend::fields(body).iter().find(|(c, _)| *c == b'C').map_or("", |(_, t)| *t).to_owned();
        let mut message = BytesMut::new();
        if let Some(told) = told {
            message = told;
        } else if self.is_sqlite() {
            let catalog = self.known();
            reply::shape_error(&mut message, body, &catalog);
            self.schema.stale |= STALE.contains(&state.as_str());
        } else {
            self.named_by_client(whole, &mut message);
        }
        if state == "0A000" && memchr::memmem::find(body, super::widen::OUTDATED).is_some() {
            self.pool.outdated();
        }
        self.transaction.failed();
        self.schema.failed();
        // RAISE(ROLLBACK), and OR ROLLBACK.
        self.rolls_back |= state == "LW002" || self.shape().is_some_and(|shape| rolls_back(&shape.rolls_back, body));
        if self.shape().is_some_and(|shape| shape.counts) {
            self.counters.changed(0);
        }
        self.held = None;
        self.dropping = false;
        if self.holds_error(&state, body, &message) {
            return;
        }
        let repeatable = self.is_repeatable();
        match self.expect.front_mut() {
            Some(Expect::Own { tag: None, required: false, .. }) => return,
            Some(Expect::Own { required: true, ready, .. }) => {
                // What was to follow does not.
                if self.script.take().is_some() {
                    *ready = true;
                } else {
                    self.skipping = true;
                }
            }
            Some(Expect::Own { tag, ready, .. }) => {
                self.commit_failed = *tag == Some("COMMIT");
                *tag = None;
                self.script = None;
                // In the extended protocol the client's Sync will bring ReadyForQuery.
                if self.unsynced {
                    self.skipping = true;
                } else {
                    *ready = true;
                }
            }
            Some(Expect::Query { ready, retry, .. }) => {
                let retry = *retry && STALE.contains(&state.as_str());
                let misfit = self.script.as_ref().filter(|s| s.turns < super::widen::TURNS).and_then(|_| super::widen::misfit_of(body));
                let conflict = repeatable && self.script.as_mut().is_some_and(|s| s.conflicts.meet(&state));
                if retry || conflict || misfit.is_some() {
                    self.misfit = misfit;
                    // What the client gets, and when, is decided once the catalog was read again.
                    *ready = false;
                    if let Some(script) = self.script.as_mut() {
                        script.ready = false;
                    }
                    self.held_error = Some(message);
                    return;
                }
                *ready = true;
                self.script = None;
            }
            _ => {
                self.skip();
            }
        }
        self.copy_failed();
        self.told_fatal |= backend::fields(body).iter().any(|(c, text)| *c == b'V' && *text != "ERROR");
        self.cout.extend_from_slice(&message);
    }

    fn ready(&mut self, status: u8) {
        self.answered += 1;
        if let Some(link) = self.link.as_mut() {
            link.status = status;
        }
        let front = self.expect.pop_front();
        if matches!(front, Some(Expect::Survey)) {
            self.survey_ends();
            return;
        }
        if matches!(front, Some(Expect::Own { required: true, .. })) {
            self.schema.changed();
        }
        if std::mem::take(&mut self.rolls_back) && status != b'I' {
            self.transaction.settle(status);
            self.rolled_back = true;
            self.own_query("ROLLBACK", None, true);
            return;
        }
        let commit_failed = std::mem::take(&mut self.commit_failed);
        let shown = self.transaction.status(status);
        self.transaction.settle(status);
        if status == b'I' {
            let rolled_back = std::mem::take(&mut self.rolled_back) || commit_failed;
            self.schema.settle(!rolled_back);
            // It holds for one transaction (pragma.html#pragma_defer_foreign_keys).
            if !matches!(front, Some(Expect::Own { tag: None, .. })) {
                self.pragmas.remove("defer_foreign_keys");
            }
            self.turn = None;
            self.portals.clear();
        }
        let told = match front {
            Some(Expect::Own { tag, ready, .. }) => {
                if let Some(tag) = tag {
                    encode::complete(&mut self.cout, tag);
                }
                ready
            }
            Some(Expect::Query { ready, .. }) => {
                self.leaving = false;
                ready
            }
            Some(Expect::Sync) => true,
            _ => false,
        };
        if status != b'I' && self.options.pool_mode == PoolMode::Statement {
            self.refused = true;
            return;
        }
        if !told {
            return;
        }
        self.info.meter.answered(status == b'I');
        // A client that pipelines has gone on already.
        if status == b'I' && self.expect.is_empty() && std::mem::take(&mut self.schema.announce) {
            encode::ready(self.announcing.insert(BytesMut::new()), shown);
        } else {
            encode::ready(&mut self.cout, shown);
        }
    }

    fn parameter_status(&mut self, body: &[u8]) {
        let mut reader = frame::Reader::new(body);
        if let (Ok(name), Ok(value)) = (reader.cstring(), reader.cstring())
            && let Some(link) = self.link.as_mut()
        {
            link.params.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// Is an error the violation of one of the constraints (`*`: of any)?
fn rolls_back(constraints: &[String], body: &[u8]) -> bool {
    if constraints.is_empty() {
        return false;
    }
    let fields = backend::fields(body);
    let get = |code: u8| fields.iter().find(|(c, _)| *c == code).map(|(_, t)| *t);
    let named = |name: Option<&str>| name.is_some_and(|name| constraints.iter().any(|c| c == "*" || c == name));
    matches!(get(b'C'), Some("23505" | "23502" | "23514")) && (named(get(b'n')) || named(get(b'c')))
}

/// The backend is gone, and why.
struct Lost(String);
