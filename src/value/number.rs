//! Numbers in text: SQLite's numeric prefixes, casts, affinity and truth (datatype3.html §3, lang_expr.html §"CAST").

use super::{Value, real};
use crate::catalog::Affinity;

/// What the front of a text says as a number (`sqlite3AtoF`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prefix {
    /// Its value; 0.0 when there is no number.
    pub real: f64,
    /// It has neither a decimal point nor an exponent.
    pub integral: bool,
    /// The whole text is a number, but for spaces around it.
    pub whole: bool,
}

/// Reads the longest numeric prefix; leading spaces are skipped, and a NUL ends the text.
pub fn text_to_number_prefix(text: &[u8]) -> Prefix {
    const NONE: Prefix = Prefix { real: 0.0, integral: true, whole: false };
    /// Another digit still fits a mantissa below this.
    const FULL: u64 = (u64::MAX - 9) / 10;
    let text = trim_start(until_nul(text));
    let (negative, mut rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (mut mantissa, mut scale, mut digits, mut integral) = (0u64, 0i32, false, true);
    while let [d @ b'0'..=b'9', tail @ ..] = rest {
        if mantissa < FULL {
            mantissa = mantissa * 10 + u64::from(d - b'0');
        } else {
            scale = scale.saturating_add(1);
        }
        (digits, rest) = (true, tail);
    }
    if let [b'.', tail @ ..] = rest {
        rest = tail;
        while let [d @ b'0'..=b'9', tail @ ..] = rest {
            if mantissa < FULL {
                mantissa = mantissa * 10 + u64::from(d - b'0');
                scale -= 1;
            }
            (digits, rest) = (true, tail);
        }
        integral = false;
    }
    if !digits {
        return NONE;
    }
    if let [b'e' | b'E', tail @ ..] = rest {
        let (sign, tail) = match tail {
            [b'-', tail @ ..] => (-1, tail),
            [b'+', tail @ ..] => (1, tail),
            _ => (1, tail),
        };
        let count = tail.iter().take_while(|b| b.is_ascii_digit()).count();
        if count > 0 {
            let exponent = tail[..count].iter().fold(0, |e: i32, d| if e < 10_000 { e * 10 + i32::from(d - b'0') } else { 10_000 });
            scale = scale.saturating_add(sign * exponent);
            integral = false;
            rest = &tail[count..];
        }
    }
    let magnitude = real::from_decimal(mantissa, scale);
    Prefix { real: if negative { -magnitude } else { magnitude }, integral, whole: trim_start(rest).is_empty() }
}

/// The integer at the front of a text, clamped to 64 bits, and whether it had to be clamped.
fn integer_prefix(text: &[u8]) -> (i64, bool) {
    let text = trim_start(until_nul(text));
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut value = 0i64;
    for digit in digits.iter().take_while(|b| b.is_ascii_digit()) {
        let digit = i64::from(digit - b'0');
        let next = value.checked_mul(10).and_then(|v| if negative { v.checked_sub(digit) } else { v.checked_add(digit) });
        match next {
            Some(next) => value = next,
            None => return (if negative { i64::MIN } else { i64::MAX }, true),
        }
    }
    (value, false)
}

/// The number that a text is under NUMERIC affinity; None when it does not look like one as a whole, and so stays text.
pub fn numeric_affinity(text: &str) -> Option<Value> {
    let prefix = text_to_number_prefix(text.as_bytes());
    if !prefix.whole {
        return None;
    }
    if prefix.integral {
        if let Some(i) = same_as_integer(prefix.real) {
            return Some(Value::Integer(i));
        }
        if let (i, false) = integer_prefix(text.as_bytes()) {
            return Some(Value::Integer(i));
        }
    }
    Some(integer_if_exact(prefix.real))
}

/// CAST(value AS INTEGER).
pub fn cast_integer(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Integer(i) => Value::Integer(*i),
        Value::Real(x) => Value::Integer(real_to_integer(*x)),
        Value::Text(t) => Value::Integer(integer_prefix(t.as_bytes()).0),
        Value::Blob(b) => Value::Integer(integer_prefix(b).0),
    }
}

/// CAST(value AS REAL).
pub fn cast_real(value: &Value) -> Value {
    real_of(value).map_or(Value::Null, Value::Real)
}

/// CAST(value AS NUMERIC).
pub fn cast_numeric(value: &Value) -> Value {
    let bytes = match value {
        Value::Text(t) => t.as_bytes(),
        Value::Blob(b) => b,
        other => return other.clone(),
    };
    let prefix = text_to_number_prefix(bytes);
    if prefix.integral
        && let (i, false) = integer_prefix(bytes)
    {
        return Value::Integer(i);
    }
    same_as_integer(prefix.real).map_or(Value::Real(prefix.real), Value::Integer)
}

/// Is the value true? None for NULL.
pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Integer(i) => Some(*i != 0),
        other => real_of(other).map(|x| x != 0.0),
    }
}

