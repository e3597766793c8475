//! What the texts of the schema mention, so that a rename can follow (lang_altertable.html §2 and §3).

use crate::catalog::module::Declaration;
use crate::catalog::{Catalog, Relation};
use crate::error::ClientError;
use crate::translate::bind::{Binder, Bound, Mention, Mentioned, Scope, Source, split_name};
use crate::translate::{Options, parse, trigger};
use sqlparser::ast::{ColumnOption, CreateIndex, CreateTable, Expr, ForeignKeyConstraint, Ident, IndexColumn, Statement, TableConstraint};
use std::cell::RefCell;

/// The mentions of a table's, view's, index's or trigger's text.
pub(super) fn mentions(sql: &str, relation: &Relation, catalog: &Catalog, options: &Options) -> Bound<Vec<Mention>> {
    if parse::trigger::is_create(sql, &parse::scan::tokens(sql)) {
        return trigger::mentions(sql, relation, catalog, options);
    }
    if let Some(declaration) = Declaration::parse(sql) {
        let own = catalog.index_of(relation).map(|at| Mention { at: declaration.at, what: Mentioned::Relation(at) });
        return Ok(own.into_iter().collect());
    }
    let mut binder = Binder::new(sql, &[], catalog, options);
    binder.mentions = Some(RefCell::default());
    match parse::parse(sql)? {
        Statement::CreateView(_) => drop(binder.view_of(relation)?),
        Statement::CreateTable(create) => table(&create, relation, &mut binder)?,
        Statement::CreateIndex(create) => index(&create, relation, &mut binder)?,
        _ => return Err(ClientError::refused("the recorded text of this object")),
    }
    let mut found = binder.mentions.map(RefCell::into_inner).unwrap_or_default();
    found.sort_by_key(|m| m.at);
    found.dedup();
    Ok(found)
}

fn scope(relation: &Relation, binder: &mut Binder) -> Option<usize> {
    let own = binder.catalog.index_of(relation);
    let source = own.map_or_else(|| Source::of_relation(relation, &relation.name), |at| Source::of_origin(relation, at, &relation.name));
    binder.scopes.push(Scope { sources: vec![source], ..Scope::default() });
    own
}

fn column_of(name: &Ident, table: Option<usize>, binder: &Binder) {
    if let Some(table) = table
        && let Some((at, _)) = binder.catalog.relations[table].column(&name.value)
    {
        binder.mention(name.span, Mentioned::Column((table, at)));
    }
}

fn key(columns: &[IndexColumn], own: Option<usize>, binder: &Binder) {
    for column in columns {
        let mut expr = &column.column.expr;
        while let Expr::Collate { expr: inner, .. } | Expr::Nested(inner) = expr {
            expr = inner;
        }
        if let Expr::Identifier(name) = expr {
            column_of(name, own, binder);
        }
    }
}

fn foreign(key: &ForeignKeyConstraint, own: Option<usize>, binder: &Binder) -> Bound<()> {
    key.columns.iter().for_each(|c| column_of(c, own, binder));
    let (_, target) = split_name(&key.foreign_table)?;
    let found = binder.catalog.relation(&target.value).and_then(|r| binder.catalog.index_of(r));
    if let Some(found) = found {
        binder.mention(target.span, Mentioned::Relation(found));
    }
    key.referred_columns.iter().for_each(|c| column_of(c, found, binder));
    Ok(())
}

fn table(create: &CreateTable, relation: &Relation, binder: &mut Binder) -> Bound<()> {
    let own = scope(relation, binder);
    if let (Some(own), (_, name)) = (own, split_name(&create.name)?) {
        binder.mention(name.span, Mentioned::Relation(own));
    }
    for column in &create.columns {
        column_of(&column.name, own, binder);
        for option in &column.options {
            match &option.option {
                ColumnOption::Check(check) => drop(binder.expr(&check.expr)?),
                ColumnOption::Default(Expr::Identifier(word)) if word.quote_style == Some('"') => binder.mention(word.span, Mentioned::Text),
                ColumnOption::Default(Expr::Identifier(_)) => {}
                ColumnOption::Default(e) | ColumnOption::Generated { generation_expr: Some(e), .. } => drop(binder.expr(e)?),
                ColumnOption::ForeignKey(key) => foreign(key, own, binder)?,
                _ => {}
            }
        }
    }
    for constraint in &create.constraints {
        match constraint {
            TableConstraint::PrimaryKey(list) => key(&list.columns, own, binder),
            TableConstraint::Unique(list) => key(&list.columns, own, binder),
            TableConstraint::Check(check) => drop(binder.expr(&check.expr)?),
            TableConstraint::ForeignKey(key) => foreign(key, own, binder)?,
            _ => {}
        }
    }
    Ok(())
}

fn index(create: &CreateIndex, relation: &Relation, binder: &mut Binder) -> Bound<()> {
    let own = scope(relation, binder);
    if let (Some(own), (_, name)) = (own, split_name(&create.table_name)?) {
        binder.mention(name.span, Mentioned::Relation(own));
    }
    for column in &create.columns {
        binder.expr(&column.column.expr)?;
    }
    create.predicate.as_ref().map(|e| binder.expr(e)).transpose()?;
    Ok(())
}
