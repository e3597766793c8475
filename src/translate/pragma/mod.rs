//! PRAGMA (pragma.html): answered from the snapshot, kept as state of the connection, or taken for nothing where it speaks of
//! SQLite's file. [`names`] are all that SQLite has.

pub mod listing;
mod setting;

use super::lower::literal_text;
use super::parse::scan::{self, Kind, Token};
use super::tree::Class;
use super::{Action, Answer, Columns, Hatch, Options, OutColumn, OutKind, Setting, Statement, Template};
use crate::catalog::{Catalog, Collation};
use crate::error::{ClientError, SqlState};
use crate::value::Value;
use listing::Asked;

pub use setting::find as setting;

/// PRAGMAs that answer nothing, here as in SQLite: of the file, of memory, of debugging.
const SILENT: [&str; 13] = [
    "data_store_directory",
    "default_cache_size",
    "incremental_vacuum",
    "legacy_file_format",
    "optimize",
    "parser_trace",
    "shrink_memory",
    "stats",
    "temp_store_directory",
    "vdbe_addoptrace",
    "vdbe_debug",
    "vdbe_listing",
    "vdbe_trace",
];

/// PRAGMAs that answer with one value of the database's.
const VALUES: [&str; 8] =
    ["application_id", "data_version", "encoding", "freelist_count", "page_count", "schema_version", "user_version", "wal_checkpoint"];

/// Every PRAGMA that is answered, by name.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> =
        setting::all().map(|s| s.name).chain(listing::all().map(|l| l.name)).chain(SILENT).chain(VALUES).chain(["foreign_key_check"]).collect();
    names.sort_unstable();
    names
}

/// What is done with a PRAGMA, in a few words; COMPATIBILITY.md lists it.
pub fn done(name: &str) -> &'static str {
    match name {
        "foreign_keys" => "kept for the connection; makes the database's foreign keys real (`[dialect] foreign_keys`)",
        "busy_timeout" => "kept for the connection; how long a lock is waited for",
        "case_sensitive_like" | "query_only" => "kept for the connection; has its effect",
        "count_changes" | "full_column_names" | "ignore_check_constraints" | "short_column_names" => "its default alone; another value is refused",
        "user_version" | "application_id" => "kept in the database",
        "page_count" => "the database's size",
        _ if listing::find(name).is_some() || name == "foreign_key_check" => "answered from the schema and the tables",
        _ if setting::find(name).is_some() => "kept for the connection, without effect",
        _ if SILENT.contains(&name) => "without effect",
        _ => "answered with what holds here",
    }
}

/// Translates a PRAGMA.
pub fn pragma(sql: &str, tokens: &[Token], catalog: &Catalog, options: &Options) -> Result<Action, ClientError> {
    let mut words = tokens[1..].iter();
    let mut name = words.next().ok_or_else(|| ClientError::new(SqlState::SYNTAX_ERROR, "incomplete input").at(sql.len()))?;
    let mut rest: Vec<&Token> = words.filter(|t| !t.is_op(sql, ";")).collect();
    let mut database = None;
    if rest.first().is_some_and(|t| t.is_op(sql, ".")) {
        let qualifier = scan::unquote(name.text(sql));
        if catalog.schema_of(&qualifier).is_none() {
            return Err(ClientError::new(SqlState::INVALID_SCHEMA_NAME, format!("unknown database {qualifier}")).at(name.at.start));
        }
        database = Some(qualifier);
        name = rest.get(1).ok_or_else(|| ClientError::syntax(".").at(name.at.end))?;
        rest.drain(..2);
    }
    let word = scan::unquote(name.text(sql)).to_ascii_lowercase();
    let argument = argument(sql, &rest)?;
    if let Some(setting) = setting::find(&word) {
        return keep(setting, argument.as_deref(), catalog, options).map_err(|e| e.at(name.at.start));
    }
    let asked = Asked { catalog, options, database: database.as_deref(), argument: argument.as_deref() };
    if let Some(listing) = listing::find(&word) {
        return Ok(rows(listing.columns, listing.rows(asked)?));
    }
    let one = |value: Value| {
        let class = if matches!(value, Value::Integer(_)) { Class::Integer } else { Class::Text };
        rows(&[(&word, class)], vec![vec![value]])
    };
    Ok(match word.as_str() {
        "user_version" | "application_id" => match &argument {
            Some(value) => keep_number(&number_key(&word, asked), value),
            None => one(stored_number(&number_key(&word, asked), catalog)),
        },
        "encoding" | "schema_version" if argument.is_some() => silent(),
        "encoding" | "schema_version" | "data_version" | "freelist_count" => one(value(&word, catalog).unwrap_or(Value::Null)),
        "page_count" => page_count(),
        "wal_checkpoint" => {
            let columns = [("busy", Class::Integer), ("log", Class::Integer), ("checkpointed", Class::Integer)];
            rows(&columns, vec![vec![Value::Integer(0); 3]])
        }
        "foreign_key_check" => match listing::foreign_key_check(asked)? {
            Some(query) => super::translate(&query, &[], catalog, options)?.action,
            None => rows(&listing::CHECKED, Vec::new()),
        },
        "optimize" | "temp_store_directory" => rows(&[(&word, Class::Text)], Vec::new()),
        "module_list" => {
            options.hatches.pass(Hatch::Pragma, || ClientError::refused("PRAGMA module_list").at(name.at.start))?;
            rows(&[("name", Class::Text)], Vec::new())
        }
        // SQLite takes a PRAGMA it does not know for none at all.
        _ => silent(),
    })
}

