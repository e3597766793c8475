//! What the proxy tells about itself: its log, and counters.

mod client;
mod log;
mod refusals;
mod server;

pub use client::{Client, ClientState, Clients, Identity, Meter, Sums};
pub use log::{LogError, set_log_level, start_log};
pub use refusals::{note_refusal, refusals};
pub use server::{Seat, Server, Servers};

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that many tasks count.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Nothing counted yet.
    pub const fn new() -> Self {
        Counter(AtomicU64::new(0))
    }

    /// Adds to it; gives what it was before.
    pub fn add(&self, n: u64) -> u64 {
        self.0.fetch_add(n, Ordering::Relaxed)
    }

    /// Takes from it; for those that count what is there now.
    pub fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The process's counters. All but `clients` only grow.
#[derive(Debug)]
pub struct Counters {
    /// Clients that are connected now.
    pub clients: Counter,
    /// Backends that were given to a client.
    pub checkouts: Counter,
    /// Checkouts that had to wait for their turn.
    pub waits: Counter,
    /// Translations found in a plan cache.
    pub plan_hits: Counter,
    /// Translations that had to be made.
    pub plan_misses: Counter,
    /// Backends pinned to a client by session state.
    pub pins: Counter,
    /// PRAGMAs and the like that were deliberately ignored.
    pub ignored: Counter,
    /// Errors that the proxy itself answered.
    pub errors: Counter,
    /// Times that columns became dynamic, since their types could not hold what was stored in them.
    pub widened: Counter,
    /// Statements that were done again: with a fresh catalog, or after a deadlock or a serialization failure.
    pub retries: Counter,
}

static COUNTERS: Counters = Counters {
    clients: Counter(AtomicU64::new(0)),
    checkouts: Counter(AtomicU64::new(0)),
    waits: Counter(AtomicU64::new(0)),
    plan_hits: Counter(AtomicU64::new(0)),
    plan_misses: Counter(AtomicU64::new(0)),
    pins: Counter(AtomicU64::new(0)),
    ignored: Counter(AtomicU64::new(0)),
    errors: Counter(AtomicU64::new(0)),
    widened: Counter(AtomicU64::new(0)),
    retries: Counter(AtomicU64::new(0)),
};

/// The process's counters.
pub fn counters() -> &'static Counters {
    &COUNTERS
}
