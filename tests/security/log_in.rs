//! Log-ins: verifiers of the file and of the backend, old clients, and what is passed on.

use crate::support::{World, block_on, value};
use litewire::config::ScramVerifier;

fn refused(user: &str) -> Result<String, String> {
    Err(format!("28P01 password authentication failed for user \"{user}\""))
}

#[test]
fn old_clients_log_in_by_md5_where_a_rule_allows_it() {
    let world = World::shared();
    let md5 = world.admin("SELECT rolpassword FROM pg_authid WHERE rolname = 'md5_role'");
    let scram = ScramVerifier::of_password("secret");
    let users = format!(
        "[[user]]\nname = 'md5_role'\nverifier = '{md5}'\n[[user]]\nname = 'plain'\npassword = 'hunter2'\n
         [[user]]\nname = 'modern'\nverifier = '{scram}'\n"
    );
    let config = |method: &str| format!("[backend]\nurl = 'BACKEND user=trusted'\n[auth]\nmethod = '{method}'\n{users}");
    let proxy = world.proxy(&config("md5"));
    let log_in = |user: &str, password: &str| value(&proxy.url(&format!("user={user} password={password}")), "SELECT 1");
    for (user, password) in [("md5_role", "MD5_ROLE"), ("plain", "hunter2"), ("modern", "secret")] {
        assert_eq!(log_in(user, password), Ok("1".to_owned()), "{user}");
        assert_eq!(log_in(user, "wrong"), refused(user));
    }
    assert_eq!(log_in("nobody", "secret"), refused("nobody"));
    // Under scram-sha-256 an md5 verifier proves nothing.
    let strict = world.proxy(&config("scram-sha-256"));
    let log_in = |user: &str, password: &str| value(&strict.url(&format!("user={user} password={password}")), "SELECT 1");
    assert_eq!(log_in("md5_role", "MD5_ROLE"), refused("md5_role"));
    assert_eq!(log_in("plain", "hunter2"), Ok("1".to_owned()));
}

#[test]
fn the_backend_is_asked_for_verifiers_and_a_log_in_is_passed_on() {
    let world = World::shared();
    let proxy = world.proxy(
        "[dialect]\ndefault = 'postgres'\n[backend]\nurl = 'BACKEND'\n[auth]\nmethod = 'scram-sha-256'\n
         query = 'SELECT rolname, rolpassword FROM auth.verifier($1)'\nquery_user = 'asker'\nquery_password = 'ASKER'\nquery_cache = '1h'",
    );
    let log_in = |user: &str, password: &str| value(&proxy.url(&format!("user={user} password={password}")), "SELECT current_user");
    // No password stands in the configuration but the asker's.
    assert_eq!(log_in("same", "SAME"), Ok("same".to_owned()));
    assert_eq!(log_in("same", "WRONG"), refused("same"));
    assert_eq!(log_in("scram_role", "SCRAM_ROLE"), Ok("scram_role".to_owned()));
    assert_eq!(log_in("nobody", "NOBODY"), refused("nobody"));
    assert_eq!(log_in("cert_role", "CERT_ROLE"), refused("cert_role"), "a role without a password");
    // A password that is changed: the log-in with the old one fails, and with it goes what was known.
    world.admin("CREATE ROLE changing LOGIN PASSWORD 'OLD'; GRANT scram_role TO changing");
    let hba = log_in("changing", "OLD").expect_err("the backend has no rule for it");
    assert!(hba.starts_with("28000 the backend refuses the log-in: no pg_hba.conf entry"), "{hba}");
    world.admin("ALTER ROLE other PASSWORD 'NEW'");
    assert_eq!(log_in("other", "NEW"), Ok("other".to_owned()));
    world.admin("ALTER ROLE other PASSWORD 'OTHER'");
    assert_eq!(log_in("other", "OTHER"), refused("other"), "the old answer");
    assert_eq!(log_in("other", "OTHER"), Ok("other".to_owned()), "asked again");
    let unknown = format!("host=127.0.0.1 port={} user=same password=SAME dbname=nowhere", proxy.port);
    assert_eq!(value(&unknown, "SELECT 1"), refused("same"), "a database that does not exist is not told of");
}

