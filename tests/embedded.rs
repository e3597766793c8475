//! The managed PostgreSQL: it starts, keeps its rows whoever is killed, stops cleanly, and has one manager.

use litewire::embedded::{Cluster, DATABASE, EmbeddedError, Options, ROLE};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

fn quick(dir: &Path) -> Options {
    Options { fsync: false, ..Options::new(dir) }
}

fn directory() -> TempDir {
    // Whatever the umask: the account that runs PostgreSQL may pass.
    tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().expect("a temporary directory")
}

async fn start(dir: &TempDir) -> Cluster {
    let options = quick(dir.path());
    tokio::task::spawn_blocking(|| Cluster::start(options)).await.expect("no panic").unwrap_or_else(|e| panic!("{e}"))
}

/// Until it works: the server may be on its way back.
async fn connect(url: &str) -> Client {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match tokio_postgres::connect(url, NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                return client;
            }
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn text(client: &Client, sql: &str) -> String {
    client.query_one(sql, &[]).await.expect(sql).get(0)
}

fn kill(id: u32, signal: Signal) {
    kill_process(pid(id), signal).expect("it runs");
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(id.cast_signed()).expect("a process id")
}

fn wait_for_end(id: u32) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while test_kill_process(pid(id)).is_ok() {
        assert!(Instant::now() < deadline, "process {id} still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn postmaster(dir: &Path) -> Option<u32> {
    std::fs::read_to_string(dir.join("data/postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
}

#[tokio::test]
async fn role_and_database_are_there() {
    let dir = directory();
    let cluster = start(&dir).await;
    let client = connect(&cluster.url(DATABASE, ROLE)).await;
    assert_eq!(text(&client, "SELECT current_user || ' ' || current_database()").await, "litewire litewire");
    assert_eq!(text(&client, "SHOW is_superuser").await, "off");
    assert_eq!(
        text(&client, "SELECT datcollate || ' ' || pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'litewire'").await,
        "C UTF8"
    );
    client.batch_execute("CREATE SCHEMA s; CREATE TABLE s.t (a int); DROP TABLE s.t").await.expect("the role owns its database");
    cluster.stop().expect("stops");
}

#[tokio::test]
async fn schema_changes_are_announced() {
    let dir = directory();
    let cluster = start(&dir).await;
    let (listener, mut connection) = tokio_postgres::connect(&cluster.url(DATABASE, ROLE), NoTls).await.expect("connects");
    let (heard, mut channels) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            if let tokio_postgres::AsyncMessage::Notification(n) = message {
                heard.send(n.channel().to_owned()).expect("the test listens");
            }
        }
    });
    listener.batch_execute("LISTEN litewire_ddl").await.expect("listens");
    let client = connect(&cluster.url(DATABASE, ROLE)).await;
    for ddl in ["CREATE TABLE t (a int)", "DROP TABLE t"] {
        client.batch_execute(ddl).await.expect(ddl);
        let channel = tokio::time::timeout(Duration::from_secs(5), channels.recv()).await.expect("in time");
        assert_eq!(channel.as_deref(), Some("litewire_ddl"));
    }
}

#[tokio::test]
async fn rows_survive_a_stop_and_the_death_of_the_postmaster() {
    let dir = directory();
    let cluster = start(&dir).await;
    let client = connect(&cluster.url(DATABASE, ROLE)).await;
    client.batch_execute("CREATE TABLE t (a text); INSERT INTO t VALUES ('kept')").await.expect("writes");

    let before = cluster.postmaster().expect("it runs");
    kill(before, Signal::KILL);
    while client.batch_execute("SELECT 1").await.is_ok() {}
    assert_eq!(text(&connect(&cluster.url(DATABASE, ROLE)).await, "SELECT a FROM t").await, "kept");
    let after = cluster.postmaster().expect("it runs again");
    assert_ne!(before, after);

    cluster.stop().expect("stops");
    assert!(test_kill_process(pid(after)).is_err(), "the postmaster is gone");
    let log = std::fs::read_to_string(dir.path().join("postgres.log")).expect("a log");
    assert!(!dir.path().join("data/postmaster.pid").exists(), "a clean stop removes its pid file: {log}");

    let cluster = start(&dir).await;
    assert_eq!(text(&connect(&cluster.url(DATABASE, ROLE)).await, "SELECT a FROM t").await, "kept");
}

#[tokio::test]
async fn a_directory_has_one_manager() {
    let dir = directory();
    let _first = start(&dir).await;
    let options = quick(dir.path());
    let second = tokio::task::spawn_blocking(|| Cluster::start(options)).await.expect("no panic");
    assert!(matches!(second, Err(EmbeddedError::Locked(_))), "{second:?}");
}

#[test]
fn a_foreign_directory_is_left_alone() {
    let dir = directory();
    std::fs::write(dir.path().join("thesis.txt"), "precious").expect("writes");
    assert!(matches!(Cluster::start(quick(dir.path())), Err(EmbeddedError::NotOurs(_))));
    assert_eq!(std::fs::read_dir(dir.path()).expect("reads").count(), 1);
}

#[test]
fn a_long_path_gets_its_socket_elsewhere() {
    let dir = directory();
    let cluster = Cluster::start(quick(&dir.path().join("x".repeat(120)))).unwrap_or_else(|e| panic!("{e}"));
    let socket_dir = cluster.socket_dir().to_owned();
    assert!(socket_dir.exists() && !socket_dir.starts_with(dir.path()));
    cluster.stop().expect("stops");
    assert!(!socket_dir.exists());
}

/// Run by root, PostgreSQL runs as somebody else: what that account cannot enter is named before anything is made there.
#[test]
fn a_closed_directory_is_named() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let dir = directory();
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).expect("closes");
    match Cluster::start(quick(&dir.path().join("below"))) {
        Err(EmbeddedError::Unreachable { ancestor, .. }) => assert_eq!(ancestor, dir.path()),
        other => panic!("{other:?}"),
    }
    let moved = Cluster::data_dir(&dir.path().join("below"), true).expect("the default moves");
    assert!(moved.starts_with("/var/lib/litewire"), "{moved:?}");
}

