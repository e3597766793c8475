//! Modifiers (lang_datefunc.html §3).

use super::moment::{DAY_MS, Moment, UNIX_EPOCH_MS};
use super::parse::{self, TrimSpaces};
use super::whole_number;
use crate::value::number::{is_space, text_to_number_prefix};

/// Applies one modifier; None when it is unknown, out of place or leads out of range.
pub(super) fn apply(moment: &mut Moment, text: &[u8], first: bool) -> Option<()> {
    let text = text.split(|&b| b == 0).next().unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    match lower.as_slice() {
        b"auto" if first => auto(moment),
        b"ceiling" => {
            moment.compute_julian()?;
            moment.forget_fields();
            moment.floor = 0;
        }
        b"floor" => {
            moment.compute_julian()?;
            moment.set_julian(moment.julian_ms - moment.floor * DAY_MS);
        }
        b"julianday" if first && moment.julian && moment.raw.is_some() => moment.raw = None,
        b"unixepoch" if first => {
            let julian_ms = moment.raw? * 1000.0 + UNIX_EPOCH_MS as f64;
            if !(0.0..464_269_060_800_000.0).contains(&julian_ms) {
                return None;
            }
            moment.set_julian((julian_ms + 0.5) as i64);
            moment.raw = None;
        }
        b"localtime" => local(moment)?,
        b"utc" => utc(moment)?,
        b"subsec" | b"subsecond" => moment.subsec = true,
        b"start of day" | b"start of month" | b"start of year" => start_of(moment, &lower[9..])?,
        b"end of day" | b"end of month" | b"end of year" => end_of(moment, &lower[7..])?,
        [b'w', ..] => weekday(moment, lower.strip_prefix(b"weekday ")?)?,
        [b'+' | b'-' | b'0'..=b'9', ..] => shift(moment, &lower)?,
        _ => return None,
    }
    Some(())
}

/// Decides by its size whether a bare number is a Julian day or Unix time.
fn auto(moment: &mut Moment) {
    match moment.raw {
        Some(x) if !moment.julian && (-210_866_760_000.0..=253_402_300_799.0).contains(&x) => {
            moment.set_julian((x * 1000.0 + UNIX_EPOCH_MS as f64 + 0.5) as i64);
            moment.raw = None;
        }
        Some(_) if !moment.julian => {}
        _ => moment.raw = None,
    }
}

/// To local time, which is UTC: nothing moves, but a day beyond its month is normalised.
fn local(moment: &mut Moment) -> Option<()> {
    if !moment.local {
        moment.compute_julian()?;
        moment.set_julian(moment.julian_ms);
        moment.raw = None;
        moment.date()?;
        moment.time()?;
        moment.julian = false;
    }
    (moment.utc, moment.local) = (false, true);
    Some(())
}

/// From local time; SQLite starts afresh with the moment and so drops `subsec`.
fn utc(moment: &mut Moment) -> Option<()> {
    if !moment.utc {
        moment.compute_julian()?;
        *moment = Moment { julian_ms: moment.julian_ms, julian: true, utc: true, ..Moment::default() };
    }
    Some(())
}

fn start_of(moment: &mut Moment, unit: &[u8]) -> Option<()> {
    let (year, month, day) = field_date(moment)?;
    moment.hms = Some((0, 0, 0.0));
    moment.ymd = Some(match unit {
        b"month" => (year, month, 1),
        b"year" => (year, 1, 1),
        _ => (year, month, day),
    });
    Some(())
}

fn end_of(moment: &mut Moment, unit: &[u8]) -> Option<()> {
    let (year, month, _) = field_date(moment)?;
    moment.hms = Some((23, 59, 59.999));
    match unit {
        b"month" => {
            let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            moment.set_date(year, month, 1);
            moment.compute_julian()?;
            moment.set_julian(moment.julian_ms - DAY_MS);
        }
        b"year" => moment.ymd = Some((year, 12, 31)),
        _ => {}
    }
    Some(())
}

/// The date, to be kept as fields alone.
fn field_date(moment: &mut Moment) -> Option<(i64, i64, i64)> {
    if !moment.julian && moment.ymd.is_none() && moment.hms.is_none() {
        return None;
    }
    let date = moment.date()?;
    (moment.raw, moment.zone, moment.julian) = (None, 0, false);
    Some(date)
}

