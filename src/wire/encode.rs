//! Building frames.

use crate::error::ClientError;
use bytes::{BufMut, BytesMut};

/// Appends a frame whose body `write` appends.
pub fn frame(out: &mut BytesMut, kind: u8, write: impl FnOnce(&mut BytesMut)) {
    out.put_u8(kind);
    let at = out.len();
    out.put_u32(0);
    write(out);
    let len = (out.len() - at) as u32;
    out[at..at + 4].copy_from_slice(&len.to_be_bytes());
}

/// ReadyForQuery.
pub fn ready(out: &mut BytesMut, status: u8) {
    frame(out, b'Z', |b| b.put_u8(status));
}

/// CommandComplete.
pub fn command_complete(out: &mut BytesMut, tag: &str) {
    frame(out, b'C', |b| cstr(b, tag));
}

/// ErrorResponse. `sql` is the client's text, in which the error's position is counted in characters from 1.
pub fn error(out: &mut BytesMut, error: &ClientError, sql: &str) {
    let severity = if error.fatal { "FATAL" } else { "ERROR" };
    frame(out, b'E', |b| {
        field(b, b'S', severity);
        field(b, b'V', severity);
        field(b, b'C', error.state.as_str());
        field(b, b'M', &error.message);
        error.detail.iter().for_each(|d| field(b, b'D', d));
        error.hint.iter().for_each(|h| field(b, b'H', h));
        if let Some(at) = error.position {
            let characters = sql.char_indices().take_while(|(i, _)| *i < at).count();
            field(b, b'P', &(characters + 1).to_string());
        }
        b.put_u8(0);
    });
}

/// RowDescription: name, type OID, type size and format of each column, as columns of no table.
pub fn row_description<'a>(out: &mut BytesMut, columns: impl ExactSizeIterator<Item = (&'a str, u32, i16, i16)>) {
    frame(out, b'T', |b| {
        b.put_u16(columns.len() as u16);
        for (name, oid, size, format) in columns {
            cstr(b, name);
            b.put_u32(0);
            b.put_i16(0);
            b.put_u32(oid);
            b.put_i16(size);
            b.put_i32(-1);
            b.put_i16(format);
        }
    });
}

/// ParameterDescription.
pub fn parameter_description(out: &mut BytesMut, oids: &[u32]) {
    frame(out, b't', |b| {
        b.put_u16(oids.len() as u16);
        oids.iter().for_each(|oid| b.put_u32(*oid));
    });
}

/// DataRow.
pub fn data_row<'a>(out: &mut BytesMut, values: impl ExactSizeIterator<Item = Option<&'a [u8]>>) {
    frame(out, b'D', |b| {
        b.put_u16(values.len() as u16);
        values.for_each(|v| value(b, v));
    });
}

/// Query.
pub fn query(out: &mut BytesMut, sql: &str) {
    frame(out, b'Q', |b| cstr(b, sql));
}

/// Parse.
pub fn parse(out: &mut BytesMut, name: &str, sql: &str, oids: impl ExactSizeIterator<Item = u32>) {
    frame(out, b'P', |b| {
        cstr(b, name);
        cstr(b, sql);
        b.put_u16(oids.len() as u16);
        oids.for_each(|oid| b.put_u32(oid));
    });
}

fn value(out: &mut BytesMut, value: Option<&[u8]>) {
    match value {
        None => out.put_i32(-1),
        Some(bytes) => {
            out.put_i32(bytes.len() as i32);
            out.put_slice(bytes);
        }
    }
}

fn field(out: &mut BytesMut, code: u8, text: &str) {
    out.put_u8(code);
    cstr(out, text);
}

/// A NUL within would end the string early and break the frame.
fn cstr(out: &mut BytesMut, text: &str) {
    out.extend(text.bytes().filter(|b| *b != 0));
    out.put_u8(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SqlState;

    #[test]
    fn positions_are_characters_from_one() {
        let mut out = BytesMut::new();
        error(&mut out, &ClientError::new(SqlState::SYNTAX_ERROR, "m").at(3), "é x");
        assert_eq!(&out[..], b"E\0\0\0\x20SERROR\0VERROR\0C42601\0Mm\0P3\0\0");
        assert_eq!(crate::wire::frame::header(&out).map(|(_, n)| n + 1), Some(out.len()));
    }

    #[test]
    fn what_is_built_reads_back() {
        use crate::wire::{backend, frame::HEADER, frontend};
        let mut out = BytesMut::new();
        row_description(&mut out, [("a", 701, 8, 0)].into_iter());
        assert_eq!(backend::row_description(&out[HEADER..]), Some(vec![backend::Field { name: b"a", oid: 701, format: 0 }]));
        out.clear();
        parameter_description(&mut out, &[25, 20]);
        assert_eq!(backend::parameter_description(&out[HEADER..]), Some(vec![25, 20]));
        out.clear();
        data_row(&mut out, [None, Some(&b"x"[..])].into_iter());
        assert_eq!(backend::data_row(&out[HEADER..]).collect::<Vec<_>>(), [None, Some(&b"x"[..])]);
        out.clear();
        query(&mut out, "SELECT 1");
        assert_eq!(frontend::query(&out[HEADER..]), Ok(&b"SELECT 1"[..]));
        out.clear();
        parse(&mut out, "lw1", "SELECT $1", [20].into_iter());
        assert_eq!(frontend::parse(&out[HEADER..]), Ok(frontend::Parse { name: b"lw1", sql: b"SELECT $1", oids: b"\0\0\0\x14" }));
    }

    #[test]
    fn small_frames() {
        let mut out = BytesMut::new();
        command_complete(&mut out, "BEGIN");
        ready(&mut out, b'T');
        assert_eq!(&out[..], b"C\0\0\0\x0aBEGIN\0Z\0\0\0\x05T");
    }
}
