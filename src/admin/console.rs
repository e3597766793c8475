//! The console's side of the protocol: simple queries, and the extended protocol as far as drivers use it.

use super::command::{self, Command};
use super::show::{Cell, Columns, Kind, Row};
use super::{Admin, Order, Reloaded};
use crate::error::{ClientError, SqlState};
use crate::wire::encode::Field;
use crate::wire::{WireError, encode, frame, frontend};
use bytes::{BufMut, BytesMut};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{oneshot, watch};

/// No command is longer.
const LONGEST: usize = 64 * 1024;
/// Statements, and portals, of one console at most.
const MOST: usize = 1024;
/// How often WAIT_CLOSE looks.
const LOOK: Duration = Duration::from_millis(50);

/// What the client is told at its start. As with PgBouncer, the version is the proxy's.
const PARAMETERS: [(&str, &str); 6] = [
    ("server_version", concat!(env!("CARGO_PKG_VERSION"), "/litewire")),
    ("client_encoding", "UTF8"),
    ("server_encoding", "UTF8"),
    ("DateStyle", "ISO"),
    ("TimeZone", "UTC"),
    ("standard_conforming_strings", "on"),
];

struct Portal {
    command: Command,
    formats: Vec<i16>,
    /// The rows that are still to be fetched, once it was executed.
    rows: Option<VecDeque<Row>>,
}

struct Console {
    admin: Arc<Admin>,
    /// May it do more than look?
    full: bool,
    user: String,
    out: BytesMut,
    statements: HashMap<String, Command>,
    portals: HashMap<String, Portal>,
    /// After an error of the extended protocol, until Sync.
    skipping: bool,
}

