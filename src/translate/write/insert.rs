//! INSERT (lang_insert.html), REPLACE, and ON CONFLICT (lang_upsert.html).

use super::store::{store, stored};
use super::{Write, quote_ident};
use crate::catalog::{Index, IndexPart};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{Binder, Bound, Source, split_name};
use crate::translate::lower::{Frag, Lower, fill};
use crate::translate::parse::scan;
use crate::translate::plan::{Hidden, Statement};
use crate::translate::tree::{Class, Expr, Kind, Query};
use crate::value::Value;
use sqlparser::ast::{self, ConflictTarget, OnConflict, OnConflictAction, OnInsert, SetExpr, SqliteOnConflict, TableObject};

/// What happens when a row meets a constraint.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Conflict {
    Abort,
    Ignore,
    Replace,
}

/// The rows to insert.
enum Rows {
    Default,
    Values(Vec<Vec<Frag>>),
    Query(Frag),
}

pub(super) fn insert<'a>(insert: &ast::Insert, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Statement> {
    let TableObject::TableName(name) = &insert.table else {
        return Err(ClientError::refused(format!("INSERT INTO {}", insert.table)));
    };
    let conflict = match insert.or {
        _ if insert.replace_into => Conflict::Replace,
        Some(SqliteOnConflict::Replace) => Conflict::Replace,
        Some(SqliteOnConflict::Ignore) => Conflict::Ignore,
        None | Some(SqliteOnConflict::Abort) => Conflict::Abort,
        Some(SqliteOnConflict::Fail) => return Err(ClientError::refused("INSERT OR FAIL")),
        Some(SqliteOnConflict::Rollback) => return Err(ClientError::refused("INSERT OR ROLLBACK")),
    };
    let alias = insert.table_alias.as_ref().map(|a| a.alias.value.as_str());
    let (_, ident) = split_name(name)?;
    let source_columns: Vec<ast::Ident> = insert.columns.iter().map(|c| split_name(c).map(|(_, i)| i.clone())).collect::<Bound<_>>()?;
    let span = ident.span;
    let mut write = Write::new(name, alias, binder, lower)?;
    let columns = if source_columns.is_empty() {
        (0..write.table.columns.len()).filter(|i| !write.table.columns[*i].hidden && !write.table.columns[*i].generated).collect()
    } else {
        source_columns.iter().map(|c| write.column(c)).collect::<Bound<Vec<_>>>()?
    };
    write.replaces = conflict == Conflict::Replace;
    let rows = write.rows(insert.source.as_deref(), &columns, !source_columns.is_empty(), span)?;
    write.finish(insert, conflict, &columns, rows)
}

impl Write<'_, '_> {
    /// The source of the rows, each value stored into its column. It sees nothing of the table itself.
    fn rows(&mut self, source: Option<&ast::Query>, columns: &[usize], listed: bool, span: sqlparser::tokenizer::Span) -> Bound<Rows> {
        let Some(source) = source else { return Ok(Rows::Default) };
        let target = self.binder.scopes.pop();
        let texts_and_rows = match &*source.body {
            SetExpr::Values(values) if source.with.is_none() && source.order_by.is_none() && source.limit_clause.is_none() => {
                let rows = values.rows.iter().map(|r| r.content.iter().map(|e| self.binder.expr(e)).collect()).collect::<Bound<Vec<Vec<Expr>>>>();
                rows.map(Ok)
            }
            _ => self.binder.query(source).map(Err),
        };
        self.binder.scopes.extend(target);
        let width_error = |found: usize, this: &Self| {
            let message = if listed {
                format!("{found} values for {} columns", columns.len())
            } else {
                format!("table {} has {} columns but {found} values were supplied", this.table.name, columns.len())
            };
            ClientError::new(SqlState::SYNTAX_ERROR, message).at(this.binder.at(span))
        };
        match texts_and_rows? {
            Ok(rows) => {
                let mut out = Vec::new();
                for row in &rows {
                    if row.len() != columns.len() {
                        return Err(width_error(row.len(), self));
                    }
                    let cells = row.iter().zip(columns).map(|(e, c)| self.cell(e, *c)).collect::<Bound<Vec<_>>>()?;
                    out.push(cells);
                }
                Ok(Rows::Values(out))
            }
            Err(query) => {
                if query.columns.len() != columns.len() {
                    return Err(width_error(query.columns.len(), self));
                }
                Ok(Rows::Query(self.query_rows(&query, columns)?))
            }
        }
    }

