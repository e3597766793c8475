//! The configuration: one section, one file. What is read here is already valid; `config.toml` at the top of the
//! repository documents every key.

mod auth;
mod backend;
mod dialect;
mod embedded;
mod limits;
mod log;
mod pool;
mod server;
mod transactions;
mod units;
mod verifier;

pub use auth::{Auth, AuthMethod, User};
pub use backend::{Backend, BackendUrl, BackendUrlError, Database};
pub use dialect::{Dialect, DialectKind, DialectRule, ForeignKeys, Misfit, ResultProfile, TypeMapping, UntypedParams};
pub use embedded::Embedded;
pub use limits::Limits;
pub use log::{Log, LogFormat};
pub use pool::{Pool, PoolMode};
pub use server::Server;
pub use transactions::{Immediate, Isolation, Transactions};
pub use units::{Bytes, parse_bytes, parse_duration};
pub use verifier::{ScramVerifier, VerifierError};

use serde::Deserialize;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio_postgres::config::{Host, SslMode};

/// Everything that can be configured, valid as a whole.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where clients connect.
    pub server: Server,
    /// How they prove who they are.
    pub auth: Auth,
    /// The users of `scram-sha-256`, and the backend role of each.
    #[serde(rename = "user")]
    pub users: Vec<User>,
    /// The PostgreSQL behind; without a URL the embedded one.
    pub backend: Backend,
    /// Databases that live elsewhere than `backend.url` says.
    #[serde(rename = "database")]
    pub databases: Vec<Database>,
    /// Connections to the backend.
    pub pool: Pool,
    /// What a client's SQL means.
    pub dialect: Dialect,
    /// BEGIN and BEGIN IMMEDIATE.
    pub transactions: Transactions,
    /// Bounds on memory.
    pub limits: Limits,
    /// The managed PostgreSQL.
    pub embedded: Embedded,
    /// What is logged, and how.
    pub log: Log,
}

/// What the command line says over the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--listen`
    pub listen: Option<SocketAddr>,
    /// `--backend`
    pub backend: Option<BackendUrl>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
}

/// Why a configuration cannot be used; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}; give an existing file with --config, or none to use the defaults")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, a key that does not exist, or a value of the wrong form.
    #[error("{origin}: {source}")]
    Parse {
        /// The file.
        origin: String,
        /// Where, and what was expected.
        source: Box<toml::de::Error>,
    },
    /// Trust for everyone on the network.
    #[error(
        "[auth] method \"trust\" would let anyone who reaches {0} in without a password; \
         set method = \"scram-sha-256\" and add [[user]] entries, listen on 127.0.0.1, or set trust_anywhere = true"
    )]
    TrustAnywhere(SocketAddr),
    /// SCRAM without anybody who could pass it.
    #[error("[auth] method \"scram-sha-256\" needs at least one [[user]]; `litewire password NAME` prints the entry")]
    NoUsers,
    /// A user that has no verifier under SCRAM.
    #[error("[[user]] \"{0}\" needs a verifier, since [auth] method is \"scram-sha-256\"; `litewire password {0}` prints one")]
    NoVerifier(String),
    /// Two entries of one name.
    #[error("there are two [[{section}]] entries named \"{name}\"; remove one")]
    Duplicate {
        /// `user` or `database`.
        section: &'static str,
        /// The name.
        name: String,
    },
    /// Half of a key pair.
    #[error("[server] tls_cert and tls_key belong together; set both, or none to do without TLS")]
    HalfTls,
    /// A number that makes no sense.
    #[error("{key} must be at least {least}")]
    TooSmall {
        /// Section and key.
        key: &'static str,
        /// The least value.
        least: u64,
    },
}

