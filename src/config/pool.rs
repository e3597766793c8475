use super::units;
use serde::Deserialize;
use std::time::Duration;

/// `[pool]`: connections to the backend. There is one pool for each database and backend role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    /// When a client's connection to the backend is given back.
    pub mode: PoolMode,
    /// Connections in a pool at most.
    pub size: u32,
    /// Connections beyond `size`, for clients that have waited for `reserve_timeout`.
    pub reserve_size: u32,
    /// How long a client waits for one of the `size` connections before it may have one of the reserve.
    #[serde(deserialize_with = "units::duration")]
    pub reserve_timeout: Duration,
    /// Idle connections that a pool keeps ready, within `size`.
    pub min_size: u32,
    /// Statements that one connection keeps prepared at most; the least recently used go first.
    pub max_prepared: u32,
    /// An idle connection is closed after this time.
    #[serde(deserialize_with = "units::duration")]
    pub idle_timeout: Duration,
    /// How long a client waits for a connection; then 53300.
    #[serde(deserialize_with = "units::duration")]
    pub checkout_timeout: Duration,
    /// A connection is replaced after this time, when it is next idle.
    #[serde(deserialize_with = "units::duration")]
    pub max_lifetime: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Pool {
            mode: PoolMode::default(),
            size: 20,
            reserve_size: 0,
            reserve_timeout: Duration::from_secs(1),
            min_size: 0,
            max_prepared: 256,
            idle_timeout: Duration::from_secs(30),
            checkout_timeout: Duration::from_secs(2),
            max_lifetime: Duration::from_secs(3600),
        }
    }
}

/// `[pool] mode`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolMode {
    /// At the end of each transaction.
    #[default]
    Transaction,
    /// When the client leaves; the connection is reset (DISCARD ALL).
    Session,
    /// At the end of each statement; a transaction ends the client's connection.
    Statement,
}

impl Pool {
    /// The same with what a `[[database]]` or a `[[user]]` says over it.
    #[must_use]
    pub fn with(mut self, mode: Option<PoolMode>, size: Option<u32>) -> Self {
        self.mode = mode.unwrap_or(self.mode);
        self.size = size.unwrap_or(self.size);
        self
    }
}
