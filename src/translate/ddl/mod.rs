//! CREATE, DROP, ALTER. Each becomes one DO block, so that the backend's objects and the registry's rows change together.

mod alter;
mod create;
mod drop;
mod foreign;
mod index;
mod mention;
mod module;
mod remade;
mod select;
mod statistics;
mod text;
mod types;
mod view;
mod widen;

use super::bind::{Binder, Bound, quote_ident, split_name};
use super::lower::{Lower, literal_text};
use super::parse::scan;
use super::plan::{Statement, Template};
use super::tree::{Callee, Expr, Kind};
use super::{Action, Answer, Options};
use crate::catalog::{Catalog, Relation, RelationKind, TEMPORARY};
use crate::error::{ClientError, SqlState};
use sqlparser::ast;

pub use create::relation_of;
pub use foreign::{enforce_foreign_keys, mismatch, recorded as recorded_foreign_keys, refers};
pub use index::{IndexKey, index_keys};
pub use statistics::{Analyzed, analyze};
pub use text::{check_named, default_texts};
pub use types::COLUMN_TYPES;
pub use view::{reads_other, typed as typed_views};
pub use widen::{may_widen, widen, widening};

/// What a DDL statement does.
struct Change {
    /// At the backend, in order.
    steps: Vec<String>,
    /// The relations as they are afterwards.
    relations: Vec<Relation>,
    /// Names of relations that came, went or have other columns; what was made of them is made again.
    touched: Vec<String>,
}

impl Change {
    /// The catalog as it is afterwards.
    fn catalog(self, before: &Catalog, options: &Options) -> (Vec<String>, Vec<String>, Catalog) {
        let mut after = before.with_relations(self.relations);
        view::typed(&mut after, options);
        (self.steps, self.touched, after)
    }
}

/// A statement's tag, and what it does; None when that is nothing (IF NOT EXISTS).
fn change<'a>(statement: &ast::Statement, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Option<Bound<(&'static str, Option<Change>)>> {
    use ast::Statement as S;
    let (tag, change) = match statement {
        S::CreateTable(create) => ("CREATE TABLE", create::table(create, binder, lower)),
        S::CreateIndex(create) => ("CREATE INDEX", index::index(create, binder, lower)),
        S::CreateView(create) => ("CREATE VIEW", view::view(create, binder)),
        S::AlterTable(alter) => ("ALTER TABLE", alter::alter(alter, binder, lower).map(Some)),
        S::Drop { object_type, if_exists, names, .. } => drop::tagged(*object_type, *if_exists, names, binder),
        _ => return None,
    };
    Some(change.map(|change| (tag, change)))
}

/// Translates CREATE, ALTER and DROP; None for another statement.
pub fn action<'a>(statement: &ast::Statement, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Option<Bound<Action>> {
    let before = binder.catalog;
    let made = match change(statement, binder, lower)? {
        Ok(made) => made,
        Err(error) => return Some(Err(error)),
    };
    let (tag, Some(change)) = made else { return Some(Ok(done(made.0))) };
    Some(Ok(performed(change, before, binder.options, tag)))
}

/// A change with all that follows from it.
fn performed(change: Change, before: &Catalog, options: &Options, tag: &'static str) -> Action {
    let (mut steps, touched, after) = change.catalog(before, options);
    let temporary = before.is_shared_by(&after);
    if before.helpers.is_some() && !touched.is_empty() && !temporary {
        view::around(&mut steps, &touched, before, &after, options);
        steps.extend(foreign::wanting(&touched, &after, options));
    }
    // What a trigger's text means may have changed.
    steps.extend(super::trigger::steps(before, &after, options));
    Action::Execute(Box::new(Statement { temporary, ..block(&steps, tag) }))
}

/// CREATE VIRTUAL TABLE.
pub fn virtual_table(sql: &str, catalog: &Catalog, options: &Options) -> Bound<Action> {
    let Some(change) = module::create(sql, catalog, options)? else { return Ok(done("CREATE VIRTUAL TABLE")) };
    Ok(performed(change, catalog, options, "CREATE VIRTUAL TABLE"))
}

