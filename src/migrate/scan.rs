//! Which stored values do not fit the columns that are meant for them. Every row is looked at, by the same rules that copy it.

use super::Error;
use super::form::{Form, Misfit};
use super::layout::Layout;
use super::progress::Work;
use super::source::open;
use rusqlite::types::{Type, ValueRef};
use std::collections::BTreeMap;
use std::path::Path;

/// Rows shown for one kind of misfit.
const EXAMPLES: usize = 3;
/// Bytes of a row's canonical text: PostgreSQL's values end at 1 GiB, the text of a row too.
const LONGEST: usize = 1_000_000_000;
/// Rows between two reports.
pub(super) const TICK: u64 = 4096;

/// Values of one kind that do not fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Misfits {
    /// How many.
    pub count: u64,
    /// The keys of the first.
    pub examples: Vec<String>,
}

impl Misfits {
    fn add(&mut self, layout: &Layout, row: &rusqlite::Row) -> Result<(), rusqlite::Error> {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(layout.key_of(row)?);
        }
        Ok(())
    }

    /// `12 things (id = 3; id = 5; …)`
    pub fn describe(&self, what: &str) -> String {
        let more = if self.count > self.examples.len() as u64 { ", …" } else { "" };
        format!("{} {what} ({}{more})", self.count, self.examples.join("; "))
    }
}

/// One column's values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnScan {
    /// NULL, INTEGER, REAL, TEXT, BLOB: how many there are.
    pub classes: [u64; 5],
    /// What does not fit.
    pub misfits: BTreeMap<Misfit, Misfits>,
    /// How much of that would not fit the dynamic carrier either.
    pub beyond: u64,
}

impl ColumnScan {
    /// How many values do not fit.
    pub fn count(&self) -> u64 {
        self.misfits.values().map(|m| m.count).sum()
    }

    /// `12 TEXT (id = 3, id = 5, …)`
    pub fn describe(&self) -> String {
        self.misfits.iter().map(|(misfit, found)| found.describe(&misfit.to_string())).collect::<Vec<_>>().join(", ")
    }
}

/// One table's values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableScan {
    /// Rows.
    pub rows: u64,
    /// By the layout's fields.
    pub columns: Vec<ColumnScan>,
    /// Rows that fit value by value, and not as a whole.
    pub overflowing: Misfits,
}

/// Looks at every row of a table.
pub fn scan(file: &Path, layout: &Layout, work: &Work) -> Result<TableScan, Error> {
    let connection = open(file)?;
    let mut statement = connection.prepare(&layout.select())?;
    let mut rows = statement.query([])?;
    let mut seen = TableScan { columns: vec![ColumnScan::default(); layout.fields.len()], ..TableScan::default() };
    let damaged = |source| Error::Table { table: layout.table.clone(), source };
    while let Some(row) = rows.next().map_err(damaged)? {
        seen.rows += 1;
        let (mut fits, mut length) = (true, 0);
        for (at, field) in layout.fields.iter().enumerate() {
            let value = row.get_ref(at)?;
            length += written(value);
            let column = &mut seen.columns[at];
            column.classes[class(value.data_type())] += 1;
            let Err(misfit) = field.cell(value) else { continue };
            if field.generated {
                continue;
            }
            fits = false;
            column.beyond += u64::from(misfit == Misfit::Null || Form::Any.cell(value, true).is_err());
            column.misfits.entry(misfit).or_default().add(layout, row)?;
        }
        if length > LONGEST {
            let key = layout.key_of(row)?;
            return Err(Error::refused(format!("{}: the row with {key} is longer than PostgreSQL can move; make it shorter first", layout.table)));
        }
        if fits && layout.overflows(row, 0)? {
            seen.overflowing.add(layout, row)?;
        }
        if seen.rows.is_multiple_of(TICK) {
            work.add(TICK);
        }
    }
    work.add(seen.rows % TICK);
    work.finish();
    Ok(seen)
}

/// How long a value's canonical text may be.
fn written(value: ValueRef) -> usize {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => 32 + 2 * bytes.len(),
        _ => 32,
    }
}

fn class(of: Type) -> usize {
    match of {
        Type::Null => 0,
        Type::Integer => 1,
        Type::Real => 2,
        Type::Text => 3,
        Type::Blob => 4,
    }
}
