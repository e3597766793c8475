//! The decoders of the wire on whatever a peer may send: no panic, no hang. `fuzz/` does the same without end.

#[path = "../fuzz/decode.rs"]
mod decode;

use proptest::collection::vec;
use proptest::prelude::*;

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

#[test]
fn whole_frames_are_counted() {
    assert_eq!(decode::frontend(b"Q\0\0\0\x0dSELECT 1\0S\0\0\0\x04H\0\0\0\x04"), 3);
    assert_eq!(decode::frontend(b"Q\0\0\0\x0dSELECT"), 0);
}
