//! What may be written to a virtual table.

use super::Write;
use crate::catalog::module::{Content, Fts5};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::Bound;
use crate::translate::parse::trigger::Event;
use crate::translate::tree::{Expr, Kind};

impl Write<'_, '_> {
    /// An UPDATE of a full-text table without content of its own cannot read what it leaves as it is.
    pub(super) fn virtual_writable(&self, event: Event, columns: &[&str]) -> Bound<()> {
        let Some(fts5) = self.table.fts5().filter(|_| event == Event::Update) else { return Ok(()) };
        let named = |name: &str| columns.iter().any(|c| c.eq_ignore_ascii_case(name));
        let all = fts5.columns.iter().all(|(name, unindexed)| *unindexed || named(name));
        match fts5.content {
            Content::External(..) => Err(ClientError::refused("UPDATE of a full-text table whose content is in another")
                .hint("INSERT the command 'delete' with the old values, then the new row.")),
            Content::None if fts5.contentless_delete && !all => {
                let message = format!("cannot UPDATE a subset of columns on fts5 contentless-delete table: {}", self.table.name);
                Err(ClientError::new(SqlState::SYNTAX_ERROR, message))
            }
            _ => Ok(()),
        }
    }

    /// The rows of a full-text table whose content is elsewhere cannot be chosen by it.
    pub(super) fn virtual_filter(&self, filter: &Expr) -> Bound<()> {
        let elsewhere = |f: &Fts5| matches!(f.content, Content::External(..));
        let Some(fts5) = self.table.fts5().filter(|f| elsewhere(f)) else { return Ok(()) };
        let content = |e: &Expr| matches!(&e.kind, Kind::Column(c) if c.depth == 0 && c.source == 0 && fts5.columns.iter().any(|(n, _)| *n == c.name));
        if filter.any(&mut |e| content(e)) {
            return Err(ClientError::refused("WHERE over the content of a full-text table that has it in another, in a DELETE"));
        }
        Ok(())
    }
}
