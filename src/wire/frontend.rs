//! Bounded decoding of the client's messages. Bodies come without their header; whatever is wrong with one is an error, never a panic.

use crate::error::{ClientError, SqlState};

/// Parse.
#[derive(Debug, PartialEq, Eq)]
pub struct Parse<'a> {
    /// The statement's name; empty for the unnamed one.
    pub name: &'a [u8],
    /// Its text.
    pub sql: &'a [u8],
    /// The declared parameter types, four bytes each.
    pub oids: &'a [u8],
}

/// Bind.
#[derive(Debug, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The portal's name.
    pub portal: &'a [u8],
    /// The statement's name.
    pub statement: &'a [u8],
    /// The parameters' formats: none (all text), one for all, or one each.
    pub formats: Vec<i16>,
    /// The parameters' values; None is NULL.
    pub values: Vec<Option<&'a [u8]>>,
    /// The result columns' formats, by the same rule.
    pub results: Vec<i16>,
}

/// What Describe and Close name.
#[derive(Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A prepared statement.
    Statement(&'a [u8]),
    /// A portal.
    Portal(&'a [u8]),
}

/// The text of a Query.
pub fn query(body: &[u8]) -> Result<&[u8], ClientError> {
    let mut r = Reader(body);
    let sql = r.cstr()?;
    r.end(sql)
}

/// Decodes a Parse.
pub fn parse(body: &[u8]) -> Result<Parse<'_>, ClientError> {
    let mut r = Reader(body);
    let (name, sql) = (r.cstr()?, r.cstr()?);
    let count = r.count()?;
    let oids = r.take(count * 4)?;
    r.end(Parse { name, sql, oids })
}

/// Decodes a Bind.
pub fn bind(body: &[u8]) -> Result<Bind<'_>, ClientError> {
    let mut r = Reader(body);
    let (portal, statement, formats) = (r.cstr()?, r.cstr()?, r.formats()?);
    let count = r.count()?;
    // Each value has at least its length field, so a short body cannot make a long list.
    if r.0.len() < count * 4 {
        return Err(malformed());
    }
    let values = (0..count).map(|_| r.value()).collect::<Result<Vec<_>, _>>()?;
    if formats.len() > 1 && formats.len() != values.len() {
        return Err(malformed());
    }
    let results = r.formats()?;
    r.end(Bind { portal, statement, formats, values, results })
}

/// Decodes a Describe or a Close.
pub fn target(body: &[u8]) -> Result<Target<'_>, ClientError> {
    let mut r = Reader(body);
    let target = match r.take(1)? {
        b"S" => Target::Statement(r.cstr()?),
        b"P" => Target::Portal(r.cstr()?),
        _ => return Err(malformed()),
    };
    r.end(target)
}

/// Decodes an Execute: the portal, and the row limit (0: none).
pub fn execute(body: &[u8]) -> Result<(&[u8], u32), ClientError> {
    let mut r = Reader(body);
    let (portal, limit) = (r.cstr()?, r.int32()?);
    // PostgreSQL takes zero and less as "all rows".
    r.end((portal, u32::try_from(limit).unwrap_or(0)))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], ClientError> {
        let (head, tail) = self.0.split_at_checked(n).ok_or_else(malformed)?;
        self.0 = tail;
        Ok(head)
    }

    fn cstr(&mut self) -> Result<&'a [u8], ClientError> {
        let end = memchr::memchr(0, self.0).ok_or_else(malformed)?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }

    fn int16(&mut self) -> Result<i16, ClientError> {
        let (head, tail) = self.0.split_first_chunk().ok_or_else(malformed)?;
        self.0 = tail;
        Ok(i16::from_be_bytes(*head))
    }

    fn int32(&mut self) -> Result<i32, ClientError> {
        let (head, tail) = self.0.split_first_chunk().ok_or_else(malformed)?;
        self.0 = tail;
        Ok(i32::from_be_bytes(*head))
    }

    /// PostgreSQL reads counts as unsigned: up to 65535 parameters.
    fn count(&mut self) -> Result<usize, ClientError> {
        Ok(usize::from(self.int16()? as u16))
    }

    fn formats(&mut self) -> Result<Vec<i16>, ClientError> {
        let count = self.count()?;
        let bytes = self.take(count * 2)?;
        let formats: Vec<i16> = bytes.chunks_exact(2).map(|b| i16::from_be_bytes([b[0], b[1]])).collect();
        if formats.iter().any(|f| !matches!(f, 0 | 1)) { Err(malformed()) } else { Ok(formats) }
    }

    fn value(&mut self) -> Result<Option<&'a [u8]>, ClientError> {
        match self.int32()? {
            -1 => Ok(None),
            n => self.take(usize::try_from(n).map_err(|_| malformed())?).map(Some),
        }
    }

    fn end<T>(self, value: T) -> Result<T, ClientError> {
        if self.0.is_empty() { Ok(value) } else { Err(malformed()) }
    }
}

fn malformed() -> ClientError {
    ClientError::new(SqlState::PROTOCOL_VIOLATION, "invalid message format")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn well_formed() {
        assert_eq!(query(b"x\0").ok(), Some(&b"x"[..]));
        assert_eq!(parse(b"n\0s\0\0\x01\0\0\0\x17").ok(), Some(Parse { name: b"n", sql: b"s", oids: b"\0\0\0\x17" }));
        let b = bind(b"\0n\0\0\0\0\x02\xff\xff\xff\xff\0\0\0\x01a\0\x01\0\x01").ok();
        assert_eq!(b, Some(Bind { portal: b"", statement: b"n", formats: vec![], values: vec![None, Some(b"a")], results: vec![1] }));
        assert_eq!(target(b"Sn\0").ok(), Some(Target::Statement(b"n")));
        assert_eq!(execute(b"\0\0\0\0\x05").ok(), Some((&b""[..], 5)));
    }

    #[test]
    fn malformed_is_refused() {
        assert!(query(b"x").is_err());
        assert!(query(b"x\0y").is_err());
        assert!(parse(b"n\0s\0\0\x02\0\0\0\x17").is_err());
        assert!(bind(b"\0\0\0\0\0\x01\0\0\0\x09a\0\0").is_err());
        assert!(bind(b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0").is_err());
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (query(&body), parse(&body), bind(&body), target(&body), execute(&body));
        }
    }
}
