//! What a client sends before it is let in (protocol chapter "Message Flow", "Start-up"): packets without a type byte.

use super::WireError;
use super::frame::Reader;
use crate::error::{ClientError, SqlState};
use std::collections::BTreeMap;

/// The longest packet; PostgreSQL's MAX_STARTUP_PACKET_LENGTH.
pub const LONGEST: usize = 10_000;
/// The newest minor version of protocol 3 that is spoken.
pub const NEWEST_MINOR: u16 = 2;
/// PostgreSQL cuts longer names of users and databases (NAMEDATALEN - 1).
const LONGEST_NAME: usize = 63;

const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

/// A packet, less its length.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet {
    /// SSLRequest.
    Ssl,
    /// GSSENCRequest.
    Gss,
    /// CancelRequest: the process number and the key.
    Cancel(i32, Vec<u8>),
    /// StartupMessage of protocol 3.
    Startup(StartupMessage),
}

/// StartupMessage, as it came.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StartupMessage {
    /// The minor version that the client asks for.
    pub minor: u16,
    /// Its parameters, but for protocol options.
    pub parameters: BTreeMap<String, String>,
    /// The names of its protocol options (`_pq_.…`), of which none is known.
    pub options: Vec<String>,
}

/// Reads a packet. None: its length is one that PostgreSQL, too, answers by hanging up.
pub fn read(body: &[u8]) -> Result<Option<Packet>, ClientError> {
    let mut reader = Reader::new(body);
    let Ok(code) = reader.int32() else { return Ok(None) };
    Ok(Some(match (code as u32, body.len()) {
        (SSL, 4) => Packet::Ssl,
        (GSS, 4) => Packet::Gss,
        (CANCEL, 12..=264) => Packet::Cancel(reader.int32().unwrap_or_default(), body[8..].to_vec()),
        (CANCEL, _) => return Ok(None),
        (version, _) if version >> 16 == 3 => Packet::Startup(startup(version as u16, &body[4..])?),
        (version, _) => {
            let message = format!("unsupported frontend protocol {}.{}: server supports 3.0 to 3.{NEWEST_MINOR}", version >> 16, version & 0xffff);
            return Err(ClientError::new(SqlState::FEATURE_NOT_SUPPORTED, message).fatal());
        }
    }))
}

fn startup(minor: u16, body: &[u8]) -> Result<StartupMessage, ClientError> {
    let layout = || ClientError::new(SqlState::PROTOCOL_VIOLATION, "invalid startup packet layout: expected terminator as last byte").fatal();
    let text = |reader: &mut Reader<'_>| match reader.cstring() {
        Ok(text) => Ok(text.to_owned()),
        Err(WireError::Encoding(_)) => {
            Err(ClientError::new(SqlState::UNTRANSLATABLE, "invalid byte sequence for encoding \"UTF8\" in the startup packet").fatal())
        }
        Err(_) => Err(layout()),
    };
    let mut message = StartupMessage { minor, ..StartupMessage::default() };
    let mut reader = Reader::new(body);
    loop {
        let name = text(&mut reader)?;
        if name.is_empty() {
            break;
        }
        let value = text(&mut reader)?;
        if name.starts_with("_pq_.") {
            message.options.push(name);
        } else {
            message.parameters.insert(name, value);
        }
    }
    reader.end().map_err(|_| layout())?;
    Ok(message)
}

/// A name as PostgreSQL will take it.
pub fn cut(mut name: String) -> String {
    if name.len() > LONGEST_NAME {
        let end = (0..=LONGEST_NAME).rev().find(|at| name.is_char_boundary(*at)).unwrap_or_default();
        name.truncate(end);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(code: u32, rest: &[u8]) -> Vec<u8> {
        [&code.to_be_bytes(), rest].concat()
    }

    #[test]
    fn packets_are_told_apart() {
        assert_eq!(read(&body(SSL, b"")), Ok(Some(Packet::Ssl)));
        assert_eq!(read(&body(GSS, b"")), Ok(Some(Packet::Gss)));
        assert_eq!(read(&body(CANCEL, b"\0\0\0\x07key!")), Ok(Some(Packet::Cancel(7, b"key!".to_vec()))));
        for length in [0, 3, 7, 261, 9000] {
            assert_eq!(read(&body(CANCEL, &vec![0; length])), Ok(None), "{length}");
        }
        assert_eq!(read(b"\0\0\x03"), Ok(None));
        let Ok(Some(Packet::Startup(message))) = read(&body(196_610, b"user\0ann\0_pq_.x\0y\0\0")) else { panic!("a start-up message") };
        assert_eq!((message.minor, message.options.as_slice()), (2, &["_pq_.x".to_owned()][..]));
        assert_eq!(message.parameters.get("user").map(String::as_str), Some("ann"));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for rest in [&b""[..], b"user\0ann\0", b"user\0ann", b"user", b"user\0ann\0\0x", b"\0\0"] {
            assert_eq!(read(&body(196_608, rest)).expect_err("refused").state, SqlState::PROTOCOL_VIOLATION, "{rest:?}");
        }
        assert_eq!(read(&body(196_608, b"user\0\xff\0\0")).expect_err("refused").state, SqlState::UNTRANSLATABLE);
        let error = read(&body(131_072, b"")).expect_err("refused");
        assert_eq!(error.message, "unsupported frontend protocol 2.0: server supports 3.0 to 3.2");
    }

    #[test]
    fn names_are_cut_between_characters() {
        assert_eq!(cut("short".to_owned()), "short");
        assert_eq!(cut("é".repeat(40)).len(), 62);
        assert_eq!(cut("x".repeat(64)).len(), 63);
    }
}
