use super::CliError;
use crate::config::ScramVerifier;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// Make a [[user]] entry for the configuration.
///
/// Reads a password, from the terminal (twice, unseen) or from the first line of standard input, and prints an entry with its
/// SCRAM-SHA-256 verifier, which proves the password without holding it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  litewire password ann >> litewire.toml")]
pub(super) struct Args {
    /// The user's name.
    #[arg(value_name = "NAME")]
    user: String,
}

pub(super) fn run(args: Args) -> Result<ExitCode, CliError> {
    let password = if io::stdin().is_terminal() {
        let _unseen = Unseen::begin()?;
        let password = ask("Password: ")?;
        if ask("Again: ")? != password {
            return Err(CliError::Password("the two passwords differ; try again"));
        }
        password
    } else {
        read_line()?
    };
    if password.is_empty() {
        return Err(CliError::Password("the password is empty; type one, or give it on standard input"));
    }
    let name = toml::Value::String(args.user);
    writeln!(io::stdout(), "[[user]]\nname = {name}\nverifier = \"{}\"", ScramVerifier::of_password(&password))?;
    Ok(ExitCode::SUCCESS)
}

fn ask(prompt: &str) -> io::Result<String> {
    eprint!("{prompt}");
    let line = read_line();
    eprintln!();
    line
}

fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The terminal shows nothing of what is typed, until this goes.
struct Unseen {
    before: Termios,
}

impl Unseen {
    fn begin() -> io::Result<Unseen> {
        let before = tcgetattr(io::stdin())?;
        let mut without_echo = before.clone();
        without_echo.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &without_echo)?;
        Ok(Unseen { before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that has gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}
