//! Writing to `sqlite_sequence` (autoinc.html §3): it moves the sequences of the identities behind it.

use super::super::introspect::{self, Counted};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{Binder, Bound, Scope, Source, split_name};
use crate::translate::lower::{Frag, Lower, fill};
use crate::translate::plan::{Hidden, Statement};
use crate::translate::tree::Class;
use sqlparser::ast::{self, AssignmentTarget, FromTable, ObjectName, TableFactor, TableObject};

/// The rows of `sqlite_sequence`, each with its sequence and the table's largest id.
const ROWS: &str = "\"_s\"";

/// Translates a write to `sqlite_sequence`; None for one to another table.
pub(super) fn write(statement: &ast::Statement, binder: &mut Binder, lower: &mut Lower) -> Bound<Option<Statement>> {
    let name = match statement {
        ast::Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => name,
            _ => return Ok(None),
        },
        ast::Statement::Update(update) => match &update.table.relation {
            TableFactor::Table { name, .. } => name,
            _ => return Ok(None),
        },
        ast::Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
            match tables.first().map(|t| &t.relation) {
                Some(TableFactor::Table { name, .. }) => name,
                _ => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    let Some(counted) = counted(name, binder)? else { return Ok(None) };
    let (text, tag) = match statement {
        ast::Statement::Insert(insert) => (inserted(insert, &counted, binder, lower)?, "INSERT 0 {}"),
        ast::Statement::Update(update) => (updated(update, &counted, binder, lower)?, "UPDATE {}"),
        ast::Statement::Delete(delete) => (deleted(delete, &counted, binder, lower)?, "DELETE {}"),
        _ => return Ok(None),
    };
    let hidden = vec![Hidden::Ignored];
    Ok(Some(Statement { template: text.into_template(), tag: Some(tag), counts: true, guard: true, hidden, ..Statement::default() }))
}

fn counted<'a>(name: &ObjectName, binder: &Binder<'a>) -> Bound<Option<Vec<Counted<'a>>>> {
    let (database, ident) = split_name(name)?;
    if !ident.value.eq_ignore_ascii_case("sqlite_sequence") {
        return Ok(None);
    }
    let counted = introspect::counted(binder.catalog, database.as_deref());
    Ok((!counted.is_empty()).then_some(counted))
}

/// Moves a sequence to a value, but never below an id that its table has.
fn moved(value: &Frag) -> Frag {
    let next = format!("greatest({{}}, {ROWS}.top, 0)");
    fill(&format!("setval({ROWS}.sequence::regclass, greatest({next}, 1), {next} > 0)"), &[value, value])
}

fn scope(alias: Option<&ast::TableAlias>, binder: &mut Binder) {
    let name = alias.map_or("sqlite_sequence", |a| &a.name.value);
    let source = Source { printed: ROWS.to_owned(), ..introspect::sequence_source(name) };
    binder.scopes.push(Scope { sources: vec![source], ..Scope::default() });
}

fn filtered(text: &mut Frag, filter: Option<&ast::Expr>, binder: &mut Binder, lower: &mut Lower) -> Bound<()> {
    if let Some(filter) = filter {
        let filter = binder.expr(filter)?;
        text.append(&fill(" WHERE {}", &[&lower.truth(&filter, true)?]));
    }
    Ok(())
}

fn updated(update: &ast::Update, counted: &[Counted], binder: &mut Binder, lower: &mut Lower) -> Bound<Frag> {
    let TableFactor::Table { alias, .. } = &update.table.relation else { return Err(ClientError::refused("this UPDATE of sqlite_sequence")) };
    let [assignment] = update.assignments.as_slice() else { return Err(ClientError::refused("several columns in an UPDATE of sqlite_sequence")) };
    let seq = |name: &ObjectName| split_name(name).is_ok_and(|(_, c)| c.value.eq_ignore_ascii_case("seq"));
    if !matches!(&assignment.target, AssignmentTarget::ColumnName(name) if seq(name)) || update.from.is_some() || update.returning.is_some() {
        return Err(ClientError::refused("an UPDATE of sqlite_sequence of more than seq"));
    }
    scope(alias.as_ref(), binder);
    let value = binder.expr(&assignment.value)?;
    let value = lower.integer(&value)?;
    let mut text = fill(&format!("SELECT {{}} FROM ({}) AS {ROWS}", introspect::sequence_rows(counted, true)), &[&moved(&value)]);
    filtered(&mut text, update.selection.as_ref(), binder, lower)?;
    Ok(text)
}

fn deleted(delete: &ast::Delete, counted: &[Counted], binder: &mut Binder, lower: &mut Lower) -> Bound<Frag> {
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
    let alias = tables.first().and_then(|t| if let TableFactor::Table { alias, .. } = &t.relation { alias.as_ref() } else { None });
    if delete.returning.is_some() || delete.limit.is_some() {
        return Err(ClientError::refused("a DELETE from sqlite_sequence with RETURNING or LIMIT"));
    }
    scope(alias, binder);
    // Without its row, a table counts on from its largest id.
    let forgotten = format!("SELECT setval({ROWS}.sequence::regclass, coalesce({ROWS}.top, 0) + 1, false) FROM ");
    let mut text = Frag::text(format!("{forgotten}({}) AS {ROWS}", introspect::sequence_rows(counted, true)));
    filtered(&mut text, delete.selection.as_ref(), binder, lower)?;
    Ok(text)
}

fn inserted(insert: &ast::Insert, counted: &[Counted], binder: &mut Binder, lower: &mut Lower) -> Bound<Frag> {
    let names: Vec<String> = insert.columns.iter().map(|c| Ok(split_name(c)?.1.value.to_ascii_lowercase())).collect::<Bound<_>>()?;
    let order = match names.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["name", "seq"] => ["name", "seq"],
        ["seq", "name"] => ["seq", "name"],
        _ => return Err(ClientError::refused("an INSERT into sqlite_sequence without name and seq")),
    };
    let Some(source) = &insert.source else { return Err(ClientError::refused("INSERT INTO sqlite_sequence DEFAULT VALUES")) };
    if insert.returning.is_some() || insert.on.is_some() {
        return Err(ClientError::refused("an INSERT into sqlite_sequence with RETURNING or ON CONFLICT"));
    }
    let query = binder.query(source)?;
    if query.columns.len() != 2 {
        let message = format!("table sqlite_sequence has 2 columns but {} values were supplied", query.columns.len());
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, message));
    }
    let classes = order.map(|c| if c == "seq" { Class::Integer } else { Class::Text });
    let rows = lower.query_as(&query, &classes)?;
    let value = Frag::text("\"_v\".seq");
    let known = format!("({}) AS {ROWS}", introspect::sequence_rows(counted, false));
    let head = format!("SELECT {{}} FROM ({{}}) AS \"_v\"({}) JOIN {known} ON {ROWS}.name = \"_v\".name", order.join(", "));
    Ok(fill(&head, &[&moved(&value), &rows]))
}
