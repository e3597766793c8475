//! SQLite's transaction on PostgreSQL: an error leaves it alive, by savepoints that travel in the statement's own flush.
//!
//! Each statement that may change something stands behind a savepoint of its own. They nest, up to [`DEPTH`], so that most
//! statements cost one command instead of a RELEASE and a SAVEPOINT; the outermost has another name, whose RELEASE ends them all.

use crate::error::{ClientError, SqlState};
use crate::translate::bind_ident as quote_ident;

const SET: &str = "SAVEPOINT _lw";
const NEST: &str = "SAVEPOINT _lwn";
const RELEASE: &str = "RELEASE _lw";
const BACK: &str = "ROLLBACK TO _lw";
const BACK_NESTED: &str = "ROLLBACK TO _lwn";

/// All that the guard is made of.
pub const STEPS: [&str; 5] = [SET, NEST, RELEASE, BACK, BACK_NESTED];

/// How deep the guard's savepoints nest. PostgreSQL looks through the levels when it asks whose a row is.
const DEPTH: u8 = 16;

/// The innermost savepoint's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Guard {
    /// There is none.
    #[default]
    None,
    /// Set, and nothing done since.
    Fresh,
    /// Set, and something done since.
    Used,
    /// Something failed since it was set.
    Failed,
}

/// An explicit transaction of a client.
#[derive(Debug, Default)]
pub struct Transaction {
    active: bool,
    guard: Guard,
    /// How many savepoints the guard has.
    depth: u8,
    /// The client's savepoints, the innermost last.
    savepoints: Vec<String>,
    /// Was it begun by SAVEPOINT? Then that one's RELEASE commits.
    by_savepoint: bool,
}

impl Transaction {
    /// Is there one?
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// How many savepoints of the client's are open.
    pub fn depth(&self) -> usize {
        self.savepoints.len()
    }

