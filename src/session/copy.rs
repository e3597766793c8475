//! COPY from the client, and function calls: the parts of the protocol in which other messages have another meaning.

use super::Session;
use super::expect::{Expect, RAW};
use crate::wire::encode;
use tokio::io::{AsyncRead, AsyncWrite};

/// A COPY from the client.
#[derive(Debug, Default)]
pub(super) struct Copy {
    /// The backend takes data, and the client has not said that there is no more.
    open: bool,
    /// How often the client has said Sync since the last data. The backend ignores it, unless the COPY failed before.
    syncs: usize,
}

impl Copy {
    /// Does the backend take data?
    pub fn is_open(&self) -> bool {
        self.open
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// CopyData, CopyDone or CopyFail. Without a COPY the backend ignores it.
    pub(super) fn copy_message(&mut self, tag: u8, whole: &[u8]) {
        if self.link.is_none() {
            return;
        }
        self.copy.syncs = 0;
        if tag != b'd' && !std::mem::take(&mut self.copy.open) && !self.expect.is_empty() {
            self.expect.push_back(Expect::CopyEnd);
            // A Sync behind it is answered by the backend: of one before it, the COPY may make nothing.
            self.unsynced = true;
        }
        self.bout.extend_from_slice(whole);
    }

    /// Another message while the backend takes data: it ignores Flush and Sync, and ends the connection for any other.
    pub(super) fn within_copy(&mut self, tag: u8, whole: &[u8]) {
        match tag {
            b'S' => self.copy.syncs += 1,
            b'H' => {}
            _ => self.bout.extend_from_slice(whole),
        }
    }

    /// CopyInResponse: of what was sent already, the backend takes everything up to the end of the data as part of it.
    pub(super) fn copy_begins(&mut self) {
        let end = self.expect.iter().position(|e| matches!(e, Expect::CopyEnd));
        let open = end.is_none();
        self.copy = Copy { open, syncs: 0 };
        let (mut at, end) = (0, end.unwrap_or(self.expect.len()));
        let mut swallowed = false;
        self.expect.retain(|expected| {
            at += 1;
            let within = at - 1 < end && matches!(expected, Expect::Sync | Expect::Ready);
            swallowed |= within;
            !(within || at - 1 == end)
        });
        if open && swallowed && matches!(self.expect.front(), Some(Expect::Execute { .. })) {
            self.unsynced = true;
        }
    }

    /// An error ends the COPY: a Sync that was kept from the backend gets its answer after all.
    pub(super) fn copy_failed(&mut self) {
        let Copy { open, mut syncs } = std::mem::take(&mut self.copy);
        if !open || syncs == 0 {
            return;
        }
        if self.skipping {
            encode::empty(&mut self.bout, b'S');
            self.expect.push_back(Expect::Sync);
            (self.skipping, self.unsynced) = (false, false);
            syncs -= 1;
        }
        self.expect.extend(std::iter::repeat_with(|| Expect::Ready).take(syncs));
    }

    /// FunctionCall, in the postgres dialect.
    pub(super) async fn function_call(&mut self, whole: &[u8]) {
        if let Err(error) = self.ensure_link().await {
            self.inject_error(&error, "");
            self.ready_here();
            return;
        }
        self.unsynced = false;
        self.bout.extend_from_slice(whole);
        self.settings.suspect();
        self.expect.push_back(Expect::Query { shape: RAW.clone(), guards: 0, retry: false, ready: true });
    }
}
