use super::replay::Replay;
use super::{Keepalive, Link, Stream, TlsError, start, tls};
use crate::config::{BackendUrl, SessionAttrs, SslMode};
use crate::error::{ClientError, SqlState};
use crate::wire::scram::Keys;
use bytes::{BufMut, BytesMut};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::Host;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Connection, NoTls};
use tokio_rustls::TlsConnector;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a database lives, and as which role it is used.
#[derive(Debug, Clone)]
pub struct Target {
    url: BackendUrl,
    connector: Option<Connector>,
    /// The one of the hosts that is meant; None: all.
    host: Option<usize>,
    /// Instead of a password: what a client's log-in has shown. The clones share it.
    keys: Arc<Mutex<Option<Keys>>>,
}

/// Is TLS to be had?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    IfOffered,
    Tls,
}

/// What libpq tries for an `sslmode`, one after the other.
fn ways(mode: SslMode) -> &'static [Way] {
    match mode {
        SslMode::Disable => &[Way::Plain],
        SslMode::Allow => &[Way::Plain, Way::Tls],
        SslMode::Prefer => &[Way::IfOffered, Way::Plain],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Way::Tls],
    }
}

/// One host of a URL.
enum Place {
    /// The socket's path.
    Unix(PathBuf),
    /// `name` for certificates and messages, `address` (the same, or its `hostaddr`) to connect to.
    Tcp { name: String, address: String, port: u16 },
}

impl Place {
    async fn connect(&self, keepalive: Option<Keepalive>) -> io::Result<Stream> {
        match self {
            Place::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
            Place::Tcp { address, port, .. } => {
                let socket = TcpStream::connect((address.as_str(), *port)).await?;
                socket.set_nodelay(true)?;
                if let Some(keepalive) = keepalive {
                    keepalive.apply(&socket)?;
                }
                Ok(Stream::Tcp(socket))
            }
        }
    }

    fn name(&self) -> &str {
        match self {
            Place::Unix(_) => "",
            Place::Tcp { name, .. } => name,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Unix(path) => write!(f, "{}", path.display()),
            Place::Tcp { name, port, .. } => write!(f, "{name}:{port}"),
        }
    }
}

/// A `TlsConnector` that has Debug.
#[derive(Clone)]
struct Connector(TlsConnector);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConnector")
    }
}

/// Why there is no connection to the backend.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No socket.
    #[error("cannot connect to {address}: {source}")]
    Unreachable {
        /// Host and port, or the socket's path.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// PostgreSQL refused the start-up.
    #[error("{message}")]
    Refused {
        /// Its SQLSTATE.
        code: String,
        /// Its message.
        message: String,
    },
    /// A way to authenticate that the proxy does not know, or a password that it lacks.
    #[error("cannot authenticate to the backend: {0}")]
    Authentication(String),
    /// Hosts are there, but none as `target_session_attrs` wants it.
    #[error("no host that can be reached is {wanted}, which target_session_attrs demands")]
    NoHost {
        /// What they all are not.
        wanted: &'static str,
    },
    /// `sslmode=require` (or more), and the server has no TLS.
    #[error("the backend does not offer TLS, which sslmode demands")]
    NoTls,
    /// The handshake failed: a certificate that proves too little, or no version in common.
    #[error("TLS to the backend failed: {0}")]
    Handshake(io::Error),
    /// The socket failed during the start-up, or what came over it was not the protocol.
    #[error("the connection to the backend failed while it was made: {0}")]
    Io(#[from] io::Error),
}

impl ConnectError {
    /// The backend is there, but has no room.
    pub fn is_full(&self) -> bool {
        matches!(self, ConnectError::Refused { code, .. } if code == "53300")
    }

    /// Is nobody there who could serve?
    pub fn is_outage(&self) -> bool {
        match self {
            ConnectError::Refused { code, .. } => code.starts_with("57"),
            ConnectError::Unreachable { .. } | ConnectError::Io(_) | ConnectError::NoHost { .. } => true,
            ConnectError::Authentication(_) | ConnectError::NoTls | ConnectError::Handshake(_) => false,
        }
    }

    /// Could it go better with, or without, TLS? An address that cannot be reached, or a password that is wrong, stays so.
    fn may_pass_otherwise(&self) -> bool {
        match self {
            ConnectError::Refused { code, .. } => code == "28000",
            ConnectError::Handshake(_) | ConnectError::Io(_) => true,
            ConnectError::Unreachable { .. } | ConnectError::Authentication(_) | ConnectError::NoTls | ConnectError::NoHost { .. } => false,
        }
    }

    /// Could it go better with another host? A password that is wrong is wrong there, too, and so is a database's name.
    fn may_pass_elsewhere(&self) -> bool {
        match self {
            ConnectError::Refused { code, .. } => code.starts_with("57") || code.starts_with("53"),
            ConnectError::Unreachable { .. } | ConnectError::NoTls | ConnectError::Handshake(_) | ConnectError::Io(_) => true,
            ConnectError::Authentication(_) | ConnectError::NoHost { .. } => false,
        }
    }
}

impl From<&ConnectError> for ClientError {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Refused { code, message } if code == "3D000" => ClientError::new(SqlState::INVALID_CATALOG_NAME, message.clone()),
            ConnectError::Refused { code, .. } if code == "53300" => {
                ClientError::new(SqlState::TOO_MANY_CONNECTIONS, format!("the backend: {error}"))
                    .hint("Lower [pool] size, or raise max_connections of the backend.")
            }
            ConnectError::Refused { code, .. } if code.starts_with("28") => {
                ClientError::new(SqlState::INVALID_AUTHORIZATION, format!("the backend refuses the log-in: {error}"))
            }
            ConnectError::Authentication(_) => ClientError::new(SqlState::INVALID_AUTHORIZATION, error.to_string()),
            _ => ClientError::new(SqlState::CANNOT_CONNECT_NOW, format!("the backend is not available: {error}")),
        }
    }
}

