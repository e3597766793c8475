//! Times and sizes as a configuration spells them: `"30s"`, `"500ms"`, `"16MiB"`.

use serde::{Deserialize, Deserializer, de::Error};
use std::time::Duration;

/// A number of bytes. In TOML a plain number, or a string with a unit: `B`, `KiB`, `MiB`, `GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(usize);

impl Bytes {
    /// So many bytes.
    pub const fn new(bytes: usize) -> Self {
        Bytes(bytes)
    }

    /// So many times 2^20 bytes.
    pub const fn mib(n: usize) -> Self {
        Bytes(n << 20)
    }

    /// The number of bytes.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(usize),
            Text(String),
        }
        match Form::deserialize(deserializer).map_err(|_| D::Error::custom(BYTES_FORM))? {
            Form::Number(bytes) => Ok(Bytes(bytes)),
            Form::Text(text) => parse_bytes(&text).map(Bytes).ok_or_else(|| D::Error::custom(BYTES_FORM)),
        }
    }
}

const BYTES_FORM: &str = "expected a size such as \"16MiB\" (units: B, KiB, MiB, GiB)";
const DURATION_FORM: &str = "expected a time such as \"30s\" (units: ms, s, min, h, d)";

/// For `#[serde(deserialize_with)]`.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer).map_err(|_| D::Error::custom(DURATION_FORM))?;
    parse_duration(&text).ok_or_else(|| D::Error::custom(DURATION_FORM))
}

/// `30s`, `500ms`, `5min`, `1h`, `1d`: a whole number and a unit.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 24 * 3600 * 1000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

/// `512B`, `64KiB`, `16MiB`, `1GiB`: a whole number and a unit.
pub fn parse_bytes(text: &str) -> Option<usize> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor).and_then(|bytes| usize::try_from(bytes).ok())
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start()))
}
