//! PRAGMA (pragma.html): answered from the snapshot, or kept as state of the connection.

use super::introspect::declared_type;
use super::parse::scan::{self, Kind, Token};
use super::{Action, Answer, Options, OutColumn, OutKind, Setting, Statement, Template};
use crate::catalog::{Catalog, Collation, Index, IndexPart, Relation};
use crate::error::ClientError;
use crate::value::Value;

/// PRAGMAs that keep a value for the connection: name, default, does setting answer with a row, is it a boolean.
const SETTINGS: [(&str, &str, bool, bool); 18] = [
    ("foreign_keys", "0", false, true),
    ("busy_timeout", "0", true, false),
    ("journal_mode", "wal", true, false),
    ("synchronous", "2", false, false),
    ("cache_size", "-2000", false, false),
    ("temp_store", "0", false, false),
    ("mmap_size", "0", false, false),
    ("locking_mode", "normal", true, false),
    ("page_size", "4096", false, false),
    ("auto_vacuum", "0", false, false),
    ("wal_autocheckpoint", "1000", true, false),
    ("case_sensitive_like", "0", false, true),
    ("recursive_triggers", "0", false, true),
    ("defer_foreign_keys", "0", false, true),
    ("read_uncommitted", "0", false, true),
    ("secure_delete", "0", true, true),
    ("automatic_index", "1", false, true),
    ("journal_size_limit", "-1", true, false),
];

/// The PRAGMAs that are kept for the connection; COMPATIBILITY.md lists them.
pub fn settings() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|s| s.0)
}

/// Translates a PRAGMA.
pub fn pragma(sql: &str, tokens: &[Token], catalog: &Catalog, options: &Options) -> Result<Action, ClientError> {
    let mut words = tokens[1..].iter();
    let mut name = words.next().ok_or_else(|| ClientError::new(crate::error::SqlState::SYNTAX_ERROR, "incomplete input").at(sql.len()))?;
    let mut rest: Vec<&Token> = words.collect();
    if rest.first().is_some_and(|t| t.is_op(sql, ".")) {
        name = rest.get(1).ok_or_else(|| ClientError::syntax(".").at(name.at.end))?;
        rest.drain(..2);
    }
    let name_text = scan::unquote(name.text(sql)).to_ascii_lowercase();
    let argument = argument(sql, &rest)?;
    if let Some((name, default, answers, boolean)) = SETTINGS.iter().find(|s| s.0 == name_text) {
        let value = argument.map(|v| if *boolean { truth(&v) } else { v.to_ascii_lowercase() });
        if *name == "foreign_keys"
            && options.foreign_keys_by_pragma
            && value.as_deref() == Some("1")
            && let Some(statement) = super::ddl::enforce_foreign_keys(catalog)
        {
            return Ok(Action::Execute(Box::new(Statement { sets: Some(("foreign_keys", "1")), ..statement })));
        }
        // A change of the file's format has no meaning here; the value in force is told.
        let value = if matches!(*name, "journal_mode" | "page_size" | "auto_vacuum") { None } else { value };
        let answers = *answers || value.is_none() && rest.is_empty() || *name == "journal_mode";
        return Ok(Action::Setting(Setting { name, value, default, answers }));
    }
    let table = || argument.as_deref().and_then(|n| catalog.relation(n));
    Ok(match name_text.as_str() {
        "table_info" | "table_xinfo" if table().is_some_and(|t| t.view_text().is_some()) => {
            let columns = table().map_or(Ok(Vec::new()), |t| super::bind::columns_of_view(t, catalog, options))?;
            view_info(columns, name_text == "table_xinfo")
        }
        "table_info" => rows(&["cid", "name", "type", "notnull", "dflt_value", "pk"], table().map_or(Vec::new(), |t| table_info(t, false))),
        "table_xinfo" => rows(&["cid", "name", "type", "notnull", "dflt_value", "pk", "hidden"], table().map_or(Vec::new(), |t| table_info(t, true))),
        "table_list" => rows(&["schema", "name", "type", "ncol", "wr", "strict"], table_list(catalog, argument.as_deref())),
        "index_list" => rows(&["seq", "name", "unique", "origin", "partial"], table().map_or(Vec::new(), index_list)),
        "index_info" | "index_xinfo" => {
            let found = catalog.relations.iter().find_map(|r| {
                named_indexes(r).into_iter().find(|(n, _)| argument.as_deref().is_some_and(|a| a.eq_ignore_ascii_case(n))).map(|(_, i)| (r, i))
            });
            rows(&["seqno", "cid", "name"], found.map_or(Vec::new(), |(r, i)| index_info(r, i)))
        }
        "foreign_key_list" => rows(
            &["id", "seq", "table", "from", "to", "on_update", "on_delete", "match"],
            table().map_or(Vec::new(), |t| foreign_key_list(t, catalog)),
        ),
        "database_list" => rows(&["seq", "name", "file"], vec![vec![Value::Integer(0), text("main"), text("")]]),
        "collation_list" => {
            rows(&["seq", "name"], ["RTRIM", "NOCASE", "BINARY"].iter().enumerate().map(|(i, n)| vec![Value::Integer(i as i64), text(n)]).collect())
        }
        "encoding" => rows(&["encoding"], vec![vec![text("UTF-8")]]),
        "integrity_check" | "quick_check" => {
            rows(&[if name_text == "quick_check" { "quick_check" } else { "integrity_check" }], vec![vec![text("ok")]])
        }
        "wal_checkpoint" => rows(&["busy", "log", "checkpointed"], vec![vec![Value::Integer(0); 3]]),
        "user_version" | "application_id" => return Ok(meta(&name_text, argument, catalog)),
        "schema_version" | "data_version" => rows(&[&name_text.clone()], vec![vec![Value::Integer(catalog.version as i64)]]),
        "page_count" | "freelist_count" => rows(&[&name_text.clone()], vec![vec![Value::Integer(0)]]),
        "foreign_key_check" => return super::ddl::check_foreign_keys(catalog, argument.as_deref()),
        "function_list" | "pragma_list" | "compile_options" | "module_list" => {
            return Err(ClientError::refused(format!("PRAGMA {name_text}")).at(name.at.start));
        }
        // SQLite takes a PRAGMA it does not know for none at all.
        _ => Action::Answer(Answer { columns: None, rows: Vec::new(), tag: "PRAGMA" }),
    })
}

