//! The helper schema.

/// The SQL that installs the helper schema.
pub const SQL: &str = "";

/// The version of the helper schema.
pub const VERSION: u32 = 1;
