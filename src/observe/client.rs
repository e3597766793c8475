//! Who is connected, and what each has done. A client's numbers are written by its own task alone, without locks; whoever
//! wants to know reads them from there.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;

/// A clock that fits into an atomic: microseconds since the process began to look at it.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn microseconds(at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(*START).as_micros()).unwrap_or(u64::MAX)
}

/// A number that one task writes and others read: adding needs no locked instruction.
#[derive(Debug, Default)]
struct Tally(AtomicU64);

impl Tally {
    fn add(&self, n: u64) {
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a client is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientState {
    /// It holds no backend and waits for none.
    Idle,
    /// It waits for a backend.
    Waiting,
    /// It holds one.
    Active,
}

/// Sums of what clients have done (PgBouncer's SHOW STATS). Times are in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Backends given to clients.
    pub assignments: u64,
    /// Transactions, those of a single statement among them.
    pub transactions: u64,
    /// Queries: what was answered with one ReadyForQuery.
    pub queries: u64,
    /// Bytes from clients.
    pub received: u64,
    /// Bytes to clients.
    pub sent: u64,
    /// In transactions.
    pub transaction_time: u64,
    /// In queries.
    pub query_time: u64,
    /// Waiting for a backend.
    pub wait_time: u64,
}

impl Sums {
    /// Each field, by what `combine` makes of both.
    fn zip(self, other: Sums, combine: impl Fn(u64, u64) -> u64) -> Sums {
        Sums {
            assignments: combine(self.assignments, other.assignments),
            transactions: combine(self.transactions, other.transactions),
            queries: combine(self.queries, other.queries),
            received: combine(self.received, other.received),
            sent: combine(self.sent, other.sent),
            transaction_time: combine(self.transaction_time, other.transaction_time),
            query_time: combine(self.query_time, other.query_time),
            wait_time: combine(self.wait_time, other.wait_time),
        }
    }

    /// What came since an earlier look.
    pub fn since(self, earlier: Sums) -> Sums {
        self.zip(earlier, u64::saturating_sub)
    }
}

/// Who a client is.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// Its user.
    pub user: String,
    /// Its database.
    pub database: String,
    /// The role that serves it at the backend: with the database, this names its pool.
    pub role: String,
    /// Its application_name when it connected.
    pub application_name: String,
    /// Where it connects from.
    pub address: String,
    /// Its port; 0 for a socket without one.
    pub port: u16,
    /// Is the connection encrypted?
    pub tls: bool,
}

/// A client that is connected.
#[derive(Debug)]
pub struct Client {
    /// Its number: no other client of this process ever has the same.
    pub id: u64,
    /// Who it is.
    pub identity: Identity,
    /// When it was let in.
    pub since: SystemTime,
    since_us: u64,
    sqlite: AtomicBool,
    state: AtomicU8,
    /// When the request under way, or the last one, began.
    request_us: AtomicU64,
    /// Since when it waits.
    waiting_us: AtomicU64,
    /// The process of the backend that it holds.
    backend: AtomicI32,
    assignments: Tally,
    transactions: Tally,
    queries: Tally,
    received: Tally,
    sent: Tally,
    transaction_time: Tally,
    query_time: Tally,
    wait_time: Tally,
    killed: AtomicBool,
    kill: Notify,
}

impl Client {
    /// What it is doing.
    pub fn state(&self) -> ClientState {
        match self.state.load(Ordering::Relaxed) {
            0 => ClientState::Idle,
            1 => ClientState::Waiting,
            _ => ClientState::Active,
        }
    }

    /// Is its dialect SQLite's?
    pub fn is_sqlite(&self) -> bool {
        self.sqlite.load(Ordering::Relaxed)
    }

    /// How long it has waited for a backend by now; zero when it does not wait.
    pub fn waiting(&self) -> Duration {
        let waits = self.state() == ClientState::Waiting;
        let since = self.waiting_us.load(Ordering::Relaxed);
        if waits { Duration::from_micros(microseconds(Instant::now()).saturating_sub(since)) } else { Duration::ZERO }
    }

    /// When its last request began.
    pub fn requested(&self) -> SystemTime {
        let after = self.request_us.load(Ordering::Relaxed).saturating_sub(self.since_us);
        self.since + Duration::from_micros(after)
    }

