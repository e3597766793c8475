//! INSERT (lang_insert.html), REPLACE, and ON CONFLICT (lang_upsert.html).

use super::keys::{Key, Part, keys, targeted};
use super::rows::Row;
use super::store::{store, stored};
use super::{Write, quote_ident};
use crate::catalog::{Column, RelationKind, is_named};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{Binder, Bound, Source, split_name};
use crate::translate::lower::{Frag, Lower, fill, literal_text, wrapped};
use crate::translate::parse::trigger::Event;
use crate::translate::parse::{self, Declared, Resolution, Upsert, scan};
use crate::translate::plan::{Hidden, Statement};
use crate::translate::tree::{Class, Expr, Query, Ty};
use crate::value::Value;
use sqlparser::ast::{self, SetExpr, SqliteOnConflict, TableObject};

/// The rows to insert.
enum Rows {
    Default,
    Values(Vec<Vec<Expr>>),
    Query(Box<Query>),
}

impl Rows {
    /// Without the values that no column gets.
    fn keeping(self, kept: &[bool]) -> Self {
        if kept.iter().all(|k| *k) {
            return self;
        }
        match self {
            Rows::Values(rows) => {
                let keep = |row: Vec<Expr>| row.into_iter().zip(kept).filter(|(_, k)| **k).map(|(e, _)| e).collect();
                Rows::Values(rows.into_iter().map(keep).collect())
            }
            other => other,
        }
    }
}

/// A column that is named twice gets the first value; the rowid the last. With them, which values are kept.
fn once_each(columns: Vec<usize>, rowid: Option<usize>) -> (Vec<usize>, Vec<bool>) {
    let counts = |at: usize, column: usize| {
        let again = if rowid == Some(column) { &columns[at + 1..] } else { &columns[..at] };
        !again.contains(&column)
    };
    let kept: Vec<bool> = columns.iter().enumerate().map(|(at, c)| counts(at, *c)).collect();
    (columns.iter().zip(&kept).filter(|(_, k)| **k).map(|(c, _)| *c).collect(), kept)
}

/// SQLite's word on conflicts for an INSERT or UPDATE.
pub(super) fn resolution(or: Option<SqliteOnConflict>) -> Option<Resolution> {
    or.map(|or| match or {
        SqliteOnConflict::Rollback => Resolution::Rollback,
        SqliteOnConflict::Abort => Resolution::Abort,
        SqliteOnConflict::Fail => Resolution::Fail,
        SqliteOnConflict::Ignore => Resolution::Ignore,
        SqliteOnConflict::Replace => Resolution::Replace,
    })
}

pub(super) fn insert<'a>(insert: &ast::Insert, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Statement> {
    let TableObject::TableName(name) = &insert.table else {
        return Err(ClientError::refused(format!("INSERT INTO {}", insert.table)));
    };
    let or = if insert.replace_into { Some(Resolution::Replace) } else { resolution(insert.or) };
    let alias = insert.table_alias.as_ref().map(|a| a.alias.value.as_str());
    let (_, ident) = split_name(name)?;
    let listed: Vec<ast::Ident> = insert.columns.iter().map(|c| split_name(c).map(|(_, i)| i.clone())).collect::<Bound<_>>()?;
    let upserts = parse::upserts(binder.sql)?;
    let mut write = Write::new(name, alias, binder, lower)?;
    write.writable(Event::Insert, &[])?;
    let columns: Vec<usize> = if insert.source.is_none() {
        Vec::new()
    } else if listed.is_empty() {
        (0..write.table.columns.len())
            .filter(|i| !write.table.columns[*i].hidden && !write.table.columns[*i].argument && !write.table.columns[*i].generated)
            .collect()
    } else {
        listed.iter().map(|c| write.column(c)).collect::<Bound<_>>()?
    };
    let (columns, kept) = once_each(columns, write.table.rowid().map(|(r, _)| r));
    if let Some(generated) = columns.iter().map(|c| &write.table.columns[*c]).find(|c| c.generated) {
        let message = format!("cannot INSERT into generated column \"{}\"", generated.name);
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(write.binder.at(ident.span)));
    }
    let rows = write.rows(insert.source.as_deref(), kept.len(), !listed.is_empty(), ident.span)?.keeping(&kept);
    // One new row breaks no key that refers to it.
    let alone = matches!(&rows, Rows::Default) || matches!(&rows, Rows::Values(rows) if rows.len() == 1);
    write.foreign_keys(None, !alone || or == Some(Resolution::Replace) || !upserts.is_empty() || write.fires(Event::Insert, &[]))?;
    let declared = write.table.sql.as_deref().map_or_else(Declared::default, parse::declared);
    if write.table.module.is_some() && !upserts.is_empty() {
        let message = format!("UPSERT not implemented for virtual table \"{}\"", write.table.name);
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(write.binder.at(ident.span)));
    }
    let keys = keys(write.table, &declared, write.lower)?;
    let returning = insert.returning.as_deref();
    write.no_unknown_rowid(returning, write.table.rowid().is_some_and(|(r, _)| columns.contains(&r)))?;
    Insert { write, columns, kept, or, declared, keys, returning, policy: None }.finish(rows, &upserts)
}

