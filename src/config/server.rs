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
    /// A directory for a Unix-domain socket besides, named as PostgreSQL's (`.s.PGSQL.<port>`).
    pub unix_socket_dir: Option<PathBuf>,
    /// Whether clients may, or must, encrypt; it takes `tls_cert` and `tls_key`.
    pub tls: TlsPolicy,
    /// The certificate chain, PEM.
    pub tls_cert: Option<PathBuf>,
    /// Its private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// The oldest version of TLS that is spoken.
    pub tls_min_version: TlsVersion,
    /// The roots, PEM, that clients' certificates must go back to. With them, clients are asked for a certificate.
    pub tls_client_ca: Option<PathBuf>,
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
            unix_socket_dir: None,
            tls: TlsPolicy::default(),
            tls_cert: None,
            tls_key: None,
            tls_min_version: TlsVersion::default(),
            tls_client_ca: None,
            auth_timeout: Duration::from_secs(10),
            max_clients: 1000,
            workers: 0,
            reuse_port: false,
            peer_dir: None,
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

/// `[server] tls`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsPolicy {
    /// No TLS, even with a certificate.
    Disable,
    /// Clients choose.
    #[default]
    Allow,
    /// Over TCP, whoever does not encrypt is refused.
    Require,
}

/// `[server] tls_min_version`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    Tls13,
}
