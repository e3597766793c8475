//! PRAGMAs that answer with a table. Each of them is a table-valued function as well.

use super::{flag, text};
use crate::catalog::module::FullText;
use crate::catalog::{Catalog, Index, IndexPart, Relation, RelationKind};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{columns_of_view, quote_name};
use crate::translate::ddl;
use crate::translate::functions::{self, FunctionKind};
use crate::translate::introspect::{self, SCHEMA, declared_type, indexes, is_automatic};
use crate::translate::tree::Class;
use crate::translate::{Options, parse};
use crate::value::Value;
use sqlparser::ast::{self, ColumnOption, GeneratedExpressionMode, Statement};

/// What a PRAGMA is asked of.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The schema.
    pub catalog: &'a Catalog,
    /// The session's options.
    pub options: &'a Options,
    /// `main` or `temp`, where one is named.
    pub database: Option<&'a str>,
    /// Its argument.
    pub argument: Option<&'a str>,
}

type Rows = Vec<Vec<Value>>;

/// A PRAGMA that answers with a table.
#[derive(Debug)]
pub struct Listing {
    /// Its name.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [(&'static str, Class)],
    /// Has it an argument, and can it do without?
    pub argument: Argument,
    rows: fn(Asked) -> Result<Rows, ClientError>,
}

/// The argument of a [`Listing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// It has none.
    None,
    /// The name of a table; without one it answers for all.
    Optional,
    /// The name of a table or index; without one it answers nothing.
    Required,
}

const I: Class = Class::Integer;
const T: Class = Class::Text;
const INFO: [(&str, Class); 7] = [("cid", I), ("name", T), ("type", T), ("notnull", I), ("dflt_value", T), ("pk", I), ("hidden", I)];
const PARTS: [(&str, Class); 6] = [("seqno", I), ("cid", I), ("name", T), ("desc", I), ("coll", T), ("key", I)];
const FOREIGN: [(&str, Class); 8] = [("id", I), ("seq", I), ("table", T), ("from", T), ("to", T), ("on_update", T), ("on_delete", T), ("match", T)];
const FUNCTIONS: [(&str, Class); 6] = [("name", T), ("builtin", I), ("type", T), ("enc", T), ("narg", I), ("flags", I)];

static LISTINGS: [Listing; 14] = [
    Listing {
        name: "table_info",
        columns: INFO.first_chunk::<6>().expect("seven columns").as_slice(),
        argument: Argument::Required,
        rows: table_info,
    },
    Listing { name: "table_xinfo", columns: &INFO, argument: Argument::Required, rows: table_xinfo },
    Listing {
        name: "table_list",
        columns: &[("schema", T), ("name", T), ("type", T), ("ncol", I), ("wr", I), ("strict", I)],
        argument: Argument::Optional,
        rows: table_list,
    },
    Listing {
        name: "index_list",
        columns: &[("seq", I), ("name", T), ("unique", I), ("origin", T), ("partial", I)],
        argument: Argument::Required,
        rows: index_list,
    },
    Listing {
        name: "index_info",
        columns: PARTS.first_chunk::<3>().expect("six columns").as_slice(),
        argument: Argument::Required,
        rows: index_info,
    },
    Listing { name: "index_xinfo", columns: &PARTS, argument: Argument::Required, rows: index_xinfo },
    Listing { name: "foreign_key_list", columns: &FOREIGN, argument: Argument::Required, rows: foreign_key_list },
    Listing { name: "database_list", columns: &[("seq", I), ("name", T), ("file", T)], argument: Argument::None, rows: database_list },
    Listing { name: "collation_list", columns: &[("seq", I), ("name", T)], argument: Argument::None, rows: collation_list },
    Listing { name: "function_list", columns: &FUNCTIONS, argument: Argument::None, rows: function_list },
    Listing { name: "compile_options", columns: &[("compile_options", T)], argument: Argument::None, rows: compile_options },
    Listing { name: "pragma_list", columns: &[("name", T)], argument: Argument::None, rows: pragma_list },
    Listing { name: "integrity_check", columns: &[("integrity_check", T)], argument: Argument::Optional, rows: check },
    Listing { name: "quick_check", columns: &[("quick_check", T)], argument: Argument::Optional, rows: check },
];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Listing> {
    LISTINGS.iter()
}

