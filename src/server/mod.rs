//! Sockets come in: the listener, and each connection's way to a session.

mod auth;
mod cancel;
mod conversation;
mod local;
mod options;
mod places;
mod shutdown;
mod startup;
mod tls;
mod verifiers;

pub use cancel::CancelHandle;
pub use tls::ServerTlsError;

use crate::backend::Stream;
use crate::config::Config;
use crate::error::ClientError;
use crate::observe::counters;
use crate::pool::Pools;
use auth::Authenticator;
use cancel::Cancels;
use local::Local;
use places::Places;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tls::ServerTls;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// After an `accept` that failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What all connections share.
struct Shared {
    config: Arc<Config>,
    pools: Pools,
    tls: Option<ServerTls>,
    authenticator: Authenticator,
    cancels: Arc<Cancels>,
    places: Places,
}

/// Serves clients of `listener` until `stop` completes; then none is accepted any more, and those that are there may end
/// their transactions for `[server] shutdown_timeout`. Backends are not needed yet: one that is down shows when a client
/// asks for it.
pub async fn serve(listener: TcpListener, config: Config, stop: impl Future<Output = ()>) -> Result<(), ServerTlsError> {
    let shared = Arc::new(Shared::new(config)?);
    let local = Local::bind(shared.config.server.unix_socket_dir.as_deref(), listener.local_addr().map_or(0, |address| address.port()))
        .map_err(ServerTlsError::Local)?;
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &local) => match accepted {
                Ok((socket, address)) => {
                    connections.spawn(connection(socket, address, shared.clone(), stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => report(ended),
        }
    }
    drop((listener, local));
    shutdown::drain(&stopping, connections, shared.config.server.shutdown_timeout).await;
    Ok(())
}

impl Shared {
    fn new(config: Config) -> Result<Self, ServerTlsError> {
        let tls = tls::server_tls(&config.server)?;
        let config = Arc::new(config);
        Ok(Shared {
            pools: Pools::new(config.clone()),
            authenticator: Authenticator::new(&config, tls.as_ref().and_then(|tls| tls.end_point.clone())),
            tls,
            cancels: Arc::default(),
            places: Places::new(&config),
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

/// The next client, and where it comes from; None for the Unix-domain socket.
async fn accept(listener: &TcpListener, local: &Local) -> io::Result<(Stream, Option<IpAddr>)> {
    tokio::select! {
        accepted = listener.accept() => {
            let (socket, peer) = accepted?;
            // Of a client that has gone already, it cannot be.
            let _ = socket.set_nodelay(true);
            Ok((Stream::Tcp(socket), Some(peer.ip())))
        }
        accepted = local.accept() => Ok((Stream::Unix(accepted?), None)),
    }
}

/// One connection from its first byte to its last.
async fn connection(socket: Stream, peer: Option<IpAddr>, shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    counters().clients.add(1);
    let outcome = startup::serve(socket, peer, &shared, stopped).await;
    counters().clients.sub(1);
    match outcome {
        Ok(()) => {}
        Err(startup::Ended::Refused(error)) => refused(peer, &error),
        Err(startup::Ended::Io(error)) => tracing::debug!(?peer, %error, "a client's connection ended"),
    }
}

fn refused(peer: Option<IpAddr>, error: &ClientError) {
    counters().errors.add(1);
    tracing::info!(?peer, state = error.state.as_str(), %error, "a client was refused");
}
