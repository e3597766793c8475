//! Which column of a SQLite table goes into which of PostgreSQL's.

use super::Error;
use super::form::{Cell, Form, Misfit, precision};
use super::source::{Object, Source, open, quoted};
use crate::catalog::{Catalog, ROWID_NAMES, Relation};
use crate::translate::bind_ident;
use crate::value::{Value, hex, quote};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use std::sync::Arc;

/// What a page of PostgreSQL's has for one row (MaxHeapTupleSize), the row's own head, and the most that a value takes there.
const PAGE: usize = 8160;
const HEADER: usize = 24;
const LONGEST: usize = 24;

/// The reason of a row that [`Layout::overflows`].
pub const OVERFLOW: &str = "more columns with values than a page of PostgreSQL's has room for";

/// A column on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name at the target.
    pub name: String,
    /// What SQLite is asked for.
    pub select: String,
    /// What the target's column holds.
    pub form: Form,
    /// Does the column keep the storage class (see [`Form::cell`])?
    pub exact: bool,
    /// May it not be NULL?
    pub required: bool,
    /// Is it computed at the target? Then it is compared, not copied.
    pub generated: bool,
    /// Is it the hidden rowid?
    pub hidden: bool,
    /// Could its type be another one?
    pub widens: bool,
}

impl Field {
    /// The value as the target holds it.
    pub fn cell<'a>(&self, value: ValueRef<'a>) -> Result<Cell<'a>, Misfit> {
        if self.required && value == ValueRef::Null { Err(Misfit::Null) } else { self.form.cell(value, self.exact) }
    }
}

/// A table on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Its name in SQLite.
    pub table: String,
    /// Its name at the target, as SQL writes it.
    pub target: String,
    /// Its columns, in the target's order.
    pub fields: Vec<Field>,
    /// What tells its rows apart, as indexes into `fields`.
    pub key: Vec<usize>,
    /// The sequence of its rowid or id, and that column's index.
    pub sequence: Option<(String, usize)>,
}

