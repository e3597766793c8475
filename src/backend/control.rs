use super::outage::Outage;
use super::{ConnectError, Target, install};
use crate::error::{ClientError, SqlState};
use std::collections::HashSet;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, broadcast};
use tokio_postgres::error::SqlState as TokioState;
use tokio_postgres::{AsyncMessage, Client, Notification};

const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The shared advisory lock that every control connection holds: who holds it keeps a catalog of this database.
const PRESENCE: i64 = 0x6c77_6361_7461_6c67;
/// The class of the shared advisory lock, on its own number, that every process holds: its databases in memory are in use.
const OWNERS: i32 = 0x6c77_6d65;
/// This process among all others.
pub static INSTANCE: LazyLock<u32> = LazyLock::new(|| getrandom::u32().unwrap_or_else(|_| std::process::id()));
/// How long DDL waits until all others have read the catalog again; then they find out as after anybody's DDL.
const BARRIER: Duration = Duration::from_secs(2);

/// The connection that the proxy itself asks through, one for each pool: catalog, helper schema, notifications. It is made
/// when it is needed and made again, with growing delays, when it was lost.
#[derive(Debug)]
pub struct Control {
    target: Mutex<Target>,
    client: tokio::sync::Mutex<Option<Arc<Client>>>,
    outage: Mutex<Outage<ClientError>>,
    notices: Arc<Notices>,
}

/// What other control connections told.
#[derive(Debug)]
struct Notices {
    /// DDL was done by somebody.
    changed: Notify,
    /// Litewires that wait until this one has read the catalog again: what they call their DDL.
    asked: Mutex<Vec<String>>,
    /// Who has done so for DDL of this one: its name, and the backend's process number.
    answers: broadcast::Sender<(String, i32)>,
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
        Control {
            target: Mutex::new(target),
            client: tokio::sync::Mutex::default(),
            outage: Mutex::new(Outage::new(FIRST_DELAY)),
            notices: Arc::default(),
        }
    }

    /// The connection, made if there is none. The first thing on a new one is the helper schema's version.
    pub async fn client(&self) -> Result<Arc<Client>, ControlError> {
        let mut slot = self.client.lock().await;
        if let Some(client) = slot.as_ref().filter(|client| !client.is_closed()) {
            return Ok(client.clone());
        }
        if let Some(error) = self.outage.lock().expect("no holder panics").error() {
            return Err(ControlError::Waiting(error));
        }
        // A large future for the rarer case.
        let connected = Box::pin(self.connect()).await.map(Arc::new);
        let gone = match &connected {
            Err(ControlError::Connect(reason)) => Some(reason.into()),
            _ => None,
        };
        self.outage.lock().expect("no holder panics").note(gone);
        Ok(slot.insert(connected?).clone())
    }

    /// From its next start on it goes there.
    pub fn retarget(&self, target: Target) {
        *self.target.lock().expect("no holder panics") = target;
    }

    /// Ends it; it is made again when it is needed.
    pub async fn close(&self) {
        self.client.lock().await.take();
    }

    /// Waits for DDL that a notification tells of.
    pub async fn changed(&self) {
        self.notices.changed.notified().await;
    }

    /// The catalog was read again: whoever waits for that is told.
    pub async fn acknowledge(&self) -> Result<(), ControlError> {
        let asked = std::mem::take(&mut *self.notices.asked.lock().expect("no holder panics"));
        for name in asked {
            self.client().await?.execute("SELECT pg_catalog.pg_notify('litewire_ack', $1)", &[&name]).await?;
        }
        Ok(())
    }

    /// DDL was committed: waits until every other Litewire on this database has read the catalog again.
    pub async fn announce(&self) -> Result<(), ControlError> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let client = self.client().await?;
        let (class, object) = ((PRESENCE >> 32) as u32, PRESENCE as u32);
        let rows = client.query(OTHERS, &[&class, &object]).await?;
        let mut others: HashSet<i32> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        if others.is_empty() {
            return Ok(());
        }
        let mut answers = self.notices.answers.subscribe();
        let name = format!("{}.{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        client.execute("SELECT pg_catalog.pg_notify('litewire_ddl', $1)", &[&name]).await?;
        let all = async {
            while !others.is_empty() {
                match answers.recv().await {
                    Ok((of, pid)) if of == name => drop(others.remove(&pid)),
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        };
        if tokio::time::timeout(BARRIER, all).await.is_err() {
            tracing::warn!(?others, "not every Litewire on this database has read the catalog again in time");
        }
        Ok(())
    }

    /// Makes a schema for ATTACH; one that is there, or that somebody else makes just now, is no error.
    pub async fn make_schema(&self, schema: &str) -> Result<(), ControlError> {
        let made = self.client().await?.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(schema))).await;
        match made {
            Err(error) if !error.code().is_some_and(|c| [TokioState::UNIQUE_VIOLATION, TokioState::DUPLICATE_SCHEMA].contains(c)) => {
                Err(error.into())
            }
            _ => Ok(()),
        }
    }

    /// Drops a schema that ATTACH made.
    pub async fn drop_schema(&self, schema: &str) -> Result<(), ControlError> {
        Ok(self.client().await?.batch_execute(&format!("DROP SCHEMA IF EXISTS {} CASCADE", quoted(schema))).await?)
    }

    async fn connect(&self) -> Result<Client, ControlError> {
        let target = self.target.lock().expect("no holder panics").clone();
        let (client, mut connection) = target.client("litewire control").await?;
        let notices = self.notices.clone();
        tokio::spawn(async move {
            while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
                match message {
                    Ok(AsyncMessage::Notification(told)) => notices.take(&told),
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(reason = %detail(&error), "the control connection was lost");
                        break;
                    }
                }
            }
        });
        // A standby takes no LISTEN: there, other people's DDL is found by the poll alone.
        let standby: bool = client.query_one("SELECT pg_catalog.pg_is_in_recovery()", &[]).await?.get(0);
        client.batch_execute("SET TimeZone = 'UTC'; SET client_min_messages = warning").await?;
        if !standby {
            client.batch_execute("LISTEN litewire_ddl; LISTEN litewire_ack").await?;
        }
        client.execute("SELECT pg_catalog.pg_advisory_lock_shared($1)", &[&PRESENCE]).await?;
        client.execute("SELECT pg_catalog.pg_advisory_lock_shared($1, $2)", &[&OWNERS, &(*INSTANCE as i32)]).await?;
        if !standby {
            install::ensure(&client).await;
            if let Err(error) = client.batch_execute(&SWEEP.replace("{class}", &OWNERS.to_string())).await {
                tracing::debug!(reason = %detail(&error), "schemas of processes that are gone could not be dropped");
            }
        }
        // Whatever happened while nobody listened.
        self.notices.changed.notify_one();
        Ok(client)
    }
}

