//! The protocol, message by message.

mod client;
#[path = "../common/mod.rs"]
mod common;

use client::{Param, Wire, bind, close, describe, execute, flush, parse, query, sync, tagged};
use common::Stack;
use std::thread;
use std::time::Duration;

fn text(value: &str) -> Param {
    Param::Text(value.to_owned())
}

fn connect(stack: &Stack, database: &str) -> Wire {
    Wire::connect(stack.address(), database, "")
}

#[test]
fn a_batch_of_statements_is_answered_in_order() {
    let proxy = Stack::shared();
    let mut client = connect(&proxy, &proxy.database());
    let mut batch = Vec::new();
    for n in 1..=3 {
        batch.extend([parse("", "SELECT ? * 2", &[20]), bind("", "", &[text(&n.to_string())], &[]), execute("", 0)]);
    }
    client.send(&[batch, vec![sync()]].concat());
    let answer = client.answer();
    assert_eq!((answer.tags().as_str(), answer.status()), ("12DC12DC12DCZ", 'I'));
    assert_eq!(answer.texts().concat(), ["2", "4", "6"]);
}

#[test]
fn lenient_hatches_answer_and_are_counted() {
    let proxy = Stack::start("[dialect.hatches]\nindex = \"lenient\"\ncollation = \"lenient\"\n");
    let mut client = connect(&proxy, &proxy.database());
    client.run("CREATE TABLE t(a TEXT COLLATE unicode)");
    client.run("INSERT INTO t VALUES ('b'), ('B'), ('a')");
    let sorted = "SELECT group_concat(a, '') FROM (SELECT a FROM t INDEXED BY gone ORDER BY a COLLATE unicode)";
    for _ in 0..2 {
        assert_eq!(client.value(sorted), "Bab");
    }
    client.send(&[parse("", sorted, &[]), bind("", "", &[], &[]), execute("", 0), sync()]);
    assert_eq!(client.answer().texts().concat(), ["Bab"]);
    client.send(&[query("EXPLAIN SELECT 1")]);
    assert_eq!(client.answer().state(), "0A000");
    // CREATE TABLE passed one, too.
    assert_eq!(client.value("SHOW litewire.hatches"), "collation=4 index=3");
}

#[test]
fn two_syncs_in_one_flush_are_two_answers() {
    let proxy = Stack::shared();
    let mut client = connect(&proxy, &proxy.database());
    let one = [parse("", "SELECT 1", &[]), bind("", "", &[], &[]), execute("", 0), sync()].concat();
    client.send(&[one.clone(), one, query("SELECT 2")]);
    assert_eq!(client.answer().tags(), "12DCZ");
    assert_eq!(client.answer().tags(), "12DCZ");
    assert_eq!(client.answer().texts().concat(), ["2"]);
}

#[test]
fn after_an_error_all_is_skipped_up_to_sync() {
    let proxy = Stack::shared();
    let mut client = connect(&proxy, &proxy.database());
    client.run("CREATE TABLE t(id INTEGER PRIMARY KEY)");
    let insert = |id: &str| [parse("", "INSERT INTO t VALUES (?)", &[20]), bind("", "", &[text(id)], &[]), execute("", 0)].concat();
    client.send(&[insert("1"), insert("1"), insert("2"), sync()]);
    let answer = client.answer();
    assert_eq!((answer.tags().as_str(), answer.state().as_str(), answer.status()), ("12C12EZ", "23505", 'I'));
    // The batch was one transaction.
    assert_eq!(client.value("SELECT count(*) FROM t"), "0");
    // An error that the proxy finds skips as well.
    client.send(&[parse("", "SELECT FROM WHERE", &[]), bind("", "", &[], &[]), execute("", 0), sync(), query("SELECT 1")]);
    assert_eq!(client.answer().tags(), "EZ");
    assert_eq!(client.answer().texts().concat(), ["1"]);
}

