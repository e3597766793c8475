//! How a value of SQLite's goes into a column of PostgreSQL's: which values fit, and their bytes in binary COPY.

use super::carrier;
use crate::catalog::{Column, oid};
use crate::value::carrier::real;
use bytes::{BufMut, BytesMut};
use rusqlite::types::ValueRef;
use std::fmt;
use std::net::IpAddr;

/// Types of PostgreSQL that only a table made by others has (`pg_type.dat`).
const INET: u32 = 869;
const INTERVAL: u32 = 1186;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// smallint, integer, bigint: bytes.
    Integer(u8),
    /// real, double precision: bytes.
    Real(u8),
    /// numeric; a scale of 0 says INTEGER.
    Numeric,
    /// numeric of a table that SQLite did not make: its value counts, not its scale. Precision and scale, if there are any.
    Decimal(Option<(usize, usize)>),
    /// text, character varying(n), character(n): the most characters, if there is a limit.
    Text(Option<u32>),
    /// bytea.
    Bytes,
    /// The dynamic carrier: any storage class.
    Any,
    /// boolean.
    Bool,
    /// date.
    Date,
    /// time.
    Time,
    /// timestamp, timestamptz: the time zone of a text that names none is UTC.
    Timestamp,
    /// json (false), jsonb (true).
    Json(bool),
    /// uuid.
    Uuid,
    /// inet: an address in its shortest text.
    Inet,
    /// interval: a whole number is so many microseconds.
    Interval,
    /// A type of PostgreSQL's that SQLite knows nothing of (an array, an enum): read as its text, and not written.
    Other,
}

