//! ATTACH and DETACH. What is attached is known to the session alone; the schemas are made and dropped by the pool's control
//! connection, for neither is undone by the client's ROLLBACK.

use super::Session;
use crate::error::{ClientError, SqlState};
use crate::pool::memory_key;
use crate::translate::attach::{attached, detached};
use crate::translate::{Attach, Operand, unbound};
use tokio::io::{AsyncRead, AsyncWrite};

/// What an operand says.
fn said(operand: &Operand) -> Result<&str, ClientError> {
    match operand {
        Operand::Text(text) => Ok(text),
        Operand::Param(n) => Err(unbound(*n)),
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// Attaches or detaches; the command tag.
    pub(super) async fn attach(&mut self, attach: &Attach) -> Result<&'static str, ClientError> {
        let catalog = self.catalog().await?;
        match attach {
            Attach::Attach { file, name } => {
                let made = attached(&catalog, said(file)?, said(name)?, &memory_key())?;
                self.pool.attach(&made).await?;
                self.schema.attach(made, &self.pool.catalog());
                Ok("ATTACH")
            }
            Attach::Detach(name) => {
                let gone = detached(&catalog, said(name)?)?;
                if self.transaction.is_active() || self.unsynced {
                    return Err(ClientError::new(SqlState::LOCK_NOT_AVAILABLE, format!("database {} is locked", gone.name)));
                }
                self.schema.detach(&gone);
                if gone.is_memory() {
                    self.pool.detach(vec![gone]);
                }
                Ok("DETACH")
            }
        }
    }
}
