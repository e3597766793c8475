//! The load that pgbench cannot send: placeholders, varying literals, dates, ids of inserted rows, guarded transactions.
//! `benches/compare.py` runs it; a line of JSON comes out.
//!
//! ```text
//! load --address 127.0.0.1:6543 --user u --database d --flavor litewire --workload now --clients 8 --seconds 5
//! ```
//!
//! With the flavor `postgres` it sends what one would have written by hand for PostgreSQL.

#[path = "../tests/common/wire.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod wire;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};
use wire::{Client, Parameter, Reply};

/// Rows of pgbench_accounts at scale 1, and of load_seen.
const ROWS: u64 = 100_000;

/// Whose SQL is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flavor {
    Litewire,
    Postgres,
}

/// One transaction of a workload: what it sends, and whether all of it succeeded.
type Transaction = fn(&mut Client, Flavor, u64) -> std::io::Result<bool>;

const WORKLOADS: [(&str, Transaction); 6] = [
    ("placeholders", placeholders),
    ("literals", literals),
    ("now", now),
    ("insert-id", insert_id),
    ("transaction", transaction),
    ("guarded", guarded),
];

fn main() {
    let Some(options) = options() else {
        let names = WORKLOADS.map(|(name, _)| name).join("|");
        eprintln!("usage: load --address ADDR --user U --database D --flavor litewire|postgres --workload {names} --clients N --seconds S");
        // `cargo bench` and `cargo test --benches` run it bare.
        return;
    };
    let deadline = Instant::now() + options.duration;
    let threads: Vec<_> = (0..options.clients).map(|me| thread::spawn(move || client(options, me, deadline))).collect();
    let (mut done, mut failed) = (0, 0);
    for thread in threads {
        let (d, f) = thread.join().expect("a client does not panic");
        done += d;
        failed += f;
    }
    println!("{{\"transactions\": {done}, \"failed\": {failed}}}");
}

#[derive(Clone, Copy)]
struct Options {
    address: SocketAddr,
    user: &'static str,
    database: &'static str,
    flavor: Flavor,
    run: Transaction,
    clients: u64,
    duration: Duration,
}

fn options() -> Option<Options> {
    let arguments: Vec<&'static str> = std::env::args().skip(1).map(|argument| &*argument.leak()).collect();
    let given: HashMap<_, _> = arguments.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let get = |name: &str| given.get(name).copied();
    Some(Options {
        address: get("--address")?.parse().ok()?,
        user: get("--user")?,
        database: get("--database")?,
        flavor: if get("--flavor")? == "litewire" { Flavor::Litewire } else { Flavor::Postgres },
        run: WORKLOADS.iter().find(|(name, _)| get("--workload") == Some(name))?.1,
        clients: get("--clients")?.parse().ok()?,
        duration: Duration::from_secs_f64(get("--seconds")?.parse().ok()?),
    })
}

/// The transactions done and failed; a lost connection ends the client and counts as a failure.
fn client(options: Options, me: u64, deadline: Instant) -> (u64, u64) {
    let mut random = Random(me + 1);
    let (mut done, mut failed) = (0, 0);
    let Ok(mut client) = Client::connect(options.address, &[("user", options.user), ("database", options.database)]) else { return (0, 1) };
    while Instant::now() < deadline {
        match (options.run)(&mut client, options.flavor, random.next() % ROWS + 1) {
            Ok(true) => done += 1,
            Ok(false) => failed += 1,
            Err(_) => return (done, failed + 1),
        }
    }
    (done, failed)
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn ok(reply: &Reply) -> bool {
    reply.error.is_none()
}

fn one_row(reply: &Reply) -> bool {
    ok(reply) && reply.answers.last().is_some_and(|answer| answer.rows.len() == 1)
}

fn placeholders(client: &mut Client, flavor: Flavor, id: u64) -> std::io::Result<bool> {
    let sql = match flavor {
        Flavor::Litewire => "SELECT abalance FROM pgbench_accounts WHERE aid = ?",
        Flavor::Postgres => "SELECT abalance FROM pgbench_accounts WHERE aid = $1",
    };
    let id = Parameter { oid: 0, binary: false, value: Some(id.to_string().into_bytes()) };
    client.extended(sql, &[id]).map(|reply| one_row(&reply))
}

fn literals(client: &mut Client, _: Flavor, id: u64) -> std::io::Result<bool> {
    client.simple(&format!("SELECT aid, abalance FROM pgbench_accounts WHERE aid = {id}")).map(|reply| one_row(&reply))
}

fn now(client: &mut Client, flavor: Flavor, id: u64) -> std::io::Result<bool> {
    let now = match flavor {
        Flavor::Litewire => "datetime('now')",
        Flavor::Postgres => "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')",
    };
    client.simple(&format!("UPDATE load_seen SET seen = {now} WHERE id = {id}")).map(|reply| ok(&reply))
}

fn insert_id(client: &mut Client, flavor: Flavor, id: u64) -> std::io::Result<bool> {
    let insert = format!("INSERT INTO load_log (n, note) VALUES ({id}, 'a note')");
    match flavor {
        Flavor::Litewire => Ok(ok(&client.simple(&insert)?) && one_row(&client.simple("SELECT last_insert_rowid()")?)),
        Flavor::Postgres => client.simple(&format!("{insert} RETURNING id")).map(|reply| one_row(&reply)),
    }
}

/// Four updates in a transaction; Litewire guards each by a savepoint.
fn transaction(client: &mut Client, _: Flavor, id: u64) -> std::io::Result<bool> {
    let mut good = ok(&client.simple("BEGIN")?);
    for n in updates(id) {
        good &= ok(&client.simple(&update(n))?);
    }
    Ok(good & ok(&client.simple("COMMIT")?))
}

/// The same, and by hand for PostgreSQL: the savepoint in the flight of its statement.
fn guarded(client: &mut Client, flavor: Flavor, id: u64) -> std::io::Result<bool> {
    if flavor == Flavor::Litewire {
        return transaction(client, flavor, id);
    }
    let mut good = ok(&client.simple("BEGIN")?);
    for n in updates(id) {
        good &= ok(&client.simple(&format!("SAVEPOINT g; {}; RELEASE g", update(n)))?);
    }
    Ok(good & ok(&client.simple("COMMIT")?))
}

/// In one order, so that transactions do not wait for each other in a circle.
fn updates(id: u64) -> impl Iterator<Item = u64> {
    let quarter = ROWS / 4;
    (0..4).map(move |n| n * quarter + id % quarter + 1)
}

fn update(id: u64) -> String {
    format!("UPDATE load_seen SET n = n + 1 WHERE id = {id}")
}
