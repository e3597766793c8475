//! From what a client bound to what a slot demands.

use crate::catalog::{Affinity, oid};
use crate::error::{ClientError, SqlState};
use crate::translate::{Demand, ParamClass};
use crate::value::{Value, carrier, real_text, unhex};
use bytes::{BufMut, BytesMut};
use std::fmt::Write;

/// A bound value: its bytes, its format, and the type that holds for it (declared, else announced).
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    /// The bytes; None is NULL.
    pub bytes: Option<&'a [u8]>,
    /// 0 text, 1 binary.
    pub format: i16,
    /// The type.
    pub oid: u32,
    /// Did Parse declare the type?
    pub declared: bool,
}

/// A value in a slot's format.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoded<'a> {
    /// NULL.
    Null,
    /// The client's own bytes in their format.
    Same(&'a [u8], i16),
    /// Text made here.
    Text(String),
    /// Binary made here.
    Binary(Vec<u8>),
}

/// The value cannot be given as demanded: translate with its class known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfit;

impl Bound<'_> {
    /// The value with its storage class.
    pub fn value(&self) -> Result<Value, ClientError> {
        let Some(bytes) = self.bytes else { return Ok(Value::Null) };
        let malformed = || ClientError::new(SqlState(*b"22P03"), "incorrect binary data format in a bind parameter");
        if self.format == 1 {
            let array = |n: usize| if bytes.len() == n { Ok(bytes) } else { Err(malformed()) };
            return Ok(match self.oid {
                oid::INT2 => Value::Integer(i64::from(i16::from_be_bytes(array(2)?.try_into().map_err(|_| malformed())?))),
                oid::INT4 => Value::Integer(i64::from(i32::from_be_bytes(array(4)?.try_into().map_err(|_| malformed())?))),
                oid::OID => Value::Integer(i64::from(u32::from_be_bytes(array(4)?.try_into().map_err(|_| malformed())?))),
                oid::INT8 => Value::Integer(i64::from_be_bytes(array(8)?.try_into().map_err(|_| malformed())?)),
                oid::FLOAT4 => real(f64::from(f32::from_be_bytes(array(4)?.try_into().map_err(|_| malformed())?))),
                oid::FLOAT8 => real(f64::from_be_bytes(array(8)?.try_into().map_err(|_| malformed())?)),
                oid::BOOL => Value::Integer(i64::from(array(1)?[0] != 0)),
                oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME | oid::UNKNOWN | oid::JSON | 0 => text(bytes)?,
                oid::JSONB => text(bytes.strip_prefix(&[1]).ok_or_else(malformed)?)?,
                oid::BYTEA => Value::Blob(bytes.to_vec()),
                other => {
                    return Err(ClientError::refused(format!("a binary parameter of the type with OID {other} here"))
                        .hint("Bind it as text, or declare a type that SQLite has."));
                }
            });
        }
        let Value::Text(string) = text(bytes)? else { return Ok(Value::Null) };
        Ok(match self.oid {
            _ if !self.declared => Value::Text(string),
            oid::INT2 | oid::INT4 | oid::INT8 | oid::OID => Value::Text(string).apply(Affinity::Integer),
            oid::FLOAT4 | oid::FLOAT8 | oid::NUMERIC => match string.trim().parse::<f64>() {
                Ok(x) => real(x),
                Err(_) => Value::Text(string),
            },
            oid::BOOL => match string.to_ascii_lowercase().as_str() {
                "t" | "true" | "1" | "on" | "yes" | "y" => Value::Integer(1),
                "f" | "false" | "0" | "off" | "no" | "n" => Value::Integer(0),
                _ => Value::Text(string),
            },
            oid::BYTEA => match string.strip_prefix("\\x").map(unhex) {
                Some(Some(blob)) => Value::Blob(blob),
                _ => Value::Blob(string.into_bytes()),
            },
            _ => Value::Text(string),
        })
    }

    /// What is known of its class once it is bound.
    pub fn class(&self) -> Result<ParamClass, ClientError> {
        Ok(class_of(&self.value()?))
    }

    /// The class that untyped text looks like: a number where it is one from end to end (`untyped_params = "infer"`).
    pub fn class_by_looks(&self) -> Result<ParamClass, ClientError> {
        let value = self.value()?;
        Ok(class_of(&if self.declared { value } else { value.apply(Affinity::Numeric) }))
    }

    /// The value as a slot demands it. `exact`: its class is known already, and nothing fits better.
    pub fn encode(&self, demand: Demand) -> Result<Result<Encoded<'_>, Misfit>, ClientError> {
        let Some(bytes) = self.bytes else { return Ok(Ok(Encoded::Null)) };
        // The common cases need no conversion.
        match demand {
            Demand::Integer if self.format == 0 && is_plain_integer(bytes) => return Ok(Ok(Encoded::Same(bytes, 0))),
            Demand::Integer if self.format == 1 && self.oid == oid::INT8 && bytes.len() == 8 => return Ok(Ok(Encoded::Same(bytes, 1))),
            Demand::Real if self.format == 1 && self.oid == oid::FLOAT8 && bytes.len() == 8 => return Ok(Ok(Encoded::Same(bytes, 1))),
            Demand::Text if self.format == 0 && (!self.declared || self.oid == oid::TEXT || self.oid == oid::VARCHAR) => {
                return checked(bytes).map(|b| Ok(Encoded::Same(b, 0)));
            }
            Demand::Native(native) if self.format == 0 || self.oid == native || native == 0 => return Ok(Ok(Encoded::Same(bytes, self.format))),
            _ => {}
        }
        let encoded = convert(self.value()?, demand);
        if let Ok(Encoded::Text(text)) = &encoded {
            checked(text.as_bytes())?;
        }
        Ok(encoded)
    }
}

