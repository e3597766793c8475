//! The savepoint guard: within a transaction an error undoes its own statement only, as in SQLite, because a savepoint was set
//! before it. What it needs is sent in the same flush as the client's batch, so it costs no round trip.

/// The guard of one explicit transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guard {
    /// No savepoint is set.
    #[default]
    Unset,
    /// The savepoint is set and nothing was done since.
    Fresh,
    /// The savepoint is set and something succeeded since.
    Used,
    /// The savepoint is set and something failed since: the backend's transaction is aborted.
    Failed,
}

impl Guard {
    /// What to send before the next batch, whose effects the savepoint then guards.
    pub fn before_batch(&mut self) -> Option<&'static str> {
        match std::mem::replace(self, Guard::Fresh) {
            Guard::Unset => Some("SAVEPOINT _lw"),
            Guard::Fresh => None,
            Guard::Used => Some("RELEASE _lw;SAVEPOINT _lw"),
            Guard::Failed => Some("ROLLBACK TO _lw"),
        }
    }

    /// What to send before a statement that must not run under the guard (the client's SAVEPOINT, COMMIT, …).
    pub fn before_unguarded(&mut self) -> Option<&'static str> {
        match std::mem::take(self) {
            Guard::Unset => None,
            Guard::Fresh | Guard::Used => Some("RELEASE _lw"),
            Guard::Failed => Some("ROLLBACK TO _lw;RELEASE _lw"),
        }
    }

    /// A batch has ended with this backend status (`T`, `E`, or `I` when the transaction is over).
    pub fn after_batch(&mut self, status: u8) {
        *self = match (*self, status) {
            (Guard::Unset, _) | (_, b'I') => Guard::Unset,
            (_, b'E') => Guard::Failed,
            _ => Guard::Used,
        };
    }

    /// The status that the client is told: an error that the guard will undo does not abort the transaction.
    pub fn client_status(self, status: u8) -> u8 {
        if status == b'E' && self == Guard::Failed { b'T' } else { status }
    }

    /// The client's own ROLLBACK TO or RELEASE has destroyed the savepoint with those after it.
    pub fn destroyed(&mut self) {
        *self = Guard::Unset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_undoes_its_own_batch() {
        let mut guard = Guard::default();
        assert_eq!(guard.before_batch(), Some("SAVEPOINT _lw"));
        assert_eq!(guard.before_batch(), None);
        guard.after_batch(b'T');
        assert_eq!(guard.before_batch(), Some("RELEASE _lw;SAVEPOINT _lw"));
        guard.after_batch(b'E');
        assert_eq!(guard.client_status(b'E'), b'T');
        assert_eq!(guard.before_batch(), Some("ROLLBACK TO _lw"));
        guard.after_batch(b'E');
        assert_eq!(guard.before_unguarded(), Some("ROLLBACK TO _lw;RELEASE _lw"));
        guard.after_batch(b'E');
        assert_eq!(guard.client_status(b'E'), b'E');
    }

    #[test]
    fn the_end_of_the_transaction_ends_the_guard() {
        let mut guard = Guard::Used;
        guard.after_batch(b'I');
        assert_eq!(guard, Guard::Unset);
    }
}
