use super::CliError;
use super::place::Place;
use crate::migrate::progress::Progress;
use crate::migrate::run::{self, OnMisfit, Report, Request};
use crate::migrate::{self, counted};
use crate::translate::COLUMN_TYPES;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Move a SQLite file into PostgreSQL, and prove it.
///
/// The file is copied first (the application may go on), its schema made as the proxy makes it for a client's DDL, its rows copied and
/// then compared. Run again after an interruption, it goes on where it was. The exit code is 0 when everything is there and equal, 1
/// when something differs or is missing, 2 when nothing was compared.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  litewire migrate app.db postgres://app:secret@db:5432/app
  litewire migrate app.db --embedded
  litewire migrate app.db postgres://app@db/app --on-misfit quarantine --json
  litewire migrate app.db postgres://app@db/app --data-only --replace

A file for --columns states types of columns, of: any, bigint, boolean, bytea, date, double precision, json, jsonb, numeric,
text, time, timestamp, timestamptz, uuid.
  [orders]
  placed = \"timestamptz\"")]
pub(super) struct Args {
    /// The SQLite file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    /// What columns become: types that hold just what SQLite's do, or PostgreSQL's nearest.
    #[arg(long, value_enum, default_value = "faithful", value_name = "TYPES")]
    types: Types,
    /// Types of single columns, TOML: a section for each table.
    #[arg(long, value_name = "FILE")]
    columns: Option<PathBuf>,
    /// What becomes of values that do not fit their column.
    #[arg(long, value_enum, default_value = "widen", value_name = "WHAT")]
    on_misfit: OnMisfit,
    /// Go on without the objects that cannot be translated.
    #[arg(long)]
    skip_unsupported: bool,
    /// Copy rows into tables that are there; columns are matched by name.
    #[arg(long, conflicts_with_all = ["types", "columns"])]
    data_only: bool,
    /// With --data-only: remove the rows that the tables have.
    #[arg(long, requires = "data_only")]
    replace: bool,
    /// Tables that are copied at once.
    #[arg(long, value_name = "N", default_value_t = 4)]
    jobs: usize,
    /// Do not compare afterwards.
    #[arg(long)]
    no_verify: bool,
    /// Where the copy of the file goes while the migration lasts [default: beside the file].
    #[arg(long, value_name = "DIR")]
    snapshot_dir: Option<PathBuf>,
    /// Keep the copy, from which `litewire sync` tells what changed since.
    #[arg(long)]
    keep_snapshot: bool,
    /// Forget an interrupted migration of this file, and what it made, and begin anew.
    #[arg(long)]
    restart: bool,
    /// One JSON object a line instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Types {
    Faithful,
    Native,
}

pub(super) fn run(args: Args) -> Result<ExitCode, CliError> {
    let progress = Progress::new(args.json);
    let types = args.columns.as_deref().map(column_types).transpose()?.unwrap_or_default();
    let beside = args.file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let request = Request {
        snapshots: args.snapshot_dir.unwrap_or_else(|| beside.to_owned()),
        file: args.file,
        native: args.types == Types::Native,
        types,
        on_misfit: args.on_misfit,
        skip_unsupported: args.skip_unsupported,
        data_only: args.data_only,
        replace: args.replace,
        jobs: args.jobs,
        verify: !args.no_verify,
        keep_snapshot: args.keep_snapshot,
        restart: args.restart,
    };
    let outcome = args.place.with(&progress, async |target| run::migrate(target, &request, &progress).await)?;
    Ok(match outcome {
        Ok(report) => {
            show(&report, args.json)?;
            if report.whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            let code = failed(&error, args.json);
            if matches!(&error, migrate::Error::Backend(lost) if lost.is_closed()) {
                progress.say("The connection was lost, no row was: the same command goes on where it was.");
            }
            code
        }
    })
}

/// Reports what stopped a command; exit code 2.
pub(super) fn failed(error: &migrate::Error, as_json: bool) -> ExitCode {
    if as_json {
        // Whoever reads our output may have gone.
        let _ = writeln!(io::stdout(), "{}", json!({ "event": "error", "text": error.to_string() }));
    } else {
        eprintln!("error: {error}");
    }
    ExitCode::from(2)
}

fn show(report: &Report, as_json: bool) -> io::Result<()> {
    let mut out = io::stdout();
    if as_json {
        return writeln!(out, "{}", json!({ "event": "report", "report": report }));
    }
    for (title, lines) in [("Found in the data:", &report.findings), ("Left out:", &report.skipped), ("Problems:", &report.problems)] {
        if !lines.is_empty() {
            writeln!(out, "{title}\n  {}", lines.join("\n  "))?;
        }
    }
    let rows: u64 = report.tables.iter().map(|t| t.rows).sum();
    let aside: u64 = report.tables.iter().map(|t| t.quarantined).sum();
    let set_aside = if aside > 0 { format!(", {} in litewire.quarantine", counted(aside as usize, "row")) } else { String::new() };
    writeln!(out, "copied {}, {}{set_aside}", counted(report.tables.len(), "table"), counted(rows as usize, "row"))?;
    for line in report.verified.iter().flat_map(|outcome| outcome.lines()) {
        writeln!(out, "{line}")?;
    }
    if let Some(path) = &report.snapshot {
        writeln!(out, "the copy of the file is {}", path.display())?;
    }
    Ok(())
}

/// Columns' types from a TOML file; names in lower case.
fn column_types(path: &Path) -> Result<BTreeMap<String, BTreeMap<String, String>>, CliError> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Tables(BTreeMap<String, BTreeMap<String, String>>);
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Read { path: name.clone(), source })?;
    let Tables(tables) = toml::from_str(&text).map_err(|e| CliError::Columns { path: name.clone(), reason: e.to_string() })?;
    let known = |ty: &str| COLUMN_TYPES.iter().any(|(name, _)| *name == ty);
    if let Some(unknown) = tables.values().flat_map(BTreeMap::values).find(|ty| !known(ty)) {
        let names: Vec<&str> = COLUMN_TYPES.iter().map(|(name, _)| *name).collect();
        return Err(CliError::Columns { path: name, reason: format!("{unknown} is none of {}", names.join(", ")) });
    }
    let lower = |columns: BTreeMap<String, String>| columns.into_iter().map(|(column, ty)| (column.to_lowercase(), ty)).collect();
    Ok(tables.into_iter().map(|(table, columns)| (table.to_lowercase(), lower(columns))).collect())
}
