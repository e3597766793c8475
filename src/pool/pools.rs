use super::Pool;
use crate::backend::{Target, TlsTrust};
use crate::config::{self, Config, PoolMode};
use crate::error::{ClientError, SqlState};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The client's database, the backend's role, and how its links are pooled.
type Key = (String, String, PoolMode);

/// All pools: one for each database and backend role, made when a client first asks for it.
#[derive(Debug)]
pub struct Pools {
    config: Arc<Config>,
    pools: Mutex<HashMap<Key, Arc<Pool>>>,
}

impl Pools {
    /// No pool yet.
    pub fn new(config: Arc<Config>) -> Self {
        Pools { config, pools: Mutex::default() }
    }

    /// The pool that serves a client's user in a database, ready for use.
    ///
    /// 3D000 when there is no such database, 57P03 when its backend is not there.
    pub async fn get(&self, user: &str, database: &str) -> Result<Arc<Pool>, ClientError> {
        let target = self.target(user, database)?;
        let settings = self.config.pool(user, database);
        let key = (database.to_owned(), target.get_user().unwrap_or_default().to_owned(), settings.mode);
        let pool = self.pool(&key, target, &settings)?;
        match pool.prepare().await {
            Ok(()) => Ok(pool),
            Err(error) => {
                // Names that the backend does not know must not pile up.
                let mut pools = self.lock();
                if !pool.is_prepared() && pools.get(&key).is_some_and(|known| Arc::ptr_eq(known, &pool)) {
                    pools.remove(&key);
                }
                Err(error)
            }
        }
    }

    /// The pool of that key, made if there is none.
    fn pool(&self, key: &Key, target: tokio_postgres::Config, settings: &config::Pool) -> Result<Arc<Pool>, ClientError> {
        let mut pools = self.lock();
        if let Some(pool) = pools.get(key) {
            return Ok(pool.clone());
        }
        let trust = self.config.backend.tls_ca.clone().map_or(TlsTrust::Any, TlsTrust::Full);
        let target = Target::new(target, &trust)
            .map_err(|e| ClientError::new(SqlState::CANNOT_CONNECT_NOW, format!("TLS towards the backend cannot be set up: {e}")))?;
        let pool = Pool::new(target, settings, self.config.limits.plan_cache.get());
        pools.insert(key.clone(), pool.clone());
        Ok(pool)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the database lives, with the role and its password: the user's own entry, else the URL's, else the user's name.
    fn target(&self, user: &str, database: &str) -> Result<tokio_postgres::Config, ClientError> {
        let mut target = self
            .config
            .target(database)
            .ok_or_else(|| ClientError::new(SqlState::INVALID_CATALOG_NAME, format!("database \"{database}\" does not exist")))?;
        let entry = self.config.user(user);
        if let Some(role) = entry.and_then(|e| e.backend_user.as_deref()) {
            target.user(role);
        } else if target.get_user().is_none() {
            target.user(user);
        }
        if let Some(password) = entry.and_then(|e| e.backend_password.as_deref()) {
            target.password(password);
        }
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(config: &str, user: &str, database: &str) -> Result<(String, String), ClientError> {
        let config = Config::parse(config, "test").expect("valid");
        let target = Pools::new(Arc::new(config)).target(user, database)?;
        Ok((target.get_user().unwrap_or_default().to_owned(), target.get_dbname().unwrap_or_default().to_owned()))
    }

    fn named(user: &str, database: &str) -> Result<(String, String), ClientError> {
        Ok((user.to_owned(), database.to_owned()))
    }

    #[test]
    fn a_url_with_a_database_serves_that_one_only() {
        let config = "[backend]\nurl = 'postgres://role@localhost/app'";
        assert_eq!(target(config, "alice", "app"), named("role", "app"));
        let error = target(config, "alice", "other").expect_err("unknown");
        assert_eq!(error.state, SqlState::INVALID_CATALOG_NAME);
    }

    #[test]
    fn entries_stand_before_the_wildcard() {
        let config = "[[database]]\nname = 'a'\nurl = 'postgres://r@localhost/x'\n[[database]]\nname = '*'\nurl = 'postgres://localhost'";
        assert_eq!(target(config, "alice", "a"), named("r", "x"));
        assert_eq!(target(config, "alice", "b"), named("alice", "b"));
    }

    #[test]
    fn a_user_may_have_a_role_of_its_own() {
        let config = "[backend]\nurl = 'postgres://role@localhost'\n[[user]]\nname = 'alice'\nbackend_user = 'wonder'";
        assert_eq!(target(config, "alice", "d"), named("wonder", "d"));
        assert_eq!(target(config, "bob", "d"), named("role", "d"));
    }
}
