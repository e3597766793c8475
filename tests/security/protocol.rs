//! The start-up by bytes: versions, packets that are none, cancel keys.

use crate::support::{CANCEL, Raw, V3, World, message, packet, parameters, refusal};

fn start(raw: &mut Raw, version: u32, more: &[(&str, &str)]) {
    let mut pairs = vec![("user", "ann"), ("database", "postgres")];
    pairs.extend(more);
    raw.send(&packet(version, &parameters(&pairs)));
}

/// Up to ReadyForQuery; the body of BackendKeyData.
fn key(raw: &mut Raw) -> Vec<u8> {
    let mut key = vec![];
    loop {
        match raw.message() {
            (b'K', body) => key = body,
            (b'Z', _) => return key,
            (b'E', body) => panic!("{}", String::from_utf8_lossy(&body)),
            _ => {}
        }
    }
}

#[test]
fn versions_are_negotiated_as_postgresql_18_does() {
    let world = World::shared();
    let proxy = world.proxy("[backend]\nurl = 'BACKEND user=trusted'");
    for (minor, key_length) in [(0, 4), (2, 32)] {
        let mut raw = proxy.raw();
        start(&mut raw, V3 | minor, &[]);
        assert_eq!(raw.message().0, b'R', "what is known needs no negotiation");
        assert_eq!(key(&mut raw).len(), 4 + key_length);
    }
    let mut raw = proxy.raw();
    start(&mut raw, V3 | 9999, &[("_pq_.fancy", "1")]);
    let (tag, body) = raw.message();
    assert_eq!((tag, body), (b'v', [&[0, 3, 0, 2, 0, 0, 0, 1][..], b"_pq_.fancy\0"].concat()));
    assert_eq!(key(&mut raw).len(), 36);
    let mut raw = proxy.raw();
    start(&mut raw, V3, &[("_pq_.a", "1"), ("_pq_.b", "1")]);
    assert_eq!(raw.message(), (b'v', [&[0, 3, 0, 0, 0, 0, 0, 2][..], b"_pq_.a\0_pq_.b\0"].concat()));
    let mut raw = proxy.raw();
    start(&mut raw, 2 << 16, &[]);
    assert_eq!(refusal(&raw.rest()), "FATAL 0A000 unsupported frontend protocol 2.0: server supports 3.0 to 3.2");
    let mut raw = proxy.raw();
    start(&mut raw, 4 << 16, &[]);
    assert_eq!(refusal(&raw.rest()), "FATAL 0A000 unsupported frontend protocol 4.0: server supports 3.0 to 3.2");
}

#[test]
fn packets_that_are_none_end_the_connection() {
    let world = World::shared();
    let proxy = world.proxy("[backend]\nurl = 'BACKEND user=trusted'");
    let sized = |length: u32| [&length.to_be_bytes()[..], &V3.to_be_bytes(), &[b'x'; 64]].concat();
    let long = packet(V3, &parameters(&[("user", "ann"), ("x", &"y".repeat(10_000))]));
    for silent in [sized(0), sized(4), sized(7), sized(10_001), sized(u32::MAX), long, packet(CANCEL, b""), b"GET / HTTP/1.1\r\n\r\n".to_vec()] {
        let mut raw = proxy.raw();
        raw.send(&silent);
        assert_eq!(raw.rest(), b"", "{:?}", &silent[..8]);
    }
    for (body, expected) in [
        (&b"user\0ann\0"[..], "FATAL 08P01 invalid startup packet layout: expected terminator as last byte"),
        (b"user\0ann", "FATAL 08P01 invalid startup packet layout: expected terminator as last byte"),
        (b"user\0ann\0\0more", "FATAL 08P01 invalid startup packet layout: expected terminator as last byte"),
        (b"database\0postgres\0\0", "FATAL 28000 no PostgreSQL user name specified in startup packet"),
        (b"user\0\xff\xfe\0\0", "FATAL 22021 invalid byte sequence for encoding \"UTF8\" in the startup packet"),
        (b"user\0ann\0replication\0true\0\0", "FATAL 0A000 replication through the proxy is not supported"),
    ] {
        let mut raw = proxy.raw();
        raw.send(&packet(V3, body));
        assert_eq!(refusal(&raw.rest()), expected);
    }
}

