use super::peers;
use crate::backend::CancelKey;
use crate::wire::secret::{random, same};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which backend each client holds right now, by the process number that the client was told.
#[derive(Default)]
pub(super) struct Cancels {
    /// This process's number among those on its port.
    peer: Option<u8>,
    clients: Mutex<HashMap<i32, Arc<Entry>>>,
}

struct Entry {
    key: Vec<u8>,
    held: Mutex<Held>,
}

/// What a client holds. Its own lock: a client takes and gives back a backend for every transaction.
#[derive(Default)]
struct Held {
    backend: Option<Arc<CancelKey>>,
    /// CancelRequests under way to it.
    under_way: usize,
}

/// One client's cancellability: as long as it lives, its key is good, and cancels what it holds.
pub struct CancelHandle {
    cancels: Arc<Cancels>,
    entry: Arc<Entry>,
    pid: i32,
}

impl Cancels {
    /// Of the process that has this number among those on its port.
    pub(super) fn new(peer: Option<u8>) -> Self {
        Cancels { peer, clients: Mutex::default() }
    }

    /// A client gets a process number of its own, and the key that goes with it.
    pub(super) fn register(self: &Arc<Self>, key: Vec<u8>) -> CancelHandle {
        let mut clients = self.lock();
        let pid = std::iter::repeat_with(|| i32::from_be_bytes(random()) & i32::MAX)
            .map(|random| self.peer.map_or(random, |id| peers::number(id, random)))
            .find(|pid| *pid != 0 && !clients.contains_key(pid))
            .expect("the iterator has no end");
        let entry = Arc::new(Entry { key, held: Mutex::default() });
        clients.insert(pid, entry.clone());
        CancelHandle { cancels: self.clone(), entry, pid }
    }

    /// A CancelRequest came in. As in PostgreSQL, whoever sent it learns nothing of what became of it.
    pub(super) async fn cancel(&self, pid: i32, key: &[u8]) {
        let Some((entry, backend)) = self.begin(pid, key) else { return };
        if let Err(error) = backend.cancel().await {
            tracing::warn!(%error, "a CancelRequest could not be passed on");
        }
        let mut held = entry.held();
        if held.backend.as_ref().is_some_and(|held| Arc::ptr_eq(held, &backend)) {
            held.under_way = held.under_way.saturating_sub(1);
        }
    }

    fn begin(&self, pid: i32, key: &[u8]) -> Option<(Arc<Entry>, Arc<CancelKey>)> {
        let entry = self.lock().get(&pid).filter(|entry| same(&entry.key, key))?.clone();
        let mut held = entry.held();
        let backend = held.backend.clone()?;
        held.under_way += 1;
        drop(held);
        Some((entry, backend))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Arc<Entry>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CancelHandle {
    /// The process number that the client is told.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// From now on a CancelRequest goes to this backend.
    pub fn hold(&self, backend: &Arc<CancelKey>) {
        *self.entry.held() = Held { backend: Some(backend.clone()), under_way: 0 };
    }

    /// Cancels what the client's backend does, as a CancelRequest of the client's would.
    pub fn cancel(&self) {
        let (cancels, entry, pid) = (self.cancels.clone(), self.entry.clone(), self.pid);
        tokio::spawn(async move { cancels.cancel(pid, &entry.key).await });
    }

    /// From now on a CancelRequest goes nowhere. True: one is still under way and may hit whoever has the backend next, so that
    /// the backend must be marked broken instead of being returned.
    #[must_use = "a backend that a CancelRequest may still hit must not be returned"]
    pub fn release(&self) -> bool {
        let held = std::mem::take(&mut *self.entry.held());
        held.backend.is_some() && held.under_way > 0
    }
}

impl Drop for CancelHandle {
    fn drop(&mut self) {
        self.cancels.lock().remove(&self.pid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Target;

    #[test]
    fn only_what_is_held_and_with_the_key() {
        let target = Target::new("host=h sslmode=disable".parse().expect("an address")).expect("no files needed");
        let backend = Arc::new(CancelKey { pid: 7, secret: b"backend".to_vec(), target });
        let cancels = Arc::new(Cancels::default());
        let handle = cancels.register(b"key!".to_vec());
        let pid = handle.pid();
        assert!(cancels.begin(pid, b"key!").is_none(), "nothing is held");
        handle.hold(&backend);
        assert!(cancels.begin(pid, b"wrong").is_none());
        assert!(!handle.release(), "nothing is under way");
        handle.hold(&backend);
        assert_eq!(cancels.begin(pid, b"key!").map(|(_, held)| held.pid), Some(7));
        assert!(handle.release(), "the request may come late");
        drop(handle);
        assert!(cancels.begin(pid, b"key!").is_none());
    }
}
