//! Time values.

use super::moment::{Moment, days_of_month};
use super::whole_number;
use crate::value::number::is_space;

/// A time value as text (`parseDateOrTime`); None when it is none.
pub(super) fn time_value(text: &[u8], now_ms: i64) -> Option<Moment> {
    let text = text.split(|&b| b == 0).next().unwrap_or_default();
    let is = |word: &str| text.eq_ignore_ascii_case(word.as_bytes());
    if let Some(moment) = date_and_time(text).or_else(|| time(text)) {
        Some(moment)
    } else if is("now") {
        Moment::now(now_ms)
    } else if let Some(x) = whole_number(text) {
        Some(Moment::number(x))
    } else if is("subsec") || is("subsecond") {
        Moment::now(now_ms).map(|now| Moment { subsec: true, ..now })
    } else {
        None
    }
}

/// `YYYY-MM-DD`, with a time or without.
fn date_and_time(text: &[u8]) -> Option<Moment> {
    let (negative, text) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    let (mut year, mut month, mut day, rest) = date(text, 4, 1)?;
    let rest = &rest[rest.iter().take_while(|&&b| is_space(b) || b == b'T').count()..];
    let mut moment = match time(rest) {
        Some(moment) => moment,
        None if rest.is_empty() => Moment::default(),
        None => return None,
    };
    if let Some((hour @ 24, _, _)) = &mut moment.hms {
        *hour = 0;
        day += 1;
        let last = days_of_month(year, month);
        if day > last {
            (day, month) = (day - last, month + 1);
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }
    moment.set_date(if negative { -year } else { year }, month, day);
    if moment.zone != 0 {
        moment.compute_julian()?;
    }
    Some(moment)
}

/// A year of so many digits, a month and a day, from `least` on, and what follows them.
pub(super) fn date(text: &[u8], width: usize, least: i64) -> Option<(i64, i64, i64, &[u8])> {
    let (year, rest) = digits(text, width, 0, 14_712)?;
    let (month, rest) = digits(rest.strip_prefix(b"-")?, 2, least, 12)?;
    let (day, rest) = digits(rest.strip_prefix(b"-")?, 2, least, 31)?;
    Some((year, month, day, rest))
}

/// `HH:MM[:SS[.FFF]][zone]` to the end of the text.
pub(super) fn time(text: &[u8]) -> Option<Moment> {
    let (hour, minute, mut rest) = hour_and_minute(text)?;
    let mut seconds = 0.0;
    if let Some(tail) = rest.strip_prefix(b":") {
        let (whole, tail) = digits(tail, 2, 0, 59)?;
        (seconds, rest) = (whole as f64, tail);
        if let [b'.', tail @ ..] = rest
            && tail.first().is_some_and(u8::is_ascii_digit)
        {
            let count = tail.iter().take_while(|b| b.is_ascii_digit()).count();
            let (value, scale) = tail[..count].iter().fold((0.0, 1.0), |(v, s), d| (v * 10.0 + f64::from(d - b'0'), s * 10.0));
            let fraction: f64 = value / scale;
            // Cut, so that rounding to milliseconds never reaches the next second.
            seconds += if fraction > 0.999 { 0.999 } else { fraction };
            rest = &tail[count..];
        }
    }
    if hour == 24 && (minute != 0 || seconds != 0.0) {
        return None;
    }
    let zone = zone(rest)?;
    Some(Moment { hms: Some((hour, minute, seconds)), zone: zone.unwrap_or(0), utc: zone == Some(0), ..Moment::default() })
}

/// `HH:MM`, and what follows.
pub(super) fn hour_and_minute(text: &[u8]) -> Option<(i64, i64, &[u8])> {
    let (hour, rest) = digits(text, 2, 0, 24)?;
    let (minute, rest) = digits(rest.strip_prefix(b":")?, 2, 0, 59)?;
    Some((hour, minute, rest))
}

/// `Z`, `±HH:MM` or nothing, to the end of the text: minutes east of UTC, if any are named.
fn zone(text: &[u8]) -> Option<Option<i64>> {
    let (minutes, rest) = match text.trim_spaces() {
        [] => return Some(None),
        [b'Z' | b'z', rest @ ..] => (0, rest),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let (hours, rest) = digits(rest, 2, 0, 14)?;
            let (minutes, rest) = digits(rest.strip_prefix(b":")?, 2, 0, 59)?;
            let total = hours * 60 + minutes;
            (if *sign == b'-' { -total } else { total }, rest)
        }
        _ => return None,
    };
    rest.trim_spaces().is_empty().then_some(Some(minutes))
}

/// Exactly `width` digits, within bounds.
fn digits(text: &[u8], width: usize, least: i64, most: i64) -> Option<(i64, &[u8])> {
    let (number, rest) = text.split_at_checked(width)?;
    if !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = number.iter().fold(0, |v, d| v * 10 + i64::from(d - b'0'));
    (least..=most).contains(&value).then_some((value, rest))
}

/// Trimming by SQLite's idea of white space, which has one character more than the standard library's.
pub(super) trait TrimSpaces {
    fn trim_spaces(&self) -> &Self;
}

impl TrimSpaces for [u8] {
    fn trim_spaces(&self) -> &Self {
        &self[self.iter().take_while(|&&b| is_space(b)).count()..]
    }
}
