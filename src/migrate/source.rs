//! What a SQLite file holds.

use super::Error;
use super::layout::Layout;
use crate::catalog::module::{Content, FullText, Module, Version};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A connection that writes nothing.
pub fn open(path: &Path) -> Result<Connection, Error> {
    if path.is_dir() {
        return Err(Error::refused(format!("{} is a directory; name the SQLite file", path.display())));
    }
    let failed = |source| Error::Open { path: path.to_owned(), source };
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
    Ok(connection)
}

/// What kind of object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A table.
    Table,
    /// A virtual table: its data is that of its module.
    Virtual,
    /// An index of a CREATE INDEX.
    Index,
    /// A full-text table whose content is in another: it is made anew from that.
    Search,
    /// A view.
    View,
    /// A trigger.
    Trigger,
}

impl ObjectKind {
    /// As a message names it.
    pub fn name(self) -> &'static str {
        match self {
            ObjectKind::Table => "table",
            ObjectKind::Virtual => "virtual table",
            ObjectKind::Index => "index",
            ObjectKind::Search => "full-text index",
            ObjectKind::View => "view",
            ObjectKind::Trigger => "trigger",
        }
    }

    /// As the registry names it.
    pub fn registered(self) -> &'static str {
        if self.has_rows() || self == ObjectKind::Search { "table" } else { self.name() }
    }

    /// Does it hold rows?
    pub fn has_rows(self) -> bool {
        matches!(self, ObjectKind::Table | ObjectKind::Virtual)
    }
}

/// A row of sqlite_schema that has a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// The table that it belongs to.
    pub table: String,
    /// The statement that made it.
    pub sql: String,
}

/// A SQLite file's schema and numbers.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Its objects, in an order in which they can be made: tables, indexes, views, triggers.
    pub objects: Vec<Object>,
    /// sqlite_sequence: the highest id that an AUTOINCREMENT table ever gave.
    pub sequences: BTreeMap<String, i64>,
    /// PRAGMA user_version.
    pub user_version: i64,
    /// PRAGMA application_id.
    pub application_id: i64,
}

impl Source {
    /// Reads the schema.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let connection = open(path)?;
        let shadows = shadow_tables(&connection).map_err(|source| Error::Open { path: path.to_owned(), source })?;
        let mut statement = connection.prepare(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid",
        )?;
        let rows = statement.query_map([], |row| {
            let (kind, sql): (String, String) = (row.get(0)?, row.get(3)?);
            let kind = match kind.as_str() {
                "index" => ObjectKind::Index,
                "view" => ObjectKind::View,
                "trigger" => ObjectKind::Trigger,
                _ if is_virtual(&sql) => virtual_kind(&sql),
                _ => ObjectKind::Table,
            };
            Ok(Object { kind, name: row.get(1)?, table: row.get(2)?, sql })
        })?;
        let mut objects = rows.collect::<Result<Vec<_>, _>>()?;
        objects.retain(|o| !shadows.contains(&o.table));
        objects.sort_by_key(|o| o.kind);
        let has_sequences =
            connection.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'", [], |r| r.get::<_, i64>(0))? > 0;
        let mut sequences = BTreeMap::new();
        if has_sequences {
            let mut statement = connection.prepare("SELECT name, seq FROM sqlite_sequence WHERE typeof(seq) = 'integer'")?;
            for row in statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))? {
                let (name, last) = row?;
                sequences.insert(name, last);
            }
        }
        let number = |pragma: &str| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0));
        Ok(Source { path: path.to_owned(), objects, sequences, user_version: number("user_version")?, application_id: number("application_id")? })
    }

    /// The highest id that each table with a sequence at the target has, or ever gave.
    pub fn highest(&self, layouts: &[Arc<Layout>]) -> Result<BTreeMap<String, i64>, Error> {
        let connection = open(&self.path)?;
        let mut highest = self.sequences.clone();
        for layout in layouts {
            let Some((_, at)) = &layout.sequence else { continue };
            let (id, table) = (&layout.fields[*at].select, quoted(&layout.table));
            // Of a rowid SQLite knows it at once; in another column something may stand above all integers.
            let all = [format!("SELECT max({id}) FROM {table}"), format!("SELECT max({id}) FROM {table} WHERE typeof({id}) = 'integer'")];
            let mut stored = Value::Null;
            for sql in all {
                stored = connection.query_row(&sql, [], |row| row.get(0))?;
                if matches!(stored, Value::Null | Value::Integer(_)) {
                    break;
                }
            }
            if let Value::Integer(stored) = stored {
                let last = highest.entry(layout.table.clone()).or_insert(stored);
                *last = stored.max(*last);
            }
        }
        Ok(highest)
    }

    /// The objects that hold rows.
    pub fn tables(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(|o| o.kind.has_rows())
    }
}

fn is_virtual(sql: &str) -> bool {
    let mut words = sql.split_whitespace();
    words.next().is_some_and(|w| w.eq_ignore_ascii_case("create")) && words.next().is_some_and(|w| w.eq_ignore_ascii_case("virtual"))
}

/// What a CREATE VIRTUAL TABLE makes: one that shows what other tables hold has no rows of its own.
pub fn virtual_kind(sql: &str) -> ObjectKind {
    match Module::of_text(sql) {
        Some(Module::FullText(full_text)) if matches!(full_text.content, Content::External(..)) => ObjectKind::Search,
        Some(Module::Vocabulary(_)) => ObjectKind::Search,
        _ => ObjectKind::Virtual,
    }
}

/// What a full-text table's `rank` was told to be, where it was.
pub fn rank(connection: &Connection, object: &Object) -> Result<Option<String>, rusqlite::Error> {
    let is_five = |f: &FullText| f.version == Version::Five;
    if !Module::of_text(&object.sql).as_ref().and_then(Module::full_text).is_some_and(is_five) {
        return Ok(None);
    }
    let sql = format!("SELECT CAST(v AS TEXT) FROM {} WHERE k = 'rank'", quoted(&format!("{}_config", object.name)));
    connection.query_row(&sql, [], |row| row.get(0)).optional()
}

/// The tables in which virtual tables keep what they hold.
fn shadow_tables(connection: &Connection) -> Result<BTreeSet<String>, rusqlite::Error> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// A name as SQLite's SQL writes it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