fn class_of(value: &Value) -> ParamClass {
    match value {
        Value::Null => ParamClass::Null,
        Value::Integer(_) => ParamClass::Integer,
        Value::Real(x) if x.fract() != 0.0 => ParamClass::Fraction,
        Value::Real(_) => ParamClass::Real,
        Value::Text(_) => match value.clone().apply(Affinity::Numeric) {
            Value::Integer(_) => ParamClass::Text,
            Value::Real(_) => ParamClass::FractionText,
            _ => ParamClass::OnlyText,
        },
        Value::Blob(_) => ParamClass::Blob,
    }
}

fn convert(value: Value, demand: Demand) -> Result<Encoded<'static>, Misfit> {
    Ok(match (demand, value) {
        (_, Value::Null) => Encoded::Null,
        (Demand::Integer, value) => match value.apply(Affinity::Integer) {
            Value::Integer(n) => Encoded::Text(n.to_string()),
            _ => return Err(Misfit),
        },
        (Demand::Real, value) => match value.apply(Affinity::Real) {
            Value::Real(x) => Encoded::Text(number_text(x)),
            Value::Integer(n) => Encoded::Text(n.to_string()),
            _ => return Err(Misfit),
        },
        (Demand::Numeric, value) => match value.apply(Affinity::Numeric) {
            Value::Integer(n) => Encoded::Text(n.to_string()),
            Value::Real(x) => Encoded::Text(carrier::real(x)),
            _ => return Err(Misfit),
        },
        (Demand::Text | Demand::Native(_), value @ (Value::Integer(_) | Value::Real(_) | Value::Text(_))) => {
            Encoded::Text(value.text().unwrap_or_default().into_owned())
        }
        (Demand::Text | Demand::Native(_), Value::Blob(_)) => return Err(Misfit),
        (Demand::Words, value @ Value::Text(_)) => match value.apply(Affinity::Numeric) {
            Value::Text(text) => Encoded::Text(text),
            _ => return Err(Misfit),
        },
        (Demand::Words, _) => return Err(Misfit),
        (Demand::Blob, Value::Blob(bytes)) => Encoded::Binary(bytes),
        (Demand::Blob, value) => Encoded::Binary(value.text().unwrap_or_default().into_owned().into_bytes()),
        (Demand::Bool, value) => match &value {
            Value::Text(t) if matches!(t.to_ascii_lowercase().as_str(), "t" | "true") => Encoded::Text("t".to_owned()),
            Value::Text(t) if matches!(t.to_ascii_lowercase().as_str(), "f" | "false") => Encoded::Text("f".to_owned()),
            _ => match value.apply(Affinity::Numeric) {
                Value::Integer(n @ (0 | 1)) => Encoded::Text(if n == 1 { "t" } else { "f" }.to_owned()),
                _ => return Err(Misfit),
            },
        },
        (Demand::Dynamic, value) => carrier::encode(&value).map_or(Encoded::Null, Encoded::Text),
    })
}

