//! ALTER TABLE (lang_altertable.html): RENAME, RENAME COLUMN, ADD COLUMN, DROP COLUMN.

use super::create::{Making, register_column};
use super::types::{added_type, column};
use super::{execute, needs_registry, qualified};
use crate::catalog::{Collation, IndexPart};
use crate::error::{ClientError, SqlState};
use crate::translate::Action;
use crate::translate::bind::{Binder, Bound, Scope, Source, quote_ident, split_name};
use crate::translate::lower::{Lower, literal_text};
use crate::translate::parse::scan;
use sqlparser::ast::{self, AlterTableOperation, ColumnOption, RenameTableNameKind};

/// ALTER TABLE.
pub fn alter<'a>(alter: &ast::AlterTable, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Action> {
    let catalog = binder.catalog;
    let table = binder.relation(&alter.name)?;
    let [operation] = alter.operations.as_slice() else { return Err(ClientError::refused("ALTER TABLE with several operations")) };
    let printed = qualified(&table.schema, &table.name);
    let registered = table.is_sqlite();
    if registered {
        needs_registry(catalog)?;
    }
    let class = format!("{}::regclass", literal_text(&printed));
    let mut steps = Vec::new();
    let rewrite = |sql: String| format!("UPDATE litewire.objects SET sql = {} WHERE relid = {class}", literal_text(&sql));
    match operation {
        AlterTableOperation::RenameTable { table_name } => {
            let (RenameTableNameKind::To(name) | RenameTableNameKind::As(name)) = table_name;
            let (_, ident) = split_name(name)?;
            if let Some(sql) = &table.sql {
                steps.push(format!(
                    "UPDATE litewire.objects SET name = CASE WHEN relid = {class} THEN {new} ELSE name END, tbl_name = {new}, sql = CASE WHEN relid = {class} THEN {text} ELSE sql END WHERE relid = {class} OR relid IN (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = {class})",
                    new = literal_text(&ident.value),
                    text = literal_text(&renamed(sql, &table.name, &ident.value, true))
                ));
            }
            steps.push(format!("ALTER TABLE {printed} RENAME TO {}", quote_ident(&ident.value)));
        }
        AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
            let Some((_, old)) = table.column(&old_column_name.value) else {
                let message = format!("no such column: \"{}\"", old_column_name.value);
                return Err(ClientError::new(SqlState::UNDEFINED_COLUMN, message).at(binder.at(old_column_name.span)));
            };
            if let Some(sql) = &table.sql {
                steps.push(rewrite(renamed(sql, &old.name, &new_column_name.value, false)));
                steps.push(format!(
                    "UPDATE litewire.columns SET name = {} WHERE relid = {class} AND name = {}",
                    literal_text(&new_column_name.value),
                    literal_text(&old.name)
                ));
            }
            steps.push(format!("ALTER TABLE {printed} RENAME COLUMN {} TO {}", quote_ident(&old.name), quote_ident(&new_column_name.value)));
        }
        AlterTableOperation::AddColumn { column_def, .. } => {
            if table.column(&column_def.name.value).is_some() {
                let message = format!("duplicate column name: {}", column_def.name.value);
                return Err(ClientError::new(SqlState::DUPLICATE_COLUMN, message).at(binder.at(column_def.name.span)));
            }
            let mut relation = table.clone();
            let mut made = column(&column_def.name.value, relation.columns.len() as i16 + 1, added_type(binder.sql), binder.options.native_types);
            for option in &column_def.options {
                match &option.option {
                    ColumnOption::PrimaryKey(_) => return Err(ClientError::new(SqlState::SYNTAX_ERROR, "Cannot add a PRIMARY KEY column")),
                    ColumnOption::Unique(_) => return Err(ClientError::new(SqlState::SYNTAX_ERROR, "Cannot add a UNIQUE column")),
                    ColumnOption::Collation(name) => made.collation = Collation::named(&name.to_string()).unwrap_or_default(),
                    _ => {}
                }
            }
            relation.columns.push(made);
            let at = relation.columns.len() - 1;
            let mut source = Source::of_relation(&relation, &table.name);
            source.printed = String::new();
            binder.scopes.push(Scope { sources: vec![source], ..Scope::default() });
            let mut making = Making { relation, parts: Vec::new() };
            let done = making.column(at, column_def, binder, lower);
            binder.scopes.pop();
            done?;
            let parts: Vec<String> =
                making.parts.iter().enumerate().map(|(i, p)| if i == 0 { format!("ADD COLUMN {p}") } else { format!("ADD {p}") }).collect();
            steps.push(format!("ALTER TABLE {printed} {}", parts.join(", ")));
            if let Some(sql) = &table.sql {
                steps.push(register_column(&printed, &making.relation.columns[at]));
                steps.push(rewrite(with_column(sql, binder.sql)));
            }
        }
        AlterTableOperation::DropColumn { column_names, .. } => {
            let [name] = column_names.as_slice() else { return Err(ClientError::refused("dropping several columns")) };
            let Some((at, old)) = table.column(&name.value) else {
                return Err(ClientError::new(SqlState::UNDEFINED_COLUMN, format!("no such column: \"{}\"", name.value)).at(binder.at(name.span)));
            };
            if let Some(index) = table.indexes.iter().find(|i| i.parts.contains(&IndexPart::Column(at))) {
                let why = if index.primary { "PRIMARY KEY" } else { "UNIQUE or indexed" };
                return Err(ClientError::new(SqlState::SYNTAX_ERROR, format!("cannot drop {why} column: \"{}\"", old.name)).at(binder.at(name.span)));
            }
            if registered {
                return Err(ClientError::refused("ALTER TABLE … DROP COLUMN of a table made from SQLite's DDL").at(binder.at(name.span)));
            }
            steps.push(format!("ALTER TABLE {printed} DROP COLUMN {}", quote_ident(&old.name)));
        }
        other => return Err(ClientError::refused(format!("ALTER TABLE {other}"))),
    }
    Ok(execute(&steps, "ALTER TABLE"))
}

