//! A connection's start: TLS, the start-up message, authentication, the pool, the greeting. pgwire holds the socket until the
//! session takes it over.

use super::Shared;
use super::auth::Step;
use super::cancel::{CancelHandle, random};
use super::options::{session_options, split_options};
use crate::error::{ClientError, SqlState};
use crate::pool::Pool;
use crate::session::{self, Client, ClientInfo, SessionOptions};
use futures_util::{SinkExt, StreamExt};
use pgwire::api::{ClientInfo as _, PgWireConnectionState};
use pgwire::error::{ErrorInfo, PgWireError};
use pgwire::messages::response::{ReadyForQuery, TransactionStatus};
use pgwire::messages::startup::{Authentication, BackendKeyData, NegotiateProtocolVersion, ParameterStatus, SecretKey};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage, ProtocolVersion, startup};
use pgwire::tokio::server::{MaybeTls, PgWireMessageServerCodec, negotiate_tls};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::codec::Framed;

type Socket = Framed<MaybeTls, PgWireMessageServerCodec<()>>;

/// Why a connection ended otherwise than by its session's end.
pub(super) enum Ended {
    /// The client was told so.
    Refused(ClientError),
    /// The socket failed.
    Io(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Ended::Io(error)
    }
}

/// What a client says in its start-up message.
pub(super) struct Startup {
    pub(super) user: String,
    pub(super) database: String,
    pub(super) application_name: String,
    /// The others, those in `options` among them.
    pub(super) parameters: BTreeMap<String, String>,
}

/// All that a session needs.
struct Admitted {
    startup: Startup,
    pool: Arc<Pool>,
    options: SessionOptions,
    cancel: CancelHandle,
    _place: OwnedSemaphorePermit,
}

/// Serves a connection from its first byte to its last.
pub(super) async fn serve(socket: TcpStream, shared: &Shared, mut stopped: watch::Receiver<bool>) -> Result<(), Ended> {
    let limit = shared.config.server.auth_timeout;
    // On the heap while it lasts: the session is not to carry it along.
    let start = Box::pin(async {
        let Some(mut socket) = negotiate_tls::<()>(socket, shared.tls.clone()).await? else { return Ok(None) };
        // What came in plain text must not be taken for something said under TLS (the class of CVE-2021-23214).
        if socket.is_secure() && !socket.read_buffer().is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "unencrypted data after the SSL request").into());
        }
        match greet(&mut socket, shared).await {
            Ok(admitted) => Ok(admitted.map(|admitted| (socket, admitted))),
            Err(Ended::Refused(error)) => {
                let error = error.fatal();
                socket.send(PgWireBackendMessage::ErrorResponse(error_info(&error).into())).await?;
                socket.close().await?;
                Err(Ended::Refused(error))
            }
            Err(ended) => Err(ended),
        }
    });
    let started = tokio::select! {
        started = tokio::time::timeout(limit, start) => started.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?,
        _ = stopped.wait_for(|stop| *stop) => return Ok(()),
    };
    let Some((socket, admitted)) = started? else { return Ok(()) };

    let Admitted { startup, pool, options, cancel, _place } = admitted;
    let Startup { user, database, application_name, parameters } = startup;
    let info = ClientInfo { user, database, application_name, startup: parameters, cancel };
    let parts = socket.into_parts();
    match parts.io {
        MaybeTls::Plain(io) => Box::pin(session::run(Client { io, read_buf: parts.read_buf, info }, pool, options, stopped)).await?,
        io => Box::pin(session::run(Client { io, read_buf: parts.read_buf, info }, pool, options, stopped)).await?,
    }
    Ok(())
}

/// From the first message to ReadyForQuery. None: it was a CancelRequest, or the client went away.
async fn greet(socket: &mut Socket, shared: &Shared) -> Result<Option<Admitted>, Ended> {
    let message = match receive(socket).await? {
        Some(PgWireFrontendMessage::Startup(message)) => message,
        Some(PgWireFrontendMessage::CancelRequest(request)) => {
            shared.cancels.cancel(request.pid, &request.secret_key.to_bytes()).await;
            return Ok(None);
        }
        Some(_) => return Err(violation("a start-up message was expected")),
        None => return Ok(None),
    };
    negotiate_version(socket, &message).await?;
    let mut startup = read(message)?;
    let place = shared.places.clone().try_acquire_owned();
    let place = place.map_err(|_| refuse(SqlState::TOO_MANY_CONNECTIONS, "sorry, too many clients already"))?;
    if !authenticate(socket, shared, &startup).await? {
        return Ok(None);
    }
    let pool = shared.pools.get(&startup.user, &startup.database).await.map_err(Ended::Refused)?;
    let options = session_options(&shared.config, &mut startup).map_err(Ended::Refused)?;

    // A 3.0 client takes keys of four bytes only.
    let key = match socket.protocol_version() {
        ProtocolVersion::PROTOCOL3_0 => random::<4>().to_vec(),
        _ => random::<32>().to_vec(),
    };
    let cancel = shared.cancels.register(key.clone(), pool.target().clone());
    socket.feed(PgWireBackendMessage::Authentication(Authentication::Ok)).await?;
    for (name, value) in pool.parameters() {
        let value = match name.as_str() {
            "application_name" => &startup.application_name,
            "session_authorization" => &startup.user,
            _ => value,
        };
        socket.feed(PgWireBackendMessage::ParameterStatus(ParameterStatus::new(name.clone(), value.clone()))).await?;
    }
    socket.feed(PgWireBackendMessage::BackendKeyData(BackendKeyData::new(cancel.pid(), SecretKey::Bytes(key.into())))).await?;
    socket.send(PgWireBackendMessage::ReadyForQuery(ReadyForQuery::new(TransactionStatus::Idle))).await?;
    Ok(Some(Admitted { startup, pool, options, cancel, _place: place }))
}