#[test]
fn answers_to_a_question_for_a_password_are_bounded() {
    let world = World::shared();
    let verifier = litewire::config::ScramVerifier::of_password("secret");
    let proxy = world.proxy(&format!(
        "[backend]\nurl = 'BACKEND user=trusted'\n[auth]\nmethod = 'scram-sha-256'\n[[user]]\nname = 'ann'\nverifier = '{verifier}'"
    ));
    let initial = |mechanism: &str, data: &[u8]| {
        let body = [mechanism.as_bytes(), b"\0", &(data.len() as u32).to_be_bytes(), data].concat();
        message(b'p', &body)
    };
    for (answer, expected) in [
        (message(b'Q', b"SELECT 1\0"), "FATAL 08P01 expected password response, got message type 81"),
        (message(b'p', &[b'x'; 2000]), "FATAL 08P01 message of 2004 bytes is larger than the limit"),
        (message(b'p', b""), "FATAL 08P01 malformed SASLInitialResponse"),
        (message(b'p', b"SCRAM-SHA-256\0\0\0\0\x09abc"), "FATAL 08P01 malformed SASLInitialResponse"),
        (initial("SCRAM-SHA-1", b"n,,n=,r=x"), "FATAL 08P01 client selected an invalid SASL authentication mechanism"),
        (initial("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=,r=x"), "FATAL 08P01 client selected an invalid SASL authentication mechanism"),
        (initial("SCRAM-SHA-256", b"p=tls-server-end-point,,n=,r=x"), "FATAL 08P01 malformed SCRAM message"),
        (initial("SCRAM-SHA-256", b"nonsense"), "FATAL 08P01 malformed SCRAM message"),
        (b"p\0\0\0\x01".to_vec(), "FATAL 08P01 invalid message length"),
    ] {
        let mut raw = proxy.raw();
        start(&mut raw, V3, &[]);
        assert_eq!(raw.message().0, b'R');
        raw.send(&answer);
        assert_eq!(refusal(&raw.rest()), expected);
    }
}

/// A client cut off after each byte of its log-in leaves nothing behind.
#[test]
fn a_client_may_die_at_every_byte() {
    let world = World::shared();
    let proxy = world.proxy("[server]\nmax_clients = 4\n[backend]\nurl = 'BACKEND user=trusted'");
    let bytes = [packet(crate::support::GSS, b""), packet(V3, &parameters(&[("user", "ann"), ("database", "postgres")]))].concat();
    for end in 0..bytes.len() {
        let mut raw = proxy.raw();
        raw.send(&bytes[..end.min(8)]);
        if end > 8 {
            assert_eq!(raw.take(1), b"N");
            raw.send(&bytes[8..end]);
        }
    }
    let mut raw = proxy.raw();
    start(&mut raw, V3, &[]);
    key(&mut raw);
}

/// Litewire behind Litewire: a key of 32 bytes is given by the one, and understood by the other.
#[test]
fn long_cancel_keys_go_both_ways() {
    let world = World::shared();
    let behind = world.proxy("[dialect]\ndefault = 'postgres'\n[backend]\nurl = 'BACKEND user=trusted'");
    let url = format!("host=127.0.0.1 port={} user=ann dbname=postgres sslmode=disable max_protocol_version=3.2", behind.port);
    let proxy = crate::support::Proxy::start(&format!("[dialect]\ndefault = 'postgres'\n[backend]\nurl = '{url}'"));
    let mut raw = proxy.raw();
    start(&mut raw, V3 | 2, &[]);
    let key = key(&mut raw);
    assert_eq!(key.len(), 36);
    raw.send(&message(b'Q', b"SELECT pg_sleep(60)\0"));
    // Until the statement runs there is nothing to cancel.
    while world.admin("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%' AND state = 'active'") == "0" {}
    let mut wrong = key.clone();
    wrong[35] ^= 1;
    for key in [wrong, key] {
        let mut cancel = proxy.raw();
        cancel.send(&packet(CANCEL, &key));
        assert_eq!(cancel.rest(), b"");
    }
    let (tag, body) = loop {
        match raw.message() {
            (b'T', _) => {}
            other => break other,
        }
    };
    assert_eq!(refusal(&message(tag, &body)), "ERROR 57014 canceling statement due to user request");
    // A server that knows no 3.2 says so, and is talked to by 3.0.
    let url = world.backend("user=trusted dbname=postgres max_protocol_version=latest");
    let old = crate::support::Proxy::start(&format!("[backend]\nurl = '{url}'"));
    assert_eq!(old.psql("user=ann", "SELECT 1"), Ok("1".to_owned()));
}
