//! Every decoder of the wire on arbitrary bytes. Also run, within bounds, by the property tests.

use litewire::wire::{backend, frame, frontend};

/// What a client might send: frames as long as they can be framed, then their bodies. Gives how many frames there were.
pub fn frontend(mut bytes: &[u8]) -> usize {
    let mut frames = 0;
    while let Ok(Some(length)) = frame::length(bytes, 1 << 20) {
        assert!(length >= frame::HEADER, "a frame has a header");
        let Some((message, rest)) = bytes.split_at_checked(length) else { break };
        let body = &message[frame::HEADER..];
        let _ = match message[0] {
            b'Q' => frontend::query(body).map(drop),
            b'P' => frontend::parse(body).map(drop),
            b'B' => frontend::bind(body).map(drop),
            b'D' | b'C' => frontend::target(body, "CLOSE").map(drop),
            b'E' => frontend::execute(body).map(drop),
            _ => Ok(()),
        };
        bytes = rest;
        frames += 1;
    }
    frames
}

/// What a backend might send: a message's kind and its body.
pub fn backend(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    match kind {
        b'D' => assert!(backend::data_row(body).is_ok_and(|fields| fields.len() <= usize::from(u16::MAX)) || backend::data_row(body).is_err()),
        b'E' | b'N' => drop(backend::fields(body)),
        _ => _ = backend::tag(body),
    }
}
