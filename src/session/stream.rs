//! Large messages of the client that pass on as they come, without ever being whole here: COPY data, and the values of a Bind that
//! nothing is to be done with.

use super::expect::Expect;
use super::{Progress, Session};
use crate::wire::{encode, frame, frontend};
use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

/// Messages that are longer do not wait until they are whole.
const LARGE: usize = 64 * 1024;
/// PostgreSQL takes no longer ones (`PQ_LARGE_MESSAGE_LIMIT`).
const LONGEST: usize = 0x3fff_ffff;

/// What is still to come of a message.
#[derive(Debug, Default)]
pub(super) struct Stream {
    rest: usize,
    /// Does it go to the backend? Otherwise it is dropped.
    passes: bool,
}

impl Stream {
    /// Is there more to come?
    pub fn is_open(&self) -> bool {
        self.rest > 0
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Session<IO> {
    /// May the message at the start of the client's bytes pass as it comes?
    fn streams(&self) -> bool {
        match self.cin.first() {
            Some(b'd') => true,
            Some(b'B') => !self.is_sqlite() && !self.copy.is_open(),
            _ => false,
        }
    }

    /// How long the message at the start of the client's bytes may be.
    pub(super) fn longest(&self) -> usize {
        if self.streams() { LONGEST } else { self.options.max_message_size }
    }

    /// Can the message at the start of the client's bytes be begun with, though it is not whole?
    pub(super) fn may_stream(&self) -> bool {
        let large = matches!(frame::length(&self.cin, LONGEST), Ok(Some(length)) if length > LARGE);
        large && self.streams() && (self.cin[0] == b'd' || frontend::bind_names(&self.cin[frame::HEADER..]).is_ok())
    }

    /// Begins with a message of that length.
    pub(super) async fn begin_stream(&mut self, length: usize) -> Progress {
        let mut head = self.cin.split_to(self.cin.len().min(length));
        let rest = length - head.len();
        let passes = match head[0] {
            _ if self.skipping => false,
            b'd' => {
                self.copy_message(b'd', &head);
                self.link.is_some()
            }
            _ => self.begin_bind(&mut head, length).await,
        };
        self.stream = Stream { rest, passes };
        Progress::Done
    }

    /// The start of a Bind: its names, and what is there of its values.
    async fn begin_bind(&mut self, head: &mut BytesMut, length: usize) -> bool {
        let Ok((portal, statement)) = frontend::bind_names(&head[frame::HEADER..]) else { return false };
        let names = frame::HEADER + portal.len() + 1 + statement.len() + 1;
        let found = match self.find(statement) {
            Ok(prepared) => self.ensure_link().await.map(|()| prepared),
            Err(error) => Err(error),
        };
        let prepared = match found {
            Ok(prepared) => prepared,
            Err(error) => {
                self.fail(&error, "");
                return false;
            }
        };
        let (portal, name) = (portal.to_owned(), self.native_name(&prepared));
        self.bout.put_u8(b'B');
        let body = length - names + portal.len() + 1 + name.len() + 1;
        self.bout.put_u32(u32::try_from(body + 4).unwrap_or(u32::MAX));
        encode::cstring(&mut self.bout, &portal);
        encode::cstring(&mut self.bout, &name);
        self.bout.extend_from_slice(&head[names..]);
        self.expect.push_back(Expect::Bind { pass: true });
        self.leaves(prepared.traces.as_ref());
        self.portals.remove(&portal);
        self.batch = None;
        true
    }

    /// More of the message that was begun with.
    pub(super) fn go_on(&mut self) {
        let count = self.stream.rest.min(self.cin.len());
        if self.stream.passes {
            self.bout.extend_from_slice(&self.cin[..count]);
        }
        self.cin.advance(count);
        self.stream.rest -= count;
    }
}