/// The one of a lower-case name.
pub fn find(name: &str) -> Option<&'static Listing> {
    LISTINGS.iter().find(|l| l.name == name)
}

impl Listing {
    /// Its rows.
    pub fn rows(&self, asked: Asked) -> Result<Rows, ClientError> {
        (self.rows)(asked)
    }

    /// Every argument that it has an answer for.
    pub fn arguments(&self, catalog: &Catalog) -> Vec<String> {
        let tables = catalog.relations.iter().map(|r| r.name.clone());
        let mut names: Vec<String> = match self.name {
            "index_info" | "index_xinfo" => catalog.relations.iter().flat_map(indexes).map(|(name, _)| name).collect(),
            _ => tables.chain(["sqlite_schema", "sqlite_master", "sqlite_sequence"].map(str::to_owned)).collect(),
        };
        names.sort_unstable_by_key(|n| n.to_ascii_lowercase());
        names.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
        names
    }
}

impl<'a> Asked<'a> {
    fn table(&self) -> Option<&'a Relation> {
        self.argument.and_then(|name| self.catalog.relation_in(self.database, name))
    }

    /// The index of the argument's name, or the key of a table WITHOUT ROWID.
    fn index(&self) -> Option<(&'a Relation, &'a Index)> {
        let name = self.argument?;
        let those = |r: &&Relation| self.database.is_none_or(|d| self.catalog.is_in(r, d));
        let named = self
            .catalog
            .relations
            .iter()
            .filter(those)
            .find_map(|r| indexes(r).into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, i)| (r, i)));
        let key = || self.table().filter(|t| t.without_rowid).and_then(|t| Some((t, t.indexes.iter().find(|i| i.primary)?)));
        named.or_else(key)
    }
}

fn table_info(asked: Asked) -> Result<Rows, ClientError> {
    let rows = table_xinfo(asked)?.into_iter().filter(|row| matches!(row.last(), Some(Value::Integer(0 | 2 | 3))));
    let mut rows: Rows = rows.filter(|row| row.last() == Some(&Value::Integer(0))).collect();
    for (cid, row) in rows.iter_mut().enumerate() {
        row.pop();
        row[0] = Value::Integer(cid as i64);
    }
    Ok(rows)
}

