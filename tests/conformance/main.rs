//! Conversations with a direct PostgreSQL and, in the postgres dialect, with Litewire in front of it: the answers are the same, byte
//! for byte, less process numbers, places in the server's source, and ParameterStatus.

mod blocks;
#[path = "../wire/client.rs"]
mod client;
#[path = "../common/mod.rs"]
mod common;
mod peer;
mod random;

use common::Stack;
use peer::{Delivery, Peer, Place};

/// PostgreSQL itself, and Litewire in front of a database of the same contents.
struct Pair {
    direct: Peer,
    proxied: Peer,
    differences: Vec<String>,
}

/// Of so many pairs one is tried.
const SHARE: usize = 10;

const SCHEMA: &str = "CREATE TABLE t(a int PRIMARY KEY, b text); INSERT INTO t SELECT n, 'row ' || n FROM generate_series(1, 5) n;
    CREATE UNLOGGED TABLE temporary_copy(a int, b text); ALTER TABLE t OWNER TO litewire; ALTER TABLE temporary_copy OWNER TO litewire";
/// What Litewire sets on its backends.
const OPTIONS: &str = "-c TimeZone=UTC -c extra_float_digits=1";

impl Pair {
    fn new(stack: &Stack) -> Pair {
        let place = Place::Unix(stack.socket());
        let database = stack.database();
        stack.admin(&database, SCHEMA);
        let proxied = Peer::new(Place::Tcp(stack.address()), &database, "-c litewire.dialect=postgres");
        Pair { direct: Peer::new(place, &database, OPTIONS), proxied, differences: Vec::new() }
    }

    fn compare(&mut self, name: &str, messages: &[Vec<u8>], delivery: Delivery) {
        let wanted = self.direct.converse(messages, Delivery::Whole);
        let answered = self.proxied.converse(messages, delivery);
        if wanted != answered {
            let at = wanted.iter().zip(&answered).take_while(|(a, b)| a == b).count();
            let from = |said: &[String]| said[at.saturating_sub(1).min(said.len())..].iter().take(4).cloned().collect::<Vec<_>>();
            let difference = format!("{name} ({delivery:?})\n  wanted … {:?}\n  had    … {:?}", from(&wanted), from(&answered));
            eprintln!("{difference}");
            self.differences.push(difference);
        }
    }

    fn finish(self, conversations: usize) {
        let count = self.differences.len();
        let first: Vec<_> = self.differences.into_iter().take(40).collect();
        assert!(first.is_empty(), "{count} of {conversations} conversations differ, the first of them:\n{}", first.join("\n"));
    }
}

#[test]
fn every_message_is_answered_as_postgresql_does() {
    let stack = Stack::shared();
    let mut pair = Pair::new(&stack);
    let blocks = blocks::all();
    for block in &blocks {
        pair.compare(block.name, &block.messages, Delivery::Whole);
        pair.compare(block.name, &block.messages, Delivery::Bytes);
    }
    pair.finish(2 * blocks.len());
}

#[test]
fn every_pair_of_messages_is_answered_as_postgresql_does() {
    let stack = Stack::shared();
    let mut pair = Pair::new(&stack);
    let blocks = blocks::all();
    let mut conversations = 0;
    for (i, first) in blocks.iter().enumerate() {
        for (j, second) in blocks.iter().enumerate() {
            // A share of them; LITEWIRE_EVERY_PAIR=1 runs all.
            if (i * 3 + j) % SHARE != 0 && std::env::var_os("LITEWIRE_EVERY_PAIR").is_none() {
                continue;
            }
            conversations += 1;
            let messages = [&first.messages[..], &second.messages[..]].concat();
            pair.compare(&format!("{}, then {}", first.name, second.name), &messages, Delivery::Whole);
        }
    }
    pair.finish(conversations);
}
