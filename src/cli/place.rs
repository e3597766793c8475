//! Where a migration goes to, or an export comes from.

use super::CliError;
use crate::config::{BackendUrl, Embedded};
use crate::embedded::{self, Cluster};
use crate::migrate::progress::Progress;
use crate::migrate::target::Target;
use crate::migrate::{self};
use std::path::PathBuf;

/// The PostgreSQL of a command that moves data.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct Place {
    /// The PostgreSQL, such as postgres://user:password@host:5432/database.
    #[arg(value_name = "URL", conflicts_with = "embedded")]
    pub(super) url: Option<BackendUrl>,
    /// Use the PostgreSQL of Litewire's own instead; no proxy may be running on it.
    #[arg(long)]
    pub(super) embedded: bool,
    /// Where that one lives [default: .litewire].
    #[arg(long, value_name = "DIR", requires = "embedded", env = "LITEWIRE_DATA_DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// The roots, PEM, that must have signed the server's certificate.
    #[arg(long, value_name = "FILE")]
    pub(super) tls_ca: Option<PathBuf>,
}

impl Place {
    /// Runs `work` there.
    pub(super) fn with<T>(
        &self,
        progress: &Progress,
        work: impl AsyncFnOnce(&Target) -> Result<T, migrate::Error>,
    ) -> Result<Result<T, migrate::Error>, CliError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build()?;
        let cluster = if self.embedded { Some(self.start(progress)?) } else { None };
        let url = match (&self.url, &cluster) {
            (Some(url), _) => url.clone(),
            (None, Some(cluster)) => cluster.url(embedded::DATABASE, embedded::ROLE).parse().expect("the cluster's URL is one"),
            (None, None) => unreachable!("clap demands one of the two"),
        };
        let outcome = match Target::new(&url, self.tls_ca.as_deref()) {
            Ok(target) => runtime.block_on(work(&target)),
            Err(error) => Err(error),
        };
        if let Some(cluster) = cluster {
            cluster.stop()?;
        }
        Ok(outcome)
    }

    fn start(&self, progress: &Progress) -> Result<Cluster, CliError> {
        let given = self.data_dir.clone();
        let data_dir = Cluster::data_dir(&given.clone().unwrap_or(Embedded::default().data_dir), given.is_none())?;
        let shown = progress.clone();
        let options = embedded::Options { progress: Box::new(move |step| shown.say(step)), ..embedded::Options::new(data_dir) };
        Ok(Cluster::start(options)?)
    }
}
