//! Databases that several sessions attach, and what ends with one session: databases in memory, temporary triggers.

#[path = "wire/client.rs"]
mod client;
mod common;

use client::Wire;
use common::Stack;
use std::thread;
use std::time::{Duration, Instant};

fn connect(stack: &Stack, database: &str) -> Wire {
    Wire::connect(stack.address(), database, "")
}

fn schemas(stack: &Stack, database: &str) -> Vec<String> {
    let made = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^(file|memory):' ORDER BY 1";
    stack.admin_rows(database, made).into_iter().flatten().flatten().collect()
}

#[test]
fn a_file_is_one_database_for_all_who_attach_it() {
    let stack = Stack::shared();
    let database = stack.database();
    let (mut first, mut second) = (connect(&stack, &database), connect(&stack, &database));
    first.run("ATTACH 'data/archive.db' AS old; CREATE TABLE old.t(id INTEGER PRIMARY KEY, what TEXT); INSERT INTO t(what) VALUES ('a')");
    assert_eq!(second.query("SELECT * FROM t").state(), "42P01");
    second.run("ATTACH DATABASE 'file:./data/archive.db?mode=rwc' AS archive");
    second.run("INSERT INTO archive.t(what) VALUES ('b')");
    assert_eq!(first.value("SELECT group_concat(what) FROM old.t"), "a,b");
    // One whose name is known to the session alone, wherever its transactions run.
    assert_eq!(second.query("SELECT * FROM old.t").state(), "42P01");
    first.run("ALTER TABLE old.t ADD COLUMN more DEFAULT 7");
    assert_eq!(second.value("SELECT sum(more) FROM t"), "14");
    first.run("DETACH old");
    assert_eq!(first.query("SELECT * FROM t").state(), "42P01");
    assert_eq!(second.value("SELECT count(*) FROM t"), "2");
    assert_eq!(schemas(&stack, &database), ["file:data/archive.db"]);
}

#[test]
fn a_database_in_memory_ends_with_its_session() {
    let stack = Stack::shared();
    let database = stack.database();
    let (mut first, mut second) = (connect(&stack, &database), connect(&stack, &database));
    for client in [&mut first, &mut second] {
        client.run("ATTACH ':memory:' AS m; CREATE TABLE m.t(a INT)");
    }
    first.run("INSERT INTO m.t VALUES (1)");
    assert_eq!(second.value("SELECT count(*) FROM m.t"), "0");
    second.run("DETACH m");
    drop(first);
    let end = Instant::now() + Duration::from_secs(20);
    while !schemas(&stack, &database).is_empty() {
        assert!(Instant::now() < end, "a schema is left");
        thread::sleep(Duration::from_millis(20));
    }
    // What a process that died has left goes when the next one comes.
    stack.admin(&database, &format!("CREATE SCHEMA \"memory:00000000_0\" AUTHORIZATION {}", stack.role()));
    let _beside = Wire::connect(stack.beside().address, &database, "");
    assert!(schemas(&stack, &database).is_empty());
}

#[test]
fn a_temporary_trigger_fires_for_its_session_alone() {
    let stack = Stack::shared();
    let database = stack.database();
    let (mut first, mut second) = (connect(&stack, &database), connect(&stack, &database));
    first.run("CREATE TABLE t(a INT); CREATE TABLE log(who TEXT)");
    for (client, who) in [(&mut first, "first"), (&mut second, "second")] {
        client.run(&format!("CREATE TEMP TRIGGER noted AFTER INSERT ON t BEGIN INSERT INTO log VALUES ('{who}'); END"));
    }
    first.run("INSERT INTO t VALUES (1)");
    second.run("INSERT INTO t VALUES (2), (3)");
    let mut third = connect(&stack, &database);
    third.run("INSERT INTO t VALUES (4)");
    assert_eq!(third.value("SELECT group_concat(who) FROM log"), "first,second,second");
    assert_eq!(third.value("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"), "0");
    drop((first, second));
    let end = Instant::now() + Duration::from_secs(20);
    let left = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal";
    while stack.admin_rows(&database, left)[0][0].as_deref() != Some("0") {
        assert!(Instant::now() < end, "a trigger is left");
        thread::sleep(Duration::from_millis(20));
    }
}
