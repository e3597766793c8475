use crate::config::{Log, LogFormat};
use std::io::IsTerminal;
use std::sync::OnceLock;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

/// What changes the level of the log that runs.
static LEVEL: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

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
    let (level, handle) = reload::Layer::new(filter(&log.level)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(level);
    match log.format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    }
    .map_err(|error| LogError::Twice(error.into()))?;
    // Only the first log is started at all.
    let _ = LEVEL.set(handle);
    Ok(())
}

/// Changes the level of the log that runs, if one does.
pub fn set_log_level(level: &str) -> Result<(), LogError> {
    let level = filter(level)?;
    LEVEL.get().map_or(Ok(()), |handle| handle.reload(level)).map_err(|error| LogError::Twice(error.into()))
}
