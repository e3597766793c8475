//! CREATE INDEX (lang_createindex.html).

use super::{Change, clock_refused, own_table, pure, qualified, register, stored_expression, text, unqualified};
use crate::catalog::{Index, IndexPart, Relation, RelationKind};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{Binder, Bound, Scope, Source, quote_ident, split_name};
use crate::translate::lower::Lower;
use crate::translate::tree::{Expr, Kind, OrderItem};
use sqlparser::ast;

/// CREATE INDEX. Its parts put NULLs first, as SQLite's order has them.
pub(super) fn index<'a>(create: &ast::CreateIndex, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Bound<Option<Change>> {
    let catalog = binder.catalog;
    let Some(name) = &create.name else { return Err(ClientError::refused("an index without a name")) };
    let (_, ident) = split_name(name)?;
    let at = binder.at(ident.span);
    let duplicate = |message: String| Err(ClientError::new(SqlState::DUPLICATE_TABLE, message).at(at));
    if ident.value.to_ascii_lowercase().starts_with("sqlite_") {
        let message = format!("object name reserved for internal use: {}", ident.value);
        return Err(ClientError::new(SqlState::INVALID_PARAMETER_VALUE, message).at(at));
    }
    let (qualifier, table_ident) = split_name(&create.table_name)?;
    if qualifier.is_some() {
        return Err(ClientError::syntax(".").at(binder.at(table_ident.span).saturating_sub(1)));
    }
    if own_table(&table_ident.value).is_some() {
        return Err(ClientError::new(SqlState::DATATYPE_MISMATCH, format!("table {} may not be indexed", table_ident.value)).at(at));
    }
    let table = table_of(create, binder).map_err(|e| {
        let in_main = e.message.strip_prefix("no such table: ").filter(|n| !n.contains('.')).map(|n| format!("no such table: main.{n}"));
        ClientError { message: in_main.unwrap_or_else(|| e.message.clone()), ..e }
    })?;
    if table.kind == RelationKind::View {
        return Err(ClientError::new(SqlState::DATATYPE_MISMATCH, "views may not be indexed").at(at));
    }
    if table.module.is_some() {
        return Err(ClientError::new(SqlState::DATATYPE_MISMATCH, "virtual tables may not be indexed").at(at));
    }
    let database = Some(catalog.database(table));
    if catalog.relation_in(database, &ident.value).is_some() {
        return duplicate(format!("there is already a table named {}", ident.value));
    }
    if catalog.index_in(database, &ident.value).is_some_and(|(_, i)| !i.constraint) {
        if create.if_not_exists {
            return Ok(None);
        }
        return duplicate(format!("index {} already exists", ident.value));
    }
    if binder.parameters() > 0 {
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, "parameters prohibited in index expressions").at(at));
    }
    let (parts, predicate) = parts(create, table, binder, lower)?;
    let mut steps = vec![printed(create, &ident.value, table, &parts, predicate.as_deref())];
    let sql = text::stored(binder.sql, if create.unique { "UNIQUE INDEX" } else { "INDEX" });
    if catalog.helpers.is_some() {
        steps.extend(register(&table.schema, "index", &ident.value, &table.name, &sql));
    }
    let part = |p: &Part| match &p.column {
        Some(name) => table.column(name).map(|(at, _)| IndexPart::Column(at)),
        None => Some(IndexPart::Expression(p.text.clone())),
    };
    let index = Index {
        name: ident.value.clone(),
        unique: create.unique,
        parts: parts.iter().filter_map(part).collect(),
        descending: parts.iter().map(|p| p.descending).collect(),
        nulls_first: parts.iter().map(|p| !p.descending).collect(),
        predicate,
        sql: Some(sql),
        ..Index::default()
    };
    let mut relations = catalog.relations.clone();
    if let Some(at) = catalog.index_of(table) {
        relations[at].indexes.push(index);
    }
    // A foreign key may have waited for something unique to refer to.
    let touched = if create.unique && binder.options.foreign_keys { vec![table.name.clone()] } else { Vec::new() };
    Ok(Some(Change { steps, relations, touched }))
}

/// The table of a CREATE INDEX: in the index's own database, if that is said.
fn table_of<'a>(create: &ast::CreateIndex, binder: &Binder<'a>) -> Bound<&'a Relation> {
    let database = create.name.as_ref().map(split_name).transpose()?.and_then(|(database, _)| database);
    let Some(database) = database else { return binder.relation(&create.table_name) };
    let (_, ident) = split_name(&create.table_name)?;
    binder
        .catalog
        .relation_in(Some(&database), &ident.value)
        .ok_or_else(|| ClientError::new(SqlState::UNDEFINED_TABLE, format!("no such table: {database}.{}", ident.value)).at(binder.at(ident.span)))
}

/// A part of an index.
struct Part {
    /// As printed.
    text: String,
    /// The same without its order.
    key: String,
    /// The column that it is.
    column: Option<String>,
    descending: bool,
}

