//! What the tests of security share: certificates, one PostgreSQL with all kinds of roles and rules, proxies, clients.

use crate::postgres::Postgres;
use litewire::config::Config;
use litewire::server;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Somebody who signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, PEM.
    pub certificate: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).expect("signed").pem();
        Authority { issuer: Issuer::new(params, key), certificate }
    }

    /// A certificate for a common name and DNS names, and its key, PEM.
    pub fn sign(&self, name: &str, dns: &[&str]) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let dns: Vec<String> = dns.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(dns).expect("DNS names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        (params.signed_by(&key, &self.issuer).expect("signed").pem(), key.serialize_pem())
    }
}

/// A PostgreSQL and the certificates around it.
pub struct World {
    pub postgres: Postgres,
    pub directory: TempDir,
}

/// Which role may log in how; each role's password is its name in capitals.
const HBA: &str = "
hostnossl all plain_only all scram-sha-256
hostssl all tls_only all scram-sha-256
hostssl all cert_role all cert
host all md5_role all md5
host all scram_role,same,other,asker all scram-sha-256
host all password_role all password
host all trusted,postgres all trust
";

const ROLES: &str = "
CREATE ROLE plain_only LOGIN PASSWORD 'PLAIN_ONLY'; CREATE ROLE tls_only LOGIN PASSWORD 'TLS_ONLY'; CREATE ROLE cert_role LOGIN;
CREATE ROLE scram_role LOGIN PASSWORD 'SCRAM_ROLE'; CREATE ROLE same LOGIN PASSWORD 'SAME'; CREATE ROLE other LOGIN PASSWORD 'OTHER';
CREATE ROLE asker LOGIN PASSWORD 'ASKER'; CREATE ROLE trusted LOGIN; CREATE ROLE password_role LOGIN PASSWORD 'PASSWORD_ROLE';
SET password_encryption = 'md5'; CREATE ROLE md5_role LOGIN PASSWORD 'MD5_ROLE'; RESET password_encryption;
CREATE SCHEMA auth; GRANT USAGE ON SCHEMA auth TO asker;
CREATE FUNCTION auth.verifier(name text) RETURNS TABLE (rolname text, rolpassword text) LANGUAGE sql SECURITY DEFINER
    AS 'SELECT rolname::text, rolpassword FROM pg_authid WHERE rolname = $1 AND rolcanlogin';
REVOKE ALL ON FUNCTION auth.verifier FROM PUBLIC; GRANT EXECUTE ON FUNCTION auth.verifier TO asker;
";

impl World {
    /// The one of this test binary; it ends when the last test that holds it ends.
    pub fn shared() -> Arc<World> {
        static SHARED: Mutex<Weak<World>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let world = Arc::new(World::new());
            *shared = Arc::downgrade(&world);
            world
        })
    }

    fn new() -> World {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (authority, stranger) = (Authority::new("the authority"), Authority::new("a stranger"));
        let file = |name: &str, content: &str| std::fs::write(directory.path().join(name), content).expect("written");
        let pair = |name: &str, (certificate, key): (String, String)| {
            file(&format!("{name}.crt"), &certificate);
            file(&format!("{name}.key"), &key);
            // libpq demands it.
            let path = directory.path().join(format!("{name}.key"));
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("ours");
            (certificate, key)
        };
        file("ca.crt", &authority.certificate);
        file("stranger.crt", &stranger.certificate);
        pair("proxy", authority.sign("localhost", &["localhost"]));
        pair("cert_role", authority.sign("cert_role", &[]));
        pair("ann", authority.sign("ann", &["ann-too"]));
        pair("mallory", stranger.sign("ann", &[]));
        let (certificate, key) = pair("backend", authority.sign("localhost", &["localhost"]));
        let postgres = Postgres::start_on_network(HBA, &certificate, &key, &authority.certificate);
        let world = World { postgres, directory };
        world.admin(ROLES);
        world
    }

    /// A file that goes with the world.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs SQL as the superuser, past the proxy; the first value of the last row.
    pub fn admin(&self, sql: &str) -> String {
        let url = self.postgres.url("postgres");
        value(&url, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The backend's address for a role that logs in over TCP.
    pub fn backend(&self, rest: &str) -> String {
        format!("host=localhost hostaddr=127.0.0.1 port={} {rest}", self.postgres.port.expect("it listens"))
    }

    /// A proxy in front of it; `CA`, `DIR` and `BACKEND` in the configuration are replaced.
    pub fn proxy(&self, config: &str) -> Proxy {
        let directory = self.directory.path().display().to_string();
        let config = config.replace("BACKEND", &self.backend("")).replace("DIR", &directory);
        Proxy::start(&config)
    }
}

/// A proxy in this process, on a thread of its own, until it is dropped.
pub struct Proxy {
    pub port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Proxy {
    pub fn start(config: &str) -> Proxy {
        let config = Config::parse(config, "test").unwrap_or_else(|error| panic!("{error}\n{config}"));
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().stack_size(16 << 20).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                tell.send(listener.local_addr().expect("bound").port()).expect("the test waits");
                let served = server::serve(listener, config, async move { drop(stopped.await) }).await;
                served.unwrap_or_else(|error| panic!("{error}"));
            });
        });
        let port = told.recv().expect("it starts");
        Proxy { port, stop: Some(stop), thread: Some(thread.expect("a thread")) }
    }

    /// A connection string for it.
    pub fn url(&self, rest: &str) -> String {
        format!("host=localhost hostaddr=127.0.0.1 port={} dbname=postgres {rest}", self.port)
    }

    /// What psql makes of a query: its output, or its error.
    pub fn psql(&self, rest: &str, sql: &str) -> Result<String, String> {
        psql(&self.url(rest), sql)
    }

    /// A raw socket.
    pub fn raw(&self) -> Raw {
        Raw::connect(self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(std::thread::JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_none_or(|ended| ended.is_ok()), "the proxy's thread failed");
    }
}

