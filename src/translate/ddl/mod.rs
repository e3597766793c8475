//! CREATE, DROP, ALTER. Each becomes one DO block, so that the backend's objects and the registry's rows change together.

mod alter;
mod create;
mod foreign;
mod overlay;
mod types;
mod widen;

use super::bind::{Binder, Bound, quote_ident, split_name};
use super::lower::{Lower, literal_text};
use super::plan::{Statement, Template};
use super::{Action, Answer};
use crate::catalog::{Catalog, RelationKind};
use crate::error::{ClientError, SqlState};
use sqlparser::ast::{self, ObjectType};

pub use alter::alter;
pub use create::{index, relation_of, table, view};
pub use foreign::{enforce_foreign_keys, recorded as recorded_foreign_keys};
pub use overlay::{applied, numbered};
pub use types::COLUMN_TYPES;
pub use widen::{may_widen, widen, widening};

/// A statement of several steps that stand or fall together.
fn block(steps: &[String], tag: &'static str) -> Statement {
    let body = format!("BEGIN\n{};\nEND", steps.join(";\n"));
    Statement {
        template: Template::fixed(format!("DO {}", in_quotes(&body))),
        tag: Some(tag),
        schema_change: true,
        guard: true,
        ..Statement::default()
    }
}

/// A text between quotes that it cannot contain.
fn in_quotes(body: &str) -> String {
    let mut quote = String::from("$lw$");
    while body.contains(&quote) {
        quote.insert(quote.len() - 1, 'x');
    }
    format!("{quote}{body}{quote}")
}

/// An answer of nothing but its tag.
fn done(tag: &'static str) -> Action {
    Action::Answer(Answer { columns: None, rows: Vec::new(), tag })
}

fn execute(steps: &[String], tag: &'static str) -> Action {
    Action::Execute(Box::new(block(steps, tag)))
}

/// The statement that records an object of SQLite's.
fn register(schema: &str, kind: &str, name: &str, table: &str, sql: &str) -> String {
    let class = literal_text(&qualified(schema, name));
    format!(
        "INSERT INTO litewire.objects (relid, kind, name, tbl_name, sql) VALUES ({class}::regclass, {}, {}, {}, {}) ON CONFLICT (relid) DO UPDATE SET kind = excluded.kind, name = excluded.name, tbl_name = excluded.tbl_name, sql = excluded.sql",
        literal_text(kind),
        literal_text(name),
        literal_text(table),
        literal_text(sql)
    )
}

fn qualified(schema: &str, name: &str) -> String {
    if schema.is_empty() { quote_ident(name) } else { format!("{}.{}", quote_ident(schema), quote_ident(name)) }
}

/// DDL keeps SQLite's own text, for which the registry is needed.
fn needs_registry(catalog: &Catalog) -> Bound<()> {
    if catalog.helpers.is_some() {
        return Ok(());
    }
    Err(ClientError::refused("SQLite's DDL without the helper schema")
        .hint("Run `litewire helpers --print | psql …` as a role that may create a schema."))
}

/// DROP TABLE, INDEX, VIEW.
pub fn drop(kind: ObjectType, if_exists: bool, names: &[ast::ObjectName], binder: &Binder, catalog: &Catalog) -> Bound<Action> {
    let [name] = names else { return Err(ClientError::refused("DROP of several objects")) };
    let (_, ident) = split_name(name)?;
    let missing = |what: &str, tag: &'static str| {
        if if_exists {
            return Ok(done(tag));
        }
        Err(ClientError::new(SqlState::UNDEFINED_TABLE, format!("no such {what}: {}", ident.value)).at(binder.at(ident.span)))
    };
    match kind {
        ObjectType::Table | ObjectType::View => {
            let (word, tag, wanted) = if kind == ObjectType::Table { ("table", "DROP TABLE", true) } else { ("view", "DROP VIEW", false) };
            let Some(relation) = catalog.relation(&ident.value) else { return missing(word, tag) };
            if (relation.kind == RelationKind::Table) != wanted {
                let other = if wanted { "view" } else { "table" };
                let message = format!("use DROP {} to delete {other} {}", other.to_uppercase(), relation.name);
                return Err(ClientError::new(SqlState::DATATYPE_MISMATCH, message).at(binder.at(ident.span)));
            }
            let printed = qualified(&relation.schema, &relation.name);
            let mut steps = Vec::new();
            if catalog.helpers.is_some() {
                let class = format!("{}::regclass", literal_text(&printed));
                steps.push(format!("DELETE FROM litewire.objects WHERE relid = {class} OR relid IN (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = {class})"));
                steps.push(format!("DELETE FROM litewire.columns WHERE relid = {class}"));
            }
            steps.push(format!("DROP {} {printed}", word.to_uppercase()));
            Ok(execute(&steps, tag))
        }
        ObjectType::Index => {
            let found = catalog.relations.iter().find_map(|r| r.indexes.iter().find(|i| i.name.eq_ignore_ascii_case(&ident.value)).map(|i| (r, i)));
            let Some((relation, index)) = found else { return missing("index", "DROP INDEX") };
            if index.constraint {
                let message = "index associated with UNIQUE or PRIMARY KEY constraint cannot be dropped";
                return Err(ClientError::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(binder.at(ident.span)));
            }
            let printed = qualified(&relation.schema, &index.name);
            let mut steps = vec![format!("DROP INDEX {printed}")];
            if catalog.helpers.is_some() {
                steps.insert(0, format!("DELETE FROM litewire.objects WHERE relid = {}::regclass", literal_text(&printed)));
            }
            Ok(execute(&steps, "DROP INDEX"))
        }
        other => Err(ClientError::refused(format!("DROP {other}"))),
    }
}

/// A constant or constant expression kept at the backend.
fn stored_expression(e: &ast::Expr, binder: &mut Binder, lower: &mut Lower, truth: bool) -> Bound<String> {
    let bound = binder.expr(e)?;
    lower.stored = true;
    let piece = if truth { lower.truth(&bound, false) } else { lower.natural(&bound) };
    lower.stored = false;
    piece?.into_fixed().ok_or_else(|| ClientError::refused("a parameter in DDL"))
}
