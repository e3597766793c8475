//! SQLite's values outside any database: storage classes, their text, numbers in text, dates. Pure.

pub mod datetime;

/// A value with its storage class (datatype3.html §2).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL; never NaN.
    Real(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Blob(Vec<u8>),
}
