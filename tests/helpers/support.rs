//! A PostgreSQL of the test's own, on a Unix socket in a temporary directory.

use std::{path::Path, process::Command};

/// A running cluster; it stops when dropped.
pub struct Postgres {
    directory: tempfile::TempDir,
}

impl Postgres {
    /// Creates and starts a cluster, with the newest PostgreSQL of the machine.
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("litewire-test").tempdir_in("/tmp").expect("temporary directory");
        let cluster = Self { directory };
        let path = cluster.path().display().to_string();
        if is_root() {
            run(Command::new("chown").args(["postgres", &path]));
        }
        run(&mut tool("initdb", &["-D", &format!("{path}/data"), "-U", "postgres", "--locale=C", "-E", "UTF8", "-A", "trust", "-N"]));
        let options = format!("-c listen_addresses='' -c fsync=off -k {path}");
        run(&mut tool("pg_ctl", &["-D", &format!("{path}/data"), "-l", &format!("{path}/log"), "-o", &options, "-w", "start"]));
        cluster
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A connection as an ordinary role that owns its database.
    pub async fn client(&self) -> tokio_postgres::Client {
        let admin = self.connect("postgres", "postgres").await;
        admin.batch_execute("CREATE ROLE app LOGIN").await.expect("role");
        admin.batch_execute("CREATE DATABASE app OWNER app").await.expect("database");
        self.connect("app", "app").await
    }

    /// A connection to a new database, created with these options.
    pub async fn database(&self, options: &str) -> tokio_postgres::Client {
        let admin = self.connect("postgres", "postgres").await;
        let name: String = admin.query_one("SELECT 'd' || count(*) FROM pg_database", &[]).await.expect("databases").get(0);
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0 {options}")).await.expect("database");
        self.connect("postgres", &name).await
    }

    async fn connect(&self, user: &str, database: &str) -> tokio_postgres::Client {
        let mut config = tokio_postgres::Config::new();
        config.host_path(self.path()).user(user).dbname(database);
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("connection");
        tokio::spawn(connection);
        client
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = format!("{}/data", self.path().display());
        let _ = tool("pg_ctl", &["-D", &data, "-m", "immediate", "-w", "stop"]).output();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// One of PostgreSQL's programs; as user `postgres` when we are root, which it refuses.
fn tool(name: &str, args: &[&str]) -> Command {
    let newest = std::fs::read_dir("/usr/lib/postgresql").ok().and_then(|versions| versions.flatten().map(|v| v.path()).max());
    let program = newest.map_or_else(|| name.into(), |version| version.join("bin").join(name));
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(args).current_dir("/tmp");
    command
}

fn run(command: &mut Command) {
    let output = command.stdout(std::process::Stdio::null()).output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Rows of text.
pub type Rows = Vec<Vec<Option<String>>>;

/// The rows of a query, each value as SQLite's text.
pub fn sqlite_rows(sqlite: &rusqlite::Connection, sql: &str) -> rusqlite::Result<Rows> {
    use rusqlite::types::ValueRef;
    let mut statement = sqlite.prepare(sql)?;
    let width = statement.column_count();
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let value = |at| {
            Ok(match row.get_ref(at)? {
                ValueRef::Null => None,
                ValueRef::Integer(i) => Some(i.to_string()),
                ValueRef::Real(x) => Some(litewire::value::real_text(x)),
                ValueRef::Text(t) => Some(String::from_utf8_lossy(t).into_owned()),
                ValueRef::Blob(b) => Some(format!("\\x{}", litewire::value::hex(b).to_lowercase())),
            })
        };
        all.push((0..width).map(value).collect::<rusqlite::Result<_>>()?);
    }
    Ok(all)
}

/// The rows of a query, each value as PostgreSQL's text.
pub async fn postgres_rows(client: &tokio_postgres::Client, sql: &str) -> Result<Rows, String> {
    let messages = client.simple_query(sql).await.map_err(|e| format!("{e:?}"))?;
    let row = |message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()),
        _ => None,
    };
    Ok(messages.into_iter().filter_map(row).collect())
}

/// The same rows; numbers may be written differently.
pub fn agree(a: &Result<Rows, String>, b: &Result<Rows, String>) -> bool {
    let same = |a: &Option<String>, b: &Option<String>| match (a, b) {
        (Some(a), Some(b)) => a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b),
        (a, b) => a == b,
    };
    match (a, b) {
        (Ok(a), Ok(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))),
        (Err(_), Err(_)) => true,
        _ => false,
    }
}