/// What psql makes of a query: its output, or its error. It never asks, and takes nothing from its surroundings.
pub fn psql(url: &str, sql: &str) -> Result<String, String> {
    let mut command = Command::new("psql");
    command.args(["--no-psqlrc", "--no-password", "-At", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-d", url, "-c", sql]);
    command.env_remove("PGPASSWORD").env("HOME", "/nonexistent").env("PGCONNECT_TIMEOUT", "30");
    outcome(&command.output().expect("psql runs"))
}

pub fn outcome(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// A query through tokio-postgres: the first value of the last row, or the error with its SQLSTATE before it.
pub fn value(url: &str, sql: &str) -> Result<String, String> {
    block_on(async {
        let client = connect(url).await?;
        let rows = client.simple_query(sql).await.map_err(|error| shown(&error))?;
        let row = rows.iter().rev().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        Ok(row.unwrap_or_default())
    })
}

pub async fn connect(url: &str) -> Result<tokio_postgres::Client, String> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.map_err(|error| shown(&error))?;
    tokio::spawn(connection);
    Ok(client)
}

pub fn shown(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} {}", db.code().code(), db.message()),
        None => format!("{error:?}"),
    }
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// Bytes sent as they are, and what comes back.
pub struct Raw {
    pub stream: TcpStream,
}

impl Raw {
    pub fn connect(port: u16) -> Raw {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
        Raw { stream }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        // A server that hangs up early is seen by what it answered.
        let _ = self.stream.write_all(bytes);
    }

    /// The next bytes, as many as asked for.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).expect("bytes");
        bytes
    }

    /// Everything until the server hangs up.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = vec![];
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => bytes,
            Err(error) => panic!("the server does not hang up: {error}"),
        }
    }

    /// A message with a type: its type and body.
    pub fn message(&mut self) -> (u8, Vec<u8>) {
        let header = self.take(5);
        let length = u32::from_be_bytes(header[1..5].try_into().expect("four bytes")) as usize;
        (header[0], self.take(length - 4))
    }
}

/// A packet of a start-up: its length, a code, a body.
pub fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    [&(8 + body.len() as u32).to_be_bytes()[..], &code.to_be_bytes(), body].concat()
}

pub const SSL: u32 = 80_877_103;
pub const GSS: u32 = 80_877_104;
pub const CANCEL: u32 = 80_877_102;
pub const V3: u32 = 3 << 16;

/// A StartupMessage's body.
pub fn parameters(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut body: Vec<u8> = pairs.iter().flat_map(|(name, value)| format!("{name}\0{value}\0").into_bytes()).collect();
    body.push(0);
    body
}

/// A message with a type.
pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag][..], &(4 + body.len() as u32).to_be_bytes(), body].concat()
}

/// The fields of an ErrorResponse at the start of bytes: `FATAL 28000 the message`.
pub fn refusal(bytes: &[u8]) -> String {
    assert_eq!(bytes.first(), Some(&b'E'), "{:?}", String::from_utf8_lossy(bytes));
    let fields: Vec<String> = bytes[5..].split(|b| *b == 0).map(|field| String::from_utf8_lossy(field).into_owned()).collect();
    let get = |code: char| fields.iter().find_map(|field| field.strip_prefix(code)).unwrap_or_default();
    format!("{} {} {}", get('S'), get('C'), get('M'))
}