    /// The process of the backend that it holds.
    pub fn backend(&self) -> Option<i32> {
        Some(self.backend.load(Ordering::Relaxed)).filter(|pid| *pid != 0)
    }

    /// What it has done.
    pub fn sums(&self) -> Sums {
        Sums {
            assignments: self.assignments.get(),
            transactions: self.transactions.get(),
            queries: self.queries.get(),
            received: self.received.get(),
            sent: self.sent.get(),
            transaction_time: self.transaction_time.get(),
            query_time: self.query_time.get(),
            wait_time: self.wait_time.get(),
        }
    }

    /// Logs that something has become of it.
    pub fn tell(&self, what: &str) {
        let Identity { user, database, role, application_name, address, port, tls } = &self.identity;
        let Sums { queries, transactions, received, sent, .. } = self.sums();
        let seconds = self.since.elapsed().unwrap_or_default().as_secs_f32();
        tracing::debug!(
            target: "litewire::clients",
            client = self.id, user, database, role, application_name, address, port, tls, queries, transactions, received, sent, seconds, "{what}"
        );
    }

    /// Has its session end, whatever it is doing.
    pub fn kill(&self) {
        self.killed.store(true, Ordering::Release);
        self.kill.notify_waiters();
    }

    /// Has somebody killed it?
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// Waits until somebody kills it.
    pub async fn killed(&self) {
        loop {
            // From before the look, so that nothing is missed.
            let told = self.kill.notified();
            if self.is_killed() {
                return;
            }
            told.await;
        }
    }
}

/// The clients of a server, and what those who left have done.
#[derive(Debug, Default)]
pub struct Clients {
    last: AtomicU64,
    connected: Mutex<HashMap<u64, Arc<Client>>>,
    left: Mutex<BTreeMap<String, Sums>>,
}

impl Clients {
    /// A client was let in. It is connected as long as the meter lives.
    pub fn enter(self: &Arc<Self>, identity: Identity, sqlite: bool) -> Meter {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let now = microseconds(Instant::now());
        let client = Arc::new(Client {
            id,
            identity,
            since: SystemTime::now(),
            since_us: now,
            sqlite: AtomicBool::new(sqlite),
            state: AtomicU8::new(0),
            request_us: AtomicU64::new(now),
            waiting_us: AtomicU64::new(0),
            backend: AtomicI32::new(0),
            assignments: Tally::default(),
            transactions: Tally::default(),
            queries: Tally::default(),
            received: Tally::default(),
            sent: Tally::default(),
            transaction_time: Tally::default(),
            query_time: Tally::default(),
            wait_time: Tally::default(),
            killed: AtomicBool::new(false),
            kill: Notify::new(),
        });
        lock(&self.connected).insert(id, client.clone());
        Meter { clients: self.clone(), client, query: None, transaction: None }
    }

    /// Those who are connected, in the order of their coming.
    pub fn list(&self) -> Vec<Arc<Client>> {
        let mut list: Vec<_> = lock(&self.connected).values().cloned().collect();
        list.sort_unstable_by_key(|client| client.id);
        list
    }

