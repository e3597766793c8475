//! What may be written to a virtual table.

use super::{Write, quote_ident};
use crate::catalog::module::{Content, FullText, Module};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::Bound;
use crate::translate::parse::trigger::Event;
use crate::translate::tree::{Expr, Kind};
use sqlparser::ast::SelectItem;

impl Write<'_, '_> {
    /// An UPDATE of a full-text table without content of its own cannot read what it leaves as it is.
    pub(super) fn virtual_writable(&self, event: Event, columns: &[&str]) -> Bound<()> {
        if let Some(Module::Vocabulary(_)) = self.table.module {
            return Err(ClientError::new(SqlState::WRONG_OBJECT, format!("table {} may not be modified", self.table.name)));
        }
        let Some(full_text) = self.table.full_text().filter(|_| event == Event::Update) else { return Ok(()) };
        let named = |name: &str| columns.iter().any(|c| c.eq_ignore_ascii_case(name));
        let all = full_text.columns.iter().all(|(name, unindexed)| *unindexed || named(name));
        match full_text.content {
            Content::External(..) => Err(ClientError::refused("UPDATE of a full-text table whose content is in another")
                .hint("INSERT the command 'delete' with the old values, then the new row.")),
            Content::None if full_text.contentless_delete && !all => {
                let message = format!("cannot UPDATE a subset of columns on fts5 contentless-delete table: {}", self.table.name);
                Err(ClientError::new(SqlState::SYNTAX_ERROR, message))
            }
            _ => Ok(()),
        }
    }

    /// There is no RETURNING after an UPDATE or DELETE of a virtual table.
    pub(super) fn no_virtual_returning(&self, verb: &str, items: Option<&[SelectItem]>) -> Bound<()> {
        if items.is_none() || self.table.module.is_none() {
            return Ok(());
        }
        Err(ClientError::new(SqlState::SYNTAX_ERROR, format!("{verb} RETURNING is not available on virtual tables")))
    }

    /// RETURNING knows no rowid that the INSERT did not give: SQLite has -1 or NULL there.
    pub(super) fn no_unknown_rowid(&mut self, items: Option<&[SelectItem]>, given: bool) -> Bound<()> {
        let Some(items) = items.filter(|_| self.table.module.is_some() && !given) else { return Ok(()) };
        let Some((_, rowid)) = self.table.rowid() else { return Ok(()) };
        let printed = quote_ident(&rowid.name);
        let bound = self.binder.items(items, &[])?;
        let named = |e: &Expr| matches!(&e.kind, Kind::Column(c) if c.column == printed);
        if bound.iter().any(|(_, _, e)| e.any(&mut |e| named(e))) {
            return Err(ClientError::refused("RETURNING the rowid of a row of a virtual table that was not given one"));
        }
        Ok(())
    }

    /// The rows of a full-text table whose content is elsewhere cannot be chosen by it.
    pub(super) fn virtual_filter(&self, filter: &Expr) -> Bound<()> {
        let elsewhere = |f: &FullText| matches!(f.content, Content::External(..));
        let Some(full_text) = self.table.full_text().filter(|f| elsewhere(f)) else { return Ok(()) };
        let content =
            |e: &Expr| matches!(&e.kind, Kind::Column(c) if c.depth == 0 && c.source == 0 && full_text.columns.iter().any(|(n, _)| *n == c.name));
        if filter.any(&mut |e| content(e)) {
            return Err(ClientError::refused("WHERE over the content of a full-text table that has it in another, in a DELETE"));
        }
        Ok(())
    }
}
