//! TLS between clients and the proxy.

use crate::support::{GSS, Proxy, SSL, V3, World, packet, parameters, refusal, value};
use litewire::config::ScramVerifier;
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring, version};

const TLS: &str = "tls_cert = 'DIR/proxy.crt'\ntls_key = 'DIR/proxy.key'\n";

fn proxy(world: &World, server: &str, rest: &str) -> Proxy {
    world.proxy(&format!("[server]\n{TLS}{server}\n[backend]\nurl = 'BACKEND user=trusted'\n{rest}"))
}

#[test]
fn clients_may_or_must_encrypt() {
    let world = World::shared();
    let ca = world.path("ca.crt").display().to_string();
    let full = format!("user=ann sslmode=verify-full sslrootcert={ca}");
    let allow = proxy(&world, "", "");
    for rest in ["user=ann sslmode=disable", "user=ann sslmode=require", full.as_str()] {
        assert_eq!(allow.psql(rest, "SELECT 1"), Ok("1".to_owned()), "{rest}");
    }
    let require = proxy(&world, "tls = 'require'", "");
    assert_eq!(require.psql(&full, "SELECT 1"), Ok("1".to_owned()));
    let error = require.psql("user=ann sslmode=disable", "SELECT 1").expect_err("refused");
    assert!(error.contains("no pg_hba.conf entry") && error.contains("no encryption") && error.contains("sslmode=require"), "{error}");
    let disable = proxy(&world, "tls = 'disable'", "");
    assert_eq!(disable.psql("user=ann sslmode=prefer", "SELECT 1"), Ok("1".to_owned()));
    let error = disable.psql("user=ann sslmode=require", "SELECT 1").expect_err("refused");
    assert!(error.contains("server does not support SSL"), "{error}");
    let stranger = world.path("stranger.crt").display().to_string();
    let error = allow.psql(&format!("user=ann sslmode=verify-ca sslrootcert={stranger}"), "SELECT 1").expect_err("refused");
    assert!(error.contains("certificate verify failed"), "{error}");
}

#[test]
fn a_rule_tells_encrypted_clients_from_others() {
    let world = World::shared();
    let rules = "[[access]]\ntype = 'hostssl'\nmethod = 'trust'\n[[access]]\ntype = 'hostnossl'\nuser = 'plain'\nmethod = 'trust'";
    let proxy = proxy(&world, "", rules);
    assert!(proxy.psql("user=ann sslmode=require", "SELECT 1").is_ok());
    assert!(proxy.psql("user=plain sslmode=disable", "SELECT 1").is_ok());
    let error = proxy.psql("user=ann sslmode=disable", "SELECT 1").expect_err("refused");
    assert!(error.contains("database \"postgres\", no encryption"), "{error}");
}

#[test]
fn a_certificate_is_its_users() {
    let world = World::shared();
    let rules = "[[access]]\nuser = 'guest'\ntype = 'hostssl'\nclient_cert = true\nmethod = 'trust'\n[[access]]\ntype = 'hostssl'\nmethod = 'cert'";
    let proxy = proxy(&world, "tls_client_ca = 'DIR/ca.crt'", rules);
    let psql = |user: &str, certificate: &str| {
        let file = |kind: &str| world.path(&format!("{certificate}.{kind}")).display().to_string();
        proxy.psql(&format!("user={user} sslmode=require sslcert={} sslkey={}", file("crt"), file("key")), "SELECT 1")
    };
    assert_eq!(psql("ann", "ann"), Ok("1".to_owned()), "by its common name");
    assert_eq!(psql("ann-too", "ann"), Ok("1".to_owned()), "by a DNS name");
    assert_eq!(psql("guest", "ann"), Ok("1".to_owned()), "any that is signed");
    let error = psql("bob", "ann").expect_err("another's");
    assert!(error.contains("certificate authentication failed for user \"bob\""), "{error}");
    assert!(psql("ann", "mallory").is_err(), "signed by a stranger");
    for user in ["ann", "guest"] {
        let error = proxy.psql(&format!("user={user} sslmode=require"), "SELECT 1").expect_err("none is shown");
        assert!(error.contains("connection requires a valid client certificate"), "{error}");
    }
}

/// A TLS client that says just what it is told to.
fn tls_client(world: &World, alpn: &[&[u8]], tls12: bool) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(world.path("ca.crt")).expect("PEM")).expect("a root");
    let versions = if tls12 { &[&version::TLS12] } else { &[&version::TLS13] };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_protocol_versions(versions).expect("known");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

/// What a start-up message is answered by within TLS: the type of the first message.
fn start_within_tls(world: &World, port: u16, alpn: &[&[u8]], tls12: bool, direct: bool) -> std::io::Result<u8> {
    let connector = tls_client(world, alpn, tls12);
    crate::support::block_on(async {
        let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        if !direct {
            socket.write_all(&packet(SSL, b"")).await?;
            assert_eq!(socket.read_u8().await?, b'S');
        }
        let mut stream = connector.connect(ServerName::try_from("localhost").expect("a name"), socket).await?;
        stream.write_all(&packet(V3, &parameters(&[("user", "ann"), ("database", "postgres")]))).await?;
        stream.read_u8().await
    })
}