impl Write<'_, '_> {
    /// The source of the rows. It sees nothing of the table itself.
    fn rows(&mut self, source: Option<&ast::Query>, width: usize, listed: bool, span: sqlparser::tokenizer::Span) -> Bound<Rows> {
        let Some(source) = source else { return Ok(Rows::Default) };
        let target = self.binder.scopes.pop();
        let bound = match &*source.body {
            SetExpr::Values(values) if source.with.is_none() && source.order_by.is_none() && source.limit_clause.is_none() => {
                let rows = values.rows.iter().map(|r| r.content.iter().map(|e| self.binder.expr(e)).collect()).collect::<Bound<Vec<Vec<Expr>>>>();
                rows.map(Rows::Values)
            }
            _ => self.binder.query(source).map(|q| Rows::Query(Box::new(q))),
        };
        self.binder.scopes.extend(target);
        let bound = bound?;
        let found = match &bound {
            Rows::Values(rows) => {
                let first = rows.first().map_or(0, Vec::len);
                if rows.iter().any(|r| r.len() != first) {
                    let message = "all VALUES must have the same number of terms";
                    return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.binder.at(span)));
                }
                first
            }
            Rows::Query(query) => query.columns.len(),
            Rows::Default => width,
        };
        if found != width {
            let message = if listed {
                format!("{found} values for {width} columns")
            } else {
                format!("table {} has {width} columns but {found} values were supplied", self.table.name)
            };
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.binder.at(span)));
        }
        Ok(bound)
    }
}

struct Insert<'a, 'b, 's> {
    write: Write<'a, 'b>,
    /// The columns that get a value, in the order of the values.
    columns: Vec<usize>,
    /// Which of a row's values a column gets.
    kept: Vec<bool>,
    or: Option<Resolution>,
    declared: Declared,
    keys: Vec<Key>,
    returning: Option<&'s [ast::SelectItem]>,
    /// What the triggers must hear of `or`.
    policy: Option<Resolution>,
}