/// The backend's text of a CREATE INDEX.
pub(super) fn index_text(create: &ast::CreateIndex, binder: &mut Binder, lower: &mut Lower) -> Bound<String> {
    let Some(name) = &create.name else { return Err(ClientError::refused("an index without a name")) };
    let table = table_of(create, binder)?;
    let (parts, predicate) = parts(create, table, binder, lower)?;
    Ok(printed(create, &split_name(name)?.1.value, table, &parts, predicate.as_deref()))
}

/// A key part of an index, with bare columns.
#[derive(Debug)]
pub struct IndexKey {
    /// As printed.
    pub text: String,
    /// The column that it is.
    pub column: Option<String>,
}

/// The key parts of a CREATE INDEX, and its predicate.
pub fn index_keys(create: &ast::CreateIndex, binder: &mut Binder, lower: &mut Lower) -> Bound<(Vec<IndexKey>, Option<String>)> {
    let table = table_of(create, binder)?;
    let (parts, predicate) = parts(create, table, binder, lower)?;
    Ok((parts.into_iter().map(|p| IndexKey { text: p.key, column: p.column }).collect(), predicate))
}

fn printed(create: &ast::CreateIndex, name: &str, table: &Relation, parts: &[Part], predicate: Option<&str>) -> String {
    let unique = if create.unique { "UNIQUE " } else { "" };
    let filter = predicate.map_or(String::new(), |p| format!(" WHERE {p}"));
    let parts: Vec<&str> = parts.iter().map(|p| p.text.as_str()).collect();
    let on = qualified(&table.schema, &table.name);
    format!("CREATE {unique}INDEX {} ON {on} ({}){filter}", quote_ident(name), parts.join(", "))
}

/// SQLite's indexes and keys have their NULLs where the direction puts them (lang_createindex.html).
pub(super) fn no_nulls_order(column: &ast::IndexColumn) -> Bound<()> {
    let Some(first) = column.column.options.nulls_first else { return Ok(()) };
    let message = format!("unsupported use of NULLS {}", if first { "FIRST" } else { "LAST" });
    Err(ClientError::new(SqlState::SYNTAX_ERROR, message))
}

/// The parts of an index, and its predicate as printed.
fn parts(create: &ast::CreateIndex, table: &Relation, binder: &mut Binder, lower: &mut Lower) -> Bound<(Vec<Part>, Option<String>)> {
    let mut source = Source::of_relation(table, &table.name);
    source.printed = String::new();
    binder.scopes.push(Scope { sources: vec![source], ..Scope::default() });
    let made = parts_in_scope(create, binder, lower);
    binder.scopes.pop();
    made
}

fn parts_in_scope(create: &ast::CreateIndex, binder: &mut Binder, lower: &mut Lower) -> Bound<(Vec<Part>, Option<String>)> {
    let mut parts = Vec::new();
    for column in &create.columns {
        no_nulls_order(column)?;
        let bound = index_key(&column.column.expr, binder)?;
        unqualified(&column.column.expr, "index expressions")?;
        pure(&bound, "index expressions")?;
        let any = binder.scopes.last().and_then(|s| s.sources.first()?.columns.first()).map(|c| c.printed.clone()).unwrap_or_default();
        if let Some(refused) = clock_refused(&bound, "an index", &any, lower)? {
            let descending = column.column.options.sort == Some(ast::OrderBySort::Desc);
            parts.push(Part { text: format!("({refused})"), key: format!("({refused})"), column: None, descending });
            continue;
        }
        let plain = if let Kind::Collate(inner) = &bound.kind { inner } else { &bound };
        let column_name = if let Kind::Column(column) = &plain.kind { Some(column.name.clone()) } else { None };
        (lower.stored, lower.pure) = (true, true);
        let key = if bound.constant().is_some() {
            // Nothing orders by a constant.
            lower.text(&bound)
        } else {
            lower.order_by(&[OrderItem { expr: bound, result: None, descending: false, nulls_first: Some(true) }], false)
        };
        (lower.stored, lower.pure) = (false, false);
        let key = key?.into_fixed().ok_or_else(|| ClientError::refused("a parameter in DDL"))?;
        let key = key.trim_end_matches(" NULLS FIRST");
        let bare = column_name.is_some() && key.starts_with('"');
        let key = if bare { key.to_owned() } else { format!("({key})") };
        let descending = column.column.options.sort == Some(ast::OrderBySort::Desc);
        let text = format!("{key}{}", if descending { " DESC NULLS LAST" } else { " NULLS FIRST" });
        parts.push(Part { text, key, column: column_name.filter(|_| bare), descending });
    }
    let predicate = create.predicate.as_ref().map(|e| stored_expression(e, "partial index WHERE clauses", binder, lower)).transpose()?;
    Ok((parts, predicate))
}

/// A part's expression; a string that is a column's name is that column (quirks.html §8).
fn index_key(e: &ast::Expr, binder: &mut Binder) -> Bound<Expr> {
    let mut named = e.clone();
    let inner = match &mut named {
        ast::Expr::Collate { expr, .. } => expr,
        other => other,
    };
    if let ast::Expr::Value(v) = &*inner
        && let ast::Value::SingleQuotedString(name) = &v.value
        && binder.resolve(None, &ast::Ident::new(name))?.is_some()
    {
        *inner = ast::Expr::Identifier(ast::Ident::with_span(v.span, name));
    }
    binder.expr(&named)
}