/// A value as its column holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL.
    Real(f64),
    /// TEXT that PostgreSQL's text can hold.
    Text(&'a str),
    /// TEXT of any bytes: with a NUL, or that is no UTF-8.
    RawText(&'a [u8]),
    /// BLOB.
    Blob(&'a [u8]),
    /// A truth value.
    Bool(bool),
    /// Days since 2000-01-01.
    Date(i32),
    /// Microseconds since midnight, or since 2000-01-01 00:00 UTC.
    Micros(i64),
    /// A JSON text.
    Json(&'a str),
    /// A UUID.
    Uuid(u128),
    /// An address.
    Inet(IpAddr),
}

/// Why a value does not fit its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Misfit {
    /// A storage class that the column's type does not hold.
    Class(&'static str),
    /// A NUL in a text.
    Nul,
    /// A text that is no UTF-8.
    NotUtf8,
    /// NULL where none may be.
    Null,
    /// A number out of the type's range, or a text longer than it may be.
    Range,
    /// A text that is none of the type's.
    Syntax,
    /// A zero with a sign, in a column that has none.
    SignedZero,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Class(class) => f.write_str(class),
            Misfit::Nul => f.write_str("text with a NUL character"),
            Misfit::NotUtf8 => f.write_str("text that is not UTF-8"),
            Misfit::Null => f.write_str("NULL in a key"),
            Misfit::Range => f.write_str("out of range"),
            Misfit::Syntax => f.write_str("text of another form"),
            Misfit::SignedZero => f.write_str("negative zero"),
        }
    }
}

impl Form {
    /// That of a column; None for a type of which nothing is known.
    pub fn of(column: &Column) -> Option<Form> {
        if column.dynamic {
            return Some(Form::Any);
        }
        Some(match column.type_oid {
            oid::INT2 => Form::Integer(2),
            oid::INT4 => Form::Integer(4),
            oid::INT8 => Form::Integer(8),
            oid::FLOAT4 => Form::Real(4),
            oid::FLOAT8 => Form::Real(8),
            oid::NUMERIC => Form::Numeric,
            oid::TEXT => Form::Text(None),
            oid::VARCHAR | oid::BPCHAR => Form::Text(limit(&column.type_name)),
            oid::BYTEA => Form::Bytes,
            oid::BOOL => Form::Bool,
            oid::DATE => Form::Date,
            oid::TIME => Form::Time,
            oid::TIMESTAMP | oid::TIMESTAMPTZ => Form::Timestamp,
            oid::JSON => Form::Json(false),
            oid::JSONB => Form::Json(true),
            oid::UUID => Form::Uuid,
            INET => Form::Inet,
            INTERVAL => Form::Interval,
            _ => return None,
        })
    }

    /// As a person names it.
    pub fn name(self) -> &'static str {
        match self {
            Form::Integer(2) => "smallint",
            Form::Integer(4) => "integer",
            Form::Integer(_) => "bigint",
            Form::Real(4) => "real",
            Form::Real(_) => "double precision",
            Form::Numeric | Form::Decimal(_) => "numeric",
            Form::Text(None) => "text",
            Form::Text(_) => "varchar",
            Form::Bytes => "bytea",
            Form::Any => "any",
            Form::Bool => "boolean",
            Form::Date => "date",
            Form::Time => "time",
            Form::Timestamp => "timestamp",
            Form::Json(false) => "json",
            Form::Json(true) => "jsonb",
            Form::Uuid => "uuid",
            Form::Inet => "inet",
            Form::Interval => "interval",
            Form::Other => "a type of PostgreSQL's own",
        }
    }

    /// The value as the column would hold it. Nothing is rounded, cut or guessed: what reads back as another value is a misfit.
    /// `exact` keeps the storage class too; without, a whole number may go into a column of reals.
    pub fn cell<'a>(self, value: ValueRef<'a>, exact: bool) -> Result<Cell<'a>, Misfit> {
        let class = |value: ValueRef| {
            Misfit::Class(match value {
                ValueRef::Null => "NULL",
                ValueRef::Integer(_) => "INTEGER",
                ValueRef::Real(_) => "REAL",
                ValueRef::Text(_) => "TEXT",
                ValueRef::Blob(_) => "BLOB",
            })
        };
        Ok(match (self, value) {
            (_, ValueRef::Null) => Cell::Null,
            (Form::Any, ValueRef::Text(bytes)) => Cell::RawText(bytes),
            (Form::Any, ValueRef::Integer(n)) => Cell::Integer(n),
            // PostgreSQL's numeric has no sign of zero.
            (Form::Any | Form::Numeric, ValueRef::Real(x)) if x == 0.0 && x.is_sign_negative() => return Err(Misfit::SignedZero),
            (Form::Any, ValueRef::Real(x)) => Cell::Real(x),
            (Form::Any, ValueRef::Blob(bytes)) => Cell::Blob(bytes),
            (Form::Integer(8), ValueRef::Integer(n)) => Cell::Integer(n),
            (Form::Integer(bytes), ValueRef::Integer(n)) => {
                let fits = if bytes == 4 { i32::try_from(n).is_ok() } else { i16::try_from(n).is_ok() };
                fits.then_some(Cell::Integer(n)).ok_or(Misfit::Range)?
            }
            (Form::Real(8), ValueRef::Real(x)) => Cell::Real(x),
            (Form::Real(_), ValueRef::Real(x)) => (f64::from(x as f32) == x).then_some(Cell::Real(x)).ok_or(Misfit::Range)?,
            (Form::Real(8), ValueRef::Integer(n)) if !exact => {
                ((n as f64) as i128 == i128::from(n)).then_some(Cell::Real(n as f64)).ok_or(Misfit::Range)?
            }
            (Form::Numeric, ValueRef::Integer(n)) => Cell::Integer(n),
            (Form::Numeric, ValueRef::Real(x)) if x.is_finite() => Cell::Real(x),
            (Form::Numeric, ValueRef::Real(_)) => return Err(Misfit::Range),
            (Form::Decimal(limits), ValueRef::Integer(n)) => {
                let fits = limits.is_none_or(|(precision, scale)| n.unsigned_abs().to_string().len() + scale <= precision);
                fits.then_some(Cell::Integer(n)).ok_or(Misfit::Range)?
            }
            (Form::Decimal(limits), ValueRef::Real(x)) if x.is_finite() => decimal(x, limits).ok_or(Misfit::Range)?,
            (Form::Decimal(_), ValueRef::Real(_)) => return Err(Misfit::Range),
            (Form::Text(limit), ValueRef::Text(bytes)) => {
                let text = plain_text(bytes)?;
                let fits = limit.is_none_or(|limit| text.chars().count() <= limit as usize);
                fits.then_some(Cell::Text(text)).ok_or(Misfit::Range)?
            }
            (Form::Bytes, ValueRef::Blob(bytes)) => Cell::Blob(bytes),
            (Form::Bool, ValueRef::Integer(n @ (0 | 1))) => Cell::Bool(n == 1),
            (Form::Bool, ValueRef::Integer(_)) => return Err(Misfit::Range),
            (Form::Date, ValueRef::Text(bytes)) => Cell::Date(super::time::date(plain_text(bytes)?).ok_or(Misfit::Syntax)?),
            (Form::Time, ValueRef::Text(bytes)) => Cell::Micros(super::time::time(plain_text(bytes)?).ok_or(Misfit::Syntax)?),
            (Form::Timestamp, ValueRef::Text(bytes)) => Cell::Micros(super::time::timestamp(plain_text(bytes)?).ok_or(Misfit::Syntax)?),
            (Form::Json(_), ValueRef::Text(bytes)) => {
                let text = plain_text(bytes)?;
                // A NUL may be escaped in JSON, but not in PostgreSQL's.
                let valid = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() && !text.contains("\\u0000");
                valid.then_some(Cell::Json(text)).ok_or(Misfit::Syntax)?
            }
            (Form::Uuid, ValueRef::Text(bytes)) => Cell::Uuid(uuid(plain_text(bytes)?, exact).ok_or(Misfit::Syntax)?),
            (Form::Inet, ValueRef::Text(bytes)) => {
                let text = plain_text(bytes)?;
                let address = text.parse::<IpAddr>().map_err(|_| Misfit::Syntax)?;
                (address.to_string() == text).then_some(Cell::Inet(address)).ok_or(Misfit::Syntax)?
            }
            (Form::Interval, ValueRef::Integer(n)) => Cell::Integer(n),
            (Form::Other, ValueRef::Text(bytes)) => Cell::Text(plain_text(bytes)?),
            (_, value) => return Err(class(value)),
        })
    }

    /// Where a row that is `at` bytes long ends with this value, at the most: what is long is stored elsewhere (storage-toast.html).
    pub fn room(self, value: ValueRef, at: usize) -> usize {
        /// What stays in the row, and the pointer to what does not.
        const INLINE: usize = 20;
        const POINTER: usize = 18;
        let aligned = |to: usize, length: usize| at.next_multiple_of(to) + length;
        match (self, value) {
            (_, ValueRef::Null) => at,
            (Form::Integer(bytes) | Form::Real(bytes), _) => aligned(bytes.into(), bytes.into()),
            (Form::Bool, _) => at + 1,
            (Form::Date, _) => aligned(4, 4),
            (Form::Time | Form::Timestamp, _) => aligned(8, 8),
            (Form::Uuid, _) => at + 16,
            (Form::Interval, _) => aligned(8, 16),
            (Form::Text(_) | Form::Bytes, ValueRef::Text(bytes) | ValueRef::Blob(bytes)) if bytes.len() <= INLINE => at + 1 + bytes.len(),
            (Form::Text(_) | Form::Bytes, _) => at + POINTER,
            _ => at + 1 + INLINE,
        }
    }

    /// Appends the field of binary COPY: its length and its bytes.
    pub fn put(self, cell: &Cell, out: &mut BytesMut) {
        let at = out.len();
        out.put_i32(-1);
        match (self, *cell) {
            (_, Cell::Null) => return,
            (Form::Any, _) => carrier::put(cell, out),
            (Form::Numeric | Form::Decimal(_), Cell::Integer(n)) => put_numeric(&n.to_string(), out),
            (Form::Numeric | Form::Decimal(_), Cell::Real(x)) => put_numeric(&real(x), out),
            (Form::Integer(2), Cell::Integer(n)) => out.put_i16(n as i16),
            (Form::Integer(4), Cell::Integer(n)) => out.put_i32(n as i32),
            (Form::Interval, Cell::Integer(micros)) => {
                out.put_i64(micros);
                // Days and months.
                out.put_i64(0);
            }
            (_, Cell::Integer(n)) => out.put_i64(n),
            (Form::Real(4), Cell::Real(x)) => out.put_f32(x as f32),
            (_, Cell::Real(x)) => out.put_f64(x),
            (_, Cell::Text(text)) => out.put_slice(text.as_bytes()),
            (_, Cell::RawText(bytes) | Cell::Blob(bytes)) => out.put_slice(bytes),
            (_, Cell::Bool(truth)) => out.put_u8(truth.into()),
            (_, Cell::Date(days)) => out.put_i32(days),
            (_, Cell::Micros(micros)) => out.put_i64(micros),
            (form, Cell::Json(text)) => {
                if form == Form::Json(true) {
                    out.put_u8(1);
                }
                out.put_slice(text.as_bytes());
            }
            (_, Cell::Uuid(id)) => out.put_u128(id),
            // Family, bits, not a network, bytes.
            (_, Cell::Inet(IpAddr::V4(address))) => {
                out.put_slice(&[2, 32, 0, 4]);
                out.put_slice(&address.octets());
            }
            (_, Cell::Inet(IpAddr::V6(address))) => {
                out.put_slice(&[3, 128, 0, 16]);
                out.put_slice(&address.octets());
            }
        }
        let length = (out.len() - at - 4) as i32;
        out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// Text that PostgreSQL's text can hold.
pub fn plain_text(bytes: &[u8]) -> Result<&str, Misfit> {
    let text = std::str::from_utf8(bytes).map_err(|_| Misfit::NotUtf8)?;
    if memchr::memchr(0, bytes).is_some() { Err(Misfit::Nul) } else { Ok(text) }
}

/// A double in a numeric of so many digits, which must hold its shortest text whole.
fn decimal<'a>(x: f64, limits: Option<(usize, usize)>) -> Option<Cell<'a>> {
    const WHOLE: f64 = 9_223_372_036_854_775_808.0;
    let text = real(x);
    let (whole, fraction) = text.trim_start_matches('-').split_once('.').unwrap_or((&text, ""));
    let (whole, fraction) = (whole.trim_start_matches('0').len(), fraction.trim_end_matches('0').len());
    let fits = limits.is_none_or(|(precision, scale)| fraction <= scale && whole + scale <= precision);
    fits.then_some(if fraction == 0 && x.abs() < WHOLE { Cell::Integer(x as i64) } else { Cell::Real(x) })
}

/// The precision and the scale of `numeric(precision,scale)`.
pub fn precision(type_name: &str) -> Option<(usize, usize)> {
    let (precision, scale) = type_name.split_once('(')?.1.trim_end_matches(')').split_once(',')?;
    Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}

/// The n of `character varying(n)`.
fn limit(type_name: &str) -> Option<u32> {
    type_name.split_once('(')?.1.trim_end_matches(')').parse().ok()
}

/// A UUID: its canonical text, lower case, is what reads back as it was; else thirty-two digits will do, as Django stores them.
fn uuid(text: &str, exact: bool) -> Option<u128> {
    if !exact && text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return u128::from_str_radix(text, 16).ok();
    }
    let hyphens = |at| matches!(at, 8 | 13 | 18 | 23);
    let well_formed =
        text.len() == 36 && text.bytes().enumerate().all(|(at, b)| if hyphens(at) { b == b'-' } else { matches!(b, b'0'..=b'9' | b'a'..=b'f') });
    well_formed.then(|| u128::from_str_radix(&text.replace('-', ""), 16).ok())?
}

