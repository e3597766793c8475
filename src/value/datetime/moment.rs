//! A moment on its way through the modifiers (`struct DateTime`).

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// The Unix epoch, in milliseconds since the Julian epoch.
pub(super) const UNIX_EPOCH_MS: i64 = 210_866_760_000_000;

/// A moment: a Julian day in milliseconds, calendar fields, or both.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment {
    /// Milliseconds since the Julian epoch; meaningful when `julian`.
    pub julian_ms: i64,
    /// Is `julian_ms` up to date?
    pub julian: bool,
    /// Year, month, day, when known; the day may exceed its month.
    pub ymd: Option<(i64, i64, i64)>,
    /// Hour, minute, seconds, when known.
    pub hms: Option<(i64, i64, f64)>,
    /// Minutes east of UTC that the text named and that are not yet subtracted.
    pub zone: i64,
    /// Days to go back for the `floor` modifier.
    pub floor: i64,
    /// The number that was the time value, while it may still be read as a Julian day or as Unix time.
    pub raw: Option<f64>,
    /// Show milliseconds.
    pub subsec: bool,
    /// It is known to be UTC, so `utc` has nothing to do.
    pub utc: bool,
    /// It is known to be local time, so `localtime` has nothing to do.
    pub local: bool,
}

impl Moment {
    /// The current time, from Unix milliseconds.
    pub(super) fn now(now_ms: i64) -> Option<Self> {
        let julian_ms = now_ms.checked_add(UNIX_EPOCH_MS)?;
        (julian_ms > 0).then_some(Self { julian_ms, julian: true, utc: true, ..Self::default() })
    }

    /// A bare number: a Julian day when it can be one.
    pub(super) fn number(x: f64) -> Self {
        let julian = (0.0..5_373_484.5).contains(&x);
        let julian_ms = if julian { (x * DAY_MS as f64 + 0.5) as i64 } else { 0 };
        Self { julian_ms, julian, raw: Some(x), ..Self::default() }
    }

    /// Milliseconds of Unix time.
    pub(super) fn unix_ms(&self) -> i64 {
        self.julian_ms - UNIX_EPOCH_MS
    }

    /// Seconds of Unix time, as SQLite rounds them.
    pub(super) fn unix_seconds(&self) -> i64 {
        self.julian_ms / 1000 - UNIX_EPOCH_MS / 1000
    }

    /// Sets the Julian day, and forgets the fields.
    pub(super) fn set_julian(&mut self, julian_ms: i64) {
        (self.julian_ms, self.julian) = (julian_ms, true);
        self.forget_fields();
    }

    /// Forgets year to second, and the zone.
    pub(super) fn forget_fields(&mut self) {
        (self.ymd, self.hms, self.zone) = (None, None, 0);
    }

    /// Brings `julian_ms` up to date (Meeus, page 61); None outside the years -4713 to 9999.
    pub(super) fn compute_julian(&mut self) -> Option<()> {
        if self.julian {
            return Some(());
        }
        let (mut year, mut month, day) = match (self.ymd, &mut self.hms) {
            (Some(ymd), _) => ymd,
            (None, Some((hour @ 24, _, _))) => {
                *hour = 0;
                (2000, 1, 2)
            }
            _ => (2000, 1, 1),
        };
        if !(-4713..=9999).contains(&year) || self.raw.is_some() {
            return None;
        }
        if month <= 2 {
            (year, month) = (year - 1, month + 12);
        }
        let century = (year + 4800) / 100;
        let days = 36_525 * (year + 4716) / 100 + 306_001 * (month + 1) / 10_000 + day + 38 - century + century / 4;
        self.julian_ms = ((days as f64 - 1524.5) * DAY_MS as f64) as i64;
        self.julian = true;
        if let Some((hour, minute, seconds)) = self.hms {
            self.julian_ms += hour * 3_600_000 + minute * 60_000 + (seconds * 1000.0 + 0.5) as i64;
            if self.zone != 0 {
                self.julian_ms -= self.zone * 60_000;
                self.forget_fields();
                (self.utc, self.local) = (true, false);
            }
        }
        Some(())
    }

    /// Year, month and day, computed when unknown.
    pub(super) fn date(&mut self) -> Option<(i64, i64, i64)> {
        if self.ymd.is_none() {
            self.ymd = Some(if self.julian { civil(self.julian_ms)? } else { (2000, 1, 1) });
        }
        self.ymd
    }

    /// Hour, minute and seconds, computed when unknown.
    pub(super) fn time(&mut self) -> Option<(i64, i64, f64)> {
        if self.hms.is_none() {
            self.compute_julian()?;
            let ms = (self.julian_ms + DAY_MS / 2) % DAY_MS;
            self.hms = Some((ms / 3_600_000, ms / 60_000 % 60, (ms % 60_000) as f64 / 1000.0));
            self.raw = None;
        }
        self.hms
    }

    /// Replaces the date, so that the Julian day must be computed anew; remembers by how much the day exceeds its month.
    pub(super) fn set_date(&mut self, year: i64, month: i64, day: i64) {
        self.ymd = Some((year, month, day));
        self.floor = (day - days_of_month(year, month)).max(0);
        self.julian = false;
    }
}

/// Is it between the Julian epoch and the end of the year 9999?
pub(super) fn in_range(julian_ms: i64) -> bool {
    (0..=464_269_060_799_999).contains(&julian_ms)
}

/// Year, month and day of a moment; None when it is out of range.
pub(super) fn civil(julian_ms: i64) -> Option<(i64, i64, i64)> {
    if !in_range(julian_ms) {
        return None;
    }
    let z = (julian_ms + DAY_MS / 2) / DAY_MS;
    let alpha = ((z as f64 + 32_044.75) / 36_524.25) as i64 - 52;
    let b = z + 1 + alpha - (alpha + 100) / 4 + 25 + 1524;
    let c = ((b as f64 - 122.1) / 365.25) as i64;
    let d = 36_525 * (c & 32_767) / 100;
    let e = ((b - d) as f64 / 30.6001) as i64;
    let day = b - d - (30.6001 * e as f64) as i64;
    let month = if e < 14 { e - 1 } else { e - 13 };
    Some((if month > 2 { c - 4716 } else { c - 4715 }, month, day))
}

/// How many days a month has.
pub(super) fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}
