use super::Pool;
use crate::backend::Target;
use crate::config::{BackendUrl, Config};
use crate::error::{ClientError, SqlState};
use crate::wire::scram::Keys;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All pools: one for each database and backend role, made when a client first asks for it.
#[derive(Debug)]
pub struct Pools {
    config: Arc<Config>,
    // By the client's database and the backend's role.
    pools: Mutex<HashMap<(String, String), Arc<Pool>>>,
}

impl Pools {
    /// No pool yet.
    pub fn new(config: Arc<Config>) -> Self {
        Pools { config, pools: Mutex::default() }
    }

    /// The pool that serves a client's user in a database, ready for use.
    ///
    /// 3D000 when there is no such database, 57P03 when its backend is not there, 28000 when it refuses the role.
    pub async fn get(&self, user: &str, database: &str) -> Result<Arc<Pool>, ClientError> {
        self.log_in(user, database, None).await
    }

    /// The same for a client that has just logged in. `keys` is what its log-in has shown: where the role is the user's own and has
    /// no password in the configuration, they log it in at the backend.
    pub async fn log_in(&self, user: &str, database: &str, keys: Option<Keys>) -> Result<Arc<Pool>, ClientError> {
        let target = self.target(user, database)?;
        let role = target.get().get_user().unwrap_or_default();
        let keys = keys.filter(|_| role == user && target.get().get_password().is_none());
        let key = (database.to_owned(), role.to_owned());
        let pool = self.pool(&key, target)?;
        if let Some(keys) = keys {
            pool.target().set_keys(keys);
        }
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
    fn pool(&self, key: &(String, String), target: BackendUrl) -> Result<Arc<Pool>, ClientError> {
        let mut pools = self.lock();
        if let Some(pool) = pools.get(key) {
            return Ok(pool.clone());
        }
        let target = Target::new(target)
            .map_err(|e| ClientError::new(SqlState::CANNOT_CONNECT_NOW, format!("TLS towards the backend cannot be set up: {e}")))?;
        let pool = Pool::new(target, &self.config.pool, self.config.limits.plan_cache.get());
        pools.insert(key.clone(), pool.clone());
        Ok(pool)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Arc<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the database lives, with the role and its password: the user's own entry, else the URL's, else the user's name.
    fn target(&self, user: &str, database: &str) -> Result<BackendUrl, ClientError> {
        let mut target = self
            .config
            .target(database)
            .ok_or_else(|| ClientError::new(SqlState::INVALID_CATALOG_NAME, format!("database \"{database}\" does not exist")))?;
        let address = target.get_mut();
        let entry = self.config.user(user);
        if let Some(role) = entry.and_then(|e| e.backend_user.as_deref()) {
            address.user(role);
        } else if address.get_user().is_none() {
            address.user(user);
        }
        let same_role = address.get_user() == Some(user);
        let password = entry.and_then(|e| e.backend_password.as_ref().or_else(|| e.password.as_ref().filter(|_| same_role)));
        if let Some(password) = password {
            address.password(password.get());
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
        Ok((target.get().get_user().unwrap_or_default().to_owned(), target.get().get_dbname().unwrap_or_default().to_owned()))
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
