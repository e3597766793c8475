//! What an operator does with a pool: looks at it, pauses it, has its links made anew, changes its settings.

use super::Pool;
use crate::backend::Target;
use crate::config;
use crate::observe::Server;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use tokio::sync::{Notify, Semaphore};

/// Lets checkouts through, unless it is closed.
#[derive(Debug, Default)]
pub(super) struct Gate {
    closed: AtomicBool,
    opened: Notify,
}

impl Gate {
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Waits while it is closed.
    pub(super) async fn pass(&self) {
        loop {
            // From before the look, so that nothing is missed.
            let opened = self.opened.notified();
            if !self.is_closed() {
                return;
            }
            opened.await;
        }
    }

    pub(super) fn set(&self, closed: bool) {
        self.closed.store(closed, Ordering::Relaxed);
        self.opened.notify_waiters();
    }
}

impl Pool {
    /// Gives out no more links, waits until all that are out have come back, and closes them.
    pub async fn pause(&self) {
        self.gate.set(true);
        // Who waits in front of the gate holds no turn, so that all of them come back in the end.
        let settings = self.settings();
        let turns = self.turns.acquire_many(settings.size).await.expect("the semaphore is never closed");
        let reserve = self.reserve.acquire_many(settings.reserve_size).await.expect("the semaphore is never closed");
        if self.gate.is_closed() {
            self.reconnect();
            self.keeper.control().close().await;
        }
        drop((turns, reserve));
    }

    /// As [`Pool::pause`], without waiting for those that are out.
    pub fn hold(&self) {
        self.gate.set(true);
    }

    /// Gives out links again.
    pub fn resume(&self) {
        self.gate.set(false);
    }

    /// Is it paused?
    pub fn is_paused(&self) -> bool {
        self.gate.is_closed()
    }

    /// Closes every link: the idle ones now, the others when their clients give them back.
    pub fn reconnect(&self) {
        self.links.replace(self.target(), &self.settings());
    }

    /// Takes over other settings, or another target. Clients keep the links that they hold until they give them back.
    pub(super) fn reconfigure(&self, target: Target, settings: &config::Pool) {
        let before = std::mem::replace(&mut *self.settings.write().unwrap_or_else(PoisonError::into_inner), Arc::new(settings.clone()));
        if let Some(keys) = self.target().keys() {
            target.set_keys(keys);
        }
        if target.url() != self.target().url() {
            self.keeper.control().retarget(target.clone());
            let keeper = self.keeper.clone();
            tokio::spawn(async move { keeper.control().close().await });
        }
        *self.target.write().unwrap_or_else(PoisonError::into_inner) = target.clone();
        resize(&self.turns, before.size as usize, settings.size as usize);
        resize(&self.reserve, before.reserve_size as usize, settings.reserve_size as usize);
        self.links.replace(target, settings);
    }

    /// Its settings, as they are now.
    pub fn settings(&self) -> Arc<config::Pool> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Is a link still out, or about to close, that was made before the last [`Pool::reconnect`]?
    pub fn has_retired(&self) -> bool {
        self.links.has_retired()
    }

    /// Its connections to the backend.
    pub fn servers(&self) -> Vec<Arc<Server>> {
        self.links.servers().list()
    }

    /// Does the backend answer?
    pub async fn answers(&self) -> Result<(), crate::error::ClientError> {
        let client = self.keeper.control().client().await?;
        client.batch_execute("").await.map_err(crate::backend::ControlError::from)?;
        Ok(())
    }
}

/// Makes a semaphore of `before` permits one of `after`. Permits that are to go and are out go when they come back.
pub fn resize(semaphore: &Arc<Semaphore>, before: usize, after: usize) {
    if after >= before {
        semaphore.add_permits(after - before);
        return;
    }
    let missing = before - after - semaphore.forget_permits(before - after);
    if let Ok(missing @ 1..) = u32::try_from(missing) {
        let semaphore = semaphore.clone();
        tokio::spawn(async move {
            if let Ok(permits) = semaphore.acquire_many(missing).await {
                permits.forget();
            }
        });
    }
}
