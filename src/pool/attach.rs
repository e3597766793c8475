//! The schemas behind ATTACH.

use super::Pool;
use crate::backend::INSTANCE;
use crate::catalog::Attached;
use crate::error::{ClientError, SqlState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What names a database in memory: the process, whose end it does not outlive, and a number.
pub fn memory_key() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("{:08x}_{}", *INSTANCE, LAST.fetch_add(1, Ordering::Relaxed))
}

impl Pool {
    /// Makes the schema of a database that is attached, unless it is there.
    ///
    /// 42501 when the role may not make one, or not read it.
    pub async fn attach(&self, attached: &Attached) -> Result<(), ClientError> {
        if self.keeper.check().await?.attachable.contains_key(&attached.schema) {
            return Ok(());
        }
        let made = self.keeper.control().make_schema(&attached.schema).await;
        if made.is_ok() && self.keeper.check().await?.attachable.contains_key(&attached.schema) {
            return Ok(());
        }
        let error = ClientError::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("unable to open database: {}", attached.file));
        Err(match made {
            Ok(()) => error.hint(format!("The backend's role may not use the schema \"{}\".", attached.schema)),
            Err(reason) => error.detail(reason.to_string()).hint("The backend's role needs the right to create schemas in its database."),
        })
    }

    /// Drops the schemas of databases that were a session's own, in the background: nobody knows them any more.
    pub fn detach(self: &Arc<Self>, gone: Vec<Attached>) {
        if gone.is_empty() {
            return;
        }
        let pool = self.clone();
        tokio::spawn(async move {
            for attached in gone {
                if let Err(error) = pool.keeper.control().drop_schema(&attached.schema).await {
                    tracing::warn!(%error, schema = attached.schema, "the schema of a database that was detached is left");
                }
            }
        });
    }
}
