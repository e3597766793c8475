//! A backend that is not there: it is asked again after delays that grow.

use std::time::{Duration, Instant};

/// The longest delay.
const LONGEST: Duration = Duration::from_secs(1);

/// Attempts that failed in a row: for a while, which grows, no other is made, and whoever wants one has the last one's error.
#[derive(Debug)]
pub struct Outage<E> {
    first: Duration,
    last: Option<(E, Instant)>,
    delay: Duration,
}

impl<E: Clone> Outage<E> {
    /// None yet; the first attempt that fails delays the next by `first`.
    pub fn new(first: Duration) -> Self {
        Outage { first, last: None, delay: Duration::ZERO }
    }

    /// Why no attempt is made now.
    pub fn error(&self) -> Option<E> {
        let (error, at) = self.last.as_ref()?;
        (at.elapsed() < self.delay).then(|| error.clone())
    }

    /// An attempt was made. Only one that found nobody there, and says why, delays the next.
    pub fn note(&mut self, error: Option<E>) {
        self.delay = match (&error, &self.last) {
            (None, _) => Duration::ZERO,
            (Some(_), None) => self.first,
            (Some(_), Some(_)) => (self.delay * 2).min(LONGEST),
        };
        self.last = error.map(|error| (error, Instant::now()));
    }
}
