//! What clients send. Decoding is bounded by the frame and never panics.

use super::WireError;
use super::frame::Reader;

/// Parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parse<'a> {
    /// The statement's name; empty for the unnamed one.
    pub name: &'a str,
    /// Its text.
    pub sql: &'a str,
    /// The types that the client declares; 0 leaves one open.
    pub types: Vec<u32>,
}

/// Bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The portal's name.
    pub portal: &'a str,
    /// The statement's name.
    pub statement: &'a str,
    /// Format codes of the values: none, one for all, or one each.
    pub formats: Vec<i16>,
    /// The values.
    pub values: Vec<Option<&'a [u8]>>,
    /// Format codes of the result's columns: none, one for all, or one each.
    pub result_formats: Vec<i16>,
}

/// The text of a Query.
pub fn query(body: &[u8]) -> Result<&str, WireError> {
    let mut reader = Reader::new(body);
    let sql = reader.cstring()?;
    reader.end()?;
    Ok(sql)
}

/// A Parse.
pub fn parse(body: &[u8]) -> Result<Parse<'_>, WireError> {
    let mut reader = Reader::new(body);
    let (name, sql) = (reader.cstring()?, reader.cstring()?);
    let types = list(&mut reader, |reader| reader.int32().map(|n| n as u32))?;
    reader.end()?;
    Ok(Parse { name, sql, types })
}

/// The portal and the statement of a Bind.
pub fn bind_names(body: &[u8]) -> Result<(&str, &str), WireError> {
    let mut reader = Reader::new(body);
    Ok((reader.cstring()?, reader.cstring()?))
}

/// A Bind.
pub fn bind(body: &[u8]) -> Result<Bind<'_>, WireError> {
    let mut reader = Reader::new(body);
    let (portal, statement) = (reader.cstring()?, reader.cstring()?);
    let formats = list(&mut reader, Reader::int16)?;
    let values = list(&mut reader, Reader::value)?;
    let result_formats = list(&mut reader, Reader::int16)?;
    reader.end()?;
    Ok(Bind { portal, statement, formats, values, result_formats })
}

/// A count, and as many items. A count that the body does not bear out allocates no more than the largest count does.
fn list<'a, T>(reader: &mut Reader<'a>, mut item: impl FnMut(&mut Reader<'a>) -> Result<T, WireError>) -> Result<Vec<T>, WireError> {
    let count = reader.count()?;
    let mut out = Vec::with_capacity(count);
    for _ in 0..count {
        out.push(item(reader)?);
    }
    Ok(out)
}

/// The kind (`S` or `P`) and the name of a Describe or Close, `message` in errors.
pub fn target<'a>(body: &'a [u8], message: &'static str) -> Result<(u8, &'a str), WireError> {
    let mut reader = Reader::new(body);
    let (kind, name) = (reader.byte()?, reader.cstring()?);
    reader.end()?;
    if matches!(kind, b'S' | b'P') { Ok((kind, name)) } else { Err(WireError::Subtype(message, kind)) }
}

/// The portal and the row limit of an Execute; 0 is no limit.
pub fn execute(body: &[u8]) -> Result<(&str, i32), WireError> {
    let mut reader = Reader::new(body);
    let (portal, limit) = (reader.cstring()?, reader.int32()?);
    reader.end()?;
    Ok((portal, limit))
}

/// The format code of the value or column at an index, by the rule of Bind.
pub fn format_at(formats: &[i16], at: usize) -> i16 {
    match formats {
        [] => 0,
        [all] => *all,
        each => each.get(at).copied().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (query(&bytes), parse(&bytes), bind(&bytes), target(&bytes, "CLOSE"), execute(&bytes));
            let _ = (frame::length(&bytes, 1 << 30), frame::is_whole(&bytes, 100));
        }
    }

    #[test]
    fn a_bind_is_read_back() {
        let body = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\0";
        let bound = bind(body).expect("well-formed");
        assert_eq!((bound.portal, bound.statement, bound.formats.as_slice()), ("p", "s", &[1][..]));
        assert_eq!(bound.values, [Some(&b"x"[..]), None]);
        assert_eq!(bind(&body[..body.len() - 1]), Err(WireError::Short));
    }
}
