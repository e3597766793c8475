use super::{ConnectError, Stream, Target};
use crate::pool::Prepared;
use crate::wire::encode;
use bytes::{Buf, BytesMut};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::io::poll_read_buf;

/// A raw, authenticated connection to PostgreSQL; frames are relayed as bytes.
#[derive(Debug)]
pub struct Link {
    /// The socket.
    pub io: Stream,
    /// Received, not yet relayed.
    pub rbuf: BytesMut,
    /// Of the last ReadyForQuery: `b'I'` idle, `b'T'` in a transaction, `b'E'` in a failed one.
    pub status: u8,
    /// Replies are outstanding.
    pub busy: bool,
    /// Never to be used again.
    pub broken: bool,
    /// What ParameterStatus said.
    pub params: BTreeMap<String, String>,
    /// The backend's process, for CancelRequest.
    pub pid: i32,
    /// What a CancelRequest to it takes.
    pub cancel: Arc<CancelKey>,
    /// The statements that are prepared here.
    pub prepared: Prepared,
    /// Session settings in force here because of a client's SET; the session code maintains it.
    pub applied: BTreeMap<String, String>,
}

/// What a CancelRequest to a backend takes.
#[derive(Debug)]
pub struct CancelKey {
    /// Its process.
    pub pid: i32,
    /// The key that goes with that.
    pub secret: Vec<u8>,
    /// The host that it is on, of those that the address names.
    pub target: Target,
}

impl CancelKey {
    /// Asks the server to cancel what the backend does. Whether it did shows on that backend's own connection.
    pub async fn cancel(&self) -> Result<(), ConnectError> {
        self.target.cancel(self.pid, &self.secret).await
    }
}

impl Link {
    /// May another client have it as it is?
    pub fn is_clean(&self) -> bool {
        !self.broken && !self.busy && self.status == b'I' && self.rbuf.is_empty()
    }

    /// Looks, without waiting, at what came in while nobody used the link: parameters are noted and notices dropped.
    /// The error says why it cannot be used any more.
    pub(crate) fn check_idle(&mut self) -> Result<(), String> {
        // Nobody is to be woken: whoever uses the link next polls it with a waker of their own.
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            match poll_read_buf(Pin::new(&mut self.io), &mut cx, &mut self.rbuf) {
                Poll::Pending => return self.absorb(),
                Poll::Ready(Ok(0)) => return self.absorb().and(Err("the server closed the connection".to_owned())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(e)) => return self.absorb().and(Err(e.to_string())),
            }
        }
    }

    /// DISCARD ALL, and what is known of the session with it. The error says why the link cannot be used any more.
    pub(crate) async fn discard(&mut self) -> Result<(), String> {
        let mut message = BytesMut::new();
        encode::query(&mut message, "DISCARD ALL");
        self.io.write_all(&message).await.map_err(|e| e.to_string())?;
        self.busy = true;
        while self.busy {
            if self.io.read_buf(&mut self.rbuf).await.map_err(|e| e.to_string())? == 0 {
                return Err("the server closed the connection".to_owned());
            }
            self.absorb_partly()?;
        }
        self.prepared.clear();
        self.applied.clear();
        Ok(())
    }

    fn absorb(&mut self) -> Result<(), String> {
        self.absorb_partly()?;
        if self.rbuf.is_empty() { Ok(()) } else { Err("part of a message while idle".to_owned()) }
    }

    /// Deals with the messages that are there whole.
    fn absorb_partly(&mut self) -> Result<(), String> {
        while self.rbuf.len() >= 5 {
            let tag = self.rbuf[0];
            let length = (&self.rbuf[1..5]).get_u32() as usize + 1;
            if length < 5 || self.rbuf.len() < length {
                break;
            }
            let frame = self.rbuf.split_to(length);
            match tag {
                b'S' => {
                    let mut parts = frame[5..].split(|&b| b == 0).map(|part| String::from_utf8_lossy(part).into_owned());
                    if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
                        self.params.insert(name, value);
                    }
                }
                b'N' | b'A' => {}
                b'C' if self.busy => {}
                b'Z' if self.busy => {
                    self.status = frame.get(5).copied().unwrap_or(0);
                    self.busy = false;
                }
                b'E' => return Err(error_message(&frame[5..])),
                other => return Err(format!("an unexpected message '{}' while idle", char::from(other))),
            }
        }
        Ok(())
    }
}

/// The message field of an ErrorResponse's body.
fn error_message(body: &[u8]) -> String {
    let message = body.split(|&b| b == 0).find_map(|field| field.strip_prefix(b"M"));
    message.map_or_else(|| "an error without a message".to_owned(), |m| String::from_utf8_lossy(m).into_owned())
}
