//! Names that fit PostgreSQL, which cuts what is longer than 63 bytes.

use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// PostgreSQL's NAMEDATALEN - 1, in bytes.
pub const LONGEST: usize = 63;

/// The backend's name of something: its own, or the start of a longer one with the digest of the whole. PostgreSQL has no empty ones.
pub fn short_name(name: &str) -> Cow<'_, str> {
    if name.is_empty() {
        return Cow::Borrowed("~");
    }
    if name.len() <= LONGEST {
        return Cow::Borrowed(name);
    }
    let digest: String = Sha256::digest(name.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let head = (0..=LONGEST - 1 - digest.len()).rev().find(|&at| name.is_char_boundary(at)).unwrap_or(0);
    Cow::Owned(format!("{}~{digest}", &name[..head]))
}

/// The names of the rowid, in a table without columns that take them (lang_createtable.html, "ROWIDs and the INTEGER PRIMARY KEY").
pub const ROWID_NAMES: [&str; 3] = ["rowid", "_rowid_", "oid"];

/// Does a name mean the rowid, unless a column has it?
pub fn is_rowid(name: &str) -> bool {
    ROWID_NAMES.iter().any(|rowid| rowid.eq_ignore_ascii_case(name))
}

/// Is `found`, a name of the backend's, that of something which SQLite calls `name`?
pub fn is_called(name: &str, found: &str) -> bool {
    name == found || short_name(name) == found
}

/// Does a text of the backend's or of SQLite's name it by `found`?
pub fn is_named(name: &str, found: &str) -> bool {
    name.eq_ignore_ascii_case(found) || is_called(name, found)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, is_called, short_name};

    #[test]
    fn long_names_stay_different() {
        let (one, two) = (format!("{}1", "é".repeat(40)), format!("{}2", "é".repeat(40)));
        for name in [&one, &two] {
            assert!(short_name(name).len() <= LONGEST);
            assert!(is_called(name, &short_name(name)));
        }
        assert_ne!(short_name(&one), short_name(&two));
        assert_eq!(short_name("short"), "short");
        assert!(!is_called("short", "shorter"));
    }
}
