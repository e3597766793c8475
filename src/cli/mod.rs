//! The command line: one command, one file.

mod check;
mod export;
mod helpers;
mod migrate;
mod password;
mod place;
mod serve;
mod sync;
mod translate;
mod verify;

use clap::{Parser, Subcommand};
use std::io;
use std::process::ExitCode;

/// A proxy that takes SQLite's SQL over PostgreSQL's wire protocol, and answers from a real, pooled PostgreSQL.
///
/// Without a command it serves, as `litewire serve` does.
#[derive(Debug, Parser)]
#[command(name = "litewire", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Args,
}

const EXAMPLES: &str = "Examples:
  litewire                                          serve on 127.0.0.1:6543, with a PostgreSQL of its own
  litewire --backend postgres://app@db:5432/app     serve in front of a PostgreSQL that runs
  litewire translate \"SELECT ifnull(1, 2)\"          show what PostgreSQL is sent
  litewire migrate app.db postgres://app@db/app      move a SQLite file into PostgreSQL, and prove it
  litewire help serve                               more about a command";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Translate(translate::Args),
    Helpers(helpers::Args),
    Password(password::Args),
    Check(check::Args),
    Migrate(migrate::Args),
    Sync(sync::Args),
    Verify(verify::Args),
    Export(export::Args),
}

/// Why a command failed; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// See [`crate::config::ConfigError`].
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// See [`crate::embedded::EmbeddedError`].
    #[error(transparent)]
    Embedded(#[from] crate::embedded::EmbeddedError),
    /// See [`crate::observe::LogError`].
    #[error(transparent)]
    Log(#[from] crate::observe::LogError),
    /// See [`crate::server::ServerError`].
    #[error(transparent)]
    Server(#[from] crate::server::ServerError),
    /// A file that was named.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file, or standard input.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// No SQL.
    #[error("there is no SQL to translate; write litewire translate 'SELECT 1', or give it on standard input")]
    NoSql,
    /// The backend of `translate --backend`.
    #[error("cannot load the catalog from {url}: {reason}; check the URL, and that the server runs")]
    Catalog {
        /// The backend.
        url: String,
        /// Why not.
        reason: String,
    },
    /// A file that was to be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// A URL that is none.
    #[error(transparent)]
    Url(crate::config::BackendUrlError),
    /// `export` without its two places.
    #[error("write litewire export URL FILE, or litewire export --embedded FILE")]
    ExportPlaces,
    /// The file of `migrate --columns`.
    #[error("{path}: {reason}")]
    Columns {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No password, or two different ones.
    #[error("{0}")]
    Password(&'static str),
    /// The rest: standard output, signals, the runtime.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> Result<ExitCode, CliError> {
        match self.command.unwrap_or(Command::Serve(self.serve)) {
            Command::Serve(args) => serve::run(args),
            Command::Translate(args) => translate::run(args),
            Command::Helpers(args) => helpers::run(args),
            Command::Password(args) => password::run(args),
            Command::Migrate(args) => migrate::run(args),
            Command::Verify(args) => verify::run(args),
            Command::Export(args) => export::run(args),
            Command::Check(args) => check::run(args),
            Command::Sync(args) => sync::run(args),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_bare_litewire_serves() {
        let cli = Cli::parse_from(["litewire", "--listen", "127.0.0.1:7000"]);
        assert!(cli.command.is_none());
        let cli = Cli::parse_from(["litewire", "serve", "--backend", "postgres://u@h/d"]);
        assert!(matches!(cli.command, Some(Command::Serve(_))));
        assert!(Cli::try_parse_from(["litewire", "--backend", "nonsense"]).is_err());
    }
}
