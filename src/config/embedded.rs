use serde::Deserialize;
use std::path::PathBuf;

/// `[embedded]`: the managed PostgreSQL, which runs when no backend is configured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Embedded {
    /// Where its data and its log live.
    pub data_dir: PathBuf,
    /// Off: faster, and a crash of the machine may lose or damage data. For tests.
    pub fsync: bool,
    /// The directory of `postgres` and `initdb`; without, they are looked for.
    pub pg_bin: Option<PathBuf>,
}

impl Default for Embedded {
    fn default() -> Self {
        Embedded { data_dir: PathBuf::from(".litewire"), fsync: true, pg_bin: None }
    }
}