fn argument(sql: &str, rest: &[&Token]) -> Result<Option<String>, ClientError> {
    let inner = match rest {
        [] => return Ok(None),
        [eq, value @ ..] if eq.is_op(sql, "=") => value,
        [open, value @ .., close] if open.is_op(sql, "(") && close.is_op(sql, ")") => value,
        [other, ..] => return Err(ClientError::syntax(other.text(sql)).at(other.at.start)),
    };
    match inner {
        [sign, number] if number.kind != Kind::String && (sign.is_op(sql, "-") || sign.is_op(sql, "+")) => {
            Ok(Some(format!("{}{}", sign.text(sql).trim_start_matches('+'), number.text(sql))))
        }
        [value] => Ok(Some(scan::unquote(value.text(sql)))),
        [_, extra, ..] => Err(ClientError::syntax(extra.text(sql)).at(extra.at.start)),
        [] => Err(ClientError::new(crate::error::SqlState::SYNTAX_ERROR, "incomplete input").at(sql.len())),
    }
}

/// A boolean argument (`sqlite3GetBoolean`).
fn truth(value: &str) -> String {
    let on = matches!(value.to_ascii_lowercase().as_str(), "on" | "yes" | "true") || value.parse::<i64>().is_ok_and(|n| n != 0);
    String::from(if on { "1" } else { "0" })
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn flag(value: bool) -> Value {
    Value::Integer(i64::from(value))
}

fn rows(names: &[&str], rows: Vec<Vec<Value>>) -> Action {
    let kind = |at: usize| match rows.iter().map(|r| &r[at]).find(|v| **v != Value::Null) {
        Some(Value::Integer(_)) => OutKind::Integer,
        _ => OutKind::Text,
    };
    let columns = names.iter().enumerate().map(|(i, n)| OutColumn { name: (*n).to_owned(), kind: kind(i) }).collect();
    Action::Answer(Answer { columns: Some(columns), rows, tag: "SELECT {}" })
}

fn table_info(table: &Relation, hidden: bool) -> Vec<Vec<Value>> {
    let key = table.primary_key();
    let rowid = table.rowid().map(|(r, _)| r);
    let visible = table.columns.iter().enumerate().filter(|(_, c)| !c.hidden && (hidden || !c.generated));
    visible
        .enumerate()
        .map(|(cid, (at, c))| {
            let pk = key.iter().position(|k| *k == at).map_or(0, |p| p as i64 + 1);
            // SQLite says 0 for an INTEGER PRIMARY KEY, which is never NULL all the same.
            let not_null = c.not_null && !(pk > 0 && table.is_sqlite() && (rowid == Some(at) || !table.without_rowid));
            let default = c.default.as_ref().filter(|_| c.sequence.is_none() && !c.generated).map_or(Value::Null, |d| Value::Text(default_text(d)));
            let mut row = vec![Value::Integer(cid as i64), text(&c.name), text(&declared_type(c)), flag(not_null), default, Value::Integer(pk)];
            if hidden {
                row.push(Value::Integer(if c.generated { 3 } else { 0 }));
            }
            row
        })
        .collect()
}

fn view_info(columns: Vec<(String, String)>, hidden: bool) -> Action {
    let row = |(cid, (name, declared)): (usize, (String, String))| {
        let zero = Value::Integer(0);
        let mut row = vec![Value::Integer(cid as i64), Value::Text(name), Value::Text(declared), zero.clone(), Value::Null, zero.clone()];
        row.extend(hidden.then_some(zero));
        row
    };
    let names = ["cid", "name", "type", "notnull", "dflt_value", "pk", "hidden"];
    rows(&names[..6 + usize::from(hidden)], columns.into_iter().enumerate().map(row).collect())
}

/// A default without the backend's casts.
fn default_text(default: &str) -> String {
    let plain = default
        .rsplit_once("::")
        .filter(|(_, ty)| ty.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ' || c == '_' || c == '"'))
        .map_or(default, |(head, _)| head);
    let plain = plain.strip_prefix('(').and_then(|p| p.strip_suffix(')')).unwrap_or(plain);
    if plain.contains("statement_timestamp()") { "CURRENT_TIMESTAMP".to_owned() } else { plain.to_owned() }
}

fn table_list(catalog: &Catalog, only: Option<&str>) -> Vec<Vec<Value>> {
    let wanted = |r: &&Relation| only.is_none_or(|n| n.eq_ignore_ascii_case(&r.name));
    let row = |r: &Relation| {
        let kind = if r.kind == crate::catalog::RelationKind::Table { "table" } else { "view" };
        let count = r.columns.iter().filter(|c| !c.hidden).count() as i64;
        vec![text("main"), text(&r.name), text(kind), Value::Integer(count), flag(r.without_rowid), flag(r.strict)]
    };
    catalog.relations.iter().filter(wanted).map(row).collect()
}

/// The indexes that SQLite would have, with SQLite's names for the automatic ones; the newest first.
fn named_indexes(table: &Relation) -> Vec<(String, &Index)> {
    let rowid = table.rowid().map(|(r, _)| r);
    let mut automatic = 0;
    let visible = table
        .indexes
        .iter()
        .filter(|i| !matches!(i.parts.as_slice(), [IndexPart::Column(c)] if rowid == Some(*c) && (i.primary || table.columns[*c].hidden)));
    let mut out: Vec<(String, &Index)> = visible
        .map(|i| {
            if i.constraint {
                automatic += 1;
                (format!("sqlite_autoindex_{}_{automatic}", table.name), i)
            } else {
                (i.name.clone(), i)
            }
        })
        .collect();
    out.reverse();
    out
}

fn index_list(table: &Relation) -> Vec<Vec<Value>> {
    let row = |(seq, (name, index)): (usize, (String, &Index))| {
        let origin = if index.primary {
            "pk"
        } else if index.constraint {
            "u"
        } else {
            "c"
        };
        vec![Value::Integer(seq as i64), Value::Text(name), flag(index.unique), text(origin), flag(index.predicate.is_some())]
    };
    named_indexes(table).into_iter().enumerate().map(row).collect()
}

fn index_info(table: &Relation, index: &Index) -> Vec<Vec<Value>> {
    let visible: Vec<usize> = (0..table.columns.len()).filter(|i| !table.columns[*i].hidden).collect();
    let row = |(seq, part): (usize, &IndexPart)| match part {
        IndexPart::Column(c) => {
            let cid = visible.iter().position(|v| v == c).map_or(-1, |p| p as i64);
            vec![Value::Integer(seq as i64), Value::Integer(cid), text(&table.columns[*c].name)]
        }
        IndexPart::Expression(_) => vec![Value::Integer(seq as i64), Value::Integer(-2), Value::Null],
    };
    index.parts.iter().enumerate().map(row).collect()
}

fn foreign_key_list(table: &Relation, catalog: &Catalog) -> Vec<Vec<Value>> {
    let mut out = Vec::new();
    // What SQLite's own text says counts, be it enforced or only recorded.
    let keys = super::ddl::recorded_foreign_keys(table, catalog).unwrap_or_else(|| table.foreign_keys.clone());
    for (id, key) in keys.iter().rev().enumerate() {
        for (seq, from) in key.columns.iter().enumerate() {
            let to = key.target_columns.get(seq).map_or(Value::Null, |c| text(c));
            out.push(vec![
                Value::Integer(id as i64),
                Value::Integer(seq as i64),
                text(&key.target),
                text(from),
                to,
                text(&key.on_update),
                text(&key.on_delete),
                text("NONE"),
            ]);
        }
    }
    out
}

/// user_version and application_id are kept in the database, within the transaction.
fn meta(name: &str, value: Option<String>, catalog: &Catalog) -> Action {
    match value.and_then(|v| v.parse::<i32>().ok()) {
        None => {
            let stored = catalog.meta.get(name).and_then(|v| v.parse().ok()).unwrap_or(0);
            rows(&[name], vec![vec![Value::Integer(stored)]])
        }
        Some(n) => Action::Execute(Box::new(Statement {
            template: Template::fixed(format!(
                "INSERT INTO litewire.meta (key, value) VALUES ('{name}', '{n}') ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            )),
            tag: Some("PRAGMA"),
            guard: true,
            schema_change: true,
            ..Statement::default()
        })),
    }
}

/// SQLite's name of a collation.
pub fn collation_name(collation: Collation) -> &'static str {
    match collation {
        Collation::Binary => "BINARY",
        Collation::NoCase => "NOCASE",
        Collation::RTrim => "RTRIM",
    }
}
