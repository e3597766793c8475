use super::account::Account;
use super::error::{Doing, EmbeddedError};
use super::find::{self, Installation};
use super::place::{self, Place};
use super::{Options, Progress, bootstrap, child, provision};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio::time::{self, Instant};
use tokio_postgres::{Config, NoTls};

/// The database that is there from the start.
pub const DATABASE: &str = "litewire";
/// Its owner, no superuser.
pub const ROLE: &str = "litewire";
/// The superuser, for administration.
pub const SUPERUSER: &str = "postgres";

/// The socket's name ends in it; nothing listens on a TCP port.
const PORT: u16 = 5432;
/// Recovery after a crash may take its time.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Between failed starts: another try soon, then less often.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// A running PostgreSQL, restarted when it dies. Dropping it stops the server.
#[derive(Debug)]
pub struct Cluster {
    socket_dir: PathBuf,
    base: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), EmbeddedError>>>,
}

impl Cluster {
    /// Starts a cluster and returns once it accepts connections. Blocks; in async code call it on a blocking thread.
    pub fn start(options: Options) -> Result<Cluster, EmbeddedError> {
        let account = Account::choose()?;
        let place = Place::open(&options.data_dir, &account)?;
        let (socket_dir, base) = (place.run().to_owned(), options.data_dir.clone());
        let (report, ready) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        // The server dies with the thread that spawned it: this one lives until the cluster stops.
        let run = move || supervise(options, account, place, report, stopped);
        let thread = thread::Builder::new().name("postgres".to_owned()).spawn(run).doing("start a thread for", &base)?;
        let cluster = Cluster { socket_dir, base, stop: Some(stop), thread: Some(thread) };
        match ready.recv() {
            Ok(()) => Ok(cluster),
            Err(_) => Err(cluster.stop().expect_err("the supervisor ends early only by an error")),
        }
    }

    /// The directory for `[embedded] data_dir`. Started by root below a directory that is root's alone, the default moves to /var/lib/litewire.
    pub fn data_dir(configured: &Path, is_default: bool) -> Result<PathBuf, EmbeddedError> {
        place::reachable(configured, is_default)
    }

    /// A URL for tokio-postgres and libpq.
    pub fn url(&self, database: &str, role: &str) -> String {
        let encode = |bytes: &[u8]| percent_encode(bytes, NON_ALPHANUMERIC).to_string();
        let (role, database) = (encode(role.as_bytes()), encode(database.as_bytes()));
        format!("postgres://{role}@{}:{PORT}/{database}", encode(self.socket_dir.as_os_str().as_bytes()))
    }

    /// The directory of the unix socket, for `psql -h`.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The postmaster's process id, as its pid file says; None while it is down.
    pub fn postmaster(&self) -> Option<u32> {
        let text = fs::read_to_string(self.base.join("data/postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    /// Stops the server and waits for its end.
    pub fn stop(mut self) -> Result<(), EmbeddedError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), EmbeddedError> {
        // The receiver is gone when the supervisor has ended by itself.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            // Joining could panic again; the supervisor stops the server when the channel closes.
            self.stop = None;
            return;
        }
        if let Err(error) = self.end() {
            tracing::error!(%error, "the embedded PostgreSQL did not stop cleanly");
        }
    }
}

/// The life of a server, on its own thread: prepare, start, report, restart when it dies, stop.
fn supervise(
    options: Options,
    account: Account,
    place: Place,
    report: mpsc::Sender<()>,
    stopped: oneshot::Receiver<()>,
) -> Result<(), EmbeddedError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().doing("start a runtime for", place.run())?;
    runtime.block_on(async {
        let installation = installation(&options, &account, &place)?;
        let server = Server { installation, account, place, fsync: options.fsync };
        child::stop_orphan(&server.place.data()).await;
        server.init(&options.progress).await?;
        let mut child = server.start().await?;
        let set_up = bootstrap::run(&server.maintenance()).await;
        if set_up.is_ok() {
            // The starter may have gone; then `stopped` says so.
            let _ = report.send(());
            server.keep_up(&mut child, stopped).await;
        }
        child::stop(&mut child).await?;
        Ok(set_up?)
    })
}