/// The value with a column's affinity applied, as when it is stored.
pub fn apply(value: Value, affinity: Affinity) -> Value {
    match affinity {
        Affinity::Blob => value,
        Affinity::Text => match value {
            Value::Integer(i) => Value::Text(i.to_string()),
            Value::Real(x) => Value::Text(real::real_text(x)),
            other => other,
        },
        Affinity::Numeric | Affinity::Integer => numeric(value),
        Affinity::Real => match numeric(value) {
            Value::Integer(i) => Value::Real(i as f64),
            other => other,
        },
    }
}

fn numeric(value: Value) -> Value {
    match value {
        Value::Real(x) => integer_if_exact(x),
        Value::Text(t) => numeric_affinity(&t).unwrap_or(Value::Text(t)),
        other => other,
    }
}

/// The value as a double, by prefix for text and blobs; None for NULL.
fn real_of(value: &Value) -> Option<f64> {
    Some(match value {
        Value::Null => return None,
        Value::Integer(i) => *i as f64,
        Value::Real(x) => *x,
        Value::Text(t) => text_to_number_prefix(t.as_bytes()).real,
        Value::Blob(b) => text_to_number_prefix(b).real,
    })
}

/// Truncates and clamps.
pub(super) fn real_to_integer(x: f64) -> i64 {
    /// Beyond this SQLite clamps, one step earlier than `as` does.
    const LIMIT: f64 = 9_223_372_036_854_774_784.0;
    if x > LIMIT {
        i64::MAX
    } else if x < -LIMIT {
        i64::MIN
    } else {
        x as i64
    }
}

/// The integer that a double is without doubt: within ±2^51.
fn same_as_integer(x: f64) -> Option<i64> {
    const LIMIT: i64 = 1 << 51;
    let i = real_to_integer(x);
    (x == 0.0 || (i as f64).to_bits() == x.to_bits() && (-LIMIT..LIMIT).contains(&i)).then_some(i)
}

/// An integer where the double is one exactly; the two extreme integers excepted.
fn integer_if_exact(x: f64) -> Value {
    let i = real_to_integer(x);
    if i as f64 == x && i != i64::MIN && i != i64::MAX { Value::Integer(i) } else { Value::Real(x) }
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&b| b == 0).next().unwrap_or_default()
}

fn trim_start(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|&&b| is_space(b)).count()..]
}

/// SQLite's white space.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 9..=13)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::oracle::Sqlite;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn text_as_number(text in "[ \t]{0,2}[-+]?[0-9]{0,22}(\\.[0-9]{0,20})?([eE][-+]?[0-9]{0,3})?[ x]{0,1}") {
            let value = Value::Text(text.clone());
            Sqlite::shared().with(|sqlite| {
                let ask = |sql: &str| sqlite.value(sql, std::slice::from_ref(&value));
                prop_assert_eq!(cast_integer(&value), ask("CAST(? AS INTEGER)"));
                prop_assert_eq!(cast_real(&value), ask("CAST(? AS REAL)"));
                prop_assert_eq!(cast_numeric(&value), ask("CAST(? AS NUMERIC)"));
                prop_assert_eq!(truth(&value).map(i64::from), if let Value::Integer(i) = ask("NOT NOT ?") { Some(i) } else { None });
                Ok(())
            })?;
        }
    }

    #[test]
    fn stored_in_columns() {
        let db = rusqlite::Connection::open_in_memory().expect("in-memory database");
        db.execute_batch("CREATE TABLE t (n NUMERIC, i INTEGER, r REAL, x TEXT, b)").expect("table");
        let texts = [
            "12",
            " 12 ",
            "12.0",
            "1e3",
            "1e18",
            "1e19",
            "9223372036854775807",
            "9223372036854775808",
            "1.5",
            "abc",
            "",
            ".",
            "-",
            "1e",
            "0x10",
            "5.",
        ];
        let mut values: Vec<Value> = texts.iter().map(|t| Value::Text((*t).to_owned())).collect();
        values.extend([
            Value::Integer(7),
            Value::Real(3.0),
            Value::Real(3.5),
            Value::Real(1e18),
            Value::Real(9.3e18),
            Value::Null,
            Value::Blob(b"12".to_vec()),
        ]);
        for value in values {
            db.execute("DELETE FROM t", []).expect("delete");
            let affinities = [Affinity::Numeric, Affinity::Integer, Affinity::Real, Affinity::Text, Affinity::Blob];
            for (column, affinity) in ["n", "i", "r", "x", "b"].into_iter().zip(affinities) {
                let literal = crate::value::quote(&value);
                let shown: String = db
                    .query_row(&format!("INSERT INTO t({column}) VALUES ({literal}) RETURNING typeof({column})||' '||quote({column})"), [], |r| {
                        r.get(0)
                    })
                    .expect("insert");
                let applied = apply(value.clone(), affinity);
                assert_eq!(format!("{} {}", applied.class_name(), crate::value::quote(&applied)), shown, "{value:?} into {column}");
            }
        }
    }
}
