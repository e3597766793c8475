//! CREATE VIEW (lang_createview.html), and the views at the backend. Statements of SQLite's read a view's text; the backend's view
//! is for everybody else. It is made when what it names is there, and otherwise fails when it is read.

use super::{Change, named_otherwise, needs_registry, placed, qualified, register, text};
use crate::catalog::{Catalog, Column, Relation, RelationKind, TEMPORARY, oid};
use crate::error::{ClientError, SqlState};
use crate::translate::Options;
use crate::translate::bind::{Binder, Bound, quote_ident, split_name, unique};
use crate::translate::lower::{Lower, literal_text};
use crate::translate::parse::scan;
use crate::translate::tree::Class;
use sqlparser::ast;
use std::collections::HashSet;

/// CREATE VIEW.
pub(super) fn view(create: &ast::CreateView, binder: &mut Binder) -> Bound<Option<Change>> {
    let catalog = binder.catalog;
    needs_registry(catalog)?;
    let (_, ident) = split_name(&create.name)?;
    let schema = placed(&create.name, create.temporary, "view", binder)?;
    if create.materialized {
        return Err(ClientError::refused("CREATE MATERIALIZED VIEW").at(binder.at(ident.span)));
    }
    if named_otherwise(ident, &schema, create.if_not_exists, binder)? {
        return Ok(None);
    }
    if binder.parameters() > 0 {
        return Err(ClientError::new(SqlState::SYNTAX_ERROR, "parameters are not allowed in views"));
    }
    if schema != TEMPORARY
        && let Some(other) = reads_other(binder.sql, &schema, catalog)
    {
        let message = format!("view {} cannot reference objects in database {other}", ident.value);
        return Err(ClientError::new(SqlState::DATATYPE_MISMATCH, message).at(binder.at(ident.span)));
    }
    let sql = text::stored(binder.sql, "VIEW");
    let mut relation =
        Relation { schema, name: ident.value.clone(), kind: RelationKind::View, sql: Some(sql.clone()), may_select: true, ..Relation::default() };
    if let Some((names, _)) = body(&relation, catalog, binder.options) {
        let column = |(number, name): (i16, String)| Column { name, number, type_oid: oid::TEXT, ..Column::default() };
        relation.columns = (1..).zip(names).map(column).collect();
    }
    // Others never see a temporary view: it is nothing but its text.
    let recorded = register(&relation.schema, "view", &relation.name, &relation.name, &sql);
    let made = recorded.is_some().then(|| format!("CREATE VIEW {} AS SELECT NULL::text AS \"?\"", qualified(&relation.schema, &relation.name)));
    let steps = made.into_iter().chain(recorded).collect();
    let mut relations = catalog.relations.clone();
    relations.push(relation);
    Ok(Some(Change { steps, relations, touched: vec![ident.value.clone()] }))
}

/// The first database but that of `schema` with which a text qualifies a table that it reads.
pub fn reads_other(sql: &str, schema: &str, catalog: &Catalog) -> Option<String> {
    let tokens = scan::tokens(sql);
    let follows = |at: usize, words: &[&str]| at > 0 && words.iter().any(|w| tokens[at - 1].is(sql, w) || tokens[at - 1].is_op(sql, w));
    let reads = |at: usize| follows(at, &["FROM", "JOIN", ","]);
    let other = |at: usize| {
        let name = tokens[at].may_name().then(|| scan::unquote(tokens[at].text(sql)))?;
        let is_schema = || catalog.relations.iter().any(|r| r.schema.eq_ignore_ascii_case(&name));
        if follows(at, &["FROM", "JOIN"]) && catalog.schema_of(&name).is_none() && !is_schema() {
            return Some(name);
        }
        // Behind a comma it may be a column of something that is called as the database is.
        let table = scan::unquote(tokens.get(at + 2)?.text(sql));
        let known = super::own_table(&table).is_some() || catalog.relation_in(Some(&name), &table).is_some();
        catalog.schema_of(&name).filter(|s| *s != schema && known).map(|s| catalog.database_of(s).to_owned())
    };
    (1..tokens.len()).filter(|&at| tokens[at].is_op(sql, ".") && reads(at - 1)).find_map(|at| other(at - 1))
}

