use super::Prepared;
use crate::backend::{ConnectError, Link, Outage, Stream, Target};
use crate::config;
use crate::observe::{Seat, Servers};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long bb8 waits for a link that others hold: `turns` lets nobody in for whom there is none, so only a start-up takes time.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);

/// After the first attempt to connect that failed.
const FIRST_DELAY: Duration = Duration::from_millis(50);

/// Makes links for bb8, and judges those that come back.
pub(super) struct Manager {
    target: Target,
    max_prepared: u32,
    servers: Arc<Servers>,
    /// Other links stand in the place of these.
    retired: Arc<AtomicBool>,
    outage: Mutex<Outage<Arc<ConnectError>>>,
}

/// A link, and its entry among the connections that an operator sees.
pub(super) struct Seated {
    /// On the heap: it goes from hand to hand for every transaction.
    link: Box<Link>,
    seat: Seat,
}

impl Seated {
    /// A client takes it, or gives it back.
    pub(super) fn take(&self, taken: bool) {
        self.seat.take(taken);
    }
}

impl Deref for Seated {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.link
    }
}

impl DerefMut for Seated {
    fn deref_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}

impl Manager {
    pub(super) fn new(target: Target, max_prepared: u32, servers: Arc<Servers>, retired: Arc<AtomicBool>) -> Self {
        Manager { target, max_prepared, servers, retired, outage: Mutex::new(Outage::new(FIRST_DELAY)) }
    }
}

impl bb8::ManageConnection for Manager {
    type Connection = Seated;
    type Error = Arc<ConnectError>;

    async fn connect(&self) -> Result<Seated, Arc<ConnectError>> {
        if let Some(error) = self.outage.lock().unwrap_or_else(PoisonError::into_inner).error() {
            return Err(error);
        }
        let linked = self.target.link().await.map_err(Arc::new);
        self.outage.lock().unwrap_or_else(PoisonError::into_inner).note(linked.as_ref().err().filter(|e| e.is_outage()).cloned());
        let mut link = Box::new(linked?);
        link.prepared = Prepared::new(self.max_prepared as usize);
        let (address, port) = link.cancel.target.first_place();
        let tls = matches!(link.io, Stream::Tls(_));
        tracing::debug!(target: "litewire::servers", pid = link.pid, address, port, tls, "a backend was connected");
        let seat = self.servers.enter(link.pid, address, port, tls);
        Ok(Seated { link, seat })
    }

    /// Never asked (`test_on_check_out(false)`): a round trip for each checkout is too much, see `Link::check_idle`.
    async fn is_valid(&self, _: &mut Seated) -> Result<(), Arc<ConnectError>> {
        Ok(())
    }

    fn has_broken(&self, link: &mut Seated) -> bool {
        !link.is_clean() || self.retired.load(Ordering::Relaxed)
    }
}

/// A bb8 pool, without connections yet. Failed attempts go to `failures`, so that who waits learns of them at once.
pub(super) fn pool(manager: Manager, settings: &config::Pool, failures: Arc<Failures>) -> bb8::Pool<Manager> {
    bb8::Pool::builder()
        .max_size(settings.size.saturating_add(settings.reserve_size))
        .min_idle((settings.min_size > 0).then_some(settings.min_size.min(settings.size)))
        .idle_timeout(settings.idle_timeout)
        .max_lifetime(settings.max_lifetime)
        .connection_timeout(CONNECTION_TIMEOUT)
        .reaper_rate((settings.idle_timeout / 2).clamp(Duration::from_millis(100), Duration::from_secs(10)))
        .test_on_check_out(false)
        .retry_connection(false)
        // The warmest link first; the others can idle out.
        .queue_strategy(bb8::QueueStrategy::Lifo)
        .error_sink(Box::new(Sink(failures)))
        .build_unchecked(manager)
}

/// Attempts to connect that failed, for whoever waits.
#[derive(Debug, Default)]
pub(super) struct Failures {
    last: Mutex<Option<Arc<ConnectError>>>,
    happened: Notify,
}

impl Failures {
    /// The next failure after this call.
    pub(super) fn next(&self) -> impl Future<Output = Arc<ConnectError>> {
        let happened = self.happened.notified();
        async move {
            happened.await;
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            last.expect("it is set before anybody is notified")
        }
    }
}

#[derive(Debug)]
struct Sink(Arc<Failures>);

impl bb8::ErrorSink<Arc<ConnectError>> for Sink {
    fn sink(&self, error: Arc<ConnectError>) {
        tracing::warn!(%error, "cannot connect to the backend");
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.0.happened.notify_waiters();
    }

    fn boxed_clone(&self) -> Box<dyn bb8::ErrorSink<Arc<ConnectError>>> {
        Box::new(Sink(self.0.clone()))
    }
}
