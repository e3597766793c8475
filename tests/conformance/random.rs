//! Random conversations: whatever a client may say, in whatever order and in whatever pieces, whole messages and broken ones.
//!
//! In the postgres dialect PostgreSQL says what the answer is. In the sqlite dialect the session keeps to the protocol: every Query and
//! every Sync has its one ReadyForQuery, nothing is left unanswered, and only what breaks the protocol ends the connection.

use crate::blocks::{self, Block};
use crate::client::{Param, bind, close, describe, execute, flush, parse, query, sync, tagged};
use crate::common::Stack;
use crate::peer::{Delivery, Peer, Place};
use crate::{OPTIONS, SCHEMA};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::cell::RefCell;

/// Conversations of a run; `LITEWIRE_CONVERSATIONS` says how many others.
const CASES: u32 = 150;

/// Statements for the unnamed and named ones of both protocols. All may be run any number of times.
const SQL: &[&str] = &[
    "SELECT 1",
    "SELECT a, b FROM t ORDER BY a",
    "SELECT a FROM t WHERE a > $1 ORDER BY a",
    "SELECT $1, $2",
    "INSERT INTO t VALUES (1000, 'x')",
    "DELETE FROM t WHERE a >= 1000",
    "UPDATE t SET b = b WHERE a = 1",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "RELEASE s",
    "SELECT 1/0 FROM nowhere",
    "SELEC",
    "",
    "SELECT 1; SELECT 2",
    "SELECT length(x) FROM t",
];
/// What only SQLite has, or means otherwise.
const SQLITE: &[&str] = &[
    "SELECT ?1, ?, typeof(?1)",
    "SELECT last_insert_rowid(), changes()",
    "INSERT OR IGNORE INTO t VALUES (1, 'there')",
    "INSERT OR REPLACE INTO t VALUES (1000, 'y')",
    "INSERT INTO t VALUES (1, 'there')",
    "PRAGMA table_info(t)",
    "PRAGMA foreign_keys = ON",
    "BEGIN IMMEDIATE",
    "SELECT coalesce(a, b, 'x') FROM t",
    "CREATE TEMP TABLE IF NOT EXISTS scratch(a)",
    "DROP TABLE IF EXISTS scratch",
    "SET litewire.results = 'native'",
    "SELECT \"no such column\" FROM t",
    "SELECT 'it''s' || ? FROM t LIMIT ?",
];
const NAMES: &[&str] = &["", "a", "b"];

/// One message, of those that a client may send.
fn whole(sql: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let name = || select(NAMES);
    let sql = move || select(sql);
    let value = prop_oneof![Just(Param::Null), "[0-9a-z']{0,3}".prop_map(Param::Text), vec(any::<u8>(), 0..9).prop_map(Param::Binary),];
    prop_oneof![
        4 => sql().prop_map(query),
        4 => (name(), sql(), vec(select(vec![0_u32, 20, 23, 25, 701, 17]), 0..3)).prop_map(|(name, sql, oids)| parse(name, sql, &oids)),
        4 => (name(), name(), vec(value, 0..3), vec(0..2_u16, 0..3)).prop_map(|(portal, name, values, formats)| bind(portal, name, &values, &formats)),
        2 => (select(vec!['S', 'P']), name()).prop_map(|(kind, name)| describe(kind, name)),
        4 => (name(), 0..3_u32).prop_map(|(name, limit)| execute(name, limit)),
        1 => (select(vec!['S', 'P']), name()).prop_map(|(kind, name)| close(kind, name)),
        4 => Just(sync()),
        1 => Just(flush()),
    ]
}

/// A message that is none: of a kind that there is not, cut short, with more than it should have, or with a byte changed.
fn broken(sql: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let change = (whole(sql), any::<Index>(), any::<u8>());
    prop_oneof![
        (any::<u8>(), vec(any::<u8>(), 0..12)).prop_map(|(tag, body)| tagged(tag, &body)),
        (select(b"QPBDECSHdcfF".to_vec()), vec(any::<u8>(), 0..12)).prop_map(|(tag, body)| tagged(tag, &body)),
        (whole(sql), any::<Index>()).prop_map(|(message, end)| tagged(message[0], &message[5..5 + end.index(message.len() - 4)])),
        (whole(sql), vec(any::<u8>(), 1..4)).prop_map(|(message, more)| tagged(message[0], &[&message[5..], &more].concat())),
        change.prop_filter_map("an empty body", |(mut message, at, byte)| {
            let at = 5 + at.index((message.len() - 5).max(1));
            *message.get_mut(at)? = byte;
            Some(message)
        }),
    ]
}

/// A conversation, and the sizes of the pieces in which it arrives.
fn conversation(sql: &'static [&'static str], blocks: &'static [Block]) -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<usize>)> {
    let block = any::<Index>().prop_map(|at| blocks[at.index(blocks.len())].messages.clone());
    let part = prop_oneof![6 => whole(sql).prop_map(|m| vec![m]), 1 => broken(sql).prop_map(|m| vec![m]), 3 => block];
    let pieces = prop_oneof![3 => Just(Vec::new()), 1 => vec(1..60_usize, 1..20)];
    (vec(part, 1..12).prop_map(|parts| parts.concat()), pieces)
}

