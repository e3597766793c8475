//! How many clients may be there at a time: in total, and of a user and a database.

use crate::config::Config;
use crate::error::{ClientError, SqlState};
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
    Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
}

fn full(message: String) -> ClientError {
    ClientError::new(SqlState::TOO_MANY_CONNECTIONS, message).fatal()
}
