use super::CliError;
use super::migrate::failed;
use super::place::Place;
use crate::migrate::progress::Progress;
use crate::migrate::run;
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Compare a SQLite file with what was migrated from it.
///
/// Every row of every table is compared, by checksums on both sides; rows that differ are shown by their keys. The exit code is 0 when
/// all is equal, 1 when something differs, 2 when it could not be compared.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  litewire verify app.db postgres://app:secret@db:5432/app
  litewire verify app.db --embedded --json")]
pub(super) struct Args {
    /// The SQLite file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Tables that are compared at once.
    #[arg(long, value_name = "N", default_value_t = 4)]
    jobs: usize,
    /// Where the copy of the file goes meanwhile [default: beside the file].
    #[arg(long, value_name = "DIR")]
    snapshot_dir: Option<PathBuf>,
    /// One JSON object a line instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<ExitCode, CliError> {
    let progress = Progress::new(args.json);
    let outcome =
        args.place.with(&progress, async |target| run::verify(target, &args.file, args.snapshot_dir.as_deref(), args.jobs, &progress).await)?;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return Ok(failed(&error, args.json)),
    };
    let mut out = io::stdout();
    if args.json {
        writeln!(out, "{}", json!({ "event": "verified", "equal": outcome.equal(), "outcome": outcome }))?;
    } else {
        outcome.lines().iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    Ok(if outcome.equal() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
