//! Rows and their descriptions.

use super::held;
use super::shape::{Column, Columns};
use crate::translate::OutKind;
use crate::value::{Value, real_text};
use crate::wire::encode::{self, Field};
use bytes::BytesMut;
use std::borrow::Cow;

/// Appends the RowDescription of a plan's columns.
pub fn describe<'a>(out: &mut BytesMut, columns: impl ExactSizeIterator<Item = Column<'a>>) {
    encode::row_description(out, columns.map(|c| Field { name: c.name, oid: c.oid(), size: c.size(), format: c.format }));
}

/// Appends a row whose fields came from the backend, hidden ones cut off.
pub fn shape_row(out: &mut BytesMut, columns: &Columns, fields: &[Option<&[u8]>]) {
    let cells: Vec<Option<Cow<[u8]>>> = columns.iter().zip(fields).map(|(c, f)| f.and_then(|f| shape_field(&c, f))).collect();
    encode::data_row(out, cells.iter().map(|c| c.as_deref()));
}

/// A field as SQLite prints it; NaN is NULL.
pub fn shape_field<'a>(column: &Column, field: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    if let OutKind::Dynamic(carrier) = column.kind {
        let value = held::value(field, carrier).ok()?;
        return value_bytes(&value, column).map(Cow::Owned);
    }
    if column.kind != OutKind::Real || column.format != 0 {
        return Some(Cow::Borrowed(field));
    }
    let x: f64 = std::str::from_utf8(field).ok()?.parse().ok()?;
    (!x.is_nan()).then(|| Cow::Owned(real_text(x).into_bytes()))
}

/// A value of the proxy's own in a column's format.
pub fn value_bytes(value: &Value, column: &Column) -> Option<Vec<u8>> {
    let binary = column.format == 1;
    Some(match value {
        Value::Null => return None,
        Value::Integer(n) if binary && column.kind == OutKind::Integer => n.to_be_bytes().to_vec(),
        Value::Real(x) if binary && column.kind == OutKind::Real => x.to_be_bytes().to_vec(),
        Value::Blob(bytes) if binary => bytes.clone(),
        // As bytea's own text, in lower case.
        Value::Blob(bytes) => format!("\\x{}", crate::value::hex(bytes).to_ascii_lowercase()).into_bytes(),
        other => other.text()?.into_owned().into_bytes(),
    })
}
