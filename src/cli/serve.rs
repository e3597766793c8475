use super::CliError;
use crate::admin::Order;
use crate::config::{AuthMethod, BackendUrl, Config, Embedded, Overrides};
use crate::embedded::{self, Cluster};
use crate::observe;
use crate::server::{self, ServerError, Service, Source};
use indicatif::ProgressBar;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::{runtime, task};

/// Serve clients, until SIGINT or SIGTERM.
///
/// SIGHUP reads the configuration again. SIGINT and SIGTERM stop when open transactions have ended, given twice at once, as
/// SIGQUIT does. After SIGUSR2 no new clients are taken, and the process ends with its last client.
///
/// Without a backend, a PostgreSQL of Litewire's own is started in the data directory (found on this machine, else fetched);
/// the database and the role there are both named litewire.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  litewire serve
  litewire serve --config litewire.toml
  litewire serve --listen 127.0.0.1:7000 --data-dir /srv/litewire
  litewire serve --backend postgres://app:secret@db.example.com:5432/app")]
pub(super) struct Args {
    /// The configuration; the config.toml of the sources shows every key with its default.
    #[arg(long, value_name = "FILE", env = "LITEWIRE_CONFIG")]
    config: Option<PathBuf>,
    /// The address and port for clients [default: 127.0.0.1:6543].
    #[arg(long, value_name = "ADDR", env = "LITEWIRE_LISTEN")]
    listen: Option<SocketAddr>,
    /// The PostgreSQL to serve from. Without a database in the URL, each client gets the one it asks for.
    #[arg(long, value_name = "URL", env = "LITEWIRE_BACKEND", hide_env_values = true)]
    backend: Option<BackendUrl>,
    /// Where the PostgreSQL of Litewire's own lives [default: .litewire].
    #[arg(long, value_name = "DIR", env = "LITEWIRE_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

/// Bytes of a worker's stack; only what is used takes memory.
const STACK: usize = 16 << 20;

pub(super) fn run(args: Args) -> Result<ExitCode, CliError> {
    let handed = handed_over()?;
    // What was handed over is where we listen, whatever is configured.
    let listen = handed.as_ref().map(std::net::TcpListener::local_addr).transpose()?.or(args.listen);
    let overrides = Overrides { listen, backend: args.backend, data_dir: args.data_dir };
    let source = Source { path: args.config, overrides };
    let config = source.read()?;
    observe::start_log(&config.log)?;
    let workers = workers(config.server.workers);
    // One worker needs none of what many share.
    let mut runtime = if workers == 1 { runtime::Builder::new_current_thread() } else { runtime::Builder::new_multi_thread() };
    let runtime = runtime.enable_all().worker_threads(workers).thread_stack_size(STACK).build()?;
    // Translation walks trees as deep as SQLite allows, and one worker is the thread that starts the runtime.
    let main = std::thread::Builder::new().name("main".to_owned()).stack_size(STACK);
    let served = std::thread::scope(|scope| {
        let main = main.spawn_scoped(scope, || runtime.block_on(serve(config, source, handed)))?;
        main.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    // A start that was broken off may still be fetching PostgreSQL: its child processes end with this one.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

/// `[server] workers`: half of the processors unless stated.
fn workers(stated: usize) -> usize {
    let half = || std::thread::available_parallelism().map_or(1, |n| (n.get() / 2).max(1));
    if stated > 0 { stated } else { half() }
}

/// The socket that the service manager has opened for us (sd_listen_fds(3)), if it has.
fn handed_over() -> io::Result<Option<std::net::TcpListener>> {
    let listener = listenfd::ListenFd::from_env().take_tcp_listener(0)?;
    if let Some(listener) = &listener {
        listener.set_nonblocking(true)?;
    }
    Ok(listener)
}

async fn serve(mut config: Config, source: Source, handed: Option<std::net::TcpListener>) -> Result<(), CliError> {
    // From here on a signal stops in order, however far the start has come.
    let mut signals = Signals::new()?;
    // Before the cluster: a port that is taken is known at once.
    let listener = match handed {
        Some(listener) => TcpListener::from_std(listener)?,
        None => server::bind(config.server.listen, config.server.reuse_port).await.map_err(ServerError::Listen)?,
    };
    let address = listener.local_addr()?;
    let cluster = if config.needs_embedded() {
        let cluster = tokio::select! {
            cluster = start_cluster(&config.embedded) => cluster?,
            () = signals.stop() => return Ok(()),
        };
        let url = cluster.url(embedded::DATABASE, embedded::ROLE);
        config.backend.url = Some(url.parse().expect("the cluster's URL is one"));
        Some(cluster)
    } else {
        None
    };
    let (user, database) = example_client(&config);
    // Whoever started us may have closed our output; the service goes on.
    let _ = writeln!(io::stdout(), "Litewire listens on {address}. Connect with:\n\n    {}\n", psql(address, &user, &database));
    let (console, orders) = mpsc::channel(16);
    let forwarded = task::spawn(signals.forward(console.clone()));
    let served = server::run(Service { listener, config, source: Some(source), orders, console }).await;
    forwarded.abort();
    if let Some(cluster) = cluster {
        task::spawn_blocking(|| cluster.stop()).await.map_err(io::Error::other)??;
    }
    Ok(served?)
}

async fn start_cluster(embedded: &Embedded) -> Result<Cluster, CliError> {
    let is_default = *embedded.data_dir == *Embedded::default().data_dir;
    let data_dir = Cluster::data_dir(&embedded.data_dir, is_default)?;
    if is_default && !data_dir.ends_with(&embedded.data_dir) {
        tracing::warn!("{} is below a directory that is root's alone; the data is in {}", embedded.data_dir.display(), data_dir.display());
    }
    let spinner = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    spinner.enable_steady_tick(Duration::from_millis(100));
    let shown = spinner.clone();
    let progress = Box::new(move |step: &str| if shown.is_hidden() { tracing::info!("{step}") } else { shown.set_message(format!("{step} …")) });
    let options = embedded::Options { data_dir, fsync: embedded.fsync, pg_bin: embedded.pg_bin.clone(), progress };
    let cluster = task::spawn_blocking(|| Cluster::start(options)).await.map_err(io::Error::other)?;
    spinner.finish_and_clear();
    Ok(cluster?)
}

/// A user and a database that the configuration lets in.
fn example_client(config: &Config) -> (String, String) {
    let url = config.backend.url.as_ref().map(BackendUrl::get);
    let named = config.databases.iter().map(|d| d.name.as_str()).find(|name| *name != "*");
    let database = named.or_else(|| url?.get_dbname()).unwrap_or("postgres");
    let user = match config.auth.method {
        AuthMethod::ScramSha256 | AuthMethod::Md5 => config.users.first().map(|u| u.name.as_str()),
        _ => url.and_then(|u| u.get_user()).or_else(|| config.databases.iter().find_map(|d| d.url.get().get_user())),
    };
    (user.unwrap_or("postgres").to_owned(), database.to_owned())
}

fn psql(address: SocketAddr, user: &str, database: &str) -> String {
    let host = match address.ip() {
        ip if !ip.is_unspecified() => ip.to_string(),
        ip if ip.is_ipv6() => "::1".to_owned(),
        _ => "127.0.0.1".to_owned(),
    };
    format!("psql -h {host} -p {} -U {user} {database}", address.port())
}

struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
    quit: Signal,
    drain: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            drain: signal(SignalKind::user_defined2())?,
        })
    }