fn table_xinfo(asked: Asked) -> Result<Rows, ClientError> {
    let plain = |columns: Vec<(String, String)>| {
        let row = |(cid, (name, declared)): (usize, (String, String))| {
            vec![Value::Integer(cid as i64), Value::Text(name), Value::Text(declared), flag(false), Value::Null, flag(false), flag(false)]
        };
        columns.into_iter().enumerate().map(row).collect()
    };
    let Some(table) = asked.table() else {
        let named = |(name, declared): (&str, &str)| (name.to_owned(), declared.to_owned());
        return Ok(match asked.argument.map(str::to_ascii_lowercase).as_deref() {
            Some("sqlite_schema" | "sqlite_master" | "sqlite_temp_schema" | "sqlite_temp_master") => plain(SCHEMA.map(named).to_vec()),
            Some("sqlite_sequence") if asked.catalog.relations.iter().any(introspect::is_autoincrement) => {
                plain([("name", ""), ("seq", "")].map(named).to_vec())
            }
            _ => Vec::new(),
        });
    };
    if table.view_text().is_some() {
        return Ok(plain(columns_of_view(table, asked.catalog, asked.options)?));
    }
    let said = Said::of(table);
    let key = table.primary_key();
    let rowid = table.rowid().map(|(r, _)| r);
    let row = |(cid, (at, column)): (usize, (usize, &crate::catalog::Column))| {
        let said = said.as_ref().and_then(|s| s.columns.iter().find(|c| c.name.eq_ignore_ascii_case(&column.name)));
        let pk = match said {
            Some(said) => said.key,
            None => key.iter().position(|k| *k == at).map_or(0, |p| p as i64 + 1),
        };
        // SQLite says 0 for an INTEGER PRIMARY KEY, which is never NULL all the same.
        let not_null = match said {
            Some(said) => said.not_null || pk > 0 && table.without_rowid,
            None => column.not_null && !(pk > 0 && rowid == Some(at) && table.is_sqlite()),
        };
        let default = match said {
            Some(said) => said.default.clone(),
            None => column.default.as_ref().filter(|_| column.sequence.is_none() && !column.generated).map(|d| default_text(d)),
        };
        let hidden = said.map_or(if column.generated { 3 } else { 0 }, |s| s.hidden);
        // A virtual table has neither keys nor constraints.
        let is_virtual = table.module.is_some();
        let (pk, not_null) = if is_virtual { (0, false) } else { (pk, not_null) };
        let hidden = if is_virtual { i64::from(column.argument) } else { hidden };
        vec![
            Value::Integer(cid as i64),
            text(&column.name),
            text(&declared_type(column)),
            flag(not_null),
            default.map_or(Value::Null, Value::Text),
            Value::Integer(pk),
            Value::Integer(hidden),
        ]
    };
    let mut rows: Vec<Vec<Value>> = table.columns.iter().enumerate().filter(|(_, c)| !c.hidden).enumerate().map(row).collect();
    for name in table.full_text().into_iter().flat_map(FullText::unstored) {
        rows.push(vec![Value::Integer(rows.len() as i64), text(name), text(""), flag(false), Value::Null, Value::Integer(0), Value::Integer(1)]);
    }
    Ok(rows)
}

/// What the text of a CREATE TABLE says of its columns.
struct Said {
    columns: Vec<SaidColumn>,
}

struct SaidColumn {
    name: String,
    not_null: bool,
    default: Option<String>,
    key: i64,
    /// 2 for a virtual generated column, 3 for a stored one.
    hidden: i64,
}

impl Said {
    fn of(table: &Relation) -> Option<Said> {
        let sql = table.sql.as_deref()?;
        let Statement::CreateTable(create) = parse::parse(sql).ok()? else { return None };
        let defaults = ddl::default_texts(sql);
        let mut columns: Vec<SaidColumn> = Vec::new();
        for (at, def) in create.columns.iter().enumerate() {
            let mut said =
                SaidColumn { name: def.name.value.clone(), not_null: false, default: defaults.get(at).cloned().flatten(), key: 0, hidden: 0 };
            for option in &def.options {
                match &option.option {
                    ColumnOption::NotNull => said.not_null = true,
                    ColumnOption::PrimaryKey(_) => said.key = 1,
                    ColumnOption::Generated { generation_expr_mode, .. } => {
                        said.hidden = if *generation_expr_mode == Some(GeneratedExpressionMode::Stored) { 3 } else { 2 };
                    }
                    _ => {}
                }
            }
            columns.push(said);
        }
        for constraint in &create.constraints {
            let ast::TableConstraint::PrimaryKey(key) = constraint else { continue };
            let mut number = 0;
            for part in &key.columns {
                let (name, _) = part_of(&part.column.expr);
                number += 1;
                if let Some(column) = columns.iter_mut().find(|c| name.is_some_and(|n| n.eq_ignore_ascii_case(&c.name)) && c.key == 0) {
                    column.key = number;
                }
            }
        }
        Some(Said { columns })
    }
}

/// The column of an index's part, and its collation, as they are written.
fn part_of(e: &ast::Expr) -> (Option<&str>, Option<String>) {
    match e {
        ast::Expr::Identifier(name) => (Some(&name.value), None),
        // A string is a name where only a name may stand (quirks.html).
        ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::SingleQuotedString(name), .. }) => (Some(name), None),
        ast::Expr::Collate { expr, collation } => (part_of(expr).0, Some(collation.to_string())),
        ast::Expr::Nested(inner) => part_of(inner),
        _ => (None, None),
    }
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

