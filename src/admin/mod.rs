//! What an operator sees of the server and does to it: the console (PgBouncer's commands over PostgreSQL's protocol), and
//! metrics and health by HTTP.

pub mod command;
mod console;
mod http;
mod metrics;
mod settings;
mod show;

pub use console::run as console;
pub use http::serve as serve_http;
pub use settings::{NEEDS_RESTART, Settings};

use crate::config::Config;
use crate::error::{ClientError, SqlState};
use crate::observe::{Clients, Sums};
use crate::pool::{Pool, PoolKey, Pools};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// The database that is the console.
pub const DATABASE: &str = "litewire_admin";
/// Over what time averages are taken (PgBouncer's stats_period).
const PERIOD: Duration = Duration::from_secs(60);

/// What the server is told to do.
#[derive(Debug)]
pub enum Order {
    /// Read the configuration again; the answer says what became of it.
    Reload(oneshot::Sender<Result<Reloaded, String>>),
    /// Stop once open transactions have ended, at the latest after `[server] shutdown_timeout`. Given twice: at once.
    Stop,
    /// Stop at once.
    StopNow,
    /// Take no new clients, and stop when the last has left.
    Drain,
}

/// The keys that another reading of the configuration found changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// In force.
    pub applied: Vec<String>,
    /// In force after a restart.
    pub restart: Vec<String>,
}

/// How far the server is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Clients are let in.
    Running,
    /// Those who are in may stay.
    Draining,
    /// Those who are in are sent away.
    Stopping,
}

/// What the console and the HTTP server know, and may do.
#[derive(Debug)]
pub struct Admin {
    /// The pools.
    pub pools: Arc<Pools>,
    /// The clients.
    pub clients: Arc<Clients>,
    config: RwLock<Arc<Config>>,
    settings: RwLock<Settings>,
    phase: watch::Sender<Phase>,
    orders: mpsc::Sender<Order>,
    averages: Mutex<Averages>,
    consoles: AtomicUsize,
}

/// Two looks at what was done, a period apart.
#[derive(Debug)]
struct Averages {
    taken: Instant,
    last: BTreeMap<String, Sums>,
    /// What was done within the last whole period, and how long that was.
    period: (BTreeMap<String, Sums>, Duration),
}

impl Admin {
    /// For a server with these pools and clients, which takes orders at the other end of `orders`.
    pub fn new(pools: Arc<Pools>, clients: Arc<Clients>, config: Arc<Config>, settings: Settings, orders: mpsc::Sender<Order>) -> Self {
        Admin {
            pools,
            clients,
            config: RwLock::new(config),
            settings: RwLock::new(settings),
            phase: watch::Sender::new(Phase::Running),
            orders,
            averages: Mutex::new(Averages { taken: Instant::now(), last: BTreeMap::new(), period: (BTreeMap::new(), PERIOD) }),
            consoles: AtomicUsize::new(0),
        }
    }

    /// The configuration that is in force.
    pub fn config(&self) -> Arc<Config> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another configuration is in force; what changed with it.
    pub fn reloaded(&self, config: Arc<Config>, settings: Settings) -> Reloaded {
        let mut current = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        let changed = current.changed(&settings);
        let (restart, applied) = changed.into_iter().partition(|key| NEEDS_RESTART.iter().any(|fixed| key.starts_with(fixed)));
        // What needs a restart stays what it is.
        *current = settings.keeping(&current);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Reloaded { applied, restart }
    }

    /// How far the server is from its end.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// The server goes on to another phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// How many consoles are open: they keep nobody from stopping.
    pub fn consoles(&self) -> usize {
        self.consoles.load(Ordering::Relaxed)
    }

    /// Tells the server.
    pub async fn order(&self, order: Order) -> Result<(), ClientError> {
        let gone = |_| ClientError::new(SqlState::ADMIN_SHUTDOWN, "the server has stopped");
        self.orders.send(order).await.map_err(gone)
    }

    /// The pools of a database, or all of them.
    fn pools_of(&self, database: Option<&str>) -> Vec<(PoolKey, Arc<Pool>)> {
        self.pools.list().into_iter().filter(|((name, _), _)| database.is_none_or(|database| database == name)).collect()
    }

    /// Takes the averages of each period, for ever.
    pub async fn watch_averages(&self) {
        loop {
            tokio::time::sleep(PERIOD).await;
            let sums = self.clients.sums();
            let mut averages = self.averages.lock().unwrap_or_else(PoisonError::into_inner);
            averages.period = (since(&sums, &averages.last), averages.taken.elapsed());
            (averages.taken, averages.last) = (Instant::now(), sums);
        }
    }

    /// What was done in the last period (before the first has passed: since the start), and how long that was.
    fn averages(&self, sums: &BTreeMap<String, Sums>) -> (BTreeMap<String, Sums>, Duration) {
        let averages = self.averages.lock().unwrap_or_else(PoisonError::into_inner);
        if averages.last.is_empty() { (sums.clone(), averages.taken.elapsed()) } else { averages.period.clone() }
    }
}

fn since(now: &BTreeMap<String, Sums>, earlier: &BTreeMap<String, Sums>) -> BTreeMap<String, Sums> {
    now.iter().map(|(name, sums)| (name.clone(), sums.since(earlier.get(name).copied().unwrap_or_default()))).collect()
}
