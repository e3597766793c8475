//! TODO (stand-in for the command line's sake; the server's own branch replaces this file)

use crate::config::Config;
use tokio::net::TcpListener;

/// Serves clients of `listener` until `shutdown` is done; then stops in order.
pub async fn serve(listener: TcpListener, _config: Config, shutdown: impl Future<Output = ()>) -> std::io::Result<()> {
    shutdown.await;
    drop(listener);
    Ok(())
}