    /// The next signal as an order.
    async fn next(&mut self) -> Order {
        let (name, order) = tokio::select! {
            _ = self.hangup.recv() => ("SIGHUP", Order::Reload(oneshot::channel().0)),
            _ = self.interrupt.recv() => ("SIGINT", Order::Stop),
            _ = self.terminate.recv() => ("SIGTERM", Order::Stop),
            _ = self.quit.recv() => ("SIGQUIT", Order::StopNow),
            _ = self.drain.recv() => ("SIGUSR2", Order::Drain),
        };
        tracing::info!(signal = name, "a signal came");
        order
    }

    /// Waits for one that stops; before clients are served the others have nothing to say.
    async fn stop(&mut self) {
        while matches!(self.next().await, Order::Reload(_)) {}
    }

    async fn forward(mut self, orders: mpsc::Sender<Order>) {
        while orders.send(self.next().await).await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_psql_line_can_be_used() {
        let config = Config::parse("[backend]\nurl = \"postgres://ann@h/app\"", "t").expect("valid");
        let (user, database) = example_client(&config);
        let address = "0.0.0.0:6543".parse().expect("an address");
        assert_eq!(psql(address, &user, &database), "psql -h 127.0.0.1 -p 6543 -U ann app");
        assert_eq!(psql("[::1]:1".parse().expect("an address"), "u", "d"), "psql -h ::1 -p 1 -U u d");
    }
}