#[test]
fn named_statements_work_on_whatever_backend() {
    for size in [1, 2] {
        let proxy = Stack::start(&format!("[pool]\nsize = {size}\n"));
        let database = proxy.database();
        let mut clients = [connect(&proxy, &database), connect(&proxy, &database)];
        for (n, client) in clients.iter_mut().enumerate() {
            // The same name, another statement.
            client.send(&[parse("s", &format!("SELECT ? || '{n}'"), &[25]), sync()]);
            assert_eq!(client.answer().tags(), "1Z");
        }
        for _ in 0..3 {
            for (n, client) in clients.iter_mut().enumerate() {
                client.send(&[bind("", "s", &[text("v")], &[]), execute("", 0), sync()]);
                assert_eq!(client.answer().texts().concat(), [format!("v{n}")]);
            }
        }
        let [first, second] = &mut clients;
        first.run("BEGIN");
        if size == 2 {
            second.send(&[bind("", "s", &[text("w")], &[]), execute("", 0), sync()]);
            assert_eq!(second.answer().texts().concat(), ["w1"]);
        }
        first.send(&[bind("", "s", &[text("w")], &[]), execute("", 0), sync()]);
        assert_eq!(first.answer().texts().concat(), ["w0"]);
        first.run("COMMIT");
        first.send(&[parse("s", "SELECT 1", &[]), sync()]);
        assert_eq!(first.answer().state(), "42P05");
        first.send(&[close('S', "s"), parse("s", "SELECT 'new'", &[]), bind("", "s", &[], &[]), execute("", 0), sync()]);
        assert_eq!(first.answer().texts().concat(), ["new"]);
        second.send(&[bind("", "none", &[], &[]), sync()]);
        assert_eq!(second.answer().state(), "26000");
    }
}

#[test]
fn types_are_announced_as_the_design_says() {
    let proxy = Stack::shared();
    let mut client = connect(&proxy, &proxy.database());
    client.run("CREATE TABLE t(i INTEGER, r REAL, s TEXT, b BLOB); INSERT INTO t VALUES (1, 2.5, 'x', x'00')");
    let sql = "SELECT i, i = 1, r, s, b FROM t";
    assert_eq!(client.run(sql).oids(), [23, 23, 701, 25, 17]);
    assert_eq!(client.extended(sql, &[], &[]).oids(), [23, 23, 701, 25, 17]);
    client.send(&[parse("s", sql, &[]), describe('S', "s"), sync()]);
    let answer = client.answer();
    assert_eq!((answer.tags().as_str(), answer.oids()), ("1tTZ", vec![20, 20, 701, 25, 17]));
    client.send(&[bind("", "s", &[], &[1]), describe('P', ""), execute("", 0), sync()]);
    let answer = client.answer();
    assert_eq!(answer.oids(), [20, 20, 701, 25, 17]);
    let row: Vec<Vec<u8>> = answer.rows().remove(0).into_iter().flatten().collect();
    assert_eq!(row[0], 1_i64.to_be_bytes());
    assert_eq!(row[1], 1_i64.to_be_bytes());
    assert_eq!(row[2], 2.5_f64.to_be_bytes());
    assert_eq!((row[3].as_slice(), row[4].as_slice()), (&b"x"[..], &b"\0"[..]));
}

#[test]
fn binary_parameters_keep_their_class() {
    let proxy = Stack::shared();
    let mut client = connect(&proxy, &proxy.database());
    let params =
        [Param::Binary(7_i64.to_be_bytes().to_vec()), Param::Binary(1.5_f64.to_be_bytes().to_vec()), Param::Binary(b"x".to_vec()), Param::Null];
    let answer = client.extended("SELECT typeof(?1), ?1 + 1, typeof(?2), typeof(?3), hex(?3), ?4 IS NULL", &[20, 701, 17, 25], &params);
    assert_eq!(answer.error(), None);
    assert_eq!(answer.texts().concat(), ["integer", "8", "real", "blob", "78", "1"]);
}