#[test]
fn a_verifier_of_the_file_passes_on_only_where_it_is_the_backends() {
    let world = World::shared();
    let same = world.admin("SELECT rolpassword FROM pg_authid WHERE rolname = 'same'");
    let another = ScramVerifier::of_password("SCRAM_ROLE");
    let proxy = world.proxy(&format!(
        "[dialect]\ndefault = 'postgres'\n[backend]\nurl = 'BACKEND'\n[auth]\nmethod = 'scram-sha-256'\n
         [[user]]\nname = 'same'\nverifier = '{same}'\n[[user]]\nname = 'scram_role'\nverifier = '{another}'\n
         [[user]]\nname = 'asker'\npassword = 'ASKER'"
    ));
    let log_in = |user: &str, password: &str| value(&proxy.url(&format!("user={user} password={password}")), "SELECT current_user");
    assert_eq!(log_in("same", "SAME"), Ok("same".to_owned()));
    assert_eq!(log_in("asker", "ASKER"), Ok("asker".to_owned()), "with the password of the file");
    let error = log_in("scram_role", "SCRAM_ROLE").expect_err("the same password, another salt");
    assert!(error.starts_with("28000 cannot authenticate to the backend: the backend's verifier of role \"scram_role\" is not the one"), "{error}");
}

#[test]
fn a_query_that_cannot_be_asked_lets_nobody_in() {
    let world = World::shared();
    for (query, expected) in [
        ("SELECT 1", "28000"),
        ("SELECT $1::text", "28000"),
        ("SELECT $1::text, ''nonsense''", "28000"),
        ("SELECT $1::text, NULL", "28P01"),
        ("SELECT $1::text, ''''::text", "28P01"),
        ("SELECT no_such_column", "28000"),
    ] {
        let query = query.replace("''", "'");
        let proxy = world.proxy(&format!("[backend]\nurl = 'BACKEND user=trusted'\n[auth]\nmethod = 'scram-sha-256'\nquery = \"{query}\""));
        let error = value(&proxy.url("user=same password=SAME"), "SELECT 1").expect_err("nobody");
        assert!(error.starts_with(expected), "{query}: {error}");
    }
}

/// Whether a user exists cannot be told from what the server says.
#[test]
fn users_cannot_be_tried_out() {
    let world = World::shared();
    let verifier = ScramVerifier::of_password("secret");
    let proxy = world.proxy(&format!(
        "[backend]\nurl = 'BACKEND user=trusted'\n[auth]\nmethod = 'scram-sha-256'\n[[user]]\nname = 'ann'\nverifier = '{verifier}'"
    ));
    let challenge = |user: &str| {
        let mut raw = proxy.raw();
        raw.send(&crate::support::packet(crate::support::V3, &crate::support::parameters(&[("user", user), ("database", "postgres")])));
        let (tag, offer) = raw.message();
        let first = b"n,,n=,r=abcdef";
        let body = [&b"SCRAM-SHA-256\0"[..], &(first.len() as u32).to_be_bytes(), first].concat();
        raw.send(&crate::support::message(b'p', &body));
        let (_, challenge) = raw.message();
        let text = String::from_utf8(challenge[4..].to_vec()).expect("text");
        let salt = text.split(',').nth(1).expect("a salt").to_owned();
        (tag, offer, salt, text.split(',').nth(2).map(str::to_owned))
    };
    let (ann, nobody, again) = (challenge("ann"), challenge("nobody"), challenge("nobody"));
    assert_eq!((ann.0, &ann.1, &ann.3, ann.2.len()), (nobody.0, &nobody.1, &nobody.3, nobody.2.len()));
    assert_eq!(nobody.2, again.2, "the same salt each time");
}

#[test]
fn a_log_in_that_takes_too_long_ends() {
    let world = World::shared();
    let proxy = world.proxy("[server]\nauth_timeout = '200ms'\n[backend]\nurl = 'BACKEND user=trusted'");
    assert_eq!(proxy.raw().rest(), b"");
    let mut half = proxy.raw();
    half.send(b"\0\0\0");
    assert_eq!(half.rest(), b"");
    // Who is in stays.
    block_on(async {
        let client = crate::support::connect(&proxy.url("user=ann")).await.expect("let in");
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        client.simple_query("SELECT 1").await.expect("still there");
    });
}
