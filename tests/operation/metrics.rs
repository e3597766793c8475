use super::{console, until};
use crate::client::Wire;
use crate::common::Stack;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const ON: &str = "[metrics]\nlisten = '127.0.0.1:0'\n";

/// The address that the log tells.
fn address(stack: &Stack) -> SocketAddr {
    let log = || std::fs::read_to_string(stack.dir().join("litewire.log")).expect("there is a log");
    until("it says where", || log().contains("address="));
    let log = log();
    let told = log.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("it says where");
    told.parse().unwrap_or_else(|error| panic!("{told}: {error}"))
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).expect("it listens");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    // Whoever hangs up with something unread resets the connection.
    let _ = socket.read_to_string(&mut answer);
    answer
}

fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
}

#[test]
fn prometheus_can_read_them() {
    let stack = Stack::start(ON);
    let (database, address) = (stack.database(), address(&stack));
    let mut client = Wire::connect(stack.address(), &database, "");
    client.run("SELECT 1");
    let answer = get(address, "/metrics");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(body.contains(&format!("litewire_queries_total{{database=\"{database}\"}} 1\n")), "{body}");
    assert!(body.contains(&format!("litewire_pool_size{{database=\"{database}\",user=\"litewire\"}} 20\n")), "{body}");
    // Every sample is of a family that was announced, and is a number.
    let mut family = String::new();
    for line in body.lines() {
        if let Some(told) = line.strip_prefix("# TYPE ") {
            family = told.split(' ').next().expect("a name").to_owned();
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            assert_eq!(name.split('{').next(), Some(family.as_str()));
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
}

#[test]
fn readiness_follows_what_is_the_case() {
    let stack = Stack::start(ON);
    let address = address(&stack);
    let status = |path: &str| get(address, path).split(' ').nth(1).expect("a status").to_owned();
    assert_eq!((status("/healthz").as_str(), status("/readyz").as_str()), ("200", "200"));
    let database = stack.database();
    Wire::connect(stack.address(), &database, "").run("SELECT 1");
    assert_eq!(status("/readyz"), "200");
    let mut console = console(&stack);
    console.run("PAUSE");
    assert_eq!((status("/healthz").as_str(), status("/readyz").as_str()), ("200", "503"));
    console.run("RESUME");
    assert_eq!(status("/readyz"), "200");
    let mut client = Wire::connect(stack.address(), &database, "");
    console.run("SHUTDOWN WAIT_FOR_CLIENTS");
    until("it drains", || status("/readyz") == "503");
    assert_eq!(client.value("SELECT 1"), "1", "who is in stays");
}

#[test]
fn what_is_no_request_is_refused() {
    let stack = Stack::start(ON);
    let address = address(&stack);
    assert!(get(address, "/").starts_with("HTTP/1.1 404"));
    assert!(ask(address, "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc").starts_with("HTTP/1.1 405"));
    assert!(ask(address, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
    let endless = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(64 * 1024));
    let answer = ask(address, &endless);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    // One who says nothing is let go, and keeps nobody out.
    let _silent: Vec<_> = (0..8).map(|_| TcpStream::connect(address).expect("it listens")).collect();
    assert!(get(address, "/healthz").starts_with("HTTP/1.1 200"));
}
