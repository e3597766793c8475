//! Fills and refreshes the snapshot of [`crate::catalog`].

mod load;
mod refresh;
mod sql;

pub use refresh::Keeper;
