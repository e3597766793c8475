//! Every decoder of the wire, and the translator, on arbitrary bytes. Also run, within bounds, by the property tests.

use litewire::catalog::Catalog;
use litewire::config::{ScramVerifier, Verifier};
use litewire::translate::cache::PlanCache;
use litewire::translate::{Options, catalog_from_ddl, split};
use litewire::wire::scram::{ChannelBinding, Client, Keys, PLAIN, PLUS, Server};
use litewire::wire::{backend, certificate, frame, frontend, startup};
use std::sync::LazyLock;

/// What the translator is given beside a text.
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let ddl = "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b REAL, c, d NUMERIC DEFAULT 1, UNIQUE (a, b));
        CREATE TABLE u(t_id REFERENCES t, \"of time\" DATETIME, e BOOLEAN CHECK (e IN (0, 1)));
        CREATE VIEW v AS SELECT a, count(*) AS n FROM t GROUP BY a;
        CREATE INDEX i ON t(c);";
    catalog_from_ddl(ddl).expect("it is right")
});

/// What a client might send: frames as long as they can be framed, then their bodies. Gives how many frames there were.
pub fn frontend(mut bytes: &[u8]) -> usize {
    let mut frames = 0;
    while let Ok(Some(length)) = frame::length(bytes, 1 << 20) {
        assert!(length >= frame::HEADER, "a frame has a header");
        let Some((message, rest)) = bytes.split_at_checked(length) else { break };
        let body = &message[frame::HEADER..];
        let _ = match message[0] {
            b'Q' => frontend::query(body).map(drop),
            b'P' => frontend::parse(body).map(drop),
            b'B' => frontend::bind(body).map(drop),
            b'D' | b'C' => frontend::target(body, "CLOSE").map(drop),
            b'E' => frontend::execute(body).map(drop),
            _ => Ok(()),
        };
        bytes = rest;
        frames += 1;
    }
    frames
}

/// What a backend might send: a message's kind and its body.
pub fn backend(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    match kind {
        b'D' => assert!(backend::data_row(body).is_ok_and(|fields| fields.len() <= usize::from(u16::MAX)) || backend::data_row(body).is_err()),
        b'E' | b'N' => drop(backend::fields(body)),
        _ => _ = backend::tag(body),
    }
}

/// What a client, or a backend, might send before it is let in: a packet, or the messages of a log-in, which end at newlines.
pub fn log_in(bytes: &[u8]) {
    if let Ok(Some(startup::Packet::Startup(message))) = startup::read(bytes) {
        message.parameters.into_values().for_each(|value| assert!(startup::cut(value).len() <= 63));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        // Only what can be read is a verifier.
        let _ = text.parse::<Verifier>();
    }
    let certificate = bytes.to_vec().into();
    assert!(!certificate::is_for(&certificate, "ann") || bytes.len() > 64, "there is no certificate so short");
    certificate::end_point(&certificate);

    let verifier = ScramVerifier { iterations: 1, salt: vec![1], stored_key: [2; 32], server_key: [3; 32] };
    let mut lines = bytes.split(|b| *b == b'\n');
    let (first, last) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    for (mechanism, binding) in [(PLAIN, None), (PLAIN, Some(vec![4])), (PLUS, Some(vec![4]))] {
        let mut server = Server::new(verifier.clone(), binding);
        if server.first(mechanism, first).is_ok() {
            assert!(!matches!(server.last(last), Ok(Some(_))), "nobody knows the password");
        }
    }
    let mut client = Client::new(Keys { client_key: [5; 32], verifier }, ChannelBinding::Unsupported);
    client.last(first);
    assert!(!client.is_genuine(last), "nobody knows the key");
}

/// What a client might say in SQL: each statement is translated or refused, with its literals and without.
pub fn sql(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let plans = PlanCache::new(0);
    for range in split(text) {
        let sql = &text[range];
        if let Err(error) = plans.simple(sql, &CATALOG, &Options::default()) {
            assert!(error.state.as_str() != "XX000", "{}: {}", sql, error.message);
            assert!(error.position.is_none_or(|at| at <= sql.len()), "{sql}: {} at {:?}", error.message, error.position);
        }
        let _ = litewire::session::may_leave(sql);
    }
}
