use serde::Deserialize;

/// `[transactions]`: how SQLite's BEGIN forms run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transactions {
    /// BEGIN IMMEDIATE and EXCLUSIVE among themselves.
    pub immediate: Immediate,
    /// The isolation level of BEGIN in a `sqlite` session.
    pub isolation: Isolation,
}

/// `[transactions] immediate`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Immediate {
    /// One at a time in a database, as with SQLite's write lock.
    #[default]
    Serial,
    /// Like BEGIN.
    Parallel,
}

/// `[transactions] isolation`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    #[default]
    ReadCommitted,
    /// One snapshot for the transaction.
    RepeatableRead,
    /// As if transactions ran one after another; clients must retry 40001.
    Serializable,
}

impl Isolation {
    /// What BEGIN says of it; nothing for PostgreSQL's own level.
    pub fn modes(self) -> &'static str {
        match self {
            Isolation::ReadCommitted => "",
            Isolation::RepeatableRead => "ISOLATION LEVEL REPEATABLE READ",
            Isolation::Serializable => "ISOLATION LEVEL SERIALIZABLE",
        }
    }
}