#[test]
fn a_row_limit_suspends_the_portal() {
    let proxy = Stack::shared();
    let mut client = connect(&proxy, &proxy.database());
    client.run("CREATE TABLE t(i INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)");
    let ask = [parse("", "SELECT i FROM t ORDER BY i", &[]), bind("p", "", &[], &[]), execute("p", 2), execute("p", 2), sync()];
    client.send(&ask);
    assert_eq!(client.answer().tags(), "12DDsDCZ");
    // Within a transaction a portal outlives Sync.
    client.run("BEGIN");
    client.send(&ask[..3]);
    client.send(&[sync()]);
    assert_eq!(client.answer().tags(), "12DDsZ");
    client.send(&[execute("p", 0), close('P', "p"), sync()]);
    assert_eq!(client.answer().tags(), "DC3Z");
    client.run("COMMIT");
}

#[test]
fn copy_passes_in_both_directions() {
    let proxy = Stack::shared();
    let mut client = Wire::connect(proxy.address(), &proxy.database(), "-c litewire.dialect=postgres");
    client.run("CREATE TABLE t(a int, b text)");
    client.send(&[query("COPY t FROM STDIN")]);
    assert_eq!(client.message().expect("CopyInResponse").tag, b'G');
    client.send(&[tagged(b'd', b"1\tone\n2\t"), tagged(b'd', b"two\n"), tagged(b'c', b"")]);
    assert_eq!(client.answer().commands(), ["COPY 2"]);
    let answer = client.run("COPY t TO STDOUT");
    assert_eq!(answer.tags(), "HddcCZ");
    assert_eq!(answer.0[1].body, b"1\tone\n");
    client.send(&[query("COPY t FROM STDIN"), tagged(b'f', b"no more\0")]);
    assert_eq!(client.answer().state(), "57014");
    assert_eq!(client.value("SELECT count(*) FROM t"), "2");
}

#[test]
fn nothing_at_all_is_a_query_too() {
    let proxy = Stack::shared();
    let mut client = connect(&proxy, &proxy.database());
    for sql in ["", ";", " -- nothing\n", "/* nothing */ ;"] {
        assert_eq!(client.query(sql).tags(), "IZ", "{sql:?}");
    }
    client.send(&[parse("", "", &[]), bind("", "", &[], &[]), describe('P', ""), execute("", 0), sync()]);
    assert_eq!(client.answer().tags(), "12nIZ");
}

#[test]
fn each_statement_of_a_query_commits_alone() {
    let proxy = Stack::shared();
    let mut client = connect(&proxy, &proxy.database());
    let answer = client.query(
        "CREATE TABLE t(a INT UNIQUE); INSERT INTO t VALUES (1); SELECT last_insert_rowid(); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)",
    );
    assert_eq!((answer.tags().as_str(), answer.state().as_str(), answer.status()), ("CCTDCEZ", "23505", 'I'));
    assert_eq!(client.value("SELECT group_concat(a) FROM t"), "1");
    let answer = client.query("BEGIN; INSERT INTO t VALUES (3); INSERT INTO t VALUES (3)");
    assert_eq!(answer.status(), 'T');
    client.run("ROLLBACK");
    assert_eq!(client.value("SELECT group_concat(a) FROM t"), "1");
}

#[test]
fn each_query_has_one_ready_whatever_fails() {
    let proxy = Stack::shared();
    let mut client = connect(&proxy, &proxy.database());
    // Errors that a stale catalog could have caused are tried again inside.
    for sql in ["WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 4) SELECT i FROM n", "SELECT no_such()", "SELECT * FROM gone"] {
        client.query(sql);
        assert_eq!(client.value("SELECT 'in step'"), "in step", "after {sql}");
    }
}

#[test]
fn a_statement_can_be_cancelled() {
    let proxy = Stack::shared();
    let mut client = Wire::connect(proxy.address(), &proxy.database(), "-c litewire.dialect=postgres");
    client.send(&[query("SELECT pg_sleep(30)")]);
    thread::sleep(Duration::from_millis(300));
    client.cancel();
    assert_eq!(client.answer().state(), "57014");
    assert_eq!(client.value("SELECT 1"), "1");
}