fn number_text(x: f64) -> String {
    if x.is_infinite() { if x > 0.0 { "Infinity" } else { "-Infinity" }.to_owned() } else { format!("{x:e}") }
}

fn real(x: f64) -> Value {
    if x.is_nan() { Value::Null } else { Value::Real(x) }
}

fn text(bytes: &[u8]) -> Result<Value, ClientError> {
    std::str::from_utf8(bytes)
        .map(|t| Value::Text(t.to_owned()))
        .map_err(|_| ClientError::new(SqlState::UNTRANSLATABLE, "invalid byte sequence for encoding \"UTF8\""))
}

/// Text without a NUL, which PostgreSQL's cannot hold.
fn checked(bytes: &[u8]) -> Result<&[u8], ClientError> {
    if memchr::memchr(0, bytes).is_some() {
        return Err(ClientError::refused("text with a NUL character in a text column or function"));
    }
    Ok(bytes)
}

fn is_plain_integer(bytes: &[u8]) -> bool {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    (1..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

/// Appends a value for Bind; its format is returned.
pub fn put(out: &mut BytesMut, encoded: &Encoded) {
    match encoded {
        Encoded::Null => out.put_i32(-1),
        Encoded::Same(bytes, _) => crate::wire::encode::value(out, Some(bytes)),
        Encoded::Text(text) => crate::wire::encode::value(out, Some(text.as_bytes())),
        Encoded::Binary(bytes) => crate::wire::encode::value(out, Some(bytes)),
    }
}

impl Encoded<'_> {
    /// Its format code.
    pub fn format(&self) -> i16 {
        match self {
            Encoded::Same(_, format) => *format,
            Encoded::Binary(_) => 1,
            _ => 0,
        }
    }
}

/// Appends a value as a literal of a simple query, with its type.
pub fn literal(out: &mut String, value: &Value, demand: Demand) -> Result<(), ClientError> {
    let ty = demand.type_name();
    let written = match (value, demand) {
        // Nothing to convert, and the commonest.
        (Value::Integer(n), Demand::Integer) => {
            ["'", itoa::Buffer::new().format(*n), "'::int8"].iter().for_each(|part| out.push_str(part));
            Ok(())
        }
        // The carrier's type stands in the template.
        (value, Demand::Dynamic) => match carrier::encode(value) {
            Some(text) => write!(out, "'{text}'"),
            None => write!(out, "NULL"),
        },
        _ => match convert(value.clone(), demand) {
            Ok(Encoded::Null) => write!(out, "NULL::{ty}"),
            Ok(Encoded::Text(text)) => write!(out, "'{}'::{ty}", text.replace('\'', "''")),
            Ok(Encoded::Binary(bytes)) => write!(out, "'\\x{}'::bytea", crate::value::hex(&bytes)),
            Ok(Encoded::Same(..)) | Err(Misfit) => {
                return Err(ClientError::refused(format!("the value {} here", value.text().unwrap_or_else(|| real_text(0.0).into()))));
            }
        },
    };
    written.expect("a String takes all");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Bound<'_> {
        Bound { bytes: Some(bytes), format: 0, oid: 0, declared: false }
    }

    #[test]
    fn untyped_text_takes_what_the_context_demands() {
        for (given, demand, wanted) in [
            ("007", Demand::Integer, Ok("007")),
            ("5.0", Demand::Integer, Ok("5")),
            ("1e2", Demand::Integer, Ok("100")),
            ("abc", Demand::Integer, Err(Misfit)),
            ("", Demand::Integer, Err(Misfit)),
            ("2.5", Demand::Integer, Err(Misfit)),
            ("12345678901234567890", Demand::Integer, Err(Misfit)),
            ("1e5", Demand::Text, Ok("1e5")),
            ("5", Demand::Numeric, Ok("5")),
            ("2.5", Demand::Numeric, Ok("2.5")),
            ("1", Demand::Bool, Ok("t")),
            ("x", Demand::Dynamic, Ok("(2,,\\\\x78)")),
        ] {
            let bound = text(given.as_bytes());
            let got = bound.encode(demand).expect("well-formed");
            let got = got.map(|e| match e {
                Encoded::Same(bytes, _) => String::from_utf8_lossy(bytes).into_owned(),
                Encoded::Text(text) => text,
                other => format!("{other:?}"),
            });
            assert_eq!(got, wanted.map(str::to_owned), "{given} {demand:?}");
        }
    }
}
