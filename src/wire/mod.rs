//! The bytes of protocol 3 after start-up (protocol chapter "Message Formats"). No I/O.

pub mod backend;
pub mod encode;
pub mod frame;
pub mod frontend;
