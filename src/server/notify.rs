//! What the service manager is told (sd_notify(3)); nothing, where none listens.

use sd_notify::NotifyState;

/// Clients are served, with the configuration in force.
pub(super) fn ready() {
    notify(&[NotifyState::Ready, NotifyState::Status("serving clients")]);
}

/// The configuration is being read again; [`ready`] follows.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the service manager cannot be told of a reload"),
    }
}

/// The end has begun; `status` says how it goes.
pub(super) fn stopping(status: &str) {
    notify(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// Tells, for ever and as often as the service manager wants (`WatchdogSec=`), that tasks still run.
pub(super) async fn watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    loop {
        notify(&[NotifyState::Watchdog]);
        tokio::time::sleep(limit / 2).await;
    }
}

fn notify(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}
