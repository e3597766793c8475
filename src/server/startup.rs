//! A connection's start: encryption, the start-up message, authentication, the pool, the greeting. Then the session takes over.

use super::Shared;
use super::auth::Admission;
use super::cancel::CancelHandle;
use super::conversation::Conversation;
use super::options::{session_options, split_options};
use super::packet::{NEWEST_MINOR, Packet, StartupMessage, cut};
use super::places::Place;
use crate::admin;
use crate::backend::Stream;
use crate::config::DialectKind;
use crate::error::{ClientError, SqlState};
use crate::observe::Identity;
use crate::pool::Pool;
use crate::session::{self, Client, ClientInfo, SessionOptions};
use crate::wire::secret::random;
use pgwire::messages::response::{ReadyForQuery, TransactionStatus};
use pgwire::messages::startup::{Authentication, BackendKeyData, NegotiateProtocolVersion, ParameterStatus, SecretKey};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::watch;

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
    _place: Place,
}

/// Who was let in where.
enum Greeted {
    Session(Box<Admitted>),
    Console {
        user: String,
        /// May it do more than look?
        full: bool,
    },
}

/// Serves a connection from its first byte to its last. `address` is None over a Unix-domain socket.
pub(super) async fn serve(socket: Stream, peer: Option<SocketAddr>, shared: &Shared, mut stopped: watch::Receiver<bool>) -> Result<(), Ended> {
    let limit = shared.config.server.auth_timeout;
    // What a start needs is large, and gone when the session runs.
    let start = tokio::time::timeout(limit, Box::pin(start(socket, peer.map(|peer| peer.ip()), shared)));
    let started = tokio::select! {
        started = start => started.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?,
        _ = stopped.wait_for(|stop| *stop) => return Ok(()),
    };
    let Some((conversation, greeted)) = started? else { return Ok(()) };
    let admitted = match greeted {
        Greeted::Session(admitted) => *admitted,
        Greeted::Console { user, full } => {
            let (io, read_buf) = conversation.into_parts();
            return Ok(Box::pin(admin::console(io, read_buf, shared.admin.clone(), &user, full, stopped)).await?);
        }
    };

    let Admitted { startup, pool, options, cancel, _place } = admitted;
    let Startup { user, database, application_name, parameters } = startup;
    let identity = Identity {
        user: user.clone(),
        database: database.clone(),
        role: pool.target().config().get_user().unwrap_or_default().to_owned(),
        application_name: application_name.clone(),
        address: peer.map_or_else(|| "unix".to_owned(), |peer| peer.ip().to_string()),
        port: peer.map_or(0, |peer| peer.port()),
        tls: conversation.is_encrypted(),
    };
    let meter = shared.clients.enter(identity, options.dialect == DialectKind::Sqlite);
    let seen = meter.client().clone();
    seen.tell("a client was let in");
    let info = ClientInfo { user, database, application_name, startup: parameters, cancel, meter };
    let (io, read_buf) = conversation.into_parts();
    let ended = match io {
        Stream::Tcp(io) => Box::pin(session::run(Client { io, read_buf, info }, pool, options, stopped)).await,
        io => Box::pin(session::run(Client { io, read_buf, info }, pool, options, stopped)).await,
    };
    seen.tell("a client has left");
    ended?;
    Ok(())
}

/// From the first byte to ReadyForQuery. None: it was a CancelRequest, or the client went away. Who is refused has been told.
async fn start(socket: Stream, address: Option<IpAddr>, shared: &Shared) -> Result<Option<(Conversation, Greeted)>, Ended> {
    let tls = shared.tls.as_ref().map(|tls| &tls.acceptor);
    let conversation = Conversation::begin(socket, tls).await?;
    let Some((mut conversation, packet)) = conversation.first_packet(tls).await? else { return Ok(None) };
    let message = match packet {
        Packet::Startup(message) => message,
        Packet::Cancel(pid, key) => {
            if let Some(peers) = &shared.peers
                && peers.pass_on(pid, &key).await
            {
                return Ok(None);
            }
            shared.cancels.cancel(pid, &key).await;
            return Ok(None);
        }
        // They are dealt with on the way to the first packet.
        Packet::Ssl | Packet::Gss => return Ok(None),
    };
    match greet(&mut conversation, message, address, shared).await {
        Ok(admitted) => Ok(admitted.map(|admitted| (conversation, admitted))),
        Err(Ended::Refused(error)) => Err(conversation.refuse(error).await),
        Err(ended) => Err(ended),
    }
}

