//! Many clients at once: writers whose backends are killed, deadlocks, and DDL under way.
//!
//! `LITEWIRE_STRESS` says for how many seconds the writers go on; 3 without it.

#[path = "wire/client.rs"]
mod client;
mod common;

use client::Wire;
use common::Stack;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const WRITERS: u32 = 6;

fn connect(stack: &Stack, database: &str) -> Wire {
    Wire::connect(stack.address(), database, "")
}

/// What one writer knows of its writes.
#[derive(Default)]
struct Told {
    /// The ids that it was told, by number.
    ids: BTreeMap<u32, i64>,
    /// Writes of which it never heard.
    unheard: BTreeSet<u32>,
    /// Upserts and replacements that it was told of, and those it never heard of.
    upserts: (i64, i64),
}

/// The answer to a script; None when the connection was lost, or could not be had again, before the end of it.
fn told(client: &mut Wire, sql: &str) -> Option<client::Answer> {
    client.try_send(&[client::query(sql)]).ok()?;
    let mut all = Vec::new();
    loop {
        let message = client.message().ok()?;
        let last = message.tag == b'Z';
        all.push(message);
        if last {
            let answer = client::Answer(all);
            return match answer.error() {
                None => Some(answer),
                // The backend went before the statement did: so the proxy says, and the client is as wise as after a lost connection.
                Some((state, _)) if state.starts_with("08") || state.starts_with("57P") => None,
                Some(error) => panic!("{sql}: {error:?}"),
            };
        }
    }
}

fn write(stack: &Stack, database: &str, writer: u32, end: Instant) -> Told {
    let (mut known, mut client) = (Told::default(), connect(stack, database));
    let again = |client: &mut Wire| *client = connect(stack, database);
    for n in 0.. {
        if Instant::now() > end {
            return known;
        }
        let insert = format!("INSERT INTO entry(writer, n) VALUES ({writer}, {n})");
        match told(&mut client, &insert) {
            Some(_) => {
                let id = told(&mut client, "SELECT last_insert_rowid()").map(|answer| answer.texts()[0][0].parse().expect("a number"));
                // Where that is not told, it is known to be there, but not as what.
                known.ids.insert(n, id.unwrap_or(0));
                if id.is_none() {
                    again(&mut client);
                }
            }
            None => {
                known.unheard.insert(n);
                again(&mut client);
            }
        }
        let upsert = format!("INSERT INTO tally VALUES ('k{}', 1) ON CONFLICT(k) DO UPDATE SET n = n + 1", n % 5);
        match told(&mut client, &upsert) {
            Some(_) => known.upserts.0 += 1,
            None => {
                known.upserts.1 += 1;
                again(&mut client);
            }
        }
        let replace = format!("BEGIN; REPLACE INTO latest(k, writer, n) VALUES ({}, {writer}, {n}); COMMIT", n % 7);
        if told(&mut client, &replace).is_none() {
            again(&mut client);
        }
    }
    known
}

