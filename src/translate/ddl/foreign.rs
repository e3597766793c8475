//! Foreign keys: recorded in a table's text, and made real when a session asks for it (foreignkeys.html §2).

use super::create::relation_of;
use super::{block, qualified};
use crate::catalog::{Catalog, ForeignKey, Relation};
use crate::translate::bind::{Binder, quote_ident};
use crate::translate::lower::Lower;
use crate::translate::parse::scan::{self, Token};
use crate::translate::{Options, Statement, parse};
use sqlparser::ast;

/// A foreign key as a constraint of its table; `target` is the other table as printed.
pub(super) fn constraint(key: &ForeignKey, target: &str) -> String {
    let list = |names: &[String]| names.iter().map(|n| quote_ident(n)).collect::<Vec<_>>().join(", ");
    let columns = if key.target_columns.is_empty() { String::new() } else { format!(" ({})", list(&key.target_columns)) };
    format!(
        "FOREIGN KEY ({}) REFERENCES {target}{columns} ON UPDATE {} ON DELETE {} DEFERRABLE INITIALLY {}",
        list(&key.columns),
        key.on_update,
        key.on_delete,
        if key.deferred { "DEFERRED" } else { "IMMEDIATE" }
    )
}

/// The steps that make real the recorded foreign keys of tables that changed, and those to such tables.
pub(super) fn wanting(touched: &[String], catalog: &Catalog, options: &Options) -> Vec<String> {
    if !options.foreign_keys {
        return Vec::new();
    }
    let concerned = |r: &&Relation| {
        let sql = r.sql.as_deref().unwrap_or_default();
        let names = |t: &Token| touched.iter().any(|n| n.eq_ignore_ascii_case(&scan::unquote(t.text(sql))));
        scan::tokens(sql).windows(2).any(|w| w[0].is(sql, "REFERENCES") && (names(&w[1]) || touched.contains(&r.name)))
    };
    catalog.shared().filter(concerned).flat_map(|relation| missing(relation, catalog)).collect()
}

/// The steps that make a table's recorded foreign keys real.
fn missing(relation: &Relation, catalog: &Catalog) -> Vec<String> {
    let mut steps = Vec::new();
    for key in recorded(relation, catalog).unwrap_or_default() {
        let real = |r: &ForeignKey| !r.name.is_empty() && r.columns == key.columns && r.target.eq_ignore_ascii_case(&key.target);
        let Some(target) = catalog.relation_in(Some("main"), &key.target).filter(|_| !relation.foreign_keys.iter().any(real)) else { continue };
        let key = with_columns(key, target);
        let constraint = constraint(&key, &qualified(&target.schema, &target.name));
        let table = qualified(&relation.schema, &relation.name);
        // What PostgreSQL cannot enforce (no unique key there, columns of types that do not compare) stays recorded.
        let excepted = "invalid_foreign_key OR undefined_column OR datatype_mismatch OR wrong_object_type OR undefined_function";
        steps.push(format!("BEGIN ALTER TABLE {table} ADD {constraint} NOT VALID; EXCEPTION WHEN {excepted} THEN NULL; END"));
    }
    steps
}

/// A key that names no columns of its target means the primary key.
fn with_columns(mut key: ForeignKey, target: &Relation) -> ForeignKey {
    if key.target_columns.is_empty() {
        key.target_columns = target.primary_key().iter().map(|c| target.columns[*c].name.clone()).collect();
    }
    key
}

/// The statement that makes every recorded foreign key real; None when all are. Rows that break one already are tolerated,
/// as SQLite tolerates them; a key that nothing unique answers to stays recorded.
pub fn enforce_foreign_keys(catalog: &Catalog) -> Option<Statement> {
    catalog.helpers?;
    let mut steps =
        vec!["INSERT INTO litewire.meta (key, value) VALUES ('foreign_keys', '1') ON CONFLICT (key) DO UPDATE SET value = excluded.value".to_owned()];
    steps.extend(catalog.shared().flat_map(|relation| missing(relation, catalog)));
    (steps.len() > 1).then(|| block(&steps, "PRAGMA"))
}

/// The foreign keys that a table's own text names.
pub fn recorded(relation: &Relation, catalog: &Catalog) -> Option<Vec<ForeignKey>> {
    let sql = relation.sql.as_deref()?;
    let ast::Statement::CreateTable(create) = parse::parse(sql).ok()? else { return None };
    let options = Options::default();
    let mut binder = Binder::new(sql, &[], catalog, &options);
    let mut lower = Lower::new(catalog, &options);
    Some(relation_of(&create, &mut binder, &mut lower).ok()?.foreign_keys)
}
