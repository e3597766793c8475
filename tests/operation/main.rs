//! What operators do: the console, metrics and health, reloading, stopping, upgrades.

#[path = "../wire/client.rs"]
mod client;
#[path = "../common/mod.rs"]
mod common;
mod console;
mod hosts;
mod log;
mod metrics;
#[path = "../postgres/mod.rs"]
mod postgres;
mod process;
mod reload;
mod stop;
mod systemd;
mod takeover;

use client::Wire;
use common::Stack;
use std::time::{Duration, Instant};

/// Looks until it is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn console(stack: &Stack) -> Wire {
    Wire::connect(stack.address(), "litewire_admin", "")
}

/// A table of the console as maps from column to value.
fn table(console: &mut Wire, command: &str) -> Vec<std::collections::HashMap<String, String>> {
    let answer = console.run(command);
    let columns = answer.columns().expect("a table");
    let text = |value: Option<Vec<u8>>| value.map_or("NULL".to_owned(), |v| String::from_utf8(v).expect("text"));
    answer.rows().into_iter().map(|row| columns.iter().map(|c| c.name.clone()).zip(row.into_iter().map(text)).collect()).collect()
}
