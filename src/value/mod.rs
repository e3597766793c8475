//! SQLite's values outside any database: storage classes, their text, numbers in text, dates. Pure.

pub mod carrier;
pub mod datetime;
pub mod glob;
pub mod number;
pub mod printf;
pub mod real;

#[cfg(test)]
mod oracle;

use crate::catalog::Collation;
pub use number::apply;
pub use real::real_text;
use std::{borrow::Cow, cmp::Ordering, fmt::Write};

/// A value with its storage class (datatype3.html §2).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL; never NaN.
    Real(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Blob(Vec<u8>),
}

impl Value {
    /// The storage class as typeof() names it.
    pub fn class_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Integer(_) => "integer",
            Value::Real(_) => "real",
            Value::Text(_) => "text",
            Value::Blob(_) => "blob",
        }
    }

    /// CAST(value AS TEXT); None for NULL. A blob's bytes that are no UTF-8 become U+FFFD.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Value::Null => return None,
            Value::Integer(i) => i.to_string().into(),
            Value::Real(x) => real_text(*x).into(),
            Value::Text(t) => t.into(),
            Value::Blob(b) => String::from_utf8_lossy(b),
        })
    }

    /// SQLite's order across classes: NULL, numbers, text under a collation, blobs.
    pub fn compare(&self, other: &Value, collation: Collation) -> Ordering {
        use Value::*;
        match (self, other) {
            (Integer(a), Integer(b)) => a.cmp(b),
            (Integer(a), Real(b)) => compare_mixed(*a, *b),
            (Real(a), Integer(b)) => compare_mixed(*b, *a).reverse(),
            (Real(a), Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (Text(a), Text(b)) => compare_text(a, b, collation),
            (Blob(a), Blob(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// The value as arithmetic takes it: text and blobs give their numeric prefix.
    pub fn to_number(&self) -> Value {
        match self {
            Value::Null | Value::Integer(_) | Value::Real(_) => self.clone(),
            Value::Text(text) if !number::text_to_number_prefix(text.as_bytes()).integral => number::cast_real(self),
            _ => number::cast_numeric(self),
        }
    }

    /// CAST(value AS INTEGER); None for NULL.
    pub fn to_integer(&self) -> Option<i64> {
        match number::cast_integer(self) {
            Value::Integer(n) => Some(n),
            _ => None,
        }
    }

    /// Its truth; None for NULL.
    pub fn truth(&self) -> Option<bool> {
        number::truth(self)
    }

    /// The value as a column of that affinity stores it.
    pub fn apply(self, affinity: crate::catalog::Affinity) -> Value {
        number::apply(self, affinity)
    }

    /// CAST(value AS a type of that affinity).
    pub fn cast(self, affinity: crate::catalog::Affinity) -> Value {
        use crate::catalog::Affinity;
        match (affinity, self) {
            (_, Value::Null) => Value::Null,
            (Affinity::Integer, v) => number::cast_integer(&v),
            (Affinity::Real, v) => number::cast_real(&v),
            (Affinity::Numeric, v) => number::cast_numeric(&v),
            (Affinity::Text, v) => Value::Text(v.text().unwrap_or_default().into_owned()),
            (Affinity::Blob, Value::Blob(b)) => Value::Blob(b),
            (Affinity::Blob, v) => Value::Blob(v.text().unwrap_or_default().into_owned().into_bytes()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Integer(_) | Value::Real(_) => 1,
            Value::Text(_) => 2,
            Value::Blob(_) => 3,
        }
    }
}

/// An integer against a double, exactly.
fn compare_mixed(i: i64, x: f64) -> Ordering {
    /// 2^63
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if x >= BEYOND {
        Ordering::Less
    } else if x < -BEYOND {
        Ordering::Greater
    } else {
        i.cmp(&(x as i64)).then_with(|| 0.0.partial_cmp(&x.fract()).unwrap_or(Ordering::Equal))
    }
}

/// Text under one of SQLite's collating sequences.
pub fn compare_text(a: &str, b: &str, collation: Collation) -> Ordering {
    match collation {
        Collation::Binary => a.cmp(b),
        Collation::NoCase => a.bytes().map(|c| c.to_ascii_lowercase()).cmp(b.bytes().map(|c| c.to_ascii_lowercase())),
        Collation::RTrim => a.trim_end_matches(' ').cmp(b.trim_end_matches(' ')),
    }
}

/// quote(): the value as a literal of SQLite's SQL.
pub fn quote(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(i) => i.to_string(),
        Value::Real(x) if x.is_infinite() => if *x > 0.0 { "9.0e+999" } else { "-9.0e+999" }.to_owned(),
        Value::Real(x) => real_text(*x),
        Value::Text(t) => format!("'{}'", t.split('\0').next().unwrap_or_default().replace('\'', "''")),
        Value::Blob(b) => format!("X'{}'", hex(b)),
    }
}

/// hex(): upper-case digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02X}");
        out
    })
}

/// Bytes from hexadecimal digits.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    text.as_bytes().chunks(2).map(|p| Some(digit(p[0])? << 4 | digit(*p.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::oracle::Sqlite;
    use super::*;

    #[test]
    fn order_and_text_are_those_of_sqlite() {
        let sqlite = Sqlite::open();
        let text = |t: &str| Value::Text(t.to_owned());
        let values = [
            Value::Integer(5),
            Value::Integer(i64::MAX),
            Value::Integer(i64::MIN),
            Value::Real(5.0),
            Value::Real(5.5),
            Value::Real(-0.5),
            Value::Integer(0),
            Value::Real(9_223_372_036_854_775_808.0),
            Value::Real(f64::INFINITY),
            text("abc"),
            text("ABC"),
            text("abc  "),
            text("é"),
            Value::Blob(vec![1, 255]),
            Value::Blob(b"abc".to_vec()),
        ];
        for a in &values {
            assert_eq!(text(&quote(a)), sqlite.value("quote(?)", std::slice::from_ref(a)));
            assert_eq!(text(a.class_name()), sqlite.value("typeof(?)", std::slice::from_ref(a)));
            for b in &values {
                for (name, collation) in [("BINARY", Collation::Binary), ("NOCASE", Collation::NoCase), ("RTRIM", Collation::RTrim)] {
                    let sql = format!("(?1 > ?2 COLLATE {name}) - (?1 < ?2 COLLATE {name})");
                    let expected = sqlite.value(&sql, &[a.clone(), b.clone()]);
                    assert_eq!(Value::Integer(a.compare(b, collation) as i64), expected, "{a:?} {b:?} {name}");
                }
            }
        }
    }
}
