//! A backend for a while: one pool for each database and backend role.

mod attach;
mod checkout;
mod links;
mod manager;
mod operate;
mod pools;
mod prepared;

pub use attach::memory_key;
pub use checkout::{Checkout, ImmediateTurn};
pub use operate::resize;
pub use pools::{PoolKey, Pools};
pub use prepared::Prepared;

use crate::backend::catalog::Keeper;
use crate::backend::{ConnectError, Control, Target};
use crate::catalog::Catalog;
use crate::config;
use crate::error::{ClientError, SqlState};
use crate::observe::counters;
use crate::translate::cache::PlanCache;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use links::Links;
use manager::{Failures, Manager};
use operate::Gate;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How often the catalog is checked for other people's DDL while the pool is in use.
const POLL: Duration = Duration::from_secs(2);

/// How often a full backend is asked again.
const RETRY: Duration = Duration::from_millis(50);

/// The connections to one database as one role.
pub struct Pool {
    target: RwLock<Target>,
    links: Links,
    /// Closed while an operator has it paused.
    gate: Gate,
    /// Fair, unlike bb8: whoever came first is served first.
    turns: Arc<Semaphore>,
    /// Those of `[pool] reserve_size`.
    reserve: Arc<Semaphore>,
    immediate: Arc<Semaphore>,
    failures: Arc<Failures>,
    settings: RwLock<Arc<config::Pool>>,
    plans: PlanCache,
    keeper: Arc<Keeper>,
    parameters: OnceLock<BTreeMap<String, String>>,
    /// Was a link checked out since the last poll?
    used: AtomicBool,
    generation: AtomicU64,
}

impl Pool {
    /// A pool without any connection yet. `plan_cache` is in bytes.
    pub fn new(target: Target, settings: &config::Pool, plan_cache: usize) -> Arc<Self> {
        let failures = Arc::new(Failures::default());
        let pool = Arc::new(Pool {
            links: Links::new(target.clone(), settings, failures.clone()),
            gate: Gate::default(),
            turns: Arc::new(Semaphore::new(settings.size as usize)),
            reserve: Arc::new(Semaphore::new(settings.reserve_size as usize)),
            immediate: Arc::new(Semaphore::new(1)),
            failures,
            settings: RwLock::new(Arc::new(settings.clone())),
            plans: PlanCache::new(plan_cache),
            keeper: Arc::new(Keeper::new(Control::new(target.clone()))),
            parameters: OnceLock::new(),
            used: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            target: RwLock::new(target),
        });
        tokio::spawn(watch(Arc::downgrade(&pool), pool.keeper.clone()));
        pool
    }

    /// A link of one's own, returned when the checkout is dropped.
    ///
    /// 53300 when none got free in `[pool] checkout_timeout`, 57P03 with the reason when the backend is not there.
    pub async fn checkout(&self) -> Result<Checkout, ClientError> {
        if self.gate.is_closed() {
            Box::pin(self.gate.pass()).await;
        }
        self.used.store(true, Ordering::Relaxed);
        let turn = match self.turns.clone().try_acquire_owned() {
            Ok(turn) => turn,
            // Large futures for what is rare: they must not weigh on the rest.
            Err(_) => Box::pin(self.turn()).await?,
        };
        let links = self.links.current();
        loop {
            // From before the attempt on, so that its failure is not missed.
            let failure = self.failures.next();
            // With a turn, there is nearly always a link that is free.
            let mut link = match links.get_owned().now_or_never() {
                Some(Ok(link)) => link,
                _ => Box::pin(self.link(&links, Box::pin(failure))).await?,
            };
            match link.check_idle() {
                Ok(()) => {
                    counters().checkouts.add(1);
                    return Ok(Checkout::new(link, turn));
                }
                Err(reason) => {
                    tracing::warn!(pid = link.pid, %reason, "an idle backend was lost; taking another");
                    link.broken = true;
                }
            }
        }
    }

