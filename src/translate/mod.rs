//! SQLite's text to a plan. Pure: text, parameter classes and a catalog snapshot in, a [`Plan`] out; no socket, no async.
//!
//! parse ([`parse`]: sqlparser with SQLite's precedence) → bind (names against the catalog, a typed [`tree`]) → lower
//! (demand-driven, to PostgreSQL's text with slots) → [`Plan`].

pub mod attach;
mod bind;
pub mod cache;
mod ddl;
mod explain;
pub mod functions;
pub mod hatch;
mod introspect;
mod lower;
mod maintenance;
pub mod parse;
pub mod plan;
pub mod pragma;
mod shared;
mod traces;
mod transaction;
pub mod tree;
mod trigger;
mod write;

pub use bind::quote_ident as bind_ident;
pub use ddl::{may_widen, widen};
pub use hatch::{HATCHES, Hatch, Hatches, Set as HatchSet};
pub use introspect::{create_text, declared_type};
pub use lower::Misfit;
pub use lower::literal_text;
pub use plan::*;
pub use shared::{Shared, is_shared_name, shared, shared_name};
pub use traces::{Traces, traces};

use crate::catalog::{Catalog, oid};
use crate::error::{ClientError, SqlState};
use parse::scan::{self, Kind, Token};
use sqlparser::ast;

/// What of a session shapes a translation (part of the cache's key).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Options {
    /// `[dialect] results`, `SET litewire.results`: SQLite's types on the wire, or PostgreSQL's own.
    pub native_results: bool,
    /// `[dialect] untyped_params = "infer"`: an untyped parameter that no context demands is taken by its looks.
    pub infer_params: bool,
    /// `[dialect] types = "native"`: declared types become PostgreSQL's nearest.
    pub native_types: bool,
    /// PRAGMA case_sensitive_like.
    pub case_sensitive_like: bool,
    /// Foreign keys of new tables become real constraints.
    pub foreign_keys: bool,
    /// The session itself has said so: DROP TABLE and ALTER TABLE mind what refers to a table.
    pub foreign_keys_checked: bool,
    /// PRAGMA legacy_alter_table: views and triggers do not follow the renaming of a table.
    pub legacy_alter_table: bool,
    /// PRAGMA foreign_keys = ON makes the recorded foreign keys of all tables real (`[dialect] foreign_keys = "first-pragma"`).
    pub foreign_keys_by_pragma: bool,
    /// `[dialect] misfit = "widen"`: a column that cannot hold a value becomes dynamic, where that is safe and the table has no
    /// more bytes than that.
    pub widen: Option<usize>,
    /// `[dialect.hatches]`
    pub hatches: Hatches,
    /// Columns of new tables whose type is stated, not derived from the declared one; None in a client's session.
    pub column_types: Option<std::sync::Arc<ColumnTypes>>,
}

/// Types of PostgreSQL for columns, by table and column in lower case. A name is one of [`COLUMN_TYPES`].
pub type ColumnTypes = std::collections::BTreeMap<(String, String), String>;

pub use ddl::{COLUMN_TYPES, check_named};

/// Verbs of PostgreSQL's own: the text is forwarded as it came.
const NATIVE_VERBS: [&str; 30] = [
    "SET",
    "SHOW",
    "RESET",
    "LISTEN",
    "UNLISTEN",
    "NOTIFY",
    "COPY",
    "GRANT",
    "REVOKE",
    "DISCARD",
    "DO",
    "CALL",
    "TRUNCATE",
    "COMMENT",
    "LOCK",
    "FETCH",
    "DECLARE",
    "CLOSE",
    "MOVE",
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "CLUSTER",
    "REFRESH",
    "SECURITY",
    "MERGE",
    "TABLE",
    "IMPORT",
    "LOAD",
    "CHECKPOINT",
];

/// Objects of PostgreSQL's own behind CREATE, ALTER and DROP.
const NATIVE_OBJECTS: [&str; 24] = [
    "FUNCTION",
    "PROCEDURE",
    "EXTENSION",
    "SCHEMA",
    "TYPE",
    "DOMAIN",
    "SEQUENCE",
    "ROLE",
    "USER",
    "DATABASE",
    "POLICY",
    "OPERATOR",
    "AGGREGATE",
    "COLLATION",
    "PUBLICATION",
    "SUBSCRIPTION",
    "SERVER",
    "FOREIGN",
    "TABLESPACE",
    "MATERIALIZED",
    "RULE",
    "STATISTICS",
    "EVENT",
    "SYSTEM",
];