    /// A value for a column; a NULL rowid is the next one of its sequence.
    fn cell(&mut self, e: &Expr, at: usize) -> Bound<Frag> {
        let column = &self.table.columns[at];
        let is_rowid = self.table.rowid().is_some_and(|(rowid, _)| rowid == at);
        let piece = store(self.lower, self.table, column, e)?;
        // REPLACE puts the default where a NULL may not stand (lang_conflict.html).
        if self.replaces
            && column.not_null
            && !is_rowid
            && e.ty.nullable
            && let Some(default) = &column.default
        {
            let absent = e.constant() == Some(&Value::Null);
            return Ok(if absent { Frag::text(format!("({default})")) } else { fill(&format!("coalesce({{}}, {default})"), &[&piece]) });
        }
        match (&column.sequence, is_rowid) {
            (Some(_), true) if matches!(e.kind, Kind::Literal { value: Value::Null }) => Ok(Frag::text("DEFAULT")),
            (Some(sequence), true) if e.ty.nullable => {
                Ok(fill(&format!("coalesce({{}}, nextval({}))", crate::translate::lower::literal_text(sequence)), &[&piece]))
            }
            _ => Ok(piece),
        }
    }

    fn query_rows(&mut self, query: &Query, columns: &[usize]) -> Bound<Frag> {
        let classes: Vec<Class> =
            query.columns.iter().map(|c| if matches!(c.ty.class, Class::Null | Class::Param) { Class::Text } else { c.ty.class }).collect();
        let inner = self.lower.query_as(query, &classes)?;
        let mut cells = Vec::new();
        for (i, (at, class)) in columns.iter().zip(&classes).enumerate() {
            let column = &self.table.columns[*at];
            let to = crate::translate::tree::Ty::of_column(column).class;
            let piece = Frag::text(format!("\"_v\".\"c{}\"", i + 1));
            let from = if query.columns[i].ty.class == Class::Null { Class::Null } else { *class };
            let mut cell = stored(self.lower, self.table, column, to, &piece, from)?;
            if let (Some(sequence), true) = (&column.sequence, self.table.rowid().is_some_and(|(r, _)| r == *at)) {
                cell = fill(&format!("coalesce({{}}, nextval({}))", crate::translate::lower::literal_text(sequence)), &[&cell]);
            }
            cells.push(cell);
        }
        let names: Vec<String> = (1..=columns.len()).map(|i| format!("\"c{i}\"")).collect();
        Ok(fill(&format!("SELECT {{}} FROM ({{}}) AS \"_v\"({})", names.join(", ")), &[&Frag::join(&cells, ", "), &inner]))
    }

    fn finish(&mut self, insert: &ast::Insert, conflict: Conflict, columns: &[usize], rows: Rows) -> Bound<Statement> {
        let mut out = Statement { counts: true, guard: true, ..Statement::default() };
        let names: Vec<String> = columns.iter().map(|c| quote_ident(&self.table.columns[*c].name)).collect();
        let mut text = Frag::default();
        let table = self.table;
        let keys = unique_keys(table, columns);
        let replace_all =
            conflict == Conflict::Replace && (keys.len() > 1 || keys.iter().any(|k| k.parts.iter().any(|p| matches!(p, IndexPart::Expression(_)))));
        let is_default = matches!(rows, Rows::Default);
        let source = match rows {
            Rows::Default => Frag::text("DEFAULT VALUES"),
            Rows::Query(query) => query,
            Rows::Values(mut rows) => {
                if replace_all || conflict == Conflict::Ignore {
                    // DEFAULT stands only where the INSERT's own VALUES do.
                    self.spell_out_defaults(&mut rows, columns);
                }
                let rows: Vec<Frag> = rows.iter().map(|r| fill("({})", &[&Frag::join(r, ", ")])).collect();
                fill("VALUES {}", &[&Frag::join(&rows, ", ")])
            }
        };
        if replace_all {
            text.append(&self.delete_conflicting(&keys, columns, &names, &source)?);
        }
        text.push(&format!("INSERT INTO {}", self.target()));
        if !is_default {
            text.push(&format!(" ({})", names.join(", ")));
        }
        if columns.iter().any(|c| self.table.columns[*c].identity_always) && !is_default {
            text.push(" OVERRIDING SYSTEM VALUE");
        }
        text.push(" ");
        if replace_all {
            // The INSERT must read from the DELETE, or it would run first.
            text.push(&format!("SELECT {} FROM \"_new\", (SELECT count(*) FROM \"_old\") AS \"_gone\"", names.join(", ")));
        } else if conflict == Conflict::Ignore && !is_default {
            text.append(&self.ignorable(columns, &names, &source));
        } else {
            text.append(&source);
        }
        let mut upserts = false;
        match (conflict, &insert.on) {
            (Conflict::Ignore, None) => text.push(" ON CONFLICT DO NOTHING"),
            (Conflict::Replace, None) if !replace_all => {
                if let [key] = keys.as_slice() {
                    text.append(&self.replace_one(key, columns));
                }
            }
            (_, None) => {}
            (Conflict::Abort, Some(OnInsert::OnConflict(on))) => {
                upserts = matches!(on.action, OnConflictAction::DoUpdate(_));
                text.append(&self.on_conflict(on)?);
            }
            (_, Some(other)) => return Err(ClientError::refused(format!("OR REPLACE or OR IGNORE together with{other}"))),
        }
        let hidden = self.hidden(columns, upserts);
        self.returning(insert.returning.as_deref(), hidden, &mut out, &mut text)?;
        out.template = text.into_template();
        Ok(out)
    }

