use super::CliError;
use std::io::{self, Write};
use std::process::ExitCode;

/// Print the SQL of the helper schema.
///
/// It holds the functions that some translated statements call. Litewire installs it on first use where the role may create a
/// schema. Where it may not, let somebody who may run this SQL.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  litewire helpers --print | psql postgres://admin@db/app")]
pub(super) struct Args {
    /// Print the SQL that installs it.
    #[arg(long, required = true)]
    print: bool,
}

pub(super) fn run(_: Args) -> Result<ExitCode, CliError> {
    io::stdout().write_all(crate::helpers::SQL.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
