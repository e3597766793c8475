use super::{ConnectError, Target, install};
use crate::error::{ClientError, SqlState};
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client, NoTls};

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// The connection that the proxy itself asks through, one for each pool: catalog, helper schema, notifications. It is made
/// when it is needed and made again, with growing delays, when it was lost.
#[derive(Debug)]
pub struct Control {
    target: Target,
    client: tokio::sync::Mutex<Option<Arc<Client>>>,
    outage: Mutex<Option<Outage>>,
    changed: Arc<Notify>,
}

/// Attempts that failed in a row.
#[derive(Debug)]
struct Outage {
    until: Instant,
    delay: Duration,
    error: ClientError,
}

/// Why the control connection could not answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It could not be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It could not be made a moment ago, and is not tried again yet.
    #[error("{0}")]
    Waiting(ClientError),
    /// A query failed.
    #[error("{}", detail(.0))]
    Query(#[from] tokio_postgres::Error),
    /// The proxy stops.
    #[error("interrupted: {0}")]
    Aborted(tokio::task::JoinError),
}

impl From<ControlError> for ClientError {
    fn from(error: ControlError) -> Self {
        match &error {
            ControlError::Connect(e) => e.into(),
            ControlError::Waiting(e) => e.clone(),
            ControlError::Query(e) if e.is_closed() => ClientError::new(SqlState::CANNOT_CONNECT_NOW, format!("the backend was lost: {error}")),
            ControlError::Query(_) | ControlError::Aborted(_) => {
                ClientError::new(SqlState::CANNOT_CONNECT_NOW, format!("the backend's catalog cannot be read: {error}"))
            }
        }
    }
}

/// The server's own words; tokio-postgres says only "db error".
pub fn detail(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{} ({})", db.message(), db.code().code()))
}

impl Control {
    /// A control connection to `target`, not made yet.
    pub fn new(target: Target) -> Self {
        Control { target, client: tokio::sync::Mutex::default(), outage: Mutex::default(), changed: Arc::default() }
    }

    /// The connection, made if there is none. The first thing on a new one is the helper schema's version.
    pub async fn client(&self) -> Result<Arc<Client>, ControlError> {
        let mut slot = self.client.lock().await;
        if let Some(client) = slot.as_ref().filter(|client| !client.is_closed()) {
            return Ok(client.clone());
        }
        let outage = self.outage.lock().expect("no holder panics").take();
        if let Some(outage) = outage {
            if outage.until > Instant::now() {
                let error = outage.error.clone();
                *self.outage.lock().expect("no holder panics") = Some(outage);
                return Err(ControlError::Waiting(error));
            }
            return self.reconnect(&mut slot, (outage.delay * 2).min(LONGEST_DELAY)).await;
        }
        self.reconnect(&mut slot, FIRST_DELAY).await
    }

    /// Waits for DDL that a notification tells of.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    async fn reconnect(&self, slot: &mut Option<Arc<Client>>, delay: Duration) -> Result<Arc<Client>, ControlError> {
        match self.connect().await {
            Ok(client) => {
                let client = Arc::new(client);
                *slot = Some(client.clone());
                Ok(client)
            }
            Err(error) => {
                if let ControlError::Connect(reason) = &error {
                    let outage = Outage { until: Instant::now() + delay, delay, error: reason.into() };
                    *self.outage.lock().expect("no holder panics") = Some(outage);
                }
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<Client, ControlError> {
        let stream = self.target.open().await?;
        let mut config = self.target.config().clone();
        // `open` has seen to TLS already.
        config.ssl_mode(tokio_postgres::config::SslMode::Disable).application_name("litewire control");
        let (client, mut connection) = config.connect_raw(stream, NoTls).await.map_err(start_up)?;
        let changed = self.changed.clone();
        tokio::spawn(async move {
            while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
                match message {
                    Ok(AsyncMessage::Notification(_)) => changed.notify_one(),
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(reason = %detail(&error), "the control connection was lost");
                        break;
                    }
                }
            }
        });
        client.batch_execute("SET TimeZone = 'UTC'; SET client_min_messages = warning; LISTEN litewire_ddl").await?;
        install::ensure(&client).await;
        // Whatever happened while nobody listened.
        self.changed.notify_one();
        Ok(client)
    }
}

fn start_up(error: tokio_postgres::Error) -> ConnectError {
    match error.as_db_error() {
        Some(db) => ConnectError::Refused { code: db.code().code().to_owned(), message: db.message().to_owned() },
        None => ConnectError::Authentication(error.to_string()),
    }
}
