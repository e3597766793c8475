//! Limits on time, and what the log says.

use crate::common::Stack;
use crate::support::{World, block_on, connect, shown};
use litewire::config::ScramVerifier;

#[test]
fn who_says_nothing_for_too_long_is_let_go() {
    let world = World::shared();
    let proxy =
        world.proxy("[backend]\nurl = 'BACKEND user=trusted'\n[limits]\nclient_idle_timeout = '300ms'\nidle_in_transaction_timeout = '600ms'");
    let told = |sql: &str| {
        let mut raw = proxy.raw();
        raw.send(&crate::support::packet(crate::support::V3, &crate::support::parameters(&[("user", "ann"), ("database", "postgres")])));
        while raw.message().0 != b'Z' {}
        if !sql.is_empty() {
            raw.send(&crate::support::message(b'Q', format!("{sql}\0").as_bytes()));
            while raw.message().0 != b'Z' {}
        }
        crate::support::refusal(&raw.rest())
    };
    assert_eq!(told(""), "FATAL 57P05 terminating connection due to idle-session timeout");
    assert_eq!(told("SELECT 1"), "FATAL 57P05 terminating connection due to idle-session timeout");
    let left = "BEGIN IMMEDIATE; CREATE TABLE left_open (a)";
    assert_eq!(told(left), "FATAL 25P03 terminating connection due to idle-in-transaction timeout");
    assert_eq!(world.admin("SELECT count(*) FROM pg_class WHERE relname = 'left_open'"), "0");
    // A statement that takes longer than a client may is no client that says nothing.
    let slow = crate::support::value(&proxy.url("user=ann options='-c litewire.dialect=postgres'"), "SELECT pg_sleep(1)");
    assert_eq!(slow, Ok(String::new()));
}

#[test]
fn a_statement_that_takes_too_long_is_cancelled() {
    let world = World::shared();
    let proxy = world.proxy("[dialect]\ndefault = 'postgres'\n[backend]\nurl = 'BACKEND user=trusted'\n[limits]\nquery_timeout = '300ms'");
    block_on(async {
        let client = connect(&proxy.url("user=ann")).await.expect("let in");
        for _ in 0..2 {
            let error = client.simple_query("SELECT pg_sleep(60)").await.expect_err("cancelled");
            assert_eq!(shown(&error), "57014 canceling statement due to user request");
            client.query_one("SELECT 1", &[]).await.expect("the session lives on");
        }
        // Many short ones, together longer than the limit, are none of them too long.
        let many: Vec<_> = (0..8).map(|_| client.query_one("SELECT pg_sleep(0.1)::text", &[])).collect();
        for one in many {
            one.await.expect("answered");
        }
    });
}

/// Everything that is secret goes through the proxy at its most talkative, and none of it stands in the log.
#[test]
fn no_secret_and_no_value_is_logged() {
    let verifier = ScramVerifier::of_password("sesame-opens");
    let text = verifier.to_string();
    let (_, keys) = text.rsplit_once('$').expect("its form");
    let stack = Stack::start(&format!(
        "[log]\nlevel = 'trace'\n[auth]\nmethod = 'md5'\nquery = 'SELECT $1::text, NULL::text'\nquery_password = 'query-pass-word'\n
         [[user]]\nname = 'ann'\nverifier = '{verifier}'\nbackend_password = 'backend-pass-word'\n
         [[user]]\nname = 'bob'\npassword = 'plain-pass-word'\n"
    ));
    let database = stack.database();
    let url = |user: &str, password: &str| {
        let address = stack.address();
        format!("host={} port={} user={user} password={password} dbname={database}", address.ip(), address.port())
    };
    block_on(async {
        for (user, password) in [("ann", "sesame-opens"), ("bob", "plain-pass-word")] {
            let client = connect(&url(user, password)).await.expect("let in");
            client.simple_query("CREATE TABLE IF NOT EXISTS t (a TEXT)").await.expect("created");
            client.execute("INSERT INTO t VALUES ($1)", &[&"bound-value"]).await.expect("inserted");
            client.simple_query("INSERT INTO t VALUES ('literal-value')").await.expect("inserted");
            client.simple_query("SELECT nonsense('literal-value')").await.expect_err("there is no such function");
            connect(&url(user, "guessed-pass-word")).await.expect_err("refused");
        }
        connect(&url("nobody", "guessed-pass-word")).await.expect_err("refused");
    });
    let log = std::fs::read_to_string(stack.dir().join("litewire.log")).expect("the log is there");
    assert!(log.contains("DEBUG") && log.contains("a client was refused"), "{log}");
    for secret in ["sesame", "pass-word", "bound-value", "literal-value", keys] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
