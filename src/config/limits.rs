use super::Bytes;
use serde::Deserialize;

/// `[limits]`: bounds on the memory that clients can make the proxy use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The longest text that is translated; longer ones are refused with 54000.
    pub max_query_size: Bytes,
    /// The longest message of a client; a longer one ends the connection with 08P01.
    pub max_message_size: Bytes,
    /// Plans kept in memory, for each pool.
    pub plan_cache: Bytes,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_query_size: Bytes::mib(16), max_message_size: Bytes::mib(256), plan_cache: Bytes::mib(32) }
    }
}