    /// The client of that number.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        lock(&self.connected).get(&id).cloned()
    }

    /// How many are connected.
    pub fn count(&self) -> usize {
        lock(&self.connected).len()
    }

    /// What was done in each database, by those who left, too.
    pub fn sums(&self) -> BTreeMap<String, Sums> {
        // Nobody leaves between the two looks.
        let left = lock(&self.left);
        let mut sums = left.clone();
        for client in self.list() {
            let sum = sums.entry(client.identity.database.clone()).or_default();
            *sum = sum.zip(client.sums(), u64::wrapping_add);
        }
        sums
    }

    fn leave(&self, client: &Client) {
        let mut left = lock(&self.left);
        let sum = left.entry(client.identity.database.clone()).or_default();
        *sum = sum.zip(client.sums(), u64::wrapping_add);
        lock(&self.connected).remove(&client.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a session counts with. When it is dropped the client has left.
#[derive(Debug)]
pub struct Meter {
    clients: Arc<Clients>,
    client: Arc<Client>,
    /// Since when the query under way runs.
    query: Option<Instant>,
    /// Since when the transaction under way runs.
    transaction: Option<Instant>,
}

impl Meter {
    /// What others see.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Bytes came from the client.
    pub fn received(&self, bytes: usize) {
        self.client.received.add(bytes as u64);
    }

    /// Bytes went to the client.
    pub fn sent(&self, bytes: usize) {
        self.client.sent.add(bytes as u64);
    }

    /// The client asks for something.
    pub fn asked(&mut self) {
        if self.query.is_some() {
            return;
        }
        let now = Instant::now();
        self.query = Some(now);
        self.transaction.get_or_insert(now);
        self.client.request_us.store(microseconds(now), Ordering::Relaxed);
    }

    /// It has its ReadyForQuery; `idle` when no transaction is open.
    pub fn answered(&mut self, idle: bool) {
        let now = Instant::now();
        let passed = |since: Instant| u64::try_from(now.saturating_duration_since(since).as_micros()).unwrap_or(0);
        self.client.queries.add(1);
        if let Some(since) = self.query.take() {
            self.client.query_time.add(passed(since));
        }
        if idle {
            self.client.transactions.add(1);
            if let Some(since) = self.transaction.take() {
                self.client.transaction_time.add(passed(since));
            }
        }
    }

    /// The session's dialect is SQLite's from now on, or is not.
    pub fn dialect(&self, sqlite: bool) {
        self.client.sqlite.store(sqlite, Ordering::Relaxed);
    }

    /// It has a backend now.
    pub fn took(&self, pid: i32) {
        self.client.assignments.add(1);
        self.client.backend.store(pid, Ordering::Relaxed);
        self.client.state.store(2, Ordering::Relaxed);
    }

    /// It has none any more.
    pub fn gave(&self) {
        self.client.backend.store(0, Ordering::Relaxed);
        self.client.state.store(0, Ordering::Relaxed);
    }

    /// Waits for a backend, or for somebody who kills the client: None. Nobody looks at the clock when there is one at once.
    pub async fn wait<T>(&self, backend: impl Future<Output = T>) -> Option<T> {
        use futures_util::FutureExt;
        let mut backend = std::pin::pin!(backend);
        if let Some(backend) = backend.as_mut().now_or_never() {
            return Some(backend);
        }
        let since = Instant::now();
        self.client.waiting_us.store(microseconds(since), Ordering::Relaxed);
        self.client.state.store(1, Ordering::Relaxed);
        let backend = tokio::select! {
            backend = backend => Some(backend),
            () = self.client.killed() => None,
        };
        self.client.wait_time.add(u64::try_from(since.elapsed().as_micros()).unwrap_or(0));
        self.client.state.store(0, Ordering::Relaxed);
        backend
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.clients.leave(&self.client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_stays_when_its_client_leaves() {
        let clients = Arc::new(Clients::default());
        let identity = Identity { database: "d".to_owned(), ..Identity::default() };
        let mut first = clients.enter(identity.clone(), true);
        let second = clients.enter(identity, false);
        first.received(10);
        first.asked();
        first.answered(false);
        first.asked();
        first.answered(true);
        second.received(5);
        let sums = clients.sums()["d"];
        assert_eq!((sums.received, sums.queries, sums.transactions), (15, 2, 1));
        drop(first);
        assert_eq!(clients.sums()["d"], sums);
        assert_eq!(clients.list().iter().map(|c| c.id).collect::<Vec<_>>(), [2]);
    }

    #[tokio::test]
    async fn who_waits_is_seen_and_can_be_killed() {
        let clients = Arc::new(Clients::default());
        let meter = clients.enter(Identity::default(), true);
        assert_eq!(meter.wait(std::future::ready(7)).await, Some(7));
        let client = clients.get(1).expect("connected");
        let killer = async {
            tokio::task::yield_now().await;
            assert_eq!(client.state(), ClientState::Waiting);
            client.kill();
        };
        let (waited, ()) = tokio::join!(meter.wait(std::future::pending::<()>()), killer);
        assert_eq!((waited, client.state()), (None, ClientState::Idle));
    }
}