impl Target {
    /// A target from an address. One that names no user is for the operating system's, as with libpq.
    pub fn new(mut url: BackendUrl) -> Result<Self, TlsError> {
        if let (None, Ok(user)) = (url.get().get_user(), std::env::var("USER")) {
            url.get_mut().user(user);
        }
        let connector = match url.tls().mode {
            SslMode::Disable => None,
            _ => Some(Connector(tls::connector(url.tls())?)),
        };
        Ok(Target { url, connector, host: None, keys: Arc::default() })
    }

    /// The address.
    pub fn url(&self) -> &BackendUrl {
        &self.url
    }

    /// The first host of the URL and its port; a Unix socket's directory.
    pub fn first_place(&self) -> (String, u16) {
        match self.places().first() {
            Some(Place::Tcp { name, port, .. }) => (name.clone(), *port),
            Some(Place::Unix(path)) => {
                (path.parent().unwrap_or(path).display().to_string(), self.config().get_ports().first().copied().unwrap_or(5432))
            }
            None => (String::new(), 0),
        }
    }

    /// The parsed URL.
    pub fn config(&self) -> &tokio_postgres::Config {
        self.url.get()
    }

    /// From now on the role logs in with what a client's log-in has shown, if the backend asks for SCRAM.
    pub fn set_keys(&self, keys: Keys) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }

    /// What a log-in has shown.
    pub(crate) fn keys(&self) -> Option<Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Does a host take a connection?
    pub async fn is_reached(&self) -> bool {
        self.open(ways(self.url.tls().mode)[0]).await.is_ok()
    }

    /// A socket to the first host that takes one, with TLS or without.
    async fn open(&self, way: Way) -> Result<Stream, ConnectError> {
        let (limit, keepalive) = (self.limit(), Keepalive::of(self.config()));
        let mut failure = None;
        for place in self.places() {
            match tokio::time::timeout(limit, place.connect(keepalive)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(Stream::Tcp(socket)) if way != Way::Plain => {
                    return tokio::time::timeout(limit, self.secure(socket, place.name(), way)).await.map_err(timed_out)?;
                }
                Ok(stream) => return Ok(stream),
                Err(source) => failure = Some(ConnectError::Unreachable { address: place.to_string(), source }),
            }
        }
        Err(failure.unwrap_or_else(|| ConnectError::Io(io::Error::other("the backend's URL names no host"))))
    }

    /// The hosts of the URL, in their order.
    fn places(&self) -> Vec<Place> {
        let (hosts, addresses, ports) = (self.config().get_hosts(), self.config().get_hostaddrs(), self.config().get_ports());
        let place = |at: usize| {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            let address = addresses.get(at).map(ToString::to_string);
            match hosts.get(at) {
                Some(Host::Unix(directory)) => Place::Unix(directory.join(format!(".s.PGSQL.{port}"))),
                Some(Host::Tcp(name)) => Place::Tcp { name: name.clone(), address: address.unwrap_or_else(|| name.clone()), port },
                None => {
                    let address = address.unwrap_or_default();
                    Place::Tcp { name: address.clone(), address, port }
                }
            }
        };
        let all = 0..hosts.len().max(addresses.len());
        all.filter(|at| self.host.is_none_or(|host| host == *at)).map(place).collect()
    }

    /// For each step on the way to a connection.
    fn limit(&self) -> Duration {
        self.config().get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT)
    }

    async fn secure(&self, mut socket: TcpStream, host: &str, way: Way) -> Result<Stream, ConnectError> {
        let Some(Connector(connector)) = &self.connector else { return Ok(Stream::Tcp(socket)) };
        if !self.url.tls().direct {
            let mut request = BytesMut::new();
            postgres_protocol::message::frontend::ssl_request(&mut request);
            socket.write_all(&request).await?;
            // One byte and no more: what follows it must not be taken for part of the handshake (CVE-2021-23222).
            match socket.read_u8().await? {
                b'S' => {}
                _ if way == Way::IfOffered => return Ok(Stream::Tcp(socket)),
                _ => return Err(ConnectError::NoTls),
            }
        }
        let name = rustls_pki_types::ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = connector.connect(name, socket).await.map_err(ConnectError::Handshake)?;
        if self.url.tls().direct && stream.get_ref().1.alpn_protocol() != Some(tls::ALPN) {
            return Err(ConnectError::Handshake(io::Error::other("the server does not know sslnegotiation=direct")));
        }
        Ok(Stream::Tls(Box::new(stream.into())))
    }

    /// A link, authenticated and idle.
    pub async fn link(&self) -> Result<Link, ConnectError> {
        self.start("litewire").await
    }

    /// A client of tokio-postgres, for what the proxy itself asks, and the task that drives it.
    pub async fn client(&self, application: &str) -> Result<(Client, Connection<Replay, NoTlsStream>), ConnectError> {
        let stream = Replay::new(self.start(application).await?);
        let mut config = tokio_postgres::Config::new();
        config.user("(logged in already)").ssl_mode(tokio_postgres::config::SslMode::Disable);
        config.connect_raw(stream, NoTls).await.map_err(|error| ConnectError::Io(io::Error::other(error)))
    }

    /// An authenticated connection to the first host that is there and will do.
    pub(super) async fn start(&self, application: &str) -> Result<Link, ConnectError> {
        let (attrs, hosts) = (self.url.session_attrs(), self.places().len());
        if hosts == 1 && attrs == SessionAttrs::Any {
            return self.start_there(application).await;
        }
        let mut failure = None;
        for wanted in attrs.rounds() {
            for at in 0..hosts {
                let one = Target { host: Some(at), ..self.clone() };
                match one.start_there(application).await {
                    Ok(link) if wanted.fit(&link.params) => return Ok(link),
                    Ok(_) => failure = Some(ConnectError::NoHost { wanted: attrs.description() }),
                    Err(error) if error.may_pass_elsewhere() => {
                        tracing::debug!(%error, "a host of the backend is passed over");
                        // That one is there, but not what is wanted, says more.
                        failure = failure.filter(|known| matches!(known, ConnectError::NoHost { .. })).or(Some(error));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Err(failure.unwrap_or_else(|| ConnectError::Io(io::Error::other("the backend's URL names no host"))))
    }

    /// An authenticated connection, under the first of the ways that the server takes.
    async fn start_there(&self, application: &str) -> Result<Link, ConnectError> {
        let mut ways = ways(self.url.tls().mode).iter();
        let mut way = *ways.next().expect("each mode has a way");
        loop {
            let attempt = async {
                let stream = self.open(way).await?;
                let encrypted = matches!(stream, Stream::Tls(_));
                let link = tokio::time::timeout(self.limit(), start::start(self, stream, application)).await;
                Ok((encrypted, link.map_err(timed_out).flatten()))
            };
            let (error, encrypted) = match attempt.await {
                Ok((_, Ok(link))) => return Ok(link),
                Ok((encrypted, Err(error))) => (error, encrypted),
                Err(error) => (error, way != Way::Plain),
            };
            match ways.next() {
                // What plain text has not brought, it will not bring.
                Some(next) if error.may_pass_otherwise() && (*next != Way::Plain || encrypted) => way = *next,
                _ => return Err(error),
            }
        }
    }

    /// Asks the server to cancel what the backend `pid` does. Whether it did shows on that backend's own connection.
    pub async fn cancel(&self, pid: i32, key: &[u8]) -> Result<(), ConnectError> {
        let way = ways(self.url.tls().mode)[0];
        let mut stream = self.open(way).await?;
        let mut request = BytesMut::new();
        request.put_u32(12 + key.len() as u32);
        request.put_u32(80_877_102);
        request.put_i32(pid);
        request.put_slice(key);
        stream.write_all(&request).await?;
        // The server closes the connection, unanswered, once it has sent the signal.
        match stream.read_u8().await {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn timed_out(_: tokio::time::error::Elapsed) -> ConnectError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}