#[test]
fn settings_are_each_clients_own() {
    let proxy = Stack::start("[pool]\nsize = 1\n");
    let database = proxy.database();
    let mut first = Wire::connect(proxy.address(), &database, "-c litewire.dialect=postgres");
    let mut second = Wire::connect(proxy.address(), &database, "-c litewire.dialect=postgres");
    first.run("SET statement_timeout = '7s'");
    assert_eq!(second.value("SHOW statement_timeout"), "0");
    assert_eq!(first.value("SHOW statement_timeout"), "7s");
    first.run("BEGIN");
    first.run("SET statement_timeout = '9s'");
    first.run("ROLLBACK");
    assert_eq!(second.value("SHOW statement_timeout"), "0");
    assert_eq!(first.value("SHOW statement_timeout"), "7s");
    first.run("RESET statement_timeout");
    assert_eq!(first.value("SHOW statement_timeout"), "0");
}

#[test]
fn as_many_parameters_as_the_protocol_has() {
    let proxy = Stack::shared();
    let database = proxy.database();
    for (dialect, count) in [("postgres", usize::from(u16::MAX)), ("sqlite", 1000)] {
        let mut client = Wire::connect(proxy.address(), &database, &format!("-c litewire.dialect={dialect}"));
        let slots: Vec<String> = (1..=count).map(|n| format!("${n}")).collect();
        let answer = client.extended(&format!("SELECT count(*) WHERE 5 IN ({})", slots.join(",")), &vec![20; count], &vec![text("5"); count]);
        assert_eq!(answer.error(), None);
        assert_eq!(answer.texts().concat(), ["1"]);
    }
}

#[test]
fn broken_messages_end_in_an_error_and_no_more_than_a_connection() {
    let proxy = Stack::start("[limits]\nmax_message_size = '1MiB'\n");
    let database = proxy.database();
    // Its length is not one, or too much; its type is none.
    let broken = [vec![b'Q', 0, 0, 0, 1], vec![b'Q', 0x7f, 0xff, 0xff, 0xff], vec![0, 0, 0, 0, 4], vec![b'~', 0, 0, 0, 4]];
    for bytes in broken {
        let mut client = connect(&proxy, &database);
        client.send(std::slice::from_ref(&bytes));
        assert_eq!(client.rest().state(), "08P01", "{bytes:?}");
    }
    // Its contents are none: the session lives on.
    for message in [tagged(b'P', b"x"), tagged(b'B', b"\0\0\0"), tagged(b'E', b""), tagged(b'D', b"X\0"), tagged(b'B', b"\0\0\xff\xff")] {
        let mut client = connect(&proxy, &database);
        // As in PostgreSQL, a Bind is looked into once its statement is found.
        client.send(&[tagged(b'P', b"\0SELECT 1\0\0\0"), message.clone(), sync()]);
        assert_eq!(client.answer().state(), "08P01", "{message:?}");
        assert_eq!(client.value("SELECT 1"), "1");
    }
    let mut client = connect(&proxy, &database);
    client.send(&[tagged(b'Q', b"no end")]);
    assert_eq!(client.answer().state(), "08P01");
    // No start-up at all.
    let mut client = Wire::open(proxy.address());
    client.send(&[b"GET / HTTP/1.1\r\n\r\n".to_vec()]);
    client.rest();
    assert_eq!(connect(&proxy, &database).value("SELECT 1"), "1");
}

#[test]
fn a_backend_that_dies_in_a_transaction_is_replaced() {
    let proxy = Stack::start("[pool]\nsize = 1\n");
    let database = proxy.database();
    let mut client = connect(&proxy, &database);
    client.run("CREATE TABLE t(a INT)");
    client.run("BEGIN; INSERT INTO t VALUES (1)");
    proxy.admin(
        "postgres",
        &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' AND state = 'idle in transaction'"),
    );
    client.try_send(&[query("INSERT INTO t VALUES (2)")]).ok();
    let state = client.rest_or_answer().state();
    assert!(["57P01", "08006", "08003"].contains(&state.as_str()), "{state:?}");
    assert_eq!(connect(&proxy, &database).value("SELECT count(*) FROM t"), "0");
}