/// A PRAGMA's value that is the database's, for it and for its table-valued function.
pub fn value(name: &str, catalog: &Catalog) -> Option<Value> {
    match name {
        "encoding" => Some(text("UTF-8")),
        "schema_version" => Some(Value::Integer(catalog.version as i64 & 0x7fff_ffff)),
        // Changes of others are seen without it.
        "data_version" => Some(Value::Integer(1)),
        "freelist_count" => Some(Value::Integer(0)),
        "user_version" | "application_id" => Some(stored_number(name, catalog)),
        _ => None,
    }
}

fn keep(setting: &'static setting::Setting, argument: Option<&str>, catalog: &Catalog, options: &Options) -> Result<Action, ClientError> {
    let value = match argument.map(|a| setting.value(a)).transpose() {
        Ok(value) => value.flatten(),
        Err(refusal) => options.hatches.pass(Hatch::Pragma, || refusal).map(|()| None)?,
    };
    if setting.name == "foreign_keys"
        && options.foreign_keys_by_pragma
        && value.as_deref() == Some("1")
        && let Some(statement) = super::ddl::enforce_foreign_keys(catalog)
    {
        return Ok(Action::Execute(Box::new(Statement { sets: Some(("foreign_keys", "1")), ..statement })));
    }
    let answers = if argument.is_some() { setting.answers } else { setting.name != "case_sensitive_like" };
    Ok(Action::Setting(Setting { name: setting.name, value, default: setting.default, answers }))
}

fn argument(sql: &str, rest: &[&Token]) -> Result<Option<String>, ClientError> {
    let inner = match rest {
        [] => return Ok(None),
        [eq, value @ ..] if eq.is_op(sql, "=") => value,
        [open, value @ .., close] if open.is_op(sql, "(") && close.is_op(sql, ")") => {
            if value.is_empty() {
                return Err(ClientError::syntax(")").at(close.at.start));
            }
            value
        }
        [other, ..] => return Err(ClientError::syntax(other.text(sql)).at(other.at.start)),
    };
    match inner {
        [sign, number] if number.kind != Kind::String && (sign.is_op(sql, "-") || sign.is_op(sql, "+")) => {
            Ok(Some(format!("{}{}", sign.text(sql).trim_start_matches('+'), number.text(sql))))
        }
        [value] => Ok(Some(scan::unquote(value.text(sql)))),
        [_, extra, ..] => Err(ClientError::syntax(extra.text(sql)).at(extra.at.start)),
        [] => Err(ClientError::new(SqlState::SYNTAX_ERROR, "incomplete input").at(sql.len())),
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn flag(value: bool) -> Value {
    Value::Integer(i64::from(value))
}

fn silent() -> Action {
    Action::Answer(Answer { columns: None, rows: Vec::new(), tag: "PRAGMA" })
}

fn rows(columns: &[(&str, Class)], rows: Vec<Vec<Value>>) -> Action {
    let kind = |class| if class == Class::Integer { OutKind::Integer } else { OutKind::Text };
    let columns = columns.iter().map(|(name, class)| OutColumn { name: (*name).to_owned(), kind: kind(*class) }).collect();
    Action::Answer(Answer { columns: Some(columns), rows, tag: "SELECT {}" })
}

/// user_version and application_id are kept in the database, within the transaction.
fn keep_number(key: &str, value: &str) -> Action {
    let n = i32::try_from(setting::number(&value.to_ascii_lowercase())).unwrap_or(0);
    Action::Execute(Box::new(Statement {
        template: Template::fixed(format!(
            "INSERT INTO litewire.meta (key, value) VALUES ({}, '{n}') ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            literal_text(key)
        )),
        tag: Some("PRAGMA"),
        guard: true,
        schema_change: true,
        ..Statement::default()
    }))
}

/// What a number is kept under: that of a database which is attached goes by its schema, too.
fn number_key(name: &str, asked: Asked) -> String {
    let attached = asked.database.and_then(|d| asked.catalog.attached.iter().find(|a| a.name.eq_ignore_ascii_case(d)));
    attached.map_or_else(|| name.to_owned(), |a| format!("{name} {}", a.schema))
}

fn stored_number(key: &str, catalog: &Catalog) -> Value {
    Value::Integer(catalog.meta.get(key).and_then(|v| v.parse().ok()).unwrap_or(0))
}

/// The database's size, in pages of SQLite's size.
fn page_count() -> Action {
    let columns = vec![OutColumn { name: "page_count".to_owned(), kind: OutKind::Integer }];
    Action::Execute(Box::new(Statement {
        template: Template::fixed("SELECT pg_catalog.pg_database_size(pg_catalog.current_database()) / 4096"),
        columns: Columns::Shaped(columns.into()),
        guard: true,
        ..Statement::default()
    }))
}

/// SQLite's name of a collation.
pub fn collation_name(collation: Collation) -> &'static str {
    match collation {
        Collation::Binary => "BINARY",
        Collation::NoCase => "NOCASE",
        Collation::RTrim => "RTRIM",
    }
}
