use super::manager::Manager;
use crate::backend::Link;
use bb8::PooledConnection;
use std::ops::{Deref, DerefMut};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// A backend that takes longer for its reset is closed.
const RESET_TIMEOUT: Duration = Duration::from_secs(5);

/// A link, held until this is dropped. One that is not clean then is closed instead of returned.
pub struct Checkout {
    // In this order: the link is back before the next in the queue is let in.
    link: PooledConnection<'static, Manager>,
    _turn: OwnedSemaphorePermit,
}

impl Checkout {
    pub(super) fn new(link: PooledConnection<'static, Manager>, turn: OwnedSemaphorePermit) -> Self {
        link.take(true);
        Checkout { link, _turn: turn }
    }

    /// Gives the link back without anything that its client has left there.
    pub fn reset(mut self) {
        if !self.is_clean() {
            return;
        }
        tokio::spawn(async move {
            let discarded = tokio::time::timeout(RESET_TIMEOUT, self.discard()).await;
            if !matches!(discarded, Ok(Ok(()))) {
                self.broken = true;
            }
        });
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        self.link.take(false);
    }
}

impl Deref for Checkout {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.link
    }
}

impl DerefMut for Checkout {
    fn deref_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}

impl std::fmt::Debug for Checkout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkout").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// The right to run BEGIN IMMEDIATE, until it is dropped.
#[derive(Debug)]
pub struct ImmediateTurn {
    _turn: OwnedSemaphorePermit,
}

impl ImmediateTurn {
    pub(super) fn new(turn: OwnedSemaphorePermit) -> Self {
        ImmediateTurn { _turn: turn }
    }
}
