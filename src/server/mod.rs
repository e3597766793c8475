//! Sockets come in: the listener, and each connection's way to a session.

mod auth;
mod cancel;
mod conversation;
mod listen;
mod local;
mod notify;
mod options;
mod peers;
mod places;
mod reload;
mod startup;
mod tls;
mod verifiers;

pub use cancel::CancelHandle;
pub use listen::{ListenError, bind};
pub use reload::Source;
pub use tls::ServerTlsError;

use crate::admin::{self, Admin, Order, Phase};
use crate::backend::{Keepalive, Stream};
use crate::config::Config;
use crate::error::ClientError;
use crate::observe::{Clients, counters};
use crate::pool::Pools;
use auth::Authenticator;
use cancel::Cancels;
use local::Local;
use peers::Peers;
use places::Places;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tls::ServerTls;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// After an `accept` that failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The certificate or its key.
    #[error(transparent)]
    Tls(#[from] ServerTlsError),
    /// A socket cannot be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The other processes on the port cannot be met.
    #[error("[server] peer_dir: {0}")]
    Peers(#[source] std::io::Error),
}

/// What connections share. Another reading of the configuration makes another one, for the connections that come after it.
struct Shared {
    config: Arc<Config>,
    pools: Arc<Pools>,
    tls: Option<ServerTls>,
    authenticator: Authenticator,
    cancels: Arc<Cancels>,
    places: Places,
    clients: Arc<Clients>,
    admin: Arc<Admin>,
    peers: Option<Arc<Peers>>,
}

/// A server that is about to start.
pub struct Service {
    /// Where clients come in.
    pub listener: TcpListener,
    /// Its configuration.
    pub config: Config,
    /// Where the configuration is read from again; without it, never.
    pub source: Option<Source>,
    /// What it is told to do. When no sender is left that is an order to stop.
    pub orders: mpsc::Receiver<Order>,
    /// The other end of `orders`, for the console.
    pub console: mpsc::Sender<Order>,
}

/// Serves clients of `listener` until `stop` completes; then none is accepted any more, and those that are there may end
/// their transactions for `[server] shutdown_timeout`. Backends are not needed yet: one that is down shows when a client
/// asks for it.
pub async fn serve(listener: TcpListener, config: Config, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
    let (console, orders) = mpsc::channel(16);
    let stopper = console.clone();
    let serving = run(Service { listener, config, source: None, orders, console });
    let stopping = async {
        stop.await;
        // A server that has ended needs no order.
        let _ = stopper.send(Order::Stop).await;
        std::future::pending().await
    };
    tokio::select! {
        served = serving => served,
        () = stopping => unreachable!("it never completes"),
    }
}

/// Serves until it is told to stop, and has.
pub async fn run(service: Service) -> Result<(), ServerError> {
    let Service { listener, config, source, mut orders, console } = service;
    let metrics = match config.metrics.listen {
        Some(address) => Some(listen::bind(address, false).await?),
        None => None,
    };
    let port = listener.local_addr().map_or(0, |address| address.port());
    let local = Local::bind(config.server.unix_socket_dir.as_deref(), port, config.server.reuse_port).map_err(ServerTlsError::Local)?;
    let current = RwLock::new(Arc::new(Shared::new(config, source.as_ref(), console)?));
    let shared = || current.read().unwrap_or_else(PoisonError::into_inner).clone();
    let admin = shared().admin.clone();
    let mut background = JoinSet::new();
    if let Some(metrics) = metrics {
        if let Ok(address) = metrics.local_addr() {
            tracing::info!(%address, "metrics and health are told by HTTP");
        }
        background.spawn(admin::serve_http(metrics, admin.clone()));
    }
    if let Some(peers) = shared().peers.clone() {
        background.spawn(peers.serve(shared().cancels.clone()));
    }
    let averages = admin.clone();
    background.spawn(async move { averages.watch_averages().await });
    background.spawn(notify::watchdog());
    notify::ready();

    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut listeners = Some((listener, local));
    let mut deadline: Option<Instant> = None;
    loop {
        // Whoever looks on keeps nobody from stopping.
        if admin.phase() != Phase::Running && connections.len() <= admin.consoles() {
            break;
        }
        let order = tokio::select! {
            order = orders.recv() => order.unwrap_or(Order::Stop),
            accepted = accept(listeners.as_ref()) => {
                match accepted {
                    Ok((socket, peer)) => drop(connections.spawn(connection(socket, peer, shared(), stopped.clone()))),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
                continue;
            }
            Some(ended) = connections.join_next() => {
                report(ended);
                continue;
            }
            () = passed(deadline) => {
                tracing::warn!(clients = admin.clients.count(), "cutting off clients that are still in a transaction");
                break;
            }
        };
        match order {
            Order::Reload(answer) => {
                notify::reloading();
                let outcome = reload::reload(&current, source.as_ref());
                notify::ready();
                // The one who asked may be gone.
                let _ = answer.send(outcome);
                continue;
            }
            Order::StopNow => break,
            Order::Stop if deadline.is_some() => {
                tracing::warn!(clients = admin.clients.count(), "told to stop a second time: stopping at once");
                break;
            }
            Order::Stop => {
                let limit = shared().config.server.shutdown_timeout;
                tracing::info!(clients = admin.clients.count(), ?limit, "stopping when open transactions have ended");
                admin.enter(Phase::Stopping);
                notify::stopping("waiting for transactions");
                stopping.send_replace(true);
                deadline = Some(Instant::now() + limit);
            }
            Order::Drain if admin.phase() != Phase::Running => continue,
            Order::Drain => {
                tracing::info!(clients = admin.clients.count(), "taking no new clients; stopping when the last has left");
                admin.enter(Phase::Draining);
                notify::stopping("waiting for clients");
            }
        }
        if let Some(listeners) = listeners.take() {
            // Those who were connected before the socket closes would be reset with it.
            while let Some(Ok((socket, peer))) = futures_util::FutureExt::now_or_never(accept(Some(&listeners))) {
                connections.spawn(connection(socket, peer, shared(), stopped.clone()));
            }
        }
    }
    admin.enter(Phase::Stopping);
    connections.shutdown().await;
    background.shutdown().await;
    Ok(())
}

/// The next client, and where it comes from (None over the Unix-domain socket); never, without listeners.
async fn accept(listeners: Option<&(TcpListener, Local)>) -> std::io::Result<(Stream, Option<SocketAddr>)> {
    let Some((listener, local)) = listeners else { return std::future::pending().await };
    tokio::select! {
        accepted = listener.accept() => {
            let (socket, peer) = accepted?;
            // Of a client that has gone already, it cannot be.
            let _ = socket.set_nodelay(true).and_then(|()| Keepalive::default().apply(&socket));
            Ok((Stream::Tcp(socket), Some(peer)))
        }
        accepted = local.accept() => Ok((Stream::Unix(accepted?), None)),
    }
}

/// Completes at a time; never, without one.
async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl Shared {
    fn new(config: Config, source: Option<&Source>, orders: mpsc::Sender<Order>) -> Result<Self, ServerError> {
        let tls = tls::server_tls(&config.server)?;
        let peers = match &config.server.peer_dir {
            Some(directory) => Some(Arc::new(Peers::join(directory).map_err(ServerError::Peers)?)),
            None => None,
        };
        let config = Arc::new(config);
        let pools = Arc::new(Pools::new(config.clone()));
        let clients = Arc::new(Clients::default());
        let settings = Source::settings(source, &config);
        Ok(Shared {
            admin: Arc::new(Admin::new(pools.clone(), clients.clone(), config.clone(), settings, orders)),
            pools,
            authenticator: Authenticator::new(&config, tls.as_ref().and_then(|tls| tls.end_point.clone())),
            tls,
            cancels: Arc::new(Cancels::new(peers.as_ref().map(|peers| peers.id()))),
            places: Places::new(&config),
            clients,
            config,
            peers,
        })
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task failed");
    }
}

/// One connection from its first byte to its last.
async fn connection(socket: Stream, peer: Option<SocketAddr>, shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    counters().clients.add(1);
    let outcome = startup::serve(socket, peer, &shared, stopped).await;
    counters().clients.sub(1);
    match outcome {
        Ok(()) => {}
        Err(startup::Ended::Refused(error)) => refused(peer, &error),
        Err(startup::Ended::Io(error)) => tracing::debug!(?peer, %error, "a client's connection ended"),
    }
}

fn refused(peer: Option<SocketAddr>, error: &ClientError) {
    counters().errors.add(1);
    tracing::info!(?peer, state = error.state.as_str(), %error, "a client was refused");
}
