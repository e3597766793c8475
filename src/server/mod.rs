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
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// After an `accept` that failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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

/// Serves clients of `listener` until `stop` completes; then none is accepted any more, and those that are there may end
/// their transactions for `[server] shutdown_timeout`. Backends are not needed yet: one that is down shows when a client
/// asks for it.
pub async fn serve(listener: TcpListener, config: Config, stop: impl Future<Output = ()>) -> Result<(), ServerTlsError> {
    let shared = Arc::new(Shared::new(config)?);
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    connections.spawn(connection(socket, peer, shared.clone(), stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => report(ended),
        }
    }
    drop(listener);
    shutdown::drain(&stopping, connections, shared.config.server.shutdown_timeout).await;
    Ok(())
}

impl Shared {
    fn new(config: Config) -> Result<Self, ServerTlsError> {
        let tls = tls::acceptor(&config.server)?;
        let config = Arc::new(config);
        Ok(Shared {
            pools: Pools::new(config.clone()),
            tls,
            authenticator: Authenticator::new(&config),
            cancels: Arc::default(),
            places: Arc::new(Semaphore::new(config.server.max_clients.min(Semaphore::MAX_PERMITS))),
            config,
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
