use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Tells all connections to end when their transaction does, waits for them, and cuts off those that take longer than `limit`.
pub(super) async fn drain(stopping: &watch::Sender<bool>, mut connections: JoinSet<()>, limit: Duration) {
    stopping.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limit, all).await.is_err() {
        tracing::warn!(clients = connections.len(), "cutting off clients that are still in a transaction");
        connections.shutdown().await;
    }
}
