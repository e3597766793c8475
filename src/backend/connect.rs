use super::{Link, Stream, TlsError, TlsTrust};
use crate::error::{ClientError, SqlState};
use crate::pool::Prepared;
use bytes::{BufMut, BytesMut};
use postgres_protocol::authentication::{md5_hash, sasl};
use postgres_protocol::message::{backend, frontend};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::{Host, SslMode};
use tokio_rustls::TlsConnector;

/// What every session of the proxy relies on, whatever the role's or the database's own settings are.
const SETTINGS: [(&str, &str); 8] = [
    ("client_encoding", "UTF8"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO"),
    ("IntervalStyle", "postgres"),
    ("bytea_output", "hex"),
    ("standard_conforming_strings", "on"),
    ("extra_float_digits", "1"),
    ("application_name", "litewire"),
];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const BUFFER: usize = 8 * 1024;

/// Where a database lives, and as which role it is used.
#[derive(Debug, Clone)]
pub struct Target {
    /// Shared: every client has a target, for its CancelRequests.
    config: Arc<tokio_postgres::Config>,
    connector: Option<Connector>,
}

/// One host of a URL.
enum Place {
    /// The socket's path.
    Unix(PathBuf),
    /// `name` for certificates and messages, `address` (the same, or its `hostaddr`) to connect to.
    Tcp { name: String, address: String, port: u16 },
}

impl Place {
    async fn connect(&self) -> io::Result<Stream> {
        match self {
            Place::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
            Place::Tcp { address, port, .. } => {
                let socket = TcpStream::connect((address.as_str(), *port)).await?;
                socket.set_nodelay(true)?;
                socket2::SockRef::from(&socket).set_keepalive(true)?;
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
    /// `sslmode=require` (or more), and the server has no TLS.
    #[error("the backend does not offer TLS, which sslmode demands")]
    NoTls,
    /// The socket failed during the start-up, or what came over it was not the protocol.
    #[error("the connection to the backend failed while it was made: {0}")]
    Io(#[from] io::Error),
}

impl ConnectError {
    /// The backend is there, but has no room.
    pub fn is_full(&self) -> bool {
        matches!(self, ConnectError::Refused { code, .. } if code == "53300")
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
            _ => ClientError::new(SqlState::CANNOT_CONNECT_NOW, format!("the backend is not available: {error}")),
        }
    }
}

impl Target {
    /// A target from a parsed URL, which names user and database; `trust` says what its certificate must prove.
    pub fn new(config: tokio_postgres::Config, trust: &TlsTrust) -> Result<Self, TlsError> {
        let connector = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(Connector(trust.connector()?)),
        };
        Ok(Target { config: Arc::new(config), connector })
    }

    /// The parsed URL.
    pub fn config(&self) -> &tokio_postgres::Config {
        &self.config
    }

    /// A socket to the first host that takes one, with TLS as the URL's `sslmode` says.
    pub async fn open(&self) -> Result<Stream, ConnectError> {
        let limit = self.limit();
        let mut failure = None;
        for place in self.places() {
            match tokio::time::timeout(limit, place.connect()).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(Stream::Tcp(socket)) => return tokio::time::timeout(limit, self.secure(socket, place.name())).await.map_err(timed_out)?,
                Ok(stream) => return Ok(stream),
                Err(source) => failure = Some(ConnectError::Unreachable { address: place.to_string(), source }),
            }
        }
        Err(failure.unwrap_or_else(|| ConnectError::Io(io::Error::other("the backend's URL names no host"))))
    }

    /// The hosts of the URL, in their order.
    fn places(&self) -> Vec<Place> {
        let (hosts, addresses, ports) = (self.config.get_hosts(), self.config.get_hostaddrs(), self.config.get_ports());
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
        (0..hosts.len().max(addresses.len())).map(place).collect()
    }

    /// For each step on the way to a connection.
    fn limit(&self) -> Duration {
        self.config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT)
    }

    async fn secure(&self, mut socket: TcpStream, host: &str) -> Result<Stream, ConnectError> {
        let Some(connector) = &self.connector else { return Ok(Stream::Tcp(socket)) };
        let mut request = BytesMut::new();
        frontend::ssl_request(&mut request);
        socket.write_all(&request).await?;
        // One byte and no more: what follows it must not be taken for part of the handshake (CVE-2021-23222).
        match (socket.read_u8().await?, self.config.get_ssl_mode()) {
            (b'S', _) => {
                let name = rustls_pki_types::ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                Ok(Stream::Tls(Box::new(connector.0.connect(name, socket).await?)))
            }
            (_, SslMode::Prefer) => Ok(Stream::Tcp(socket)),
            _ => Err(ConnectError::NoTls),
        }
    }

    /// A link, authenticated and idle.
    pub async fn link(&self) -> Result<Link, ConnectError> {
        let stream = self.open().await?;
        tokio::time::timeout(self.limit(), self.start(stream)).await.map_err(timed_out)?
    }

    /// Asks the server to cancel what the backend `pid` does. Whether it did shows on that backend's own connection.
    pub async fn cancel(&self, pid: i32, key: &[u8]) -> Result<(), ConnectError> {
        let mut stream = self.open().await?;
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

    async fn start(&self, mut io: Stream) -> Result<Link, ConnectError> {
        let user = self.config.get_user().unwrap_or_default();
        let mut parameters = vec![("user", user), ("database", self.config.get_dbname().unwrap_or(user))];
        parameters.extend(SETTINGS);
        parameters.extend(self.config.get_options().map(|options| ("options", options)));
        let mut out = BytesMut::new();
        frontend::startup_message(parameters, &mut out)?;
        io.write_all(&out).await?;

        let mut link = Link {
            io,
            rbuf: BytesMut::with_capacity(BUFFER),
            status: 0,
            busy: false,
            broken: false,
            params: BTreeMap::new(),
            pid: 0,
            secret_key: Arc::default(),
            prepared: Prepared::default(),
            applied: BTreeMap::new(),
        };
        self.authenticate(&mut link, user).await?;
        loop {
            match receive(&mut link).await? {
                backend::Message::ParameterStatus(body) => {
                    link.params.insert(body.name()?.to_owned(), body.value()?.to_owned());
                }
                backend::Message::BackendKeyData(body) => {
                    link.pid = body.process_id();
                    link.secret_key = Arc::new(body.secret_key().to_be_bytes());
                }
                backend::Message::ReadyForQuery(body) => {
                    link.status = body.status();
                    return Ok(link);
                }
                _ => return Err(unexpected()),
            }
        }
    }

    async fn authenticate(&self, link: &mut Link, user: &str) -> Result<(), ConnectError> {
        let password = || self.config.get_password().ok_or_else(|| ConnectError::Authentication(format!("role \"{user}\" needs a password")));
        let mut scram: Option<sasl::ScramSha256> = None;
        loop {
            let mut out = BytesMut::new();
            match (receive(link).await?, &mut scram) {
                (backend::Message::AuthenticationOk, None) => return Ok(()),
                (backend::Message::AuthenticationCleartextPassword, None) => frontend::password_message(password()?, &mut out)?,
                (backend::Message::AuthenticationMd5Password(body), None) => {
                    frontend::password_message(md5_hash(user.as_bytes(), password()?, body.salt()).as_bytes(), &mut out)?;
                }
                (backend::Message::AuthenticationSasl(body), None) => {
                    let mut offered = body.mechanisms();
                    while let Some(mechanism) = fallible_iterator::FallibleIterator::next(&mut offered)? {
                        if mechanism == sasl::SCRAM_SHA_256 {
                            let client = sasl::ScramSha256::new(password()?, sasl::ChannelBinding::unsupported());
                            frontend::sasl_initial_response(mechanism, client.message(), &mut out)?;
                            scram = Some(client);
                        }
                    }
                    if scram.is_none() {
                        return Err(ConnectError::Authentication("no mechanism that both sides know".to_owned()));
                    }
                }
                (backend::Message::AuthenticationSaslContinue(body), Some(client)) => {
                    client.update(body.data())?;
                    frontend::sasl_response(client.message(), &mut out)?;
                }
                (backend::Message::AuthenticationSaslFinal(body), Some(client)) => {
                    client.finish(body.data())?;
                    scram = None;
                }
                _ => {
                    return Err(ConnectError::Authentication(
                        "a method that is not supported (known: trust, password, md5, scram-sha-256)".to_owned(),
                    ));
                }
            }
            link.io.write_all(&out).await?;
        }
    }
}

/// The next message that is no notice. An ErrorResponse becomes an error.
async fn receive(link: &mut Link) -> Result<backend::Message, ConnectError> {
    loop {
        match backend::Message::parse(&mut link.rbuf)? {
            Some(backend::Message::NoticeResponse(_)) => {}
            Some(backend::Message::ErrorResponse(body)) => return Err(refused(&body)?),
            Some(message) => return Ok(message),
            None if link.io.read_buf(&mut link.rbuf).await? == 0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            None => {}
        }
    }
}

fn refused(body: &backend::ErrorResponseBody) -> io::Result<ConnectError> {
    let (mut code, mut message) = (String::new(), String::new());
    let mut fields = body.fields();
    while let Some(field) = fallible_iterator::FallibleIterator::next(&mut fields)? {
        let text = || String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'C' => code = text(),
            b'M' => message = text(),
            _ => {}
        }
    }
    Ok(ConnectError::Refused { code, message })
}

fn timed_out(_: tokio::time::error::Elapsed) -> ConnectError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

fn unexpected() -> ConnectError {
    io::Error::new(io::ErrorKind::InvalidData, "an unexpected message").into()
}