/// The binary form of numeric (numeric_send of PostgreSQL) for plain decimal digits: count, weight, sign, scale, digits of base 10000.
pub(super) fn put_numeric(text: &str, out: &mut BytesMut) {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let lead = (4 - whole.len() % 4) % 4;
    let mut padded = Vec::with_capacity(lead + whole.len() + fraction.len() + 3);
    padded.resize(lead, b'0');
    padded.extend_from_slice(whole.as_bytes());
    let groups = padded.len() / 4;
    padded.extend_from_slice(fraction.as_bytes());
    padded.resize(padded.len().next_multiple_of(4), b'0');
    let mut groups_of_four: Vec<i16> = padded.chunks_exact(4).map(|four| four.iter().fold(0, |v, d| v * 10 + i16::from(d - b'0'))).collect();
    let mut weight = groups as i16 - 1;
    while groups_of_four.last() == Some(&0) {
        groups_of_four.pop();
    }
    let zeros = groups_of_four.iter().take_while(|d| **d == 0).count();
    groups_of_four.drain(..zeros);
    weight -= zeros as i16;
    if groups_of_four.is_empty() {
        weight = 0;
    }
    out.put_i16(groups_of_four.len() as i16);
    out.put_i16(weight);
    out.put_u16(if negative && !groups_of_four.is_empty() { 0x4000 } else { 0 });
    out.put_u16(fraction.len() as u16);
    groups_of_four.into_iter().for_each(|d| out.put_i16(d));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_groups_of_four() {
        let encoded = |text: &str| {
            let mut out = BytesMut::new();
            put_numeric(text, &mut out);
            out.chunks_exact(2).map(|b| i16::from_be_bytes([b[0], b[1]])).collect::<Vec<_>>()
        };
        assert_eq!(encoded("0"), [0, 0, 0, 0]);
        assert_eq!(encoded("12345.67"), [3, 1, 0, 2, 1, 2345, 6700]);
        assert_eq!(encoded("-0.00012"), [2, -1, 0x4000, 5, 1, 2000]);
        assert_eq!(encoded("10000"), [1, 1, 0, 0, 1]);
        assert_eq!(encoded("5.0"), [1, 0, 0, 1, 5]);
    }

    #[test]
    fn what_would_change_does_not_fit() {
        let fits = |form: Form, value| form.cell(value, true).is_ok();
        assert!(!fits(Form::Integer(8), ValueRef::Text(b"5")));
        assert!(!fits(Form::Real(8), ValueRef::Integer(5)));
        assert!(Form::Real(8).cell(ValueRef::Integer(5), false).is_ok());
        assert!(Form::Real(8).cell(ValueRef::Integer(i64::MAX), false).is_err());
        assert!(!fits(Form::Integer(4), ValueRef::Integer(1 << 40)));
        assert!(!fits(Form::Text(None), ValueRef::Text(b"a\0b")));
        assert!(!fits(Form::Text(None), ValueRef::Text(b"\xff")));
        assert!(!fits(Form::Text(Some(2)), ValueRef::Text(b"abc")));
        assert!(!fits(Form::Bool, ValueRef::Integer(2)));
        assert!(!fits(Form::Uuid, ValueRef::Text(b"3F2504E0-4f89-11d3-9a0c-0305e82c3301")));
        assert_eq!(Form::Decimal(Some((4, 2))).cell(ValueRef::Real(12.5), false), Ok(Cell::Real(12.5)));
        assert_eq!(Form::Decimal(Some((4, 2))).cell(ValueRef::Real(12.0), false), Ok(Cell::Integer(12)));
        assert!(!fits(Form::Decimal(Some((4, 2))), ValueRef::Real(12.345)) && !fits(Form::Decimal(Some((4, 2))), ValueRef::Integer(123)));
        assert!(fits(Form::Uuid, ValueRef::Text(b"3f2504e0-4f89-11d3-9a0c-0305e82c3301")));
        let digits = ValueRef::Text(b"3f2504e04f8911d39a0c0305e82c3301");
        assert!(!fits(Form::Uuid, digits) && Form::Uuid.cell(digits, false).is_ok());
        assert!(fits(Form::Json(true), ValueRef::Text(b"{\"a\":[1]}")));
        assert!(!fits(Form::Json(true), ValueRef::Text(b"{'a':1}")));
    }
}
