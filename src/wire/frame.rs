//! Framing: a type byte, a length that counts itself, a body.

use super::WireError;

/// Bytes of a header: the type and the length.
pub const HEADER: usize = 5;

/// The length of the frame at the start of a buffer, header included; None when the header is not there yet.
pub fn length(buffer: &[u8], limit: usize) -> Result<Option<usize>, WireError> {
    let Some(bytes) = buffer.get(1..HEADER) else { return Ok(None) };
    let length = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    match length {
        0..4 => Err(WireError::Length),
        _ if length > limit => Err(WireError::TooLarge(length)),
        _ => Ok(Some(length + 1)),
    }
}

/// Is there a whole frame at the start of a buffer? A broken header counts as one: whoever reads it will see.
pub fn is_whole(buffer: &[u8], limit: usize) -> bool {
    match length(buffer, limit) {
        Ok(Some(length)) => buffer.len() >= length,
        Ok(None) => false,
        Err(_) => true,
    }
}

/// Text whose first character is none; as PostgreSQL tells of it (`report_invalid_encoding`).
fn invalid(bytes: &[u8]) -> WireError {
    let length = match bytes.first() {
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf7) => 4,
        _ => 1,
    };
    let shown: Vec<String> = bytes.iter().take(length).map(|b| format!("{b:#04x}")).collect();
    WireError::Encoding(shown.join(" "))
}

/// A body, read from its start.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of a body.
    pub fn new(body: &'a [u8]) -> Self {
        Reader { rest: body }
    }

    /// The next bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        if self.rest.len() < count {
            return Err(WireError::Short);
        }
        let (head, tail) = self.rest.split_at(count);
        self.rest = tail;
        Ok(head)
    }

    /// A byte.
    pub fn byte(&mut self) -> Result<u8, WireError> {
        Ok(self.bytes(1).map_err(|_| WireError::Empty)?[0])
    }

    /// An Int16.
    pub fn int16(&mut self) -> Result<i16, WireError> {
        let b = self.bytes(2)?;
        Ok(i16::from_be_bytes([b[0], b[1]]))
    }

    /// A count in an Int16; PostgreSQL reads it without a sign.
    pub fn count(&mut self) -> Result<usize, WireError> {
        Ok(usize::from(self.int16()? as u16))
    }

    /// An Int32.
    pub fn int32(&mut self) -> Result<i32, WireError> {
        let b = self.bytes(4)?;
        Ok(i32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    }

    /// A String, without its terminator.
    pub fn cstring(&mut self) -> Result<&'a str, WireError> {
        let end = memchr::memchr(0, self.rest).ok_or(WireError::Unterminated)?;
        let text = std::str::from_utf8(&self.rest[..end]).map_err(|e| invalid(&self.rest[e.valid_up_to()..end]))?;
        self.rest = &self.rest[end + 1..];
        Ok(text)
    }

    /// A value with its length in front; -1 is NULL.
    pub fn value(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        match self.int32()? {
            -1 => Ok(None),
            length => Ok(Some(self.bytes(usize::try_from(length).map_err(|_| WireError::Short)?)?)),
        }
    }

    /// Nothing must be left.
    pub fn end(self) -> Result<(), WireError> {
        if self.rest.is_empty() { Ok(()) } else { Err(WireError::Format) }
    }
}
