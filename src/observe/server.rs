//! The connections to a backend: one entry for each, from its start-up to its end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// A connection to a backend.
#[derive(Debug)]
pub struct Server {
    /// Its number: no other connection of this process has the same.
    pub id: u64,
    /// The backend's process.
    pub pid: i32,
    /// Where it goes to.
    pub address: String,
    /// The port there.
    pub port: u16,
    /// Is it encrypted?
    pub tls: bool,
    /// When it was made.
    pub since: SystemTime,
    taken: AtomicBool,
}

impl Server {
    /// Does a client hold it?
    pub fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }
}

/// The connections of a pool.
#[derive(Debug, Default)]
pub struct Servers {
    entries: Mutex<BTreeMap<u64, Arc<Server>>>,
}

impl Servers {
    /// A connection was made; it is there as long as the seat.
    pub fn enter(self: &Arc<Self>, pid: i32, address: String, port: u16, tls: bool) -> Seat {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let id = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        let server = Arc::new(Server { id, pid, address, port, tls, since: SystemTime::now(), taken: AtomicBool::new(false) });
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).insert(id, server.clone());
        Seat { servers: self.clone(), server }
    }

    /// Those that are there, the oldest first.
    pub fn list(&self) -> Vec<Arc<Server>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// A connection's own hold on its entry.
#[derive(Debug)]
pub struct Seat {
    servers: Arc<Servers>,
    server: Arc<Server>,
}

impl Seat {
    /// A client takes it, or gives it back.
    pub fn take(&self, taken: bool) {
        self.server.taken.store(taken, Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Server { pid, address, port, .. } = &*self.server;
        tracing::debug!(target: "litewire::servers", pid, address, port, "a backend was let go");
        self.servers.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.server.id);
    }
}
