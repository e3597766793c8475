//! A statement of its own transaction that met another one's is done again, as SQLite's waits for the lock: PostgreSQL has undone
//! all of it, and the client has seen nothing.

use super::Session;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// serialization_failure and deadlock_detected (PostgreSQL's manual, section 13.5).
const CONFLICTS: [&str; 2] = ["40001", "40P01"];
/// How often a statement is done again.
const RETRIES: u32 = 8;
/// The wait before the first time, doubled each time.
const WAIT: Duration = Duration::from_millis(1);

/// How often a statement was done again, and whether it has to be once more.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Conflicts {
    met: u32,
    again: bool,
}

impl Conflicts {
    /// An error of that SQLSTATE was met; true when the statement is to be done again.
    pub fn meet(&mut self, state: &str) -> bool {
        self.again = CONFLICTS.contains(&state) && self.met < RETRIES;
        self.again
    }

    /// Waits before the statement is done again; false when it is not to be.
    pub async fn wait(&mut self) -> bool {
        if !std::mem::take(&mut self.again) {
            return false;
        }
        crate::observe::counters().retries.add(1);
        // Two that meet must not meet again in step.
        let spread = getrandom::u32().map_or(0, |n| n % 1000);
        tokio::time::sleep(WAIT * (1 << self.met) + Duration::from_micros(spread.into())).await;
        self.met += 1;
        true
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// Is the statement under way a transaction of its own that shows the client nothing before its end?
    pub(super) fn is_repeatable(&self) -> bool {
        !self.transaction.is_active() && self.shape().is_some_and(|shape| shape.columns.is_none() && !shape.raw)
    }
}
