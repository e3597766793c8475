use super::CliError;
use super::migrate::failed;
use crate::migrate::progress::Progress;
use crate::migrate::{check, report};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Tell what would become of a SQLite file, before anything moves.
///
/// What of the schema, and of the statements given, is translated, what is refused and why; which values fit their columns, and what is
/// worth a look. No PostgreSQL is needed. The exit code is 0 when everything is translated, 1 when something is refused, 2 when the
/// file could not be read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  litewire check app.db
  litewire check app.db --html report.html
  litewire check app.db --sql queries.sql --log statements.log")]
pub(super) struct Args {
    /// The SQLite file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Statements of the application: SQL scripts.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    sql: Vec<PathBuf>,
    /// Statements of the application: a log with one a line.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    log: Vec<PathBuf>,
    /// Write the report as a page too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<ExitCode, CliError> {
    let mut statements = BTreeMap::new();
    for path in &args.sql {
        check::of_script(&read(path)?, &mut statements);
    }
    for path in &args.log {
        check::of_log(&read(path)?, &mut statements);
    }
    let progress = match Progress::new(args.json) {
        Progress::Bars(bars) => Progress::Bars(bars),
        // Its lines would stand before the report.
        _ => Progress::Silent,
    };
    let found = match check::check(&args.file, &statements, &progress) {
        Ok(found) => found,
        Err(error) => return Ok(failed(&error, args.json)),
    };
    let mut out = io::stdout();
    if args.json {
        writeln!(out, "{}", json!({ "event": "check", "clean": found.clean(), "check": found }))?;
    } else {
        out.write_all(report::text(&found).as_bytes())?;
    }
    if let Some(path) = args.html {
        std::fs::write(&path, report::html(&found)).map_err(|source| CliError::Write { path: path.display().to_string(), source })?;
    }
    Ok(if found.clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &Path) -> Result<String, CliError> {
    let bytes = std::fs::read(path).map_err(|source| CliError::Read { path: path.display().to_string(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
