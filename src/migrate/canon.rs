//! Rows as text that two databases can compare: the canonical form, and its checksum.
//!
//! A value is a letter, its content and `;`: `n` NULL, `i` and digits, `r` and the sixteen hexadecimal digits of the double, `t`, the number
//! of bytes, `:` and the text, `x` and the hexadecimal bytes of a text in the dynamic carrier, `b` and those of a blob.
//! Columns of types that SQLite lacks: `i` for a truth value, `d` and days, `m` and microseconds, `u` and a UUID, `j`, the number of bytes, `:` and a JSON text. A row is its values one
//! after the other, so that no two rows have the same text, and its hash is MD5 of that: fast on both sides, and here against
//! accidents only. A table's checksum is the number of its rows and two sums of 64 bits over their hashes, kept for each first byte
//! of the hash: the order of the rows does not count, and duplicates do not cancel out.

use super::carrier;
use super::form::{Cell, Form};
use md5::{Digest, Md5};
use std::fmt::Write;

/// Appends a value.
pub fn push(cell: &Cell, out: &mut String) {
    let hex = |bytes: &[u8], out: &mut String| {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in bytes {
            out.push(DIGITS[usize::from(byte >> 4)].into());
            out.push(DIGITS[usize::from(byte & 15)].into());
        }
    };
    // Writing to a String does not fail.
    let _ = match *cell {
        Cell::Null => {
            out.push('n');
            Ok(())
        }
        Cell::Integer(n) => write!(out, "i{n}"),
        Cell::Real(x) => write!(out, "r{:016x}", x.to_bits()),
        Cell::Text(text) => write!(out, "t{}:{text}", text.len()),
        Cell::RawText(bytes) => {
            out.push('x');
            hex(bytes, out);
            Ok(())
        }
        Cell::Blob(bytes) => {
            out.push('b');
            hex(bytes, out);
            Ok(())
        }
        Cell::Bool(truth) => write!(out, "i{}", u8::from(truth)),
        Cell::Date(days) => write!(out, "d{days}"),
        Cell::Micros(micros) => write!(out, "m{micros}"),
        Cell::Uuid(id) => write!(out, "u{id:032x}"),
        Cell::Inet(address) => {
            let text = address.to_string();
            write!(out, "t{}:{text}", text.len())
        }
        Cell::Json(text) => {
            let same = serde_json::from_str::<serde_json::Value>(text).map(|v| v.to_string()).unwrap_or_default();
            write!(out, "j{}:{same}", same.len())
        }
    };
    out.push(';');
}

/// The same of a column, in SQL; a JSON text as it is, without its length.
pub fn expression(form: Form, column: &str) -> String {
    let value = match form {
        Form::Integer(_) => format!("'i' || {column}"),
        Form::Real(_) => format!("'r' || encode(float8send({column}::float8), 'hex')"),
        Form::Numeric => {
            format!("CASE WHEN scale({column}) = 0 THEN 'i' || {column} ELSE 'r' || encode(float8send({column}::float8), 'hex') END")
        }
        Form::Decimal(_) => format!(
            "CASE WHEN {column} = trunc({column}) AND abs({column}) < 9223372036854775808 THEN 'i' || trunc({column}) \
             ELSE 'r' || encode(float8send({column}::float8), 'hex') END"
        ),
        Form::Text(_) => format!("'t' || octet_length({column}) || ':' || {column}"),
        Form::Bytes => format!("'b' || encode({column}, 'hex')"),
        Form::Any => carrier::canonical(column),
        Form::Bool => format!("'i' || {column}::int"),
        Form::Date => format!("'d' || ({column} - '2000-01-01'::date)"),
        Form::Time => format!("'m' || (extract(epoch FROM {column}) * 1000000)::int8"),
        Form::Timestamp => format!("'m' || (extract(epoch FROM {column} - '2000-01-01 00:00:00') * 1000000)::int8"),
        Form::Json(_) => format!("'j' || {column}::text"),
        Form::Uuid => format!("'u' || replace({column}::text, '-', '')"),
        Form::Inet => format!("'t' || octet_length(abbrev({column})) || ':' || abbrev({column})"),
        Form::Other => format!("'t' || octet_length({column}::text) || ':' || {column}::text"),
        Form::Interval => format!("'i' || (extract(epoch FROM {column}) * 1000000)::int8"),
    };
    format!("coalesce({value} || ';', 'n;')")
}

/// The value that SQLite would have for a column, in SQL: dates and the like as their texts.
pub fn stored(form: Form, column: &str) -> String {
    let text = match form {
        Form::Date | Form::Time | Form::Json(_) | Form::Uuid => format!("{column}::text"),
        Form::Timestamp => format!("({column}::timestamp)::text"),
        _ => return expression(form, column),
    };
    format!("coalesce('t' || octet_length({text}) || ':' || {text} || ';', 'n;')")
}

/// The hash of a row's canonical text.
pub fn hash(row: &str) -> [u8; 16] {
    Md5::digest(row.as_bytes()).into()
}

/// A count and two sums of halves of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Rows.
    pub rows: i64,
    /// The sum of the first halves, as signed numbers.
    pub first: i128,
    /// That of the second halves.
    pub second: i128,
}

impl Sum {
    /// Adds a row.
    pub fn add(&mut self, hash: &[u8; 16]) {
        let half = |at: usize| i64::from_be_bytes(hash[at..at + 8].try_into().expect("eight bytes"));
        self.rows += 1;
        self.first += i128::from(half(0));
        self.second += i128::from(half(8));
    }

    fn merge(&mut self, other: &Sum) {
        self.rows += other.rows;
        self.first += other.first;
        self.second += other.second;
    }
}

/// A table's checksum, by the first byte of the rows' hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum(pub Box<[Sum; 256]>);

impl Default for Checksum {
    fn default() -> Self {
        Checksum(Box::new([Sum::default(); 256]))
    }
}

impl Checksum {
    /// Adds a row.
    pub fn add(&mut self, hash: &[u8; 16]) {
        self.0[usize::from(hash[0])].add(hash);
    }

    /// The sum over all.
    pub fn total(&self) -> Sum {
        self.0.iter().fold(Sum::default(), |mut total, sum| {
            total.merge(sum);
            total
        })
    }

    /// The first bytes for which two tables differ.
    pub fn differing(&self, other: &Checksum) -> Vec<u8> {
        (0..=255).filter(|b| self.0[usize::from(*b)] != other.0[usize::from(*b)]).collect()
    }
}