    /// The statements that protect the next one; none when it is protected already.
    pub fn protect(&mut self) -> &'static [&'static str] {
        let before = std::mem::replace(&mut self.guard, Guard::Fresh);
        match before {
            Guard::None => {
                self.depth = 1;
                &[SET]
            }
            Guard::Fresh => &[],
            Guard::Used if self.depth < DEPTH => {
                self.depth += 1;
                &[NEST]
            }
            Guard::Used => {
                self.depth = 1;
                &[RELEASE, SET]
            }
            Guard::Failed => self.back(),
        }
    }

    /// Back to the innermost savepoint.
    fn back(&self) -> &'static [&'static str] {
        if self.depth > 1 { &[BACK_NESTED] } else { &[BACK] }
    }

    /// What brings a failed transaction back before a statement that no savepoint may protect.
    pub fn recover(&mut self) -> &'static [&'static str] {
        if self.guard != Guard::Failed {
            return &[];
        }
        self.guard = Guard::Fresh;
        self.back()
    }

    /// A statement that may have changed something was sent under the guard.
    pub fn used(&mut self) {
        if self.guard == Guard::Fresh {
            self.guard = Guard::Used;
        }
    }

    /// A statement failed.
    pub fn failed(&mut self) {
        if self.guard != Guard::None {
            self.guard = Guard::Failed;
        }
    }

    /// The status for the client's ReadyForQuery, from the backend's.
    pub fn status(&self, backend: u8) -> u8 {
        if backend == b'E' && self.guard != Guard::None { b'T' } else { backend }
    }

    /// The backend's status after a reply: a transaction begins and ends with it.
    pub fn settle(&mut self, status: u8) {
        if status == b'I' {
            *self = Transaction::default();
        } else {
            self.active = true;
        }
    }

    /// BEGIN.
    pub fn begin(&self, native: &str, isolation: &str, lock: bool) -> Result<String, ClientError> {
        if self.active {
            return Err(ClientError::new(SqlState::ACTIVE_TRANSACTION, "cannot start a transaction within a transaction"));
        }
        let lock = if lock { "; LOCK TABLE litewire.writer IN EXCLUSIVE MODE" } else { "" };
        let modes = if native.is_empty() { isolation } else { native };
        Ok(format!("BEGIN {modes}{lock}"))
    }

    /// COMMIT. Where checks may wait for it (`deferred`) they are made before it, under the guard: a transaction whose foreign keys
    /// are broken stays open.
    pub fn commit(&mut self, deferred: bool) -> Result<String, ClientError> {
        if !self.active {
            return Err(ClientError::new(SqlState::NO_ACTIVE_TRANSACTION, "cannot commit - no transaction is active"));
        }
        Ok(if deferred { self.checked_commit() } else { format!("{}COMMIT", self.mended()) })
    }

    /// What must come before the end of a failed transaction.
    fn mended(&self) -> String {
        if self.guard == Guard::Failed { format!("{}; ", self.back().concat()) } else { String::new() }
    }

    fn checked_commit(&mut self) -> String {
        [self.protect(), &["SET CONSTRAINTS ALL IMMEDIATE", "COMMIT"]].concat().join("; ")
    }

    /// ROLLBACK.
    pub fn rollback(&self) -> Result<String, ClientError> {
        if !self.active {
            return Err(ClientError::new(SqlState::NO_ACTIVE_TRANSACTION, "cannot rollback - no transaction is active"));
        }
        Ok("ROLLBACK".to_owned())
    }

    /// SAVEPOINT; outside a transaction it begins one.
    pub fn savepoint(&mut self, name: &str) -> String {
        let name = name.to_ascii_lowercase();
        let start = if self.active { self.leave_guard() } else { "BEGIN; ".to_owned() };
        if !self.active {
            (self.active, self.by_savepoint) = (true, true);
        }
        self.savepoints.push(name.clone());
        format!("{start}SAVEPOINT {}", quote_ident(&name))
    }

    /// ROLLBACK TO.
    pub fn rollback_to(&mut self, name: &str) -> Result<String, ClientError> {
        let at = self.find(name)?;
        self.savepoints.truncate(at + 1);
        self.guard = Guard::None;
        Ok(format!("ROLLBACK TO {}", quote_ident(&name.to_ascii_lowercase())))
    }

    /// RELEASE; of the savepoint that began the transaction, a COMMIT.
    pub fn release(&mut self, name: &str, deferred: bool) -> Result<String, ClientError> {
        let at = self.find(name)?;
        if at == 0 && self.by_savepoint && deferred {
            return Ok(self.checked_commit());
        }
        let before = self.mended();
        self.guard = Guard::None;
        self.savepoints.truncate(at);
        Ok(if at == 0 && self.by_savepoint {
            format!("{before}COMMIT")
        } else {
            format!("{before}RELEASE {}", quote_ident(&name.to_ascii_lowercase()))
        })
    }

    fn find(&self, name: &str) -> Result<usize, ClientError> {
        let found = self.savepoints.iter().rposition(|s| s.eq_ignore_ascii_case(name));
        found.ok_or_else(|| ClientError::new(SqlState::INVALID_SAVEPOINT, format!("no such savepoint: {name}")))
    }

    /// The client's savepoints must not lie within the guard.
    fn leave_guard(&mut self) -> String {
        let mended = self.mended();
        match std::mem::take(&mut self.guard) {
            Guard::None => mended,
            Guard::Fresh | Guard::Used | Guard::Failed => format!("{mended}{RELEASE}; "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_costs_no_round_trip_and_nests_only_so_deep() {
        let mut transaction = Transaction::default();
        transaction.settle(b'T');
        assert_eq!(transaction.protect(), ["SAVEPOINT _lw"]);
        assert!(transaction.protect().is_empty());
        transaction.used();
        assert_eq!(transaction.protect(), ["SAVEPOINT _lwn"]);
        transaction.used();
        transaction.failed();
        assert_eq!(transaction.status(b'E'), b'T');
        assert_eq!(transaction.protect(), ["ROLLBACK TO _lwn"]);
        transaction.used();
        for _ in 2..DEPTH {
            assert_eq!(transaction.protect(), ["SAVEPOINT _lwn"]);
            transaction.used();
        }
        assert_eq!(transaction.protect(), ["RELEASE _lw", "SAVEPOINT _lw"]);
        transaction.failed();
        assert_eq!(transaction.savepoint("A"), "ROLLBACK TO _lw; RELEASE _lw; SAVEPOINT \"a\"");
        assert_eq!(transaction.rollback_to("a").as_deref(), Ok("ROLLBACK TO \"a\""));
        assert_eq!(transaction.release("b", false).unwrap_err().message, "no such savepoint: b");
        assert_eq!(transaction.release("A", false).as_deref(), Ok("RELEASE \"a\""));
        assert_eq!(transaction.commit(false).as_deref(), Ok("COMMIT"));
    }

    #[test]
    fn checks_that_wait_are_made_before_the_commit() {
        let mut transaction = Transaction::default();
        transaction.settle(b'T');
        assert_eq!(transaction.commit(true).as_deref(), Ok("SAVEPOINT _lw; SET CONSTRAINTS ALL IMMEDIATE; COMMIT"));
        transaction.failed();
        assert_eq!(transaction.status(b'E'), b'T');
        assert_eq!(transaction.commit(true).as_deref(), Ok("ROLLBACK TO _lw; SET CONSTRAINTS ALL IMMEDIATE; COMMIT"));
    }

    #[test]
    fn a_savepoint_begins_a_transaction() {
        let mut transaction = Transaction::default();
        assert_eq!(transaction.savepoint("a"), "BEGIN; SAVEPOINT \"a\"");
        assert_eq!(transaction.release("a", false).as_deref(), Ok("COMMIT"));
        transaction.settle(b'I');
        assert!(transaction.commit(false).is_err());
    }
}
