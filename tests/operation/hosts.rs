use super::postgres::Postgres;
use super::process::Process;
use super::until;
use crate::client::{Wire, query};

/// A litewire in front of several hosts.
fn start(directory: &std::path::Path, hosts: &[&Postgres], attrs: &str) -> Process {
    let names = hosts.iter().map(|host| host.directory().display().to_string()).collect::<Vec<_>>().join(",");
    let config = format!("[backend]\nurl = 'host={names} user=postgres dbname=postgres target_session_attrs={attrs}'\n");
    Process::start(directory, attrs, &config, "127.0.0.1:0")
}

fn connect(process: &Process) -> Wire {
    Wire::connect(process.address, "postgres", "-c litewire.dialect=postgres")
}

/// What a client is told whose statement finds no host.
fn refused(process: &Process) -> String {
    let error = connect(process).query("SELECT 1").error();
    error.map_or_else(String::new, |(state, message)| format!("{state} {message}"))
}

#[test]
fn the_host_that_is_wanted_is_found_and_found_again() {
    let mut primary = Postgres::start();
    let standby = primary.standby();
    let directory = tempfile::tempdir().expect("a directory");
    let start = |attrs: &str| start(directory.path(), &[&standby, &primary], attrs);
    let in_recovery = |process: &Process| connect(process).value("SELECT pg_is_in_recovery()");
    let (any, to_standby, preferring) = (start("any"), start("standby"), start("prefer-standby"));
    let (writing, reading, to_primary) = (start("read-write"), start("read-only"), start("primary"));
    for (process, expected) in [(&any, "t"), (&to_standby, "t"), (&preferring, "t"), (&reading, "t"), (&writing, "f"), (&to_primary, "f")] {
        assert_eq!(in_recovery(process), expected);
    }
    // On a standby SQLite's dialect reads, too.
    Wire::connect(to_primary.address, "postgres", "").run("CREATE TABLE t(a INTEGER); INSERT INTO t VALUES (1)");
    let mut reader = Wire::connect(to_standby.address, "postgres", "");
    until("it is replicated", || reader.query("SELECT count(*), typeof(1) FROM t").texts().concat() == ["1", "integer"]);
    // A statement is cancelled where it runs.
    let mut sleeper = connect(&to_primary);
    sleeper.send(&[query("SELECT pg_sleep(60)")]);
    let mut console = Wire::connect(to_primary.address, "litewire_admin", "");
    until("it runs", || super::table(&mut console, "SHOW POOLS").iter().any(|row| row["sv_active"] == "1"));
    std::thread::sleep(std::time::Duration::from_millis(100));
    sleeper.cancel();
    assert_eq!(sleeper.answer().state(), "57014");

    // The primary goes; its clients stay, and write once there is another one.
    let mut client = connect(&to_primary);
    assert_eq!(client.value("SELECT 1"), "1");
    primary.stop();
    let (state, message) = client.query("SELECT 1").error().expect("no primary is there");
    assert_eq!(state, "57P03", "{message}");
    until("it says what is missing", || refused(&to_primary).contains("57P03") && refused(&to_primary).contains("is a primary"));
    assert_eq!(in_recovery(&preferring), "t");
    standby.promote();
    until("the new primary is found", || client.query("SELECT pg_is_in_recovery()").texts().concat() == ["f"]);
    client.run("INSERT INTO t VALUES (2)");
    // And where a standby is only preferred, it serves now.
    until("it serves", || connect(&preferring).value("SELECT pg_is_in_recovery()") == "f");
    until("no standby is there", || refused_or_standby(&to_standby));
}

/// New connections find none; one that was made before its server was promoted may live on.
fn refused_or_standby(process: &Process) -> bool {
    let mut console = Wire::connect(process.address, "litewire_admin", "");
    console.run("RECONNECT");
    let answer = Wire::connect(process.address, "postgres", "-c litewire.dialect=postgres").query("SELECT 1");
    answer.error().is_some_and(|(state, message)| state == "57P03" && message.contains("a standby"))
}
