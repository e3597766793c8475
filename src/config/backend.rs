use super::PoolMode;
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
    /// The roots, PEM, that must have signed a backend's certificate, which must also be for its host (libpq's `verify-full`).
    /// Without, TLS is as the URL's `sslmode` says, and unverified.
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
    /// `[pool] mode`, when it is another here.
    pub pool_mode: Option<PoolMode>,
    /// `[pool] size`, when it is another here.
    pub pool_size: Option<u32>,
}

/// A backend's address, parsed. Its password shows in neither Debug nor Display.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct BackendUrl(tokio_postgres::Config);

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
    /// The parsed address.
    pub fn get(&self) -> &tokio_postgres::Config {
        &self.0
    }

    /// The address with `database` in it, unless it names its own.
    pub fn for_database(&self, database: &str) -> tokio_postgres::Config {
        let mut config = self.0.clone();
        if config.get_dbname().is_none() {
            config.dbname(database);
        }
        config
    }
}

impl FromStr for BackendUrl {
    type Err = BackendUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let config: tokio_postgres::Config = text.parse().map_err(|e| BackendUrlError::Syntax(reason(&e)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(BackendUrlError::NoHost);
        }
        Ok(BackendUrl(config))
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
        for (at, host) in self.0.get_hosts().iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match host {
                tokio_postgres::config::Host::Tcp(name) => f.write_str(name)?,
                tokio_postgres::config::Host::Unix(path) => write!(f, "{}", path.display())?,
            }
            if let Some(port) = self.0.get_ports().get(at).or(self.0.get_ports().first()) {
                write!(f, ":{port}")?;
            }
        }
        self.0.get_dbname().map_or(Ok(()), |name| write!(f, "/{name}"))
    }
}

/// tokio-postgres keeps the reason as the error's source.
fn reason(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
