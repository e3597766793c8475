//! A connection that is past its start-up already, for tokio-postgres, which does a start-up of its own.

use super::{Link, Stream};
use crate::wire::encode;
use bytes::{Buf, BufMut, BytesMut};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Swallows the start-up message, answers what the server answered to the real one, and is the server's socket from then on.
pub struct Replay {
    io: Stream,
    /// What the server said, up to ReadyForQuery.
    greeting: BytesMut,
    /// The length of the message to swallow, as far as it came.
    header: BytesMut,
    /// What is left of that message; None: its length is not known yet.
    left: Option<usize>,
}

impl Replay {
    /// An idle connection, from its start.
    pub(super) fn new(link: Link) -> Self {
        let mut greeting = BytesMut::new();
        encode::message(&mut greeting, b'R', |b| b.put_u32(0));
        for (name, value) in &link.params {
            encode::message(&mut greeting, b'S', |b| {
                encode::cstring(b, name);
                encode::cstring(b, value);
            });
        }
        encode::message(&mut greeting, b'K', |b| {
            b.put_i32(link.pid);
            // tokio-postgres knows four bytes; nothing that it runs here is cancelled.
            b.put_u32(0);
        });
        encode::ready(&mut greeting, link.status);
        greeting.extend_from_slice(&link.rbuf);
        Replay { io: link.io, greeting, header: BytesMut::new(), left: None }
    }
}

impl AsyncRead for Replay {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.greeting.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let count = self.greeting.len().min(buf.remaining());
        buf.put_slice(&self.greeting.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replay {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut taken = 0;
        while self.left != Some(0) && taken < buf.len() {
            match self.left {
                Some(left) => {
                    let count = left.min(buf.len() - taken);
                    taken += count;
                    self.left = Some(left - count);
                }
                None => {
                    self.header.put_u8(buf[taken]);
                    taken += 1;
                    if self.header.len() == 4 {
                        self.left = Some((self.header.get_u32() as usize).saturating_sub(4));
                    }
                }
            }
        }
        if taken > 0 || buf.is_empty() {
            return Poll::Ready(Ok(taken));
        }
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
