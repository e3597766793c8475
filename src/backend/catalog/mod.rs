//! Fills and refreshes the snapshot of [`crate::catalog`].

mod load;
mod refresh;
mod sql;

pub use load::load;
pub use refresh::Keeper;
