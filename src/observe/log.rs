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

/// Starts logging to standard error.
pub fn start_log(log: &Log) -> Result<(), LogError> {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&log.level)?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match log.format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    }
    .map_err(LogError::Twice)
}
