//! Answers, shaped as SQLite's: rows, descriptions, errors.

mod error;
mod row;

pub use error::shape_error;
pub use row::{describe, shape_field, shape_row, value_bytes};
