//! Answers, shaped as SQLite's: rows, descriptions, errors.

mod error;
mod held;
mod row;
mod shape;

pub use error::shape_error;
pub use held::Held;
pub use row::{describe, shape_field, shape_row, value_bytes};
pub use shape::{Column, Columns, Shape};
