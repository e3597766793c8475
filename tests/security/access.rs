//! The rules of `[[access]]`.

use crate::support::{World, value};

#[test]
fn the_first_rule_that_fits_counts_and_none_is_a_refusal() {
    let world = World::shared();
    let proxy = world.proxy(
        "[backend]\nurl = 'BACKEND user=trusted'\n
         [[access]]\nuser = 'banned'\nmethod = 'reject'\n
         [[access]]\nuser = 'anyone'\ndatabase = 'sameuser'\nmethod = 'trust'\n
         [[access]]\nuser = ['ann', 'banned']\ndatabase = 'postgres'\naddress = '127.0.0.0/8'\nmethod = 'trust'\n
         [[access]]\nuser = 'bob'\naddress = '10.0.0.0/8'\nmethod = 'trust'",
    );
    assert_eq!(value(&proxy.url("user=ann"), "SELECT 1"), Ok("1".to_owned()));
    for (user, expected) in [
        ("banned", "28000 pg_hba.conf rejects connection for host \"127.0.0.1\", user \"banned\", database \"postgres\", no encryption"),
        ("bob", "28000 no pg_hba.conf entry for host \"127.0.0.1\", user \"bob\", database \"postgres\", no encryption"),
        ("anyone", "28000 no pg_hba.conf entry for host \"127.0.0.1\", user \"anyone\", database \"postgres\", no encryption"),
    ] {
        assert_eq!(value(&proxy.url(&format!("user={user}")), "SELECT 1"), Err(expected.to_owned()));
    }
    // libpq shows them as PostgreSQL's own.
    let error = proxy.psql("user=bob", "SELECT 1").expect_err("refused");
    assert!(error.contains("FATAL:  no pg_hba.conf entry for host"), "{error}");
}

#[test]
fn each_rule_has_its_method() {
    let world = World::shared();
    let verifier = litewire::config::ScramVerifier::of_password("secret");
    let proxy = world.proxy(&format!(
        "[backend]\nurl = 'BACKEND user=trusted'\n[[user]]\nname = 'ann'\nverifier = '{verifier}'\n
         [[access]]\nuser = 'ann'\nmethod = 'scram-sha-256'\n[[access]]\nuser = 'guest'\nmethod = 'trust'"
    ));
    assert_eq!(value(&proxy.url("user=ann password=secret"), "SELECT 1"), Ok("1".to_owned()));
    assert_eq!(value(&proxy.url("user=guest"), "SELECT 1"), Ok("1".to_owned()));
    let refused = value(&proxy.url("user=ann password=guess"), "SELECT 1");
    assert_eq!(refused, Err("28P01 password authentication failed for user \"ann\"".to_owned()));
}

#[test]
fn the_socket_beside_the_port() {
    let world = World::shared();
    let sockets = tempfile::tempdir().expect("a directory");
    let name = nix::unistd::User::from_uid(nix::unistd::Uid::current()).expect("asked").expect("there").name;
    let proxy = world.proxy(&format!(
        "[server]\nunix_socket_dir = '{}'\n[backend]\nurl = 'BACKEND user=trusted'\n
         [[access]]\ntype = 'local'\nuser = 'guest'\nmethod = 'trust'\n[[access]]\ntype = 'local'\nmethod = 'peer'\n
         [[access]]\ntype = 'host'\nmethod = 'reject'",
        sockets.path().display()
    ));
    let path = sockets.path().join(format!(".s.PGSQL.{}", proxy.port));
    // The port is told before the proxy's first turn.
    while !path.exists() {
        std::thread::yield_now();
    }
    let url = |user: &str| format!("host={} port={} user={user} dbname=postgres", sockets.path().display(), proxy.port);
    assert_eq!(value(&url("guest"), "SELECT 1"), Ok("1".to_owned()));
    assert_eq!(crate::support::psql(&url(&name), "SELECT 2"), Ok("2".to_owned()));
    let refused = value(&url("somebody"), "SELECT 1");
    assert_eq!(refused, Err("28000 Peer authentication failed for user \"somebody\"".to_owned()));
    assert!(value(&proxy.url("user=guest"), "SELECT 1").is_err_and(|error| error.contains("rejects connection")));
    drop(proxy);
    assert!(!path.exists(), "it goes with the proxy");
}

#[test]
fn places_are_limited_for_a_user_a_database_and_all() {
    let world = World::shared();
    let proxy = world.proxy(
        "[server]\nmax_clients = 3\n[[user]]\nname = 'one'\nmax_clients = 1\n
         [[database]]\nname = 'two'\nurl = 'BACKEND user=trusted dbname=postgres'\nmax_clients = 2\n
         [[database]]\nname = 'postgres'\nurl = 'BACKEND user=trusted'",
    );
    let url = |user: &str, database: &str| format!("host=127.0.0.1 port={} user={user} dbname={database}", proxy.port);
    crate::support::block_on(async {
        let connect = async |user: &str, database: &str| crate::support::connect(&url(user, database)).await;
        let first = connect("one", "postgres").await.expect("a place");
        let refused = connect("one", "postgres").await.expect_err("no place");
        assert_eq!(refused, "53300 too many connections for role \"one\"");
        let second = connect("a", "two").await.expect("a place");
        let third = connect("b", "two").await.expect("a place");
        let refused = connect("c", "postgres").await.expect_err("no place");
        assert_eq!(refused, "53300 sorry, too many clients already");
        drop(first);
        let refused = loop {
            // The place is free once the proxy has seen that the client has gone.
            match connect("c", "two").await.expect_err("no place") {
                busy if busy.contains("already") => tokio::task::yield_now().await,
                refused => break refused,
            }
        };
        assert_eq!(refused, "53300 too many connections for database \"two\"");
        drop((second, third));
    });
}
