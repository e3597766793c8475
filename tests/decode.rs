//! The decoders of the wire, and the translator, on whatever a peer may send: no panic, no hang. `fuzz/` does the same without end.

#[path = "../fuzz/decode.rs"]
mod decode;

use litewire::translate::{self, parse::scan};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::LazyLock;

/// A frame of a kind that exists, whose length is right, or nearly, or not at all.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop::sample::select(b"QPBDECSHXcdfFp!".to_vec());
    let body = vec(prop_oneof![Just(0_u8), Just(1), Just(255), any::<u8>()], 0..64);
    let error = prop_oneof![8 => Just(0_i32), 1 => -5..5_i32, 1 => any::<i32>()];
    (kind, body, error).prop_map(|(kind, body, error)| {
        let length = i32::try_from(body.len() + 4).expect("it is short").wrapping_add(error);
        [&[kind], &length.to_be_bytes()[..], &body].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_clients_bytes_do_not_panic(frames in vec(frame(), 0..6)) {
        decode::frontend(&frames.concat());
    }

    #[test]
    fn noise_does_not_panic(bytes in vec(any::<u8>(), 0..256)) {
        decode::frontend(&bytes);
        decode::backend(&bytes);
    }

    #[test]
    fn what_comes_before_a_log_in_does_not_panic(
        code in prop_oneof![Just(196_608_u32), Just(80_877_102), Just(80_877_103), any::<u32>()],
        body in vec(prop_oneof![Just(0_u8), Just(b'a'), any::<u8>()], 0..300),
        scram in "(n|y|p=tls-server-end-point|p=x)?,?(a=x)?,?(n=)?,?(r=[a-z]{0,3})?\n(c=(biws|eSws|[A-Za-z+/=]{0,8}))?,?(r=[a-z]{0,3})?,?(p=[A-Za-z+/=]{0,44})?",
    ) {
        decode::log_in(&[&code.to_be_bytes()[..], &body].concat());
        decode::log_in(scram.as_bytes());
    }

    #[test]
    fn a_backends_bytes_do_not_panic(kind in prop::sample::select(b"TtDENSC".to_vec()), body in vec(prop_oneof![Just(0_u8), any::<u8>()], 0..128)) {
        decode::backend(&[&[kind], &body[..]].concat());
    }
}

/// Statements of the fixtures, in tokens.
static TOKENS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/differential");
    let paths = std::fs::read_dir(directory).expect("the fixtures").map(|entry| entry.expect("it can be read").path());
    let texts = paths.map(|path| std::fs::read_to_string(path).expect("readable"));
    let statements = texts.flat_map(|text| {
        let tokens = |range: std::ops::Range<usize>| {
            let sql = &text[range];
            scan::tokens(sql).iter().map(|token| token.text(sql).to_owned()).collect::<Vec<_>>()
        };
        translate::split(&text).into_iter().map(tokens).collect::<Vec<_>>()
    });
    statements.filter(|tokens| !tokens.is_empty()).collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_clients_sql_does_not_panic(start in any::<Index>(), edits in vec((any::<Index>(), any::<Index>(), any::<Index>(), 0..4), 0..6)) {
        let mut tokens = TOKENS[start.index(TOKENS.len())].clone();
        for (at, from, piece, kind) in edits {
            let other = &TOKENS[from.index(TOKENS.len())];
            let (at, piece) = (at.index(tokens.len()), piece.index(other.len()));
            match kind {
                0 => tokens[at] = other[piece].clone(),
                1 => tokens.insert(at, other[piece].clone()),
                2 if tokens.len() > 1 => drop(tokens.remove(at)),
                _ => drop(tokens.splice(at.., other[piece..].iter().cloned())),
            }
        }
        decode::sql(tokens.join(" ").as_bytes());
    }
}

/// However deep it is nested.
#[test]
fn deep_sql_is_refused() {
    for (open, close) in [("(", ")"), ("SELECT (", ")"), ("NOT ", ""), ("- ", ""), ("CASE WHEN ", " THEN 1 END"), ("a OR ", ""), ("1 || ", "")] {
        decode::sql(format!("SELECT {}1{} FROM t", open.repeat(20_000), close.repeat(20_000)).as_bytes());
    }
    decode::sql(format!("SELECT 1{}", " UNION SELECT 1".repeat(5_000)).as_bytes());
}

#[test]
fn whole_frames_are_counted() {
    assert_eq!(decode::frontend(b"Q\0\0\0\x0dSELECT 1\0S\0\0\0\x04H\0\0\0\x04"), 3);
    assert_eq!(decode::frontend(b"Q\0\0\0\x0dSELECT"), 0);
}
