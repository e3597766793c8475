//! What breaks: backends, clients, the network between. Nothing leaks, nobody gets another's rows, everything recovers by itself, and
//! what was acknowledged is there.

#[path = "wire/client.rs"]
mod client;
mod common;

use client::{Param, Wire, bind, execute, parse, query, sync, tagged};
use common::Stack;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const POSTGRES: &str = "-c litewire.dialect=postgres";

fn connect(stack: &Stack, database: &str) -> Wire {
    Wire::connect(stack.address(), database, POSTGRES)
}

/// Waits for what comes by itself.
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn descriptors(stack: &Stack) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", stack.proxy_id())).expect("it runs").count()
}

fn backends(stack: &Stack, database: &str) -> String {
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND state <> 'idle'");
    stack.admin_rows("postgres", &sql)[0][0].clone().unwrap_or_default()
}

/// A proxy between a client and Litewire that can stop to pass anything on, or cut the connection.
struct Network {
    address: std::net::SocketAddr,
    blocked: Arc<AtomicBool>,
}

impl Network {
    fn to(server: std::net::SocketAddr) -> Network {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let blocked = Arc::new(AtomicBool::new(false));
        let is_blocked = blocked.clone();
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(server) else { return };
                let (near_too, far_too) = (near.try_clone().expect("a socket"), far.try_clone().expect("a socket"));
                for (mut from, mut to) in [(near, far), (far_too, near_too)] {
                    let blocked = is_blocked.clone();
                    thread::spawn(move || {
                        let mut buffer = [0; 4096];
                        while let Ok(count @ 1..) = from.read(&mut buffer) {
                            // A black hole takes everything and says nothing.
                            if !blocked.load(Ordering::Relaxed) && to.write_all(&buffer[..count]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Network { address, blocked }
    }
}

#[test]
fn a_client_may_die_at_every_byte() {
    let stack = Stack::start("[pool]\nsize = 2\n");
    let database = stack.database();
    let mut watcher = connect(&stack, &database);
    watcher.run("CREATE TABLE t(a int); CREATE TABLE copied(a int)");
    let before = descriptors(&stack);
    let whole = [
        query("BEGIN"),
        query("INSERT INTO t VALUES (1)"),
        parse("s", "SELECT $1::int", &[]),
        bind("", "s", &[Param::Text("7".to_owned())], &[]),
        execute("", 0),
        sync(),
        query("COPY copied FROM STDIN"),
        tagged(b'd', b"1\n"),
        tagged(b'd', b"2\n"),
    ]
    .concat();
    for end in 0..=whole.len() {
        let mut client = connect(&stack, &database);
        client.send(&[whole[..end].to_vec()]);
        drop(client);
    }
    assert_eq!(watcher.value("SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM copied)"), "0");
    until("the backends are free", || backends(&stack, &database) == "0");
    // The backends of the pool may be there that were not at first.
    until("the sockets are closed", || descriptors(&stack) <= before + 2);
}

#[test]
fn backends_that_are_killed_are_replaced() {
    let stack = Stack::start("[pool]\nsize = 3\n");
    let database = stack.database();
    let mut idle: Vec<Wire> = (0..6).map(|_| connect(&stack, &database)).collect();
    idle[0].run("CREATE TABLE t(a int PRIMARY KEY)");
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        for (at, client) in idle.iter_mut().enumerate() {
            let row = round * 10 + at;
            client.run(&format!("INSERT INTO t VALUES ({row})"));
            acknowledged.push(row.to_string());
        }
        let mut busy = connect(&stack, &database);
        busy.run("BEGIN; INSERT INTO t VALUES (-1)");
        stack.admin(
            "postgres",
            &format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database}' AND application_name = 'litewire'"),
        );
        // Who was in a transaction hears of it; who was not, does not.
        assert_eq!(busy.rest().state(), "57P01");
        for client in &mut idle {
            assert_eq!(client.value("SELECT 1"), "1");
        }
    }
    assert_eq!(idle[0].value("SELECT string_agg(a::text, ',' ORDER BY a) FROM t"), acknowledged.join(","));
}

#[test]
fn a_server_that_crashes_comes_back() {
    let stack = Stack::start("[pool]\nsize = 3\n");
    let database = stack.database();
    let mut client = connect(&stack, &database);
    client.run("CREATE TABLE t(a int); INSERT INTO t VALUES (1)");
    let pid = client.value("SELECT pg_backend_pid()");
    // One that is killed takes all the others with it: the server restarts.
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().is_ok_and(|status| status.success()));
    until("the server is back", || {
        let parameters = [("user", stack.role()), ("database", &database), ("options", POSTGRES)];
        let counted = common::wire::Client::connect(stack.address(), &parameters).and_then(|mut client| client.simple("SELECT count(*) FROM t"));
        counted.is_ok_and(|reply| reply.error.is_none() && reply.answers[0].rows == [[Some(b"1".to_vec())]])
    });
}

#[test]
fn a_client_behind_a_black_hole_holds_nobody_up() {
    let stack = Stack::start("[pool]\nsize = 1\ncheckout_timeout = '20s'\n");
    let database = stack.database();
    let network = Network::to(stack.address());
    let mut lost = Wire::connect(network.address, &database, POSTGRES);
    assert_eq!(lost.value("SELECT 1"), "1");
    network.blocked.store(true, Ordering::Relaxed);
    lost.send(&[query("SELECT 'never heard'")]);
    let mut other = connect(&stack, &database);
    assert_eq!(other.value("SELECT 2"), "2");
}

#[test]
fn a_client_that_reads_slowly_is_waited_for_in_bounded_memory() {
    let stack = Stack::start("[pool]\nsize = 2\n");
    let database = stack.database();
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", stack.proxy_id())).expect("it runs");
        let line = status.lines().find(|l| l.starts_with("VmRSS")).expect("Linux");
        line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).expect("a number")
    };
    let mut slow = connect(&stack, &database);
    slow.run("SELECT 1");
    let before = memory();
    // 64 MiB in rows, in one row, and by COPY.
    for sql in [
        "SELECT repeat('x', 1024) FROM generate_series(1, 65536)",
        "SELECT repeat('x', 67108864)",
        "COPY (SELECT repeat('x', 1024) FROM generate_series(1, 65536)) TO STDOUT",
    ] {
        slow.send(&[query(sql)]);
        thread::sleep(Duration::from_millis(500));
        assert_eq!(connect(&stack, &database).value("SELECT 1"), "1");
        let grown = memory().saturating_sub(before);
        assert!(grown < 16 * 1024, "{grown} KiB more while nobody reads {sql}");
        let size: usize = slow.answer().0.iter().map(|m| m.body.len()).sum();
        assert!(size > 64 << 20, "{size} bytes of {sql}");
        let grown = memory().saturating_sub(before);
        assert!(grown < 16 * 1024, "{grown} KiB more after {sql}");
    }
}

