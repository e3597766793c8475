//! The dynamic carrier as bytes: the one place that knows its format (helpers/sql/60_dynamic.sql).

use super::form::{Cell, Misfit, plain_text};
use crate::session::params::numeric_text;
use bytes::{BufMut, BytesMut};

/// TEXT as the carrier holds it.
pub fn text(bytes: &[u8]) -> Result<Cell<'_>, Misfit> {
    plain_text(bytes).map(Cell::Text)
}

/// Appends the JSON of a value.
pub fn put(cell: &Cell, out: &mut BytesMut) {
    match *cell {
        Cell::Integer(n) => out.put_slice(n.to_string().as_bytes()),
        Cell::Real(x) if x.is_infinite() => {
            out.put_slice(if x > 0.0 { b"1" } else { b"-1" });
            out.put_bytes(b'0', 999);
            out.put_slice(b".0");
        }
        Cell::Real(x) => out.put_slice(numeric_text(x).as_bytes()),
        Cell::Text(text) => {
            out.put_slice(b"[\"");
            for byte in text.bytes() {
                match byte {
                    b'"' | b'\\' => out.put_slice(&[b'\\', byte]),
                    0..0x20 => out.put_slice(format!("\\u{byte:04x}").as_bytes()),
                    _ => out.put_u8(byte),
                }
            }
            out.put_slice(b"\"]");
        }
        Cell::Blob(bytes) => {
            out.put_slice(b"{\"b\":\"");
            out.put_slice(crate::value::hex(bytes).as_bytes());
            out.put_slice(b"\"}");
        }
        // Cells of other columns.
        _ => out.put_slice(b"null"),
    }
}

/// The carrier `column` as canonical text (see [`super::canon`]), in SQL.
pub fn canonical(column: &str) -> String {
    format!(
        "CASE litewire.any_typeof({column}) WHEN 'integer' THEN 'i' || ({column})::text \
         WHEN 'real' THEN 'r' || encode(float8send(litewire.any_num({column})::float8), 'hex') \
         WHEN 'text' THEN 't' || octet_length(litewire.any_text({column})) || ':' || litewire.any_text({column}) \
         WHEN 'blob' THEN 'b' || encode(litewire.any_blob({column}), 'hex') END"
    )
}
