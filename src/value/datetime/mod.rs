//! SQLite's date and time functions (lang_datefunc.html).
//!
//! A moment is a count of milliseconds since the Julian epoch (noon of 24 November 4714 B.C.), as in SQLite; calendar fields are
//! kept beside it only as long as SQLite keeps them, since days that a month does not have (31 February) live in them.

mod format;
mod modify;
mod moment;
mod parse;

use super::{Value, number};
use moment::Moment;

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DateFunction {
    /// date()
    Date,
    /// time()
    Time,
    /// datetime()
    DateTime,
    /// julianday()
    JulianDay,
    /// unixepoch()
    UnixEpoch,
    /// strftime(); the format is the first argument.
    StrfTime,
    /// timediff(); two time values.
    TimeDiff,
}

/// A call with constant arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct DateCall {
    /// The function.
    pub function: DateFunction,
    /// Its arguments as written.
    pub args: Vec<Value>,
}

impl DateCall {
    /// Its value, with 'now' being `now_ms` milliseconds of Unix time (UTC). The local time zone is UTC.
    pub fn evaluate(&self, now_ms: i64) -> Value {
        self.value(now_ms).unwrap_or(Value::Null)
    }

    fn value(&self, now_ms: i64) -> Option<Value> {
        if self.function == DateFunction::TimeDiff {
            let [a, b] = self.args.as_slice() else { return None };
            return format::timediff(moment(std::slice::from_ref(a), now_ms)?, moment(std::slice::from_ref(b), now_ms)?).map(Value::Text);
        }
        if self.function == DateFunction::StrfTime {
            let (layout, args) = self.args.split_first()?;
            let layout = layout.text()?;
            return format::strftime(&layout, moment(args, now_ms)?).map(Value::Text);
        }
        let moment = moment(&self.args, now_ms)?;
        match self.function {
            DateFunction::Date => format::date(moment).map(Value::Text),
            DateFunction::Time => format::time(moment).map(Value::Text),
            DateFunction::DateTime => Some(Value::Text([format::date(moment)?, format::time(moment)?].join(" "))),
            DateFunction::JulianDay => Some(Value::Real(moment.julian_ms as f64 / 86_400_000.0)),
            _ if moment.subsec => Some(Value::Real(moment.unix_ms() as f64 / 1000.0)),
            _ => Some(Value::Integer(moment.unix_seconds())),
        }
    }

    /// Does its value depend on the current time ('now', or a missing time value)?
    pub fn reads_now(&self) -> bool {
        let times = match self.function {
            DateFunction::TimeDiff => return self.args.iter().any(is_now),
            DateFunction::StrfTime => self.args.get(1..).unwrap_or_default(),
            _ => &self.args,
        };
        let missing = times.is_empty() && (self.function != DateFunction::StrfTime || self.args.len() == 1);
        missing || times.first().is_some_and(is_now)
    }
}

fn is_now(time: &Value) -> bool {
    matches!(time, Value::Text(t) if ["now", "subsec", "subsecond"].iter().any(|now| t.eq_ignore_ascii_case(now)))
}

/// A time value and its modifiers (`isDate`).
fn moment(args: &[Value], now_ms: i64) -> Option<Moment> {
    let Some((time, modifiers)) = args.split_first() else { return Moment::now(now_ms) };
    let mut moment = match time {
        Value::Integer(i) => Moment::number(*i as f64),
        Value::Real(x) => Moment::number(*x),
        other => parse::time_value(other.text()?.as_bytes(), now_ms)?,
    };
    for (at, modifier) in modifiers.iter().enumerate() {
        modify::apply(&mut moment, modifier.text()?.as_bytes(), at == 0)?;
    }
    moment.compute_julian()?;
    if !moment::in_range(moment.julian_ms) {
        return None;
    }
    if modifiers.is_empty() && moment.ymd.is_some_and(|(_, _, day)| day > 28) {
        moment.ymd = None;
    }
    Some(moment)
}

/// A number that fills the text, spaces aside.
fn whole_number(text: &[u8]) -> Option<f64> {
    let prefix = number::text_to_number_prefix(text);
    prefix.whole.then_some(prefix.real)
}

#[cfg(test)]
mod tests;
