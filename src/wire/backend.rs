//! Reading the backend's messages. Bodies come without their header; None where one is malformed.

/// A column of a RowDescription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its type's OID.
    pub oid: u32,
    /// Its format: 0 text, 1 binary.
    pub format: i16,
}

/// The columns of a RowDescription.
pub fn row_description(mut body: &[u8]) -> Option<Vec<Field<'_>>> {
    let count = count(&mut body)?;
    (0..count)
        .map(|_| {
            let name = cstr(&mut body)?;
            // table oid 4, column number 2, type oid 4, size 2, modifier 4, format 2
            let rest = body.split_off(..18)?;
            let oid = u32::from_be_bytes(*rest[6..].first_chunk()?);
            let format = i16::from_be_bytes(*rest.last_chunk()?);
            Some(Field { name, oid, format })
        })
        .collect()
}

/// The types of a ParameterDescription.
pub fn parameter_description(mut body: &[u8]) -> Option<Vec<u32>> {
    let count = count(&mut body)?;
    (0..count).map(|_| body.split_off(..4)?.first_chunk().copied().map(u32::from_be_bytes)).collect()
}

/// The values of a DataRow, in turn; None within is NULL. Ends early where the row is cut short.
pub fn data_row(mut body: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let count = count(&mut body).unwrap_or(0);
    (0..count).map_while(move |_| match i32::from_be_bytes(*body.split_off(..4)?.first_chunk()?) {
        -1 => Some(None),
        n => Some(Some(body.split_off(..usize::try_from(n).ok()?)?)),
    })
}

/// The row count at the end of a command tag (`INSERT 0 3`, `UPDATE 3`).
pub fn tag_rows(tag: &str) -> Option<u64> {
    tag.rsplit(' ').next()?.parse().ok()
}

/// A field of an ErrorResponse or NoticeResponse, by its code (`C`: SQLSTATE, `M`: message, …).
pub fn error_field(mut body: &[u8], code: u8) -> Option<&[u8]> {
    loop {
        let (&kind, rest) = body.split_first().filter(|(kind, _)| **kind != 0)?;
        body = rest;
        let text = cstr(&mut body)?;
        if kind == code {
            return Some(text);
        }
    }
}

/// Name and value of a ParameterStatus.
pub fn parameter_status(mut body: &[u8]) -> Option<(&[u8], &[u8])> {
    Some((cstr(&mut body)?, cstr(&mut body)?))
}

fn count(body: &mut &[u8]) -> Option<usize> {
    body.split_off(..2)?.first_chunk().map(|c| usize::from(u16::from_be_bytes(*c)))
}

fn cstr<'a>(body: &mut &'a [u8]) -> Option<&'a [u8]> {
    let text = body.split_off(..memchr::memchr(0, body)?)?;
    body.split_off(..1)?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn well_formed() {
        let row = b"\0\x01a\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01";
        assert_eq!(row_description(row), Some(vec![Field { name: b"a", oid: 23, format: 1 }]));
        assert_eq!(parameter_description(b"\0\x01\0\0\0\x19"), Some(vec![25]));
        assert_eq!(data_row(b"\0\x02\xff\xff\xff\xff\0\0\0\x01x").collect::<Vec<_>>(), [None, Some(&b"x"[..])]);
        assert_eq!(tag_rows("INSERT 0 3"), Some(3));
        assert_eq!(tag_rows("BEGIN"), None);
        assert_eq!(error_field(b"SERROR\0C23505\0\0", b'C'), Some(&b"23505"[..]));
        assert_eq!(error_field(b"SERROR\0\0", b'M'), None);
        assert_eq!(parameter_status(b"TimeZone\0UTC\0"), Some((&b"TimeZone"[..], &b"UTC"[..])));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (row_description(&body), parameter_description(&body), data_row(&body).count());
            let _ = (error_field(&body, b'M'), parameter_status(&body));
        }
    }
}
