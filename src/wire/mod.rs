//! Bytes of protocol 3 (protocol chapter "Message Formats"): bounded framing, decoding, encoding. No I/O.

pub mod backend;
pub mod certificate;
pub mod encode;
pub mod frame;
pub mod frontend;
pub mod scram;
pub mod secret;
pub mod startup;

/// A message that breaks the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A length that no message can have.
    #[error("invalid message length")]
    Length,
    /// A message beyond the configured size.
    #[error("message of {0} bytes is larger than the limit")]
    TooLarge(usize),
    /// A body that has bytes left.
    #[error("invalid message format")]
    Format,
    /// A body that ends too early.
    #[error("insufficient data left in message")]
    Short,
    /// A body that ends where a byte was to come.
    #[error("no data left in message")]
    Empty,
    /// A String without its terminator.
    #[error("invalid string in message")]
    Unterminated,
    /// A Describe or Close of neither a statement nor a portal.
    #[error("invalid {0} message subtype {1}")]
    Subtype(&'static str, u8),
    /// Text that is not UTF-8: the bytes that are not, in hexadecimal.
    #[error("invalid byte sequence for encoding \"UTF8\": {0}")]
    Encoding(String),
}
