//! What systemd does with a service: it is told of its states, and hands it a socket.

use super::process::Process;
use crate::client::Wire;
use crate::common::Stack;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn it_is_told_what_becomes_of_its_service() {
    let stack = Stack::shared();
    let config = format!("[backend]\nurl = '{}'\n", stack.backend(&stack.database()));
    let path = stack.dir().join("notify.sock");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
    let told = |wanted: &str| {
        let mut buffer = [0; 4096];
        loop {
            let length = manager.recv(&mut buffer).unwrap_or_else(|error| panic!("{wanted} is not told: {error}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|line| line == wanted) {
                return message;
            }
        }
    };
    let environment = [("NOTIFY_SOCKET", path.to_str().expect("text")), ("WATCHDOG_USEC", "400000")];
    let mut process = Process::start_with(stack.dir(), "notify", &config, "127.0.0.1:0", &environment);
    told("READY=1");
    told("WATCHDOG=1");
    told("WATCHDOG=1");
    process.signal("HUP");
    assert!(told("RELOADING=1").contains("MONOTONIC_USEC="));
    told("READY=1");
    process.signal("TERM");
    told("STOPPING=1");
    assert!(process.end().success());
}

#[test]
fn it_may_open_the_port() {
    let stack = Stack::shared();
    let database = stack.database();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    // sd_listen_fds(3): the sockets begin at the third descriptor, and are for the process of that number.
    let hand_over = r#"exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@""#;
    let mut child = Command::new("sh")
        .args(["-c", hand_over, env!("CARGO_BIN_EXE_litewire"), "serve", "--backend", &stack.backend(&database)])
        .stdin(OwnedFd::from(listener))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the shell runs");
    // Whoever connects before it has started waits for it.
    assert_eq!(Wire::connect(address, &database, "").value("SELECT 1"), "1");
    child.kill().and_then(|()| child.wait()).expect("it runs");
}
