use super::{load, sql};
use crate::backend::{Control, ControlError};
use crate::catalog::Catalog;
use std::sync::{Arc, RwLock};
use tokio_postgres::Client;

/// Keeps the current snapshot, and finds out when it is no longer true.
#[derive(Debug)]
pub struct Keeper {
    control: Control,
    current: RwLock<Arc<Catalog>>,
    /// The fingerprint of `current`; its lock is held during a load, so that loads take turns.
    fingerprint: tokio::sync::Mutex<String>,
}

impl Keeper {
    /// A keeper without a snapshot: [`Keeper::check`] makes the first.
    pub fn new(control: Control) -> Self {
        Keeper { control, current: RwLock::default(), fingerprint: tokio::sync::Mutex::default() }
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
        let client = self.control.client().await?;
        let mut known = self.fingerprint.lock().await;
        let has_registry = self.current().helpers.is_some();
        // One that cannot be taken (the helper schema was dropped) says that the snapshot is no longer true.
        if !always && fingerprint(&client, has_registry).await.is_ok_and(|found| found == *known) {
            return Ok(self.current());
        }
        let loaded = async {
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            let catalog = load::load(&client).await?;
            let fingerprint = fingerprint(&client, catalog.helpers.is_some()).await?;
            client.batch_execute("COMMIT").await?;
            Ok((catalog, fingerprint))
        };
        match loaded.await {
            Ok((catalog, fingerprint)) => {
                *known = fingerprint;
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

async fn fingerprint(client: &Client, has_registry: bool) -> Result<String, tokio_postgres::Error> {
    let mut fingerprint: String = client.query_one(sql::FINGERPRINT, &[]).await?.get(0);
    if has_registry {
        fingerprint.push(' ');
        fingerprint.push_str(client.query_one(sql::REGISTRY_FINGERPRINT, &[]).await?.get(0));
    }
    Ok(fingerprint)
}