/// The places of the statements in a text that may hold several, by SQLite's tokens (a trigger's body is one statement).
/// Statements of nothing but comments are left out.
pub fn split(sql: &str) -> Vec<StatementRange> {
    scan::statements(sql)
}

/// Translates one statement.
///
/// `params` holds what is known of the client's parameters, by number from 1; shorter than needed means Unknown.
/// Errors carry a byte position into `sql`.
pub fn translate(sql: &str, params: &[ParamClass], catalog: &Catalog, options: &Options) -> Result<Plan, ClientError> {
    let (plan, passed) = options.hatches.noted(|| ddl::widening(catalog, options, |catalog, misfit| attempt(sql, params, catalog, options, misfit)));
    plan.map(|plan| Plan { hatches: passed, traces: traces(sql), ..plan })
}

fn attempt(sql: &str, params: &[ParamClass], catalog: &Catalog, options: &Options, misfit: &mut Option<lower::Misfit>) -> Result<Plan, ClientError> {
    let tokens = scan::tokens(sql);
    let Some(first) = tokens.first() else { return Ok(Plan::of(Action::Empty, Vec::new())) };
    let verb = first.text(sql).to_ascii_uppercase();
    let second = tokens.get(1).map_or(String::new(), |t| t.text(sql).to_ascii_uppercase());
    let plain = |action| Ok(Plan::of(action, Vec::new()));
    match verb.as_str() {
        "PRAGMA" => return plain(pragma::pragma(sql, &tokens, catalog, options)?),
        "BEGIN" | "START" | "COMMIT" | "END" | "ROLLBACK" | "ABORT" | "SAVEPOINT" | "RELEASE" => {
            return plain(Action::Transaction(transaction::control(sql, &tokens)?));
        }
        "VACUUM" | "ANALYZE" | "REINDEX" => return plain(maintenance::maintenance(sql, &tokens, catalog, options)?),
        "EXPLAIN" => return explain::explain(sql, &tokens, params, catalog, options),
        "ATTACH" | "DETACH" => {
            let (attach, count) = attach::attach(sql, &tokens, catalog, options)?;
            return Ok(Plan::of(Action::Attach(attach), vec![oid::TEXT; count]));
        }
        "CREATE" if parse::trigger::is_create(sql, &tokens) => {
            ddl::needs_registry(catalog)?;
            return plain(ddl::triggers(trigger::create(sql, catalog, options, misfit)?, catalog, options, "CREATE TRIGGER"));
        }
        "DROP" if second == "TRIGGER" => return plain(ddl::triggers(trigger::drop(sql, &tokens, catalog)?, catalog, options, "DROP TRIGGER")),
        "CREATE" if second == "VIRTUAL" => return plain(ddl::virtual_table(sql, catalog, options)?),
        "CREATE" | "ALTER" | "DROP"
            if NATIVE_OBJECTS.contains(&second.as_str()) || tokens.iter().take(4).any(|t| t.is(sql, "FUNCTION") || t.is(sql, "PROCEDURE")) =>
        {
            return Ok(native(sql, &tokens));
        }
        _ if NATIVE_VERBS.contains(&verb.as_str()) => return Ok(native(sql, &tokens)),
        _ if reads_system_catalog(sql, &tokens, catalog) => return Ok(native(sql, &tokens)),
        _ => {}
    }
    let statement = parse::parse(sql)?;
    let mut binder = bind::Binder::new(sql, params, catalog, options);
    let mut lower = lower::Lower::new(catalog, options);
    lower.params = params;
    let action = action(&statement, &mut binder, &mut lower);
    *misfit = lower.misfit.take();
    let mut plan = announce(action?, binder.parameters(), params);
    if let Action::Execute(made) = &mut plan.action {
        made.may_misfit = lower.may_misfit && options.widen.is_some();
    }
    Ok(plan)
}

