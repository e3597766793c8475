//! DROP TABLE, DROP VIEW, DROP INDEX (lang_droptable.html). What is made of a dropped table stays, and fails when it is used.

use super::{Change, qualified};
use crate::catalog::module::Module;
use crate::catalog::{Relation, RelationKind};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{Binder, Bound, quote_ident, split_name};
use crate::translate::lower::literal_text;
use sqlparser::ast::{ObjectName, ObjectType};

/// The command tag of a DROP, and what it does.
pub(super) fn tagged(kind: ObjectType, if_exists: bool, names: &[ObjectName], binder: &Binder) -> (&'static str, Bound<Option<Change>>) {
    let [name] = names else { return ("DROP", Err(ClientError::refused("DROP of several objects"))) };
    match kind {
        ObjectType::Table => ("DROP TABLE", relation(true, if_exists, name, binder)),
        ObjectType::View => ("DROP VIEW", relation(false, if_exists, name, binder)),
        ObjectType::Index => ("DROP INDEX", index(if_exists, name, binder)),
        other => ("DROP", Err(ClientError::refused(format!("DROP {other}")))),
    }
}

fn missing(what: &str, if_exists: bool, name: &ObjectName, binder: &Binder) -> Bound<Option<Change>> {
    if if_exists {
        return Ok(None);
    }
    let (schema, ident) = split_name(name)?;
    let qualified = schema.map_or(String::new(), |s| format!("{s}."));
    Err(ClientError::new(SqlState::UNDEFINED_TABLE, format!("no such {what}: {qualified}{}", ident.value)).at(binder.at(ident.span)))
}

fn relation(table: bool, if_exists: bool, name: &ObjectName, binder: &Binder) -> Bound<Option<Change>> {
    let catalog = binder.catalog;
    let (_, ident) = split_name(name)?;
    let refuse = |message: String| Err(ClientError::new(SqlState::DATATYPE_MISMATCH, message).at(binder.at(ident.span)));
    let what = if table { "table" } else { "view" };
    if let Some(own) = super::own_table(&ident.value) {
        return refuse(format!("table {own} may not be dropped"));
    }
    let relation = match binder.relation(name) {
        Ok(relation) => relation,
        Err(error) if error.state == SqlState::UNDEFINED_TABLE => return missing(what, if_exists, name, binder),
        Err(error) => return Err(error),
    };
    if (relation.kind == RelationKind::Table) != table {
        let other = if table { "view" } else { "table" };
        return refuse(format!("use DROP {} to delete {other} {}", other.to_uppercase(), relation.name));
    }
    let printed = qualified(&relation.schema, &relation.name);
    let mut steps = Vec::new();
    if catalog.helpers.is_some() && !relation.is_temporary() {
        let class = format!("{}::regclass", literal_text(&printed));
        // With foreign keys on, the rows are deleted first (foreignkeys.html §5).
        let refers = |r: &Relation| r.schema == relation.schema && !std::ptr::eq(r, relation) && super::foreign::refers(r, &relation.name);
        if table && binder.options.foreign_keys_checked && catalog.relations.iter().any(refers) {
            // Without their DELETE triggers.
            steps.push("PERFORM set_config('litewire.quiet', 'on', true)".to_owned());
            steps.push(format!("DELETE FROM {printed}"));
            steps.push("PERFORM set_config('litewire.quiet', '', true)".to_owned());
            steps.push("SET CONSTRAINTS ALL IMMEDIATE".to_owned());
        }
        // A foreign key of another table stays written there, without its table.
        for other in catalog.relations.iter().filter(|r| r.is_sqlite() && r.schema == relation.schema && !std::ptr::eq(*r, relation)) {
            for key in other.foreign_keys.iter().filter(|k| !k.name.is_empty() && k.target.eq_ignore_ascii_case(&relation.name)) {
                let child = qualified(&other.schema, &other.name);
                steps.push(format!("ALTER TABLE {child} DROP CONSTRAINT IF EXISTS {}", quote_ident(&key.name)));
            }
        }
        steps.push(format!(
            "DELETE FROM litewire.objects WHERE relid = {class} OR relid IN (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = {class})"
        ));
        steps.push(format!("DELETE FROM litewire.columns WHERE relid = {class}"));
        if relation.full_text().is_some() {
            steps.push(format!("DELETE FROM litewire.meta WHERE key = 'rank ' || {class}::oid"));
        }
    }
    // A temporary view is nothing but its text.
    if table || !relation.is_temporary() {
        let made = if matches!(relation.module, Some(Module::Vocabulary(_))) { "VIEW".to_owned() } else { what.to_uppercase() };
        steps.push(format!("DROP {made} {printed}"));
    }
    let relations = catalog.relations.iter().filter(|r| !std::ptr::eq(*r, relation)).cloned().collect();
    Ok(Some(Change { steps, relations, touched: vec![relation.name.clone()] }))
}

fn index(if_exists: bool, name: &ObjectName, binder: &Binder) -> Bound<Option<Change>> {
    let catalog = binder.catalog;
    let (database, ident) = split_name(name)?;
    let Some((relation, index)) = catalog.index_in(database.as_deref(), &ident.value) else {
        if ident.value.to_ascii_lowercase().starts_with("sqlite_autoindex_") {
            let message = "index associated with UNIQUE or PRIMARY KEY constraint cannot be dropped";
            return Err(ClientError::new(SqlState::DATATYPE_MISMATCH, message).at(binder.at(ident.span)));
        }
        return missing("index", if_exists, name, binder);
    };
    if index.constraint {
        let message = "index associated with UNIQUE or PRIMARY KEY constraint cannot be dropped";
        return Err(ClientError::new(SqlState::DATATYPE_MISMATCH, message).at(binder.at(ident.span)));
    }
    let printed = qualified(&relation.schema, &index.name);
    let mut steps = Vec::new();
    if catalog.helpers.is_some() && !relation.is_temporary() {
        steps.push(format!("DELETE FROM litewire.objects WHERE relid = {}::regclass", literal_text(&printed)));
    }
    steps.push(format!("DROP INDEX {printed}"));
    let mut relations = catalog.relations.clone();
    if let Some(at) = catalog.index_of(relation) {
        relations[at].indexes.retain(|i| i.name != index.name);
    }
    Ok(Some(Change { steps, relations, touched: Vec::new() }))
}