#[test]
fn every_acknowledged_write_is_there_once() {
    let seconds = std::env::var("LITEWIRE_STRESS").ok().and_then(|s| s.parse().ok()).unwrap_or(3);
    let stack = Stack::start("[pool]\nsize = 4\n");
    let database = stack.database();
    let mut client = connect(&stack, &database);
    client.run(
        "CREATE TABLE entry(id INTEGER PRIMARY KEY, writer INT, n INT);
         CREATE TABLE log(entry INT, total INT);
         CREATE TABLE total(one INTEGER PRIMARY KEY, n INT); INSERT INTO total VALUES (1, 0);
         CREATE TABLE tally(k TEXT PRIMARY KEY, n INT);
         CREATE TABLE latest(id INTEGER PRIMARY KEY AUTOINCREMENT, k INT UNIQUE, writer INT, n INT);
         CREATE TABLE replaced(id INT);
         CREATE TRIGGER counted AFTER INSERT ON entry BEGIN
             UPDATE total SET n = n + 1;
             INSERT INTO log SELECT new.id, n FROM total;
         END",
    );
    let (end, done) = (Instant::now() + Duration::from_secs(seconds), AtomicBool::new(false));
    let told: Vec<Told> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn({
                    let (stack, database) = (&stack, &database);
                    move || write(stack, database, writer, end)
                })
            })
            .collect();
        let killer = scope.spawn(|| {
            let mut killed = 0;
            while !done.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(150));
                let one = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND application_name <> 'litewire control' ORDER BY random() LIMIT 1";
                killed += stack.admin_rows(&database, one).len();
            }
            killed
        });
        let told = writers.into_iter().map(|w| w.join().expect("a writer ends well")).collect();
        done.store(true, Ordering::Relaxed);
        assert!(killer.join().expect("it ends well") > 0, "no backend was there to be killed");
        told
    });
    let mut client = connect(&stack, &database);
    let number = |client: &mut Wire, sql: &str| client.value(sql).parse::<i64>().expect("a number");
    let mut there: BTreeMap<(u32, u32), Vec<i64>> = BTreeMap::new();
    for row in client.run("SELECT writer, n, id FROM entry").texts() {
        let key = (row[0].parse().expect("a number"), row[1].parse().expect("a number"));
        there.entry(key).or_default().push(row[2].parse().expect("a number"));
    }
    let (mut ids, mut acknowledged) = (BTreeSet::new(), 0);
    for (writer, told) in (0..).zip(&told) {
        for (n, id) in &told.ids {
            let found = there.remove(&(writer, *n)).unwrap_or_default();
            assert_eq!(found.len(), 1, "write {n} of {writer} was acknowledged");
            assert!(*id == 0 || found == [*id], "write {n} of {writer} was told another id");
            assert!(*id == 0 || ids.insert(*id), "the id {id} was told twice");
            acknowledged += 1;
        }
        for n in &told.unheard {
            assert!(there.remove(&(writer, *n)).is_none_or(|found| found.len() == 1), "write {n} of {writer} was made twice");
        }
    }
    assert!(there.is_empty(), "writes that nobody made: {there:?}");
    assert!(acknowledged > 0);
    let entries = number(&mut client, "SELECT count(*) FROM entry");
    assert_eq!(number(&mut client, "SELECT n FROM total"), entries);
    assert_eq!(number(&mut client, "SELECT count(DISTINCT total) FROM log JOIN entry ON entry.id = log.entry"), entries);
    let (sure, unsure) = told.iter().fold((0, 0), |(a, b), t| (a + t.upserts.0, b + t.upserts.1));
    let upserts = number(&mut client, "SELECT sum(n) FROM tally");
    assert!((sure..=sure + unsure).contains(&upserts), "{upserts} upserts of {sure} to {}", sure + unsure);
    assert!(number(&mut client, "SELECT count(*) FROM latest") <= 7);
    println!(
        "{acknowledged} inserts and {sure} upserts acknowledged, {} and {unsure} unheard of",
        told.iter().map(|t| t.unheard.len()).sum::<usize>()
    );
}

/// Two tables whose triggers write to each other's: an update of both at once meets in the middle.
const CROSSED: &str = "CREATE TABLE a(n INT, m INT); INSERT INTO a VALUES (0, 0);
    CREATE TABLE b(n INT, m INT); INSERT INTO b VALUES (0, 0);
    CREATE TRIGGER from_a AFTER UPDATE OF n ON a BEGIN UPDATE b SET m = m + 1; END;
    CREATE TRIGGER from_b AFTER UPDATE OF n ON b BEGIN UPDATE a SET m = m + 1; END";

