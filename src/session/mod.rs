//! One client: its messages, its statements, its transaction, its settings.
//!
//! The task turns in a loop: whole frames from the client become frames for the backend and a queue of what is expected back
//! ([`expect`]); then both sockets are driven at once ([`relay`]) until the queue is empty or the client has said more.

mod attach;
mod conflict;
mod copy;
mod counters;
mod expect;
mod extended;
mod hatches;
mod link;
mod named;
pub(crate) mod params;
mod relay;
mod schema;
mod settings;
mod simple;
mod statement;
mod stream;
mod survey;
mod timeouts;
mod transaction;
mod widen;

pub use timeouts::Timeouts;

use crate::catalog::Catalog;
use crate::config::{DialectKind, ForeignKeys, Immediate, Isolation, PoolMode, ResultProfile, TypeMapping, UntypedParams};
use crate::error::{ClientError, SqlState};
use crate::observe::Meter;
use crate::pool::{Checkout, ImmediateTurn, Pool};
use crate::reply::Held;
use crate::server::CancelHandle;
use crate::translate::{Action, HatchSet, Hatches, Options};
use crate::wire::{encode, frame};
use bytes::{Buf, BytesMut};
use counters::Counters;
use expect::Expect;
use relay::Event;
use schema::Schema;
use settings::Settings;
use statement::{Portal, Prepared};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use timeouts::{Clock, Waiting};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::Instant;
use transaction::Transaction;

/// A buffer's bytes that are kept while a client is idle.
const KEPT: usize = 512;
/// The same for the queue of expected replies.
const KEPT_REPLIES: usize = 8;
/// What a client is told that is sent away.
const TERMINATED: &str = "terminating connection due to administrator command";

/// A client that is let in.
pub struct Client<IO> {
    /// Its socket.
    pub io: IO,
    /// What it sent already.
    pub read_buf: BytesMut,
    /// Who it is.
    pub info: ClientInfo,
}

/// Who a client is.
pub struct ClientInfo {
    /// Its user.
    pub user: String,
    /// Its database.
    pub database: String,
    /// Its application_name.
    pub application_name: String,
    /// Its further start-up parameters.
    pub startup: BTreeMap<String, String>,
    /// What makes it cancellable.
    pub cancel: CancelHandle,
    /// What it is seen by, and counted with.
    pub meter: Meter,
}

/// What the configuration says of a session.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Its dialect.
    pub dialect: DialectKind,
    /// When its backend is given back.
    pub pool_mode: PoolMode,
    /// The shape of its results.
    pub results: ResultProfile,
    /// `[dialect] untyped_params`
    pub untyped_params: UntypedParams,
    /// `[dialect] types`
    pub types: TypeMapping,
    /// `[dialect] foreign_keys`
    pub foreign_keys: ForeignKeys,
    /// `[dialect] misfit_widen_limit`; None under `misfit = "refuse"`.
    pub misfit_widen_limit: Option<usize>,
    /// `[dialect.hatches]`
    pub hatches: HatchSet,
    /// `[transactions] immediate`
    pub immediate: Immediate,
    /// `[transactions] isolation`
    pub isolation: Isolation,
    /// `[limits] max_query_size`
    pub max_query_size: usize,
    /// `[limits] max_message_size`
    pub max_message_size: usize,
    /// `[limits] …_timeout`
    pub timeouts: Timeouts,
}

/// Why a session ends early.
#[derive(Debug)]
enum Ended {
    /// The client's socket.
    Io(io::Error),
    /// The client is told, and let go.
    Fatal(ClientError),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Ended::Io(error)
    }
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// It is dealt with.
    Done,
    /// It must wait until nothing is expected any more.
    Wait,
    /// The client said good-bye.
    Terminate,
}

