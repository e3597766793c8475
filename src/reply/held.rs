//! Columns whose type only their values tell: rows are held back until the RowDescription can name it.

use super::row::{describe, shape_field, value_bytes};
use super::shape::{Column, Columns};
use crate::error::{ClientError, SqlState};
use crate::translate::{Carrier, OutKind};
use crate::value::{Value, carrier};
use crate::wire::{backend, encode};
use bytes::BytesMut;

/// Bytes of rows that are held back at most.
const LIMIT: usize = 64 * 1024;

/// The rows of one result with dynamic columns.
#[derive(Debug, Default)]
pub struct Held {
    /// Rows that wait, as the backend sent them.
    rows: Vec<BytesMut>,
    bytes: usize,
    /// For each column, the kind that was told and what carries a dynamic one; None while rows wait.
    told: Option<Vec<(OutKind, Option<Carrier>)>>,
}

impl Held {
    /// A row came: it waits, or goes out in the types that were told.
    pub fn row(&mut self, body: &[u8], columns: &Columns, out: &mut BytesMut) -> Result<(), ClientError> {
        if let Some(told) = &self.told {
            return put_row(body, with(columns, told), out);
        }
        self.bytes += body.len();
        self.rows.push(body.into());
        if self.bytes > LIMIT { self.tell(columns, out) } else { Ok(()) }
    }

    /// The last row was seen, or enough of them: the types are told, and what waited goes out.
    pub fn tell(&mut self, columns: &Columns, out: &mut BytesMut) -> Result<(), ClientError> {
        if self.told.is_some() {
            return Ok(());
        }
        let mut classes: Vec<Option<OutKind>> = vec![None; columns.iter().len()];
        for row in &self.rows {
            let fields = fields(row)?;
            for ((column, class), field) in columns.iter().zip(&mut classes).zip(&fields) {
                if let (OutKind::Dynamic(carrier), Some(field)) = (column.kind, field) {
                    let found = kind_of(&value(field, carrier)?);
                    *class = Some(if class.is_none_or(|known| known == found) { found } else { OutKind::Text });
                }
            }
        }
        let told = |(column, class): (Column, Option<OutKind>)| match column.kind {
            OutKind::Dynamic(carrier) => (class.unwrap_or(OutKind::Text), Some(carrier)),
            kind => (kind, None),
        };
        let told = self.told.insert(columns.iter().zip(classes).map(told).collect());
        describe(out, with(columns, told));
        for row in self.rows.drain(..) {
            put_row(&row, with(columns, told), out)?;
        }
        Ok(())
    }
}

/// The columns in the kinds that were told.
fn with<'a>(columns: &'a Columns, told: &'a [(OutKind, Option<Carrier>)]) -> impl ExactSizeIterator<Item = Column<'a>> {
    columns.iter().zip(told).map(|(column, &(kind, carrier))| Column { kind, carrier, ..column })
}

/// A row in the types of its columns. A value that its column's type cannot hold, which no earlier row foretold, is an error.
fn put_row<'a>(body: &[u8], columns: impl ExactSizeIterator<Item = Column<'a>>, out: &mut BytesMut) -> Result<(), ClientError> {
    let fields = fields(body)?;
    let mut cells = Vec::with_capacity(columns.len());
    for (column, field) in columns.zip(&fields) {
        cells.push(match (column.carrier, field) {
            (Some(carrier), Some(field)) => {
                let value = value(field, carrier)?;
                if column.kind != OutKind::Text && kind_of(&value) != column.kind {
                    let message = format!("column \"{}\" has values of several storage classes", column.name);
                    return Err(ClientError::new(SqlState::DATATYPE_MISMATCH, message)
                        .detail("Its type was told from the rows before this one.")
                        .hint("SET litewire.dynamic = 'text' before the query."));
                }
                value_bytes(&value, &column)
            }
            (None, Some(field)) => shape_field(&column, field).map(|f| f.into_owned()),
            (_, None) => None,
        });
    }
    encode::data_row(out, cells.iter().map(|c| c.as_deref()));
    Ok(())
}

fn fields(body: &[u8]) -> Result<Vec<Option<&[u8]>>, ClientError> {
    backend::data_row(body).map_err(|e| ClientError::new(SqlState::PROTOCOL_VIOLATION, e.to_string()))
}

fn kind_of(value: &Value) -> OutKind {
    match value {
        Value::Integer(_) => OutKind::Integer,
        Value::Real(_) => OutKind::Real,
        Value::Blob(_) => OutKind::Blob,
        Value::Text(_) | Value::Null => OutKind::Text,
    }
}

/// The value in a carrier's text.
pub fn value(field: &[u8], of: Carrier) -> Result<Value, ClientError> {
    let broken = || ClientError::new(SqlState::INVALID_TEXT, "a value of the dynamic carrier is malformed");
    let text = std::str::from_utf8(field).map_err(|_| broken())?;
    match of {
        Carrier::Number => carrier::number(text),
        Carrier::Any => carrier::decode(text),
    }
    .ok_or_else(broken)
}