/// Greets a user who has logged in, and serves it to its end, or until the server stops.
pub async fn run<IO: AsyncRead + AsyncWrite + Unpin>(
    mut io: IO,
    mut read: BytesMut,
    admin: Arc<Admin>,
    user: &str,
    full: bool,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    admin.consoles.fetch_add(1, Ordering::Relaxed);
    let user = user.to_owned();
    let mut console = Console { admin, full, user, out: BytesMut::new(), statements: HashMap::new(), portals: HashMap::new(), skipping: false };
    console.greet();
    let mut stopped = std::pin::pin!(async move {
        // A sender that is gone means the same.
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    loop {
        io.write_all_buf(&mut console.out).await?;
        io.flush().await?;
        while !frame::is_whole(&read, LONGEST) {
            tokio::select! {
                count = io.read_buf(&mut read) => if count? == 0 { return Ok(()) },
                () = &mut stopped => {
                    let error = ClientError::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command");
                    encode::error(&mut console.out, &error.fatal(), "");
                    return io.write_all_buf(&mut console.out).await;
                }
            }
        }
        let length = match frame::length(&read, LONGEST) {
            Ok(length) => length.unwrap_or(frame::HEADER),
            Err(error) => {
                encode::error(&mut console.out, &violation(&error).fatal(), "");
                return io.write_all_buf(&mut console.out).await;
            }
        };
        let message = read.split_to(length);
        if message[0] == b'X' {
            return Ok(());
        }
        // Whoever waits for a PAUSE may go away meanwhile: then it is not waited for any more.
        tokio::select! {
            () = console.message(message[0], &message[frame::HEADER..]) => {}
            gone = gone(&mut io, &mut read) => return gone,
        }
    }
}

/// Completes when the client has hung up; what it says meanwhile is kept for later, up to a bound.
async fn gone<IO: AsyncRead + Unpin>(io: &mut IO, read: &mut BytesMut) -> io::Result<()> {
    while read.len() < LONGEST {
        if io.read_buf(read).await? == 0 {
            return Ok(());
        }
    }
    std::future::pending().await
}

impl Drop for Console {
    fn drop(&mut self) {
        self.admin.consoles.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Console {
    fn greet(&mut self) {
        encode::message(&mut self.out, b'R', |b| b.put_u32(0));
        for (name, value) in PARAMETERS {
            encode::message(&mut self.out, b'S', |b| {
                encode::cstring(b, name);
                encode::cstring(b, value);
            });
        }
        // Drivers want a key to cancel with; this one is nobody's, since commands are not cancelled.
        encode::message(&mut self.out, b'K', |b| {
            b.put_u32(std::process::id());
            b.put_u32(0);
        });
        self.ready();
    }

    fn ready(&mut self) {
        encode::ready(&mut self.out, b'I');
    }

    async fn message(&mut self, tag: u8, body: &[u8]) {
        if tag == b'Q' {
            if let Err(error) = self.query(body).await {
                self.error(&error);
            }
            self.ready();
            return;
        }
        if tag == b'S' {
            self.skipping = false;
            self.portals.clear();
            self.ready();
            return;
        }
        if self.skipping {
            return;
        }
        if let Err(error) = self.extended(tag, body).await {
            self.error(&error);
            self.skipping = true;
        }
    }

    fn error(&mut self, error: &ClientError) {
        encode::error(&mut self.out, error, "");
    }

    async fn query(&mut self, body: &[u8]) -> Result<(), ClientError> {
        let text = frontend::query(body).map_err(|error| violation(&error))?;
        let commands = command::split(text);
        if commands.is_empty() {
            encode::empty(&mut self.out, b'I');
        }
        for text in commands {
            let command = Command::parse(text)?;
            let rows = self.execute(&command).await?;
            if let Command::Show(show) = command {
                describe(&mut self.out, show.columns(), &[]);
                rows.iter().for_each(|row| data_row(&mut self.out, row, show.columns(), &[]));
            }
            encode::complete(&mut self.out, command.tag());
        }
        Ok(())
    }

    async fn extended(&mut self, tag: u8, body: &[u8]) -> Result<(), ClientError> {
        match tag {
            b'P' => {
                let parse = frontend::parse(body).map_err(|error| violation(&error))?;
                let command = match command::split(parse.sql).as_slice() {
                    [] => Command::Empty,
                    [one] => Command::parse(one)?,
                    _ => return Err(ClientError::new(SqlState::SYNTAX_ERROR, "cannot insert multiple commands into a prepared statement")),
                };
                bounded(self.statements.len())?;
                self.statements.insert(parse.name.to_owned(), command);
                encode::empty(&mut self.out, b'1');
            }
            b'B' => {
                let bind = frontend::bind(body).map_err(|error| violation(&error))?;
                let command = self.statement(bind.statement)?.clone();
                if !bind.values.is_empty() {
                    return Err(violation(&WireError::Format).detail("The commands of the console take no parameters."));
                }
                bounded(self.portals.len())?;
                self.portals.insert(bind.portal.to_owned(), Portal { command, formats: bind.result_formats, rows: None });
                encode::empty(&mut self.out, b'2');
            }
            b'D' => {
                let (kind, name) = frontend::target(body, "DESCRIBE").map_err(|error| violation(&error))?;
                let (command, formats) = if kind == b'S' {
                    encode::parameter_description(&mut self.out, &[]);
                    let statement = self.statements.get(name).ok_or_else(|| no_statement(name))?;
                    (statement, &[][..])
                } else {
                    let portal = self.portals.get(name).ok_or_else(|| no_portal(name))?;
                    (&portal.command, portal.formats.as_slice())
                };
                match command {
                    Command::Show(show) => describe(&mut self.out, show.columns(), formats),
                    _ => encode::empty(&mut self.out, b'n'),
                }
            }
            b'E' => {
                let (name, limit) = frontend::execute(body).map_err(|error| violation(&error))?;
                self.fetch(name, limit).await?;
            }
            b'C' => {
                let (kind, name) = frontend::target(body, "CLOSE").map_err(|error| violation(&error))?;
                if kind == b'S' {
                    self.statements.remove(name);
                } else {
                    self.portals.remove(name);
                }
                encode::empty(&mut self.out, b'3');
            }
            b'H' => {}
            _ => return Err(ClientError::new(SqlState::PROTOCOL_VIOLATION, format!("invalid frontend message type {tag}"))),
        }
        Ok(())
    }

    fn statement(&self, name: &str) -> Result<&Command, ClientError> {
        self.statements.get(name).ok_or_else(|| no_statement(name))
    }

    /// Execute: all rows, or as many as the client wants at a time.
    async fn fetch(&mut self, name: &str, limit: i32) -> Result<(), ClientError> {
        let mut portal = self.portals.remove(name).ok_or_else(|| no_portal(name))?;
        let mut rows = match portal.rows.take() {
            Some(rows) => rows,
            None => self.execute(&portal.command).await?.into(),
        };
        let columns = if let Command::Show(show) = &portal.command { show.columns() } else { &[] };
        let most = usize::try_from(limit).ok().filter(|most| *most > 0).unwrap_or(usize::MAX);
        for row in rows.drain(..most.min(rows.len())) {
            data_row(&mut self.out, &row, columns, &portal.formats);
        }
        if !rows.is_empty() {
            encode::empty(&mut self.out, b's');
        } else if portal.command == Command::Empty {
            encode::empty(&mut self.out, b'I');
        } else {
            encode::complete(&mut self.out, portal.command.tag());
        }
        portal.rows = Some(rows);
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    /// Does what a command says; the rows of a SHOW.
    async fn execute(&mut self, command: &Command) -> Result<Vec<Row>, ClientError> {
        if !command.only_looks() {
            if !self.full {
                return Err(ClientError::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("user \"{}\" may only SHOW", self.user)));
            }
            tracing::info!(user = self.user, ?command, "an admin command");
        }
        let admin = self.admin.clone();
        match command {
            Command::Show(show) => return Ok(show.rows(&admin)),
            Command::Set | Command::Empty => {}
            Command::Pause(database) => {
                if database.is_none() {
                    admin.pools.hold(true);
                }
                let pools = self.pools(database.as_deref())?;
                futures_util::future::join_all(pools.iter().map(|(_, pool)| pool.pause())).await;
            }
            Command::Resume(database) => {
                if database.is_none() {
                    admin.pools.hold(false);
                }
                self.pools(database.as_deref())?.iter().for_each(|(_, pool)| pool.resume());
            }
            Command::Reconnect(database) => self.pools(database.as_deref())?.iter().for_each(|(_, pool)| pool.reconnect()),
            Command::WaitClose(database) => {
                let pools = self.pools(database.as_deref())?;
                while pools.iter().any(|(_, pool)| pool.has_retired()) {
                    tokio::time::sleep(LOOK).await;
                }
            }
            Command::Kill(database) => {
                self.pools(Some(database))?.iter().for_each(|(_, pool)| pool.hold());
                admin.clients.list().iter().filter(|client| client.identity.database == *database).for_each(|client| client.kill());
            }
            Command::KillClient(id) => {
                let none = || ClientError::new(SqlState::UNDEFINED_OBJECT, format!("there is no client {id}")).hint("SHOW CLIENTS has the ids.");
                admin.clients.get(*id).ok_or_else(none)?.kill();
            }
            Command::Reload => {
                let (answer, told) = oneshot::channel();
                admin.order(Order::Reload(answer)).await?;
                let outcome = told.await.unwrap_or_else(|_| Err("the server stops".to_owned()));
                let Reloaded { restart, .. } = outcome
                    .map_err(|reason| ClientError::new(SqlState::CONFIG_FILE_ERROR, reason).detail("The configuration in force is unchanged."))?;
                if !restart.is_empty() {
                    notice(&mut self.out, &format!("these changes need a restart: {}", restart.join(", ")));
                }
            }
            Command::Shutdown => admin.order(Order::StopNow).await?,
            Command::ShutdownAfterTransactions => admin.order(Order::Stop).await?,
            Command::ShutdownAfterClients => admin.order(Order::Drain).await?,
        }
        Ok(Vec::new())
    }

    /// The pools of a database that there is, or all.
    fn pools(&self, database: Option<&str>) -> Result<Vec<(crate::pool::PoolKey, Arc<crate::pool::Pool>)>, ClientError> {
        let pools = self.admin.pools_of(database);
        match database {
            Some(name) if pools.is_empty() => {
                let error = ClientError::new(SqlState::INVALID_CATALOG_NAME, format!("there is no pool of database \"{name}\""));
                Err(error.hint("SHOW POOLS lists them; one is made when the first client connects."))
            }
            _ => Ok(pools),
        }
    }
}

/// NoticeResponse.
fn notice(out: &mut BytesMut, message: &str) {
    encode::message(out, b'N', |b| {
        for (code, text) in [(b'S', "WARNING"), (b'V', "WARNING"), (b'C', "01000"), (b'M', message)] {
            b.put_u8(code);
            encode::cstring(b, text);
        }
        b.put_u8(0);
    });
}

fn bounded(count: usize) -> Result<(), ClientError> {
    if count < MOST { Ok(()) } else { Err(ClientError::new(SqlState::PROGRAM_LIMIT, "too many prepared statements for the console")) }
}

fn violation(error: &WireError) -> ClientError {
    ClientError::new(SqlState::PROTOCOL_VIOLATION, error.to_string())
}

fn no_statement(name: &str) -> ClientError {
    ClientError::new(SqlState::INVALID_STATEMENT_NAME, format!("prepared statement \"{name}\" does not exist"))
}

fn no_portal(name: &str) -> ClientError {
    ClientError::new(SqlState::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist"))
}

fn describe(out: &mut BytesMut, columns: Columns, formats: &[i16]) {
    let field = |(at, (name, kind)): (usize, &(&'static str, Kind))| {
        let (oid, size) = match kind {
            Kind::Text => (25, -1),
            Kind::Int4 => (23, 4),
            Kind::Int8 => (20, 8),
        };
        Field { name, oid, size, format: frontend::format_at(formats, at) }
    };
    encode::row_description(out, columns.iter().enumerate().map(field));
}

fn data_row(out: &mut BytesMut, row: &[Cell], columns: Columns, formats: &[i16]) {
    let bytes = |(at, cell): (usize, &Cell)| match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(text.clone().into_bytes()),
        Cell::Int(n) if frontend::format_at(formats, at) == 0 => Some(n.to_string().into_bytes()),
        Cell::Int(n) if columns[at].1 == Kind::Int4 => Some(i32::try_from(*n).unwrap_or(i32::MAX).to_be_bytes().to_vec()),
        Cell::Int(n) => Some(n.to_be_bytes().to_vec()),
    };
    let cells: Vec<Option<Vec<u8>>> = row.iter().enumerate().map(bytes).collect();
    encode::data_row(out, cells.iter().map(Option::as_deref));
}