    /// A turn, waited for.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, ClientError> {
        counters().waits.add(1);
        let settings = self.settings();
        let turn = async {
            let mut turn = pin!(self.turns.clone().acquire_owned());
            if settings.reserve_size > 0 {
                tokio::select! {
                    biased;
                    turn = &mut turn => return turn,
                    () = tokio::time::sleep(settings.reserve_timeout) => {}
                }
                // The place in the queue is kept.
                tokio::select! {
                    biased;
                    turn = &mut turn => return turn,
                    turn = self.reserve.clone().acquire_owned() => return turn,
                }
            }
            turn.await
        };
        let turn = tokio::time::timeout(settings.checkout_timeout, turn).await;
        Ok(turn.map_err(|_| self.exhausted())?.expect("the semaphores are never closed"))
    }

    async fn link(
        &self,
        links: &bb8::Pool<Manager>,
        mut failure: BoxFuture<'_, Arc<ConnectError>>,
    ) -> Result<bb8::PooledConnection<'static, Manager>, ClientError> {
        let deadline = tokio::time::Instant::now() + self.settings().checkout_timeout;
        loop {
            let error = tokio::select! {
                biased;
                link = links.get_owned() => return link.map_err(|e| match e {
                    bb8::RunError::User(e) => ClientError::from(&*e),
                    bb8::RunError::TimedOut => self.exhausted(),
                }),
                error = &mut failure => error,
            };
            // A full backend still has the links that this pool holds already: one of them may get free.
            if !error.is_full() || links.state().connections == 0 || tokio::time::Instant::now() > deadline {
                counters().errors.add(1);
                return Err(ClientError::from(&*error));
            }
            tokio::time::sleep(RETRY).await;
            failure = Box::pin(self.failures.next());
        }
    }

    fn exhausted(&self) -> ClientError {
        let settings = self.settings();
        let (size, limit) = (settings.size + settings.reserve_size, settings.checkout_timeout);
        ClientError::new(SqlState::TOO_MANY_CONNECTIONS, format!("no backend connection became free within {limit:?}"))
            .detail(format!("All {size} connections of the pool are in transactions or queries."))
            .hint("Keep transactions short, or raise [pool] size or checkout_timeout.")
    }

    /// Plans of PostgreSQL's that were made before the last [`Pool::outdated`] are not used for statements prepared since.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// A backend has found that a prepared statement's columns have changed.
    pub fn outdated(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Where the pool's database lives.
    pub fn target(&self) -> Target {
        self.target.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The translations made for this database.
    pub fn plans(&self) -> &PlanCache {
        &self.plans
    }

    /// The current snapshot of the catalog.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.keeper.current()
    }

    /// After DDL of a client's was committed: reads the catalog again, and sees that every other Litewire on the database does.
    pub async fn announce_ddl(&self) -> Result<(), ClientError> {
        self.keeper.reload().await?;
        Ok(self.keeper.control().announce().await?)
    }

    /// Reads the catalog again, after DDL or an error that says that it is stale.
    pub async fn reload_catalog(&self) -> Result<Arc<Catalog>, ClientError> {
        Ok(self.keeper.reload().await?)
    }

    /// For a new session, before it translates anything: the catalog as the database is now.
    pub async fn check_catalog(&self) -> Result<Arc<Catalog>, ClientError> {
        Ok(self.keeper.check().await?)
    }

    /// For the first session: sees that the backend is there, and reads the catalog and the parameters.
    async fn prepare(&self) -> Result<(), ClientError> {
        if !self.is_prepared() {
            self.keeper.check().await?;
            let parameters = self.checkout().await?.params.clone();
            // Another session may have been faster, with the same.
            let _ = self.parameters.set(parameters);
        }
        Ok(())
    }

    /// Did the backend ever answer?
    fn is_prepared(&self) -> bool {
        self.parameters.get().is_some()
    }

    /// What a backend announces by ParameterStatus when it starts.
    pub fn parameters(&self) -> impl Iterator<Item = (&String, &String)> {
        self.parameters.get().into_iter().flatten()
    }

    /// A turn for BEGIN IMMEDIATE: whoever waits for it holds no backend.
    pub async fn immediate(&self) -> ImmediateTurn {
        ImmediateTurn::new(self.immediate.clone().acquire_owned().await.expect("the semaphore is never closed"))
    }
}

/// Checks the catalog when a notification comes, and every two seconds while the pool is in use. The control connection of a
/// pool that has no clients ends as idle links do.
async fn watch(pool: Weak<Pool>, keeper: Arc<Keeper>) {
    let mut idle = Duration::ZERO;
    loop {
        let notified = tokio::time::timeout(POLL, keeper.control().changed()).await.is_ok();
        let Some(pool) = pool.upgrade() else { return };
        if !pool.used.swap(false, Ordering::Relaxed) && !notified {
            // The registry of pools and this task have it: nobody else.
            idle = if Arc::strong_count(&pool) == 2 { idle + POLL } else { Duration::ZERO };
            if idle >= pool.settings().idle_timeout {
                keeper.control().close().await;
            }
            continue;
        }
        idle = Duration::ZERO;
        let checked = async {
            keeper.check().await?;
            keeper.control().acknowledge().await
        };
        if let Err(error) = checked.await {
            tracing::debug!(%error, "the catalog could not be checked");
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("target", &self.target()).finish_non_exhaustive()
    }
}
