use super::{load, sql};
use crate::backend::{Control, ControlError};
use crate::catalog::Catalog;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, Weak};
use tokio_postgres::{Client, Statement};

/// Keeps the current snapshot, and finds out when it is no longer true.
#[derive(Debug)]
pub struct Keeper {
    control: Control,
    current: RwLock<Arc<Catalog>>,
    /// What is known of `current`; its lock is held during a load, so that loads take turns.
    known: tokio::sync::Mutex<Known>,
    /// Checks that have begun.
    begun: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    fingerprint: String,
    /// The number of the last check, counted by `begun`, that succeeded: it saw all that was there when it began.
    seen: u64,
    statements: Option<Statements>,
}

/// Prepared, for each new session asks.
#[derive(Debug)]
struct Statements {
    on: Weak<Client>,
    fingerprint: Statement,
    /// None until the helper schema is there.
    registry: Option<Statement>,
}

impl Keeper {
    /// A keeper without a snapshot: [`Keeper::check`] makes the first.
    pub fn new(control: Control) -> Self {
        Keeper { control, current: RwLock::default(), known: tokio::sync::Mutex::default(), begun: AtomicU64::new(0) }
    }

    /// The connection that it asks through.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The current snapshot.
    pub fn current(&self) -> Arc<Catalog> {
        self.current.read().expect("no holder panics").clone()
    }

    /// A snapshot that is true now: loads only when the fingerprint is another one.
    pub async fn check(self: &Arc<Self>) -> Result<Arc<Catalog>, ControlError> {
        self.uninterrupted(false).await
    }

    /// Loads in any case.
    pub async fn reload(self: &Arc<Self>) -> Result<Arc<Catalog>, ControlError> {
        self.uninterrupted(true).await
    }

    /// In a task of its own: a caller that goes away must not leave the control connection inside a transaction.
    async fn uninterrupted(self: &Arc<Self>, always: bool) -> Result<Arc<Catalog>, ControlError> {
        let keeper = self.clone();
        match tokio::spawn(async move { keeper.refresh(always).await }).await {
            Ok(outcome) => outcome,
            Err(error) => Err(ControlError::Aborted(error)),
        }
    }

    async fn refresh(&self, always: bool) -> Result<Arc<Catalog>, ControlError> {
        let arrived = self.begun.load(Ordering::SeqCst);
        let client = self.control.client().await?;
        let mut known = self.known.lock().await;
        // Of many who ask at once, one looks for all.
        if !always && known.seen > arrived {
            return Ok(self.current());
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let has_registry = self.current().helpers.is_some();
        // One that cannot be taken (the helper schema was dropped) says that the snapshot is no longer true.
        if !always && known.take_fingerprint(&client, has_registry).await.is_ok_and(|found| found == known.fingerprint) {
            known.seen = number;
            return Ok(self.current());
        }
        // A large future for the rarer case.
        let loaded = Box::pin(async {
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            let catalog = load::load(&client).await?;
            let fingerprint = known.take_fingerprint(&client, catalog.helpers.is_some()).await?;
            client.batch_execute("COMMIT").await?;
            Ok((catalog, fingerprint))
        });
        match loaded.await {
            Ok((catalog, fingerprint)) => {
                (known.fingerprint, known.seen) = (fingerprint, number);
                Ok(self.publish(catalog))
            }
            Err(error) => {
                // After a lost connection there is nothing to roll back.
                let _ = client.batch_execute("ROLLBACK").await;
                Err(ControlError::Query(error))
            }
        }
    }

    /// Makes `catalog` the current one if it says anything new.
    fn publish(&self, mut catalog: Catalog) -> Arc<Catalog> {
        let mut current = self.current.write().expect("no holder panics");
        catalog.version = current.version;
        if **current != catalog || current.version == 0 {
            catalog.version += 1;
            tracing::debug!(version = catalog.version, relations = catalog.relations.len(), "the catalog changed");
            *current = Arc::new(catalog);
        }
        current.clone()
    }
}

impl Known {
    /// What the database says of its schema now, in one round trip.
    async fn take_fingerprint(&mut self, client: &Arc<Client>, has_registry: bool) -> Result<String, tokio_postgres::Error> {
        let current = |statements: &Statements| statements.on.as_ptr() == Arc::as_ptr(client) && statements.registry.is_some() == has_registry;
        if !self.statements.as_ref().is_some_and(current) {
            let fingerprint = client.prepare(sql::FINGERPRINT).await?;
            let registry = if has_registry { Some(client.prepare(sql::REGISTRY_FINGERPRINT).await?) } else { None };
            self.statements = Some(Statements { on: Arc::downgrade(client), fingerprint, registry });
        }
        let Some(Statements { fingerprint, registry, .. }) = &self.statements else { return Ok(String::new()) };
        let registry = async {
            match registry {
                Some(registry) => client.query_one(registry, &[]).await.map(Some),
                None => Ok(None),
            }
        };
        let (fingerprint, registry) = tokio::try_join!(client.query_one(fingerprint, &[]), registry)?;
        let mut found: String = fingerprint.try_get(0)?;
        if let Some(registry) = registry {
            found.push(' ');
            found.push_str(registry.try_get(0)?);
        }
        Ok(found)
    }
}
