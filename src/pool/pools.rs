use super::Pool;
use super::operate::Gate;
use crate::backend::Target;
use crate::config::{BackendUrl, Config};
use crate::error::{ClientError, SqlState};
use crate::wire::scram::Keys;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// All pools: one for each database and backend role, made when a client first asks for it.
#[derive(Debug)]
pub struct Pools {
    config: RwLock<Arc<Config>>,
    pools: Mutex<HashMap<PoolKey, Entry>>,
    /// Closed while an operator has everything paused: new pools then ask no backend.
    gate: Gate,
}

/// The client's database and the backend's role.
pub type PoolKey = (String, String);

#[derive(Debug)]
struct Entry {
    pool: Arc<Pool>,
    /// The client's user that it was made for.
    user: String,
}

impl Pools {
    /// No pool yet.
    pub fn new(config: Arc<Config>) -> Self {
        Pools { config: RwLock::new(config), pools: Mutex::default(), gate: Gate::default() }
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
        let pool = self.pool(&key, user, target)?;
        if let Some(keys) = keys {
            pool.target().set_keys(keys);
        }
        if pool.is_paused() && pool.is_prepared() {
            // Whoever paused it does not want the backend to be asked.
            return Ok(pool);
        }
        self.gate.pass().await;
        match pool.prepare().await {
            Ok(()) => Ok(pool),
            Err(error) => {
                // Names that the backend does not know must not pile up.
                let mut pools = self.lock();
                if !pool.is_prepared() && pools.get(&key).is_some_and(|known| Arc::ptr_eq(&known.pool, &pool)) {
                    pools.remove(&key);
                }
                Err(error)
            }
        }
    }

    /// The pool of that key, made if there is none.
    fn pool(&self, key: &PoolKey, user: &str, target: BackendUrl) -> Result<Arc<Pool>, ClientError> {
        let mut pools = self.lock();
        if let Some(entry) = pools.get(key) {
            return Ok(entry.pool.clone());
        }
        let config = self.config();
        let pool = Pool::new(secured(target)?, &config.pool(user, &key.0), config.limits.plan_cache.get());
        pools.insert(key.clone(), Entry { pool: pool.clone(), user: user.to_owned() });
        Ok(pool)
    }

    /// PAUSE and RESUME of everything: pools that are made later, too.
    pub fn hold(&self, held: bool) {
        self.gate.set(held);
    }

    /// Is everything paused?
    pub fn is_paused(&self) -> bool {
        self.gate.is_closed()
    }

    /// Does a backend answer? Any of those that clients use; where none was used yet, the one of `[backend] url`.
    pub async fn answer(&self) -> bool {
        let pools: Vec<Arc<Pool>> = self.list().into_values().filter(|pool| !pool.is_paused()).collect();
        if pools.is_empty() {
            return self.reaches_any().await;
        }
        let mut answers = pools.iter().map(|pool| pool.answers()).collect::<FuturesUnordered<_>>();
        while let Some(answer) = answers.next().await {
            if answer.is_ok() {
                return true;
            }
        }
        false
    }

    /// Does any configured host take a connection?
    async fn reaches_any(&self) -> bool {
        let config = self.config();
        let urls = config.backend.url.iter().chain(config.databases.iter().map(|database| &database.url));
        for url in urls {
            if let Ok(target) = secured(url.clone())
                && target.is_reached().await
            {
                return true;
            }
        }
        false
    }

    /// The pools that there are.
    pub fn list(&self) -> BTreeMap<PoolKey, Arc<Pool>> {
        self.lock().iter().map(|(key, entry)| (key.clone(), entry.pool.clone())).collect()
    }

    /// Takes over another configuration. Pools whose settings changed go on with them; one whose database or role is no longer
    /// configured is forgotten.
    pub fn reload(&self, config: &Arc<Config>) {
        let before = std::mem::replace(&mut *self.config.write().unwrap_or_else(PoisonError::into_inner), config.clone());
        self.lock().retain(|(database, role), entry| {
            // The user that it was made for may be gone, and others be served by the same role.
            let users = std::iter::once(&entry.user).chain(config.users.iter().map(|user| &user.name));
            let served = users.filter_map(|user| Some((user, self.target(user, database).ok()?)));
            let Some((user, target)) = served.into_iter().find(|(_, target)| target.get().get_user() == Some(role)) else { return false };
            entry.user = user.clone();
            entry.pool.plans().set_limit(config.limits.plan_cache.get());
            let settings = config.pool(&entry.user, database);
            if before.pool(&entry.user, database) == settings && target == *entry.pool.target().url() {
                return true;
            }
            match secured(target) {
                Ok(target) => entry.pool.reconfigure(target, &settings),
                Err(error) => tracing::error!(database, role, %error, "the pool goes on with its former settings"),
            }
            true
        });
    }

    fn config(&self) -> Arc<Config> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PoolKey, Entry>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the database lives, with the role and its password: the user's own entry, else the URL's, else the user's name.
    fn target(&self, user: &str, database: &str) -> Result<BackendUrl, ClientError> {
        let config = self.config();
        let mut target = config
            .target(database)
            .ok_or_else(|| ClientError::new(SqlState::INVALID_CATALOG_NAME, format!("database \"{database}\" does not exist")))?;
        let address = target.get_mut();
        let entry = config.user(user);
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

fn secured(target: BackendUrl) -> Result<Target, ClientError> {
    Target::new(target).map_err(|e| ClientError::new(SqlState::CANNOT_CONNECT_NOW, format!("TLS towards the backend cannot be set up: {e}")))
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