/// `litewire serve` on a free port, ready.
struct Serve {
    process: Child,
}

impl Serve {
    fn start(dir: &Path) -> Serve {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litewire"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(dir);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let ready = lines.find(|line| line.as_ref().is_ok_and(|l| l.contains("psql -h 127.0.0.1 -p ")));
        assert!(ready.is_some(), "it ended before it was ready");
        Serve { process }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn rows_survive_the_death_of_the_manager_and_postgres_does_not() {
    let dir = directory();
    let mut socket = tokio_postgres::Config::new();
    socket.host_path(dir.path().join("run")).user(ROLE).dbname(DATABASE);

    let mut serve = Serve::start(dir.path());
    let (client, connection) = socket.connect(NoTls).await.expect("the socket is there");
    tokio::spawn(connection);
    client.batch_execute("CREATE TABLE t (a text); INSERT INTO t VALUES ('kept')").await.expect("writes");
    let server = postmaster(dir.path()).expect("it runs");
    serve.process.kill().expect("kill -9");
    serve.process.wait().expect("ends");
    wait_for_end(server);

    // The next manager does not wait for the end of what the last one left behind.
    let mut serve = Serve::start(dir.path());
    serve.process.kill().expect("kill -9");
    serve.process.wait().expect("ends");
    let cluster = start(&dir).await;
    assert_eq!(text(&connect(&cluster.url(DATABASE, ROLE)).await, "SELECT a FROM t").await, "kept");
}

#[test]
fn signals_stop_both_cleanly() {
    let dir = directory();
    for signal in [Signal::TERM, Signal::INT] {
        let mut serve = Serve::start(dir.path());
        let server = postmaster(dir.path()).expect("it runs");
        kill(serve.process.id(), signal);
        assert!(serve.process.wait().expect("ends").success());
        assert!(test_kill_process(pid(server)).is_err(), "postgres still runs");
        assert!(postmaster(dir.path()).is_none(), "postgres did not stop cleanly");
    }
}
