use super::units;
use serde::Deserialize;
use std::time::Duration;

/// `[pool]`: connections to the backend. There is one pool for each database and backend role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    /// Connections in a pool at most.
    pub size: u32,
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
        Pool { size: 20, idle_timeout: Duration::from_secs(30), checkout_timeout: Duration::from_secs(2), max_lifetime: Duration::from_secs(3600) }
    }
}