fn quoted(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}

/// Drops the databases in memory of processes that ended without doing so: no control connection of theirs is left.
const SWEEP: &str = "DO $$
DECLARE
  gone text;
BEGIN
  FOR gone IN
    SELECT nspname FROM pg_catalog.pg_namespace
    WHERE nspname ~ '^memory:[0-9a-f]{8}_' AND pg_catalog.pg_has_role(nspowner, 'USAGE') AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_locks
      WHERE locktype = 'advisory' AND classid = {class} AND objid = ('x' || substr(nspname, 8, 8))::bit(32)::int8::oid AND objsubid = 2
        AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
  LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', gone);
  END LOOP;
END $$";

/// The control connections of the others.
const OTHERS: &str = "SELECT pid FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AND pid <> pg_catalog.pg_backend_pid()";

impl Default for Notices {
    fn default() -> Self {
        Notices { changed: Notify::default(), asked: Mutex::default(), answers: broadcast::Sender::new(64) }
    }
}

impl Notices {
    fn take(&self, told: &Notification) {
        if told.channel() == "litewire_ack" {
            // Nobody need be waiting.
            let _ = self.answers.send((told.payload().to_owned(), told.process_id()));
            return;
        }
        if !told.payload().is_empty() {
            self.asked.lock().expect("no holder panics").push(told.payload().to_owned());
        }
        self.changed.notify_one();
    }
}