impl Layout {
    /// Those of several tables of a file.
    pub fn all<'a>(source: &Source, tables: impl IntoIterator<Item = &'a Object>, catalog: &Catalog) -> Result<Vec<Arc<Self>>, Error> {
        let connection = open(&source.path)?;
        tables.into_iter().map(|table| Layout::of(&connection, table, catalog).map(Arc::new)).collect()
    }

    /// Those of a file that was made from the target; a type that SQLite knows nothing of is a text there.
    pub fn exported(source: &Source, catalog: &Catalog) -> Result<Vec<Arc<Self>>, Error> {
        let connection = open(&source.path)?;
        source.tables().map(|table| Layout::matched(&connection, table, catalog, Some(Form::Other)).map(Arc::new)).collect()
    }

    /// Matches a table with the relation that holds it, by the names of columns.
    pub fn of(source: &Connection, object: &Object, catalog: &Catalog) -> Result<Self, Error> {
        Layout::matched(source, object, catalog, None)
    }

    fn matched(source: &Connection, object: &Object, catalog: &Catalog, unknown: Option<Form>) -> Result<Self, Error> {
        let relation = catalog.relation(&object.name).ok_or_else(|| Error::refused(format!("table {} is missing", object.name)))?;
        let given = columns(source, &object.name)?;
        let known = |name: &str| given.iter().find(|g| g.eq_ignore_ascii_case(name));
        let mut fields = Vec::new();
        let mut key = Vec::new();
        for (at, column) in relation.columns.iter().enumerate() {
            // What the index of a virtual table keeps for itself.
            if column.hidden && column.generated {
                continue;
            }
            let select = match known(&column.name) {
                // Where three columns take all its names, SQL cannot tell what the rowid is.
                _ if column.hidden => match rowid(&given) {
                    Some(name) => name.to_owned(),
                    None => continue,
                },
                Some(name) => quoted(name),
                None if !column.not_null || column.default.is_some() || column.sequence.is_some() || column.generated => continue,
                None => {
                    return Err(Error::refused(format!(
                        "{}.{} at the target must have a value, and SQLite has no such column",
                        object.name, column.name
                    )));
                }
            };
            let form = Form::of(column)
                .or(unknown)
                .ok_or_else(|| Error::refused(format!("{}.{}: nothing is known of the type {}", object.name, column.name, column.type_name)))?;
            let form = if form == Form::Numeric && !relation.is_sqlite() { Form::Decimal(precision(&column.type_name)) } else { form };
            if relation.primary_key().contains(&at) || relation.primary_key().is_empty() && column.hidden {
                key.push(fields.len());
            }
            fields.push(Field {
                name: column.name.clone(),
                select,
                form,
                exact: relation.is_sqlite(),
                required: column.not_null,
                generated: column.generated,
                hidden: column.hidden,
                widens: relation.is_sqlite() && !column.hidden && !column.generated && column.sequence.is_none(),
            });
        }
        let lost = given.iter().find(|name| relation.column(name).is_none());
        if let Some(lost) = lost {
            return Err(Error::refused(format!("the target's table {} has no column {lost}; add it, or drop it from the file", object.name)));
        }
        let sequence = sequence(relation, &fields);
        let target = format!("{}.{}", bind_ident(&relation.schema), bind_ident(&relation.name));
        Ok(Layout { table: object.name.clone(), target, fields, key, sequence })
    }

    /// The query for the rows, in the order that SQLite stores them in.
    pub fn select(&self) -> String {
        let columns: Vec<&str> = self.fields.iter().map(|f| f.select.as_str()).collect();
        format!("SELECT {} FROM {}", columns.join(", "), quoted(&self.table))
    }

    /// The columns that are copied.
    pub fn copied(&self) -> impl Iterator<Item = (usize, &Field)> {
        self.fields.iter().enumerate().filter(|(_, f)| !f.generated)
    }

    /// Why a row does not fit: its first value that does not, or its length; generated columns are not asked.
    pub fn misfit(&self, row: &Row) -> Result<Option<String>, rusqlite::Error> {
        self.misfit_from(row, 0)
    }

    /// The same of a row whose columns begin at `from`.
    pub fn misfit_from(&self, row: &Row, from: usize) -> Result<Option<String>, rusqlite::Error> {
        for (at, field) in self.copied() {
            if let Err(misfit) = field.cell(row.get_ref(from + at)?) {
                return Ok(Some(format!("{}: {misfit}", field.name)));
            }
        }
        Ok(self.overflows(row, from)?.then(|| OVERFLOW.to_owned()))
    }

    /// Has a row that fits, column by column, too many of them for a page of PostgreSQL's? Long values leave a pointer there. Its
    /// columns begin at `from`.
    pub fn overflows(&self, row: &Row, from: usize) -> Result<bool, rusqlite::Error> {
        if self.fields.len() * LONGEST <= PAGE - HEADER {
            return Ok(false);
        }
        let mut length = (HEADER + self.fields.len() / 8).next_multiple_of(8);
        for (at, field) in self.fields.iter().enumerate() {
            length = field.form.room(row.get_ref(from + at)?, length);
        }
        Ok(length > PAGE)
    }

    /// The columns that tell rows apart, all of them where there is no key.
    pub fn telling(&self) -> Vec<usize> {
        if self.key.is_empty() { (0..self.fields.len()).collect() } else { self.key.clone() }
    }

    /// What tells the row apart, for a person: `id = 7`.
    pub fn key_of(&self, row: &Row) -> Result<String, rusqlite::Error> {
        self.key_from(row, 0)
    }

    /// The same of a row whose columns begin at `from`.
    pub fn key_from(&self, row: &Row, from: usize) -> Result<String, rusqlite::Error> {
        // A key of SQLite's may be NULL, and then tells nothing.
        let hidden = self.fields.iter().position(|f| f.hidden);
        let rowid = hidden.filter(|_| self.key.iter().any(|&at| row.get_ref(from + at).is_ok_and(|v| v == ValueRef::Null)));
        let all = self.telling();
        let key = rowid.as_ref().map_or(all.as_slice(), std::slice::from_ref);
        let parts = key.iter().map(|&at| Ok(format!("{} = {}", self.fields[at].name, literal(row.get_ref(from + at)?))));
        Ok(parts.collect::<Result<Vec<_>, rusqlite::Error>>()?.join(", "))
    }
}

/// A value as SQLite's SQL writes it, complete.
pub fn literal(value: ValueRef) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(x) => quote(&Value::Real(x)),
        ValueRef::Blob(bytes) => format!("X'{}'", hex(bytes)),
        ValueRef::Text(bytes) => match super::form::plain_text(bytes) {
            Ok(text) => quote(&Value::Text(text.to_owned())),
            Err(_) => format!("CAST(X'{}' AS TEXT)", hex(bytes)),
        },
    }
}

/// The columns that a SELECT of SQLite's may name, the hidden ones of virtual tables left out.
fn columns(source: &Connection, table: &str) -> Result<Vec<String>, rusqlite::Error> {
    let mut statement = source.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

/// A name of the rowid that no column takes.
fn rowid(columns: &[String]) -> Option<&'static str> {
    ROWID_NAMES.into_iter().find(|name| !columns.iter().any(|c| c.eq_ignore_ascii_case(name)))
}

fn sequence(relation: &Relation, fields: &[Field]) -> Option<(String, usize)> {
    relation.columns.iter().find_map(|c| {
        let sequence = c.sequence.clone()?;
        let at = fields.iter().position(|f| f.name == c.name)?;
        matches!(fields[at].form, Form::Integer(_)).then_some((sequence, at))
    })
}
