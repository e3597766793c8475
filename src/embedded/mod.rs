//! A real PostgreSQL that Litewire runs itself: found on the machine or fetched, in a data directory of its own, behind a
//! private unix socket. It lives as long as the [`Cluster`] that started it, and never longer than this process.

mod account;
mod bootstrap;
mod child;
mod cluster;
mod error;
mod find;
mod place;
mod provision;

pub use cluster::{Cluster, DATABASE, ROLE, SUPERUSER};
pub use error::EmbeddedError;
pub use find::Installation;

use std::path::PathBuf;

/// Told, in a line for a person, what takes time.
pub type Progress = Box<dyn Fn(&str) + Send>;

/// How to run a cluster.
pub struct Options {
    /// The data directory; created when it is missing. Run by root it comes to belong to an account without privileges.
    pub data_dir: PathBuf,
    /// Off only where losing the data does not matter.
    pub fsync: bool,
    /// The directory of `postgres` and `initdb`; None looks for it.
    pub pg_bin: Option<PathBuf>,
    /// Hears what takes time.
    pub progress: Progress,
}

impl Options {
    /// A durable cluster in `data_dir`, with whatever PostgreSQL is found, in silence.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Options { data_dir: data_dir.into(), fsync: true, pg_bin: None, progress: Box::new(|_| ()) }
    }
}
