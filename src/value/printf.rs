//! printf() and format() (lang_corefunc.html, printf.html).

use super::number::{cast_integer, cast_real};
use super::real::{Decimal, Rounding};
use super::{Value, real_text};

/// Wider fields are not worth folding; the limit also keeps a short text from asking for gigabytes.
const MAX_WIDTH: i64 = 10_000;

/// `printf(format, args…)`; None when it is better left to run time: a field beyond `MAX_WIDTH`, or `%#q` and `%#Q`.
pub fn format(format: &str, args: &[Value]) -> Option<Value> {
    let mut out = Vec::new();
    let mut args = args.iter();
    let mut rest = format.as_bytes().split(|&b| b == 0).next().unwrap_or_default();
    while let Some(at) = rest.iter().position(|&b| b == b'%') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        if rest.is_empty() {
            out.push(b'%');
            break;
        }
        let Some(field) = Field::parse(&mut rest, &mut args) else { break };
        if field.width > MAX_WIDTH || field.precision.is_some_and(|p| p > MAX_WIDTH) {
            return None;
        }
        match field.letter {
            b'd' | b'i' | b'u' | b'r' | b'x' | b'X' | b'o' | b'p' => field.pad(field.integer(integer(args.next())), &mut out),
            b'f' | b'e' | b'E' | b'g' | b'G' => field.real(real(args.next()), &mut out),
            b'%' => field.pad(b"%".to_vec(), &mut out),
            b'c' => field.character(args.next(), &mut out),
            b's' | b'z' => field.pad(field.cut(&text(args.next()).unwrap_or_default()).to_vec(), &mut out),
            b'q' | b'Q' if field.alternate => return None,
            b'q' | b'Q' | b'w' => field.pad(field.quoted(text(args.next())), &mut out),
            b'j' | b'J' => field.pad(field.json(text(args.next())), &mut out),
            b'n' => {}
            _ => return finish(out),
        }
    }
    if !rest.contains(&b'%') {
        out.extend_from_slice(rest);
    }
    finish(out)
}

fn finish(out: Vec<u8>) -> Option<Value> {
    Some(Value::Text(String::from_utf8_lossy(&out).into_owned()))
}

