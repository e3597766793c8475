//! UPDATE (lang_update.html) and DELETE (lang_delete.html).

use super::each::Change;
use super::insert::resolution;
use super::keys::{Key, keys};
use super::rows::Row;
use super::store::{store, stored};
use super::{Write, quote_ident};
use crate::catalog::{IndexPart, RelationKind};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{Binder, Bound, OUTSIDE, quote_relation, split_name};
use crate::translate::lower::{Frag, Lower, wrapped};
use crate::translate::parse::trigger::Event;
use crate::translate::parse::{self, Declared, Resolution};
use crate::translate::plan::Statement;
use crate::translate::tree::{Class, CompareOp, Expr, Kind, OrderItem, Ty};
use crate::value::Value;
use sqlparser::ast::{self, AssignmentTarget, FromTable, TableFactor, UpdateTableFromKind};

fn simple_table(table: &ast::TableWithJoins) -> Bound<(&ast::ObjectName, Option<&str>)> {
    match &table.relation {
        TableFactor::Table { name, alias, .. } if table.joins.is_empty() => Ok((name, alias.as_ref().map(|a| a.name.value.as_str()))),
        other => Err(ClientError::refused(format!("modifying {other}"))),
    }
}

/// What SET gives: a value for a column, or a query's columns for several.
pub(super) enum Set {
    One(usize, Frag),
    Many(Vec<usize>, Frag),
}

