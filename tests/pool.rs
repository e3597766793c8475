//! Pools: when a backend is given back, and that no client sees what another has left there.

#[path = "wire/client.rs"]
mod client;
mod common;

use client::{Wire, bind, execute, parse, sync};
use common::Stack;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const POSTGRES: &str = "-c litewire.dialect=postgres";

fn connect(stack: &Stack, database: &str) -> Wire {
    Wire::connect(stack.address(), database, POSTGRES)
}

/// What one step of a history does; `%` stands for a number of the session's own, where sessions share a space.
const STEPS: &[&str] = &[
    "SET work_mem = '1MB'",
    "SET work_mem = '2MB'; SET application_name = 'named'",
    "RESET work_mem",
    "SET LOCAL work_mem = '3MB'",
    "SET search_path TO pg_catalog, \"$user\"",
    "SELECT set_config('work_mem', '5MB', false)",
    "SELECT set_config('work_mem', '6MB', true)",
    "SELECT set_config('app.user', 'someone', false)",
    "SET app.user = 'another'",
    "DO $$ BEGIN SET work_mem = '7MB'; END $$",
    "SET TIME ZONE 'Europe/Vienna'",
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "SET ROLE other",
    "RESET ROLE",
    "RESET ALL",
    "DISCARD ALL",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "RELEASE s",
    "SELECT 1/0",
    "CREATE TEMPORARY TABLE IF NOT EXISTS scratch(a int)",
    "DROP TABLE IF EXISTS scratch",
    "CREATE TEMPORARY TABLE IF NOT EXISTS passing(a int) ON COMMIT DROP",
    "SELECT pg_advisory_lock(%)",
    "SELECT pg_advisory_unlock(%)",
    "SELECT pg_advisory_unlock_all()",
    "SELECT pg_advisory_xact_lock(%)",
    "PREPARE p AS SELECT 'prepared'",
    "DEALLOCATE p",
    "DEALLOCATE ALL",
    "DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(1, 3)",
    "CLOSE c",
    "FETCH 1 FROM c",
    "EXECUTE p",
];

/// What a session can see of its own state.
const VIEW: &str = "SELECT current_setting('work_mem'), current_setting('application_name'), current_setting('search_path'),
    current_setting('TimeZone'), current_setting('default_transaction_isolation'), coalesce(current_setting('app.user', true), ''),
    current_user, session_user, to_regclass('pg_temp.scratch')::text IS NOT NULL, to_regclass('pg_temp.passing')::text IS NOT NULL,
    (SELECT count(*) FROM pg_prepared_statements WHERE from_sql), (SELECT count(*) FROM pg_cursors WHERE is_holdable),
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())";

fn alone(socket: &std::path::Path, database: &str) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    let directory = socket.parent().expect("in a directory");
    config.host_path(directory).user("litewire").dbname(database).options("-c TimeZone=UTC").application_name("litewire");
    config
}

/// The same, of a session that is alone on its connection.
async fn run_alone(client: &tokio_postgres::Client, sql: &str) -> (String, Vec<Vec<String>>) {
    let (mut state, mut rows) = (String::new(), Vec::new());
    match client.simple_query(sql).await {
        Ok(messages) => {
            for message in messages {
                if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
                    rows.push((0..row.len()).map(|i| row.get(i).unwrap_or("NULL").to_owned()).collect());
                }
            }
        }
        Err(error) => state = error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()),
    }
    (state, rows)
}

