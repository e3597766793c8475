//! Moments as text: strftime() and timediff().

use super::moment::{DAY_MS, Moment, civil};
use crate::value::printf::{general, pad_fraction};
use std::fmt::Write;

/// date(): `[-]YYYY-MM-DD`.
pub(super) fn date(mut moment: Moment) -> Option<String> {
    let (year, month, day) = moment.date()?;
    let mut out = String::with_capacity("YYYY-MM-DD HH:MM:SS.SSS".len());
    if year < 0 {
        out.push('-');
    }
    digits(&mut out, year.abs(), 4);
    for part in [month, day] {
        out.push('-');
        digits(&mut out, part, 2);
    }
    Some(out)
}

/// Appends a number of at most that many digits with all of them; a format string would cost more than all else of `datetime('now')`.
fn digits(out: &mut String, number: i64, count: u32) {
    for at in (0..count).rev() {
        out.push(char::from(b'0' + (number / 10_i64.pow(at) % 10) as u8));
    }
}

/// time(): `HH:MM:SS[.SSS]`.
pub(super) fn time(mut moment: Moment) -> Option<String> {
    let (hour, minute, seconds) = moment.time()?;
    let ms = if moment.subsec { (1000.0 * seconds + 0.5) as i64 } else { seconds as i64 * 1000 };
    let mut out = String::with_capacity("HH:MM:SS.SSS".len());
    for (part, end) in [(hour, ":"), (minute, ":"), (ms / 1000, "")] {
        digits(&mut out, part, 2);
        out.push_str(end);
    }
    if moment.subsec {
        out.push('.');
        digits(&mut out, ms % 1000, 3);
    }
    Some(out)
}

/// strftime(); None for an unknown letter.
pub(super) fn strftime(layout: &str, mut moment: Moment) -> Option<String> {
    moment.compute_julian()?;
    let (year, month, day) = moment.date()?;
    let (hour, minute, seconds) = moment.time()?;
    let julian_ms = moment.julian_ms;
    let weekday = (julian_ms + DAY_MS * 3 / 2) / DAY_MS % 7;
    let since_monday = (julian_ms + DAY_MS / 2) / DAY_MS % 7;
    let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    let mut out = String::with_capacity(layout.len() + 16);
    let mut letters = layout.split('\0').next().unwrap_or_default().chars();
    while let Some(c) = letters.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let written = match letters.next()? {
            'd' => write!(out, "{day:02}"),
            'e' => write!(out, "{day:2}"),
            'f' => write!(out, "{}", pad_fraction(seconds.min(59.999))),
            'F' => write!(out, "{year:04}-{month:02}-{day:02}"),
            'G' => write!(out, "{:04}", iso_year(julian_ms, since_monday)?),
            'g' => write!(out, "{:02}", iso_year(julian_ms, since_monday)? % 100),
            'H' => write!(out, "{hour:02}"),
            'k' => write!(out, "{hour:2}"),
            'I' => write!(out, "{hour12:02}"),
            'l' => write!(out, "{hour12:2}"),
            'j' => write!(out, "{:03}", day_of_year(julian_ms, moment)? + 1),
            'J' => write!(out, "{}", general(julian_ms as f64 / DAY_MS as f64, 16)),
            'm' => write!(out, "{month:02}"),
            'M' => write!(out, "{minute:02}"),
            'p' => write!(out, "{}", if hour >= 12 { "PM" } else { "AM" }),
            'P' => write!(out, "{}", if hour >= 12 { "pm" } else { "am" }),
            'R' => write!(out, "{hour:02}:{minute:02}"),
            's' if moment.subsec => {
                let ms = moment.unix_ms();
                write!(out, "{}{}.{:03}", if ms < 0 { "-" } else { "" }, ms.abs() / 1000, ms.abs() % 1000)
            }
            's' => write!(out, "{}", moment.unix_seconds()),
            'S' => write!(out, "{:02}", seconds as i64),
            'T' => write!(out, "{hour:02}:{minute:02}:{:02}", seconds as i64),
            'u' => write!(out, "{}", if weekday == 0 { 7 } else { weekday }),
            'w' => write!(out, "{weekday}"),
            'U' => write!(out, "{:02}", (day_of_year(julian_ms, moment)? - weekday + 7) / 7),
            'V' => write!(out, "{:02}", thursday_of_year(julian_ms, since_monday, moment)? / 7 + 1),
            'W' => write!(out, "{:02}", (day_of_year(julian_ms, moment)? - since_monday + 7) / 7),
            'Y' => write!(out, "{year:04}"),
            '%' => {
                out.push('%');
                Ok(())
            }
            _ => return None,
        };
        written.expect("a String takes whatever is written");
    }
    Some(out)
}

/// The Thursday of the moment's week, whose year is the week's.
fn thursday(julian_ms: i64, since_monday: i64) -> i64 {
    julian_ms + (3 - since_monday) * DAY_MS
}

fn iso_year(julian_ms: i64, since_monday: i64) -> Option<i64> {
    civil(thursday(julian_ms, since_monday)).map(|(year, _, _)| year)
}

fn thursday_of_year(julian_ms: i64, since_monday: i64, moment: Moment) -> Option<i64> {
    let thursday = thursday(julian_ms, since_monday);
    day_of_year(thursday, Moment { julian_ms: thursday, ymd: civil(thursday), ..moment })
}

/// Days since 1 January of the year that the moment's fields name.
fn day_of_year(julian_ms: i64, mut moment: Moment) -> Option<i64> {
    let (year, _, _) = moment.date()?;
    moment.set_date(year, 1, 1);
    moment.compute_julian()?;
    Some((julian_ms - moment.julian_ms + DAY_MS / 2) / DAY_MS)
}

/// timediff(): what must be added to `b` to come to `a`, as `±YYYY-MM-DD HH:MM:SS.SSS`.
pub(super) fn timediff(mut a: Moment, mut b: Moment) -> Option<String> {
    a.compute_julian()?;
    b.compute_julian()?;
    let (a_year, a_month, _) = a.date()?;
    let (b_year, b_month, b_day) = b.date()?;
    b.time()?;
    let forward = a.julian_ms >= b.julian_ms;
    let (mut years, mut months) = if forward { (a_year - b_year, a_month - b_month) } else { (b_year - a_year, b_month - a_month) };
    if months < 0 {
        (years, months) = (years - 1, months + 12);
    }
    let (mut year, mut month) = (a_year, a_month);
    if (year, month) != (b_year, b_month) {
        b.set_date(year, month, b_day);
        b.compute_julian()?;
    }
    while if forward { a.julian_ms < b.julian_ms } else { a.julian_ms > b.julian_ms } {
        months -= 1;
        if months < 0 {
            (years, months) = (years - 1, 11);
        }
        month += if forward { -1 } else { 1 };
        if month < 1 {
            (year, month) = (year - 1, 12);
        } else if month > 12 {
            (year, month) = (year + 1, 1);
        }
        b.set_date(year, month, b_day);
        b.compute_julian()?;
    }
    /// Midnight of a first of January, so that the rest reads as days and time.
    const ORIGIN: i64 = 148_699_540_800_000;
    let mut rest = Moment { julian_ms: (a.julian_ms - b.julian_ms).abs() + ORIGIN, julian: true, ..Moment::default() };
    let (_, _, day) = rest.date()?;
    let (hour, minute, seconds) = rest.time()?;
    let sign = if forward { '+' } else { '-' };
    Some(format!("{sign}{years:04}-{months:02}-{:02} {hour:02}:{minute:02}:{}", day - 1, pad_fraction(seconds)))
}
