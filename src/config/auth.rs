use super::PoolMode;
use super::verifier::ScramVerifier;
use serde::Deserialize;
use std::fmt;

/// `[auth]`: how clients prove who they are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// The method, for all clients.
    pub method: AuthMethod,
    /// Allows `trust` on an address that is not loopback.
    pub trust_anywhere: bool,
}

/// `[auth] method`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthMethod {
    /// Whoever connects is who they say.
    #[default]
    Trust,
    /// A password, by SCRAM (RFC 5802, RFC 7677), against the user's verifier.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
}

/// `[[user]]`: a client's user.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name that the client gives.
    pub name: String,
    /// What proves the password. Needed under `scram-sha-256`.
    pub verifier: Option<ScramVerifier>,
    /// The backend role that serves this user; without, the one that the backend's URL names, and if it names none, the user's own name.
    pub backend_user: Option<String>,
    /// That role's password, when it is not the URL's.
    pub backend_password: Option<String>,
    /// `[pool] mode`, when it is another here.
    pub pool_mode: Option<PoolMode>,
    /// `[pool] size`, when it is another here.
    pub pool_size: Option<u32>,
}

// Secrets stay out of logs.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("backend_user", &self.backend_user).finish_non_exhaustive()
    }
}