/// From the start-up message to ReadyForQuery. None: the client went away.
async fn greet(client: &mut Conversation, message: StartupMessage, address: Option<IpAddr>, shared: &Shared) -> Result<Option<Greeted>, Ended> {
    let minor = message.minor;
    negotiate_version(client, &message);
    let mut startup = read(message).map_err(Ended::Refused)?;
    let operates = startup.database == admin::DATABASE;
    // An operator gets in when clients do not any more.
    let mut place = if operates { Place::default() } else { shared.places.enter().map_err(Ended::Refused)? };
    let keys = match shared.authenticator.admit(&shared.config, client, &startup, address).await? {
        Admission::In(keys) => keys,
        Admission::Gone => return Ok(None),
    };
    if operates {
        return match shared.config.admin_rights(&startup.user) {
            Some(full) => Ok(Some(Greeted::Console { user: startup.user, full })),
            None => {
                let message = format!("user \"{}\" may not use the admin console", startup.user);
                Err(Ended::Refused(ClientError::new(SqlState::INVALID_AUTHORIZATION, message).fatal()))
            }
        };
    }
    shared.places.take(&mut place, &shared.config, &startup.user, &startup.database).map_err(Ended::Refused)?;
    let pool = shared.pools.log_in(&startup.user, &startup.database, keys).await.map_err(Ended::Refused)?;
    let options = session_options(&shared.config, &mut startup).map_err(Ended::Refused)?;

    // Before protocol 3.2 a client takes keys of four bytes only.
    let key = if minor >= 2 { random::<32>().to_vec() } else { random::<4>().to_vec() };
    let cancel = shared.cancels.register(key.clone());
    client.feed(&Authentication::Ok);
    for (name, value) in pool.parameters() {
        let value = match name.as_str() {
            "application_name" => &startup.application_name,
            "session_authorization" => &startup.user,
            _ => value,
        };
        client.feed(&ParameterStatus::new(name.clone(), value.clone()));
    }
    client.feed(&BackendKeyData::new(cancel.pid(), SecretKey::Bytes(key.into())));
    client.feed(&ReadyForQuery::new(TransactionStatus::Idle));
    client.flush().await?;
    Ok(Some(Greeted::Session(Box::new(Admitted { startup, pool, options, cancel, _place: place }))))
}

/// A minor version or a protocol option (`_pq_.…`) that is not known is answered by what is.
fn negotiate_version(client: &mut Conversation, message: &StartupMessage) {
    if message.minor > NEWEST_MINOR || !message.options.is_empty() {
        let version = 3 << 16 | i32::from(message.minor.min(NEWEST_MINOR));
        client.feed(&NegotiateProtocolVersion::new(version, message.options.clone()));
    }
}

fn read(message: StartupMessage) -> Result<Startup, ClientError> {
    let mut parameters = message.parameters;
    let user = parameters.remove("user").filter(|user| !user.is_empty()).map(cut);
    let user =
        user.ok_or_else(|| ClientError::new(SqlState::INVALID_AUTHORIZATION, "no PostgreSQL user name specified in startup packet").fatal())?;
    let replication = parameters.remove("replication").unwrap_or_default().to_ascii_lowercase();
    if !["", "false", "off", "no", "0"].contains(&replication.as_str()) {
        return Err(ClientError::refused("replication through the proxy"));
    }
    let database = parameters.remove("database").filter(|name| !name.is_empty()).map(cut).unwrap_or_else(|| user.clone());
    if let Some(options) = parameters.remove("options") {
        for (name, value) in split_options(&options)? {
            // A parameter of its own stands over the same in `options`.
            parameters.entry(name).or_insert(value);
        }
    }
    let application_name = parameters.remove("application_name").unwrap_or_default();
    Ok(Startup { user, database, application_name, parameters })
}