fn table_list(asked: Asked) -> Result<Rows, ClientError> {
    let catalog = asked.catalog;
    let row = |schema: &str, name: &str, kind: &str, count: i64, wr: bool, strict: bool| {
        vec![text(schema), text(name), text(kind), Value::Integer(count), flag(wr), flag(strict)]
    };
    let mut rows = Vec::new();
    for table in catalog.relations.iter().rev() {
        let (kind, count) = if table.kind == RelationKind::Table {
            let kind = if table.module.is_some() { "virtual" } else { "table" };
            let unstored = table.full_text().map_or(0, |f| f.unstored().len());
            (kind, table.columns.iter().filter(|c| !c.hidden).count() + unstored)
        } else {
            let count = columns_of_view(table, catalog, asked.options).map_or_else(|_| table.columns.len(), |columns| columns.len());
            ("view", if table.view_text().is_some() { count } else { table.columns.len() })
        };
        rows.push(row(catalog.database(table), &table.name, kind, count as i64, table.without_rowid, table.strict));
    }
    for database in catalog.databases() {
        if catalog.relations.iter().any(|r| catalog.is_in(r, database) && introspect::is_autoincrement(r)) {
            rows.push(row(database, "sqlite_sequence", "table", 2, false, false));
        }
        rows.push(row(database, if database == "temp" { "sqlite_temp_schema" } else { "sqlite_schema" }, "table", 5, false, false));
    }
    let is = |value: &Value, wanted: &str| matches!(value, Value::Text(t) if t.eq_ignore_ascii_case(wanted));
    rows.retain(|row| asked.database.is_none_or(|d| is(&row[0], d)) && asked.argument.is_none_or(|n| is(&row[1], n)));
    // By the numbers that SQLite gives to its databases.
    let number = |of: &Value| ["main", "temp"].into_iter().chain(catalog.attached.iter().map(|a| a.name.as_str())).position(|d| is(of, d));
    rows.sort_by_key(|row| number(&row[0]));
    Ok(rows)
}

fn index_list(asked: Asked) -> Result<Rows, ClientError> {
    let Some(table) = asked.table() else { return Ok(Vec::new()) };
    let row = |(seq, (name, index)): (usize, (String, &Index))| {
        let origin = match index {
            index if index.primary => "pk",
            index if is_automatic(table, index) => "u",
            _ => "c",
        };
        vec![Value::Integer(seq as i64), Value::Text(name), flag(index.unique), text(origin), flag(index.predicate.is_some())]
    };
    Ok(indexes(table).into_iter().rev().enumerate().map(row).collect())
}

fn index_info(asked: Asked) -> Result<Rows, ClientError> {
    let mut rows = index_xinfo(asked)?;
    rows.retain(|row| row[5] == Value::Integer(1));
    rows.iter_mut().for_each(|row| row.truncate(3));
    Ok(rows)
}

