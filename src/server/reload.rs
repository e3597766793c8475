//! The configuration read again, while clients are served.

use super::{Shared, tls};
use crate::admin::{Reloaded, Settings};
use crate::config::{Config, ConfigError, Overrides};
use crate::observe;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// Where a configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The file; the defaults without one.
    pub path: Option<PathBuf>,
    /// What stands over it.
    pub overrides: Overrides,
}

impl Source {
    /// Reads it; what is read is valid.
    pub fn read(&self) -> Result<Config, ConfigError> {
        Config::load(self.path.as_deref(), self.overrides.clone())
    }

    /// The keys of a configuration that was read here.
    pub(super) fn settings(source: Option<&Source>, config: &Config) -> Settings {
        let path = source.and_then(|source| source.path.as_deref());
        // It was there a moment ago; if it is not any more, the keys are those of the defaults.
        let text = path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        Settings::new(&text, config)
    }
}

/// Reads the configuration again and puts it in force, as a whole or not at all. What changed; or why it stays as it was.
pub(super) fn reload(current: &RwLock<Arc<Shared>>, source: Option<&Source>) -> Result<Reloaded, String> {
    let outcome = try_reload(current, source);
    match &outcome {
        Ok(Reloaded { applied, restart }) => {
            tracing::info!(applied = applied.join(", "), "the configuration was read again");
            if !restart.is_empty() {
                tracing::warn!(keys = restart.join(", "), "these changes need a restart");
            }
        }
        Err(reason) => tracing::error!(reason, "the configuration is unchanged: it cannot be read again"),
    }
    outcome
}

fn try_reload(current: &RwLock<Arc<Shared>>, source: Option<&Source>) -> Result<Reloaded, String> {
    let source = source.ok_or("the server was started without a file to read again")?;
    let mut config = source.read().map_err(|error| error.to_string())?;
    let before = current.read().unwrap_or_else(PoisonError::into_inner).clone();
    if config.needs_embedded() {
        // Its start has found out where it is.
        config.backend.url = before.config.backend.url.clone();
    }
    let settings = Source::settings(Some(source), &config);
    keep_what_is_fixed(&mut config, &before.config);

    // All that can fail comes first.
    let tls = tls::server_tls(&config.server).map_err(|error| error.to_string())?;
    observe::set_log_level(&config.log.level).map_err(|error| error.to_string())?;

    let config = Arc::new(config);
    before.pools.reload(&config);
    let reloaded = before.admin.reloaded(config.clone(), settings);
    let pools = before.pools.list();
    let homeless = |client: &observe::Client| !pools.contains_key(&(client.identity.database.clone(), client.identity.role.clone()));
    before.clients.list().iter().filter(|client| homeless(client)).for_each(|client| client.kill());
    let after = Shared {
        authenticator: before.authenticator.renewed(&config, tls.as_ref().and_then(|tls| tls.end_point.clone())),
        tls,
        places: before.places.renewed(&before.config, &config),
        config,
        pools: before.pools.clone(),
        cancels: before.cancels.clone(),
        clients: before.clients.clone(),
        admin: before.admin.clone(),
        peers: before.peers.clone(),
    };
    *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(after);
    Ok(reloaded)
}

/// Whatever [`crate::admin::NEEDS_RESTART`] lists stays as it is.
fn keep_what_is_fixed(config: &mut Config, before: &Config) {
    let fixed = before.server.clone();
    config.server.listen = fixed.listen;
    config.server.workers = fixed.workers;
    config.server.reuse_port = fixed.reuse_port;
    config.server.peer_dir = fixed.peer_dir;
    config.server.unix_socket_dir = fixed.unix_socket_dir;
    config.log.format = before.log.format;
    config.metrics = before.metrics.clone();
    config.embedded = before.embedded.clone();
}