#[test]
fn large_copy_data_goes_in_in_bounded_memory() {
    let stack = Stack::start("[pool]\nsize = 2\n");
    let database = stack.database();
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", stack.proxy_id())).expect("it runs");
        let line = status.lines().find(|l| l.starts_with("VmHWM")).expect("Linux");
        line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).expect("a number")
    };
    let mut client = connect(&stack, &database);
    client.run("CREATE UNLOGGED TABLE t(a text)");
    let before = memory();
    // In small messages, in one that is large, and as a value.
    let large = vec![b'x'; 48 << 20];
    client.send(&[query("COPY t FROM STDIN")]);
    for _ in 0..48 {
        client.send(&[tagged(b'd', &[&large[..1 << 20], b"\n"].concat())]);
    }
    client.send(&[tagged(b'd', &[&large[..], b"\n"].concat()), tagged(b'c', b"")]);
    assert_eq!(client.answer().commands(), ["COPY 49"]);
    let value = Param::Binary(large);
    client.send(&[parse("", "SELECT octet_length($1::bytea)", &[17]), bind("", "", &[value], &[]), execute("", 0), sync()]);
    assert_eq!(client.answer().texts().concat(), ["50331648"]);
    let grown = memory().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB more at the most");
}

#[test]
fn a_flood_of_connections_is_served_or_told() {
    let stack = Stack::start("[server]\nmax_clients = 300\n[pool]\nsize = 4\ncheckout_timeout = '30s'\n");
    let database = stack.database();
    connect(&stack, &database).run("CREATE TABLE t(a int)");
    let before = descriptors(&stack);
    let mut clients: Vec<Wire> = (0..290).map(|_| connect(&stack, &database)).collect();
    for (at, client) in clients.iter_mut().enumerate() {
        client.send(&[query(&format!("INSERT INTO t VALUES ({at}) RETURNING a"))]);
    }
    for (at, client) in clients.iter_mut().enumerate() {
        // Its own row, and nobody else's.
        assert_eq!(client.answer().texts().concat(), [at.to_string()]);
    }
    // Connections that say nothing, or half a message, take no place from others.
    let mute: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(stack.address()).expect("taken")).collect();
    mute.iter().for_each(|mut socket| _ = socket.write_all(&[0, 0, 0]));
    assert_eq!(connect(&stack, &database).value("SELECT count(DISTINCT a) FROM t"), "290");
    drop((clients, mute));
    until("the sockets are closed", || descriptors(&stack) <= before + 4);
}
