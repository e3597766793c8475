//! Connections to the target.

use super::Error;
use crate::backend::{self, install};
use crate::catalog::Catalog;
use crate::config::BackendUrl;
use std::path::Path;
use tokio_postgres::Client;

/// What everything below relies on, whatever the role's own settings are.
const SETTINGS: &str = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET client_min_messages = warning; SET standard_conforming_strings = on; \
    SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET synchronous_commit = off";

/// The PostgreSQL that is migrated to.
#[derive(Debug, Clone)]
pub struct Target {
    backend: backend::Target,
    name: String,
}

impl Target {
    /// By its URL; with `roots`, its certificate must be signed by one of them and be for its host.
    pub fn new(url: &BackendUrl, roots: Option<&Path>) -> Result<Self, Error> {
        let address = match roots {
            Some(roots) => url.clone().with_roots(roots.to_owned()),
            None => url.clone(),
        };
        Ok(Target { backend: backend::Target::new(address)?, name: url.to_string() })
    }

    /// `host:port/database`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection of one's own.
    pub async fn connect(&self) -> Result<Client, Error> {
        let (client, connection) = self.backend.client("litewire migrate").await?;
        // An error that ends the connection is also the answer to whoever waits on it.
        tokio::spawn(connection);
        client.batch_execute(SETTINGS).await?;
        Ok(client)
    }

    /// A connection to a database that has the helper schema.
    pub async fn prepared(&self) -> Result<Client, Error> {
        let client = self.connect().await?;
        install::install(&client).await?;
        Ok(client)
    }
}

/// The catalog as it is now.
pub async fn catalog(client: &Client) -> Result<Catalog, Error> {
    let mut catalog = backend::catalog::load(client).await?;
    catalog.version = 1;
    Ok(catalog)
}
