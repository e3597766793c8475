use super::CliError;
use super::migrate::failed;
use super::place::Place;
use crate::migrate::export;
use crate::migrate::progress::Progress;
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Write a SQLite file from PostgreSQL: the way back.
///
/// The file has SQLite's own DDL, as it was sent, and all rows, those in quarantine too. It is compared with PostgreSQL before it gets
/// its name. The exit code is 0 when it is equal, 1 when something differs, 2 when there is no file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  litewire export postgres://app:secret@db:5432/app back.db
  litewire export --embedded back.db")]
pub(super) struct Args {
    /// The PostgreSQL (not with --embedded), and the file.
    #[arg(value_names = ["URL", "FILE"], num_args = 1..=2, required = true)]
    places: Vec<String>,
    /// Use the PostgreSQL of Litewire's own; no proxy may be running on it.
    #[arg(long)]
    embedded: bool,
    /// Where that one lives [default: .litewire].
    #[arg(long, value_name = "DIR", requires = "embedded", env = "LITEWIRE_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// The roots, PEM, that must have signed the server's certificate.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Tables that are compared at once.
    #[arg(long, value_name = "N", default_value_t = 4)]
    jobs: usize,
    /// One JSON object a line instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<ExitCode, CliError> {
    let progress = Progress::new(args.json);
    let (url, file) = match (args.places.as_slice(), args.embedded) {
        ([file], true) => (None, PathBuf::from(file)),
        ([url, file], false) => (Some(url.parse().map_err(CliError::Url)?), PathBuf::from(file)),
        _ => return Err(CliError::ExportPlaces),
    };
    let place = Place { url, embedded: args.embedded, data_dir: args.data_dir, tls_ca: args.tls_ca };
    let outcome = match place.with(&progress, async |target| export::export(target, &file, args.jobs, &progress).await)? {
        Ok(outcome) => outcome,
        Err(error) => return Ok(failed(&error, args.json)),
    };
    let mut out = io::stdout();
    if args.json {
        writeln!(out, "{}", json!({ "event": "exported", "equal": outcome.equal(), "outcome": outcome }))?;
    } else {
        writeln!(out, "{}", export::summary(&outcome))?;
        outcome.lines().iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    Ok(if outcome.equal() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
