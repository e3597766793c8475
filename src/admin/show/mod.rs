//! The tables of SHOW. Where a concept is PgBouncer's, so are the names, the order and the types of the columns.

mod clients;
mod pools;
mod server;
mod stats;
mod translations;

pub(in crate::admin) use pools::loads;
pub(in crate::admin) use server::resident;

use super::Admin;
use std::time::SystemTime;

/// What there is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Clients.
    Clients,
    /// The configuration.
    Config,
    /// Counters of the process.
    Counters,
    /// Databases.
    Databases,
    /// The commands.
    Help,
    /// How many there are of what.
    Lists,
    /// Memory.
    Mem,
    /// Pools.
    Pools,
    /// Constructs that were refused.
    Refusals,
    /// Connections to backends.
    Servers,
    /// The server's phase.
    State,
    /// Sums and averages by database.
    Stats,
    /// Averages by database.
    StatsAverages,
    /// Sums by database.
    StatsTotals,
    /// Plan caches.
    Translations,
    /// Users.
    Users,
    /// The version.
    Version,
}

/// A column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// text
    Text,
    /// integer
    Int4,
    /// bigint
    Int8,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// NULL
    Null,
    /// Of a column that is text.
    Text(String),
    /// Of a column that is a number.
    Int(i64),
}

/// A row.
pub type Row = Vec<Cell>;
/// Names and types of columns.
pub type Columns = &'static [(&'static str, Kind)];

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Null, Into::into)
    }
}

/// Any number; one beyond bigint is its end.
fn int(n: impl TryInto<i64>) -> Cell {
    Cell::Int(n.try_into().unwrap_or(i64::MAX))
}

/// A time as PgBouncer writes it: `2026-01-31 12:00:00 UTC`.
fn time(at: SystemTime) -> Cell {
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days to a civil date: Howard Hinnant's algorithm, from the era of 0000-03-01.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    Cell::Text(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC"))
}

const NAMES: [(&str, Show); 17] = [
    ("CLIENTS", Show::Clients),
    ("CONFIG", Show::Config),
    ("COUNTERS", Show::Counters),
    ("DATABASES", Show::Databases),
    ("HELP", Show::Help),
    ("LISTS", Show::Lists),
    ("MEM", Show::Mem),
    ("POOLS", Show::Pools),
    ("REFUSALS", Show::Refusals),
    ("SERVERS", Show::Servers),
    ("STATE", Show::State),
    ("STATS", Show::Stats),
    ("STATS_AVERAGES", Show::StatsAverages),
    ("STATS_TOTALS", Show::StatsTotals),
    ("TRANSLATIONS", Show::Translations),
    ("USERS", Show::Users),
    ("VERSION", Show::Version),
];

impl Show {
    /// What a word means.
    pub fn parse(word: &str) -> Option<Show> {
        NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, show)| *show)
    }

    /// Its columns.
    pub fn columns(self) -> Columns {
        match self {
            Show::Clients => clients::CLIENTS,
            Show::Servers => clients::SERVERS,
            Show::Databases => pools::DATABASES,
            Show::Pools => pools::POOLS,
            Show::Users => pools::USERS,
            Show::Config => server::CONFIG,
            Show::Help => server::HELP,
            Show::Lists => server::LISTS,
            Show::Mem => server::MEM,
            Show::State => server::STATE,
            Show::Version => server::VERSION,
            Show::Stats => stats::STATS,
            Show::StatsAverages => stats::AVERAGES,
            Show::StatsTotals => stats::TOTALS,
            Show::Counters => translations::COUNTERS,
            Show::Refusals => translations::REFUSALS,
            Show::Translations => translations::TRANSLATIONS,
        }
    }

    /// Its rows, as things are now.
    pub fn rows(self, admin: &Admin) -> Vec<Row> {
        match self {
            Show::Clients => clients::clients(admin),
            Show::Servers => clients::servers(admin),
            Show::Databases => pools::databases(admin),
            Show::Pools => pools::pools(admin),
            Show::Users => pools::users(admin),
            Show::Config => server::config(admin),
            Show::Help => server::help(),
            Show::Lists => server::lists(admin),
            Show::Mem => server::mem(admin),
            Show::State => server::state(admin),
            Show::Version => server::version(),
            Show::Stats => stats::stats(admin),
            Show::StatsAverages => stats::averages(admin),
            Show::StatsTotals => stats::totals(admin),
            Show::Counters => translations::counters(),
            Show::Refusals => translations::refusals(),
            Show::Translations => translations::translations(admin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_civil() {
        let at = |seconds| time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), Cell::from("1970-01-01 00:00:00 UTC"));
        assert_eq!(at(951_827_696), Cell::from("2000-02-29 12:34:56 UTC"));
        assert_eq!(at(4_102_444_799), Cell::from("2099-12-31 23:59:59 UTC"));
    }
}
