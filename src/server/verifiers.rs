//! What proves a user's password: the configuration's word, else the backend's, by `[auth] query`.

use crate::backend::{ConnectError, Target, detail};
use crate::config::{AuthMethod, Config, Md5Verifier, ScramVerifier, Verifier};
use crate::error::{ClientError, SqlState};
use lru::LruCache;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Answers that are kept at most.
const CACHE: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

pub(super) struct Verifiers {
    /// Of the users whose password itself is in the configuration.
    derived: HashMap<String, ScramVerifier>,
    /// By database and user; None: there is no such user.
    answers: Mutex<LruCache<(String, String), (Option<Verifier>, Instant)>>,
    /// By the database that is asked.
    connections: Mutex<HashMap<String, Arc<Connection>>>,
}

/// A connection for `[auth] query`, made when it is needed.
#[derive(Default)]
struct Connection(tokio::sync::Mutex<Option<Arc<Asker>>>);

struct Asker {
    client: tokio_postgres::Client,
    statement: tokio_postgres::Statement,
}

/// Why the backend gave no answer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("{}", detail(.0))]
    Query(#[from] tokio_postgres::Error),
    #[error("TLS towards the backend cannot be set up: {0}")]
    Tls(#[from] crate::backend::TlsError),
    #[error("its second column is no verifier of PostgreSQL's ({0})")]
    Verifier(#[from] crate::config::VerifierError),
    #[error("it gives fewer than two columns")]
    Columns,
}

impl Verifiers {
    pub(super) fn new(config: &Config) -> Self {
        let derive = |user: &crate::config::User| Some((user.name.clone(), ScramVerifier::of_password(user.password.as_ref()?.get())));
        Verifiers {
            derived: config.users.iter().filter_map(derive).collect(),
            answers: Mutex::new(LruCache::new(CACHE)),
            connections: Mutex::default(),
        }
    }

    /// The verifier of a user; None: there is none, and no password will do.
    ///
    /// 57P03 or 28000 when `[auth] query` could not be asked.
    pub(super) async fn get(&self, config: &Config, user: &str, database: &str, method: AuthMethod) -> Result<Option<Verifier>, ClientError> {
        if let Some(entry) = config.user(user).filter(|entry| entry.has_password()) {
            return Ok(match (&entry.verifier, &entry.password) {
                (Some(verifier), _) => Some(verifier.clone()),
                (None, Some(password)) if method == AuthMethod::Md5 => Some(Verifier::Md5(Md5Verifier::of_password(user, password.get()))),
                (None, _) => self.derived.get(user).cloned().map(Verifier::Scram),
            });
        }
        let Some(query) = &config.auth.query else { return Ok(None) };
        let key = (database.to_owned(), user.to_owned());
        if let Some((verifier, since)) = lock(&self.answers).get(&key)
            && since.elapsed() < config.auth.query_cache
        {
            return Ok(verifier.clone());
        }
        let verifier = match self.ask(config, query, user, database).await {
            Ok(verifier) => verifier,
            // A database that does not exist; who has not proved anything yet is not told so.
            Err(AskError::Connect(ConnectError::Refused { code, .. })) if code == "3D000" => return Ok(None),
            Err(error) => {
                tracing::warn!(%error, user, database, "[auth] query failed");
                let state = if matches!(error, AskError::Connect(_)) { SqlState::CANNOT_CONNECT_NOW } else { SqlState::INVALID_AUTHORIZATION };
                return Err(ClientError::new(state, format!("the backend could not be asked about user \"{user}\"")).fatal());
            }
        };
        lock(&self.answers).put(key, (verifier.clone(), Instant::now()));
        Ok(verifier)
    }

    /// A password was wrong: perhaps it was changed, and what is known is old.
    pub(super) fn forget(&self, user: &str, database: &str) {
        lock(&self.answers).pop(&(database.to_owned(), user.to_owned()));
    }

    async fn ask(&self, config: &Config, query: &str, user: &str, database: &str) -> Result<Option<Verifier>, AskError> {
        let place = config.auth.query_database.as_deref().unwrap_or(database);
        let Some(target) = target(config, place) else { return Ok(None) };
        let connection = lock(&self.connections).entry(place.to_owned()).or_default().clone();
        let rows = loop {
            let (asker, new) = match connection.get(target.clone(), query).await {
                Ok(found) => found,
                Err(error) => {
                    // Names that the backend does not know must not pile up.
                    lock(&self.connections).remove(place);
                    return Err(error);
                }
            };
            match asker.client.query(&asker.statement, &[&user]).await {
                // The connection was lost while nobody used it.
                Err(error) if error.is_closed() && !new => {}
                rows => break rows?,
            }
        };
        let Some(row) = rows.first() else { return Ok(None) };
        if row.len() < 2 {
            return Err(AskError::Columns);
        }
        let text: Option<&str> = row.try_get(1)?;
        Ok(text.filter(|text| !text.is_empty()).map(str::parse).transpose()?)
    }
}

impl Connection {
    /// The connection, and whether it was made just now.
    async fn get(&self, target: crate::config::BackendUrl, query: &str) -> Result<(Arc<Asker>, bool), AskError> {
        let mut slot = self.0.lock().await;
        if let Some(asker) = slot.as_ref().filter(|asker| !asker.client.is_closed()) {
            return Ok((asker.clone(), false));
        }
        let (client, connection) = Target::new(target)?.client("litewire auth").await?;
        tokio::spawn(connection);
        let statement = client.prepare(query).await?;
        let asker = Arc::new(Asker { client, statement });
        *slot = Some(asker.clone());
        Ok((asker, true))
    }
}

/// Where, and as whom, the query is run.
fn target(config: &Config, database: &str) -> Option<crate::config::BackendUrl> {
    let mut target = config.target(database)?;
    let entry = config.database(database);
    let (user, password) = match entry.and_then(|entry| entry.query_user.as_deref()) {
        Some(user) => (Some(user), entry.and_then(|entry| entry.query_password.as_ref())),
        None => (config.auth.query_user.as_deref(), config.auth.query_password.as_ref()),
    };
    if let Some(user) = user {
        target.get_mut().user(user);
    }
    if let Some(password) = password {
        target.get_mut().password(password.get());
    }
    Some(target)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