/// `%.*g` without flags.
pub(super) fn general(x: f64, precision: i64) -> String {
    let mut out = Vec::new();
    Field { letter: b'g', precision: Some(precision), ..Field::default() }.real(x, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Seconds as `%06.3f`.
pub(super) fn pad_fraction(seconds: f64) -> String {
    let mut out = Vec::new();
    Field { letter: b'f', precision: Some(3), width: 6, zero: true, ..Field::default() }.real(seconds, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn integer(arg: Option<&Value>) -> i64 {
    match arg.map(cast_integer) {
        Some(Value::Integer(i)) => i,
        _ => 0,
    }
}

fn real(arg: Option<&Value>) -> f64 {
    match arg.map(cast_real) {
        Some(Value::Real(x)) => x,
        _ => 0.0,
    }
}

/// The argument's text up to a NUL.
fn text(arg: Option<&Value>) -> Option<Vec<u8>> {
    let bytes = match arg? {
        Value::Null => return None,
        Value::Integer(i) => i.to_string().into_bytes(),
        Value::Real(x) => real_text(*x).into_bytes(),
        Value::Text(t) => t.as_bytes().to_vec(),
        Value::Blob(b) => b.clone(),
    };
    Some(bytes.split(|&b| b == 0).next().unwrap_or_default().to_vec())
}

/// One conversion: `%[flags][width][.precision][l|ll]letter`.
#[derive(Debug, Default)]
struct Field {
    letter: u8,
    left: bool,
    /// `+` or a space: what stands before a number that is not negative.
    plus: Option<u8>,
    alternate: bool,
    /// `!`: characters instead of bytes, up to 20 digits instead of 16, and always a decimal point.
    bang: bool,
    zero: bool,
    comma: bool,
    width: i64,
    precision: Option<i64>,
}

impl Field {
    /// Reads a conversion off the front of `rest`; None when its letter is missing.
    fn parse<'a>(rest: &mut &[u8], args: &mut impl Iterator<Item = &'a Value>) -> Option<Self> {
        let mut field = Self::default();
        loop {
            let (&c, tail) = rest.split_first()?;
            match c {
                b'-' => field.left = true,
                b'+' | b' ' => field.plus = Some(c),
                b'#' => field.alternate = true,
                b'!' => field.bang = true,
                b'0' => field.zero = true,
                b',' => field.comma = true,
                b'1'..=b'9' => {
                    field.width = number(rest);
                    if !matches!(rest.first(), Some(b'.' | b'l')) {
                        break;
                    }
                    continue;
                }
                b'*' => {
                    let width = i64::from(integer(args.next()) as i32);
                    field.left |= width < 0;
                    field.width = if width >= -i64::from(i32::MAX) { width.abs() } else { 0 };
                    *rest = tail;
                    if !matches!(rest.first(), Some(b'.' | b'l')) {
                        break;
                    }
                    continue;
                }
                b'.' => {
                    *rest = tail;
                    if let Some((b'*', tail)) = rest.split_first() {
                        *rest = tail;
                        let precision = i64::from(integer(args.next()) as i32);
                        field.precision = (precision >= -i64::from(i32::MAX)).then_some(precision.abs());
                    } else {
                        field.precision = Some(number(rest));
                    }
                    if rest.first() != Some(&b'l') {
                        break;
                    }
                    continue;
                }
                b'l' => {
                    *rest = tail.strip_prefix(b"l").unwrap_or(tail);
                    break;
                }
                _ => break,
            }
            *rest = tail;
        }
        let (&letter, tail) = rest.split_first()?;
        (field.letter, *rest) = (letter, tail);
        Some(field)
    }

    /// Appends with the field's width, counted in bytes or, under `!`, in characters for text.
    fn pad(&self, text: Vec<u8>, out: &mut Vec<u8>) {
        let characters = self.bang && matches!(self.letter, b's' | b'z' | b'c' | b'q' | b'Q' | b'w' | b'j' | b'J');
        let length = if characters { text.iter().filter(|&&b| !is_continuation(b)).count() } else { text.len() };
        let spaces = std::iter::repeat_n(b' ', (self.width as usize).saturating_sub(length));
        if self.left {
            out.extend(text);
            out.extend(spaces);
        } else {
            out.extend(spaces);
            out.extend(text);
        }
    }

    fn integer(&self, value: i64) -> Vec<u8> {
        let signed = matches!(self.letter, b'd' | b'i' | b'r');
        let sign = if !signed {
            None
        } else if value < 0 {
            Some(b'-')
        } else {
            self.plus
        };
        let magnitude = if signed { value.unsigned_abs() } else { value as u64 };
        let mut digits = match self.letter {
            b'x' => format!("{magnitude:x}"),
            b'X' | b'p' => format!("{magnitude:X}"),
            b'o' => format!("{magnitude:o}"),
            _ => magnitude.to_string(),
        };
        if self.letter == b'r' {
            digits += match (magnitude % 10, magnitude / 10 % 10) {
                (1, tens) if tens != 1 => "st",
                (2, tens) if tens != 1 => "nd",
                (3, tens) if tens != 1 => "rd",
                _ => "th",
            };
        }
        let mut least = self.precision.unwrap_or(0);
        if self.zero {
            least = least.max(self.width - i64::from(sign.is_some()));
        }
        let mut digits = format!("{digits:0>0$}", least.max(0) as usize);
        if self.comma && matches!(self.letter, b'd' | b'i' | b'u') {
            digits = group(&digits);
        }
        let prefix = match self.letter {
            b'x' | b'p' => "0x",
            b'X' => "0X",
            b'o' => "0",
            _ => "",
        };
        let mut text = Vec::new();
        if self.alternate && magnitude != 0 {
            text.extend_from_slice(prefix.as_bytes());
        }
        text.extend(sign);
        text.extend_from_slice(digits.as_bytes());
        text
    }

    fn real(&self, x: f64, out: &mut Vec<u8>) {
        let generic = matches!(self.letter, b'g' | b'G');
        let mut precision = self.precision.unwrap_or(6).min(MAX_WIDTH) as i32;
        if generic {
            precision = precision.max(1);
        }
        let rounding = match self.letter {
            b'f' => Rounding::Fraction(precision),
            b'g' | b'G' => Rounding::Significant(precision),
            _ => Rounding::Significant(precision + 1),
        };
        let decimal = if x.is_finite() {
            Decimal::of(x, rounding, if self.bang { 20 } else { 16 })
        } else if self.zero {
            // SQLite shows infinity as a number beyond all others where it must stay a number.
            Decimal { negative: x < 0.0, digits: vec![b'9'], point: 1000 }
        } else {
            let sign = if x < 0.0 { Some(b'-') } else { self.plus };
            return self.pad(sign.into_iter().chain(*b"Inf").collect(), out);
        };
        let hidden_sign = self.alternate && self.plus.is_none() && self.letter == b'f' && decimal.point <= -precision;
        let sign = match decimal.negative {
            true => (!hidden_sign).then_some(b'-'),
            false => self.plus,
        };
        let exponent = decimal.point - 1;
        let mut scientific = matches!(self.letter, b'e' | b'E');
        let mut trim_zeros = self.bang;
        if generic {
            precision -= 1;
            trim_zeros = !self.alternate;
            scientific = exponent < -4 || exponent > precision;
            if !scientific {
                precision -= exponent;
            }
        }
        let (whole, mut fraction) = split(&decimal, if scientific { 1 } else { decimal.point });
        fraction.truncate(precision.max(0) as usize);
        if trim_zeros {
            fraction.truncate(fraction.iter().rposition(|&d| d != b'0').map_or(0, |at| at + 1));
        } else {
            fraction.resize(precision.max(0) as usize, b'0');
        }
        let mut text: Vec<u8> = sign.into_iter().collect();
        if self.comma {
            text.extend_from_slice(group(&String::from_utf8_lossy(&whole)).as_bytes());
        } else {
            text.extend(whole);
        }
        if !fraction.is_empty() || self.bang || self.alternate && !trim_zeros {
            text.push(b'.');
        }
        if fraction.is_empty() && self.bang && trim_zeros {
            fraction.push(b'0');
        }
        text.extend(fraction);
        if scientific {
            let letter = if self.letter.is_ascii_uppercase() { 'E' } else { 'e' };
            let sign = if exponent < 0 { '-' } else { '+' };
            text.extend_from_slice(format!("{letter}{sign}{:02}", exponent.abs()).as_bytes());
        }
        if self.zero && !self.left {
            let at = usize::from(sign.is_some());
            let missing = (self.width as usize).saturating_sub(text.len());
            text.splice(at..at, std::iter::repeat_n(b'0', missing));
        }
        self.pad(text, out);
    }

    fn character(&self, arg: Option<&Value>, out: &mut Vec<u8>) {
        let text = text(arg).unwrap_or_default();
        // A missing character is a NUL.
        let character = if text.is_empty() { &b"\0"[..] } else { &text[..character_length(&text)] };
        let times = self.precision.unwrap_or(1).max(1);
        let wide = Self { bang: true, letter: b'c', width: (self.width - (times - 1)).max(0), left: self.left, ..Self::default() };
        wide.pad_repeated(character, times as usize, out);
    }

    /// Pads as if the text stood once, and writes it `times` times.
    fn pad_repeated(&self, text: &[u8], times: usize, out: &mut Vec<u8>) {
        let spaces = std::iter::repeat_n(b' ', (self.width as usize).saturating_sub(1));
        if self.left {
            out.extend_from_slice(&text.repeat(times));
            out.extend(spaces);
        } else {
            out.extend(spaces);
            out.extend_from_slice(&text.repeat(times));
        }
    }

    /// The text up to the precision, in bytes or, under `!`, in characters.
    fn cut<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        let Some(precision) = self.precision else { return text };
        let precision = precision as usize;
        if !self.bang {
            return &text[..precision.min(text.len())];
        }
        let starts = text.iter().enumerate().filter(|(_, b)| !is_continuation(**b)).map(|(at, _)| at);
        &text[..starts.chain([text.len()]).nth(precision).unwrap_or(text.len())]
    }

    fn quoted(&self, arg: Option<Vec<u8>>) -> Vec<u8> {
        let mark = if self.letter == b'w' { b'"' } else { b'\'' };
        let enclose = self.letter == b'Q' && arg.is_some();
        let missing: &[u8] = if self.letter == b'Q' { b"NULL" } else { b"(NULL)" };
        let text = arg.unwrap_or_else(|| missing.to_vec());
        let mut quoted = Vec::with_capacity(text.len() + 2);
        quoted.extend(enclose.then_some(mark));
        for &byte in self.cut(&text) {
            quoted.push(byte);
            quoted.extend((byte == mark).then_some(mark));
        }
        quoted.extend(enclose.then_some(mark));
        quoted
    }

    fn json(&self, arg: Option<Vec<u8>>) -> Vec<u8> {
        let enclose = self.letter == b'J';
        let Some(text) = arg else { return if enclose { b"null".to_vec() } else { Vec::new() } };
        let mut json = Vec::with_capacity(text.len() + 2);
        json.extend(enclose.then_some(b'"'));
        for &byte in self.cut(&text) {
            match byte {
                b'"' | b'\\' => json.extend([b'\\', byte]),
                8 => json.extend(*b"\\b"),
                9 => json.extend(*b"\\t"),
                10 => json.extend(*b"\\n"),
                12 => json.extend(*b"\\f"),
                13 => json.extend(*b"\\r"),
                0..=0x1f => json.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => json.push(byte),
            }
        }
        json.extend(enclose.then_some(b'"'));
        json
    }
}

/// Digits before and after a decimal point that stands after `point` digits.
fn split(decimal: &Decimal, point: i32) -> (Vec<u8>, Vec<u8>) {
    let digits = &decimal.digits;
    if point <= 0 {
        let zeros = vec![b'0'; -point as usize];
        return (vec![b'0'], [zeros.as_slice(), digits].concat());
    }
    let point = point as usize;
    let mut whole = digits[..point.min(digits.len())].to_vec();
    whole.resize(point, b'0');
    (whole, digits.get(point..).unwrap_or_default().to_vec())
}

/// A comma between groups of three digits.
fn group(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Takes a decimal number off the front; as a 31-bit one, like SQLite.
fn number(rest: &mut &[u8]) -> i64 {
    let mut value = 0u32;
    while let [d @ b'0'..=b'9', tail @ ..] = *rest {
        value = value.wrapping_mul(10).wrapping_add(u32::from(d - b'0'));
        *rest = tail;
    }
    i64::from(value & 0x7fff_ffff)
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

fn character_length(text: &[u8]) -> usize {
    if text[0] & 0xc0 != 0xc0 {
        return 1;
    }
    1 + text[1..].iter().take(3).take_while(|b| is_continuation(**b)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::oracle::Sqlite;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::Integer),
            (-1000i64..1000).prop_map(Value::Integer),
            (-1e6..1e6).prop_map(Value::Real),
            any::<f64>().prop_filter("NaN is NULL", |x| !x.is_nan()).prop_map(Value::Real),
            "[a'\"é0-9\n\\\\]{0,6}".prop_map(Value::Text),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]
        #[test]
        fn as_sqlite(
            format in "[a ]{0,2}%[-+ 0!,#]{0,2}(|[1-9]|1[0-9]|\\*)(|\\.|\\.[0-9]|\\.2[0-9]|\\.\\*)(|l|ll)[diuxXopfeEgGscqQwzrjJn%y]%?[a é]{0,2}(%[ds])?",
            args in prop::collection::vec(value(), 0..4),
        ) {
            let Some(mine) = super::format(&format, &args) else { return Ok(()) };
            let widths_of_arguments = format.contains('*') && args.iter().any(|a| integer(Some(a)).unsigned_abs() > 1000);
            prop_assume!(!widths_of_arguments);
            let marks = ", ?".repeat(args.len());
            let mut all = vec![Value::Text(format.clone())];
            all.extend(args.iter().cloned());
            let theirs = Sqlite::shared().with(|s| s.value(&format!("printf(?{marks})"), &all));
            prop_assert_eq!(mine, theirs, "{} {:?}", format, args);
        }
    }
}
