//! A table as it is once its text has changed: the text says everything but what the backend has made of it.

use super::relation_of;
use crate::catalog::{Catalog, Index, IndexPart, Relation};
use crate::error::ClientError;
use crate::translate::bind::{Binder, Bound};
use crate::translate::lower::Lower;
use crate::translate::{Options, parse};
use sqlparser::ast::Statement;

/// The table of a new text. `was` gives the name that a column had before.
pub(super) fn remade(old: &Relation, sql: &str, was: &dyn Fn(&str) -> String, catalog: &Catalog, options: &Options) -> Bound<Relation> {
    let Statement::CreateTable(create) = parse::parse(sql)? else {
        return Err(ClientError::refused(format!("the recorded text of the table {}", old.name)));
    };
    let mut binder = Binder::new(sql, &[], catalog, options);
    let mut lower = Lower::new(catalog, options);
    let mut made = relation_of(&create, &mut binder, &mut lower)?;
    made.oid = old.oid;
    made.schema.clone_from(&old.schema);
    made.sql = Some(sql.to_owned());
    made.may_select = old.may_select;
    made.triggers.clone_from(&old.triggers);
    let before: Vec<Option<usize>> =
        made.columns.iter().map(|c| old.columns.iter().position(|o| o.name.eq_ignore_ascii_case(&was(&c.name)))).collect();
    for (column, at) in made.columns.iter_mut().zip(&before) {
        if let Some(old) = at.map(|at| &old.columns[at]) {
            column.type_oid = old.type_oid;
            column.type_name.clone_from(&old.type_name);
            (column.dynamic, column.opaque, column.byte_order, column.number) = (old.dynamic, old.opaque, old.byte_order, old.number);
            column.sequence.clone_from(&old.sequence);
        }
    }
    let now = |part: &IndexPart| match part {
        IndexPart::Column(at) => before.iter().position(|b| b == &Some(*at)).map(IndexPart::Column),
        expression => Some(expression.clone()),
    };
    let carried = |index: &Index| Some(Index { parts: index.parts.iter().map(now).collect::<Option<_>>()?, ..index.clone() });
    for index in &mut made.indexes {
        let same = old.indexes.iter().filter(|o| o.sql.is_none()).filter_map(carried).find(|o| o.parts == index.parts && o.primary == index.primary);
        if let Some(same) = same {
            index.name = same.name;
        }
    }
    made.indexes.extend(old.indexes.iter().filter(|i| i.sql.is_some()).filter_map(carried));
    for key in &mut made.foreign_keys {
        let real = old.foreign_keys.iter().find(|k| k.target.eq_ignore_ascii_case(&key.target) && k.columns.len() == key.columns.len());
        if let Some(real) = real {
            key.name.clone_from(&real.name);
        }
    }
    Ok(made)
}
