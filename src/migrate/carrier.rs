//! The dynamic carrier (CARRIER.md) as binary COPY has it, and as canonical text.

use super::form::{Cell, put_numeric};
use crate::catalog::oid;
use crate::value::carrier::real;
use bytes::{BufMut, BytesMut};

/// Appends a value: the number of fields, and the type, length and bytes of each.
pub fn put(cell: &Cell, out: &mut BytesMut) {
    let class = match cell {
        Cell::Integer(_) | Cell::Real(_) => 1,
        Cell::Text(_) | Cell::RawText(_) => 2,
        // Cells of other columns do not come here.
        _ => 3,
    };
    out.put_i32(3);
    field(oid::INT2, out, |out| out.put_i16(class));
    match *cell {
        Cell::Integer(n) => field(oid::NUMERIC, out, |out| put_numeric(&n.to_string(), out)),
        Cell::Real(x) if x.is_infinite() => {
            // No digits, and a sign of its own.
            field(oid::NUMERIC, out, |out| out.put_slice(&[0, 0, 0, 0, if x > 0.0 { 0xD0 } else { 0xF0 }, 0, 0, 0]));
        }
        Cell::Real(x) => field(oid::NUMERIC, out, |out| put_numeric(&real(x), out)),
        _ => null(oid::NUMERIC, out),
    }
    match *cell {
        Cell::Text(text) => field(oid::BYTEA, out, |out| out.put_slice(text.as_bytes())),
        Cell::RawText(bytes) | Cell::Blob(bytes) => field(oid::BYTEA, out, |out| out.put_slice(bytes)),
        _ => null(oid::BYTEA, out),
    }
}

fn field(of: u32, out: &mut BytesMut, content: impl FnOnce(&mut BytesMut)) {
    out.put_u32(of);
    let at = out.len();
    out.put_i32(0);
    content(out);
    let length = (out.len() - at - 4) as i32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

fn null(of: u32, out: &mut BytesMut) {
    out.put_u32(of);
    out.put_i32(-1);
}

/// The carrier `column` as canonical text (see [`super::canon`]), in SQL.
pub fn canonical(column: &str) -> String {
    format!(
        "CASE ({column}).k WHEN 1 THEN CASE WHEN scale(({column}).n) = 0 THEN 'i' || ({column}).n \
         ELSE 'r' || encode(float8send(({column}).n::float8), 'hex') END \
         WHEN 2 THEN 'x' || encode(({column}).b, 'hex') WHEN 3 THEN 'b' || encode(({column}).b, 'hex') END"
    )
}
