//! The console's commands (PgBouncer's "Admin console" page).

use super::show::Show;
use crate::error::{ClientError, SqlState};

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// SHOW what.
    Show(Show),
    /// PAUSE: no more backends for a database, or for all; done when none is used any more.
    Pause(Option<String>),
    /// RESUME.
    Resume(Option<String>),
    /// RECONNECT: every backend connection is made anew when it is next free.
    Reconnect(Option<String>),
    /// WAIT_CLOSE: waits until no connection of before the RECONNECT is left.
    WaitClose(Option<String>),
    /// RELOAD of the configuration.
    Reload,
    /// KILL: PAUSE without waiting, and the clients of the database are sent away.
    Kill(String),
    /// KILL_CLIENT of that id.
    KillClient(u64),
    /// SHUTDOWN, at once.
    Shutdown,
    /// SHUTDOWN WAIT_FOR_SERVERS: once open transactions have ended.
    ShutdownAfterTransactions,
    /// SHUTDOWN WAIT_FOR_CLIENTS: once the last client has left.
    ShutdownAfterClients,
    /// SET of what drivers set when they connect, and what means nothing here.
    Set,
    /// Nothing at all.
    Empty,
}

/// Client settings without a meaning here, which drivers send unasked.
const IGNORED: [&str; 6] = ["client_encoding", "extra_float_digits", "application_name", "datestyle", "timezone", "standard_conforming_strings"];

impl Command {
    /// Reads one command.
    pub fn parse(text: &str) -> Result<Command, ClientError> {
        let words = words(text)?;
        let mut words = words.iter().map(String::as_str);
        let Some(verb) = words.next() else { return Ok(Command::Empty) };
        let verb = verb.to_ascii_uppercase();
        let first = words.next();
        let database = || first.map(str::to_owned);
        let command = match (verb.as_str(), first) {
            ("SHOW", Some(what)) => Command::Show(Show::parse(what).ok_or_else(|| unknown(text))?),
            ("PAUSE", _) => Command::Pause(database()),
            ("RESUME", _) => Command::Resume(database()),
            ("RECONNECT", _) => Command::Reconnect(database()),
            ("WAIT_CLOSE", _) => Command::WaitClose(database()),
            ("RELOAD", None) => Command::Reload,
            ("KILL", Some(database)) => Command::Kill(database.to_owned()),
            ("KILL_CLIENT", Some(id)) => {
                let invalid = || ClientError::new(SqlState::INVALID_PARAMETER_VALUE, format!("\"{id}\" is no client's id"));
                Command::KillClient(id.parse().map_err(|_| invalid().hint("SHOW CLIENTS has the ids."))?)
            }
            ("SHUTDOWN", None) => Command::Shutdown,
            ("SHUTDOWN", Some(mode)) if mode.eq_ignore_ascii_case("WAIT_FOR_SERVERS") => Command::ShutdownAfterTransactions,
            ("SHUTDOWN", Some(mode)) if mode.eq_ignore_ascii_case("WAIT_FOR_CLIENTS") => Command::ShutdownAfterClients,
            ("SET", Some(name)) if IGNORED.iter().any(|known| name.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case(known))) => {
                return Ok(Command::Set);
            }
            _ => return Err(unknown(text)),
        };
        if words.next().is_some() {
            return Err(unknown(text));
        }
        Ok(command)
    }

    /// Its command tag; of SHOW, without rows.
    pub fn tag(&self) -> &'static str {
        match self {
            Command::Show(_) => "SHOW",
            Command::Pause(_) => "PAUSE",
            Command::Resume(_) => "RESUME",
            Command::Reconnect(_) => "RECONNECT",
            Command::WaitClose(_) => "WAIT_CLOSE",
            Command::Reload => "RELOAD",
            Command::Kill(_) => "KILL",
            Command::KillClient(_) => "KILL_CLIENT",
            Command::Shutdown | Command::ShutdownAfterTransactions | Command::ShutdownAfterClients => "SHUTDOWN",
            Command::Set => "SET",
            Command::Empty => "",
        }
    }

    /// Does it only look?
    pub fn only_looks(&self) -> bool {
        matches!(self, Command::Show(_) | Command::Set | Command::Empty)
    }
}

/// The commands of a text with semicolons between them; what stands in quotes is no end.
pub fn split(text: &str) -> Vec<&str> {
    let (mut commands, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None if c == ';' => {
                commands.push(&text[start..at]);
                start = at + 1;
            }
            None => {}
        }
    }
    commands.push(&text[start..]);
    commands.retain(|command| !command.trim().is_empty());
    commands
}

/// The words of a command; one in quotes is taken as it is.
fn words(text: &str) -> Result<Vec<String>, ClientError> {
    let mut words = Vec::new();
    let mut rest = text.trim_matches(|c: char| c.is_whitespace() || c == ';');
    while let Some(first) = rest.chars().next() {
        let (word, after) = if matches!(first, '\'' | '"') {
            let (word, after) = rest[1..].split_once(first).ok_or_else(|| unknown(text))?;
            (word, after)
        } else {
            rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()))
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Ok(words)
}

fn unknown(text: &str) -> ClientError {
    ClientError::new(SqlState::SYNTAX_ERROR, format!("unknown admin command: {}", text.trim())).hint("SHOW HELP lists the commands.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_pgbouncer_does() {
        assert_eq!(Command::parse(" show pools ;"), Ok(Command::Show(Show::Pools)));
        assert_eq!(Command::parse("PAUSE \"My db\""), Ok(Command::Pause(Some("My db".to_owned()))));
        assert_eq!(Command::parse("kill_client 12"), Ok(Command::KillClient(12)));
        assert_eq!(Command::parse("SHUTDOWN wait_for_servers"), Ok(Command::ShutdownAfterTransactions));
        assert_eq!(Command::parse("SET extra_float_digits = 3"), Ok(Command::Set));
        assert_eq!(Command::parse(""), Ok(Command::Empty));
        for wrong in ["SELECT 1", "SHOW", "SHOW NOTHING", "KILL", "RELOAD x", "PAUSE a b", "PAUSE \"a", "KILL_CLIENT x", "SET ROLE x"] {
            assert!(Command::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(split("SHOW LISTS; PAUSE 'a;b';;"), ["SHOW LISTS", " PAUSE 'a;b'"]);
    }
}
