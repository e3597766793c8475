//! The configuration: one section, one file. What is read here is already valid; `config.toml` at the top of the
//! repository documents every key.

mod access;
mod admin;
mod auth;
mod backend;
mod backend_tls;
mod dialect;
mod embedded;
mod limits;
mod log;
mod pool;
mod server;
mod session_attrs;
mod transactions;
mod units;
mod verifier;

pub use access::{AccessRule, Approach, ConnectionType, Demand, Names, Networks};
pub use admin::{Admin, Metrics};
pub use auth::{Auth, AuthMethod, Secret, User};
pub use backend::{Backend, BackendUrl, BackendUrlError, Database};
pub use backend_tls::{BackendTls, Binding, Roots, SslMode};
pub use dialect::{Dialect, DialectKind, DialectRule, ForeignKeys, Misfit, ResultProfile, TypeMapping, UntypedParams};
pub use embedded::Embedded;
pub use limits::Limits;
pub use log::{Log, LogFormat};
pub use pool::{Pool, PoolMode};
pub use server::{Server, TlsPolicy, TlsVersion};
pub use session_attrs::SessionAttrs;
pub use transactions::{Immediate, Isolation, Transactions};
pub use units::{Bytes, parse_bytes, parse_duration};
pub use verifier::{Md5Verifier, ScramVerifier, Verifier, VerifierError};

