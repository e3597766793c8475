//! Moving a SQLite file into PostgreSQL, proving it, and the way back.
//!
//! | file | what it does |
//! |---|---|
//! | [`snapshot`] | a private copy of the file, of one moment, while the application goes on |
//! | [`source`] | what the file holds: objects, sequences, rows |
//! | [`schema`] | its DDL as PostgreSQL's, by the translator that a client's DDL goes through |
//! | [`layout`] | which column goes where, and in which [`form`] |
//! | [`scan`] | which values do not fit, and so what a column can be |
//! | [`copy`] | rows by binary COPY, one transaction a table |
//! | [`state`] | what is done, kept in the target, so that a run that was broken off goes on |
//! | [`canon`], [`verify`] | every row, compared by checksums |
//! | [`compare`] | the schema, compared |
//! | [`export`] | the way back: a SQLite file |
//! | [`sync`] | what changed in the file since |
//! | [`check`], [`report`] | all of that foretold, as text and as a page |
//!
//! [`run::migrate`] is the way through all of them.

pub mod canon;
mod carrier;
pub mod check;
pub mod compare;
pub mod constraints;
pub mod copy;
pub mod export;
pub mod form;
pub mod layout;
pub mod progress;
pub mod report;
pub mod run;
pub mod scan;
pub mod schema;
pub mod snapshot;
pub mod source;
pub mod state;
pub mod sync;
pub mod target;
mod time;
pub mod verify;

use crate::backend::{ConnectError, TlsError};
use std::path::PathBuf;

/// Why a migration, a verification or an export stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The SQLite file.
    #[error("cannot open {path}: {source}{}", if source.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) { ", or it is encrypted" } else { "" })]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// Reading one of its tables.
    #[error("cannot read the table {table}: {source}; .recover of SQLite's shell saves what can be saved of a damaged file")]
    Table {
        /// The table.
        table: String,
        /// Why.
        source: rusqlite::Error,
    },
    /// Writing the copy of it.
    #[error("cannot write the copy {path}: {source}; --snapshot-dir names another place for it")]
    Unwritten {
        /// The copy.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// Reading or writing rows of a SQLite file.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A file beside it.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The target said no.
    #[error("PostgreSQL: {}", crate::backend::detail(.0))]
    Backend(#[from] tokio_postgres::Error),
    /// No connection to the target.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// TLS towards the target.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Objects that cannot be translated.
    #[error("{} cannot be translated:{}\nNothing was changed. --skip-unsupported goes on without.", counted(.0.len(), "object"), listed(.0))]
    Unsupported(Vec<String>),
    /// Values that no column can hold, with `--on-misfit stop`.
    #[error("values do not fit their columns:{}\nNothing was changed. --on-misfit widen or quarantine goes on.", listed(.0))]
    Misfits(Vec<String>),
    /// Anything else, in whole sentences that say what to do.
    #[error("{0}")]
    Refused(String),
    /// A thread of this program ended badly.
    #[error("interrupted: {0}")]
    Aborted(#[from] tokio::task::JoinError),
}

impl Error {
    fn refused(text: impl Into<String>) -> Self {
        Error::Refused(text.into())
    }
}

/// `1 table`, `2 tables`.
pub fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn listed(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}
