use super::{BackendTls, PoolMode, Roots, Secret, SessionAttrs, SslMode};
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// `[backend]`: the PostgreSQL behind.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backend {
    /// A URL or a libpq connection string. If it names a database, that one is served; if not, the one each client asks for.
    pub url: Option<BackendUrl>,
    /// The roots, PEM, for URLs that have no `sslrootcert`. Where `sslmode` says nothing of verifying, it is `verify-full` then.
    pub tls_ca: Option<PathBuf>,
}

/// `[[database]]`: a database that lives elsewhere.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The name that clients ask for; `"*"` is any that has no entry of its own.
    pub name: String,
    /// Where it is; without a database in it, the client's name is used.
    pub url: BackendUrl,
    /// Connections of clients to it at a time.
    pub max_clients: Option<usize>,
    /// Stands over `[auth] query_user` for this database.
    pub query_user: Option<String>,
    /// Stands over `[auth] query_password` for this database.
    pub query_password: Option<Secret>,
    /// `[pool] mode`, when it is another here.
    pub pool_mode: Option<PoolMode>,
    /// `[pool] size`, when it is another here.
    pub pool_size: Option<u32>,
}

/// A backend's address, parsed. Its password shows in neither Debug nor Display.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct BackendUrl {
    config: tokio_postgres::Config,
    tls: BackendTls,
    attrs: SessionAttrs,
}

/// A backend's address that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BackendUrlError {
    /// Neither a URL nor a connection string.
    #[error("not a backend URL ({0}); write postgres://user:password@host:5432/database, or host=/path/to/socket user=name dbname=name")]
    Syntax(String),
    /// It names no server.
    #[error("the backend URL names no host; write postgres://user:password@host:5432/database")]
    NoHost,
}

impl BackendUrl {
    /// The parsed address, without what it says of TLS.
    pub fn get(&self) -> &tokio_postgres::Config {
        &self.config
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self) -> &mut tokio_postgres::Config {
        &mut self.config
    }

    /// Which of the hosts will do.
    pub fn session_attrs(&self) -> SessionAttrs {
        self.attrs
    }

    /// How the way there is secured.
    pub fn tls(&self) -> &BackendTls {
        &self.tls
    }

    /// The address with `database` in it, unless it names its own.
    pub fn for_database(&self, database: &str) -> Self {
        let mut address = self.clone();
        if address.config.get_dbname().is_none() {
            address.config.dbname(database);
        }
        address
    }

    /// The address with roots to verify a certificate against, unless it names its own. A root is worth nothing while plain text
    /// is taken too; over a Unix-domain socket there is no certificate.
    pub fn with_roots(mut self, file: PathBuf) -> Self {
        if self.tls.roots.is_none() && self.config.get_hosts().iter().all(|host| matches!(host, tokio_postgres::config::Host::Tcp(_))) {
            self.tls.roots = Some(Roots::File(file));
            self.tls.mode = SslMode::VerifyFull;
        }
        self
    }
}

impl FromStr for BackendUrl {
    type Err = BackendUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tls, rest) = BackendTls::take(text).map_err(BackendUrlError::Syntax)?;
        let (attrs, rest) = SessionAttrs::take(&rest).map_err(BackendUrlError::Syntax)?;
        let config: tokio_postgres::Config = rest.parse().map_err(|e| BackendUrlError::Syntax(reason(&e)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(BackendUrlError::NoHost);
        }
        Ok(BackendUrl { config, tls, attrs })
    }
}

impl TryFrom<String> for BackendUrl {
    type Error = BackendUrlError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// `host:port/database`, for logs.
impl fmt::Display for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match host {
                tokio_postgres::config::Host::Tcp(name) => f.write_str(name)?,
                tokio_postgres::config::Host::Unix(path) => write!(f, "{}", path.display())?,
            }
            if let Some(port) = self.config.get_ports().get(at).or(self.config.get_ports().first()) {
                write!(f, ":{port}")?;
            }
        }
        self.config.get_dbname().map_or(Ok(()), |name| write!(f, "/{name}"))
    }
}

/// tokio-postgres keeps the reason as the error's source.
fn reason(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
