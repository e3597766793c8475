use super::CliError;
use super::migrate::failed;
use super::place::Place;
use crate::migrate::progress::Progress;
use crate::migrate::sync;
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Carry over what changed in a SQLite file since it was migrated.
///
/// It needs the copy that `litewire migrate --keep-snapshot` kept, and replaces it. All changes go over in one transaction, or none: a
/// row that changed at both sides stops it. The exit code is 0 when all is carried over, 1 when a row changed at both sides, 2 when
/// something failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  litewire sync app.db postgres://app:secret@db:5432/app
  litewire sync app.db --embedded --overwrite")]
pub(super) struct Args {
    /// The SQLite file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Where a row changed at both sides, SQLite's wins.
    #[arg(long)]
    overwrite: bool,
    /// One JSON object a line instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<ExitCode, CliError> {
    let progress = Progress::new(args.json);
    let outcome = match args.place.with(&progress, async |target| sync::sync(target, &args.file, args.overwrite, &progress).await)? {
        Ok(outcome) => outcome,
        Err(error) => return Ok(failed(&error, args.json)),
    };
    let mut out = io::stdout();
    if args.json {
        writeln!(out, "{}", json!({ "event": "synchronized", "outcome": outcome }))?;
    } else {
        outcome.lines().iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    Ok(if outcome.conflicts.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
