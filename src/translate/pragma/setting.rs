//! PRAGMAs that keep a value for the connection.

use crate::error::ClientError;

/// How a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// ON or OFF (`sqlite3GetBoolean`).
    Boolean,
    /// A whole number between two bounds; 0 for what is none.
    Number(i64, i64),
    /// A number that 0 leaves as it is.
    Limit(i64, i64),
    /// `synchronous`: OFF, NORMAL, FULL, EXTRA.
    Level,
    /// One of some words, by its number; the first for anything else.
    Words(&'static [&'static str]),
    /// One of some words, as it is; anything else asks for the value.
    Named(&'static [&'static str]),
    /// `secure_delete`: ON, OFF or FAST.
    Secure,
    /// It is a matter of SQLite's file: no value changes it.
    Fixed,
    /// Whatever is not the default is refused.
    Only,
}

/// A PRAGMA that keeps a value.
#[derive(Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Its value when nobody has set one.
    pub default: &'static str,
    /// Does setting it answer with a row?
    pub answers: bool,
    /// May it be read by a table-valued function?
    pub function: bool,
    kind: Kind,
}

const fn setting(name: &'static str, default: &'static str, kind: Kind) -> Setting {
    Setting { name, default, answers: false, function: true, kind }
}

/// One that answers when it is set.
const fn answering(name: &'static str, default: &'static str, kind: Kind) -> Setting {
    Setting { name, default, answers: true, function: true, kind }
}

const JOURNALS: &[&str] = &["delete", "truncate", "persist", "memory", "wal", "off"];
const MODES: &[&str] = &["normal", "exclusive"];

static SETTINGS: [Setting; 37] = [
    answering("analysis_limit", "0", Kind::Number(0, i32::MAX as i64)),
    setting("auto_vacuum", "0", Kind::Fixed),
    setting("automatic_index", "1", Kind::Boolean),
    answering("busy_timeout", "0", Kind::Number(0, i32::MAX as i64)),
    setting("cache_size", "-2000", Kind::Number(i32::MIN as i64, i32::MAX as i64)),
    setting("cache_spill", "483", Kind::Fixed),
    Setting { function: false, ..setting("case_sensitive_like", "0", Kind::Boolean) },
    setting("cell_size_check", "0", Kind::Boolean),
    setting("checkpoint_fullfsync", "0", Kind::Boolean),
    setting("count_changes", "0", Kind::Only),
    setting("defer_foreign_keys", "0", Kind::Boolean),
    setting("empty_result_callbacks", "0", Kind::Boolean),
    setting("foreign_keys", "0", Kind::Boolean),
    setting("full_column_names", "0", Kind::Only),
    setting("fullfsync", "0", Kind::Boolean),
    answering("hard_heap_limit", "0", Kind::Limit(0, i64::MAX)),
    setting("ignore_check_constraints", "0", Kind::Only),
    answering("journal_mode", "wal", Kind::Named(JOURNALS)),
    answering("journal_size_limit", "-1", Kind::Number(-1, i64::MAX)),
    setting("legacy_alter_table", "0", Kind::Boolean),
    answering("locking_mode", "normal", Kind::Named(MODES)),
    answering("max_page_count", "4294967294", Kind::Limit(0, 4_294_967_294)),
    Setting { function: false, ..setting("mmap_size", "0", Kind::Number(0, i64::MAX)) },
    setting("page_size", "4096", Kind::Fixed),
    setting("query_only", "0", Kind::Boolean),
    setting("read_uncommitted", "0", Kind::Boolean),
    setting("recursive_triggers", "0", Kind::Boolean),
    setting("reverse_unordered_selects", "0", Kind::Boolean),
    answering("secure_delete", "0", Kind::Secure),
    setting("short_column_names", "1", Kind::Only),
    answering("soft_heap_limit", "0", Kind::Number(0, i64::MAX)),
    setting("synchronous", "2", Kind::Level),
    setting("temp_store", "0", Kind::Words(&["default", "file", "memory"])),
    answering("threads", "0", Kind::Number(0, 8)),
    setting("trusted_schema", "1", Kind::Boolean),
    Setting { function: false, ..answering("wal_autocheckpoint", "1000", Kind::Number(0, i32::MAX as i64)) },
    setting("writable_schema", "0", Kind::Boolean),
];

/// All of them, by name.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter()
}

/// The one of a lower-case name.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|s| s.name == name)
}

impl Setting {
    /// The value that a text means, normalised; None where it changes nothing.
    pub fn value(&self, text: &str) -> Result<Option<String>, ClientError> {
        let lower = text.to_ascii_lowercase();
        let position = |words: &[&str]| words.iter().position(|w| *w == lower);
        Ok(match self.kind {
            Kind::Boolean => Some(i64::from(level(&lower, 0) != 0).to_string()),
            Kind::Number(least, most) => Some(number(&lower).clamp(least, most).to_string()),
            Kind::Limit(least, most) => Some(number(&lower)).filter(|n| *n > 0).map(|n| n.clamp(least, most).to_string()),
            // NORMAL is what an unknown word means, too (`getSafetyLevel`).
            Kind::Level => Some((((level(&lower, 1) + 1) & 7).max(1) - 1).to_string()),
            Kind::Words(words) => {
                let by_number = || usize::try_from(number(&lower)).ok().filter(|n| *n < words.len());
                Some(position(words).or_else(by_number).unwrap_or(0).to_string())
            }
            Kind::Named(words) => position(words).map(|at| words[at].to_owned()),
            Kind::Secure if lower == "fast" => Some("2".to_owned()),
            Kind::Secure => Some(i64::from(level(&lower, 0) != 0).to_string()),
            Kind::Fixed => None,
            Kind::Only if i64::from(level(&lower, 0) != 0).to_string() == self.default => Some(self.default.to_owned()),
            Kind::Only => return Err(ClientError::refused(format!("PRAGMA {} = {text}", self.name))),
        })
    }
}

/// The number that a text begins with (`sqlite3Atoi`, `sqlite3DecOrHexToI64`); 0 where there is none, or one out of range.
pub fn number(text: &str) -> i64 {
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).unwrap_or(0);
    }
    let (sign, digits) = text.strip_prefix('-').map_or((1, text.strip_prefix('+').unwrap_or(text)), |rest| (-1, rest));
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse::<i64>().map_or(0, |n| sign * n)
}

/// `getSafetyLevel`
fn level(text: &str, unknown: i64) -> i64 {
    match text {
        "no" | "off" | "false" => 0,
        "on" | "yes" | "true" => 1,
        "full" => 2,
        "extra" => 3,
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => number(text) & 0xff,
        _ => unknown,
    }
}
