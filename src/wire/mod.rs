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
    /// A body that ends too early, has bytes left, or no terminator.
    #[error("invalid message format")]
    Format,
    /// Text that is not UTF-8.
    #[error("invalid byte sequence for encoding \"UTF8\"")]
    Encoding,
}