/// False: the client went away, as psql does to ask for a password.
async fn authenticate(socket: &mut Socket, shared: &Shared, startup: &Startup) -> Result<bool, Ended> {
    socket.metadata_mut().insert("user".to_owned(), startup.user.clone());
    socket.set_state(PgWireConnectionState::AuthenticationInProgress);
    let (mut exchange, mut step) = shared.authenticator.begin();
    loop {
        match step {
            Step::Done(last) => {
                if let Some(last) = last {
                    socket.feed(PgWireBackendMessage::Authentication(last)).await?;
                }
                return Ok(true);
            }
            Step::Ask(question) => socket.send(PgWireBackendMessage::Authentication(question)).await?,
        }
        step = match receive(socket).await? {
            Some(PgWireFrontendMessage::PasswordMessageFamily(message)) => {
                exchange.answer(socket, &startup.user, message).await.map_err(Ended::Refused)?
            }
            Some(_) => return Err(violation("a password message was expected")),
            None => return Ok(false),
        };
    }
}

/// Protocol 3.x: a minor version or a protocol option (`_pq_.…`) that is not known is answered by what is.
async fn negotiate_version(socket: &mut Socket, message: &startup::Startup) -> Result<(), Ended> {
    // pgwire let no other major version in.
    let minor = message.protocol_number_minor;
    let version = if minor >= 2 { ProtocolVersion::PROTOCOL3_2 } else { ProtocolVersion::PROTOCOL3_0 };
    let unknown: Vec<String> = message.parameters.keys().filter(|name| name.starts_with("_pq_.")).cloned().collect();
    if version.version_number().1 != minor || !unknown.is_empty() {
        let reply = NegotiateProtocolVersion::new(version.into(), unknown);
        socket.send(PgWireBackendMessage::NegotiateProtocolVersion(reply)).await?;
    }
    socket.set_protocol_version(version);
    Ok(())
}

fn read(message: startup::Startup) -> Result<Startup, Ended> {
    let mut parameters = message.parameters;
    parameters.retain(|name, _| !name.starts_with("_pq_."));
    let user = parameters.remove("user").filter(|user| !user.is_empty());
    let user = user.ok_or_else(|| refuse(SqlState::INVALID_AUTHORIZATION, "no PostgreSQL user name specified in startup packet"))?;
    let replication = parameters.remove("replication").unwrap_or_default().to_ascii_lowercase();
    if !["", "false", "off", "no", "0"].contains(&replication.as_str()) {
        return Err(Ended::Refused(ClientError::refused("replication through the proxy")));
    }
    let database = parameters.remove("database").filter(|name| !name.is_empty()).unwrap_or_else(|| user.clone());
    if let Some(options) = parameters.remove("options") {
        for (name, value) in split_options(&options).map_err(Ended::Refused)? {
            // A parameter of its own stands over the same in `options`.
            parameters.entry(name).or_insert(value);
        }
    }
    let application_name = parameters.remove("application_name").unwrap_or_default();
    Ok(Startup { user, database, application_name, parameters })
}

async fn receive(socket: &mut Socket) -> Result<Option<PgWireFrontendMessage>, Ended> {
    match socket.next().await {
        None => Ok(None),
        Some(Ok(message)) => Ok(Some(message)),
        Some(Err(PgWireError::IoError(error))) => Err(error.into()),
        Some(Err(error)) => Err(violation(&error.to_string())),
    }
}

fn refuse(state: SqlState, message: impl Into<String>) -> Ended {
    Ended::Refused(ClientError::new(state, message).fatal())
}

fn violation(message: &str) -> Ended {
    refuse(SqlState::PROTOCOL_VIOLATION, message)
}

fn error_info(error: &ClientError) -> ErrorInfo {
    let mut info = ErrorInfo::new("FATAL".to_owned(), error.state.as_str().to_owned(), error.message.clone());
    (info.detail, info.hint) = (error.detail.clone(), error.hint.clone());
    info
}
