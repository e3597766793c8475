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