/// A client's session.
struct Session<IO> {
    io: IO,
    /// From the client, not yet looked at.
    cin: BytesMut,
    /// For the client.
    cout: BytesMut,
    /// What is in it must go now: the backend sent it, or the client asked for it. What is made here waits for the rest of its batch.
    prompt: bool,
    /// For the backend.
    bout: BytesMut,
    expect: VecDeque<Expect>,
    link: Option<Checkout>,
    /// What is left of a backend frame that passes unseen.
    pass: usize,
    pool: Arc<Pool>,
    info: ClientInfo,
    options: SessionOptions,
    shutdown: watch::Receiver<bool>,
    transaction: Transaction,
    turn: Option<ImmediateTurn>,
    settings: Settings,
    counters: Counters,
    /// Values of PRAGMAs that this connection has set.
    pragmas: BTreeMap<&'static str, String>,
    statements: BTreeMap<String, Arc<Prepared>>,
    portals: BTreeMap<String, Arc<Portal>>,
    script: Option<simple::Script>,
    schema: Schema,
    /// An error of the extended protocol: everything is skipped up to Sync.
    skipping: bool,
    /// Something was sent to the backend since the last Sync.
    unsynced: bool,
    /// The backend holds state of this session that cannot be moved.
    pinned: bool,
    /// The transaction that ended last was rolled back.
    rolled_back: bool,
    /// The COMMIT under way failed; the transaction has ended with it, or is still open.
    commit_failed: bool,
    /// A constraint's ON CONFLICT ROLLBACK was met: the transaction ends before the client hears that it is ready.
    rolls_back: bool,
    /// What went wrong behind the rows that stay (OR FAIL), as the helper tells it.
    failure: Option<String>,
    /// An error that a fresh catalog may mend: kept back until that was tried.
    held_error: Option<BytesMut>,
    /// The column that the error kept back names: widened, it may mend it.
    misfit: Option<crate::translate::Misfit>,
    /// The batch under way, while it may be sent again as it is.
    batch: Option<widen::Batch>,
    /// A ReadyForQuery that waits until everybody knows of the client's DDL.
    announcing: Option<BytesMut>,
    /// A batch is sent again: of its replies the client has some already.
    replaying: bool,
    /// The frame that was taken must be dealt with again, once nothing is expected.
    again: bool,
    /// The backend was asked to send what it has.
    flushed: bool,
    /// The rows of the result under way whose types are still to be told.
    held: Option<Held>,
    /// The result under way has failed here: what is left of it is dropped.
    dropping: bool,
    /// A portal whose description waits for its Execute.
    undescribed: Option<String>,
    /// `SET litewire.dynamic = 'text'`: dynamic columns are always text.
    dynamic_text: bool,
    /// The unnamed statement that the backend at hand has parsed (postgres dialect).
    unnamed_here: bool,
    /// A Query is under way that may end what is prepared, or prepare: what a name stands for depends on it.
    leaving: bool,
    /// COPY data on its way to the backend.
    copy: copy::Copy,
    /// A large message that passes as it comes.
    stream: stream::Stream,
    /// What the backend says this session has left there, while it says so.
    surveyed: Option<Box<survey::Survey>>,
    /// A transaction was begun where the pool takes none.
    refused: bool,
    /// The backend has told the client that it ends the connection.
    told_fatal: bool,
    /// ReadyForQuerys of backends so far.
    answered: u64,
}

