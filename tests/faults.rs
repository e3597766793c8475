//! What breaks: backends, clients, the network between. Nothing leaks, nobody gets another's rows, everything recovers by itself, and
//! what was acknowledged is there.

#[path = "wire/client.rs"]
mod client;
mod common;

use client::{Param, Wire, bind, execute, parse, query, sync, tagged};
use common::Stack;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
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
    descriptors_of(stack.proxy_id())
}

fn descriptors_of(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).expect("it runs").count()
}

/// A process's memory in KiB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find(|l| l.starts_with("VmRSS")).expect("Linux");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
}

fn backends(stack: &Stack, database: &str) -> String {
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND state <> 'idle'");
    stack.admin_rows("postgres", &sql)[0][0].clone().unwrap_or_default()
}

/// A network between two that can take everything and deliver nothing, or cut all connections.
struct Network {
    address: std::net::SocketAddr,
    blocked: Arc<AtomicBool>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

/// Where the network leads.
enum Far {
    Tcp(std::net::SocketAddr),
    Unix(std::path::PathBuf),
}

impl Network {
    fn to(far: Far) -> Network {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let network = Network { address, blocked: Arc::default(), ends: Arc::default() };
        let (blocked, ends) = (network.blocked.clone(), network.ends.clone());
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let near_too = near.try_clone().expect("a socket");
                ends.lock().expect("no panic").push(near.try_clone().expect("a socket"));
                let passed = match &far {
                    Far::Tcp(server) => TcpStream::connect(server).and_then(|far| {
                        carry(near, far.try_clone()?, &blocked);
                        carry(far, near_too, &blocked);
                        Ok(())
                    }),
                    Far::Unix(path) => UnixStream::connect(path).and_then(|far| {
                        carry(near, far.try_clone()?, &blocked);
                        carry(far, near_too, &blocked);
                        Ok(())
                    }),
                };
                if passed.is_err() {
                    return;
                }
            }
        });
        network
    }

    fn block(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Relaxed);
    }

    /// Cuts what is connected.
    fn cut(&self) {
        self.ends.lock().expect("no panic").drain(..).for_each(|end| _ = end.shutdown(Shutdown::Both));
    }
}

/// Carries bytes until one end is gone; while the network is blocked, to nowhere.
fn carry(mut from: impl Read + Send + 'static, mut to: impl Write + Send + 'static, blocked: &Arc<AtomicBool>) {
    let blocked = blocked.clone();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if !blocked.load(Ordering::Relaxed) && to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
    });
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
    let network = Network::to(Far::Tcp(stack.address()));
    let mut lost = Wire::connect(network.address, &database, POSTGRES);
    assert_eq!(lost.value("SELECT 1"), "1");
    network.block(true);
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

#[test]
fn a_black_hole_in_front_of_the_backend_swallows_one_statement() {
    let stack = Stack::shared();
    let database = stack.database();
    let network = Network::to(Far::Unix(stack.socket()));
    let proxy = stack.beside_at(network.address, "[pool]\nsize = 1\n[limits]\nquery_timeout = '300ms'\n");
    let connect = || Wire::connect(proxy.address, &database, POSTGRES);
    let (mut lost, mut waits) = (connect(), connect());
    lost.run("CREATE TABLE t(a int); INSERT INTO t VALUES (1)");
    network.block(true);
    lost.send(&[query("INSERT INTO t VALUES (2)")]);
    // Nobody knows whether it was done: its client is told that the connection is lost.
    assert_eq!(lost.rest().state(), "08006");
    network.block(false);
    // The connections of then deliver nothing that was sent into the hole; who comes now has others.
    assert_eq!(waits.value("SELECT count(*) FROM t"), "1");
    assert_eq!(connect().value("SELECT count(*) FROM t"), "1");
    // Cut, all at once: who has no transaction does not notice.
    let before = descriptors_of(proxy.id());
    for _ in 0..3 {
        network.cut();
        assert_eq!(waits.value("SELECT count(*) FROM t"), "1");
    }
    waits.run("BEGIN");
    network.cut();
    assert_eq!(waits.query_or_end("SELECT 1").state(), "08006");
    until("what was cut is closed", || descriptors_of(proxy.id()) <= before + 2);
}

#[test]
fn a_client_that_is_gone_without_a_word_is_found_out() {
    let stack = Stack::start("[pool]\nsize = 1\ncheckout_timeout = '20s'\n[limits]\nidle_in_transaction_timeout = '500ms'\n");
    let database = stack.database();
    connect(&stack, &database).run("CREATE TABLE t(a int)");
    let before = descriptors(&stack);
    let network = Network::to(Far::Tcp(stack.address()));
    // In a transaction, in the middle of a message, and before a log-in.
    let mut lost = Wire::connect(network.address, &database, POSTGRES);
    lost.run("BEGIN; INSERT INTO t VALUES (1)");
    let mut half = connect(&stack, &database);
    half.send(&[query("SELECT 'half'")[..7].to_vec()]);
    network.block(true);
    assert_eq!(connect(&stack, &database).value("SELECT count(*) FROM t"), "0");
    drop((half, lost));
    network.cut();
    until("the sockets are closed", || descriptors(&stack) <= before + 1);
}

/// `LITEWIRE_FLOOD` clients at once, 400 of them unless it says otherwise; each logs in with a password, over and over.
#[test]
fn a_storm_of_log_ins_passes() {
    let count = std::env::var("LITEWIRE_FLOOD").ok().and_then(|n| n.parse().ok()).unwrap_or(400_usize);
    let stack = Stack::start(&format!("[server]\nmax_clients = {}\n[pool]\nsize = 10\ncheckout_timeout = '60s'\n", count + 10));
    let database = stack.database();
    connect(&stack, &database).run("CREATE TABLE t(a int)");
    let (descriptors_before, memory_before) = (descriptors(&stack), resident(stack.proxy_id()));
    let mut memory_after = 0;
    for round in 0..3 {
        let mut clients: Vec<Wire> = (0..count).map(|_| Wire::open(stack.address())).collect();
        clients.iter_mut().for_each(|client| client.begin(&database, POSTGRES));
        for client in &mut clients {
            assert_eq!(client.answer().error(), None);
        }
        for (at, client) in clients.iter_mut().enumerate() {
            client.send(&[query(&format!("SELECT {at}"))]);
        }
        for (at, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.answer().texts().concat(), [at.to_string()]);
        }
        eprintln!("{count} clients: {} KiB each", (resident(stack.proxy_id()).saturating_sub(memory_before)) / count as u64);
        drop(clients);
        until("the sockets are closed", || descriptors(&stack) <= descriptors_before + 10);
        let memory = resident(stack.proxy_id());
        // The allocator keeps what it had; it does not grow with every storm.
        assert!(round == 0 || memory < memory_after + 4096, "{memory} KiB after storm {round}, {memory_after} before");
        memory_after = memory_after.max(memory);
    }
}
