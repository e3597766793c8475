//! last_insert_rowid(), changes() and total_changes() of one client (c3ref/last_insert_rowid.html, c3ref/changes.html).

use crate::translate::Hidden;

/// The counters of a connection.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counters {
    /// The rowid of the last row that was inserted.
    pub last_insert_rowid: i64,
    /// Rows changed by the last INSERT, UPDATE or DELETE.
    pub changes: i64,
    /// Rows changed since the connection was opened.
    pub total_changes: i64,
}

impl Counters {
    /// A statement that counts has ended.
    pub fn changed(&mut self, rows: u64) {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.changes = rows;
        self.total_changes = self.total_changes.saturating_add(rows);
    }

    /// The hidden columns of a row, in text or (int8, bool) binary.
    pub fn row(&mut self, meanings: &[Hidden], values: &[Option<&[u8]>]) {
        let of = |wanted: Hidden| meanings.iter().position(|m| *m == wanted).and_then(|at| values.get(at).copied().flatten());
        if of(Hidden::Inserted).is_some_and(|v| v == b"f" || v == [0]) {
            return;
        }
        if let Some(id) = of(Hidden::Rowid).and_then(integer) {
            self.last_insert_rowid = id;
        }
    }
}

/// An integer as text; binary is asked for never.
fn integer(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}
