//! What a catalog is after a DDL statement, without asking the backend.

use super::create::relation_of;
use crate::catalog::{Catalog, Column, Index, IndexPart, Relation, RelationKind};
use crate::translate::bind::{Binder, quote_ident, split_name};
use crate::translate::lower::Lower;
use sqlparser::ast::{self, AlterTableOperation, ObjectType, RenameTableNameKind, Statement};
use std::sync::atomic::{AtomicU64, Ordering};

/// The catalog after a statement; None when it is no DDL that changes what a translation sees.
pub fn applied<'a>(statement: &Statement, binder: &mut Binder<'a>, lower: &mut Lower<'a>) -> Option<Catalog> {
    let catalog = binder.catalog;
    let mut relations = catalog.relations.clone();
    match statement {
        Statement::CreateTable(create) => relations.push(relation_of(create, binder, lower).ok()?),
        Statement::CreateIndex(create) => {
            let (_, table) = split_name(&create.table_name).ok()?;
            let (_, name) = split_name(create.name.as_ref()?).ok()?;
            let relation = find(&mut relations, &table.value)?;
            let part = |c: &ast::IndexColumn| match &c.column.expr {
                ast::Expr::Identifier(name) => relation.column(&name.value).map(|(at, _)| IndexPart::Column(at)),
                other => Some(IndexPart::Expression(other.to_string())),
            };
            let parts: Vec<IndexPart> = create.columns.iter().filter_map(part).collect();
            let predicate = create.predicate.as_ref().map(ToString::to_string);
            let blank = vec![false; parts.len()];
            let index = Index {
                name: name.value.clone(),
                unique: create.unique,
                parts,
                predicate,
                descending: blank.clone(),
                nulls_first: blank,
                sql: Some(binder.sql.to_owned()),
                ..Index::default()
            };
            relation.indexes.push(index);
        }
        Statement::CreateView(create) => {
            let (_, name) = split_name(&create.name).ok()?;
            let query = binder.query(&create.query).ok()?;
            let columns = query.columns.iter().zip(1..).map(|(c, number)| Column {
                name: c.name.clone(),
                number,
                declared: Some(String::new()),
                ..super::types::column(&c.name, number, Some("TEXT".to_owned()), false)
            });
            relations.push(Relation {
                schema: catalog.current_schema.clone(),
                name: name.value.clone(),
                kind: RelationKind::View,
                columns: columns.collect(),
                sql: Some(binder.sql.to_owned()),
                may_select: true,
                ..Relation::default()
            });
        }
        Statement::Drop { object_type: ObjectType::Table | ObjectType::View, names, .. } => {
            let (_, name) = split_name(names.first()?).ok()?;
            let gone = catalog.by_name.get(&name.value.to_ascii_lowercase())?;
            relations.remove(*gone);
        }
        Statement::Drop { object_type: ObjectType::Index, names, .. } => {
            let (_, name) = split_name(names.first()?).ok()?;
            for relation in &mut relations {
                relation.indexes.retain(|i| !i.name.eq_ignore_ascii_case(&name.value));
            }
        }
        Statement::AlterTable(alter) => {
            let (_, name) = split_name(&alter.name).ok()?;
            let relation = find(&mut relations, &name.value)?;
            match alter.operations.first()? {
                AlterTableOperation::RenameTable { table_name: RenameTableNameKind::To(to) | RenameTableNameKind::As(to) } => {
                    relation.name = split_name(to).ok()?.1.value.clone()
                }
                AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                    let (at, _) = relation.column(&old_column_name.value)?;
                    relation.columns[at].name = new_column_name.value.clone();
                }
                AlterTableOperation::AddColumn { column_def, .. } => {
                    let declared = super::types::added_type(binder.sql);
                    let mut column =
                        super::types::column(&column_def.name.value, relation.columns.len() as i16 + 1, declared, binder.options.native_types);
                    column.not_null = column_def.options.iter().any(|o| o.option == ast::ColumnOption::NotNull);
                    relation.columns.push(column);
                }
                _ => return None,
            }
        }
        _ => return None,
    }
    let mut made = Catalog { relations: Vec::new(), by_name: Default::default(), ..catalog.clone() };
    relations.into_iter().for_each(|r| made.add(r));
    Some(made)
}

/// The catalog under a version that no loaded one has: plans made with it are found by nobody else.
pub fn numbered(mut catalog: Catalog) -> Catalog {
    static LAST: AtomicU64 = AtomicU64::new(1 << 63);
    catalog.version = LAST.fetch_add(1, Ordering::Relaxed);
    catalog
}

fn find<'r>(relations: &'r mut [Relation], name: &str) -> Option<&'r mut Relation> {
    relations.iter_mut().find(|r| r.name.eq_ignore_ascii_case(name))
}

/// The name that PostgreSQL gives the sequence of an identity column.
pub(super) fn sequence_name(schema: &str, table: &str, column: &str) -> String {
    let name = format!("{table}_{column}_seq");
    if schema.is_empty() { quote_ident(&name) } else { format!("{}.{}", quote_ident(schema), quote_ident(&name)) }
}