pub(super) fn update<'a>(update: &ast::Update, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Statement> {
    let or = resolution(update.or);
    let (name, alias) = simple_table(&update.table)?;
    let mut write = Write::new(name, alias, binder, lower)?;
    write.no_virtual_returning("UPDATE", update.returning.as_deref())?;
    write.indexed_by(&update.table.relation)?;
    let from = match &update.from {
        None => None,
        Some(UpdateTableFromKind::AfterSet(tables) | UpdateTableFromKind::BeforeSet(tables)) => write.binder.from(tables)?,
    };
    let sources = &write.binder.scopes[0].sources;
    if sources[1..].iter().any(|s| s.name.eq_ignore_ascii_case(&sources[0].name)) {
        let message = format!("target object/alias may not appear in FROM clause: {}", sources[0].name);
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, message));
    }
    let names = write.assigned_names(&update.assignments)?;
    write.writable(Event::Update, &names)?;
    let restriction = write.restriction(update.selection.as_ref(), &update.order_by, update.limit.as_ref())?;
    let fires = write.fires(Event::Update, &names);
    let interferes = write.table.kind == RelationKind::Table && write.interferes(Event::Update, &names);
    let several = interferes && !restriction.single;
    let by_triggers = several || or.is_none() && (interferes && write.may_halt() || write.changes_itself(Event::Update, &names));
    let mut events: Vec<(Event, &[&str])> = vec![(Event::Update, &names)];
    if or == Some(Resolution::Replace) {
        events.push((Event::Delete, &[]));
    }
    let policy = write.policy(or, &events);
    if by_triggers && from.is_none() {
        write.compute_beforehand();
    }
    let mut sets = write.assignments(&update.assignments)?;
    let from = from.map(|from| write.lower.from(&from)).transpose()?;
    write.binder.scopes[0].sources.truncate(1);
    let mut out = Statement { counts: true, guard: true, ..Statement::default() };
    let returning = update.returning.as_deref();

    let changed = columns_of(&sets);
    write.foreign_keys(Some(&changed), true)?;
    let declared = write.table.sql.as_deref().map_or_else(Declared::default, parse::declared);
    let met: Vec<(Key, Resolution)> = keys(write.table, &declared, write.lower)?
        .into_iter()
        .filter(|k| k.columns().iter().any(|c| changed.contains(c)))
        .map(|k| {
            let resolution = or.or(k.resolution).unwrap_or(Resolution::Abort);
            (k, resolution)
        })
        .collect();
    let of = |c: &usize| {
        let own = declared.not_null.iter().find(|(n, _)| n.eq_ignore_ascii_case(&write.table.columns[*c].name)).map(|(_, r)| *r);
        (*c, or.or(own).unwrap_or(Resolution::Abort))
    };
    let not_null: Vec<(usize, Resolution)> = changed.iter().filter(|c| write.table.columns[**c].not_null).map(of).collect();
    if or == Some(Resolution::Rollback) {
        out.rolls_back = vec!["*".to_owned()];
    } else if or.is_none() {
        out.rolls_back.extend(met.iter().filter(|(_, r)| *r == Resolution::Rollback).map(|(k, _)| k.name.clone()));
        let columns = not_null.iter().filter(|(_, r)| *r == Resolution::Rollback);
        out.rolls_back.extend(columns.map(|(c, _)| write.table.columns[*c].name.clone()));
    }
    let by_row = |r: &Resolution| matches!(r, Resolution::Ignore | Resolution::Replace | Resolution::Fail);
    // Uniqueness is looked at row by row, in the order of the rowid.
    let several = !met.is_empty() && !restriction.single;
    let resolves =
        policy.is_some() || or.as_ref().is_some_and(by_row) || met.iter().any(|(_, r)| by_row(r)) || not_null.iter().any(|(_, r)| by_row(r));
    let plan = Resolving { or, policy, not_null, met, fires };
    let text = if by_triggers {
        let (rows, found) = write.keyed(&restriction, from.as_ref(), &mut sets)?;
        let change = if resolves {
            let one = Restriction { filter: Some(found), order: Vec::new(), limit: None, limited: false, single: true };
            let (source, row, change) = write.updating(&sets, None, &one, plan)?;
            Change::Written(write.written(&source, &row, &change, true)?)
        } else {
            let mut text = wrapped(&format!("UPDATE {} SET ", write.target()), &write.set_list(&sets), " WHERE ");
            text.append(&found);
            Change::Native(text)
        };
        write.each(rows, change, &changed, returning, "UPDATE {}", &mut out)?
    } else if several || resolves {
        let (source, row, change) = write.updating(&sets, from.as_ref(), &restriction, plan)?;
        write.by_row(&source, &row, &change, true, returning, &mut out)?
    } else {
        let mut text = Frag::text(format!("UPDATE {} SET ", write.target()));
        text.append(&write.set_list(&sets));
        if let Some(from) = &from {
            text.push(" FROM ");
            text.append(from);
        }
        text.append(&write.restricted(&restriction)?);
        if write.table.kind != RelationKind::Table && write.may_halt() {
            text = write.watched(text, returning, &mut out)?;
        } else {
            write.returning(returning, Vec::new(), &mut out, &mut text)?;
        }
        text
    };
    out.template = text.into_template();
    if write.table.kind != RelationKind::Table {
        out.tag = Some("UPDATE 0");
    }
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
    write.no_virtual_returning("DELETE", delete.returning.as_deref())?;
    write.indexed_by(&table.relation)?;
    write.foreign_keys(None, true)?;
    let mut text = Frag::text(format!("DELETE FROM {}", write.target()));
    write.writable(Event::Delete, &[])?;
    let restriction = write.restriction(delete.selection.as_ref(), &delete.order_by, delete.limit.as_ref())?;
    let is_view = write.table.kind != RelationKind::Table;
    let mut out = Statement { counts: true, guard: true, ..Statement::default() };
    let by_triggers = write.interferes(Event::Delete, &[]) && (!restriction.single || write.may_halt());
    if !is_view && (by_triggers || write.changes_itself(Event::Delete, &[])) {
        let (rows, found) = write.keyed(&restriction, None, &mut Vec::new())?;
        text.push(" WHERE ");
        text.append(&found);
        text = write.each(rows, Change::Native(text), &[], delete.returning.as_deref(), "DELETE {}", &mut out)?;
    } else {
        text.append(&write.restricted(&restriction)?);
        if is_view && write.may_halt() {
            text = write.watched(text, delete.returning.as_deref(), &mut out)?;
        } else {
            write.returning(delete.returning.as_deref(), Vec::new(), &mut out, &mut text)?;
        }
    }
    out.template = text.into_template();
    if is_view {
        out.tag = Some("DELETE 0");
    }
    Ok(out)
}

/// What an UPDATE does with a row that breaks a constraint.
struct Resolving {
    or: Option<Resolution>,
    policy: Option<Resolution>,
    not_null: Vec<(usize, Resolution)>,
    met: Vec<(Key, Resolution)>,
    fires: bool,
}