fn index_xinfo(asked: Asked) -> Result<Rows, ClientError> {
    let Some((table, index)) = asked.index() else { return Ok(Vec::new()) };
    let visible: Vec<usize> = (0..table.columns.len()).filter(|i| !table.columns[*i].hidden).collect();
    let cid = |at: usize| visible.iter().position(|v| *v == at).map_or(-1, |p| p as i64);
    let mut parts: Vec<(Option<usize>, bool, String)> = Vec::new();
    let of_text = index.sql.as_deref().and_then(|sql| parse::parse(sql).ok());
    if let Some(Statement::CreateIndex(create)) = of_text {
        for part in &create.columns {
            let (name, collation) = part_of(&part.column.expr);
            let at = name.and_then(|n| table.column(n)).map(|(at, _)| at);
            let collation = collation.unwrap_or_else(|| at.map_or("BINARY", |at| super::collation_name(table.columns[at].collation)).to_owned());
            parts.push((at, part.column.options.sort == Some(ast::OrderBySort::Desc), collation));
        }
    } else {
        let column = |part: &IndexPart| match part {
            IndexPart::Column(at) => Some(*at),
            // A key under NOCASE is kept by the folded text.
            IndexPart::Expression(e) => {
                let named = |c: &crate::catalog::Column| parse::scan::tokens(e).iter().any(|t| parse::scan::unquote(t.text(e)) == c.name);
                is_automatic(table, index).then(|| table.columns.iter().position(named)).flatten()
            }
        };
        for (at, part) in index.parts.iter().enumerate() {
            let column = column(part);
            let collation = column.map_or("BINARY", |at| super::collation_name(table.columns[at].collation)).to_owned();
            parts.push((column, index.descending.get(at).copied().unwrap_or(false), collation));
        }
    }
    let row = |seq: usize, at: Option<usize>, desc: bool, collation: &str, key: bool| {
        let (cid, name) = at.map_or((-2, Value::Null), |at| (cid(at), text(&table.columns[at].name)));
        vec![Value::Integer(seq as i64), Value::Integer(cid), name, flag(desc), text(collation), flag(key)]
    };
    let mut rows: Rows = parts.iter().enumerate().map(|(seq, (at, desc, collation))| row(seq, *at, *desc, collation, true)).collect();
    if table.without_rowid {
        let rest = table.primary_key().into_iter().filter(|k| !parts.iter().any(|(at, ..)| *at == Some(*k)));
        for at in rest {
            rows.push(row(rows.len(), Some(at), false, super::collation_name(table.columns[at].collation), false));
        }
        if index.primary {
            let others: Vec<usize> = visible.iter().copied().filter(|v| !parts.iter().any(|(at, ..)| *at == Some(*v))).collect();
            for at in others {
                rows.push(row(rows.len(), Some(at), false, super::collation_name(table.columns[at].collation), false));
            }
        }
    } else {
        rows.push(vec![Value::Integer(rows.len() as i64), Value::Integer(-1), Value::Null, flag(false), text("BINARY"), flag(false)]);
    }
    Ok(rows)
}

fn foreign_key_list(asked: Asked) -> Result<Rows, ClientError> {
    let Some(table) = asked.table() else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    // What SQLite's own text says counts, be it enforced or only recorded.
    let keys = ddl::recorded_foreign_keys(table, asked.catalog).unwrap_or_else(|| table.foreign_keys.clone());
    for (id, key) in keys.iter().rev().enumerate() {
        for (seq, from) in key.columns.iter().enumerate() {
            let to = key.target_columns.get(seq).map_or(Value::Null, |c| text(c));
            let (id, seq) = (Value::Integer(id as i64), Value::Integer(seq as i64));
            out.push(vec![id, seq, text(&key.target), text(from), to, text(&key.on_update), text(&key.on_delete), text("NONE")]);
        }
    }
    Ok(out)
}