    /// OR IGNORE leaves out rows that break NOT NULL or CHECK, too (lang_conflict.html).
    fn ignorable(&self, columns: &[usize], names: &[String], source: &Frag) -> Frag {
        let mut tests: Vec<String> = Vec::new();
        for at in columns {
            let column = &self.table.columns[*at];
            if column.not_null && self.table.rowid().is_none_or(|(r, _)| r != *at) {
                tests.push(format!("{} IS NOT NULL", quote_ident(&column.name)));
            }
        }
        let given = |check: &str| {
            let words = scan::tokens(check);
            let named = |c: &crate::catalog::Column| words.iter().any(|t| scan::unquote(t.text(check)).eq_ignore_ascii_case(&c.name));
            self.table.columns.iter().enumerate().all(|(i, c)| columns.contains(&i) || !named(c))
        };
        tests.extend(self.table.checks.iter().filter(|(_, c)| given(c)).map(|(_, c)| format!("({c}) IS NOT FALSE")));
        if tests.is_empty() {
            return source.clone();
        }
        let typed = self.typed(columns);
        fill(
            &format!(
                "SELECT * FROM (SELECT {} FROM ({{}}) AS \"_r\"({})) AS \"_v\" WHERE {}",
                typed.join(", "),
                names.join(", "),
                tests.join(" AND ")
            ),
            &[source],
        )
    }

    /// REPLACE over one key: the row in the way gets every column anew.
    fn replace_one(&self, key: &Index, columns: &[usize]) -> Frag {
        let in_key = |c: &usize| key.parts.contains(&IndexPart::Column(*c));
        let target: Vec<String> = key
            .parts
            .iter()
            .filter_map(|p| if let IndexPart::Column(c) = p { Some(quote_ident(&self.table.columns[*c].name)) } else { None })
            .collect();
        let sets: Vec<String> = (0..self.table.columns.len())
            .filter(|c| !in_key(c) && !self.table.columns[*c].generated)
            .map(|c| {
                let name = quote_ident(&self.table.columns[c].name);
                if columns.contains(&c) { format!("{name} = excluded.{name}") } else { format!("{name} = DEFAULT") }
            })
            .collect();
        let predicate = key.predicate.as_ref().map_or(String::new(), |p| format!(" WHERE {p}"));
        let action = if sets.is_empty() { "DO NOTHING".to_owned() } else { format!("DO UPDATE SET {}", sets.join(", ")) };
        Frag::text(format!(" ON CONFLICT ({}){predicate} {action}", target.join(", ")))
    }

    /// REPLACE over several keys: every row in the way is deleted first.
    fn delete_conflicting(&mut self, keys: &[&Index], columns: &[usize], names: &[String], source: &Frag) -> Bound<Frag> {
        if keys.iter().any(|k| k.predicate.is_some() || k.parts.iter().any(|p| matches!(p, IndexPart::Expression(_)))) {
            return Err(ClientError::refused("REPLACE into a table with a unique index that is partial or over an expression"));
        }
        let same = |part: &IndexPart| match part {
            IndexPart::Column(c) => {
                let name = quote_ident(&self.table.columns[*c].name);
                format!("{}.{name} = \"_new\".{name}", self.alias())
            }
            IndexPart::Expression(e) => e.clone(),
        };
        let conflicts: Vec<String> = keys.iter().map(|k| format!("({})", k.parts.iter().map(same).collect::<Vec<_>>().join(" AND "))).collect();
        Ok(fill(
            &format!(
                "WITH \"_raw\"({}) AS ({{}}), \"_new\" AS (SELECT {} FROM \"_raw\"), \"_old\" AS (DELETE FROM {} USING \"_new\" WHERE {} RETURNING 1) ",
                names.join(", "),
                self.typed(columns).join(", "),
                self.target(),
                conflicts.join(" OR ")
            ),
            &[source],
        ))
    }

    /// The columns of a list of rows with their types: a list of nothing but NULLs has none of its own. No length is given,
    /// for a cast would cut silently what the column refuses.
    fn typed(&self, columns: &[usize]) -> Vec<String> {
        let typed = |c: &usize| {
            let column = &self.table.columns[*c];
            let name = quote_ident(&column.name);
            let ty = if column.type_name.starts_with("character") { "text" } else { &column.type_name };
            format!("{name}::{ty} AS {name}")
        };
        columns.iter().map(typed).collect()
    }

