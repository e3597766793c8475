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
    fn small_frames() {
        let mut out = BytesMut::new();
        command_complete(&mut out, "BEGIN");
        ready(&mut out, b'T');
        assert_eq!(&out[..], b"C\0\0\0\x0aBEGIN\0Z\0\0\0\x05T");
    }
}
