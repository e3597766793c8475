//! What the tests around a running Litewire share: an embedded PostgreSQL, the real binary in front of it, databases.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod tools;
pub mod wire;

use litewire::embedded::{Cluster, DATABASE, Options, ROLE, SUPERUSER};
use std::fs::{File, Permissions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// A proxy with its PostgreSQL. Fields drop in order: the proxy, the server, its directory.
pub struct Stack {
    proxy: Proxy,
    cluster: Cluster,
    dir: TempDir,
    databases: AtomicU32,
}

impl Stack {
    /// The one of this test binary; it ends when the last test that holds it ends.
    pub fn shared() -> Arc<Stack> {
        static SHARED: Mutex<Weak<Stack>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            // Each test has a database of its own, and so a pool: its connections must not outlive it by much.
            let stack = Arc::new(Stack::start("[pool]\nidle_timeout = '2s'\n"));
            *shared = Arc::downgrade(&stack);
            stack
        })
    }

    /// One of its own, with more lines of configuration.
    pub fn start(config: &str) -> Stack {
        // Whatever the umask: the account that runs PostgreSQL may pass.
        let dir = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().expect("a temporary directory");
        let options = Options { fsync: false, ..Options::new(dir.path().join("cluster")) };
        let cluster = Cluster::start(options).unwrap_or_else(|error| panic!("{error}"));
        let file = dir.path().join("litewire.toml");
        std::fs::write(&file, config).expect("the configuration is written");
        let log = File::create(dir.path().join("litewire.log")).expect("the log is made");
        let proxy = Proxy::start(&file, &without_database(&cluster.url(DATABASE, ROLE)), log);
        Stack { proxy, cluster, dir, databases: AtomicU32::new(0) }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.proxy.address
    }

    /// The proxy's process.
    pub fn proxy_id(&self) -> u32 {
        self.proxy.child.id()
    }

    /// A second proxy in front of the same cluster, until it is dropped.
    pub fn beside(&self) -> Proxy {
        let log = File::create(self.dir.path().join("beside.log")).expect("the log is made");
        Proxy::start(&self.dir.path().join("litewire.toml"), &without_database(&self.cluster.url(DATABASE, ROLE)), log)
    }

    /// A second proxy with a configuration of its own, that reaches the cluster at another address.
    pub fn beside_at(&self, address: SocketAddr, config: &str) -> Proxy {
        let file = self.dir.path().join("beside-at.toml");
        std::fs::write(&file, config).expect("the configuration is written");
        let log = File::create(self.dir.path().join("beside-at.log")).expect("the log is made");
        Proxy::start(&file, &format!("postgres://{ROLE}@{address}"), log)
    }

    /// A directory that goes with the stack.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The role that owns every database.
    pub fn role(&self) -> &'static str {
        ROLE
    }

    /// A new, empty database; its name.
    pub fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.admin(DATABASE, &format!("CREATE DATABASE {name} OWNER {ROLE} TEMPLATE template0"));
        name
    }

    /// Runs a script in a database as the superuser, past the proxy.
    pub fn admin(&self, database: &str, sql: &str) {
        self.admin_rows(database, sql);
    }

    /// The same, and the rows of the last statement as text.
    pub fn admin_rows(&self, database: &str, sql: &str) -> Vec<Vec<Option<String>>> {
        let url = self.cluster.url(database, SUPERUSER);
        let messages = block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap_or_else(|error| panic!("{error}"));
            let connection = tokio::spawn(connection);
            let messages = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            drop(client);
            connection.await.expect("no panic").expect("ends well");
            messages
        });
        let row = |message: &tokio_postgres::SimpleQueryMessage| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect()),
            _ => None,
        };
        messages.iter().filter_map(row).collect()
    }

    /// A raw connection through the proxy.
    pub fn connect(&self, database: &str) -> wire::Client {
        self.connect_with(database, &[])
    }

    /// The same with start-up parameters.
    pub fn connect_with(&self, database: &str, parameters: &[(&str, &str)]) -> wire::Client {
        let mut all = vec![("user", ROLE), ("database", database)];
        all.extend(parameters);
        wire::Client::connect(self.address(), &all).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A URL of the server behind the proxy.
    pub fn backend(&self, database: &str) -> String {
        self.cluster.url(database, ROLE)
    }

    /// The server's own socket, past the proxy.
    pub fn socket(&self) -> std::path::PathBuf {
        self.cluster.socket_dir().join(".s.PGSQL.5432")
    }

    /// A URL of the proxy, for drivers.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}@{}/{database}", self.address())
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Its last words belong to the failure.
            eprintln!("{}", std::fs::read_to_string(self.dir.path().join("litewire.log")).unwrap_or_default());
        }
    }
}

/// A running litewire.
pub struct Proxy {
    child: Child,
    /// Where clients connect to.
    pub address: SocketAddr,
}

impl Proxy {
    fn start(config: &Path, backend: &str, log: File) -> Proxy {
        let mut child = Command::new(env!("CARGO_BIN_EXE_litewire"))
            .args(["serve", "--listen", "127.0.0.1:0", "--backend", backend, "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("it can be read");
        let address = line.split_once("listens on ").and_then(|(_, rest)| rest.split_once(". ")).and_then(|(address, _)| address.parse().ok());
        let Some(address) = address else {
            let status = child.kill().and_then(|()| child.wait());
            panic!("litewire did not say where it listens: {line:?}, {status:?}");
        };
        Proxy { child, address }
    }
}

impl Proxy {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Gone already, then.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// The backend's URL that serves whatever database a client asks for.
fn without_database(url: &str) -> String {
    let (server, _database) = url.rsplit_once('/').expect("a URL with a database");
    server.to_owned()
}

/// Drives a future on a runtime of its own.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}
