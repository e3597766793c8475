//! Date and time (lang_datefunc.html). Calls of constants never reach a lowering: they are folded, or computed once an execution.

use super::{Function, FunctionKind, integer, real};
use crate::catalog::oid;
use crate::error::ClientError;
use crate::translate::lower::{Frag, Lower, Lowered, fill, literal_text};
use crate::translate::tree::{Call, Class, Expr, Ty};
use crate::value::Value;
use crate::value::datetime::{DateCall, DateFunction};

const fn date(name: &'static str, args: (u8, u8), function: DateFunction, result: fn(&[Expr]) -> Ty) -> Function {
    Function { name, args, star: false, kind: FunctionKind::Date(function), result, lower }
}

pub(super) static FUNCTIONS: &[Function] = &[
    date("date", (0, 255), DateFunction::Date, text),
    date("time", (0, 255), DateFunction::Time, text),
    date("datetime", (0, 255), DateFunction::DateTime, text),
    date("julianday", (0, 255), DateFunction::JulianDay, real),
    date("unixepoch", (0, 255), DateFunction::UnixEpoch, integer),
    date("strftime", (1, 255), DateFunction::StrfTime, text),
    date("timediff", (2, 2), DateFunction::TimeDiff, text),
];

fn text(_: &[Expr]) -> Ty {
    Ty::plain(Class::Text)
}

fn kind_of(call: &Call) -> Option<DateFunction> {
    match call.function {
        crate::translate::tree::Callee::Known(Function { kind: FunctionKind::Date(function), .. }) => Some(*function),
        _ => None,
    }
}

fn lower(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let function = kind_of(call).ok_or_else(|| ClientError::refused("a date function here"))?;
    if let Some(native) = native(lower, function, &call.args)? {
        return Ok(native);
    }
    let texts = |lower: &mut Lower, args: &[Expr]| -> Lowered {
        let args = args.iter().map(|a| lower.text(a)).collect::<Result<Vec<_>, _>>()?;
        Ok(fill("ARRAY[{}]::text[]", &[&Frag::join(&args, ", ")]))
    };
    // A dynamic argument may be 'now': the statement's time goes along.
    let now = if lower.pure { Frag::text("NULL::int8") } else { lower.call("now_ms", &[])? };
    let utc = Frag::text("'UTC'");
    match function {
        DateFunction::StrfTime => {
            let format = lower.text(&call.args[0])?;
            let args = texts(lower, &call.args[1..])?;
            lower.call("strftime", &[&format, &args, &now, &utc])
        }
        DateFunction::TimeDiff => {
            let (a, b) = (lower.text(&call.args[0])?, lower.text(&call.args[1])?);
            lower.call("timediff", &[&a, &b, &now])
        }
        _ => {
            let args = texts(lower, &call.args)?;
            lower.call(name(function), &[&args, &now, &utc])
        }
    }
}

/// The name of a date function that reads the clock.
pub fn date_name(call: &DateCall) -> &'static str {
    name(call.function)
}

fn name(function: DateFunction) -> &'static str {
    match function {
        DateFunction::Date => "date",
        DateFunction::Time => "time",
        DateFunction::DateTime => "datetime",
        DateFunction::JulianDay => "julianday",
        DateFunction::UnixEpoch => "unixepoch",
        DateFunction::StrfTime => "strftime",
        DateFunction::TimeDiff => "timediff",
    }
}

/// A native timestamp or date without modifiers: PostgreSQL's own formatting.
fn native(lower: &mut Lower, function: DateFunction, args: &[Expr]) -> Result<Option<Frag>, ClientError> {
    let (value, format) = match (function, args) {
        (DateFunction::StrfTime, [format, value]) => match format.constant() {
            Some(Value::Text(format)) => (value, strftime_format(format)),
            _ => return Ok(None),
        },
        (DateFunction::Date, [value]) => (value, Some("YYYY-MM-DD".to_owned())),
        (DateFunction::Time, [value]) => (value, Some("HH24:MI:SS".to_owned())),
        (DateFunction::DateTime, [value]) => (value, Some("YYYY-MM-DD HH24:MI:SS".to_owned())),
        (DateFunction::UnixEpoch | DateFunction::JulianDay, [value]) => (value, None),
        _ => return Ok(None),
    };
    let piece = match value.ty.class {
        Class::Native(oid::TIMESTAMPTZ) => fill("({} AT TIME ZONE 'UTC')", &[&lower.natural(value)?]),
        Class::Native(oid::TIMESTAMP) => lower.natural(value)?,
        Class::Native(oid::DATE) => fill("({})::timestamp", &[&lower.natural(value)?]),
        _ => return Ok(None),
    };
    Ok(match function {
        DateFunction::UnixEpoch => Some(fill("floor(extract(epoch FROM {}))::int8", &[&piece])),
        DateFunction::JulianDay => Some(fill("(extract(epoch FROM {})::float8 / 86400.0 + 2440587.5)", &[&piece])),
        _ => format.map(|f| fill(&format!("to_char({{}}, {})", literal_text(&f)), &[&piece])),
    })
}

/// A strftime format as to_char's; None when a letter has no counterpart.
fn strftime_format(format: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            if c.is_ascii_alphanumeric() || c == '"' || c == '\\' {
                return None;
            }
            out.push(c);
            continue;
        }
        out.push_str(match chars.next()? {
            'Y' => "YYYY",
            'm' => "MM",
            'd' => "DD",
            'H' => "HH24",
            'M' => "MI",
            'S' => "SS",
            'j' => "DDD",
            'F' => "YYYY-MM-DD",
            'T' => "HH24:MI:SS",
            'R' => "HH24:MI",
            _ => return None,
        });
    }
    Some(out)
}

/// A date function of constants within a stored expression (a DEFAULT): the backend's clock is read when the row is made.
pub fn stored_date(lower: &mut Lower, call: &DateCall) -> Lowered {
    let plain = |format: &str| Frag::text(format!("to_char(statement_timestamp() AT TIME ZONE 'UTC', '{format}')"));
    let bare = call.args.is_empty() || matches!(call.args.as_slice(), [Value::Text(now)] if now.eq_ignore_ascii_case("now"));
    match call.function {
        _ if lower.pure => {}
        DateFunction::DateTime if bare => return Ok(plain("YYYY-MM-DD HH24:MI:SS")),
        DateFunction::Date if bare => return Ok(plain("YYYY-MM-DD")),
        DateFunction::Time if bare => return Ok(plain("HH24:MI:SS")),
        _ => {}
    }
    let args: Vec<Expr> = call.args.iter().cloned().map(Expr::literal).collect();
    let function = super::find(name(call.function)).ok_or_else(|| ClientError::refused("a date function here"))?;
    let made = Call::plain(crate::translate::tree::Callee::Known(function), args);
    self::lower(lower, &made, &Expr::literal(Value::Null))
}
