//! The real binary in front of a PostgreSQL of the test's own.

use super::wire::Wire;
use litewire::embedded::{Cluster, Options, ROLE, SUPERUSER};
use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use tempfile::TempDir;

/// The cluster of a test binary, shared by the tests that run at a time; the last one stops it.
pub struct Backend {
    // Stopped before its directory is removed: fields are dropped in this order.
    cluster: Cluster,
    _directory: TempDir,
}

impl Backend {
    /// The running one, or a new one.
    pub fn shared() -> Arc<Backend> {
        static SHARED: Mutex<Weak<Backend>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(backend) = shared.upgrade() {
            return backend;
        }
        let directory = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().expect("a temporary directory");
        let cluster = Cluster::start(Options { fsync: false, ..Options::new(directory.path()) }).unwrap_or_else(|e| panic!("{e}"));
        let backend = Arc::new(Backend { cluster, _directory: directory });
        *shared = Arc::downgrade(&backend);
        backend
    }

    /// The URL of a database, for the role that owns it.
    pub fn url(&self, database: &str) -> String {
        self.cluster.url(database, ROLE)
    }

    /// The superuser's URL of a database.
    pub fn admin_url(&self, database: &str) -> String {
        self.cluster.url(database, SUPERUSER)
    }

    /// A new, empty database.
    pub fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.admin("postgres", &format!("CREATE DATABASE {name} OWNER {ROLE} TEMPLATE template0"));
        name
    }

    /// Runs statements as superuser, past the proxy.
    pub fn admin(&self, database: &str, sql: &str) {
        // On a thread of its own: the caller may be asynchronous already.
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async { direct(&self.admin_url(database)).await.batch_execute(sql).await.expect(sql) });
        };
        std::thread::scope(|scope| scope.spawn(run).join().expect("no panic"));
    }
}

/// A connection past the proxy.
pub async fn direct(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("it runs");
    tokio::spawn(connection);
    client
}

/// A running `litewire serve`, killed when it is dropped.
pub struct Proxy {
    /// What is behind it.
    pub backend: Arc<Backend>,
    /// Where it listens.
    pub address: SocketAddr,
    process: Child,
    _directory: TempDir,
}

impl Proxy {
    /// A proxy with the default settings.
    pub fn start() -> Proxy {
        Proxy::with("")
    }

    /// A proxy with more configuration.
    pub fn with(more: &str) -> Proxy {
        let backend = Backend::shared();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("config.toml");
        let url = backend.url("");
        std::fs::write(
            &path,
            format!("[server]\nlisten = '127.0.0.1:0'\n[backend]\nurl = '{}'\n[log]\nlevel = 'warn'\n{more}", url.trim_end_matches('/')),
        )
        .expect("a writable directory");
        let mut process = Command::new(env!("CARGO_BIN_EXE_litewire"))
            .args(["serve", "--config"])
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary is there");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("it says where it listens");
        let address = line.strip_prefix("Litewire listens on ").and_then(|rest| rest.split_once(". ")?.0.parse().ok());
        let address = address.unwrap_or_else(|| panic!("it listens: {line}"));
        Proxy { backend, address, process, _directory: directory }
    }

    /// A client of a new database.
    pub fn client(&self) -> Wire {
        self.connect(&self.backend.database(), "")
    }

    /// A client of a database, with start-up options.
    pub fn connect(&self, database: &str, options: &str) -> Wire {
        Wire::connect(self.address, database, options)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself, which its clients have noticed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
