//! Tables that are SQLite's own: the schema tables (schematab.html) and `sqlite_sequence` (autoinc.html).

use super::Binder;
use crate::translate::introspect;
use crate::translate::tree::From;

impl Binder<'_> {
    /// A table of SQLite's own under an alias; None when the name means none.
    pub(super) fn system_table(&mut self, database: Option<&str>, name: &str, called: &str) -> Option<From> {
        let database = schema_table(database, name)?;
        let from = self.derived(introspect::sqlite_schema(self.catalog, database), Some(called.to_owned()));
        if let Some(source) = self.scope().sources.last_mut() {
            source.rowid = source.columns.len().checked_sub(1);
            source.columns.iter_mut().skip(introspect::SCHEMA.len()).for_each(|c| c.hidden = true);
        }
        Some(from)
    }
}

/// The database whose schema table a name means.
pub(super) fn schema_table(database: Option<&str>, name: &str) -> Option<&'static str> {
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
    let within = |wanted: &str| database.is_some_and(|d| d.eq_ignore_ascii_case(wanted));
    let own = is("sqlite_master") || is("sqlite_schema");
    let temporary = is("sqlite_temp_master") || is("sqlite_temp_schema");
    match database {
        None if own => Some("main"),
        None if temporary => Some("temp"),
        Some(_) if own && within("main") => Some("main"),
        Some(_) if (own || temporary) && within("temp") => Some("temp"),
        _ => None,
    }
}
