//! SQLite's date and time functions (lang_datefunc.html).

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
    pub args: Vec<super::Value>,
}

impl DateCall {
    /// Its value, with 'now' being `now_ms` milliseconds of Unix time (UTC).
    pub fn evaluate(&self, _now_ms: i64) -> super::Value {
        todo!()
    }

    /// Does its value depend on the current time ('now', or a missing time value)?
    pub fn reads_now(&self) -> bool {
        todo!()
    }
}