/// Takes the backend's views off what a change touches, and makes them again of what is there afterwards.
pub(super) fn around(steps: &mut Vec<String>, touched: &[String], before: &Catalog, after: &Catalog, options: &Options) {
    let class = |r: &Relation| format!("{}::regclass", literal_text(&qualified(&r.schema, &r.name)));
    let concerned = |catalog: &Catalog| -> Vec<usize> {
        let mut names: HashSet<String> = touched.iter().map(|n| n.to_ascii_lowercase()).collect();
        let mut found = Vec::new();
        // A view of a view is concerned as well.
        loop {
            let known = found.len();
            for (at, relation) in catalog.relations.iter().enumerate().filter(|(_, r)| !r.is_temporary()) {
                if let Some(sql) = relation.view_text()
                    && !found.contains(&at)
                    && scan::tokens(sql).iter().any(|t| t.may_name() && names.contains(&scan::unquote(t.text(sql)).to_ascii_lowercase()))
                {
                    found.push(at);
                    names.insert(relation.name.to_ascii_lowercase());
                }
            }
            if found.len() == known {
                return found;
            }
        }
    };
    let views = concerned(before);
    let taken = views.iter().map(|at| &before.relations[*at]).map(|r| format!("PERFORM litewire.detach_view({})", class(r)));
    steps.splice(0..0, taken);
    for relation in concerned(after).into_iter().map(|at| &after.relations[at]) {
        let body = body(relation, after, options).map_or_else(|| "NULL".to_owned(), |(_, body)| literal_text(&body));
        steps.push(format!("PERFORM litewire.make_view({}, {body})", class(relation)));
    }
}

/// Gives the views that have triggers the columns that the backend gives them.
pub fn typed(catalog: &mut Catalog, options: &Options) {
    for at in 0..catalog.relations.len() {
        let relation = &catalog.relations[at];
        if relation.view_text().is_none() || relation.triggers.is_empty() {
            continue;
        }
        let Ok(query) = Binder::new("", &[], catalog, options).view_of(relation) else { continue };
        let classes = query.columns.iter().map(|c| c.ty.class.or_text());
        let classes: Vec<Class> = classes.collect();
        let names = unique(&query.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>());
        let mut columns = std::mem::take(&mut catalog.relations[at].columns);
        columns.resize_with(names.len(), Column::default);
        for (column, ((number, name), class)) in columns.iter_mut().zip((1..).zip(names).zip(classes)) {
            (column.number, column.name) = (number, name);
            (column.dynamic, column.opaque) = (class == Class::Dynamic, false);
            (column.type_oid, column.type_name) = match class {
                Class::Bool => (oid::BOOL, "boolean".to_owned()),
                Class::Integer => (oid::INT8, "bigint".to_owned()),
                Class::Real => (oid::FLOAT8, "double precision".to_owned()),
                Class::Number => (oid::NUMERIC, "numeric".to_owned()),
                Class::Blob => (oid::BYTEA, "bytea".to_owned()),
                Class::Dynamic => (oid::JSONB, super::widen::ANY.to_owned()),
                Class::Native(oid) => (oid, column.type_name.clone()),
                Class::Null | Class::Param | Class::Text => (oid::TEXT, "text".to_owned()),
            };
        }
        catalog.relations[at].columns = columns;
    }
}

/// The names of a view's columns and the backend's text of it; None when it does not hold.
fn body(relation: &Relation, catalog: &Catalog, options: &Options) -> Option<(Vec<String>, String)> {
    let mut binder = Binder::new("", &[], catalog, options);
    let query = binder.view_of(relation).ok()?;
    let names = unique(&query.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>());
    let class = |class: Class| class.or_text();
    let classes: Vec<Class> = query.columns.iter().map(|c| class(c.ty.class)).collect();
    let mut lower = Lower::new(catalog, options);
    lower.stored = true;
    let body = lower.query_as(&query, &classes).ok()?.into_fixed()?;
    let columns: Vec<String> = names.iter().map(|n| quote_ident(n)).collect();
    Some((names, format!("SELECT {columns} FROM ({body}) AS \"_v\"({columns})", columns = columns.join(", "))))
}
