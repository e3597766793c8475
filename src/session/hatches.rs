//! Uses of lenient hatches (`[dialect.hatches]`): each is counted, and the first of each is logged.

use crate::observe::Counter;
use crate::translate::{HATCHES, HatchSet};

static USES: [Counter; HATCHES.len()] = [const { Counter::new() }; HATCHES.len()];

/// A statement is run whose translation passed these.
pub(super) fn count(passed: HatchSet) {
    for described in passed.iter() {
        if USES[described.hatch as usize].add(1) == 0 {
            tracing::warn!(hatch = described.name, "{}: {}", described.what, described.lenient);
        }
    }
}

/// How often each of these was used since the start, as `name=uses …`.
pub(super) fn uses(of: HatchSet) -> String {
    of.iter().map(|d| format!("{}={}", d.name, USES[d.hatch as usize].get())).collect::<Vec<_>>().join(" ")
}
