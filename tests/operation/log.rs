use super::process::Process;
use super::until;
use crate::client::{Param, Wire};
use crate::common::Stack;

#[test]
fn machines_can_read_who_came_and_left_and_no_values() {
    let stack = Stack::shared();
    let database = stack.database();
    let log = "[log]\nformat = 'json'\nlevel = 'info,litewire::clients=debug,litewire::servers=debug'\n";
    let config = format!("{log}[backend]\nurl = '{}'\n", stack.backend(&database));
    let process = Process::start(stack.dir(), "json", &config, "127.0.0.1:0");
    let mut client = Wire::connect(process.address, &database, "");
    client.run("CREATE TABLE t(a TEXT)");
    client.extended("INSERT INTO t VALUES (?)", &[0], &[Param::Text("xyzzy".to_owned())]);
    client.query("INSERT INTO nowhere VALUES ('xyzzy')");
    drop(client);
    let lines = || -> Vec<serde_json::Value> { process.log().lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect() };
    let find = |message: &str| lines().into_iter().find(|line| line["fields"]["message"] == message);
    until("it has left", || find("a client has left").is_some());
    let (came, left) = (find("a client was let in").expect("it came"), find("a client has left").expect("it left"));
    let (came, left) = (&came["fields"], &left["fields"]);
    assert!(came["user"] == "litewire" && came["database"] == *database && came["client"] == left["client"], "{came}");
    assert!(left["queries"] == 3 && left["address"] == "127.0.0.1" && left["seconds"].is_number(), "{left}");
    assert!(find("a backend was connected").is_some_and(|line| line["fields"]["pid"].is_number()));
    assert!(!process.log().contains("xyzzy"));
}
