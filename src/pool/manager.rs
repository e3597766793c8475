use super::Prepared;
use crate::backend::ConnectError;
use crate::backend::{Link, Target};
use crate::config;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long bb8 waits for a link that others hold: `turns` lets nobody in for whom there is none, so only a start-up takes time.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);

/// Makes links for bb8, and judges those that come back.
pub(super) struct Manager {
    target: Target,
    max_prepared: usize,
}

impl bb8::ManageConnection for Manager {
    /// On the heap: it goes from hand to hand for every transaction.
    type Connection = Box<Link>;
    type Error = Arc<ConnectError>;

    async fn connect(&self) -> Result<Box<Link>, Arc<ConnectError>> {
        let mut link = self.target.link().await.map_err(Arc::new)?;
        link.prepared = Prepared::new(self.max_prepared);
        Ok(Box::new(link))
    }

    /// Never asked (`test_on_check_out(false)`): a round trip for each checkout is too much, see `Link::check_idle`.
    async fn is_valid(&self, _: &mut Box<Link>) -> Result<(), Arc<ConnectError>> {
        Ok(())
    }

    fn has_broken(&self, link: &mut Box<Link>) -> bool {
        !link.is_clean()
    }
}

/// A bb8 pool, without connections yet. Failed attempts go to `failures`, so that who waits learns of them at once.
pub(super) fn pool(target: Target, settings: &config::Pool, failures: Arc<Failures>) -> bb8::Pool<Manager> {
    bb8::Pool::builder()
        .max_size(settings.size)
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
        .build_unchecked(Manager { target, max_prepared: settings.max_prepared as usize })
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
