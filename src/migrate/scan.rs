//! Which stored values do not fit the columns that are meant for them. Every row is looked at, by the same rules that copy it.

use super::Error;
use super::form::{Form, Misfit};
use super::layout::Layout;
use super::progress::Work;
use super::source::open;
use rusqlite::types::Type;
use std::collections::BTreeMap;
use std::path::Path;

/// Rows shown for one kind of misfit.
const EXAMPLES: usize = 3;
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
        let one = |(misfit, found): (&Misfit, &Misfits)| {
            let more = if found.count > found.examples.len() as u64 { ", …" } else { "" };
            format!("{} {misfit} ({}{more})", found.count, found.examples.join("; "))
        };
        self.misfits.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// One table's values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableScan {
    /// Rows.
    pub rows: u64,
    /// By the layout's fields.
    pub columns: Vec<ColumnScan>,
    /// Rows of which some value does not fit.
    pub rows_with_misfits: u64,
}

/// Looks at every row of a table.
pub fn scan(file: &Path, layout: &Layout, work: &Work) -> Result<TableScan, Error> {
    let connection = open(file)?;
    let mut statement = connection.prepare(&layout.select())?;
    let mut rows = statement.query([])?;
    let mut seen = TableScan { columns: vec![ColumnScan::default(); layout.fields.len()], ..TableScan::default() };
    while let Some(row) = rows.next()? {
        seen.rows += 1;
        let mut fits = true;
        for (at, field) in layout.fields.iter().enumerate() {
            let value = row.get_ref(at)?;
            let column = &mut seen.columns[at];
            column.classes[class(value.data_type())] += 1;
            let Err(misfit) = field.cell(value) else { continue };
            if field.generated {
                continue;
            }
            fits = false;
            column.beyond += u64::from(misfit == Misfit::Null || Form::Any.cell(value, true).is_err());
            let found = column.misfits.entry(misfit).or_default();
            found.count += 1;
            if found.examples.len() < EXAMPLES {
                found.examples.push(layout.key_of(row)?);
            }
        }
        seen.rows_with_misfits += u64::from(!fits);
        if seen.rows.is_multiple_of(TICK) {
            work.add(TICK);
        }
    }
    work.add(seen.rows % TICK);
    work.finish();
    Ok(seen)
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
