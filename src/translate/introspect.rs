//! What SQLite tells about itself: `sqlite_schema`, and DDL made up for relations that SQLite did not create.

use super::bind::{Source, plain_query, plain_select, quote_ident, quote_relation};
use super::lower::literal_text;
use super::parse::scan;
use super::tree::{Body, Class, Expr, Query, ResultColumn, Ty};
use crate::catalog::{Catalog, Column, Index, IndexPart, Relation, RelationKind, Trigger, affinity_of_declared, oid};
use crate::value::Value;

/// An object of the schema.
struct Entry<'c> {
    kind: &'static str,
    name: String,
    table: &'c Relation,
    /// Is it stored: has it a root page?
    stored: bool,
    sql: Option<String>,
    /// When it was made: what has no oid yet came last.
    made: (bool, u32),
}

/// The objects of a database, in the order in which they were made.
fn entries<'c>(catalog: &'c Catalog, database: &str) -> Vec<Entry<'c>> {
    let mut out = Vec::new();
    for table in &catalog.relations {
        let triggers = table.triggers.iter().rev().filter(|t| catalog.holds(database, table, t));
        let trigger =
            |t: &Trigger| Entry { kind: "trigger", name: t.name.clone(), table, stored: false, sql: Some(t.sql.clone()), made: (t.oid == 0, t.oid) };
        if !catalog.is_in(table, database) {
            out.extend(triggers.map(trigger));
            continue;
        }
        let kind = if table.kind == RelationKind::Table { "table" } else { "view" };
        let sql = table.sql.clone().unwrap_or_else(|| create_text(table));
        let entry = |kind, name, stored, sql, oid| Entry { kind, name, table, stored, sql, made: (oid == 0, oid) };
        out.push(entry(kind, table.name.clone(), kind == "table" && table.module.is_none(), Some(sql), table.oid));
        let keys = indexes(table).into_iter().filter(|(_, i)| !(i.primary && table.without_rowid));
        out.extend(keys.map(|(name, index)| {
            let sql = (!is_automatic(table, index)).then(|| index.sql.clone().unwrap_or_else(|| index_text(table, index)));
            entry("index", name, true, sql, index.oid)
        }));
        out.extend(triggers.map(trigger));
    }
    out.sort_by_key(|e| e.made);
    // It is made along with the first table that needs it.
    if let Some(first) = out.iter().position(|e| e.kind == "table" && is_autoincrement(e.table)) {
        let (table, made) = (out[first].table, out[first].made);
        let automatic = out[first + 1..].iter().take_while(|e| e.sql.is_none() && std::ptr::eq(e.table, table)).count();
        let sql = Some("CREATE TABLE sqlite_sequence(name,seq)".to_owned());
        out.insert(first + 1 + automatic, Entry { kind: "table", name: "sqlite_sequence".to_owned(), table, stored: true, sql, made });
    }
    out
}

/// Was an index made by a UNIQUE or PRIMARY KEY clause? One under NOCASE is an index by expression at the backend.
pub fn is_automatic(table: &Relation, index: &Index) -> bool {
    let folded = || table.is_sqlite() && index.sql.is_none() && index.parts.iter().any(|p| matches!(p, IndexPart::Expression(_)));
    index.constraint || index.primary || index.unique && folded()
}

/// Does a table keep count in `sqlite_sequence`?
pub fn is_autoincrement(table: &Relation) -> bool {
    let text = table.sql.as_deref().unwrap_or_default();
    table.kind == RelationKind::Table && scan::tokens(text).iter().any(|t| t.is(text, "AUTOINCREMENT"))
}

/// A table whose ids `sqlite_sequence` counts.
#[derive(Debug)]
pub struct Counted<'c> {
    table: &'c Relation,
    column: &'c Column,
    sequence: &'c str,
}

