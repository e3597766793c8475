//! The links of a pool, all of which can be replaced at once.

use super::manager::{self, Failures, Manager};
use crate::backend::Target;
use crate::config;
use crate::observe::Servers;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// One set of links after the other. Those of an earlier set close when they are given back.
pub(super) struct Links {
    current: RwLock<Set>,
    failures: Arc<Failures>,
    servers: Arc<Servers>,
}

struct Set {
    links: bb8::Pool<Manager>,
    retired: Arc<AtomicBool>,
}

impl Links {
    /// No link yet. Failed attempts to make one go to `failures`.
    pub(super) fn new(target: Target, settings: &config::Pool, failures: Arc<Failures>) -> Self {
        let servers = Arc::default();
        let current = RwLock::new(Set::new(target, settings, &failures, &servers));
        Links { current, failures, servers }
    }

    /// The links to take one from.
    pub(super) fn current(&self) -> bb8::Pool<Manager> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).links.clone()
    }

    /// Closes the idle links now, and the others when they are given back. New ones go to `target`.
    pub(super) fn replace(&self, target: Target, settings: &config::Pool) {
        let set = Set::new(target, settings, &self.failures, &self.servers);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.retired.store(true, Ordering::Relaxed);
        *current = set;
    }

    /// Is there one of an earlier set?
    pub(super) fn has_retired(&self) -> bool {
        let current = self.current().state().connections as usize;
        self.servers.list().len() > current
    }

    /// What is seen of them, those of earlier sets among them.
    pub(super) fn servers(&self) -> &Arc<Servers> {
        &self.servers
    }
}

impl Set {
    fn new(target: Target, settings: &config::Pool, failures: &Arc<Failures>, servers: &Arc<Servers>) -> Self {
        let retired = Arc::default();
        let manager = Manager::new(target, settings.max_prepared, servers.clone(), Arc::clone(&retired));
        Set { links: manager::pool(manager, settings, failures.clone()), retired }
    }
}