#[test]
fn flush_brings_what_is_there() {
    let proxy = Stack::shared();
    let mut client = connect(&proxy, &proxy.database());
    client.send(&[parse("", "SELECT 1 AS one", &[]), describe('S', ""), flush()]);
    let tags: Vec<u8> = (0..3).map(|_| client.message().expect("an answer without Sync").tag).collect();
    assert_eq!(tags, b"1tT");
    client.send(&[bind("", "", &[], &[]), execute("", 0), sync()]);
    assert_eq!(client.answer().tags(), "2DCZ");
}

#[test]
fn ddl_is_known_to_every_proxy_when_its_client_goes_on() {
    let one = Stack::shared();
    let (other, database) = (one.beside(), one.database());
    let (mut ddl, mut beside) = (connect(&one, &database), connect(&one, &database));
    let mut away = Wire::connect(other.address, &database, "");
    ddl.run("CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)");
    away.value("SELECT a FROM t");
    for n in 0..8 {
        ddl.run(&format!("ALTER TABLE t ADD COLUMN c{n} INTEGER DEFAULT {n}"));
        for client in [&mut beside, &mut away] {
            assert_eq!(client.value(&format!("SELECT c{n} FROM t")), n.to_string());
            assert_eq!(client.extended(&format!("SELECT typeof(c{n}) FROM t WHERE a = ?"), &[0], &[text("1")]).texts().concat(), ["integer"]);
        }
        ddl.run(&format!("BEGIN; ALTER TABLE t RENAME COLUMN c{n} TO d{n}; COMMIT"));
        assert_eq!(away.value(&format!("SELECT d{n} FROM t")), n.to_string());
    }
}

#[test]
fn what_foreign_ddl_broke_is_tried_again_with_a_fresh_catalog() {
    let proxy = Stack::shared();
    let database = proxy.database();
    let mut client = connect(&proxy, &database);
    client.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, 'x')");
    for n in 0..4 {
        proxy.admin(&database, &format!("ALTER TABLE t RENAME COLUMN {} TO b{n}", if n == 0 { "b".to_owned() } else { format!("b{}", n - 1) }));
        let answer = client.extended("SELECT * FROM t WHERE a = ?", &[0], &[text("1")]);
        assert_eq!((answer.error(), answer.texts().concat()), (None, vec!["1".to_owned(), "x".to_owned()]));
    }
}

#[test]
fn a_described_statement_keeps_its_columns_or_fails() {
    let proxy = Stack::shared();
    let mut client = connect(&proxy, &proxy.database());
    client.run("CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)");
    client.send(&[parse("s", "SELECT * FROM t", &[]), describe('S', "s"), sync()]);
    assert_eq!(client.answer().columns().map(|c| c.len()), Some(1));
    client.run("ALTER TABLE t ADD COLUMN b TEXT");
    let again = [bind("", "s", &[], &[]), execute("", 0), sync()].concat();
    client.send(&[again]);
    assert_eq!(client.answer().error().map(|(state, _)| state).as_deref(), Some("0A000"));
    client.send(&[close('S', "s"), parse("s", "SELECT * FROM t", &[]), bind("", "s", &[], &[]), execute("", 0), sync()]);
    assert_eq!(client.answer().error(), None);
}

#[test]
fn transaction_control_behind_a_failure_is_skipped_with_it() {
    let proxy = Stack::shared();
    let mut client = connect(&proxy, &proxy.database());
    client.run("CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2)");
    let run = |sql: &str| [parse("", sql, &[]), bind("", "", &[], &[]), execute("", 0)].concat();
    client.send(&[run("INSERT INTO t VALUES (1)"), run("COMMIT"), sync()]);
    let answer = client.answer();
    assert_eq!((answer.tags().as_str(), answer.status()), ("12EZ", 'T'));
    client.send(&[run("INSERT INTO t VALUES (3)"), run("COMMIT"), sync(), run("BEGIN"), run("INSERT INTO t VALUES (4)"), run("ROLLBACK"), sync()]);
    let answer = client.answer();
    assert_eq!((answer.tags().as_str(), answer.status()), ("12C12CZ", 'I'));
    let answer = client.answer();
    assert_eq!((answer.tags().as_str(), answer.status()), ("12C12C12CZ", 'I'));
    assert_eq!(client.value("SELECT group_concat(id) FROM t"), "1,2,3");
}