/// The query that finds the rows whose foreign keys lead nowhere (pragma.html#pragma_foreign_key_check), in SQLite's SQL.
pub fn foreign_key_check(asked: Asked) -> Result<Option<String>, ClientError> {
    let mut arms = Vec::new();
    let those = |r: &&Relation| r.kind == RelationKind::Table && asked.database.is_none_or(|d| asked.catalog.is_in(r, d));
    let tables: Vec<&Relation> = match asked.argument {
        Some(name) => {
            let missing = || ClientError::new(SqlState::UNDEFINED_TABLE, format!("no such table: {name}"));
            vec![asked.table().ok_or_else(missing)?]
        }
        None => asked.catalog.relations.iter().filter(those).collect(),
    };
    let quoted = |t: &str| format!("'{}'", t.replace('\'', "''"));
    for table in tables {
        let keys = ddl::recorded_foreign_keys(table, asked.catalog).unwrap_or_else(|| table.foreign_keys.clone());
        for (id, key) in keys.iter().rev().enumerate() {
            let given: Vec<String> = key.columns.iter().map(|c| format!("c.{} IS NOT NULL", quote_name(c))).collect();
            let mut condition = given.join(" AND ");
            if let Some(parent) = asked.catalog.relation_in(Some(asked.catalog.database(table)), &key.target) {
                let of_key = || parent.primary_key().iter().map(|k| parent.columns[*k].name.clone()).collect();
                let target: Vec<String> = if key.target_columns.is_empty() { of_key() } else { key.target_columns.clone() };
                let mismatch =
                    || ClientError::new(SqlState::SYNTAX_ERROR, format!("foreign key mismatch - \"{}\" referencing \"{}\"", table.name, key.target));
                if target.len() != key.columns.len() || target.iter().any(|c| parent.column(c).is_none()) {
                    return Err(mismatch());
                }
                let pairs = target.iter().zip(&key.columns).map(|(p, c)| format!("p.{} = c.{}", quote_name(p), quote_name(c)));
                let pairs: Vec<String> = pairs.collect();
                let parent = format!("{}.{}", quote_name(asked.catalog.database(parent)), quote_name(&parent.name));
                condition = format!("{condition} AND NOT EXISTS (SELECT 1 FROM {parent} AS p WHERE {})", pairs.join(" AND "));
            }
            let rowid = if table.without_rowid || table.rowid().is_none() { "CAST(NULL AS INTEGER)" } else { "c.rowid" };
            arms.push(format!(
                "SELECT {} AS \"table\", {rowid} AS rowid, {} AS parent, {id} AS fkid FROM {}.{} AS c WHERE {condition}",
                quoted(&table.name),
                quoted(&key.target),
                quote_name(asked.catalog.database(table)),
                quote_name(&table.name)
            ));
        }
    }
    Ok((!arms.is_empty()).then(|| arms.join(" UNION ALL ")))
}

/// The columns of [`foreign_key_check`].
pub const CHECKED: [(&str, Class); 4] = [("table", T), ("rowid", I), ("parent", T), ("fkid", I)];

fn database_list(asked: Asked) -> Result<Rows, ClientError> {
    let row = |seq, name, file| vec![Value::Integer(seq), text(name), text(file)];
    let temporary = asked.catalog.temporary().next().map(|_| row(1, "temp", ""));
    let attached = (2..).zip(&asked.catalog.attached).map(|(seq, a)| row(seq, &a.name, &a.file));
    Ok([row(0, "main", "")].into_iter().chain(temporary).chain(attached).collect())
}

fn collation_list(_: Asked) -> Result<Rows, ClientError> {
    Ok((0..).zip(["RTRIM", "NOCASE", "BINARY"]).map(|(seq, name)| vec![Value::Integer(seq), text(name)]).collect())
}

fn function_list(_: Asked) -> Result<Rows, ClientError> {
    // SQLITE_DETERMINISTIC and SQLITE_INNOCUOUS, as SQLite tells them of its own.
    const FLAGS: i64 = 0x20_0800;
    let mut rows = Vec::new();
    for function in functions::all() {
        let kind = match function.kind {
            FunctionKind::Refused(_) => continue,
            FunctionKind::Aggregate | FunctionKind::Window => "w",
            _ => "s",
        };
        let (least, most) = function.args;
        let counts: Vec<i64> = if most == u8::MAX { vec![-1] } else { (least..=most).map(i64::from).collect() };
        for count in counts {
            let kind = if function.kind == FunctionKind::Extreme && count == 1 { "w" } else { kind };
            rows.push(vec![text(function.name), flag(true), text(kind), text("utf8"), Value::Integer(count), Value::Integer(FLAGS)]);
        }
    }
    Ok(rows)
}

fn compile_options(_: Asked) -> Result<Rows, ClientError> {
    Ok(functions::COMPILE_OPTIONS.into_iter().map(|option| vec![text(option)]).collect())
}

fn pragma_list(_: Asked) -> Result<Rows, ClientError> {
    Ok(super::names().into_iter().map(|name| vec![text(name)]).collect())
}

/// PostgreSQL keeps its own integrity.
fn check(asked: Asked) -> Result<Rows, ClientError> {
    match asked.argument {
        Some(name) if name.parse::<i64>().is_err() && asked.table().is_none() => {
            Err(ClientError::new(SqlState::UNDEFINED_TABLE, format!("no such table: {name}")))
        }
        _ => Ok(vec![vec![text("ok")]]),
    }
}