/// The tables that a `sqlite_sequence` counts: the first one that there is, if none is named.
pub fn counted<'c>(catalog: &'c Catalog, database: Option<&str>) -> Vec<Counted<'c>> {
    let of = |database: &str| -> Vec<Counted<'c>> {
        let those = catalog.relations.iter().filter(|r| catalog.is_in(r, database) && is_autoincrement(r));
        let counted = |table: &'c Relation| {
            let (_, column) = table.rowid()?;
            Some(Counted { table, column, sequence: column.sequence.as_deref()? })
        };
        those.filter_map(counted).collect()
    };
    match database {
        Some(database) => of(database),
        None => catalog.databases().map(of).find(|c| !c.is_empty()).unwrap_or_default(),
    }
}

/// The rows of a `sqlite_sequence` as the backend finds them: `name` and `seq`, then the sequence and the table's largest id.
/// With `begun`, only of tables that have given an id.
pub fn sequence_rows(counted: &[Counted], begun: bool) -> String {
    let arm = |c: &Counted| {
        let table = quote_relation(c.table);
        let (name, sequence, id) = (literal_text(&c.table.name), c.sequence, quote_ident(&c.column.name));
        let filter = if begun { " WHERE is_called" } else { "" };
        let top = format!("(SELECT max({id}) FROM {table})");
        format!("SELECT {name} AS name, last_value AS seq, {} AS sequence, {top} AS top FROM {sequence}{filter}", literal_text(sequence))
    };
    counted.iter().map(arm).collect::<Vec<_>>().join(" UNION ALL ")
}

/// `sqlite_sequence` in scope.
pub fn sequence_source(name: &str) -> Source {
    Source::of_columns(name, &[("name", Class::Text), ("seq", Class::Integer)])
}

/// The indexes that SQLite would have, with its names for the automatic ones, the oldest first: the rowid is none.
pub fn indexes(table: &Relation) -> Vec<(String, &Index)> {
    if table.module.is_some() {
        return Vec::new();
    }
    let rowid = table.rowid().map(|(r, _)| r);
    let is_rowid = |i: &&Index| matches!(i.parts.as_slice(), [IndexPart::Column(c)] if rowid == Some(*c) && (i.primary || table.columns[*c].hidden));
    let mut automatic = 0;
    let named = |index| {
        if !is_automatic(table, index) {
            return (index.name.clone(), index);
        }
        automatic += 1;
        (format!("sqlite_autoindex_{}_{automatic}", table.name), index)
    };
    table.indexes.iter().filter(|i| !is_rowid(i)).map(named).collect()
}

/// The columns of `sqlite_schema` with their declared types; the rowid behind them.
pub const SCHEMA: [(&str, &str); 5] = [("type", "TEXT"), ("name", "TEXT"), ("tbl_name", "TEXT"), ("rootpage", "INT"), ("sql", "TEXT")];

/// The rows of `sqlite_schema` of a database as a query of constants (schematab.html), its rowid behind the other columns.
pub fn sqlite_schema(catalog: &Catalog, database: &str) -> Query {
    // Page 1 is the schema's own.
    let (mut rows, mut pages) = (Vec::new(), 1);
    for (entry, rowid) in entries(catalog, database).into_iter().zip(1..) {
        pages += i64::from(entry.stored);
        let text = |t: &str| Value::Text(t.to_owned());
        let table = if entry.name == "sqlite_sequence" { &entry.name } else { &entry.table.name };
        rows.push(vec![
            text(entry.kind),
            text(&entry.name),
            text(table),
            Value::Integer(if entry.stored { pages } else { 0 }),
            entry.sql.map_or(Value::Null, Value::Text),
            Value::Integer(rowid),
        ]);
    }
    let class = |declared| if declared == "INT" { Class::Integer } else { Class::Text };
    let columns: Vec<_> = SCHEMA.iter().map(|(name, declared)| (*name, class(*declared))).chain([("rowid", Class::Integer)]).collect();
    let mut query = constants(&columns, rows);
    query.columns.iter_mut().zip(SCHEMA).for_each(|(column, (_, declared))| column.ty.affinity = Some(affinity_of_declared(declared)));
    query
}

