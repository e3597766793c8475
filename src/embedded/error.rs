use std::io;
use std::path::{Path, PathBuf};

/// Why the embedded PostgreSQL does not run; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No server, and no way to fetch one worked.
    #[error(
        "no PostgreSQL server was found{}, and none could be fetched:\n{tried}\n\
         install one (apt-get install postgresql, brew install postgresql), name its directory with PG_BIN, or use one that runs with --backend URL",
        of_major(*.major)
    )]
    NoServer {
        /// The major that the data needs.
        major: Option<u32>,
        /// What was tried, a line each.
        tried: String,
    },
    /// PG_BIN or `[embedded] pg_bin` is wrong.
    #[error("{0} holds no working postgres and initdb; correct PG_BIN or [embedded] pg_bin, or leave it out to have one looked for")]
    BadBin(PathBuf),
    /// PG_BIN or `[embedded] pg_bin` is of another major than the data.
    #[error(
        "the data in {data_dir} is PostgreSQL {data}'s, but {bin} is PostgreSQL {found}; give the directory of a PostgreSQL {data}, \
         or move the data over with pg_upgrade"
    )]
    WrongMajor {
        /// The data directory.
        data_dir: PathBuf,
        /// Its major.
        data: u32,
        /// What was given.
        bin: PathBuf,
        /// Its major.
        found: u32,
    },
    /// Root, and nobody to run it.
    #[error("PostgreSQL does not run as root, and there is neither a user postgres nor nobody; create one, or start Litewire as another user")]
    NoAccount,
    /// An ancestor is closed to the account that runs the server.
    #[error("PostgreSQL runs as {account}, who may not enter {ancestor}; choose a directory elsewhere, such as --data-dir /var/lib/litewire")]
    Unreachable {
        /// The account's name.
        account: String,
        /// The closed directory.
        ancestor: PathBuf,
    },
    /// Somebody else's directory.
    #[error("{0} is neither empty nor a Litewire data directory; choose another with --data-dir")]
    NotOurs(PathBuf),
    /// A second manager.
    #[error("another Litewire runs on {0}; stop it, or choose another directory with --data-dir")]
    Locked(PathBuf),
    /// initdb failed.
    #[error("initdb failed:\n{0}")]
    Initdb(String),
    /// The server ended or did not answer.
    #[error("PostgreSQL did not start ({reason}); the end of {log}:\n{tail}")]
    NotReady {
        /// What was seen.
        reason: String,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// Setting up database and role failed.
    #[error("cannot set up the database of the embedded PostgreSQL: {}", .0.as_db_error().map_or_else(|| .0.to_string(), |e| e.message().to_owned()))]
    Bootstrap(#[from] tokio_postgres::Error),
    /// It would not stop.
    #[error("PostgreSQL (process {0}) does not stop, not even by SIGKILL")]
    NotStopped(u32),
    /// The system refused something.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why not.
        source: io::Error,
    },
}

fn of_major(major: Option<u32>) -> String {
    major.map_or_else(String::new, |m| format!(" for data of PostgreSQL {m}"))
}

/// Says what was being done when the system refused.
pub(super) trait Doing<T> {
    fn doing(self, verb: &str, what: &Path) -> Result<T, EmbeddedError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, verb: &str, what: &Path) -> Result<T, EmbeddedError> {
        self.map_err(|source| EmbeddedError::Io { doing: format!("{verb} {}", what.display()), source })
    }
}
