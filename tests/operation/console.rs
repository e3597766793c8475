use super::{console, table, until};
use crate::client::{Wire, bind, describe, execute, parse, query, sync};
use crate::common::{Stack, block_on, tools};
use crate::need;
use std::process::Command;
use std::thread;
use tokio_postgres::NoTls;

#[test]
fn psql_sees_clients_pools_and_servers() {
    let stack = Stack::start("");
    let database = stack.database();
    let mut client = Wire::connect(stack.address(), &database, "-c litewire.dialect=postgres");
    client.run("BEGIN");
    need!(tools::program("psql", "--version"));
    let psql = |commands: &str| {
        let (host, port) = (stack.address().ip().to_string(), stack.address().port().to_string());
        tools::run(Command::new("psql").args(["-X", "-At", "-h", &host, "-p", &port, "-U", "litewire", "-d", "litewire_admin", "-c", commands]))
    };
    let pools = psql("SHOW POOLS");
    assert!(pools.contains(&format!("{database}|litewire|1|0|0|0|1|0|0|0|0|0|0|0|0|transaction\n")), "{pools}");
    assert!(psql("SHOW VERSION").starts_with("Litewire "));
    assert!(psql("show help").contains("KILL_CLIENT id"));
    for what in [
        "CLIENTS",
        "CONFIG",
        "COUNTERS",
        "DATABASES",
        "LISTS",
        "MEM",
        "REFUSALS",
        "SERVERS",
        "STATE",
        "STATS",
        "STATS_TOTALS",
        "STATS_AVERAGES",
        "TRANSLATIONS",
        "USERS",
    ] {
        psql(&format!("SHOW {what}"));
    }
    client.run("COMMIT");
}

