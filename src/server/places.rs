//! How many clients may be there at a time: in total, and of a user and a database.

use crate::config::{self, Config};
use crate::error::{ClientError, SqlState};
use crate::pool::resize;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(super) struct Places {
    total: Arc<Semaphore>,
    users: HashMap<String, Arc<Semaphore>>,
    /// By the name of the `[[database]]` entry.
    databases: HashMap<String, Arc<Semaphore>>,
}

/// A client's place, until it is dropped.
#[derive(Default)]
pub(super) struct Place {
    permits: Vec<OwnedSemaphorePermit>,
}

impl Places {
    pub(super) fn new(config: &Config) -> Self {
        let limited = |name: &str, most: Option<usize>| Some((name.to_owned(), semaphore(most?)));
        Places {
            total: semaphore(config.server.max_clients),
            users: config.users.iter().filter_map(|user| limited(&user.name, user.max_clients)).collect(),
            databases: config.databases.iter().filter_map(|database| limited(&database.name, database.max_clients)).collect(),
        }
    }

    /// The places of another configuration. Who has one keeps it, and counts.
    pub(super) fn renewed(&self, before: &Config, after: &Config) -> Self {
        let renewed = |known: Option<&Arc<Semaphore>>, had: Option<usize>, most: usize| match (known, had) {
            (Some(known), Some(had)) => {
                resize(known, bounded(had), bounded(most));
                known.clone()
            }
            _ => semaphore(most),
        };
        let user = |user: &config::User| {
            let had = before.user(&user.name).and_then(|user| user.max_clients);
            Some((user.name.clone(), renewed(self.users.get(&user.name), had, user.max_clients?)))
        };
        let database = |database: &config::Database| {
            let had = before.databases.iter().find(|known| known.name == database.name).and_then(|known| known.max_clients);
            Some((database.name.clone(), renewed(self.databases.get(&database.name), had, database.max_clients?)))
        };
        Places {
            total: renewed(Some(&self.total), Some(before.server.max_clients), after.server.max_clients),
            users: after.users.iter().filter_map(user).collect(),
            databases: after.databases.iter().filter_map(database).collect(),
        }
    }

    /// A place at all, before anything is known of the client.
    pub(super) fn enter(&self) -> Result<Place, ClientError> {
        let permit = self.total.clone().try_acquire_owned().map_err(|_| full("sorry, too many clients already".to_owned()))?;
        Ok(Place { permits: vec![permit] })
    }

    /// A place as a user, in a database; who has one has proved who it is.
    pub(super) fn take(&self, place: &mut Place, config: &Config, user: &str, database: &str) -> Result<(), ClientError> {
        let entry = config.database(database).map_or(database, |entry| entry.name.as_str());
        for (limit, kind, name) in [(self.databases.get(entry), "database", database), (self.users.get(user), "role", user)] {
            if let Some(limit) = limit {
                let permit = limit.clone().try_acquire_owned().map_err(|_| full(format!("too many connections for {kind} \"{name}\"")))?;
                place.permits.push(permit);
            }
        }
        Ok(())
    }
}

fn semaphore(permits: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(bounded(permits)))
}

fn bounded(permits: usize) -> usize {
    permits.min(Semaphore::MAX_PERMITS)
}

fn full(message: String) -> ClientError {
    ClientError::new(SqlState::TOO_MANY_CONNECTIONS, message).fatal()
}
