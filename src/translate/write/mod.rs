//! INSERT, UPDATE and DELETE: bound against their table, stored with its columns' affinity, counted for the connection.

mod each;
mod insert;
mod keys;
mod modify;
mod module;
pub mod policy;
mod rows;
mod sequence;
mod store;

pub use store::stored;

use super::bind::{Binder, Bound, Mentioned, Source, quote_ident, quote_relation, split_name};
use super::lower::{Frag, Lower};
use super::plan::{Columns, Hidden, OutColumn, Statement};
use super::tree::Expr;
use crate::catalog::{Relation, is_rowid};
use crate::error::{ClientError, SqlState};
use sqlparser::ast::{self, SelectItem};

/// A write: the statement's text so far, and what its RETURNING must bring.
pub struct Write<'a, 'b> {
    binder: &'b mut Binder<'a>,
    lower: &'b mut Lower<'a>,
    table: &'a Relation,
}

/// Translates an INSERT, UPDATE or DELETE.
pub fn write<'a>(statement: &ast::Statement, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Statement> {
    if let Some(written) = sequence::write(statement, binder, lower)? {
        return Ok(written);
    }
    match statement {
        ast::Statement::Insert(insert) => insert::insert(insert, binder, lower),
        ast::Statement::Update(update) => modify::update(update, binder, lower),
        ast::Statement::Delete(delete) => modify::delete(delete, binder, lower),
        other => Err(ClientError::refused(format!("the statement {other}"))),
    }
}

impl<'a, 'b> Write<'a, 'b> {
    fn new(name: &ast::ObjectName, alias: Option<&str>, binder: &'b mut Binder<'a>, lower: &'b mut Lower<'a>) -> Bound<Self> {
        let (_, ident) = split_name(name)?;
        if let Some(own) = super::ddl::own_table(&ident.value).filter(|own| *own != "sqlite_sequence") {
            let message = format!("table {own} may not be modified");
            return Err(ClientError::new(SqlState::DATATYPE_MISMATCH, message).at(binder.at(ident.span)));
        }
        let table = binder.relation(name)?;
        if binder.rows.is_some() && name.0.len() > 1 {
            let message = "qualified table names are not allowed on INSERT, UPDATE, and DELETE statements within triggers";
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, message));
        }
        // A trigger may store what its own table's columns cannot hold.
        lower.may_misfit |= !table.triggers.is_empty();
        let called = alias.unwrap_or(&table.name);
        let source = match binder.catalog.index_of(table) {
            Some(at) => {
                binder.mention(split_name(name)?.1.span, Mentioned::Relation(at));
                Source { aliased: alias.is_some(), database: Some(binder.catalog.database(table).to_owned()), ..Source::of_origin(table, at, called) }
            }
            None => Source::of_relation(table, called),
        };
        binder.scopes.push(super::bind::Scope { sources: vec![source], ..Default::default() });
        Ok(Write { binder, lower, table })
    }

    /// What INDEXED BY names must be there.
    fn indexed_by(&self, table: &ast::TableFactor) -> Bound<()> {
        let ast::TableFactor::Table { index_directives, .. } = table else { return Ok(()) };
        self.binder.indexed_by(self.table, index_directives)
    }

    /// The alias under which the table is printed.
    fn alias(&self) -> String {
        self.binder.scopes[0].sources[0].printed.clone()
    }

    /// The table with its alias.
    fn target(&self) -> String {
        format!("{} AS {}", quote_relation(self.table), self.alias())
    }

    /// A column of the table, by a name that may be one of the rowid's.
    fn column(&self, name: &ast::Ident) -> Bound<usize> {
        if let Some((at, _)) = self.table.column(&name.value) {
            if let Some(table) = self.binder.catalog.index_of(self.table) {
                self.binder.mention(name.span, Mentioned::Column((table, at)));
            }
            return Ok(at);
        }
        let docid = self.table.full_text().and_then(|f| f.docid());
        if (is_rowid(&name.value) || docid.is_some_and(|docid| docid.eq_ignore_ascii_case(&name.value)))
            && let Some((at, _)) = self.table.rowid()
        {
            return Ok(at);
        }
        let message = format!("table {} has no column named {}", self.table.name, name.value);
        Err(ClientError::new(SqlState::UNDEFINED_COLUMN, message).at(self.binder.at(name.span)))
    }

    /// Foreign keys that are enforced must have something unique to refer to. `changed`: an UPDATE's columns; `parents`: are the keys
    /// looked at that refer to the table?
    fn foreign_keys(&self, changed: Option<&[usize]>, parents: bool) -> Bound<()> {
        let wrong = self.lower.options.foreign_keys && !self.table.is_temporary();
        wrong.then(|| super::ddl::mismatch(self.table, self.lower.catalog, changed, parents)).flatten().map_or(Ok(()), Err)
    }

    /// RETURNING: the client's columns, then the hidden ones.
    fn returning(&mut self, items: Option<&[SelectItem]>, hidden: Vec<(Frag, Hidden)>, out: &mut Statement, text: &mut Frag) -> Bound<()> {
        let cells = self.cells(items, hidden, out)?;
        if !cells.is_empty() {
            text.push(" RETURNING ");
            text.append(&Frag::join(&cells, ", "));
        }
        if !out.hidden.is_empty() {
            out.notes.push("RETURNING was added to learn the rowid; its rows are kept from the client".to_owned());
        }
        Ok(())
    }

    /// The cells of the result: the client's, then the hidden ones.
    fn cells(&mut self, items: Option<&[SelectItem]>, hidden: Vec<(Frag, Hidden)>, out: &mut Statement) -> Bound<Vec<Frag>> {
        let mut cells = Vec::new();
        if self.binder.rows.is_some() {
            return self.step_cells(items, hidden, out);
        }
        if let Some(items) = items {
            let texts = super::parse::scan::result_items(self.binder.sql, true);
            // Here the table has its own name again, not its alias (lang_returning.html §2.1).
            if let Some(source) = self.binder.scopes.first_mut().and_then(|scope| scope.sources.first_mut()) {
                source.name.clone_from(&self.table.name);
            }
            let bound = self.binder.items(items, &texts)?;
            let mut columns = Vec::new();
            for (_, name, expr) in &bound {
                cells.push(self.lower.output_cell(expr)?);
                columns.push(OutColumn { name: name.clone(), kind: super::lower::out_kind(expr.ty) });
            }
            if self.lower.options.native_results {
                for (cell, column) in cells.iter_mut().zip(&columns) {
                    cell.push(&format!(" AS {}", quote_ident(&column.name)));
                }
                out.columns = Columns::Backend;
            } else {
                out.columns = Columns::Shaped(columns.into());
            }
        }
        // Without the right to read the column, an INSERT must still insert.
        if self.table.may_select && out.columns != Columns::Backend {
            for (cell, meaning) in hidden {
                cells.push(cell);
                out.hidden.push(meaning);
            }
        }
        Ok(cells)
    }
}

/// A DEFAULT or a generated column's expression as its column stores it.
pub fn store_default(lower: &mut Lower, table: &Relation, column: &crate::catalog::Column, e: &Expr) -> Bound<Frag> {
    store::store(lower, table, column, e)
}