/// A query of constant rows.
pub fn constants(columns: &[(&str, Class)], rows: Vec<Vec<Value>>) -> Query {
    let columns: Vec<ResultColumn> =
        columns.iter().map(|(name, class)| ResultColumn { name: (*name).to_owned(), ty: Ty { nullable: true, ..Ty::plain(*class) } }).collect();
    if rows.is_empty() {
        let items = columns.iter().map(|c| Expr { ty: c.ty, ..Expr::literal(Value::Null) }).collect();
        let mut none = plain_select(items, None);
        none.filter = Some(Expr::literal(Value::Integer(0)));
        return plain_query(Body::Select(Box::new(none)), columns, true);
    }
    let rows = rows.into_iter().map(|row| row.into_iter().map(Expr::literal).collect()).collect();
    plain_query(Body::Values(rows), columns, true)
}

/// The type that SQLite would show for a column.
pub fn declared_type(column: &Column) -> String {
    if let Some(declared) = &column.declared {
        return declared.clone();
    }
    match column.type_oid {
        oid::INT2 | oid::INT4 | oid::INT8 => "INTEGER".to_owned(),
        oid::FLOAT4 | oid::FLOAT8 => "REAL".to_owned(),
        oid::BOOL => "BOOLEAN".to_owned(),
        oid::BYTEA => "BLOB".to_owned(),
        oid::TIMESTAMP | oid::TIMESTAMPTZ => "DATETIME".to_owned(),
        oid::JSON | oid::JSONB => "JSON".to_owned(),
        oid::VARCHAR => column.type_name.to_uppercase().replace("CHARACTER VARYING", "VARCHAR"),
        _ => column.type_name.to_uppercase(),
    }
}

/// A CREATE statement of SQLite's that fits a relation which SQLite did not make.
pub fn create_text(relation: &Relation) -> String {
    let name = quote_ident(&relation.name);
    if relation.kind != RelationKind::Table {
        return format!("CREATE VIEW {name} AS SELECT NULL");
    }
    let key = relation.primary_key();
    let columns = relation.columns.iter().enumerate().filter(|(_, c)| !c.hidden).map(|(i, c)| {
        let key = if key == [i] { " PRIMARY KEY" } else { "" };
        let not_null = if c.not_null && key.is_empty() { " NOT NULL" } else { "" };
        format!("{} {}{key}{not_null}", quote_ident(&c.name), declared_type(c))
    });
    let mut parts: Vec<String> = columns.collect();
    if key.len() > 1 {
        let names: Vec<String> = key.iter().map(|k| quote_ident(&relation.columns[*k].name)).collect();
        parts.push(format!("PRIMARY KEY ({})", names.join(", ")));
    }
    for foreign in &relation.foreign_keys {
        let list = |names: &[String]| names.iter().map(|n| quote_ident(n)).collect::<Vec<_>>().join(", ");
        parts.push(format!(
            "FOREIGN KEY ({}) REFERENCES {} ({})",
            list(&foreign.columns),
            quote_ident(&foreign.target),
            list(&foreign.target_columns)
        ));
    }
    format!("CREATE TABLE {name} ({})", parts.join(", "))
}

fn index_text(relation: &Relation, index: &Index) -> String {
    let part = |p: &IndexPart| match p {
        IndexPart::Column(c) => quote_ident(&relation.columns[*c].name),
        IndexPart::Expression(e) => e.clone(),
    };
    let unique = if index.unique { "UNIQUE " } else { "" };
    let parts: Vec<String> = index.parts.iter().map(part).collect();
    let filter = index.predicate.as_ref().map_or(String::new(), |p| format!(" WHERE {p}"));
    format!("CREATE {unique}INDEX {} ON {} ({}){filter}", quote_ident(&index.name), quote_ident(&relation.name), parts.join(", "))
}
