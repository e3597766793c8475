use super::process::Process;
use super::until;
use crate::client::{Wire, query};
use crate::common::Stack;

fn start(stack: &Stack, name: &str, timeout: &str) -> (Process, String) {
    let database = stack.database();
    let config = format!("[server]\nshutdown_timeout = '{timeout}'\n[backend]\nurl = '{}'\n", stack.backend(&database));
    (Process::start(stack.dir(), name, &config, "127.0.0.1:0"), database)
}

fn connect(process: &Process, database: &str) -> Wire {
    Wire::connect(process.address, database, "-c litewire.dialect=postgres")
}

#[test]
fn transactions_end_before_the_server_does() {
    let stack = Stack::shared();
    let (mut process, database) = start(&stack, "graceful", "60s");
    let (mut idle, mut writer, mut fresh) = (connect(&process, &database), connect(&process, &database), connect(&process, &database));
    idle.run("CREATE TABLE t(a int)");
    writer.run("BEGIN; INSERT INTO t VALUES (1)");
    process.signal("TERM");
    for client in [&mut idle, &mut fresh] {
        assert_eq!(client.rest().state(), "57P01");
    }
    until("nobody is let in", || std::net::TcpStream::connect(process.address).is_err());
    assert!(!process.has_ended());
    writer.run("INSERT INTO t VALUES (2)");
    writer.run("COMMIT");
    assert_eq!(writer.rest().state(), "57P01");
    assert!(process.end().success());
    assert_eq!(stack.admin_rows(&database, "SELECT count(*) FROM t")[0][0].as_deref(), Some("2"));
}

#[test]
fn who_takes_too_long_is_cut_off() {
    let stack = Stack::shared();
    let (mut process, database) = start(&stack, "deadline", "300ms");
    let mut slow = connect(&process, &database);
    slow.run("BEGIN");
    process.signal("INT");
    assert!(process.end().success());
    slow.rest();
}

#[test]
fn told_twice_it_stops_at_once() {
    let stack = Stack::shared();
    for second in ["TERM", "QUIT"] {
        let (mut process, database) = start(&stack, &format!("twice-{second}"), "1h");
        let mut busy = connect(&process, &database);
        busy.send(&[query("SELECT pg_sleep(60)")]);
        process.signal("TERM");
        until("it has begun to stop", || process.log().contains("stopping when"));
        process.signal(second);
        assert!(process.end().success());
    }
}

#[test]
fn the_console_can_do_it_too() {
    let stack = Stack::shared();
    for (command, graceful) in [("SHUTDOWN", false), ("SHUTDOWN WAIT_FOR_SERVERS", true), ("SHUTDOWN WAIT_FOR_CLIENTS", true)] {
        let (mut process, database) = start(&stack, &command.replace(' ', "-"), "1h");
        let mut client = connect(&process, &database);
        client.run("BEGIN");
        let mut console = Wire::connect(process.address, "litewire_admin", "");
        console.try_send(&[query(command)]).expect("it reads");
        if graceful {
            assert_eq!(console.answer().commands(), ["SHUTDOWN"]);
            client.run("COMMIT");
        }
        drop(client);
        assert!(process.end().success(), "{command}");
    }
}
