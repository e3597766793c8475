//! TLS and log-ins between the proxy and PostgreSQL, by libpq's parameters.

use crate::support::{Proxy, World};

/// What the backend says of the connection that serves a client: is it encrypted, and for which role.
fn through(world: &World, url: &str) -> Result<String, String> {
    let ca = world.path("ca.crt").display().to_string();
    let url = world.backend(&format!("dbname=postgres {url}").replace("CA", &ca).replace("DIR", &world.directory.path().display().to_string()));
    let proxy = Proxy::start(&format!("[dialect]\ndefault = 'postgres'\n[backend]\nurl = \"{url}\""));
    let sql = "SELECT ssl::text || ' ' || current_user FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    proxy.psql("user=any", sql)
}

fn yes(role: &str) -> Result<String, String> {
    Ok(format!("true {role}"))
}

fn no(role: &str) -> Result<String, String> {
    Ok(format!("false {role}"))
}

#[test]
fn every_sslmode_is_libpqs() {
    let world = World::shared();
    for (url, expected) in [
        ("user=trusted sslmode=disable", no("trusted")),
        ("user=trusted sslmode=allow", no("trusted")),
        ("user=trusted", yes("trusted")),
        ("user=trusted sslmode=prefer", yes("trusted")),
        ("user=trusted sslmode=require", yes("trusted")),
        ("user=trusted sslmode=verify-ca sslrootcert=CA", yes("trusted")),
        ("user=trusted sslmode=verify-full sslrootcert=CA", yes("trusted")),
        ("user=trusted sslmode=verify-full sslrootcert=CA ssl_min_protocol_version=TLSv1.3", yes("trusted")),
        // The rules of the backend decide which of the two ways is taken.
        ("user=tls_only password=TLS_ONLY sslmode=allow", yes("tls_only")),
        ("user=plain_only password=PLAIN_ONLY sslmode=prefer", no("plain_only")),
    ] {
        assert_eq!(through(&world, url), expected, "{url}");
    }
    for (url, expected) in [
        ("user=trusted sslmode=verify-ca sslrootcert=DIR/stranger.crt", "UnknownIssuer"),
        ("user=trusted sslmode=verify-full sslrootcert=DIR/stranger.crt", "UnknownIssuer"),
        ("user=trusted sslmode=require sslrootcert=DIR/stranger.crt", "UnknownIssuer"),
        ("user=trusted sslrootcert=system", "UnknownIssuer"),
        ("user=tls_only password=TLS_ONLY sslmode=disable", "no pg_hba.conf entry"),
        ("user=plain_only password=PLAIN_ONLY sslmode=require", "no pg_hba.conf entry"),
        ("user=tls_only password=WRONG sslmode=require", "password authentication failed"),
        ("user=tls_only sslmode=require", "role \\\"tls_only\\\" needs a password"),
    ] {
        let error = through(&world, url).expect_err(url);
        assert!(error.contains(&expected.replace('\\', "")), "{url}: {error}");
    }
}

#[test]
fn verify_full_is_for_the_hosts_name() {
    let world = World::shared();
    let ca = world.path("ca.crt").display().to_string();
    let port = world.postgres.port.expect("it listens");
    let by_address = |mode: &str| {
        let url = format!("postgres://trusted@127.0.0.1:{port}/postgres?sslmode={mode}&sslrootcert={}", ca.replace('/', "%2F"));
        Proxy::start(&format!("[backend]\nurl = '{url}'")).psql("user=any", "SELECT 1")
    };
    assert_eq!(by_address("verify-ca"), Ok("1".to_owned()));
    let error = by_address("verify-full").expect_err("the certificate is for localhost");
    assert!(error.contains("not valid for name"), "{error}");
    // [backend] tls_ca is verify-full, for addresses that say nothing of roots.
    let with_roots = |host: &str| {
        let config = format!("[backend]\nurl = 'postgres://trusted@{host}:{port}/postgres'\ntls_ca = '{ca}'");
        Proxy::start(&config).psql("user=any", "SELECT 1")
    };
    assert_eq!(with_roots("localhost"), Ok("1".to_owned()));
    assert!(with_roots("127.0.0.1").is_err());
}

#[test]
fn the_proxy_shows_a_certificate_of_its_own() {
    let world = World::shared();
    let file = |name: &str| world.path(name).display().to_string();
    let pair = format!("sslcert={} sslkey={}", file("cert_role.crt"), file("cert_role.key"));
    assert_eq!(through(&world, &format!("user=cert_role sslmode=require {pair}")), yes("cert_role"));
    let error = through(&world, "user=cert_role sslmode=require").expect_err("none is shown");
    assert!(error.contains("connection requires a valid client certificate"), "{error}");
}

#[test]
fn channel_binding_is_used_and_can_be_demanded() {
    let world = World::shared();
    for (url, expected) in [
        ("user=scram_role password=SCRAM_ROLE sslmode=require channel_binding=require", yes("scram_role")),
        ("user=scram_role password=SCRAM_ROLE sslmode=require channel_binding=disable", yes("scram_role")),
        ("user=scram_role password=SCRAM_ROLE sslmode=require", yes("scram_role")),
        ("user=scram_role password=SCRAM_ROLE sslmode=disable", no("scram_role")),
        ("user=md5_role password=MD5_ROLE", yes("md5_role")),
        ("user=password_role password=PASSWORD_ROLE", yes("password_role")),
    ] {
        assert_eq!(through(&world, url), expected, "{url}");
    }
    for url in [
        "user=trusted sslmode=require channel_binding=require",
        "user=md5_role password=MD5_ROLE sslmode=require channel_binding=require",
        "user=password_role password=PASSWORD_ROLE sslmode=require channel_binding=require",
    ] {
        let error = through(&world, url).expect_err(url);
        assert!(error.contains("channel_binding=require"), "{url}: {error}");
    }
}
