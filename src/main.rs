//! The program: arguments in, an exit code out (0 done, 1 failed or refused, 2 wrong arguments).

use clap::Parser;
use litewire::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    Cli::parse().run().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
