//! The log-ins of real drivers: libpq 18 (psycopg), node-postgres, tokio-postgres in the other files.

use crate::common::tools::{npm, pip, run};
use crate::need;
use crate::support::{Proxy, World};
use litewire::config::ScramVerifier;
use std::process::Command;

fn proxy(world: &World) -> Proxy {
    let verifier = ScramVerifier::of_password("secret");
    world.proxy(&format!(
        "[server]\ntls_cert = 'DIR/proxy.crt'\ntls_key = 'DIR/proxy.key'\ntls_client_ca = 'DIR/ca.crt'\n[backend]\nurl = 'BACKEND user=trusted'\n
         [[user]]\nname = 'bob'\nverifier = '{verifier}'\n[[user]]\nname = 'old'\npassword = 'secret'\n
         [[access]]\nuser = 'ann'\ntype = 'hostssl'\nmethod = 'cert'\n[[access]]\nuser = 'old'\nmethod = 'md5'\n
         [[access]]\nmethod = 'scram-sha-256'"
    ))
}

const PSYCOPG: &str = r#"
import os, sys, psycopg
port, directory = sys.argv[1:]
base = f"host=localhost hostaddr=127.0.0.1 port={port} dbname=postgres "
ca = f"sslrootcert={directory}/ca.crt "
def connect(rest):
    with psycopg.connect(base + rest) as c:
        assert c.execute("SELECT 41 + 1").fetchone()[0] == 42
        return c.info
bob = "user=bob password=secret "
for rest in [
    bob + "sslmode=disable", bob + "sslmode=require channel_binding=require",
    bob + ca + "sslmode=verify-full sslnegotiation=direct channel_binding=require",
    bob + "min_protocol_version=3.2 max_protocol_version=3.2 sslmode=require",
    bob + "max_protocol_version=latest require_auth=scram-sha-256",
    "user=old password=secret require_auth=md5",
    f"user=ann {ca}sslmode=verify-full sslnegotiation=direct sslcert={directory}/ann.crt sslkey={directory}/ann.key",
]:
    connect(rest)
for rest, expected in [
    (bob.replace("secret", "guess"), 'password authentication failed for user "bob"'),
    ("user=ann sslmode=disable", "password authentication failed"),
    (f"user=ann sslmode=require sslcert={directory}/mallory.crt sslkey={directory}/mallory.key", ""),
]:
    try:
        connect(rest + (" password=x" if "password" not in rest else ""))
    except psycopg.OperationalError as error:
        assert expected in str(error), error
    else:
        raise AssertionError("let in: " + rest)
# A cancel by libpq's own function takes the way of the connection, with the long key.
c = psycopg.connect(base + bob + ca + "max_protocol_version=3.2 sslmode=verify-full options='-c litewire.dialect=postgres'")
import threading, time
timer = threading.Timer(0.5, lambda: c.cancel_safe(timeout=10))
timer.start()
try:
    c.execute("SELECT pg_sleep(60)")
except psycopg.errors.QueryCanceled:
    pass
else:
    raise AssertionError("not cancelled")
c.rollback()
assert c.execute("SELECT 1").fetchone() == (1,)
"#;

#[test]
fn psycopg() {
    let packages = need!(pip("psycopg3", &["psycopg[binary]"]));
    let world = World::shared();
    let proxy = proxy(&world);
    run(Command::new("python3")
        .args(["-c", PSYCOPG, &proxy.port.to_string()])
        .arg(world.directory.path())
        .env("PYTHONPATH", packages)
        .env("HOME", "/nonexistent"));
}

const NODE: &str = r#"
const { Client } = require("pg"), fs = require("fs"), assert = require("assert");
const [port, directory] = process.argv.slice(-2);
const file = (name) => fs.readFileSync(`${directory}/${name}`, "utf8");
const ca = file("ca.crt");
async function connect(user, password, more) {
  const client = new Client({ host: "localhost", port: +port, user, password, database: "postgres", ...more });
  await client.connect();
  try {
    assert.equal((await client.query("SELECT 41 + 1 AS n")).rows[0].n, 42);
  } finally {
    await client.end();
  }
}
(async () => {
  await connect("bob", "secret");
  await connect("bob", "secret", { ssl: { ca }, enableChannelBinding: true });
  await connect("old", "secret", { ssl: { ca } });
  await connect("ann", undefined, { ssl: { ca, cert: file("ann.crt"), key: file("ann.key") } });
  await assert.rejects(connect("bob", "guess"), { code: "28P01" });
  await assert.rejects(connect("nobody", "secret"), { code: "28P01" });
  await assert.rejects(connect("ann", undefined, { ssl: { ca } }), { code: "28000" });
})().catch((error) => { console.error(error); process.exit(1); });
"#;

#[test]
fn node_postgres() {
    let modules = need!(npm(&["pg"]));
    let world = World::shared();
    let proxy = proxy(&world);
    run(Command::new("node").args(["-e", NODE, "--", &proxy.port.to_string()]).arg(world.directory.path()).env("NODE_PATH", modules));
}