/// The catalog after a CREATE VIRTUAL TABLE; None when it makes nothing.
pub fn with_virtual_table(sql: &str, catalog: &Catalog, options: &Options) -> Option<Catalog> {
    module::create(sql, catalog, options).ok()?.map(|change| change.catalog(catalog, options).2)
}

/// The catalog after a statement; None when it is no DDL that changes what a translation sees.
pub fn applied<'a>(statement: &ast::Statement, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Option<Catalog> {
    let before = binder.catalog;
    let (_, change) = change(statement, binder, lower)?.ok()?;
    Some(change?.catalog(before, binder.options).2)
}

/// A statement of several steps that stand or fall together.
fn block(steps: &[String], tag: &'static str) -> Statement {
    let body = if steps.is_empty() { "BEGIN END".to_owned() } else { format!("BEGIN\n{};\nEND", steps.join(";\n")) };
    Statement {
        template: Template::fixed(format!("DO {}", in_quotes(&body))),
        tag: Some(tag),
        schema_change: true,
        guard: true,
        ..Statement::default()
    }
}

/// A change of triggers.
pub fn triggers(change: super::trigger::Change, catalog: &Catalog, options: &Options, tag: &'static str) -> Action {
    match change {
        Some(after) => {
            let temporary = catalog.is_shared_by(&after);
            Action::Execute(Box::new(Statement { temporary, ..block(&super::trigger::steps(catalog, &after, options), tag) }))
        }
        None => done(tag),
    }
}

/// A text between quotes that it cannot contain.
pub fn in_quotes(body: &str) -> String {
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

/// The schema that an object is created in.
fn placed(name: &ast::ObjectName, temporary: bool, what: &str, binder: &Binder) -> Bound<String> {
    let (database, ident) = split_name(name)?;
    let is = |wanted: &str| database.as_deref().is_some_and(|d| d.eq_ignore_ascii_case(wanted));
    if temporary && database.is_some() && !is("temp") {
        let message = format!("temporary {what} name must be unqualified");
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(binder.at(ident.span)));
    }
    let database = if temporary { "temp" } else { database.as_deref().unwrap_or("main") };
    binder
        .catalog
        .schema_of(database)
        .map(str::to_owned)
        .ok_or_else(|| ClientError::new(SqlState::INVALID_SCHEMA_NAME, format!("unknown database {database}")).at(binder.at(ident.span)))
}

/// The statement that records an object of SQLite's; a session keeps its temporary ones to itself.
fn register(schema: &str, kind: &str, name: &str, table: &str, sql: &str) -> Option<String> {
    let class = literal_text(&qualified(schema, name));
    (schema != TEMPORARY).then(|| format!(
        "INSERT INTO litewire.objects (relid, kind, name, tbl_name, sql) VALUES ({class}::regclass, {}, {}, {}, {}) ON CONFLICT (relid) DO UPDATE SET kind = excluded.kind, name = excluded.name, tbl_name = excluded.tbl_name, sql = excluded.sql",
        literal_text(kind),
        literal_text(name),
        literal_text(table),
        literal_text(sql)
    ))
}

fn qualified(schema: &str, name: &str) -> String {
    if schema.is_empty() { quote_ident(name) } else { format!("{}.{}", quote_ident(schema), quote_ident(name)) }
}

/// The table of SQLite's own that a name means.
pub fn own_table(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "sqlite_master" | "sqlite_schema" => Some("sqlite_master"),
        "sqlite_temp_master" | "sqlite_temp_schema" => Some("sqlite_temp_master"),
        "sqlite_sequence" => Some("sqlite_sequence"),
        _ => None,
    }
}

