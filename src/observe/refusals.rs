//! What was refused, by construct.

use crate::error::{ClientError, SqlState};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Constructs that are told apart; what comes after that many is counted together. Some name what the client wrote.
const KNOWN: usize = 256;
/// Under which they are counted then.
const OTHER: &str = "(other)";

static REFUSALS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// An error goes to a client: one that refuses something (0A000) is counted by what it refuses.
pub fn note_refusal(error: &ClientError) {
    if error.state != SqlState::FEATURE_NOT_SUPPORTED {
        return;
    }
    let construct = error.message.strip_suffix(" is not supported").unwrap_or(&error.message);
    let mut refusals = REFUSALS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = refusals.contains_key(construct) || refusals.len() < KNOWN;
    *refusals.entry(if known { construct } else { OTHER }.to_owned()).or_default() += 1;
}

/// How often each construct was refused.
pub fn refusals() -> BTreeMap<String, u64> {
    REFUSALS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
