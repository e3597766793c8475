use super::units;
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// `[server]`: where clients connect.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The certificate chain, PEM. With `tls_key` it turns TLS on; clients may still connect without it.
    pub tls_cert: Option<PathBuf>,
    /// Its private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// From the connection to the end of authentication.
    #[serde(deserialize_with = "units::duration")]
    pub auth_timeout: Duration,
    /// Connections of clients at a time; the next one is refused with 53300.
    pub max_clients: usize,
    /// Threads that serve clients; 0 is half of the processors, for the backends need some, too.
    pub workers: usize,
    /// Lets another process listen on the same address, so that it can take the port over (SO_REUSEPORT).
    pub reuse_port: bool,
    /// Where the processes on one port find each other, to pass on what cancels each other's statements.
    pub peer_dir: Option<PathBuf>,
    /// How long a graceful stop waits for open transactions.
    #[serde(deserialize_with = "units::duration")]
    pub shutdown_timeout: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 6543)),
            tls_cert: None,
            tls_key: None,
            auth_timeout: Duration::from_secs(10),
            max_clients: 1000,
            workers: 0,
            reuse_port: false,
            peer_dir: None,
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}
