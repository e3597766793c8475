//! Every decoder of the wire on arbitrary bytes. Also run, within bounds, by the property tests.

use litewire::wire::{backend, frame, frontend};

/// What a client might send: frames as long as they can be framed, then their bodies. Gives how many frames there were.
pub fn frontend(mut bytes: &[u8]) -> usize {
    let mut frames = 0;
    while let Ok(Some(length)) = frame::frontend_len(bytes, 1 << 20) {
        assert!(length >= frame::HEADER, "a frame has a header");
        let Some((message, rest)) = bytes.split_at_checked(length) else { break };
        let body = &message[frame::HEADER..];
        let _ = match message[0] {
            b'Q' => frontend::query(body).map(drop),
            b'P' => frontend::parse(body).map(drop),
            b'B' => frontend::bind(body).map(drop),
            b'D' | b'C' => frontend::target(body).map(drop),
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
        b'T' => drop(backend::row_description(body)),
        b't' => drop(backend::parameter_description(body)),
        b'D' => assert!(backend::data_row(body).count() <= usize::from(u16::MAX), "a row counts its values in 16 bits"),
        b'E' | b'N' => _ = [b'C', b'M', b'P', *kind].map(|code| backend::error_field(body, code)),
        b'S' => _ = backend::parameter_status(body),
        _ => _ = std::str::from_utf8(body).map(backend::tag_rows),
    }
}