/// To the next day of that number, or with a minus sign to the one before.
fn weekday(moment: &mut Moment, text: &[u8]) -> Option<()> {
    let x = whole_number(text)?;
    if !(-6.0..=6.0).contains(&x) || x.fract() != 0.0 {
        return None;
    }
    let wanted = x.abs() as i64;
    moment.date()?;
    moment.time()?;
    (moment.zone, moment.julian) = (0, false);
    moment.compute_julian()?;
    let mut today = (moment.julian_ms + DAY_MS * 3 / 2) / DAY_MS % 7;
    let mut julian_ms = moment.julian_ms;
    if today != wanted {
        if today > wanted {
            today -= 7;
        }
        julian_ms += (wanted - today) * DAY_MS;
        if text.contains(&b'-') {
            julian_ms -= 7 * DAY_MS;
        }
    }
    moment.set_julian(julian_ms);
    Some(())
}

/// `NNN units`, `±YYYY-MM-DD[ HH:MM[:SS[.FFF]]]` and `±HH:MM[:SS[.FFF]]`.
fn shift(moment: &mut Moment, text: &[u8]) -> Option<()> {
    let end = (1..text.len()).find(|&n| text[n] == b':' || is_space(text[n]) || text[n] == b'-' && ends_year(&text[1..n])).unwrap_or(text.len());
    let amount = whole_number(&text[..end])?;
    let negative = text[0] == b'-';
    match text.get(end) {
        Some(b'-') => shift_date(moment, text, end - 1, negative),
        Some(b':') => shift_time(moment, text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")).unwrap_or(text), negative),
        _ => shift_units(moment, amount, text[end..].trim_spaces()),
    }
}

/// Are these the four or five digits of a year in a modifier?
fn ends_year(text: &[u8]) -> bool {
    matches!(text.len(), 4 | 5) && text.iter().all(u8::is_ascii_digit) && text_to_number_prefix(text).real <= 14_712.0
}

fn shift_date(moment: &mut Moment, text: &[u8], width: usize, negative: bool) -> Option<()> {
    if !matches!(text[0], b'+' | b'-') {
        return None;
    }
    let (years, months, days, rest) = parse::date(&text[1..], width, 0)?;
    if months > 11 || days > 30 {
        return None;
    }
    let sign = if negative { -1 } else { 1 };
    let (year, month, day) = moment.date()?;
    moment.time()?;
    set_month(moment, year + sign * years, month + sign * months, day);
    moment.compute_julian()?;
    (moment.ymd, moment.hms) = (None, None);
    moment.julian_ms += sign * days * DAY_MS;
    match rest {
        [] => Some(()),
        [space, rest @ ..] if is_space(*space) => {
            parse::hour_and_minute(rest)?;
            shift_time(moment, rest, negative)
        }
        _ => None,
    }
}

fn shift_time(moment: &mut Moment, text: &[u8], negative: bool) -> Option<()> {
    let mut shift = parse::time(text)?;
    shift.compute_julian()?;
    let ms = (shift.julian_ms - DAY_MS / 2) % DAY_MS;
    moment.compute_julian()?;
    moment.set_julian(moment.julian_ms + if negative { -ms } else { ms });
    Some(())
}

fn shift_units(moment: &mut Moment, mut amount: f64, unit: &[u8]) -> Option<()> {
    if !(3..=10).contains(&unit.len()) {
        return None;
    }
    let unit = unit.strip_suffix(b"s").unwrap_or(unit);
    let (limit, seconds) = match unit {
        b"second" => (4.6427e14f32, 1.0),
        b"minute" => (7.7379e12, 60.0),
        b"hour" => (1.2897e11, 3600.0),
        b"day" => (5_373_485.0, 86_400.0),
        b"month" => (176_546.0, 2_592_000.0),
        b"year" => (14_713.0, 31_536_000.0),
        _ => return None,
    };
    if amount.abs() >= f64::from(limit) {
        return None;
    }
    moment.compute_julian()?;
    let rounder = if amount < 0.0 { -0.5 } else { 0.5 };
    moment.floor = 0;
    if matches!(unit, b"month" | b"year") {
        let (year, month, day) = moment.date()?;
        moment.time()?;
        let whole = amount.trunc();
        if unit == b"month" {
            set_month(moment, year, month + whole as i64, day);
        } else {
            moment.set_date(year + whole as i64, month, day);
        }
        amount -= whole;
        moment.compute_julian()?;
    }
    moment.set_julian(moment.julian_ms + (amount * 1000.0 * seconds + rounder) as i64);
    Some(())
}

/// Sets a date whose month may lie outside its year.
fn set_month(moment: &mut Moment, year: i64, month: i64, day: i64) {
    let months = year * 12 + month - 1;
    moment.set_date(months.div_euclid(12), months.rem_euclid(12) + 1, day);
}
