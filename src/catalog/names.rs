//! Names that fit PostgreSQL, which cuts what is longer than 63 bytes.

use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// PostgreSQL's NAMEDATALEN - 1, in bytes.
pub const LONGEST: usize = 63;

/// The backend's name of something: its own, or the start of a longer one with the digest of the whole.
pub fn short_name(name: &str) -> Cow<'_, str> {
    if name.len() <= LONGEST {
        return Cow::Borrowed(name);
    }
    let digest: String = Sha256::digest(name.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let head = (0..=LONGEST - 1 - digest.len()).rev().find(|&at| name.is_char_boundary(at)).unwrap_or(0);
    Cow::Owned(format!("{}~{digest}", &name[..head]))
}
