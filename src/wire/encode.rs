//! Messages made here.

use crate::error::ClientError;
use bytes::{BufMut, BytesMut};

/// Appends a message whose body `fill` writes.
pub fn message(out: &mut BytesMut, tag: u8, fill: impl FnOnce(&mut BytesMut)) {
    out.put_u8(tag);
    let at = out.len();
    out.put_u32(0);
    fill(out);
    let length = (out.len() - at) as u32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

/// Appends a String.
pub fn cstring(out: &mut BytesMut, text: &str) {
    // A NUL would end the message early.
    let end = memchr::memchr(0, text.as_bytes()).unwrap_or(text.len());
    out.extend_from_slice(&text.as_bytes()[..end]);
    out.put_u8(0);
}

/// Query.
pub fn query(out: &mut BytesMut, sql: &str) {
    message(out, b'Q', |b| cstring(b, sql));
}

/// Parse.
pub fn parse(out: &mut BytesMut, name: &str, sql: &str, types: &[u32]) {
    message(out, b'P', |b| {
        cstring(b, name);
        cstring(b, sql);
        b.put_u16(types.len() as u16);
        types.iter().for_each(|t| b.put_u32(*t));
    });
}

/// Describe or Close of a statement (`S`) or portal (`P`).
pub fn target(out: &mut BytesMut, tag: u8, kind: u8, name: &str) {
    message(out, tag, |b| {
        b.put_u8(kind);
        cstring(b, name);
    });
}

/// Execute.
pub fn execute(out: &mut BytesMut, portal: &str, limit: i32) {
    message(out, b'E', |b| {
        cstring(b, portal);
        b.put_i32(limit);
    });
}

/// A message without a body.
pub fn empty(out: &mut BytesMut, tag: u8) {
    message(out, tag, |_| {});
}

/// ReadyForQuery.
pub fn ready(out: &mut BytesMut, status: u8) {
    message(out, b'Z', |b| b.put_u8(status));
}

/// CommandComplete.
pub fn complete(out: &mut BytesMut, tag: &str) {
    message(out, b'C', |b| cstring(b, tag));
}

/// A column of a RowDescription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub oid: u32,
    /// The type's size in bytes; -1 where it varies.
    pub size: i16,
    /// 0 text, 1 binary.
    pub format: i16,
}

/// RowDescription.
pub fn row_description<'a>(out: &mut BytesMut, fields: impl ExactSizeIterator<Item = Field<'a>>) {
    message(out, b'T', |b| {
        b.put_u16(fields.len() as u16);
        for field in fields {
            cstring(b, field.name);
            b.put_u32(0);
            b.put_i16(0);
            b.put_u32(field.oid);
            b.put_i16(field.size);
            b.put_i32(-1);
            b.put_i16(field.format);
        }
    });
}

/// DataRow.
pub fn data_row<'a>(out: &mut BytesMut, fields: impl ExactSizeIterator<Item = Option<&'a [u8]>>) {
    message(out, b'D', |b| {
        b.put_u16(fields.len() as u16);
        fields.for_each(|f| value(b, f));
    });
}

/// A value with its length in front.
pub fn value(out: &mut BytesMut, value: Option<&[u8]>) {
    match value {
        None => out.put_i32(-1),
        Some(bytes) => {
            out.put_i32(bytes.len() as i32);
            out.extend_from_slice(bytes);
        }
    }
}

/// ParameterDescription.
pub fn parameter_description(out: &mut BytesMut, types: &[u32]) {
    message(out, b't', |b| {
        b.put_u16(types.len() as u16);
        types.iter().for_each(|t| b.put_u32(*t));
    });
}

/// ErrorResponse. `sql` is the client's text, in which the position is counted in characters from 1.
pub fn error(out: &mut BytesMut, error: &ClientError, sql: &str) {
    let severity = if error.fatal { "FATAL" } else { "ERROR" };
    let position = error.position.map(|at| sql.char_indices().take_while(|(i, _)| *i < at).count() + 1);
    let fields = [
        (b'S', Some(severity.to_owned())),
        (b'V', Some(severity.to_owned())),
        (b'C', Some(error.state.as_str().to_owned())),
        (b'M', Some(error.message.clone())),
        (b'D', error.detail.clone()),
        (b'H', error.hint.clone()),
        (b'P', position.map(|p| p.to_string())),
    ];
    error_fields(out, fields.iter().filter_map(|(code, text)| Some((*code, text.as_deref()?))));
}

/// ErrorResponse from its fields.
pub fn error_fields<'a>(out: &mut BytesMut, fields: impl Iterator<Item = (u8, &'a str)>) {
    message(out, b'E', |b| {
        for (code, text) in fields {
            b.put_u8(code);
            cstring(b, text);
        }
        b.put_u8(0);
    });
}
