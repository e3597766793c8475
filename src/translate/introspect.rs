//! What SQLite tells about itself: `sqlite_schema`, and DDL made up for relations that SQLite did not create.

use super::bind::{plain_query, plain_select, quote_ident};
use super::tree::{Body, Class, Expr, Query, ResultColumn, Ty};
use crate::catalog::{Catalog, Column, IndexPart, Relation, RelationKind, oid};
use crate::value::Value;

/// The rows of `sqlite_schema` as a query of constants (schematab.html).
pub fn sqlite_schema(catalog: &Catalog) -> Query {
    let mut rows = Vec::new();
    let mut row = |kind: &str, name: &str, table: &str, root: i64, sql: Option<String>| {
        let text = |t: &str| Expr::literal(Value::Text(t.to_owned()));
        rows.push(vec![
            text(kind),
            text(name),
            text(table),
            Expr::literal(Value::Integer(root)),
            Expr::literal(sql.map_or(Value::Null, Value::Text)),
        ]);
    };
    for relation in &catalog.relations {
        let kind = if relation.kind == RelationKind::Table { "table" } else { "view" };
        let sql = relation.sql.clone().unwrap_or_else(|| create_text(relation));
        let root = if relation.kind == RelationKind::Table { i64::from(relation.oid) } else { 0 };
        row(kind, &relation.name, &relation.name, root, Some(sql));
        let mut automatic = 0;
        for index in &relation.indexes {
            let hidden = matches!(index.parts.as_slice(), [IndexPart::Column(c)] if relation.columns[*c].hidden);
            let is_rowid = index.primary && relation.rowid().is_some_and(|(r, _)| index.parts == [IndexPart::Column(r)]);
            if hidden || is_rowid || (index.primary && relation.without_rowid) {
                continue;
            }
            if index.constraint {
                automatic += 1;
                row("index", &format!("sqlite_autoindex_{}_{automatic}", relation.name), &relation.name, 1, None);
            } else {
                let sql = index.sql.clone().unwrap_or_else(|| index_text(relation, index));
                row("index", &index.name, &relation.name, 1, Some(sql));
            }
        }
    }
    let ty = |class| Ty::plain(class);
    let columns = [("type", Class::Text), ("name", Class::Text), ("tbl_name", Class::Text), ("rootpage", Class::Integer), ("sql", Class::Text)]
        .map(|(name, class)| ResultColumn { name: name.to_owned(), ty: ty(class) })
        .to_vec();
    if rows.is_empty() {
        let items = columns.iter().map(|c| Expr { ty: c.ty, ..Expr::literal(Value::Null) }).collect();
        let mut none = plain_select(items, None);
        none.filter = Some(Expr::literal(Value::Integer(0)));
        return plain_query(Body::Select(Box::new(none)), columns, true);
    }
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

fn create_text(relation: &Relation) -> String {
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

fn index_text(relation: &Relation, index: &crate::catalog::Index) -> String {
    let part = |p: &IndexPart| match p {
        IndexPart::Column(c) => quote_ident(&relation.columns[*c].name),
        IndexPart::Expression(e) => e.clone(),
    };
    let unique = if index.unique { "UNIQUE " } else { "" };
    let parts: Vec<String> = index.parts.iter().map(part).collect();
    let filter = index.predicate.as_ref().map_or(String::new(), |p| format!(" WHERE {p}"));
    format!("CREATE {unique}INDEX {} ON {} ({}){filter}", quote_ident(&index.name), quote_ident(&relation.name), parts.join(", "))
}