#[test]
fn versions_and_the_protocol_within_are_agreed_on() {
    let world = World::shared();
    let newest = proxy(&world, "tls_min_version = '1.3'", "");
    let any = proxy(&world, "", "");
    assert_eq!(start_within_tls(&world, any.port, &[], true, false).ok(), Some(b'R'));
    assert!(start_within_tls(&world, newest.port, &[], true, false).is_err());
    assert_eq!(start_within_tls(&world, newest.port, &[], false, false).ok(), Some(b'R'));
    // Asked for, ALPN is optional; without asking, it is what tells this protocol from another.
    for (alpn, direct, accepted) in [
        (&[&b"postgresql"[..]][..], true, true),
        (&[b"postgresql"], false, true),
        (&[], true, false),
        (&[b"h2"], true, false),
        (&[b"h2"], false, false),
    ] {
        let answer = start_within_tls(&world, any.port, alpn, false, direct);
        assert_eq!(answer.as_ref().ok(), accepted.then_some(&b'R'), "{alpn:?} {direct} {answer:?}");
    }
    // Without a certificate nobody takes a handshake for a packet.
    let plain = world.proxy("[backend]\nurl = 'BACKEND user=trusted'");
    assert!(start_within_tls(&world, plain.port, &[b"postgresql"], false, true).is_err());
}

/// CVE-2021-23214: who can write into the connection, but not read it, sends something in plain text behind the request for TLS.
#[test]
fn what_is_stuffed_behind_the_request_for_tls_is_refused() {
    let world = World::shared();
    let proxy = proxy(&world, "", "");
    let startup = packet(V3, &parameters(&[("user", "ann"), ("database", "postgres")]));
    let mut raw = proxy.raw();
    raw.send(&[packet(SSL, b""), startup.clone()].concat());
    assert_eq!(refusal(&raw.rest()), "FATAL 08P01 received unencrypted data after SSL request");
    let mut raw = proxy.raw();
    raw.send(&[packet(GSS, b""), packet(SSL, b""), startup.clone()].concat());
    assert_eq!(refusal(&raw.rest()), "FATAL 08P01 received unencrypted data after GSSAPI encryption request");
    // Sent a moment later, it goes to TLS, which has no use for it.
    let mut raw = proxy.raw();
    raw.send(&packet(SSL, b""));
    assert_eq!(raw.take(1), b"S");
    raw.send(&startup);
    let rest = raw.rest();
    assert!(rest.first().is_none_or(|first| *first == 0x15), "an alert of TLS's, if anything: {rest:?}");
}

#[test]
fn questions_for_encryption_come_once() {
    let world = World::shared();
    let start = |raw: &mut crate::support::Raw| {
        raw.send(&packet(V3, &parameters(&[("user", "ann"), ("database", "postgres")])));
        raw.message()
    };
    let plain = world.proxy("[backend]\nurl = 'BACKEND user=trusted'");
    let mut raw = plain.raw();
    for request in [GSS, SSL] {
        raw.send(&packet(request, b""));
        assert_eq!(raw.take(1), b"N");
    }
    assert_eq!(start(&mut raw), (b'R', vec![0; 4]));
    for request in [GSS, SSL] {
        let mut raw = plain.raw();
        raw.send(&packet(request, b""));
        assert_eq!(raw.take(1), b"N");
        raw.send(&packet(request, b""));
        let code = request & 0xffff;
        assert_eq!(refusal(&raw.rest()), format!("FATAL 0A000 unsupported frontend protocol 1234.{code}: server supports 3.0 to 3.2"));
    }
    // GSS first, then TLS, as libpq does it.
    let with_tls = proxy(&world, "", "");
    let mut raw = with_tls.raw();
    raw.send(&packet(GSS, b""));
    assert_eq!(raw.take(1), b"N");
    raw.send(&packet(SSL, b""));
    assert_eq!(raw.take(1), b"S");
}

#[test]
fn channel_binding_ties_the_log_in_to_the_connection() {
    let world = World::shared();
    let verifier = ScramVerifier::of_password("secret");
    let rest = format!("[auth]\nmethod = 'scram-sha-256'\n[[user]]\nname = 'ann'\nverifier = '{verifier}'");
    let proxy = proxy(&world, "", &rest);
    let psql = |rest: &str| proxy.psql(&format!("user=ann password=secret {rest}"), "SELECT 1");
    assert_eq!(psql("sslmode=require channel_binding=require"), Ok("1".to_owned()));
    assert_eq!(psql("sslmode=require channel_binding=disable"), Ok("1".to_owned()));
    assert_eq!(psql("sslmode=disable channel_binding=prefer"), Ok("1".to_owned()));
    assert!(psql("sslmode=disable channel_binding=require").is_err());
    // The password is checked all the same.
    let error = proxy.psql("user=ann password=guess sslmode=require channel_binding=require", "SELECT 1").expect_err("refused");
    assert!(error.contains("password authentication failed for user \"ann\""), "{error}");
    assert_eq!(value(&proxy.url("user=ann password=secret sslmode=disable"), "SELECT 1"), Ok("1".to_owned()));
}
