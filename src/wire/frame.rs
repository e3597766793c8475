//! Bounded framing: a type byte, a length that counts itself, a body.

use crate::error::{ClientError, SqlState};

/// The bytes before a frame's body.
pub const HEADER: usize = 5;
/// The largest frame of a kind that carries names or nothing (D, E, C, S, H, X, c).
const SMALL: usize = 64 * 1024;
/// The largest frame of any other kind: PostgreSQL's own limit for one allocation.
const LARGE: usize = 0x3fff_ffff;

/// The whole length of the frame that starts `bytes`, or None while its header is incomplete.
///
/// `max_query_size` bounds the body of Query and Parse. A length that cannot be right ends the connection: nothing after it can be framed.
pub fn frontend_len(bytes: &[u8], max_query_size: usize) -> Result<Option<usize>, ClientError> {
    let Some((kind, len)) = header(bytes) else { return Ok(None) };
    let most = match kind {
        b'Q' | b'P' => max_query_size.min(LARGE),
        b'D' | b'E' | b'C' | b'S' | b'H' | b'X' | b'c' => SMALL,
        b'B' | b'F' | b'd' | b'f' | b'p' => LARGE,
        other => return Err(violation(format!("invalid frontend message type {other}"))),
    };
    match len.checked_sub(4) {
        None => Err(violation(format!("invalid length {len} of message type \"{}\"", kind as char))),
        Some(body) if body > most && matches!(kind, b'Q' | b'P') => {
            Err(ClientError::new(SqlState::PROGRAM_LIMIT, format!("query of {body} bytes is longer than {most}")).fatal())
        }
        Some(body) if body > most => Err(violation(format!("invalid length {len} of message type \"{}\"", kind as char))),
        Some(_) => Ok(Some(len + 1)),
    }
}

/// The type and the length field of the frame that starts `bytes`.
pub fn header(bytes: &[u8]) -> Option<(u8, usize)> {
    let &[kind, a, b, c, d] = bytes.first_chunk::<HEADER>()?;
    Some((kind, u32::from_be_bytes([a, b, c, d]) as usize))
}

fn violation(message: String) -> ClientError {
    ClientError::new(SqlState::PROTOCOL_VIOLATION, message).fatal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(frontend_len(b"Q\0\0", 100), Ok(None));
        assert_eq!(frontend_len(b"S\0\0\0\x04", 100), Ok(Some(5)));
        assert!(frontend_len(b"S\0\0\0\x03", 100).is_err());
        assert!(frontend_len(b"D\xff\xff\xff\xff", 100).is_err());
        assert!(frontend_len(b"!\0\0\0\x04", 100).is_err());
        assert_eq!(frontend_len(b"Q\0\0\0\x68", 100), Ok(Some(105)));
        assert_eq!(frontend_len(b"Q\0\0\0\x69", 100).map_err(|e| e.state), Err(SqlState::PROGRAM_LIMIT));
    }
}