/// Tables, views and indexes share one set of names. True where IF NOT EXISTS makes a statement do nothing.
fn named_otherwise(ident: &ast::Ident, schema: &str, if_not_exists: bool, binder: &Binder) -> Bound<bool> {
    let (name, at, catalog) = (&ident.value, binder.at(ident.span), binder.catalog);
    let database = Some(catalog.database_of(schema));
    if name.to_ascii_lowercase().starts_with("sqlite_") {
        let message = format!("object name reserved for internal use: {name}");
        return Err(ClientError::new(SqlState::INVALID_PARAMETER_VALUE, message).at(at));
    }
    let duplicate = |message: String| Err(ClientError::new(SqlState::DUPLICATE_TABLE, message).at(at));
    match catalog.relation_in(database, name) {
        Some(_) if if_not_exists => Ok(true),
        Some(there) if there.kind == RelationKind::Table => duplicate(format!("table {name} already exists")),
        Some(_) => duplicate(format!("view {name} already exists")),
        None if catalog.index_in(database, name).is_some_and(|(_, i)| !i.constraint) => duplicate(format!("there is already an index named {name}")),
        None => Ok(false),
    }
}

/// DDL keeps SQLite's own text, for which the registry is needed.
pub fn needs_registry(catalog: &Catalog) -> Bound<()> {
    if catalog.helpers.is_some() {
        return Ok(());
    }
    Err(ClientError::refused("SQLite's DDL without the helper schema")
        .hint("Run `litewire helpers --print | psql …` as a role that may create a schema."))
}

/// A predicate kept at the backend that must not depend on anything but its row; `place` is what SQLite calls it.
fn stored_expression(e: &ast::Expr, place: &str, binder: &mut Binder, lower: &mut Lower) -> Bound<String> {
    let bound = binder.expr(e)?;
    pure(&bound, place)?;
    (lower.stored, lower.pure) = (true, true);
    let piece = lower.truth(&bound, false);
    (lower.stored, lower.pure) = (false, false);
    piece?.into_fixed().ok_or_else(|| ClientError::refused("a parameter in DDL"))
}

/// A column of a generated column's or an index's expression stands without its table.
fn unqualified(e: &ast::Expr, place: &str) -> Bound<()> {
    let text = e.to_string();
    if scan::tokens(&text).iter().any(|t| t.is_op(&text, ".")) {
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, format!("the \".\" operator prohibited in {place}")));
    }
    Ok(())
}

/// What stands for an expression that reads the clock where SQLite refuses that only when it is computed; `column` keeps the backend
/// from computing it at once.
fn clock_refused(bound: &Expr, place: &str, column: &str, lower: &Lower) -> Bound<Option<String>> {
    let mut name = None;
    bound.any(&mut |e| {
        if let Kind::Counter(super::Source::Now(call)) = &e.kind {
            name = Some(super::functions::date_name(call));
        }
        name.is_some()
    });
    let Some(name) = name else { return Ok(None) };
    let message = super::lower::literal_text(&format!("non-deterministic use of {name}() in {place}"));
    Ok(Some(format!("{}({message}, {column} IS NULL)", lower.helper("refuse")?)))
}

/// What SQLite refuses in an expression that is kept in the schema.
fn pure(bound: &Expr, place: &str) -> Bound<()> {
    let mut found = None;
    bound.any(&mut |e| {
        found = match &e.kind {
            Kind::Subquery(_) | Kind::Exists(_) | Kind::InQuery(..) => Some(format!("subqueries prohibited in {place}")),
            Kind::Param(_) => Some(format!("parameters prohibited in {place}")),
            Kind::Counter(source) if !matches!(source, super::Source::Now(_)) => Some(format!("non-deterministic functions prohibited in {place}")),
            Kind::Call(call) => match call.function {
                Callee::Known(f) if call.over.is_some() => Some(format!("misuse of window function {}()", f.name)),
                Callee::Known(f) if f.is_aggregate(call.args.len()) => Some(format!("misuse of aggregate function {}()", f.name)),
                Callee::Known(f) if !f.is_deterministic() && place != "CHECK constraints" => {
                    Some(format!("non-deterministic functions prohibited in {place}"))
                }
                _ => None,
            },
            _ => None,
        };
        found.is_some()
    });
    found.map_or(Ok(()), |message| Err(ClientError::new(SqlState::SYNTAX_ERROR, message)))
}
