//! SQLite's transactions, statement by statement, and its write lock.

#[path = "wire/client.rs"]
mod client;
mod common;

use client::Wire;
use common::Stack;
use std::thread;

fn connect(stack: &Stack, database: &str) -> Wire {
    Wire::connect(stack.address(), database, "")
}

#[test]
fn read_modify_write_under_begin_immediate_loses_nothing() {
    const WORKERS: u32 = 8;
    const ROUNDS: u32 = 10;
    let proxy = Stack::start("[pool]\nsize = 4\n");
    let database = proxy.database();
    connect(&proxy, &database).run("CREATE TABLE tally(n INT); INSERT INTO tally VALUES (0)");
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let mut client = connect(&proxy, &database);
                for _ in 0..ROUNDS {
                    client.run("BEGIN IMMEDIATE");
                    let n: u32 = client.value("SELECT n FROM tally").parse().expect("a number");
                    client.run(&format!("UPDATE tally SET n = {}", n + 1));
                    client.run("COMMIT");
                }
            });
        }
    });
    assert_eq!(connect(&proxy, &database).value("SELECT n FROM tally"), (WORKERS * ROUNDS).to_string());
}

#[test]
fn an_error_leaves_the_transaction_open_and_whole() {
    let proxy = Stack::shared();
    let mut client = connect(&proxy, &proxy.database());
    client.run("CREATE TABLE t(id INTEGER PRIMARY KEY)");
    assert_eq!(client.run("BEGIN").status(), 'T');
    client.run("INSERT INTO t VALUES (1)");
    let answer = client.query("INSERT INTO t VALUES (2), (1)");
    assert_eq!((answer.state().as_str(), answer.status()), ("23505", 'T'));
    assert_eq!(client.value("SELECT group_concat(id) FROM t"), "1");
    let answer = client.extended("SELECT nothing FROM t", &[], &[]);
    assert_eq!((answer.state().as_str(), answer.status()), ("42703", 'T'));
    client.run("INSERT INTO t VALUES (3)");
    assert_eq!(client.run("COMMIT").status(), 'I');
    assert_eq!(client.value("SELECT count(*) FROM t"), "2");
}

#[test]
fn a_client_that_leaves_rolls_back_and_frees_the_lock() {
    let proxy = Stack::start("[pool]\nsize = 1\n");
    let database = proxy.database();
    let mut first = connect(&proxy, &database);
    first.run("CREATE TABLE t(id INTEGER PRIMARY KEY)");
    first.run("BEGIN IMMEDIATE");
    first.run("INSERT INTO t VALUES (1)");
    drop(first);
    let mut second = connect(&proxy, &database);
    second.run("BEGIN IMMEDIATE; INSERT INTO t VALUES (2); COMMIT");
    assert_eq!(second.value("SELECT group_concat(id) FROM t"), "2");
}

#[test]
fn savepoints_nest_and_open_transactions_as_in_sqlite() {
    let proxy = Stack::shared();
    let (mut client, sqlite) = (connect(&proxy, &proxy.database()), rusqlite::Connection::open_in_memory().expect("SQLite"));
    let script = [
        "CREATE TABLE t(n INT)",
        "RELEASE nothing",
        "ROLLBACK TO nothing",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT a",
        "INSERT INTO t VALUES (1)",
        "SAVEPOINT a",
        "INSERT INTO t VALUES (2)",
        "ROLLBACK TO A",
        "INSERT INTO t VALUES (3)",
        "RELEASE a",
        "BEGIN",
        "RELEASE a",
        "ROLLBACK",
        "SAVEPOINT s",
        "INSERT INTO t VALUES (4)",
        "COMMIT",
        "RELEASE s",
        "BEGIN",
        "SAVEPOINT x",
        "SAVEPOINT y",
        "RELEASE x",
        "ROLLBACK TO y",
        "INSERT INTO t VALUES (5)",
        "ROLLBACK",
        "SAVEPOINT z",
        "INSERT INTO t VALUES (6)",
        "ROLLBACK TO SAVEPOINT z",
        "RELEASE SAVEPOINT z",
    ];
    for sql in script {
        let (wanted, answer) = (sqlite.execute_batch(sql), client.query(sql));
        assert_eq!(wanted.is_err(), answer.error().is_some(), "{sql}: {wanted:?}, {:?}", answer.error());
        assert_eq!(answer.status() == 'I', sqlite.is_autocommit(), "{sql}");
        let count: i64 = sqlite.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("counted");
        assert_eq!(client.value("SELECT count(*) FROM t"), count.to_string(), "{sql}");
    }
}

/// Statements that work, fail, only read, and mark places, at random: each ends as SQLite's does, and leaves what SQLite's leaves.
#[test]
fn errors_at_random_places_of_a_long_transaction_undo_themselves_alone() {
    let proxy = Stack::shared();
    let statements = [
        "INSERT INTO t VALUES ((SELECT count(*) * 7 % 50 FROM t) + ?1)",
        "INSERT INTO t VALUES (?1), (?1 + 100), (?1 + 100)",
        "UPDATE t SET n = n + 1000 WHERE n % 10 = ?1",
        "DELETE FROM t WHERE n % 7 = ?1",
        "SELECT abs(-9223372036854775807 - (?1 % 2))",
        "SELECT count(*) FROM t WHERE n > ?1",
        "SELECT nothing FROM t",
        "SAVEPOINT a",
        "SAVEPOINT b",
        "RELEASE a",
        "ROLLBACK TO b",
        "COMMIT",
        "BEGIN",
    ];
    for seed in 1..=4_u64 {
        let (mut client, sqlite) = (connect(&proxy, &proxy.database()), rusqlite::Connection::open_in_memory().expect("SQLite"));
        let table = "CREATE TABLE t(n INTEGER PRIMARY KEY)";
        client.run(table);
        sqlite.execute_batch(table).expect("made");
        let mut state = seed;
        for step in 0..150 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (pick, number) = ((state >> 33) as usize, (state >> 20) % 10);
            // What ends a transaction comes seldom.
            let sql = if pick % 40 == 0 { statements[11] } else { statements[pick / 40 % 13] }.replace("?1", &number.to_string());
            let sql = if sql == "COMMIT" && pick % 40 != 0 { "SELECT 1".to_owned() } else { sql };
            let wanted = sqlite.execute_batch(&sql);
            let answer = if step % 2 == 0 { client.query(&sql) } else { client.extended(&sql, &[], &[]) };
            assert_eq!(wanted.is_err(), answer.error().is_some(), "seed {seed}, step {step}, {sql}: {wanted:?}, {:?}", answer.error());
            assert_eq!(answer.status() == 'I', sqlite.is_autocommit(), "seed {seed}, step {step}, {sql}");
            let rows = "SELECT group_concat(n) FROM (SELECT n FROM t ORDER BY n)";
            let left: Option<String> = sqlite.query_row(rows, [], |row| row.get(0)).expect("read");
            assert_eq!(client.value(rows), left.unwrap_or_else(|| "NULL".to_owned()), "seed {seed}, step {step}, {sql}");
        }
    }
}
