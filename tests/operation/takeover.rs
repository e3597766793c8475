use super::process::Process;
use super::{table, until};
use crate::client::{Wire, query};
use crate::common::Stack;

#[test]
fn another_process_takes_the_port_over() {
    let stack = Stack::shared();
    let database = stack.database();
    let peers = stack.dir().join("peers");
    let config = format!("[server]\nreuse_port = true\npeer_dir = '{}'\n[backend]\nurl = '{}'\n", peers.display(), stack.backend(&database));
    let mut old = Process::start(stack.dir(), "old", &config, "127.0.0.1:0");
    let address = old.address;
    let connect = || Wire::connect(address, &database, "-c litewire.dialect=postgres");
    let (mut stays, mut transaction) = (connect(), connect());
    transaction.run("BEGIN; CREATE TABLE t(a int)");

    let new = Process::start(stack.dir(), "new", &config, &address.to_string());
    old.signal("USR2");
    until("the old one drains", || old.log().contains("taking no new clients"));
    // The socket closes with the next turn of its loop.
    until("the new one has the port", || table(&mut Wire::connect(address, "litewire_admin", ""), "SHOW CLIENTS").is_empty());

    // Whoever comes gets to the new one; whoever is there goes on with the old one.
    let mut comes = connect();
    assert_eq!(comes.value("SELECT 1"), "1");
    let seen = table(&mut Wire::connect(address, "litewire_admin", ""), "SHOW CLIENTS");
    assert_eq!(seen.len(), 1, "{seen:?}");
    transaction.run("INSERT INTO t VALUES (1); COMMIT");
    assert_eq!(comes.value("SELECT count(*) FROM t"), "1");

    // Requests to cancel come to the new one, for statements of both.
    for client in [&mut stays, &mut comes] {
        client.send(&[query("SELECT pg_sleep(60)")]);
        until("it runs", || {
            let mine = format!("datname = '{database}' AND query = 'SELECT pg_sleep(60)' AND state = 'active'");
            stack.admin_rows("postgres", &format!("SELECT count(*) FROM pg_stat_activity WHERE {mine}"))[0][0].as_deref() == Some("1")
        });
        client.cancel();
        assert_eq!(client.answer().state(), "57014");
        assert_eq!(client.value("SELECT 2"), "2");
    }

    assert!(!old.has_ended());
    drop((stays, transaction));
    assert!(old.end().success());
    assert_eq!(comes.value("SELECT 3"), "3");
    drop(new);
}

#[test]
fn an_embedded_server_has_one_process() {
    let stack = Stack::shared();
    let file = stack.dir().join("embedded.toml");
    std::fs::write(&file, "[server]\nreuse_port = true\n").expect("it can be written");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_litewire")).args(["serve", "--config"]).arg(&file).output().expect("it runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("reuse_port needs a backend"));
}