impl Config {
    /// The configuration of `path` (the defaults without one), with `overrides` over it.
    pub fn load(path: Option<&Path>, overrides: Overrides) -> Result<Config, ConfigError> {
        let mut config = match path {
            None => Config::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
                Config::read(&text, &path.display().to_string())?
            }
        };
        if let Some(listen) = overrides.listen {
            config.server.listen = listen;
        }
        if let Some(url) = overrides.backend {
            config.backend.url = Some(url);
        }
        if let Some(data_dir) = overrides.data_dir {
            config.embedded.data_dir = data_dir;
        }
        config.validate()?;
        Ok(config)
    }

    /// Reads and validates a configuration; `origin` names the text in errors.
    pub fn parse(text: &str, origin: &str) -> Result<Config, ConfigError> {
        let config = Config::read(text, origin)?;
        config.validate()?;
        Ok(config)
    }

    fn read(text: &str, origin: &str) -> Result<Config, ConfigError> {
        toml::from_str(text).map_err(|source| ConfigError::Parse { origin: origin.to_owned(), source: Box::new(source) })
    }

    /// What no single key can get wrong alone.
    fn validate(&self) -> Result<(), ConfigError> {
        let trusts = self.auth.method == AuthMethod::Trust;
        if trusts && !self.auth.trust_anywhere && !self.server.listen.ip().is_loopback() {
            return Err(ConfigError::TrustAnywhere(self.server.listen));
        }
        if !trusts {
            if self.users.is_empty() {
                return Err(ConfigError::NoUsers);
            }
            if let Some(user) = self.users.iter().find(|u| u.verifier.is_none()) {
                return Err(ConfigError::NoVerifier(user.name.clone()));
            }
        }
        unique("user", self.users.iter().map(|u| u.name.as_str()))?;
        unique("database", self.databases.iter().map(|d| d.name.as_str()))?;
        if self.server.tls_cert.is_some() != self.server.tls_key.is_some() {
            return Err(ConfigError::HalfTls);
        }
        for (key, value, least) in [
            ("[server] max_clients", self.server.max_clients as u64, 1),
            ("[pool] size", u64::from(self.pool.size), 1),
            ("[pool] max_prepared", u64::from(self.pool.max_prepared), 1),
            (
                "pool_size",
                self.users.iter().filter_map(|u| u.pool_size).chain(self.databases.iter().filter_map(|d| d.pool_size)).min().unwrap_or(1).into(),
                1,
            ),
            ("[limits] max_query_size", self.limits.max_query_size.get() as u64, 1024),
            ("[limits] max_message_size", self.limits.max_message_size.get() as u64, 16 * 1024),
        ] {
            if value < least {
                return Err(ConfigError::TooSmall { key, least });
            }
        }
        Ok(())
    }

    /// Is there no backend but the embedded one?
    pub fn needs_embedded(&self) -> bool {
        self.backend.url.is_none() && self.databases.is_empty()
    }

    /// Where a database lives: its own entry, else the entry `"*"`, else `backend.url` if it names that database or none.
    /// None: there is no such database (3D000).
    pub fn target(&self, database: &str) -> Option<tokio_postgres::Config> {
        let entry = |name: &str| self.databases.iter().find(|d| d.name == name).map(|d| &d.url);
        let serves = |url: &&BackendUrl| url.get().get_dbname().is_none_or(|named| named == database);
        let url = entry(database).or_else(|| entry("*")).or_else(|| self.backend.url.as_ref().filter(serves))?;
        let mut target = url.for_database(database);
        // A root to verify against is worth nothing while plain text is taken too. A socket has no TLS to verify.
        if self.backend.tls_ca.is_some() && target.get_hosts().iter().all(|host| matches!(host, Host::Tcp(_))) {
            target.ssl_mode(SslMode::Require);
        }
        Some(target)
    }

    /// The settings of the pool that serves a client: the user's entry stands over the database's, and both over `[pool]`.
    pub fn pool(&self, user: &str, database: &str) -> Pool {
        let entry = |name: &str| self.databases.iter().find(|d| d.name == name);
        let mut pool = self.pool.clone();
        if let Some(database) = entry(database).or_else(|| entry("*")) {
            pool = pool.with(database.pool_mode, database.pool_size);
        }
        match self.user(user) {
            Some(user) => pool.with(user.pool_mode, user.pool_size),
            None => pool,
        }
    }

    /// The entry of a client's user.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|u| u.name == name)
    }
}

fn unique<'a>(section: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), ConfigError> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(ConfigError::Duplicate { section, name: name.to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