/// Which rows a statement is about.
pub(super) struct Restriction {
    filter: Option<Frag>,
    order: Vec<OrderItem>,
    /// None: no LIMIT, or a negative one.
    limit: Option<Frag>,
    limited: bool,
    /// Does the filter leave no more than one row?
    single: bool,
}

pub(super) fn columns_of(sets: &[Set]) -> Vec<usize> {
    sets.iter()
        .flat_map(|set| match set {
            Set::One(column, _) => vec![*column],
            Set::Many(columns, _) => columns.clone(),
        })
        .collect()
}

/// What SET gives a column.
pub(super) fn value_of(sets: &[Set], at: usize) -> Option<Frag> {
    sets.iter().find_map(|set| match set {
        Set::One(column, piece) => (*column == at).then(|| piece.clone()),
        Set::Many(columns, query) => {
            let i = columns.iter().position(|c| *c == at)?;
            let names: Vec<String> = (1..=columns.len()).map(|n| format!("\"c{n}\"")).collect();
            Some(wrapped(&format!("(SELECT \"_s\".{} FROM (", names[i]), query, &format!(") AS \"_s\"({}))", names.join(", "))))
        }
    })
}

impl<'a> Write<'a, '_> {
    fn restriction(&mut self, filter: Option<&ast::Expr>, order: &[ast::OrderByExpr], limit: Option<&ast::Expr>) -> Bound<Restriction> {
        let mut single = false;
        let filter = match filter {
            None => None,
            Some(filter) => {
                let filter = self.binder.expr(filter)?;
                self.virtual_filter(&filter)?;
                let filter = self.binder.bounded(filter);
                single = self.is_single(&filter);
                Some(self.lower.truth(&filter, true)?)
            }
        };
        let order = order.iter().map(|o| self.binder.order_item(o)).collect::<Bound<Vec<_>>>()?;
        let bound = limit.map(|limit| self.binder.expr(limit)).transpose()?;
        let limit = match &bound {
            Some(limit) if !matches!(limit.constant(), Some(Value::Integer(n)) if *n < 0) => Some(self.lower.integer(limit)?),
            _ => None,
        };
        Ok(Restriction { filter, order, limit, limited: bound.is_some(), single })
    }

    /// Does a filter fix every column of a unique key?
    fn is_single(&self, filter: &Expr) -> bool {
        let terms: Vec<&Expr> = match &filter.kind {
            Kind::Logic(true, all) => all.iter().collect(),
            _ => vec![filter],
        };
        let column = |e: &Expr| match &e.kind {
            Kind::Column(c) if c.source == 0 && c.depth == 0 => self.table.columns.iter().position(|own| quote_ident(&own.name) == c.column),
            _ => None,
        };
        // NEW and OLD are the same for every row of a statement within a trigger.
        let varies = |e: &Expr| match &e.kind {
            Kind::Column(c) => c.depth != OUTSIDE,
            Kind::Subquery(_) | Kind::Exists(_) | Kind::InQuery(..) => true,
            _ => false,
        };
        let fixed = |e: &Expr| !e.any(&mut |e| varies(e));
        let columns: Vec<usize> = terms
            .iter()
            .filter_map(|t| match &t.kind {
                Kind::Compare(CompareOp::Eq, a, b) if fixed(b) => column(a),
                Kind::Compare(CompareOp::Eq, a, b) if fixed(a) => column(b),
                _ => None,
            })
            .collect();
        let covered = |part: &IndexPart| matches!(part, IndexPart::Column(c) if columns.contains(c));
        self.table.indexes.iter().any(|i| i.unique && i.predicate.is_none() && !i.parts.is_empty() && i.parts.iter().all(covered))
    }

    /// WHERE; with ORDER BY and LIMIT the rows are chosen first.
    fn restricted(&mut self, restriction: &Restriction) -> Bound<Frag> {
        if !restriction.limited {
            return Ok(restriction.filter.as_ref().map_or_else(Frag::default, |filter| wrapped(" WHERE ", filter, "")));
        }
        let chosen = self.chosen(&Frag::text(format!("{}.ctid", self.alias())), None, restriction, false)?;
        Ok(wrapped(&format!(" WHERE {}.ctid = ANY (ARRAY(", self.alias()), &chosen, "))"))
    }

    /// A query of something of each row that the statement is about, the rows locked.
    pub(super) fn chosen(&mut self, what: &Frag, from: Option<&Frag>, restriction: &Restriction, in_order: bool) -> Bound<Frag> {
        let mut out = wrapped("SELECT ", what, &format!(" FROM {} AS {}", quote_relation(self.table), self.alias()));
        if let Some(from) = from {
            out.push(", ");
            out.append(from);
        }
        if let Some(filter) = &restriction.filter {
            out.push(" WHERE ");
            out.append(filter);
        }
        if !restriction.order.is_empty() {
            out.push(" ORDER BY ");
            out.append(&self.lower.order_by(&restriction.order, false)?);
        } else if let (true, Some((_, rowid))) = (in_order, self.table.rowid()) {
            out.push(&format!(" ORDER BY {}.{}", self.alias(), quote_ident(&rowid.name)));
        }
        if let Some(limit) = &restriction.limit {
            out.push(" LIMIT ");
            out.append(limit);
        }
        out.push(&format!(" FOR UPDATE OF {}", self.alias()));
        Ok(out)
    }

    /// What the helper is given to update rows one after the other: the rows, what is done with each, and the UPDATE.
    fn updating(&mut self, sets: &[Set], from: Option<&Frag>, restriction: &Restriction, plan: Resolving) -> Bound<(Frag, Row, Frag)> {
        let mut row = Row { policy: plan.policy, ..Row::default() };
        self.resolve(&mut row, &plan.not_null, &plan.met, plan.or == Some(Resolution::Ignore));
        if plan.or == Some(Resolution::Fail) {
            row.keeps = vec!["*".to_owned()];
        }
        if plan.fires {
            self.one_by_one_with_triggers(&mut row, Event::Update)?;
        }
        let replaced: Vec<usize> = plan.not_null.iter().filter(|(_, r)| *r == Resolution::Replace).map(|(c, _)| *c).collect();
        let source = self.changed_rows(sets, from, restriction, &replaced)?;
        let set: Vec<String> =
            columns_of(sets).iter().map(|c| quote_ident(&self.table.columns[*c].name)).map(|n| format!("{n} = ($1).{n}")).collect();
        let change = format!("UPDATE {} SET {} WHERE {}.ctid = $2{}", self.target(), set.join(", "), self.alias(), self.returned("false"));
        Ok((source, row, Frag::text(change)))
    }

    /// A query of one row: `rows` as they shall be, and the `places` where they are.
    fn changed_rows(&mut self, sets: &[Set], from: Option<&Frag>, restriction: &Restriction, replaced: &[usize]) -> Bound<Frag> {
        let alias = self.alias();
        let row = self.row(|at, column| {
            if column.generated {
                return None;
            }
            let Some(value) = value_of(sets, at) else { return Some(Frag::text(format!("{alias}.{}", quote_ident(&column.name)))) };
            match &column.default {
                Some(default) if replaced.contains(&at) => Some(wrapped("coalesce(", &value, &format!(", {default})"))),
                _ => Some(value),
            }
        });
        let mut what = row;
        what.push(&format!(" AS \"_n\", {alias}.ctid AS \"_c\""));
        let chosen = self.chosen(&what, from, restriction, true)?;
        Ok(wrapped("SELECT array_agg(\"_n\") AS rows, array_agg(\"_c\") AS places FROM (", &chosen, ") AS \"_s\""))
    }

    /// The names of the columns that SET names.
    pub(super) fn assigned_names(&self, assignments: &[ast::Assignment]) -> Bound<Vec<&'a str>> {
        let mut names = Vec::new();
        for assignment in assignments {
            let targets = match &assignment.target {
                AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
                AssignmentTarget::Tuple(targets) => targets,
            };
            for target in targets {
                names.push(self.table.columns[self.assigned(target)?].name.as_str());
            }
        }
        Ok(names)
    }

    /// SET: the last assignment to a column counts.
    pub(super) fn assignments(&mut self, assignments: &[ast::Assignment]) -> Bound<Vec<Set>> {
        let mut sets: Vec<Set> = Vec::new();
        for assignment in assignments {
            match (&assignment.target, &assignment.value) {
                (AssignmentTarget::ColumnName(name), value) => {
                    let at = self.assigned(name)?;
                    let value = self.binder.expr(value)?;
                    self.assign(&mut sets, at, &value)?;
                }
                (AssignmentTarget::Tuple(names), value) => {
                    let columns = names.iter().map(|n| self.assigned(n)).collect::<Bound<Vec<_>>>()?;
                    let width = |found: usize| {
                        if found == columns.len() {
                            return Ok(());
                        }
                        let message = format!("{} columns assigned {found} values", columns.len());
                        Err(ClientError::new(SqlState::SYNTAX_ERROR, message))
                    };
                    match value {
                        ast::Expr::Tuple(values) => {
                            width(values.len())?;
                            for (at, value) in columns.iter().zip(values) {
                                let value = self.binder.expr(value)?;
                                self.assign(&mut sets, *at, &value)?;
                            }
                        }
                        ast::Expr::Subquery(query) => {
                            let query = self.binder.inner_query(query)?;
                            width(query.columns.len())?;
                            if self.lower.beforehand.is_some() && !query.correlated {
                                return Err(ClientError::refused("a query for several columns of the rows of a table with triggers"));
                            }
                            let classes: Vec<Class> = query.columns.iter().map(|c| c.ty.class.or_text()).collect();
                            let inner = self.lower.query_as(&query, &classes)?;
                            let mut cells = Vec::new();
                            for (i, at) in columns.iter().enumerate() {
                                let column = &self.table.columns[*at];
                                let piece = Frag::text(format!("\"_v\".\"c{}\"", i + 1));
                                let from = if query.columns[i].ty.class == Class::Null { Class::Null } else { classes[i] };
                                cells.push(stored(self.lower, self.table, column, Ty::of_column(column).class, &piece, from)?);
                            }
                            let names: Vec<String> = (1..=columns.len()).map(|n| format!("\"c{n}\"")).collect();
                            let mut whole = wrapped("SELECT ", &Frag::join(&cells, ", "), " FROM (");
                            whole.append(&inner);
                            whole.push(&format!(") AS \"_v\"({}) LIMIT 1", names.join(", ")));
                            self.forget(&mut sets, &columns)?;
                            sets.push(Set::Many(columns, whole));
                        }
                        value => {
                            width(1)?;
                            let value = self.binder.expr(value)?;
                            self.assign(&mut sets, columns[0], &value)?;
                        }
                    }
                }
            }
        }
        Ok(sets)
    }

    fn assigned(&self, name: &ast::ObjectName) -> Bound<usize> {
        let (_, ident) = split_name(name)?;
        self.column(ident).map_err(|error| {
            let message = format!("no such column: {}", ident.value);
            ClientError { message, ..error }
        })
    }

    fn assign(&mut self, sets: &mut Vec<Set>, at: usize, value: &crate::translate::tree::Expr) -> Bound<()> {
        let piece = store(self.lower, self.table, &self.table.columns[at], value)?;
        self.forget(sets, &[at])?;
        sets.push(Set::One(at, piece));
        Ok(())
    }

    /// Takes back earlier assignments to columns.
    fn forget(&self, sets: &mut Vec<Set>, columns: &[usize]) -> Bound<()> {
        let overlaps = |set: &Set| matches!(set, Set::Many(earlier, _) if earlier.iter().any(|c| columns.contains(c)));
        if sets.iter().any(overlaps) {
            return Err(ClientError::refused("a column that a query sets together with others and SET names again"));
        }
        sets.retain(|set| !matches!(set, Set::One(c, _) if columns.contains(c)));
        Ok(())
    }

    /// SET's list.
    pub(super) fn set_list(&self, sets: &[Set]) -> Frag {
        let name = |c: &usize| quote_ident(&self.table.columns[*c].name);
        let piece = |set: &Set| match set {
            Set::One(column, piece) => wrapped(&format!("{} = ", name(column)), piece, ""),
            Set::Many(columns, query) => {
                let names: Vec<String> = columns.iter().map(name).collect();
                wrapped(&format!("({}) = (", names.join(", ")), query, ")")
            }
        };
        Frag::join(&sets.iter().map(piece).collect::<Vec<_>>(), ", ")
    }
}
