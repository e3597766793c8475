//! A PostgreSQL of a test's own, on a Unix socket.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tokio_postgres::NoTls;

const BINARIES: &str = "/usr/lib/postgresql/15/bin";

/// Stopped and removed when it is dropped.
pub struct Postgres {
    directory: tempfile::TempDir,
    /// On 127.0.0.1, if it listens there.
    pub port: Option<u16>,
}

impl Postgres {
    /// A new, empty cluster, running.
    pub fn start() -> Self {
        let postgres = Postgres::new();
        postgres.resume();
        postgres
    }

    /// One that listens on 127.0.0.1 too, with TLS by a certificate and its key, the roots of client certificates, and a
    /// pg_hba.conf behind the line that lets the superuser in on the socket.
    pub fn start_on_network(hba: &str, certificate: &str, key: &str, roots: &str) -> Self {
        let mut postgres = Postgres::new();
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        postgres.port = Some(port);
        postgres.write("server.crt", certificate);
        postgres.write("server.key", key);
        postgres.write("root.crt", roots);
        postgres.write("pg_hba.conf", &format!("local all postgres trust\n{hba}"));
        postgres.write("postgresql.auto.conf", &format!("port = {port}\nssl = on\nssl_ca_file = 'root.crt'\n"));
        postgres.resume();
        postgres
    }

    /// Where one will live.
    fn place() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        if is_root() {
            // PostgreSQL refuses to run as root.
            let owned = Command::new("chown").arg("postgres").arg(directory.path()).status();
            assert!(owned.is_ok_and(|status| status.success()), "there is no user `postgres`");
        }
        Postgres { directory, port: None }
    }

    fn new() -> Self {
        let postgres = Postgres::place();
        let data = postgres.data();
        postgres.run("initdb", &["-D", text(&data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        postgres
    }

    /// A file of the cluster's, for the account that runs it alone.
    fn write(&self, name: &str, content: &str) {
        let path = self.data().join(name);
        std::fs::write(&path, content).expect("the directory is there");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
        if is_root() {
            let owned = Command::new("chown").arg("postgres").arg(&path).status();
            assert!(owned.is_ok_and(|status| status.success()), "there is no user `postgres`");
        }
    }

    /// A standby of it, running.
    pub fn standby(&self) -> Self {
        let standby = Postgres::place();
        let (from, data) = (text(self.directory.path()), standby.data());
        self.run("pg_basebackup", &["-D", text(&data), "-R", "-h", from, "-U", "postgres", "-c", "fast", "--no-sync"]);
        standby.resume();
        standby
    }

    /// Makes a primary of a standby.
    pub fn promote(&self) {
        self.run("pg_ctl", &["-D", text(&self.data()), "-w", "promote"]);
    }

    /// The directory of its socket.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts it again after [`Postgres::stop`].
    pub fn resume(&self) {
        let directory = text(self.directory.path());
        let addresses = if self.port.is_some() { "127.0.0.1" } else { "" };
        let options = format!("-k {directory} -c listen_addresses={addresses} -c fsync=off");
        self.run("pg_ctl", &["-D", text(&self.data()), "-w", "-l", &format!("{directory}/log"), "-o", &options, "start"]);
    }

    /// Stops it, cutting off who is connected.
    pub fn stop(&mut self) {
        self.run("pg_ctl", &["-D", text(&self.data()), "-w", "-m", "fast", "stop"]);
    }

    /// Its connection string, with a database if that is not empty.
    pub fn url(&self, database: &str) -> String {
        let database = if database.is_empty() { String::new() } else { format!(" dbname={database}") };
        let port = self.port.map_or_else(String::new, |port| format!(" port={port}"));
        format!("host={} user=postgres{port}{database}", self.directory.path().display())
    }

    /// A connection past the proxy.
    pub async fn connect(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.url("postgres"), NoTls).await.expect("it runs");
        tokio::spawn(connection);
        client
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = Path::new(BINARIES).join(program);
        let mut command = if is_root() { Command::new("setpriv") } else { Command::new(&program) };
        if is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(&program);
        }
        let status = command.args(arguments).current_dir("/").stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "{} {arguments:?}", program.display());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.data();
        if data.join("postmaster.pid").exists() {
            self.run("pg_ctl", &["-D", text(&data), "-w", "-m", "immediate", "stop"]);
        }
    }
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("an UTF-8 path")
}