#[test]
fn the_tables_say_what_happens() {
    let stack = Stack::start("");
    let database = stack.database();
    let mut client = Wire::connect(stack.address(), &database, "");
    client.run("CREATE TABLE t(a INTEGER); INSERT INTO t VALUES (1)");
    client.run("BEGIN; SELECT a FROM t");
    client.query("SELECT load_extension('x')");
    let mut console = console(&stack);
    let clients = table(&mut console, "SHOW CLIENTS");
    assert_eq!(clients.len(), 1, "{clients:?}");
    let (servers, seen) = (table(&mut console, "SHOW SERVERS"), &clients[0]);
    assert_eq!((seen["type"].as_str(), seen["state"].as_str(), seen["dialect"].as_str()), ("C", "active", "sqlite"));
    let server = servers.iter().find(|server| server["ptr"] == seen["link"]).expect("the one that it holds");
    assert_eq!((server["state"].as_str(), &server["link"]), ("active", &seen["ptr"]));
    let alive = stack.admin_rows("postgres", &format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {}", server["remote_pid"]));
    assert_eq!(alive[0][0].as_deref(), Some("1"));

    client.run("ROLLBACK");
    let stats = table(&mut console, "SHOW STATS");
    let stats = stats.iter().find(|row| row["database"] == database).expect("it was used");
    // One by hand: each Query has one ReadyForQuery.
    assert_eq!((stats["total_query_count"].as_str(), stats["total_xact_count"].as_str()), ("4", "2"));
    assert!(stats["total_received"].parse::<u64>().expect("a number") > 100);
    let refused = table(&mut console, "SHOW REFUSALS");
    assert!(refused.iter().all(|row| row["count"] != "0"));
    let translations = table(&mut console, "SHOW TRANSLATIONS");
    assert!(translations.iter().any(|row| row["database"] == database && row["plans"] != "0"), "{translations:?}");
    let config = table(&mut console, "SHOW CONFIG");
    assert!(config.iter().any(|row| row["key"] == "pool.size" && row["value"] == "20" && row["changeable"] == "yes"));
    // When its client has left, what it did stays.
    drop(client);
    until("the client has left", || table(&mut console, "SHOW CLIENTS").is_empty());
    let after = table(&mut console, "SHOW STATS");
    assert_eq!(after.iter().find(|row| row["database"] == database).expect("still there")["total_query_count"], "4");
}

#[test]
fn drivers_use_the_extended_protocol() {
    let stack = Stack::shared();
    block_on(async {
        let (client, connection) = tokio_postgres::connect(&stack.url("litewire_admin"), NoTls).await.expect("let in");
        tokio::spawn(connection);
        let lists = client.query("SHOW LISTS", &[]).await.expect("rows, in binary");
        let pools = lists.iter().find(|row| row.get::<_, &str>(0) == "pools").expect("they are counted");
        assert!(pools.get::<_, i32>(1) >= 0);
        let memory = client.query("SHOW MEM", &[]).await.expect("rows");
        assert!(memory.iter().all(|row| row.get::<_, i64>("memtotal") >= 0));
        let error = client.query("SELECT 1", &[]).await.expect_err("no SQL");
        assert_eq!(error.code().map(|code| code.code()), Some("42601"));
        assert_eq!(client.execute("RECONNECT", &[]).await.expect("done"), 0);
    });
    let mut raw = console(&stack);
    raw.send(&[parse("s", "SHOW HELP", &[]), bind("p", "s", &[], &[]), describe('P', "p"), execute("p", 2), execute("p", 0), sync()]);
    let tags = raw.answer().tags();
    assert!(tags.starts_with("12TDDsD") && tags.ends_with("DCZ"), "{tags}");
    raw.send(&[bind("", "none", &[], &[]), execute("", 0), sync(), query("SHOW VERSION"), query(" ; ")]);
    assert_eq!((raw.answer().state().as_str(), raw.answer().tags().as_str(), raw.answer().tags().as_str()), ("26000", "TDCZ", "IZ"));
    raw.send(&[vec![b'Q', 0x7f, 0, 0, 0]]);
    assert_eq!(raw.rest().state(), "08P01");
}

#[test]
fn a_pause_lets_the_backend_restart_and_nobody_notices() {
    let stack = Stack::start("");
    let database = stack.database();
    let mut clients: Vec<Wire> = (0..3).map(|_| Wire::connect(stack.address(), &database, "")).collect();
    clients[0].run("CREATE TABLE t(a INTEGER)");
    clients[1].run("BEGIN; INSERT INTO t VALUES (1)");
    let mut console = console(&stack);
    // It is done when the transaction is.
    console.send(&[query(&format!("PAUSE {database}"))]);
    let mut other = super::console(&stack);
    until("it is paused", || table(&mut other, "SHOW DATABASES").iter().any(|row| row["name"] == database && row["paused"] == "1"));
    clients[1].run("COMMIT");
    assert_eq!(console.answer().commands(), ["PAUSE"]);
    assert!(table(&mut console, "SHOW SERVERS").iter().all(|row| row["database"] != database));
    // Not the restart itself, but all that it does to connections.
    let terminate = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()");
    stack.admin("postgres", &terminate);
    clients[2].send(&[query("SELECT count(*) FROM t")]);
    until("a client waits", || table(&mut console, "SHOW POOLS").iter().any(|row| row["database"] == database && row["cl_waiting"] == "1"));
    console.run(&format!("RESUME {database}"));
    assert_eq!(clients[2].answer().texts().concat(), ["1"]);
    for client in &mut clients {
        assert_eq!(client.value("SELECT count(*) FROM t"), "1");
    }
    // All of them, new pools too.
    console.run("PAUSE");
    assert!(table(&mut console, "SHOW STATE").iter().any(|row| row["key"] == "paused" && row["value"] == "yes"));
    let (address, unseen) = (stack.address(), stack.database());
    let late = thread::spawn(move || Wire::connect(address, &unseen, "").value("SELECT 1"));
    console.run("RESUME");
    assert_eq!(late.join().expect("served"), "1");
}

#[test]
fn reconnect_makes_backends_anew_without_a_client_noticing() {
    let stack = Stack::start("[pool]\nsize = 2\n");
    let database = stack.database();
    let mut client = Wire::connect(stack.address(), &database, "-c litewire.dialect=postgres");
    let mut other = Wire::connect(stack.address(), &database, "-c litewire.dialect=postgres");
    other.run("BEGIN");
    let (mine, held) = (client.value("SELECT pg_backend_pid()"), other.value("SELECT pg_backend_pid()"));
    let mut console = console(&stack);
    console.run(&format!("RECONNECT {database}"));
    assert_eq!(other.value("SELECT pg_backend_pid()"), held, "a transaction goes on where it is");
    let new = client.value("SELECT pg_backend_pid()");
    assert!(new != mine && new != held);
    console.send(&[query("WAIT_CLOSE")]);
    other.run("COMMIT");
    assert_eq!(console.answer().commands(), ["WAIT_CLOSE"]);
    assert_ne!(other.value("SELECT pg_backend_pid()"), held);
    assert_eq!(console.query("RECONNECT nowhere").state(), "3D000");
}

#[test]
fn a_client_can_be_killed_whatever_it_does() {
    let stack = Stack::start("[pool]\nsize = 1\ncheckout_timeout = '60s'\n");
    let database = stack.database();
    let connect = || Wire::connect(stack.address(), &database, "-c litewire.dialect=postgres");
    let (mut idle, mut busy, mut waiting) = (connect(), connect(), connect());
    idle.run("SELECT 1");
    busy.send(&[query("SELECT pg_sleep(60)")]);
    let mut console = console(&stack);
    until("one is busy", || table(&mut console, "SHOW CLIENTS").iter().any(|row| row["state"] == "active"));
    waiting.send(&[query("SELECT 1")]);
    until("one waits", || table(&mut console, "SHOW CLIENTS").iter().any(|row| row["state"] == "waiting"));
    for row in table(&mut console, "SHOW CLIENTS") {
        console.run(&format!("KILL_CLIENT {}", row["id"]));
    }
    for client in [&mut idle, &mut waiting, &mut busy] {
        assert!(client.rest().0.iter().any(|m| m.tag == b'E' && String::from_utf8_lossy(&m.body).contains("57P01")));
    }
    // The place in the pool is free again.
    assert_eq!(connect().value("SELECT 1"), "1");
    assert_eq!(console.query("KILL_CLIENT 999999").state(), "42704");
    let mut last = connect();
    last.run("SELECT 1");
    console.run(&format!("KILL {database}"));
    assert_eq!(last.rest().state(), "57P01");
    console.run(&format!("RESUME {database}"));
    assert_eq!(connect().value("SELECT 1"), "1");
}

#[test]
fn who_may_use_it() {
    let stack = Stack::start("[admin]\nusers = ['boss']\nstats_users = ['watcher']\n");
    let connect = |user: &str| crate::common::wire::Client::connect(stack.address(), &[("user", user), ("database", "litewire_admin")]);
    let error = connect("litewire").err().expect("not named").to_string();
    assert!(error.starts_with("28000"), "{error}");
    let mut watcher = connect("watcher").expect("let in");
    assert!(watcher.simple("SHOW POOLS").expect("answered").error.is_none());
    assert_eq!(watcher.simple("PAUSE").expect("answered").error.expect("refused").state, "42501");
    let mut boss = connect("boss").expect("let in");
    assert_eq!(boss.simple("RELOAD").expect("answered").answers[0].tag.as_deref(), Some("RELOAD"));
}