fn action<'a>(statement: &ast::Statement, binder: &mut bind::Binder<'a>, lower: &mut lower::Lower<'a>) -> Result<Action, ClientError> {
    use ast::Statement as S;
    match statement {
        S::Query(query) => {
            if let ast::SetExpr::Insert(write) | ast::SetExpr::Update(write) | ast::SetExpr::Delete(write) = &*query.body {
                return with_write(query, write, binder, lower);
            }
            let bound = binder.named_query(query, &scan::result_items(binder.sql, false))?;
            if let Some(counters) = counters_alone(&bound).filter(|_| !lower.options.native_results) {
                return Ok(Action::Counters(counters));
            }
            let (text, columns) = lower.output(&bound)?;
            let columns = if lower.options.native_results { Columns::Backend } else { Columns::Shaped(columns.into()) };
            let only_reads = !binder.reaches_out;
            Ok(Action::Execute(Box::new(Statement { template: text.into_template(), columns, guard: true, only_reads, ..Statement::default() })))
        }
        S::Insert(_) | S::Update(_) | S::Delete(_) => Ok(Action::Execute(Box::new(write::write(statement, binder, lower)?))),
        other => {
            if let Some(action) = ddl::action(statement, binder, lower) {
                return action;
            }
            Err(ClientError::refused(format!("the statement {}", other.to_string().split_whitespace().take(2).collect::<Vec<_>>().join(" "))).at(0))
        }
    }
}

/// The columns of a query that reads nothing but the session's counters.
fn counters_alone(query: &tree::Query) -> Option<Vec<(OutColumn, Source)>> {
    let tree::Query { ctes, body: tree::Body::Select(select), limit: None, offset: None, columns, .. } = query else { return None };
    let tree::Select { items, from: None, filter: None, having: None, aggregate: false, .. } = &**select else { return None };
    let counter = |(item, column): (&tree::Expr, &tree::ResultColumn)| match &item.kind {
        tree::Kind::Counter(source @ (Source::LastInsertRowid | Source::Changes | Source::TotalChanges)) => {
            Some((OutColumn { name: column.name.clone(), kind: OutKind::Integer }, source.clone()))
        }
        _ => None,
    };
    ctes.is_empty().then(|| items.iter().zip(columns).map(counter).collect()).flatten()
}

/// WITH in front of an INSERT, UPDATE or DELETE.
fn with_write<'a>(
    query: &ast::Query,
    statement: &ast::Statement,
    binder: &mut bind::Binder<'a>,
    lower: &mut lower::Lower<'a>,
) -> Result<Action, ClientError> {
    let (ctes, recursive) = binder.common_tables(query)?;
    let mut written = write::write(statement, binder, lower)?;
    let mut text = lower.with(&ctes, recursive)?.into_template();
    if matches!(written.template.parts.first(), Some(Part::Text(first)) if first.starts_with("WITH ")) {
        return Err(ClientError::refused("WITH in front of a REPLACE into a table with several unique keys"));
    }
    if ctes.iter().any(|cte| stands_in_a_literal(&written.template, &cte.name)) {
        return Err(ClientError::refused("a common table that is read by a write which goes row by row"));
    }
    text.append(&written.template);
    written.template = text;
    Ok(Action::Execute(Box::new(written)))
}

/// Does a name stand in a text that a helper runs for each row? Such a text sees no common table.
fn stands_in_a_literal(template: &Template, name: &str) -> bool {
    let text = template.numbered();
    let helper = text.contains("litewire.each(") || text.contains("litewire.write_rows(");
    helper && scan::tokens(&text).iter().any(|t| t.kind == Kind::String && t.text(&text).contains(name))
}

/// A statement of PostgreSQL's own, `$n` its only holes.
fn native(sql: &str, tokens: &[Token]) -> Plan {
    let mut template = Template::default();
    let number = |t: &Token| t.text(sql).strip_prefix('$').and_then(|n| n.parse::<usize>().ok());
    let highest = tokens.iter().filter(|t| t.kind == Kind::Placeholder).filter_map(number).max().unwrap_or(0);
    // In the order of their numbers, so that the backend's own description of them is the client's.
    template.slots = (1..=highest).map(|n| Slot { source: Source::Client(n), demand: Demand::Native(0) }).collect();
    let mut last = 0;
    for token in tokens.iter().filter(|t| t.kind == Kind::Placeholder) {
        let Some(number) = number(token) else { continue };
        template.push(&sql[last..token.at.start]);
        template.slot(Source::Client(number), Demand::Native(0));
        last = token.at.end;
    }
    template.push(&sql[last..]);
    let first = tokens.first().map_or(String::new(), |t| t.text(sql).to_ascii_uppercase());
    let schema_change = matches!(first.as_str(), "CREATE" | "ALTER" | "DROP" | "DO" | "IMPORT");
    let guard = !matches!(first.as_str(), "SET" | "RESET" | "SHOW" | "CHECKPOINT" | "CLUSTER" | "DISCARD");
    let statement = Statement { template, columns: Columns::Backend, guard, schema_change, ..Statement::default() };
    Plan::of(Action::Execute(Box::new(statement)), vec![0; highest])
}