impl Insert<'_, '_, '_> {
    fn finish(mut self, rows: Rows, upserts: &[Upsert]) -> Bound<Statement> {
        let mut out = Statement { counts: true, guard: true, ..Statement::default() };
        let many = match &rows {
            Rows::Default => false,
            Rows::Values(rows) => rows.len() > 1,
            Rows::Query(query) => query.many,
        };
        let met: Vec<(Key, Resolution)> =
            self.keys.iter().filter(|k| self.can_meet(k)).map(|k| (k.clone(), self.or.or(k.resolution).unwrap_or(Resolution::Abort))).collect();
        let not_null: Vec<(usize, Resolution)> = self.not_null();
        out.rolls_back = self.rolls_back(&met, &not_null);
        let mixed = self.or.is_none() && (met.iter().any(|(_, r)| *r != Resolution::Abort) || not_null.iter().any(|(_, r)| *r != Resolution::Abort));
        let plain = self.or.unwrap_or(Resolution::Abort);
        let is_view = self.write.table.kind != RelationKind::Table;
        if is_view && !upserts.is_empty() {
            return Err(ClientError::new(SqlState::WRONG_OBJECT, "cannot UPSERT a view"));
        }
        let updated = upserts.iter().filter_map(|u| u.update.as_ref()).map(|(set, _)| self.write.assigned_names(set)).collect::<Bound<Vec<_>>>()?;
        let mut events: Vec<(Event, &[&str])> = updated.iter().map(|set| (Event::Update, set.as_slice())).collect();
        events.push((Event::Insert, &[]));
        if self.or == Some(Resolution::Replace) {
            events.push((Event::Delete, &[]));
        }
        self.policy = self.write.policy(self.or, &events);
        let text = if is_view && self.policy.is_none() && !self.write.may_halt() {
            self.native(rows, None, false, &mut out)?
        } else if is_view || self.policy.is_some() || self.fires(upserts) && (many || self.write.may_halt()) {
            self.one_by_one(rows, upserts, &met, &not_null, &mut out)?
        } else if !upserts.is_empty() {
            let native = !mixed && matches!(plain, Resolution::Abort | Resolution::Rollback);
            match upserts {
                [only] if native && (only.update.is_none() || !many) => match self.clause(only)? {
                    Some(clause) => self.native(rows, Some(clause), only.update.is_some(), &mut out)?,
                    None => self.one_by_one(rows, upserts, &met, &not_null, &mut out)?,
                },
                _ => self.one_by_one(rows, upserts, &met, &not_null, &mut out)?,
            }
        } else if mixed {
            self.one_by_one(rows, upserts, &met, &not_null, &mut out)?
        } else {
            match plain {
                Resolution::Ignore if self.ignores_natively() => self.native(rows, Some(Frag::text(" ON CONFLICT DO NOTHING")), false, &mut out)?,
                Resolution::Ignore => self.one_by_one(rows, upserts, &met, &not_null, &mut out)?,
                // Within a trigger the helper says what failed, for an error would take back what is to stay.
                Resolution::Fail if many || self.write.binder.rows.is_some() => self.one_by_one(rows, upserts, &met, &not_null, &mut out)?,
                Resolution::Replace if met.is_empty() => self.native(rows, None, false, &mut out)?,
                Resolution::Replace => match met.as_slice() {
                    [(key, _)] if !many && self.replaces_in_place(key) => {
                        let clause = self.replacing(key);
                        self.native(rows, Some(clause), false, &mut out)?
                    }
                    _ => self.one_by_one(rows, upserts, &met, &not_null, &mut out)?,
                },
                _ => self.native(rows, None, false, &mut out)?,
            }
        };
        let commands = self.write.table.full_text().is_some() && !many && self.columns.iter().any(|c| self.write.table.columns[*c].argument);
        if commands {
            // A command inserts no row, and counts as one.
            out.tag = Some("INSERT 0 1");
        }
        out.template = if commands && self.returning.is_none() && self.write.lower.program.is_none() && out.hidden.first() == Some(&Hidden::Rowid) {
            // Its rowid is 0.
            out.hidden.truncate(1);
            wrapped("WITH _command (id) AS (", &text, ") SELECT coalesce((SELECT id FROM _command), 0)").into_template()
        } else {
            text.into_template()
        };
        if is_view {
            out.tag = Some("INSERT 0 0");
        }
        Ok(out)
    }

    /// The rowid column of a full-text table and its value, where a row may be a command: that uses up no rowid.
    fn command_rowid(&self, cells: &[Frag]) -> Option<(String, Frag)> {
        let table = self.write.table;
        let (rowid, column) = table.full_text().and_then(|_| table.rowid()).filter(|(r, _)| !self.columns.contains(r))?;
        let at = self.columns.iter().position(|c| table.columns[*c].argument && table.columns[*c].name == table.name)?;
        let sequence = literal_text(table.columns[rowid].sequence.as_deref()?);
        Some((quote_ident(&column.name), fill(&format!("CASE WHEN ({{}}) IS NULL THEN nextval({sequence}) ELSE 0 END"), &[cells.get(at)?])))
    }

    /// Does the INSERT, or the UPDATE of an upsert, fire a trigger?
    fn fires(&self, upserts: &[Upsert]) -> bool {
        let updates = upserts.iter().filter_map(|u| u.update.as_ref()).any(|(set, _)| {
            let set = self.write.assigned_names(set).unwrap_or_default();
            self.write.fires(Event::Update, &set)
        });
        updates || self.write.fires(Event::Insert, &[])
    }

    /// May the row that a REPLACE meets become the new one? Not where somebody would see that it was not deleted.
    fn replaces_in_place(&self, key: &Key) -> bool {
        key.is_plain() && !self.write.is_referred_to() && self.write.table.triggers.is_empty()
    }

    /// Can a new row have a key that another has? Not where a column of it is left to be NULL, or to be numbered.
    fn can_meet(&self, key: &Key) -> bool {
        let column = |c: &usize| {
            let column = &self.write.table.columns[*c];
            self.columns.contains(c) || column.default.is_some() && column.sequence.is_none() || column.generated
        };
        key.parts.iter().all(|part| match part {
            Part::Column(c) => column(c),
            Part::Expression(_, columns) => columns.is_empty() || columns.iter().any(column),
        })
    }

    /// What a NULL does in each column that takes none.
    fn not_null(&self) -> Vec<(usize, Resolution)> {
        let table = self.write.table;
        let rowid = table.rowid().map(|(r, _)| r);
        let of = |at: usize| {
            let name = &table.columns[at].name;
            let own = self.declared.not_null.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, r)| *r);
            (at, self.or.or(own).unwrap_or(Resolution::Abort))
        };
        (0..table.columns.len()).filter(|c| table.columns[*c].not_null && rowid != Some(*c)).map(of).collect()
    }

    fn rolls_back(&self, met: &[(Key, Resolution)], not_null: &[(usize, Resolution)]) -> Vec<String> {
        if let Some(or) = self.or {
            return if or == Resolution::Rollback { vec!["*".to_owned()] } else { Vec::new() };
        }
        let keys = met.iter().filter(|(_, r)| *r == Resolution::Rollback).map(|(k, _)| k.name.clone());
        let columns = not_null.iter().filter(|(_, r)| *r == Resolution::Rollback).map(|(c, _)| self.write.table.columns[*c].name.clone());
        keys.chain(columns).collect()
    }

    /// A value for a column. Where NOT NULL says REPLACE, a NULL gives way to the default.
    fn cell(&mut self, e: &Expr, at: usize) -> Bound<Frag> {
        let column = &self.write.table.columns[at];
        let piece = store(self.write.lower, self.write.table, column, e)?;
        if !e.ty.nullable {
            return Ok(piece);
        }
        Ok(self.or_default(at, piece, e.constant() == Some(&Value::Null)))
    }

    fn or_default(&self, at: usize, piece: Frag, absent: bool) -> Frag {
        let column = &self.write.table.columns[at];
        let replaces = self.not_null().iter().any(|(c, r)| *c == at && *r == Resolution::Replace);
        match &column.default {
            Some(default) if replaces && absent => Frag::text(format!("({default})")),
            Some(default) if replaces => wrapped("coalesce(", &piece, &format!(", {default})")),
            _ => piece,
        }
    }

    /// The cells of a query's rows, and the query under the alias `_v`.
    fn query_cells(&mut self, query: &Query) -> Bound<(Vec<Frag>, Frag)> {
        let classes: Vec<Class> = query.columns.iter().map(|c| c.ty.class.or_text()).collect();
        let inner = self.write.lower.query_as(query, &classes)?;
        let mut cells = Vec::new();
        for ((i, class), at) in classes.iter().enumerate().filter(|(i, _)| self.kept[*i]).zip(self.columns.clone()) {
            let column = &self.write.table.columns[at];
            let piece = Frag::text(format!("\"_v\".\"c{}\"", i + 1));
            let from = if query.columns[i].ty.class == Class::Null { Class::Null } else { *class };
            let cell = stored(self.write.lower, self.write.table, column, Ty::of_column(column).class, &piece, from)?;
            cells.push(if query.columns[i].ty.nullable { self.or_default(at, cell, from == Class::Null) } else { cell });
        }
        let names: Vec<String> = (1..=classes.len()).map(|i| format!("\"c{i}\"")).collect();
        Ok((cells, wrapped("(", &inner, &format!(") AS \"_v\"({})", names.join(", ")))))
    }

    /// One INSERT of PostgreSQL's.
    fn native(&mut self, rows: Rows, clause: Option<Frag>, upserts: bool, out: &mut Statement) -> Bound<Frag> {
        let table = self.write.table;
        let mut names: Vec<String> = self.columns.iter().map(|c| quote_ident(&table.columns[*c].name)).collect();
        let ignores = self.or == Some(Resolution::Ignore);
        let rowid = table.rowid().map(|(r, _)| r);
        let late = self.write.numbers_late();
        let sequence = |at: usize| table.columns[at].sequence.as_deref().filter(|_| rowid == Some(at) && !late);
        // Told to be NULL, it is numbered when the triggers have run.
        let unnumbered = rowid.filter(|r| late && !self.columns.contains(r)).map(|r| quote_ident(&table.columns[r].name));
        let mut command = None;
        let mut text = Frag::text(format!("INSERT INTO {}", self.write.target()));
        let source = match rows {
            Rows::Default if unnumbered.is_some() => Frag::text("VALUES (NULL)"),
            Rows::Default => Frag::text("DEFAULT VALUES"),
            Rows::Values(values) => {
                let mut lines = Vec::new();
                for row in &values {
                    let mut cells = Vec::new();
                    for (e, at) in row.iter().zip(self.columns.clone()) {
                        let cell = self.cell(e, at)?;
                        cells.push(match sequence(at) {
                            // DEFAULT stands only where the INSERT's own VALUES do.
                            Some(_) if e.constant() == Some(&Value::Null) && !ignores => Frag::text("DEFAULT"),
                            Some(sequence) if e.ty.nullable => numbered(&cell, sequence),
                            _ => cell,
                        });
                    }
                    cells.extend(unnumbered.as_ref().map(|_| Frag::text("NULL")));
                    if let (1, Some((name, cell))) = (values.len(), self.command_rowid(&cells)) {
                        command = Some(name);
                        cells.push(cell);
                    }
                    lines.push(fill("({})", &[&Frag::join(&cells, ", ")]));
                }
                wrapped("VALUES ", &Frag::join(&lines, ", "), "")
            }
            Rows::Query(query) => {
                let (mut cells, from) = self.query_cells(&query)?;
                for (cell, at) in cells.iter_mut().zip(&self.columns) {
                    if let Some(sequence) = sequence(*at) {
                        *cell = numbered(cell, sequence);
                    }
                }
                cells.extend(unnumbered.as_ref().map(|_| Frag::text("NULL")));
                let mut out = wrapped("SELECT ", &Frag::join(&cells, ", "), " FROM ");
                out.append(&from);
                out
            }
        };
        names.extend(unnumbered.or(command));
        if names.is_empty() {
            text.push(" ");
            text.append(&source);
        } else {
            text.push(&format!(" ({})", names.join(", ")));
            if self.columns.iter().any(|c| table.columns[*c].identity_always) {
                text.push(" OVERRIDING SYSTEM VALUE");
            }
            text.push(" ");
            text.append(&if ignores { self.ignorable(&names, &source)? } else { source });
        }
        text.append(&clause.unwrap_or_default());
        let hidden = self.hidden(upserts);
        self.write.returning(self.returning, hidden, out, &mut text)?;
        Ok(text)
    }

    /// Are all CHECKs and NOT NULLs about given columns, so that OR IGNORE sees them before the INSERT does?
    fn ignores_natively(&self) -> bool {
        let named = |check: &str, c: &Column| scan::tokens(check).iter().any(|t| is_named(&c.name, &scan::unquote(t.text(check))));
        let given = |check: &str| self.write.table.columns.iter().enumerate().all(|(i, c)| self.columns.contains(&i) || !named(check, c));
        let filled = |(at, _): &(usize, Resolution)| {
            self.columns.contains(at) || {
                let column = &self.write.table.columns[*at];
                !column.generated && (column.default.is_some() || column.sequence.is_some())
            }
        };
        let (checks, not_null) = (&self.write.table.checks, self.not_null());
        if (!checks.is_empty() || !not_null.is_empty()) && self.write.fires_before(Event::Insert) {
            return false;
        }
        checks.iter().all(|(_, c)| given(c)) && not_null.iter().all(filled)
    }

    /// OR IGNORE leaves out rows that break NOT NULL or CHECK, too (lang_conflict.html).
    fn ignorable(&self, names: &[String], source: &Frag) -> Bound<Frag> {
        let not_null = self.not_null();
        let given = not_null.iter().filter(|(c, _)| self.columns.contains(c));
        let mut tests: Vec<String> = given.map(|(c, _)| format!("NOT ({} IS NULL)", quote_ident(&self.write.table.columns[*c].name))).collect();
        tests.extend(self.write.table.checks.iter().map(|(_, c)| format!("({c}) IS NOT FALSE")));
        if tests.is_empty() {
            return Ok(source.clone());
        }
        // A list of nothing but NULLs has no types of its own. No length is given, for a cast would cut silently what the column refuses.
        let typed = self.columns.iter().map(|c| {
            let column = &self.write.table.columns[*c];
            let name = quote_ident(&column.name);
            let ty = if column.type_name.starts_with("character") { "text" } else { &column.type_name };
            format!("{name}::{ty} AS {name}")
        });
        let head = format!("SELECT * FROM (SELECT {} FROM (", typed.collect::<Vec<_>>().join(", "));
        Ok(wrapped(&head, source, &format!(") AS \"_r\"({})) AS \"_v\" WHERE {}", names.join(", "), tests.join(" AND "))))
    }

    /// REPLACE over one key: the row in the way gets every column anew.
    fn replacing(&self, key: &Key) -> Frag {
        let table = self.write.table;
        let in_key = key.columns();
        let set = |c: usize| {
            let name = quote_ident(&table.columns[c].name);
            if self.columns.contains(&c) { format!("{name} = excluded.{name}") } else { format!("{name} = DEFAULT") }
        };
        let sets: Vec<String> = (0..table.columns.len()).filter(|c| !in_key.contains(c) && !table.columns[*c].generated).map(set).collect();
        let action = if sets.is_empty() { "DO NOTHING".to_owned() } else { format!("DO UPDATE SET {}", sets.join(", ")) };
        Frag::text(format!(" ON CONFLICT {} {action}", key.target(table)))
    }

    /// The keys that an ON CONFLICT clause is for.
    fn meant(&mut self, upsert: &Upsert) -> Bound<Vec<usize>> {
        match &upsert.target {
            None => Ok((0..self.keys.len()).collect()),
            Some(target) => Ok(vec![targeted(self.write.table, &self.keys, target, upsert.at, self.write.binder, self.write.lower)?]),
        }
    }

    /// PostgreSQL's clause for one of SQLite's; None where it has none.
    fn clause(&mut self, upsert: &Upsert) -> Bound<Option<Frag>> {
        let meant = self.meant(upsert)?;
        let Some(update) = &upsert.update else {
            let target = upsert.target.as_ref().and(meant.first()).map_or(String::new(), |k| format!(" {}", self.keys[*k].target(self.write.table)));
            return Ok(Some(Frag::text(format!(" ON CONFLICT{target} DO NOTHING"))));
        };
        let meant: Vec<usize> = meant.into_iter().filter(|k| upsert.target.is_some() || self.can_meet(&self.keys[*k])).collect();
        match meant.as_slice() {
            [] => Ok(Some(Frag::default())),
            [key] => Ok(Some(self.update_clause(*key, update)?)),
            _ => Ok(None),
        }
    }

    fn update_clause(&mut self, key: usize, update: &(Vec<ast::Assignment>, Option<ast::Expr>)) -> Bound<Frag> {
        let mut out = Frag::text(format!(" ON CONFLICT {} DO UPDATE SET ", self.keys[key].target(self.write.table)));
        let mut excluded = match self.write.binder.catalog.index_of(self.write.table) {
            Some(at) => Source { aliased: true, ..Source::of_origin(self.write.table, at, "excluded") },
            None => Source::of_relation(self.write.table, "excluded"),
        };
        excluded.printed = "excluded".to_owned();
        // A bare column means the table's; the row that was refused is reached by `excluded` alone.
        let outer = super::super::bind::Scope { sources: vec![excluded], ..Default::default() };
        self.write.binder.scopes.insert(0, outer);
        let sets = self.write.assignments(&update.0);
        let filter = update.1.as_ref().map(|e| self.write.binder.expr(e)).transpose();
        self.write.binder.scopes.remove(0);
        out.append(&self.write.set_list(&sets?));
        if let Some(filter) = filter? {
            out.push(" WHERE ");
            out.append(&self.write.lower.truth(&filter, true)?);
        }
        Ok(out)
    }

    /// The rows one after the other, by the helper.
    fn one_by_one(
        &mut self,
        rows: Rows,
        upserts: &[Upsert],
        met: &[(Key, Resolution)],
        not_null: &[(usize, Resolution)],
        out: &mut Statement,
    ) -> Bound<Frag> {
        let table = self.write.table;
        let mut row = Row { policy: self.policy, ..Row::default() };
        self.write.resolve(&mut row, not_null, met, self.or == Some(Resolution::Ignore));
        if self.or == Some(Resolution::Fail) {
            row.keeps = vec!["*".to_owned()];
        }
        let rowid = table.rowid().map(|(at, c)| (at, c.sequence.clone()));
        let names: Vec<String> = table.columns.iter().filter(|c| !c.generated).map(|c| quote_ident(&c.name)).collect();
        let mut head = format!("INSERT INTO {} ({})", self.write.target(), names.join(", "));
        if table.columns.iter().any(|c| c.identity_always) {
            head.push_str(" OVERRIDING SYSTEM VALUE");
        }
        let values = |of: &str, this: &Self| -> Bound<Frag> {
            let mut cells = Vec::new();
            for (at, column) in table.columns.iter().enumerate().filter(|(_, c)| !c.generated) {
                let value = format!("{of}.{}", quote_ident(&column.name));
                cells.push(match &rowid {
                    Some((r, Some(sequence))) if *r == at => this.write.next_id(sequence, &value)?,
                    _ => Frag::text(value),
                });
            }
            Ok(Frag::join(&cells, ", "))
        };
        let one = wrapped(&format!("{head} VALUES ("), &values("($1)", self)?, ")");
        let all = wrapped(&format!("{head} SELECT "), &values("\"_n\"", self)?, " FROM unnest($1) AS \"_n\"");
        let returned = |insert: &Frag, clause: &Frag, inserted: &str, this: &Self| {
            let mut whole = insert.clone();
            whole.append(clause);
            whole.push(&this.write.returned(inserted));
            whole
        };
        let is_new = format!("({}.xmax = 0)", self.write.alias());
        let many = matches!(&rows, Rows::Values(rows) if rows.len() > 1) || matches!(&rows, Rows::Query(_));
        let mut clauses = Vec::new();
        let mut taken = Vec::new();
        for upsert in upserts {
            for key in self.meant(upsert)? {
                if taken.contains(&key) || upsert.target.is_none() && !self.can_meet(&self.keys[key]) {
                    continue;
                }
                taken.push(key);
                let clause = upsert.update.as_ref().map(|u| self.update_clause(key, u)).transpose()?;
                row.upserts.push((self.keys[key].probe(table), clause.as_ref().map(|c| returned(&one, c, &is_new, self))));
                clauses.extend(clause);
            }
        }
        let only_keys = row.skips.is_empty() && row.ignores.is_empty() && row.keeps.is_empty();
        let bulk = match (upserts, clauses.as_slice(), row.removes.as_slice()) {
            ([_], [clause], []) if row.upserts.len() == 1 => Some(clause.clone()),
            ([], [], [key]) if met.len() == 1 && self.replaces_in_place(key) => Some(self.replacing(key)),
            _ => None,
        };
        let fires = self.fires(upserts);
        row.bulk = bulk.filter(|_| many && only_keys && !fires).map(|clause| returned(&all, &clause, &is_new, self));
        if fires || self.write.fires(Event::Insert, &[]) {
            self.write.one_by_one_with_triggers(&mut row, Event::Insert)?;
        }
        let source = self.source(rows)?;
        let write = returned(&one, &Frag::default(), "true", self);
        self.write.by_row(&source, &row, &write, false, self.returning, out)
    }

    /// A query of one row whose `rows` are the new rows, every column filled in.
    fn source(&mut self, rows: Rows) -> Bound<Frag> {
        let table = self.write.table;
        let rowid = table.rowid().map(|(r, _)| r);
        let columns = self.columns.clone();
        let absent = |at: usize, c: &Column| match (&c.default, &c.sequence) {
            _ if c.generated || rowid == Some(at) => None,
            (Some(default), _) => Some(Frag::text(format!("({default})"))),
            (None, Some(sequence)) => Some(Frag::text(format!("nextval({})", literal_text(sequence)))),
            (None, None) => None,
        };
        let filled = |cells: &[Frag], this: &Self| {
            this.write.row(|at, c| columns.iter().position(|g| *g == at).map_or_else(|| absent(at, c), |i| Some(cells[i].clone())))
        };
        match rows {
            Rows::Default => Ok(wrapped("SELECT ARRAY[", &filled(&[], self), "] AS rows")),
            Rows::Values(values) => {
                let mut lines = Vec::new();
                for row in &values {
                    let cells = row.iter().zip(columns.clone()).map(|(e, at)| self.cell(e, at)).collect::<Bound<Vec<_>>>()?;
                    lines.push(filled(&cells, self));
                }
                Ok(wrapped("SELECT ARRAY[", &Frag::join(&lines, ", "), "] AS rows"))
            }
            Rows::Query(query) => {
                let (cells, from) = self.query_cells(&query)?;
                let mut out = wrapped("SELECT ARRAY(SELECT ", &filled(&cells, self), " FROM ");
                out.append(&from);
                out.push(") AS rows");
                Ok(out)
            }
        }
    }

    /// The hidden columns that tell the rowid, and keep the sequence ahead of ids that were given.
    fn hidden(&mut self, upserts: bool) -> Vec<(Frag, Hidden)> {
        let Some((at, column)) = self.write.table.rowid() else { return Vec::new() };
        let alias = self.write.alias();
        let id = format!("{alias}.{}", quote_ident(&column.name));
        let mut hidden = vec![(Frag::text(format!("{id}::int8")), Hidden::Rowid)];
        if upserts {
            hidden.push((Frag::text(format!("({alias}.xmax = 0)")), Hidden::Inserted));
        }
        if let (Some(sequence), true) = (&column.sequence, self.columns.contains(&at))
            && let Ok(bump) = self.write.lower.helper("bump")
        {
            hidden.push((Frag::text(format!("{bump}({}::regclass, {id})", literal_text(sequence))), Hidden::Ignored));
        }
        hidden
    }
}

/// A rowid, or the next one of its sequence.
fn numbered(cell: &Frag, sequence: &str) -> Frag {
    wrapped("coalesce(", cell, &format!(", nextval({}))", literal_text(sequence)))
}
