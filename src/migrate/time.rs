//! Dates and times in text, for columns of PostgreSQL's types. Only what reads back as it was, or names the same moment.

/// Days from 2000-01-01 of a date of the proleptic Gregorian calendar; None for one that does not exist.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) || year < 1 {
        return None;
    }
    // Years that begin in March, so that a leap day is the last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = 365 * y + y / 4 - y / 100 + y / 400;
    Some(before + (153 * m + 2) / 5 + day - 1 - 730_425)
}

/// Exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// `YYYY-MM-DD`: days since 2000-01-01.
pub fn date(text: &str) -> Option<i32> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    days(year, month, day)?.try_into().ok()
}

/// `HH:MM[:SS[.ffffff]]`: microseconds since midnight.
pub fn time(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let (second, micros) = match parts.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once('.') {
            None => (number(seconds, 2)?, 0),
            Some((second, fraction)) if (1..=6).contains(&fraction.len()) => {
                (number(second, 2)?, number(fraction, fraction.len())? * 10_i64.pow(6 - fraction.len() as u32))
            }
            Some(_) => return None,
        },
    };
    let valid = hour < 24 && minute < 60 && second < 60;
    valid.then_some(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// A date, `T` or a space, a time, and `Z` or an offset: microseconds since 2000-01-01 00:00 UTC. Without a time it is midnight,
/// without an offset UTC.
pub fn timestamp(text: &str) -> Option<i64> {
    let (day, rest) = text.split_at_checked(10)?;
    let midnight = i64::from(date(day)?) * 86_400_000_000;
    if rest.is_empty() {
        return Some(midnight);
    }
    let rest = rest.strip_prefix(['T', ' '])?;
    let (clock, offset) = match rest.find(['Z', '+', '-']) {
        None => (rest, 0),
        Some(at) if &rest[at..] == "Z" => (&rest[..at], 0),
        Some(at) => {
            let (hours, minutes) = rest[at + 1..].split_once(':').unwrap_or((&rest[at + 1..], "00"));
            let minutes = number(hours, 2)? * 60 + number(minutes, 2)?;
            (&rest[..at], if rest.as_bytes()[at] == b'-' { -minutes } else { minutes })
        }
    };
    Some(midnight + time(clock.trim_end())? - offset * 60_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_2000() {
        assert_eq!(date("2000-01-01"), Some(0));
        assert_eq!(date("1999-12-31"), Some(-1));
        assert_eq!(date("2024-02-29"), Some(8825));
        assert_eq!(date("1970-01-01"), Some(-10957));
        assert_eq!((date("2023-02-30"), date("0000-00-00"), date("02/29/2024"), date("")), (None, None, None, None));
    }

    #[test]
    fn moments_have_many_spellings() {
        let noon = Some(43_200_000_000);
        for text in ["2000-01-01 12:00", "2000-01-01T12:00:00Z", "2000-01-01 14:00:00.000+02:00", "2000-01-01 07:00:00-05"] {
            assert_eq!(timestamp(text), noon, "{text}");
        }
        assert_eq!(timestamp("2000-01-01 00:00:00.5"), Some(500_000));
        assert_eq!((timestamp("1709210096"), timestamp("2000-01-01 25:00"), timestamp("é")), (None, None, None));
    }
}
