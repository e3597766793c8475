//! How long a client may take, and how long a backend: `[limits]`.

use crate::error::{ClientError, SqlState};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// The limits of a session; zero is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeouts {
    /// `[limits] client_idle_timeout`
    pub client_idle: Duration,
    /// `[limits] idle_in_transaction_timeout`
    pub idle_in_transaction: Duration,
    /// `[limits] query_timeout`
    pub query: Duration,
}

/// What a session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// For the client, outside a transaction.
    Idle,
    /// For the client, within one.
    InTransaction,
    /// For the backend's answer to a statement, counted by those that were answered before it.
    Answer(u64),
}

/// Measures how long the session has waited for the same. Without limits it costs a comparison.
pub(super) struct Clock {
    limits: Timeouts,
    waiting: Waiting,
    /// Of what is waited for; kept, for a timer is dearer than its reset.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    pub(super) fn new(limits: Timeouts) -> Self {
        let mut clock = Clock { limits, waiting: Waiting::Idle, timer: None };
        clock.restart();
        clock
    }

    /// The client has said something whole.
    pub(super) fn heard(&mut self) {
        if !matches!(self.waiting, Waiting::Answer(_)) {
            self.restart();
        }
    }

    /// Is the time over for what is waited for now?
    pub(super) fn poll(&mut self, waiting: Waiting, cx: &mut Context<'_>) -> Poll<Waiting> {
        if waiting != self.waiting {
            self.waiting = waiting;
            self.restart();
        }
        if self.limit().is_zero() {
            return Poll::Pending;
        }
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        timer.as_mut().poll(cx).map(|()| {
            // Whoever goes on after it is measured anew.
            self.restart();
            waiting
        })
    }

    fn limit(&self) -> Duration {
        match self.waiting {
            Waiting::Idle => self.limits.client_idle,
            Waiting::InTransaction => self.limits.idle_in_transaction,
            Waiting::Answer(_) => self.limits.query,
        }
    }

    fn restart(&mut self) {
        let limit = self.limit();
        if limit.is_zero() {
            return;
        }
        let until = Instant::now() + limit;
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(until),
            None => self.timer = Some(Box::pin(sleep_until(until))),
        }
    }
}

impl Waiting {
    /// Why a client is let go that said nothing for too long, in PostgreSQL's words; None: it is the backend that takes long.
    pub(super) fn too_long(self) -> Option<ClientError> {
        let (state, what) = match self {
            Waiting::Idle => (SqlState::IDLE_SESSION_TIMEOUT, "idle-session"),
            Waiting::InTransaction => (SqlState::IDLE_IN_TRANSACTION_TIMEOUT, "idle-in-transaction"),
            Waiting::Answer(_) => return None,
        };
        Some(ClientError::new(state, format!("terminating connection due to {what} timeout")))
    }
}