    fn spell_out_defaults(&self, rows: &mut [Vec<Frag>], columns: &[usize]) {
        for row in rows {
            for (cell, at) in row.iter_mut().zip(columns) {
                if *cell == Frag::text("DEFAULT") {
                    let sequence = self.table.columns[*at].sequence.as_deref().unwrap_or_default();
                    *cell = Frag::text(format!("nextval({})", crate::translate::lower::literal_text(sequence)));
                }
            }
        }
    }

    fn on_conflict(&mut self, on: &OnConflict) -> Bound<Frag> {
        let mut out = Frag::text(" ON CONFLICT");
        match &on.conflict_target {
            None => {
                if matches!(on.action, OnConflictAction::DoUpdate(_)) {
                    let keys: Vec<&Index> = self.table.indexes.iter().filter(|i| i.unique && !self.is_hidden_key(i)).collect();
                    let [key] = keys.as_slice() else {
                        return Err(ClientError::refused("ON CONFLICT DO UPDATE without a target on a table with several unique keys"));
                    };
                    let columns: Vec<String> = key
                        .parts
                        .iter()
                        .map(|p| if let IndexPart::Column(c) = p { quote_ident(&self.table.columns[*c].name) } else { String::new() })
                        .collect();
                    out.push(&format!(" ({})", columns.join(", ")));
                }
            }
            Some(ConflictTarget::Columns { columns, predicate }) => {
                let names = columns.iter().map(|c| Ok(quote_ident(&self.table.columns[self.column(c)?].name))).collect::<Bound<Vec<_>>>()?;
                out.push(&format!(" ({})", names.join(", ")));
                if let Some(predicate) = predicate {
                    let predicate = self.binder.expr(predicate)?;
                    let predicate = self.lower.truth(&predicate, true)?;
                    out.append(&fill(" WHERE {}", &[&predicate]));
                }
            }
            Some(other @ ConflictTarget::OnConstraint(_)) => return Err(ClientError::refused(format!("ON CONFLICT{other}"))),
        }
        match &on.action {
            OnConflictAction::DoNothing => out.push(" DO NOTHING"),
            OnConflictAction::DoUpdate(update) => {
                let mut excluded = Source::of_relation(self.table, "excluded");
                excluded.printed = "excluded".to_owned();
                // A bare column means the table's; the row that was refused is reached by `excluded` alone.
                let outer = super::super::bind::Scope { sources: vec![excluded], ..Default::default() };
                self.binder.scopes.insert(0, outer);
                let sets = self.assignments(&update.assignments);
                let filter = update.selection.as_ref().map(|e| self.binder.expr(e)).transpose();
                self.binder.scopes.remove(0);
                out.append(&fill(" DO UPDATE SET {}", &[&sets?]));
                if let Some(filter) = filter? {
                    let filter = self.lower.truth(&filter, true)?;
                    out.append(&fill(" WHERE {}", &[&filter]));
                }
            }
        }
        Ok(out)
    }

    fn is_hidden_key(&self, index: &Index) -> bool {
        matches!(index.parts.as_slice(), [IndexPart::Column(c)] if self.table.columns[*c].hidden)
    }

    /// The hidden columns that tell the rowid, and keep the sequence ahead of ids that were given.
    fn hidden(&mut self, columns: &[usize], upserts: bool) -> Vec<(Frag, Hidden)> {
        let Some((at, column)) = self.table.rowid() else { return Vec::new() };
        let id = format!("{}.{}", self.alias(), quote_ident(&column.name));
        let mut hidden = vec![(Frag::text(format!("{id}::int8")), Hidden::Rowid)];
        if upserts {
            hidden.push((Frag::text(format!("({}.xmax = 0)", self.alias())), Hidden::Inserted));
        }
        if let (Some(sequence), true) = (&column.sequence, columns.contains(&at))
            && let Ok(bump) = self.lower.helper("bump")
        {
            hidden.push((Frag::text(format!("{bump}({}::regclass, {id})", crate::translate::lower::literal_text(sequence))), Hidden::Ignored));
        }
        hidden
    }
}

/// The unique keys whose columns are all given by an INSERT: those that it can conflict on.
fn unique_keys<'t>(table: &'t crate::catalog::Relation, columns: &[usize]) -> Vec<&'t Index> {
    let given = |part: &IndexPart| match part {
        IndexPart::Column(c) => columns.contains(c),
        IndexPart::Expression(_) => true,
    };
    table.indexes.iter().filter(|i| i.unique && i.parts.iter().all(given) && !i.parts.is_empty()).collect()
}