use serde::Deserialize;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Everything that can be configured, valid as a whole.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where clients connect.
    pub server: Server,
    /// How they prove who they are.
    pub auth: Auth,
    /// Who may come in, and how; without rules, everybody by `[auth] method`.
    pub access: Vec<AccessRule>,
    /// The users that prove a password, and the backend role of each; in the order of their names.
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
    /// Who may use the admin console.
    pub admin: Admin,
    /// Where metrics and health are told.
    pub metrics: Metrics,
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
    #[error("a password is asked for, so at least one [[user]] is needed, or an [auth] query; `litewire password NAME` prints an entry")]
    NoUsers,
    /// A user that has no verifier where everybody needs one.
    #[error("[[user]] \"{0}\" needs a verifier, since [auth] method asks for a password; `litewire password {0}` prints one")]
    NoVerifier(String),
    /// Two proofs of one password.
    #[error("[[user]] \"{0}\" has a verifier and a password; remove one (the verifier is the safer one to keep)")]
    TwoProofs(String),
    /// Certificates that nothing checks.
    #[error("[[access]] {0} needs [server] tls_client_ca, which says who signs clients' certificates, and a type of any, host or hostssl")]
    NoClientCa(&'static str),
    /// Encryption that cannot be had.
    #[error("{0} needs [server] tls_cert and tls_key, and tls other than \"disable\"")]
    NoTls(&'static str),
    /// The operating system tells of a client on a socket only.
    #[error("the method \"peer\" is for [[access]] rules with type = \"local\" only")]
    PeerOverNetwork,
    /// Two entries of one name.
    #[error("there are two [[{section}]] entries named \"{name}\"; remove one")]
    Duplicate {
        /// `user` or `database`.
        section: &'static str,
        /// The name.
        name: String,
    },
    /// Two processes on one port cannot share one data directory.
    #[error("[server] reuse_port needs a backend that is not the embedded one; set [backend] url, or a [[database]]")]
    ReusePortEmbedded,
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
        let config = toml::from_str(text).map_err(|source| ConfigError::Parse { origin: origin.to_owned(), source: Box::new(source) });
        config.map(|mut config: Config| {
            // For `Config::user`.
            config.users.sort_by(|a, b| a.name.cmp(&b.name));
            config
        })
    }

    /// What no single key can get wrong alone.
    fn validate(&self) -> Result<(), ConfigError> {
        self.validate_access()?;
        unique("user", self.users.iter().map(|u| u.name.as_str()))?;
        unique("database", self.databases.iter().map(|d| d.name.as_str()))?;
        if self.server.reuse_port && self.needs_embedded() {
            return Err(ConfigError::ReusePortEmbedded);
        }
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

    /// Who may come in, and whether what that needs is there.
    fn validate_access(&self) -> Result<(), ConfigError> {
        let everybody = AccessRule::of_method(self.auth.method);
        let rules = if self.access.is_empty() { std::slice::from_ref(&everybody) } else { &self.access };
        let trusts = rules.iter().any(|rule| rule.method == AuthMethod::Trust && rule.is_for_others());
        if trusts && !self.auth.trust_anywhere && !self.server.listen.ip().is_loopback() {
            return Err(ConfigError::TrustAnywhere(self.server.listen));
        }
        if let Some(user) = self.users.iter().find(|u| u.verifier.is_some() && u.password.is_some()) {
            return Err(ConfigError::TwoProofs(user.name.clone()));
        }
        if rules.iter().any(|rule| rule.method.needs_password()) && self.auth.query.is_none() {
            if !self.users.iter().any(User::has_password) && (self.users.is_empty() || !self.access.is_empty()) {
                return Err(ConfigError::NoUsers);
            }
            if let Some(user) = self.users.iter().find(|u| self.access.is_empty() && !u.has_password()) {
                return Err(ConfigError::NoVerifier(user.name.clone()));
            }
        }
        let tls = self.server.tls != TlsPolicy::Disable && self.server.tls_cert.is_some();
        for rule in rules {
            let over_tls = !matches!(rule.connection, ConnectionType::Local | ConnectionType::HostNoSsl);
            match rule.method {
                AuthMethod::Cert if self.server.tls_client_ca.is_none() || !over_tls => return Err(ConfigError::NoClientCa("method \"cert\"")),
                _ if rule.client_cert && (self.server.tls_client_ca.is_none() || !over_tls) => return Err(ConfigError::NoClientCa("client_cert")),
                AuthMethod::Peer if rule.connection != ConnectionType::Local => return Err(ConfigError::PeerOverNetwork),
                _ if rule.connection == ConnectionType::HostSsl && !tls => return Err(ConfigError::NoTls("[[access]] type = \"hostssl\"")),
                _ => {}
            }
        }
        if self.server.tls == TlsPolicy::Require && !tls {
            return Err(ConfigError::NoTls("[server] tls = \"require\""));
        }
        if self.server.tls_client_ca.is_some() && !tls {
            return Err(ConfigError::NoTls("[server] tls_client_ca"));
        }
        Ok(())
    }

    /// Is there no backend but the embedded one?
    pub fn needs_embedded(&self) -> bool {
        self.backend.url.is_none() && self.databases.is_empty()
    }

    /// Where a database lives: its own entry, else the entry `"*"`, else `backend.url` if it names that database or none.
    /// None: there is no such database (3D000).
    pub fn target(&self, database: &str) -> Option<BackendUrl> {
        let entry = |name: &str| self.databases.iter().find(|d| d.name == name).map(|d| &d.url);
        let serves = |url: &&BackendUrl| url.get().get_dbname().is_none_or(|named| named == database);
        let url = entry(database).or_else(|| entry("*")).or_else(|| self.backend.url.as_ref().filter(serves))?;
        let target = url.for_database(database);
        Some(match &self.backend.tls_ca {
            Some(roots) => target.with_roots(roots.clone()),
            None => target,
        })
    }

    /// The entry of a database, or else of `"*"`.
    pub fn database(&self, name: &str) -> Option<&Database> {
        let entry = |name: &str| self.databases.iter().find(|d| d.name == name);
        entry(name).or_else(|| entry("*"))
    }

    /// What the rule for a client demands; None when there are rules, and none fits.
    pub fn access(&self, client: &Approach<'_>) -> Option<Demand> {
        if self.access.is_empty() {
            return Some(Demand { method: self.auth.method, client_cert: false });
        }
        let rule = self.access.iter().find(|rule| rule.fits(client))?;
        Some(Demand { method: rule.method, client_cert: rule.client_cert })
    }

    /// The settings of the pool that serves a client: the user's entry stands over the database's, and both over `[pool]`.
    pub fn pool(&self, user: &str, database: &str) -> Pool {
        let mut pool = self.pool.clone();
        if let Some(database) = self.database(database) {
            pool = pool.with(database.pool_mode, database.pool_size);
        }
        match self.user(user) {
            Some(user) => pool.with(user.pool_mode, user.pool_size),
            None => pool,
        }
    }

    /// The entry of a client's user.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.binary_search_by(|user| user.name.as_str().cmp(name)).ok().map(|at| &self.users[at])
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
