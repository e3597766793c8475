//! One client after start-up.

pub mod guard;