/// Does a query read nothing but PostgreSQL's own catalogs (psql, drivers)?
fn reads_system_catalog(sql: &str, tokens: &[Token], catalog: &Catalog) -> bool {
    let mut system = false;
    for (at, token) in tokens.iter().enumerate().filter(|(_, t)| matches!(t.kind, Kind::Word | Kind::Quoted)) {
        let word = scan::unquote(token.text(sql)).to_ascii_lowercase();
        // An alias may well be named as a table is; what is read stands behind FROM or JOIN.
        let read = at > 0 && ["FROM", "JOIN", "INTO", "UPDATE"].iter().any(|w| tokens[at - 1].is(sql, w));
        if read && catalog.by_name.contains_key(&word) {
            return false;
        }
        system |= word.starts_with("pg_") || word == "information_schema";
    }
    system
}

/// The plan, with the types that its parameters are announced with.
fn announce(mut action: Action, count: usize, known: &[ParamClass]) -> Plan {
    let mut params = vec![0; count];
    if let Action::Execute(statement) = &mut action {
        for slot in &statement.template.slots {
            match slot.source {
                Source::Client(n) => {
                    let announced = slot.demand.oid();
                    if let Some(place) = params.get_mut(n - 1).filter(|p| **p == 0) {
                        *place = announced;
                    }
                }
                Source::LastInsertRowid | Source::Changes | Source::TotalChanges => statement.reads_counters = true,
                Source::Now(_) | Source::Pragma(..) => {}
            }
        }
    }
    for (i, place) in params.iter_mut().enumerate().filter(|(_, p)| **p == 0) {
        *place = match known.get(i) {
            Some(ParamClass::Native(oid)) => *oid,
            _ => oid::TEXT,
        };
    }
    Plan::of(action, params)
}

/// A catalog of what SQLite's DDL would create. Errors carry a byte position into `ddl`.
pub fn catalog_from_ddl(ddl: &str) -> Result<Catalog, ClientError> {
    let mut catalog = Catalog { helpers: Some(crate::helpers::VERSION), byte_order: true, current_schema: "public".to_owned(), ..Catalog::default() };
    let options = Options::default();
    for place in split(ddl) {
        let start = place.start;
        let sql = &ddl[place];
        let shifted = |mut e: ClientError| {
            e.position = e.position.map(|p| p + start);
            e
        };
        translate(sql, &[], &catalog, &options).map_err(shifted)?;
        catalog = overlay(sql, &catalog, &options).unwrap_or(catalog);
    }
    catalog.version = 0;
    Ok(catalog)
}

/// The error for a parameter that nobody bound.
pub fn unbound(number: usize) -> ClientError {
    ClientError::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter ${number}"))
        .hint("Send the statement with its parameters by the extended query protocol.")
}

/// The catalog as it is once a DDL statement has run; None for what the catalog does not show.
pub fn overlay(sql: &str, catalog: &Catalog, options: &Options) -> Option<Catalog> {
    let tokens = scan::tokens(sql);
    if parse::trigger::is_create(sql, &tokens) {
        return trigger::create(sql, catalog, options, &mut None).ok()?.map(|after| after.numbered());
    }
    if tokens.first()?.is(sql, "DROP") && tokens.get(1)?.is(sql, "TRIGGER") {
        return trigger::drop(sql, &tokens, catalog).ok()?.map(|after| after.numbered());
    }
    if tokens.get(1)?.is(sql, "VIRTUAL") {
        return ddl::with_virtual_table(sql, catalog, options);
    }
    let statement = parse::parse(sql).ok()?;
    let mut binder = bind::Binder::new(sql, &[], catalog, options);
    let mut lower = lower::Lower::new(catalog, options);
    ddl::applied(&statement, &mut binder, &mut lower)
}