/// The programs for the data: given, found or fetched.
fn installation(options: &Options, account: &Account, place: &Place) -> Result<Installation, EmbeddedError> {
    let major = place.major();
    let given = options.pg_bin.clone().or_else(|| std::env::var_os("PG_BIN").map(PathBuf::from));
    if let Some(bin) = given {
        let found = Installation::at(&bin).ok_or_else(|| EmbeddedError::BadBin(bin.clone()))?;
        return match major {
            Some(data) if data != found.major => Err(EmbeddedError::WrongMajor { data_dir: place.data(), data, bin, found: found.major }),
            _ => Ok(found),
        };
    }
    let cache = provision::cache_dir(&options.data_dir);
    match find::find(major, account, &cache) {
        Some(found) => Ok(found),
        None => provision::provision(major, account, &cache, &options.progress),
    }
}

struct Server {
    installation: Installation,
    account: Account,
    place: Place,
    fsync: bool,
}

impl Server {
    /// initdb beside, then a rename: an interrupted one leaves nothing that looks like a cluster.
    async fn init(&self, progress: &Progress) -> Result<(), EmbeddedError> {
        if self.place.major().is_some() {
            return Ok(());
        }
        progress(&format!("creating a PostgreSQL {} cluster in {}", self.installation.major, self.place.data().display()));
        let new = self.place.data_new();
        if new.exists() {
            fs::remove_dir_all(&new).doing("remove", &new)?;
        }
        let mut initdb = child::command(&self.installation, "initdb", &self.account);
        // Byte order is SQLite's BINARY collation.
        initdb.arg("-D").arg(&new).args(["-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--auth-local=trust", "--auth-host=reject"]);
        if !self.fsync {
            initdb.arg("--no-sync");
        }
        let output = initdb.output().await.doing("run initdb of", &self.installation.bin)?;
        if !output.status.success() {
            let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            return Err(EmbeddedError::Initdb(format!("{out}{err}")));
        }
        fs::rename(&new, self.place.data()).doing("rename", &new)
    }

    /// Starts PostgreSQL and waits until it accepts connections.
    async fn start(&self) -> Result<Child, EmbeddedError> {
        let log_path = self.place.log();
        let log = File::options().create(true).append(true).open(&log_path).doing("open", &log_path)?;
        let errors = log.try_clone().doing("open", &log_path)?;
        let mut command = child::command(&self.installation, "postgres", &self.account);
        command.arg("-D").arg(self.place.data()).arg("-k").arg(self.place.run()).arg("-p").arg(PORT.to_string());
        // Commits stay synchronous, which costs little without fsync: rows survive a kill -9, though not a crash of the machine.
        let durable: &[&str] = if self.fsync { &[] } else { &["fsync=off", "full_page_writes=off"] };
        let settings = ["listen_addresses=", "max_connections=200", "timezone=UTC", "log_min_messages=warning"];
        for setting in settings.iter().chain(durable) {
            command.args(["-c", setting]);
        }
        command.stdout(log).stderr(errors);
        let mut child = command.spawn().doing("run postgres of", &self.installation.bin)?;
        match self.ready(&mut child).await {
            Ok(()) => Ok(child),
            Err(reason) => {
                child::stop(&mut child).await?;
                Err(EmbeddedError::NotReady { reason, log: log_path, tail: self.place.log_tail() })
            }
        }
    }

    async fn ready(&self, child: &mut Child) -> Result<(), String> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(ended(status));
            }
            // No socket yet, or "the database system is starting up".
            match self.maintenance().connect(NoTls).await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error.to_string()),
                Err(_) => time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Restarts a server that died, until told to stop.
    async fn keep_up(&self, child: &mut Child, mut stopped: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                _ = &mut stopped => return,
                status = child.wait() => tracing::warn!("the embedded PostgreSQL {}; restarting it", status.map_or_else(|e| e.to_string(), ended)),
            }
            let (mut pause, longest) = PATIENCE;
            // The processes of the dead postmaster may hold its shared memory for a moment: then a start fails.
            *child = loop {
                match self.start().await {
                    Ok(child) => break child,
                    Err(error) => tracing::warn!(%error, "the embedded PostgreSQL is down; trying again"),
                }
                tokio::select! {
                    _ = &mut stopped => return,
                    () = time::sleep(pause) => pause = (pause * 2).min(longest),
                }
            };
            tracing::info!("the embedded PostgreSQL is back");
        }
    }

    fn maintenance(&self) -> Config {
        let mut config = Config::new();
        config.host_path(self.place.run()).port(PORT).user(SUPERUSER).dbname("postgres").connect_timeout(Duration::from_secs(5));
        config
    }
}

fn ended(status: ExitStatus) -> String {
    format!("ended with {status}")
}
