use crate::config::{Log, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// A log that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `[log] level` is none.
    #[error("[log] level is not valid: {0}; write error, warn, info, debug or trace, or directives such as info,litewire::pool=debug")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// There is one already.
    #[error("the log cannot be started: {0}")]
    Twice(Box<dyn std::error::Error + Send + Sync>),
}

/// Parts of other people's that log statements with their values: only who names them gets that.
const TALKATIVE: [&str; 2] = ["sqlparser", "tokio_postgres"];

/// What `[log] level` lets through.
fn filter(level: &str) -> Result<EnvFilter, LogError> {
    let quiet = TALKATIVE.iter().filter(|part| !level.contains(**part)).map(|part| format!(",{part}=warn"));
    Ok(EnvFilter::try_new(format!("{level}{}", quiet.collect::<String>()))?)
}

/// Starts logging to standard error.
pub fn start_log(log: &Log) -> Result<(), LogError> {
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter(&log.level)?).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    match log.format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    }
    .map_err(LogError::Twice)
}
