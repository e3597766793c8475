use super::verifier::Verifier;
use super::{PoolMode, units};
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// `[auth]`: how clients prove who they are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// The method for all clients, where there are no `[[access]]` rules.
    pub method: AuthMethod,
    /// Allows `trust` on an address that is not loopback.
    pub trust_anywhere: bool,
    /// Asks the backend for the verifier of a user that has no `[[user]]` entry with one: `$1` is the user's name, and the second
    /// column of the row `pg_authid.rolpassword` or the like. No row, or NULL: nobody passes as that user.
    pub query: Option<String>,
    /// The backend's role that runs `query`; without, the one of the URL.
    pub query_user: Option<String>,
    /// That role's password, when it is not the URL's.
    pub query_password: Option<Secret>,
    /// The database in which `query` is run; without, the one that the client asks for.
    pub query_database: Option<String>,
    /// How long an answer of `query` is used.
    #[serde(deserialize_with = "units::duration")]
    pub query_cache: Duration,
}

impl Default for Auth {
    fn default() -> Self {
        Auth {
            method: AuthMethod::default(),
            trust_anywhere: false,
            query: None,
            query_user: None,
            query_password: None,
            query_database: None,
            query_cache: Duration::from_secs(10),
        }
    }
}

/// `[auth] method`, `[[access]] method`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthMethod {
    /// Whoever connects is who they say.
    #[default]
    Trust,
    /// Nobody gets in.
    Reject,
    /// A password, by SCRAM (RFC 5802, RFC 7677), against the user's verifier; over TLS with channel binding, if the client wants it.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// A password, by MD5, for old clients. A user that has a SCRAM verifier is asked by SCRAM, as in PostgreSQL.
    Md5,
    /// The client's certificate: its common name, or a DNS name of it, is the user's.
    Cert,
    /// Over a Unix-domain socket: the operating system's user is the client's.
    Peer,
}

impl AuthMethod {
    /// Does it ask for a password?
    pub fn needs_password(self) -> bool {
        matches!(self, AuthMethod::ScramSha256 | AuthMethod::Md5)
    }
}

/// `[[user]]`: a client's user.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name that the client gives.
    pub name: String,
    /// What proves the password.
    pub verifier: Option<Verifier>,
    /// The password itself, instead of a verifier. It also serves at the backend, for the role of the same name.
    pub password: Option<Secret>,
    /// The backend role that serves this user; without, the one that the backend's URL names, and if it names none, the user's own name.
    pub backend_user: Option<String>,
    /// That role's password, when it is not the URL's.
    pub backend_password: Option<Secret>,
    /// Connections of this user at a time.
    pub max_clients: Option<usize>,
    /// `[pool] mode`, when it is another here.
    pub pool_mode: Option<PoolMode>,
    /// `[pool] size`, when it is another here.
    pub pool_size: Option<u32>,
}

impl User {
    /// Can this user prove a password?
    pub fn has_password(&self) -> bool {
        self.verifier.is_some() || self.password.is_some()
    }
}

// Secrets stay out of logs.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("User");
        shown.field("name", &self.name).field("backend_user", &self.backend_user).field("max_clients", &self.max_clients);
        shown.finish_non_exhaustive()
    }
}

/// A text that shows in no log.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text.
    pub fn get(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