/// The text of a CREATE TABLE with a name exchanged; `table` changes the table's own name, else a column's wherever it stands.
fn renamed(sql: &str, old: &str, new: &str, table: bool) -> String {
    let tokens = scan::tokens(sql);
    let mut out = String::new();
    let mut last = 0;
    let mut changed = false;
    for token in &tokens {
        let is_name = matches!(token.kind, scan::Kind::Word | scan::Kind::Quoted) && scan::unquote(token.text(sql)).eq_ignore_ascii_case(old);
        if is_name && !(table && changed) {
            out.push_str(&sql[last..token.at.start]);
            out.push_str(&if table || token.kind == scan::Kind::Quoted || !plain(new) { quote_ident(new) } else { new.to_owned() });
            last = token.at.end;
            changed = true;
        }
    }
    out.push_str(&sql[last..]);
    out
}

fn plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The text of a CREATE TABLE with the column of an ALTER TABLE … ADD COLUMN at its end, as SQLite edits it.
fn with_column(sql: &str, alter: &str) -> String {
    let tokens = scan::tokens(alter);
    let add = tokens.iter().position(|t| t.is(alter, "ADD")).map_or(0, |at| at + 1);
    let start = add + usize::from(tokens.get(add).is_some_and(|t| t.is(alter, "COLUMN")));
    let end = tokens.iter().rev().find(|t| !t.is_op(alter, ";")).map_or(alter.len(), |t| t.at.end);
    let definition = tokens.get(start).map_or("", |t| &alter[t.at.start..end]);
    match sql.rfind(')') {
        Some(close) => format!("{}, {definition}{}", &sql[..close], &sql[close..]),
        None => sql.to_owned(),
    }
}