#[test]
fn no_client_sees_what_another_has_left() {
    // Two: a client whose state cannot be moved keeps one.
    let stack = Stack::start("[pool]\nsize = 2\ncheckout_timeout = '20s'\n");
    let database = stack.database();
    stack.admin(&database, "CREATE ROLE other; GRANT other TO litewire");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let step = (0..2usize, 0..STEPS.len());
    let history = proptest::collection::vec(step, 1..14);
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, max_shrink_iters: 40, ..Config::default() });
    let outcome = runner.run(&history, |history| {
        let mut clients = [connect(&stack, &database), connect(&stack, &database)];
        let direct: Vec<tokio_postgres::Client> = (0..2)
            .map(|_| {
                runtime.block_on(async {
                    let (client, connection) = alone(&stack.socket(), &database).connect(tokio_postgres::NoTls).await.expect("it runs");
                    tokio::spawn(connection);
                    client
                })
            })
            .collect();
        for (who, at) in history {
            // The same number for both would be a lock that one waits for; other databases' are others'.
            let sql = STEPS[at];
            let (own, other) = (sql.replace('%', &(10 + who).to_string()), sql.replace('%', &(20 + who).to_string()));
            let answer = clients[who].query(&own);
            let (state, rows) = runtime.block_on(run_alone(&direct[who], &other));
            prop_assert_eq!((answer.state(), answer.texts()), (state, rows), "{} of {}", own, who);
            for (who, client) in clients.iter_mut().enumerate() {
                let answer = client.query(VIEW);
                let (state, rows) = runtime.block_on(run_alone(&direct[who], VIEW));
                prop_assert_eq!((answer.state(), answer.texts()), (state, rows), "seen by {} after {}", who, own);
            }
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn a_session_pool_gives_back_at_the_end_and_clean() {
    let stack = Stack::start("[pool]\nmode = 'session'\nsize = 1\ncheckout_timeout = '500ms'\n");
    let database = stack.database();
    let mut first = connect(&stack, &database);
    first.run("SET work_mem = '1MB'; CREATE TEMPORARY TABLE scratch(a int); SELECT pg_advisory_lock(1)");
    let pid = first.value("SELECT pg_backend_pid()");
    let mut second = connect(&stack, &database);
    assert_eq!(second.query("SELECT 1").state(), "53300", "the only backend is kept");
    drop(first);
    // Once it is reset.
    let view = "SELECT pg_backend_pid() || current_setting('work_mem') || coalesce(to_regclass('scratch')::text, '-')
        || (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())";
    let seen = (0..20).find_map(|_| Some(second.query(view)).filter(|a| a.state().is_empty()).map(|a| a.texts().concat().concat()));
    assert_eq!(seen, Some(format!("{pid}4MB-0")));
}

#[test]
fn a_statement_pool_takes_no_transactions() {
    let stack = Stack::start("[pool]\nmode = 'statement'\n");
    let database = stack.database();
    let mut client = connect(&stack, &database);
    assert_eq!(client.value("SELECT 1"), "1");
    client.send(&[client::query("BEGIN")]);
    let error = client.rest().error().expect("refused");
    assert_eq!(error, ("08P01".to_owned(), "transaction blocks not allowed in statement pooling mode".to_owned()));
    assert_eq!(connect(&stack, &database).value("SELECT 2"), "2");
}

#[test]
fn few_prepared_statements_serve_many() {
    let stack = Stack::start("[pool]\nsize = 1\nmax_prepared = 3\n");
    let database = stack.database();
    let mut clients = [connect(&stack, &database), connect(&stack, &database)];
    for (who, client) in clients.iter_mut().enumerate() {
        for n in 0..6 {
            client.send(&[parse(&format!("s{n}"), &format!("SELECT {who}{n}"), &[]), sync()]);
            assert_eq!(client.answer().tags(), "1Z");
        }
    }
    for _ in 0..2 {
        for (who, client) in clients.iter_mut().enumerate() {
            for n in 0..6 {
                client.send(&[bind("", &format!("s{n}"), &[], &[]), execute("", 0), sync()]);
                assert_eq!(client.answer().texts().concat(), [format!("{who}{n}").trim_start_matches('0').to_owned().max("0".to_owned())]);
            }
            // One is the connection's own question.
            let count: u32 = client.value("SELECT count(*) FROM pg_prepared_statements").parse().expect("a number");
            assert!(count <= 3, "{count} are prepared");
        }
    }
}

#[test]
fn a_plan_whose_columns_changed_is_made_anew() {
    let stack = Stack::start("[pool]\nsize = 1\n");
    let database = stack.database();
    let (mut client, mut other) = (connect(&stack, &database), connect(&stack, &database));
    client.run("CREATE TABLE t(a int); INSERT INTO t VALUES (1)");
    let ask = [bind("", "s", &[], &[]), execute("", 0), sync()].concat();
    client.send(&[parse("s", "SELECT * FROM t", &[]), ask.clone()]);
    assert_eq!(client.answer().texts().concat(), ["1"]);
    for n in 2..5 {
        other.run(&format!("ALTER TABLE t ADD COLUMN c{n} int DEFAULT {n}"));
        client.send(std::slice::from_ref(&ask));
        let answer = client.answer();
        assert_eq!((answer.error(), answer.tags().as_str()), (None, "2DCZ"));
        assert_eq!(answer.texts().concat().len(), n);
    }
    // Another client's Parse of the same text comes with its Bind.
    other.run("ALTER TABLE t ADD COLUMN e int");
    other.send(&[parse("another", "SELECT * FROM t", &[]), bind("", "another", &[], &[]), client::describe('P', ""), execute("", 0), sync()]);
    assert_eq!(other.answer().tags(), "12TDCZ");
    // And is the backend's to answer in a transaction, which may see another table.
    other.run("BEGIN; ALTER TABLE t ADD COLUMN f int");
    other.send(&[parse("third", "SELECT * FROM t", &[]), bind("", "third", &[], &[]), execute("", 0), sync()]);
    assert_eq!(other.answer().tags(), "12DCZ");
    other.run("COMMIT");
    client.send(std::slice::from_ref(&ask));
    assert_eq!(client.answer().state(), "");
    // Within a transaction the error is the client's, as at PostgreSQL.
    client.run("BEGIN");
    client.send(std::slice::from_ref(&ask));
    assert_eq!(client.answer().state(), "");
    client.run("ALTER TABLE t ADD COLUMN d int");
    client.send(&[ask]);
    assert_eq!(client.answer().state(), "0A000");
}

#[test]
fn a_pool_keeps_connections_ready() {
    let stack = Stack::start("[pool]\nmin_size = 3\nidle_timeout = '500ms'\n");
    let database = stack.database();
    let mut client = connect(&stack, &database);
    let own = format!("FROM pg_stat_activity WHERE datname = '{database}' AND application_name = 'litewire'");
    let count = || stack.admin_rows("postgres", &format!("SELECT count(*) {own}"))[0][0].clone().unwrap_or_default();
    for _ in 0..2 {
        assert_eq!(client.value("SELECT 1"), "1");
        assert!(
            (0..200).any(|_| count() == "3" || {
                std::thread::sleep(std::time::Duration::from_millis(50));
                false
            }),
            "{} are there",
            count()
        );
        stack.admin("postgres", &format!("SELECT pg_terminate_backend(pid, 5000) {own}"));
    }
}

#[test]
fn the_reserve_is_for_those_who_have_waited() {
    let stack = Stack::start("[pool]\nsize = 1\nreserve_size = 1\nreserve_timeout = '300ms'\ncheckout_timeout = '1500ms'\n");
    let database = stack.database();
    let mut clients: Vec<Wire> = (0..3).map(|_| connect(&stack, &database)).collect();
    clients[0].run("BEGIN");
    let start = std::time::Instant::now();
    clients[1].run("BEGIN");
    assert!(start.elapsed().as_millis() >= 300, "not before");
    assert_eq!(clients[2].query("SELECT 1").state(), "53300", "and no more than that");
    clients[1].run("COMMIT");
    assert_eq!(clients[2].value("SELECT 3"), "3");
    clients[0].run("COMMIT");
    assert_eq!(clients[1].value("SELECT 2"), "2");
}

#[test]
fn a_notification_of_ones_own_comes_from_oneself() {
    let stack = Stack::shared();
    let database = stack.database();
    let mut client = connect(&stack, &database);
    client.run("LISTEN channel");
    let answer = client.run("NOTIFY channel, 'own'");
    let notified = answer.0.iter().find(|m| m.tag == b'A').expect("it listens");
    assert_eq!(notified.body[..4], client.key()[..4]);
    connect(&stack, &database).run("NOTIFY channel, 'other'");
    let other = loop {
        let message = client.message().expect("it listens");
        if message.tag == b'A' {
            break message;
        }
    };
    assert_ne!(other.body[..4], client.key()[..4]);
}
