//! UPDATE (lang_update.html) and DELETE (lang_delete.html).

use super::store::store;
use super::{Write, quote_ident};
use crate::error::ClientError;
use crate::translate::bind::{Binder, Bound, quote_relation, split_name};
use crate::translate::lower::{Frag, Lower, fill};
use crate::translate::plan::Statement;
use crate::value::Value;
use sqlparser::ast::{self, Assignment, AssignmentTarget, FromTable, SqliteOnConflict, TableFactor, UpdateTableFromKind};

fn simple_table(table: &ast::TableWithJoins) -> Bound<(&ast::ObjectName, Option<&str>)> {
    match &table.relation {
        TableFactor::Table { name, alias, .. } if table.joins.is_empty() => Ok((name, alias.as_ref().map(|a| a.name.value.as_str()))),
        other => Err(ClientError::refused(format!("modifying {other}"))),
    }
}

pub(super) fn update<'a>(update: &ast::Update, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Statement> {
    match update.or {
        None | Some(SqliteOnConflict::Abort) => {}
        Some(other) => return Err(ClientError::refused(format!("UPDATE OR {other}").replace("OR OR", "OR"))),
    }
    let (name, alias) = simple_table(&update.table)?;
    let mut write = Write::new(name, alias, binder, lower)?;
    let from = match &update.from {
        None => None,
        Some(UpdateTableFromKind::AfterSet(tables) | UpdateTableFromKind::BeforeSet(tables)) => write.binder.from(tables)?,
    };
    let sets = write.assignments(&update.assignments)?;
    let mut text = fill(&format!("UPDATE {} SET {{}}", write.target()), &[&sets]);
    if let Some(from) = &from {
        let from = write.lower.from(from)?;
        text.append(&fill(" FROM {}", &[&from]));
    }
    write.restrict(update.selection.as_ref(), &update.order_by, update.limit.as_ref(), &mut text)?;
    let mut out = Statement { counts: true, guard: true, ..Statement::default() };
    write.binder.scopes[0].sources.truncate(1);
    write.returning(update.returning.as_deref(), Vec::new(), &mut out, &mut text)?;
    out.template = text.into_template();
    Ok(out)
}

pub(super) fn delete<'a>(delete: &ast::Delete, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Statement> {
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
    let [table] = tables.as_slice() else { return Err(ClientError::refused("DELETE from several tables")) };
    if delete.using.is_some() {
        return Err(ClientError::refused("DELETE … USING"));
    }
    let (name, alias) = simple_table(table)?;
    let mut write = Write::new(name, alias, binder, lower)?;
    let mut text = Frag::text(format!("DELETE FROM {}", write.target()));
    write.restrict(delete.selection.as_ref(), &delete.order_by, delete.limit.as_ref(), &mut text)?;
    let mut out = Statement { counts: true, guard: true, ..Statement::default() };
    write.returning(delete.returning.as_deref(), Vec::new(), &mut out, &mut text)?;
    out.template = text.into_template();
    Ok(out)
}

impl Write<'_, '_> {
    /// WHERE; with ORDER BY and LIMIT the rows are chosen first.
    fn restrict(&mut self, filter: Option<&ast::Expr>, order: &[ast::OrderByExpr], limit: Option<&ast::Expr>, text: &mut Frag) -> Bound<()> {
        let filter = match filter {
            None => None,
            Some(filter) => {
                let filter = self.binder.expr(filter)?;
                Some(self.lower.truth(&filter, true)?)
            }
        };
        let Some(limit) = limit else {
            if let Some(filter) = filter {
                text.append(&fill(" WHERE {}", &[&filter]));
            }
            return Ok(());
        };
        let order = order.iter().map(|o| self.binder.order_item(o, &[])).collect::<Bound<Vec<_>>>()?;
        let limit = self.binder.expr(limit)?;
        let mut chosen = Frag::text(format!("SELECT {0}.ctid FROM {1} AS {0}", self.alias(), quote_relation(self.table)));
        if let Some(filter) = filter {
            chosen.append(&fill(" WHERE {}", &[&filter]));
        }
        if !order.is_empty() {
            let order = self.lower.order_by(&order, false)?;
            chosen.append(&fill(" ORDER BY {}", &[&order]));
        }
        match limit.constant() {
            Some(Value::Integer(n)) if *n < 0 => {}
            _ => {
                let limit = self.lower.integer(&limit)?;
                chosen.append(&fill(" LIMIT {}", &[&limit]));
            }
        }
        text.append(&fill(&format!(" WHERE {}.ctid = ANY (ARRAY({{}} FOR UPDATE))", self.alias()), &[&chosen]));
        Ok(())
    }

    /// SET: the last assignment to a column counts.
    pub(super) fn assignments(&mut self, assignments: &[Assignment]) -> Bound<Frag> {
        let mut sets: Vec<(usize, Frag)> = Vec::new();
        let set = |sets: &mut Vec<(usize, Frag)>, at: usize, piece: Frag| {
            sets.retain(|(c, _)| *c != at);
            sets.push((at, piece));
        };
        for assignment in assignments {
            match (&assignment.target, &assignment.value) {
                (AssignmentTarget::ColumnName(name), value) => {
                    let (_, ident) = split_name(name)?;
                    let at = self.column(ident)?;
                    let value = self.binder.expr(value)?;
                    let piece = store(self.lower, self.table, &self.table.columns[at], &value)?;
                    set(&mut sets, at, piece);
                }
                (AssignmentTarget::Tuple(names), ast::Expr::Tuple(values)) if names.len() == values.len() => {
                    for (name, value) in names.iter().zip(values) {
                        let at = self.column(split_name(name)?.1)?;
                        let value = self.binder.expr(value)?;
                        let piece = store(self.lower, self.table, &self.table.columns[at], &value)?;
                        set(&mut sets, at, piece);
                    }
                }
                (target, _) => return Err(ClientError::refused(format!("SET {target} = …"))),
            }
        }
        let pieces: Vec<Frag> =
            sets.iter().map(|(at, piece)| fill(&format!("{} = {{}}", quote_ident(&self.table.columns[*at].name)), &[piece])).collect();
        Ok(Frag::join(&pieces, ", "))
    }
}