#[test]
fn a_statement_that_meets_a_deadlock_is_done_again() {
    const ROUNDS: u32 = 60;
    let stack = Stack::start("");
    let database = stack.database();
    stack.admin(&database, &format!("ALTER DATABASE {database} SET deadlock_timeout = '5ms'"));
    connect(&stack, &database).run(CROSSED);
    thread::scope(|scope| {
        for (table, prepared) in [("a", false), ("b", false), ("a", true), ("b", true)] {
            let (stack, database) = (&stack, &database);
            scope.spawn(move || {
                let mut client = connect(stack, database);
                let sql = format!("UPDATE {table} SET n = n + 1");
                for _ in 0..ROUNDS {
                    let answer = if prepared { client.extended(&sql, &[], &[]) } else { client.query(&sql) };
                    assert_eq!((answer.error(), answer.commands()), (None, vec!["UPDATE 1".to_owned()]));
                }
            });
        }
    });
    let mut client = connect(&stack, &database);
    let wanted = (2 * ROUNDS).to_string();
    assert_eq!(client.run("SELECT * FROM a UNION ALL SELECT * FROM b").texts(), [[wanted.clone(), wanted.clone()], [wanted.clone(), wanted]]);
    drop(client);
    // The backends tell their numbers when they are idle.
    let met = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let end = Instant::now() + Duration::from_secs(20);
    while stack.admin_rows(&database, met)[0][0].as_deref() == Some("0") {
        assert!(Instant::now() < end, "no two statements met");
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn what_is_locked_is_said_in_sqlites_words() {
    let stack = Stack::shared();
    let database = stack.database();
    let (mut first, mut second) = (connect(&stack, &database), connect(&stack, &database));
    first.run("CREATE TABLE t(n INT); CREATE TABLE u(n INT); INSERT INTO t VALUES (0); INSERT INTO u VALUES (0)");
    first.run("BEGIN; UPDATE t SET n = 1");
    second.run("PRAGMA busy_timeout = 20");
    let answer = second.query("UPDATE t SET n = 2");
    assert_eq!((answer.error(), answer.status()), (Some(("55P03".to_owned(), "database is locked".to_owned())), 'I'));
    second.run("PRAGMA busy_timeout = 60000");
    // A deadlock of two transactions: one of them is told, and goes on with what it had.
    second.run("BEGIN; UPDATE u SET n = 2");
    first.send(&[client::query("UPDATE u SET n = 1")]);
    second.send(&[client::query("UPDATE t SET n = 2")]);
    let answers = thread::scope(|scope| {
        let one = scope.spawn(|| {
            let answer = first.answer();
            let ended = if answer.error().is_some() { "ROLLBACK" } else { "COMMIT" };
            first.run(ended);
            answer
        });
        let two = scope.spawn(|| {
            let answer = second.answer();
            let ended = if answer.error().is_some() { "ROLLBACK" } else { "COMMIT" };
            second.run(ended);
            answer
        });
        [one, two].map(|t| t.join().expect("it ends well"))
    });
    let errors: Vec<_> = answers.iter().filter_map(|a| a.error()).collect();
    assert_eq!(errors, [("40P01".to_owned(), "database is locked".to_owned())]);
    assert!(answers.iter().all(|a| a.status() == 'T'));
    let both = connect(&stack, &database).run("SELECT t.n, u.n FROM t, u").texts();
    assert!([[["1", "1"]], [["2", "2"]]].iter().any(|wanted| both == wanted.map(|r| r.map(str::to_owned))), "{both:?}");
}

#[test]
fn ddl_of_others_is_met_with_no_error() {
    let stack = Stack::start("");
    let database = stack.database();
    let mut owner = connect(&stack, &database);
    owner.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT); INSERT INTO t(a, b) VALUES ('x', 1)");
    let beside = stack.beside();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (done, database, beside) = (&done, &database, &beside);
        for worker in 0..4 {
            let address = if worker % 2 == 0 { stack.address() } else { beside.address };
            scope.spawn(move || {
                let mut client = Wire::connect(address, database, "");
                let statements =
                    ["INSERT INTO t(a, b) VALUES ('y', 2)", "SELECT id, a, b FROM t ORDER BY id LIMIT 3", "UPDATE t SET b = b + 1 WHERE id = 1"];
                for (round, sql) in (0..).zip(statements.iter().cycle()) {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    let answer = if round % 2 == 0 { client.query(sql) } else { client.extended(sql, &[], &[]) };
                    assert_eq!(answer.error(), None, "{sql}");
                }
            });
        }
        // Through one Litewire: everybody knows before the owner goes on.
        let (mut other, mut next_door) = (connect(&stack, database), Wire::connect(beside.address, database, ""));
        for n in 0..5 {
            owner.run(&format!("ALTER TABLE t ADD COLUMN c{n} DEFAULT {n}"));
            assert_eq!(other.value(&format!("SELECT c{n} FROM t LIMIT 1")), n.to_string());
            assert_eq!(next_door.value(&format!("SELECT c{n} FROM t LIMIT 1")), n.to_string());
            owner.run(&format!("CREATE INDEX i{n} ON t(c{n}); DROP INDEX i{n}; ALTER TABLE t DROP COLUMN c{n}"));
            let gone = other.query(&format!("SELECT c{n} FROM t LIMIT 1"));
            assert_eq!(gone.state(), "42703");
        }
        // Past it: an error asks for the catalog, and what says nothing is found by the poll.
        let mut waits = Vec::new();
        for n in 0..2 {
            stack.admin(database, &format!("ALTER TABLE t ADD COLUMN d{n} int DEFAULT {n}"));
            let (begun, wanted) = (Instant::now(), format!("d{n}"));
            while !next_door.run("SELECT name FROM pragma_table_info('t')").texts().iter().any(|row| row[0] == wanted) {
                assert!(begun.elapsed() < Duration::from_secs(20), "nobody found the column");
                thread::sleep(Duration::from_millis(20));
            }
            waits.push(begun.elapsed());
            stack.admin(database, &format!("ALTER TABLE t DROP COLUMN d{n}"));
        }
        println!("DDL past Litewire was seen after {waits:?}");
        done.store(true, Ordering::Relaxed);
    });
}