/// Serves a client to its end.
pub async fn run<IO: AsyncRead + AsyncWrite + Unpin>(
    client: Client<IO>,
    pool: Arc<Pool>,
    options: SessionOptions,
    shutdown: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut settings = Settings::default();
    for (name, value) in &client.info.startup {
        settings.set(name, value);
    }
    if !client.info.application_name.is_empty() {
        settings.set("application_name", &client.info.application_name);
    }
    // On the heap, so that the future of an idle client is small.
    let mut session = Box::new(Session {
        io: client.io,
        // Not the start-up's buffer, which is larger than what most clients say.
        cin: BytesMut::from(&client.read_buf[..]),
        cout: BytesMut::new(),
        prompt: false,
        bout: BytesMut::new(),
        expect: VecDeque::new(),
        link: None,
        pass: 0,
        pool,
        info: client.info,
        options,
        shutdown,
        transaction: Transaction::default(),
        turn: None,
        settings,
        counters: Counters::default(),
        pragmas: BTreeMap::new(),
        statements: BTreeMap::new(),
        portals: BTreeMap::new(),
        script: None,
        schema: Schema::default(),
        skipping: false,
        unsynced: false,
        pinned: false,
        rolled_back: false,
        commit_failed: false,
        rolls_back: false,
        failure: None,
        held_error: None,
        misfit: None,
        batch: None,
        announcing: None,
        replaying: false,
        again: false,
        flushed: false,
        held: None,
        dropping: false,
        undescribed: None,
        dynamic_text: false,
        unnamed_here: false,
        leaving: false,
        copy: copy::Copy::default(),
        stream: stream::Stream::default(),
        surveyed: None,
        refused: false,
        told_fatal: false,
        answered: 0,
    });
    let ended = session.turn().await;
    session.drop_link();
    session.pool.detach(session.schema.in_memory());
    match ended {
        Ok(()) if session.cout.is_empty() => Ok(()),
        // What stood before its good-bye is answered.
        Ok(()) => {
            poll_fn(|cx| session.poll_flush_client(cx)).await?;
            Box::pin(linger(&mut session.io)).await
        }
        Err(Ended::Io(error)) => Err(error),
        Err(Ended::Fatal(error)) => {
            encode::error(&mut session.cout, &error.fatal(), "");
            poll_fn(|cx| session.poll_flush_client(cx)).await?;
            Box::pin(linger(&mut session.io)).await
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// The loop, until the client leaves.
    async fn turn(&mut self) -> Result<(), Ended> {
        let mut stop = pin!(stopped(self.shutdown.clone()));
        let client = self.info.meter.client().clone();
        let mut killed = pin!(client.killed());
        let mut clock = Clock::new(self.options.timeouts);
        // The statement whose backend was asked to cancel it, and since when it does not answer.
        let mut cancelled: Option<(u64, Instant)> = None;
        // Both wake this task once they were polled; whether they are to be polled again is seen cheaply.
        let mut watching = false;
        loop {
            loop {
                if self.script.is_some() && self.expect.is_empty() {
                    self.next_statement().await?;
                    continue;
                }
                if let Some(ready) = self.announcing.take() {
                    self.announce(&ready).await;
                }
                if self.script.is_none()
                    && self.expect.is_empty()
                    && let Some(error) = self.held_error.take()
                {
                    self.after_batch_error(error).await?;
                }
                // While a statement of a script runs, the client has a say only in a COPY.
                if self.script.is_some() && !self.copy.is_open() && !self.stream.is_open() && !matches!(self.cin.first(), Some(b'd' | b'c' | b'f')) {
                    break;
                }
                if !self.has_frame() {
                    break;
                }
                match self.frame().await? {
                    Progress::Done => clock.heard(),
                    Progress::Wait => break,
                    Progress::Terminate => return Ok(()),
                }
            }
            if self.refused {
                let message = "transaction blocks not allowed in statement pooling mode";
                return Err(Ended::Fatal(ClientError::new(SqlState::PROTOCOL_VIOLATION, message)));
            }
            self.release_if_idle();
            let event = poll_fn(|cx| {
                if !std::mem::replace(&mut watching, true) || client.is_killed() || self.shutdown.has_changed().unwrap_or(true) {
                    // Only the one who waits for a client is told; a transaction ends first.
                    if self.link.is_none() && stop.as_mut().poll(cx).is_ready() || killed.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(Ok(Event::Stop));
                    }
                }
                if let Poll::Ready(waited) = clock.poll(self.waiting(), cx) {
                    return Poll::Ready(Ok(Event::Late(waited)));
                }
                self.poll_relay(cx)
            });
            match event.await? {
                Event::Client | Event::Drained => {}
                Event::Late(waited) => match waited.too_long() {
                    Some(error) => return Err(Ended::Fatal(error)),
                    None => {
                        let (at, since) = cancelled.filter(|(at, _)| *at == self.answered).unwrap_or((self.answered, Instant::now()));
                        if since.elapsed() >= SILENCE {
                            return Err(Ended::Fatal(self.unreachable()));
                        }
                        cancelled = Some((at, since));
                        self.info.cancel.cancel();
                    }
                },
                Event::ClientGone => return Ok(()),
                // It has said why.
                Event::BackendGone(_) if self.told_fatal => {
                    poll_fn(|cx| self.poll_flush_client(cx)).await?;
                    return Ok(Box::pin(linger(&mut self.io)).await?);
                }
                Event::BackendGone(reason) => {
                    let error = ClientError::new(SqlState::CONNECTION_FAILURE, "the connection to the backend was lost");
                    return Err(Ended::Fatal(error.detail(reason).hint("Connect again; what was not committed is undone.")));
                }
                Event::Stop => {
                    return Err(Ended::Fatal(ClientError::new(SqlState::ADMIN_SHUTDOWN, TERMINATED)));
                }
            }
        }
    }

    /// The backend neither answers nor can be told to stop.
    fn unreachable(&mut self) -> ClientError {
        if let Some(link) = self.link.as_mut() {
            link.broken = true;
            tracing::warn!(pid = link.pid, "a backend does not answer, not even to its cancelling: it is taken for lost");
        }
        let error = ClientError::new(SqlState::CONNECTION_FAILURE, "the connection to the backend was lost");
        error.detail("It took longer than [limits] query_timeout, and could not be cancelled.")
    }

    /// Gives memory back that a client who waits does not need.
    fn shed(&mut self) {
        for buffer in [&mut self.cin, &mut self.cout, &mut self.bout] {
            if buffer.is_empty() && buffer.capacity() > KEPT {
                *buffer = BytesMut::new();
            }
        }
        if self.expect.is_empty() && self.expect.capacity() > KEPT_REPLIES {
            self.expect = VecDeque::new();
        }
    }

    /// What is waited for.
    fn waiting(&self) -> Waiting {
        match &self.link {
            _ if !self.expect.is_empty() => Waiting::Answer(self.answered),
            Some(link) if link.status != b'I' => Waiting::InTransaction,
            _ => Waiting::Idle,
        }
    }

    fn has_frame(&self) -> bool {
        if self.stream.is_open() { !self.cin.is_empty() } else { frame::is_whole(&self.cin, self.longest()) || self.may_stream() }
    }

    /// Deals with the frame at the start of the client's bytes.
    async fn frame(&mut self) -> Result<Progress, Ended> {
        if self.stream.is_open() {
            self.go_on();
            return Ok(Progress::Done);
        }
        let length = match frame::length(&self.cin, self.longest()) {
            Ok(Some(length)) => length,
            Ok(None) => return Ok(Progress::Wait),
            Err(_) if !self.expect.is_empty() => return Ok(Progress::Wait),
            Err(error) => return Err(Ended::Fatal(ClientError::new(SqlState::PROTOCOL_VIOLATION, error.to_string()))),
        };
        let tag = self.cin[0];
        if self.copy.is_open() && !matches!(tag, b'd' | b'c' | b'f') {
            let cin = self.cin.split_to(length);
            self.within_copy(tag, &cin);
            return Ok(Progress::Done);
        }
        if self.must_wait(tag) {
            // Without a Sync the backend would keep the replies to itself.
            if self.unsynced && !self.flushed {
                encode::empty(&mut self.bout, b'H');
                self.flushed = true;
            }
            return Ok(Progress::Wait);
        }
        if self.needs_replies(tag, length) {
            // Without a Sync the backend would keep them to itself.
            if !self.flushed {
                encode::empty(&mut self.bout, b'H');
                self.flushed = true;
            }
            return Ok(Progress::Wait);
        }
        self.flushed = false;
        if self.cin.len() < length {
            return Ok(self.begin_stream(length).await);
        }
        if tag != b'X' {
            self.info.meter.asked();
        }
        // Dealing with a frame never looks at what follows it.
        let mut cin = std::mem::take(&mut self.cin);
        let progress = self.dispatch(tag, &cin[..length]).await;
        // A frame that waits is dealt with again.
        if !matches!(progress, Ok(Progress::Wait)) {
            cin.advance(length);
        }
        self.cin = cin;
        progress
    }

    async fn dispatch(&mut self, tag: u8, taken: &[u8]) -> Result<Progress, Ended> {
        let body = &taken[frame::HEADER..];
        match tag {
            b'X' => return Ok(Progress::Terminate),
            b'Q' | b'F' if self.skipping => {}
            b'Q' => self.query(body).await?,
            b'P' | b'B' | b'D' | b'E' | b'C' | b'S' | b'H' => {
                self.extended(tag, taken).await?;
                if std::mem::take(&mut self.again) {
                    return Ok(Progress::Wait);
                }
            }
            b'd' | b'c' | b'f' => {
                if !self.skipping {
                    self.copy_message(tag, taken);
                }
            }
            b'F' if !self.is_sqlite() => self.function_call(taken).await,
            b'F' => {
                self.inject_error(&ClientError::refused("the function call protocol").hint("Use SELECT function(…)."), "");
                self.ready_here();
            }
            other => {
                let message = format!("invalid frontend message type {other}");
                return Err(Ended::Fatal(ClientError::new(SqlState::PROTOCOL_VIOLATION, message)));
            }
        }
        Ok(Progress::Done)
    }

    /// Must everything before this frame be answered first?
    fn must_wait(&self, tag: u8) -> bool {
        if self.expect.is_empty() {
            return false;
        }
        match tag {
            b'd' | b'c' | b'f' => false,
            // What is skipped with the rest needs no wait.
            b'Q' | b'F' if self.skipping => false,
            // These, the end of the session, and what is no message come when all before them is answered.
            tag if !matches!(tag, b'P' | b'B' | b'D' | b'E' | b'C' | b'S' | b'H') => true,
            // It is the end of the batch that the Query of our own is in.
            b'S' if self.unsynced && matches!(self.expect.back(), Some(Expect::Own { tag: Some(_), .. })) => false,
            _ if self.held_error.is_some() || self.expect.iter().any(|e| matches!(e, Expect::Own { required: true, .. })) => true,
            b'P' | b'B' | b'D' | b'C' if self.leaving => true,
            // Whether a name stands for a statement depends on how the batch before ended.
            b'P' | b'B' | b'D' | b'C' if self.renamed_before() => true,
            // Within a transaction the guard of a batch depends on how the batch before it ended.
            _ => {
                self.is_sqlite()
                    && (self.expect.iter().any(|e| matches!(e, Expect::Own { tag: Some(_), .. })) || (!self.unsynced && self.transaction.is_active()))
            }
        }
    }

    /// Did a batch before this one, whose end is still to come, give a name to a statement?
    fn renamed_before(&self) -> bool {
        let mut earlier = self.expect.iter().rev().skip_while(|e| self.unsynced && !matches!(e, Expect::Sync | Expect::Ready | Expect::Query { .. }));
        earlier.any(|e| matches!(e, Expect::Renamed(name, _) if !name.is_empty()))
    }

    /// Does a message of a pipeline depend on replies that are still to come: on the counters, or on a schema that changes?
    fn needs_replies(&self, tag: u8, length: usize) -> bool {
        if self.expect.is_empty() || !self.is_sqlite() || self.skipping || !matches!(tag, b'P' | b'B' | b'E') {
            return false;
        }
        if tag == b'E' {
            // A Query of our own behind a message that fails would be skipped with all the rest.
            let name = self.cin.get(frame::HEADER..length).and_then(|body| frame::Reader::new(body).cstring().ok());
            let plan = name.and_then(|name| self.portals.get(name)).and_then(|portal| portal.plan.as_ref());
            return self.unsynced && plan.is_some_and(|plan| matches!(plan.action, Action::Transaction(_)));
        }
        if self.expect.iter().any(|e| matches!(e, Expect::Execute { shape, .. } if shape.schema_change)) {
            return true;
        }
        let Some(body) = self.cin.get(frame::HEADER..length).filter(|_| tag == b'B') else { return false };
        let mut reader = frame::Reader::new(body);
        let (Ok(_), Ok(name)) = (reader.cstring(), reader.cstring()) else { return false };
        let plan = self.statements.get(name).and_then(|s| s.plan.as_deref());
        plan.is_some_and(crate::translate::Plan::reads_counters)
    }

    fn set_dialect(&mut self, dialect: DialectKind) {
        self.options.dialect = dialect;
        self.info.meter.dialect(self.is_sqlite());
    }

    fn is_sqlite(&self) -> bool {
        self.options.dialect == DialectKind::Sqlite
    }

    /// What of this session shapes a translation by that catalog.
    fn translation(&self, catalog: &Catalog) -> Options {
        let on = |name: &str| self.pragmas.get(name).is_some_and(|v| v == "1");
        Options {
            native_results: self.options.results == ResultProfile::Native,
            infer_params: self.options.untyped_params == UntypedParams::Infer,
            native_types: self.options.types == TypeMapping::Native,
            column_types: None,
            case_sensitive_like: on("case_sensitive_like"),
            foreign_keys: match self.options.foreign_keys {
                ForeignKeys::On => true,
                ForeignKeys::Off => false,
                // Per database, as PostgreSQL's are: one session's word holds for all.
                ForeignKeys::FirstPragma => on("foreign_keys") || catalog.meta.get("foreign_keys").is_some_and(|v| v == "1"),
            },
            widen: self.options.misfit_widen_limit,
            hatches: Hatches::new(self.options.hatches),
            legacy_alter_table: on("legacy_alter_table"),
            foreign_keys_checked: self.options.foreign_keys == ForeignKeys::On || on("foreign_keys"),
            foreign_keys_by_pragma: self.options.foreign_keys == ForeignKeys::FirstPragma,
        }
    }

    /// The catalog to translate with.
    async fn catalog(&mut self) -> Result<Arc<Catalog>, ClientError> {
        if let Some(overlay) = self.schema.overlay() {
            return Ok(overlay.clone());
        }
        // Large futures for rare cases.
        let shared = if std::mem::take(&mut self.schema.stale) {
            Box::pin(self.pool.reload_catalog()).await?
        } else if !self.schema.checked {
            Box::pin(self.pool.check_catalog()).await?
        } else {
            self.pool.catalog()
        };
        self.schema.checked = true;
        Ok(self.schema.merge(shared))
    }

    /// Sees that nobody is behind the client's DDL, and lets it go on.
    async fn announce(&mut self, ready: &[u8]) {
        match Box::pin(self.pool.announce_ddl()).await {
            Ok(()) => self.schema.stale = false,
            // The DDL stands; who is behind finds out by the poll.
            Err(error) => tracing::warn!(%error, "DDL could not be announced"),
        }
        self.cout.extend_from_slice(ready);
    }

    /// A message for the client, in its turn.
    fn inject(&mut self, message: BytesMut) {
        if self.expect.is_empty() {
            self.cout.extend_from_slice(&message);
        } else {
            self.expect.push_back(Expect::Inject(message));
        }
    }

    /// A message without a body for the client, in its turn.
    fn inject_empty(&mut self, tag: u8) {
        if self.expect.is_empty() {
            return encode::empty(&mut self.cout, tag);
        }
        let mut message = BytesMut::new();
        encode::empty(&mut message, tag);
        self.inject(message);
    }

    /// An error of the proxy's own, in its turn.
    fn inject_error(&mut self, error: &ClientError, sql: &str) {
        crate::observe::counters().errors.add(1);
        crate::observe::note_refusal(error);
        let mut out = BytesMut::new();
        encode::error(&mut out, error, sql);
        self.inject(out);
    }

    /// ReadyForQuery where the backend has no part in it.
    fn ready_here(&mut self) {
        self.expect.push_back(Expect::Ready);
        self.release_injected();
    }

    /// ReadyForQuery with the transaction's status.
    fn tell_ready(&mut self) {
        let status = self.link.as_ref().map_or(b'I', |link| self.transaction.status(link.status));
        self.info.meter.answered(status == b'I');
        encode::ready(&mut self.cout, status);
    }
}

/// A backend that was asked to cancel a statement, again and again, and says nothing for so long is taken for lost.
const SILENCE: Duration = Duration::from_secs(5);

/// How long a client is listened to that was told that the connection ends.
const LINGER: Duration = Duration::from_secs(1);

/// Ends a connection so that the last message arrives: what is still coming in would make the socket drop what was not read yet.
async fn linger(io: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    io.shutdown().await?;
    // Who does not hang up in time has had time to read.
    let _ = tokio::time::timeout(LINGER, tokio::io::copy(io, &mut tokio::io::sink())).await;
    Ok(())
}

/// Completes when the proxy stops.
async fn stopped(mut shutdown: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = shutdown.wait_for(|stop| *stop).await;
}
