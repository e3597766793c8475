//! Sockets come in: the listener, and each connection's way to a session.

mod auth;
mod cancel;
mod options;
mod shutdown;
mod startup;
mod tls;

pub use cancel::CancelHandle;
pub use tls::ServerTlsError;

use crate::config::Config;
use crate::error::ClientError;
use crate::observe::counters;
use crate::pool::Pools;
use auth::Authenticator;
use cancel::Cancels;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Connections that the kernel keeps for us until they are accepted.
const BACKLOG: i32 = 1024;
/// After an `accept` that failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A proxy that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another address with --listen or [server] listen")]
    Listen {
        /// `[server] listen`
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Its certificate or key is of no use.
    #[error(transparent)]
    Tls(#[from] ServerTlsError),
}

/// A proxy that listens.
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
}

/// What all connections share.
struct Shared {
    config: Arc<Config>,
    pools: Pools,
    tls: Option<TlsAcceptor>,
    authenticator: Authenticator,
    cancels: Arc<Cancels>,
    /// One permit for each client that is let in.
    places: Arc<Semaphore>,
}

impl Server {
    /// Listens. Backends are not needed yet: one that is down shows when a client asks for it.
    pub fn bind(config: Config) -> Result<Self, ServerError> {
        let address = config.server.listen;
        let listener = listen(address).map_err(|source| ServerError::Listen { address, source })?;
        let tls = tls::acceptor(&config.server)?;
        let config = Arc::new(config);
        let shared = Shared {
            pools: Pools::new(config.clone()),
            tls,
            authenticator: Authenticator::new(&config),
            cancels: Arc::default(),
            places: Arc::new(Semaphore::new(config.server.max_clients.min(Semaphore::MAX_PERMITS))),
            config,
        };
        Ok(Server { listener, shared: Arc::new(shared) })
    }

    /// The address that is listened on; tells the port when `listen` asked for a free one.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` completes; then no client is accepted any more, and those that are there may end their
    /// transactions for `[server] shutdown_timeout`.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((socket, peer)) => {
                        connections.spawn(connection(socket, peer, self.shared.clone(), stopped.clone()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(ended) = connections.join_next() => report(ended),
            }
        }
        drop(self.listener);
        shutdown::drain(&stopping, connections, self.shared.config.server.shutdown_timeout).await;
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task failed");
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// One connection from its first byte to its last.
async fn connection(socket: TcpStream, peer: SocketAddr, shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    counters().clients.add(1);
    let outcome = startup::serve(socket, &shared, stopped).await;
    counters().clients.sub(1);
    match outcome {
        Ok(()) => {}
        Err(startup::Ended::Refused(error)) => refused(peer, &error),
        Err(startup::Ended::Io(error)) => tracing::debug!(%peer, %error, "a client's connection ended"),
    }
}

fn refused(peer: SocketAddr, error: &ClientError) {
    counters().errors.add(1);
    tracing::info!(%peer, state = error.state.as_str(), %error, "a client was refused");
}
