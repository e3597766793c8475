//! The carriers of values whose storage class is known at run time only (CARRIER.md), in PostgreSQL's text.
//!
//! `litewire."any"` is the composite `(k int2, n numeric, b bytea)`: `k` is 1 for a number, 2 for text, 3 for a blob; `n` is the
//! number, whose scale is 0 for an INTEGER alone; `b` the bytes of a text or a blob.

use super::{Value, hex, unhex};

/// A value as `litewire."any"` reads it; None for NULL, which is no value of the carrier.
pub fn encode(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Integer(n) => format!("(1,{n},)"),
        Value::Real(x) => format!("(1,{},)", real(*x)),
        Value::Text(text) => format!("(2,,\\\\x{})", hex(text.as_bytes())),
        Value::Blob(bytes) => format!("(3,,\\\\x{})", hex(bytes)),
    })
}

/// The value that `litewire."any"` prints. Text's bytes that are no UTF-8 become U+FFFD.
pub fn decode(text: &str) -> Option<Value> {
    let mut fields = text.strip_prefix('(')?.strip_suffix(')')?.split(',');
    let (k, n, b) = (fields.next()?, fields.next()?, fields.next()?);
    let bytes = || {
        let digits = b.trim_matches('"').trim_start_matches('\\').strip_prefix('x')?;
        unhex(digits)
    };
    match k {
        "1" => number(n),
        "2" => bytes().map(|b| Value::Text(String::from_utf8_lossy(&b).into_owned())),
        "3" => bytes().map(Value::Blob),
        _ => None,
    }
}

/// A real as numeric that still tells that it is one: with a fraction, if only `.0`. Whole ones are exact, since integers are compared
/// with them exactly; others have the fewest digits that tell them from all other reals.
pub fn real(x: f64) -> String {
    if x.is_infinite() {
        return if x > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if x.fract() == 0.0 {
        return format!("{:.1}", x + 0.0);
    }
    let shortest = format!("{x:e}");
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    let digits = mantissa.replace('.', "");
    let point = exponent + 1;
    match usize::try_from(point) {
        Ok(point @ 1..) => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
        _ => format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
    }
}

/// A number that travels as numeric: an integer has no point. Beyond a real's range it is infinite.
pub fn number(text: &str) -> Option<Value> {
    match text {
        "NaN" => return Some(Value::Null),
        "Infinity" => return Some(Value::Real(f64::INFINITY)),
        "-Infinity" => return Some(Value::Real(f64::NEG_INFINITY)),
        _ => {}
    }
    if !text.contains(['.', 'e', 'E'])
        && let Ok(n) = text.parse()
    {
        return Some(Value::Integer(n));
    }
    text.parse().ok().map(Value::Real)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reals_keep_their_class_and_compare_exactly_with_integers() {
        for (x, wanted) in [
            (5.0, "5.0"),
            (-0.0, "0.0"),
            (1.5e-7, "0.00000015"),
            (-2.25, "-2.25"),
            (1e20, "100000000000000000000.0"),
            (1e23, "99999999999999991611392.0"),
            (4_611_686_018_427_387_904.0, "4611686018427387904.0"),
            (-9_223_372_036_854_775_808.0, "-9223372036854775808.0"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(real(x), wanted);
        }
    }

    #[test]
    fn what_postgres_prints_is_read() {
        for (text, wanted) in [
            ("(1,5,)", Some(Value::Integer(5))),
            ("(1,5.0,)", Some(Value::Real(5.0))),
            ("(1,Infinity,)", Some(Value::Real(f64::INFINITY))),
            ("(2,,\"\\\\x6122\")", Some(Value::Text("a\"".to_owned()))),
            ("(2,,\"\\\\x\")", Some(Value::Text(String::new()))),
            ("(2,,\"\\\\xff00\")", Some(Value::Text("\u{FFFD}\0".to_owned()))),
            ("(3,,\"\\\\x00ff\")", Some(Value::Blob(vec![0, 255]))),
            ("(4,,)", None),
            ("(2,,)", None),
            ("", None),
        ] {
            assert_eq!(decode(text), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_value_comes_back(value in prop_oneof![
            any::<i64>().prop_map(Value::Integer),
            any::<f64>().prop_filter("NaN is NULL", |x| !x.is_nan()).prop_map(Value::Real),
            any::<String>().prop_map(Value::Text),
            any::<Vec<u8>>().prop_map(Value::Blob),
        ]) {
            prop_assert_eq!(decode(&encode(&value).expect("not NULL")), Some(value));
        }

        #[test]
        fn noise_is_refused(text in ".{0,40}") {
            decode(&text);
        }
    }
}