fn runner() -> TestRunner {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse().ok());
    // The same ones every time, unless others are asked for.
    let seed = number("LITEWIRE_SEED").unwrap_or(0_u64);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let cases = number("LITEWIRE_CONVERSATIONS").map_or(CASES, |n| n as u32);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// A failure's conversation is in its reason, readable.
fn settle<T>(outcome: Result<(), TestError<T>>) {
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, _) | TestError::Abort(reason)) => panic!("{reason}"),
    }
}

fn all_blocks() -> &'static [Block] {
    Vec::leak(blocks::all())
}

#[test]
fn random_conversations_go_as_with_postgresql() {
    let stack = Stack::shared();
    let database = stack.database();
    stack.admin(&database, SCHEMA);
    let direct = RefCell::new(Peer::new(Place::Unix(stack.socket()), &database, OPTIONS));
    let proxied = RefCell::new(Peer::new(Place::Tcp(stack.address()), &database, "-c litewire.dialect=postgres"));
    // The table is as it was, whatever the conversation before has left there.
    let clean = || stack.admin(&database, "DELETE FROM t; INSERT INTO t SELECT n, 'row ' || n FROM generate_series(1, 5) n");
    let outcome = runner().run(&conversation(SQL, all_blocks()), |(messages, pieces)| {
        clean();
        let wanted = direct.borrow_mut().converse(&messages, Delivery::Whole);
        clean();
        let had = proxied.borrow_mut().converse(&messages, Delivery::of(&pieces));
        if messages.iter().any(|m| m[0] == b'X') {
            // From a client that says good-bye PostgreSQL keeps what it has not flushed.
            let said = &wanted[..wanted.len() - 1];
            prop_assert!(had.starts_with(said), "{:?} and {:?} to\n{}", wanted, had, shown(&messages));
        } else {
            prop_assert_eq!(wanted, had, "{}", shown(&messages));
        }
        Ok(())
    });
    settle(outcome);
}

#[test]
fn random_conversations_in_sqlites_dialect_keep_to_the_protocol() {
    let stack = Stack::shared();
    let database = stack.database();
    stack.admin(&database, SCHEMA);
    let peer = RefCell::new(Peer::new(Place::Tcp(stack.address()), &database, ""));
    let other = RefCell::new(Peer::new(Place::Tcp(stack.address()), &database, ""));
    let all: &'static [&'static str] = Vec::leak([SQL, SQLITE].concat());
    let outcome = runner().run(&conversation(all, all_blocks()), |(messages, pieces)| {
        let said = peer.borrow_mut().converse(&messages, Delivery::of(&pieces));
        let text = said.join("\n");
        prop_assert!(!text.contains("silence"), "{}\n{}", text, shown(&messages));
        prop_assert!(!text.contains("XX000") && !text.contains("connection to the backend was lost"), "{}\n{}", text, shown(&messages));
        if said.last().is_some_and(|last| last == "hung up") {
            let told = said.iter().any(|m| m.starts_with('E') && m.contains("FATAL") && m.contains("08P01"));
            prop_assert!(told || messages.iter().any(|m| m[0] == b'X'), "{}\n{}", text, shown(&messages));
        } else {
            // Those of the end of every conversation: a Sync, a ROLLBACK and a SELECT, of which the last one is not shown.
            let ready = said.iter().filter(|m| m.starts_with('Z')).count();
            let copies = said.iter().any(|m| m.starts_with('G'));
            let asked = messages.iter().filter(|m| matches!(m[0], b'Q' | b'S' | b'F')).count() + 2;
            prop_assert!(ready == asked || copies || skips(&messages), "{} of {}\n{}\n{}", ready, asked, text, shown(&messages));
        }
        // Nobody else has noticed anything.
        let seen = other.borrow_mut().converse(&[query("SELECT 'other'")], Delivery::Whole);
        prop_assert!(seen.iter().any(|m| m.starts_with('D') && m.contains("other")), "{:?}\n{}", seen, shown(&messages));
        Ok(())
    });
    settle(outcome);
}

/// Might a Query stand among messages that are skipped after an error? It is skipped with them, and has no answer.
fn skips(messages: &[Vec<u8>]) -> bool {
    let mut open = false;
    messages.iter().any(|m| {
        let query = matches!(m[0], b'Q' | b'F');
        let skipped = open && query;
        open = !query && (open || matches!(m[0], b'P' | b'B' | b'D' | b'E' | b'C' | b'H')) && m[0] != b'S';
        skipped
    })
}

fn shown(messages: &[Vec<u8>]) -> String {
    messages.iter().map(|m| format!("  {}", m.escape_ascii())).collect::<Vec<_>>().join("\n")
}
