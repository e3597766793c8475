use super::{Bytes, units};
use serde::Deserialize;
use std::time::Duration;

/// `[limits]`: bounds on the memory that clients can make the proxy use, and on the time that they take.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The longest text that is translated; longer ones are refused with 54000.
    pub max_query_size: Bytes,
    /// The longest message of a client; a longer one ends the connection with 08P01.
    pub max_message_size: Bytes,
    /// Plans kept in memory, for each pool.
    pub plan_cache: Bytes,
    /// A client that sends nothing for so long, outside a transaction, is let go with 57P05. 0: no limit.
    #[serde(deserialize_with = "units::duration")]
    pub client_idle_timeout: Duration,
    /// A client that sends nothing for so long within a transaction is let go with 25P03. 0: no limit.
    #[serde(deserialize_with = "units::duration")]
    pub idle_in_transaction_timeout: Duration,
    /// A statement that takes longer is cancelled at the backend (57014). 0: no limit.
    #[serde(deserialize_with = "units::duration")]
    pub query_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_query_size: Bytes::mib(16),
            max_message_size: Bytes::mib(256),
            plan_cache: Bytes::mib(32),
            client_idle_timeout: Duration::ZERO,
            idle_in_transaction_timeout: Duration::ZERO,
            query_timeout: Duration::ZERO,
        }
    }
}
