//! The socket until the session takes it over: encryption is agreed on, packets and messages are bounded, replies go out in
//! one write.

use super::packet::{self, Packet};
use super::startup::Ended;
use crate::backend::{Stream, tls::ALPN};
use crate::error::{ClientError, SqlState};
use crate::wire::{encode, frame};
use bytes::{Buf, BytesMut};
use pgwire::messages::Message;
use rustls_pki_types::CertificateDer;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// What is read at once.
const BUFFER: usize = 1024;
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// A client that is being let in.
pub(super) struct Conversation {
    io: Stream,
    /// Received, not yet looked at.
    buffer: BytesMut,
    out: BytesMut,
    ssl_done: bool,
    gss_done: bool,
}

impl Conversation {
    /// With a client that has just connected. One that begins with TLS at once (`sslnegotiation=direct`) has it afterwards.
    pub(super) async fn begin(io: Stream, tls: Option<&TlsAcceptor>) -> io::Result<Self> {
        let (io, direct) = match (io, tls) {
            (Stream::Tcp(socket), Some(acceptor)) if starts_with_tls(&socket).await? => (handshake(socket, acceptor, true).await?, true),
            (io, _) => (io, false),
        };
        Ok(Conversation { io, buffer: BytesMut::new(), out: BytesMut::new(), ssl_done: direct, gss_done: direct })
    }

    /// The first packet that is no question for encryption; None when the client went away, or sent nonsense that PostgreSQL,
    /// too, answers by hanging up. Who is refused has been told.
    pub(super) async fn first_packet(mut self, tls: Option<&TlsAcceptor>) -> Result<Option<(Self, Packet)>, Ended> {
        loop {
            match self.question().await {
                Ok(Some(Packet::Ssl)) => self = self.negotiate_tls(tls).await?,
                Ok(Some(Packet::Gss)) => {
                    self.gss_done = true;
                    self.io.write_all(b"N").await?;
                }
                Ok(packet) => return Ok(packet.map(|packet| (self, packet))),
                Err(Ended::Refused(error)) => return Err(self.refuse(error).await),
                Err(ended) => return Err(ended),
            }
        }
    }

    /// A packet, where a question for encryption is allowed.
    async fn question(&mut self) -> Result<Option<Packet>, Ended> {
        let Some(packet) = self.packet().await? else { return Ok(None) };
        let (done, code, name) = match packet {
            Packet::Ssl => (self.ssl_done, 5679, "SSL request"),
            Packet::Gss => (self.gss_done, 5680, "GSSAPI encryption request"),
            packet => return Ok(Some(packet)),
        };
        if done {
            let message = format!("unsupported frontend protocol 1234.{code}: server supports 3.0 to 3.{}", packet::NEWEST_MINOR);
            return Err(Ended::Refused(ClientError::new(SqlState::FEATURE_NOT_SUPPORTED, message).fatal()));
        }
        self.nothing_more(name)?;
        Ok(Some(packet))
    }

    /// What came in plain text must not be taken for something that was said under TLS (CVE-2021-23214).
    fn nothing_more(&self, request: &str) -> Result<(), Ended> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let message = format!("received unencrypted data after {request}");
        let error = ClientError::new(SqlState::PROTOCOL_VIOLATION, message);
        Err(Ended::Refused(error.detail("This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.").fatal()))
    }

    async fn negotiate_tls(mut self, tls: Option<&TlsAcceptor>) -> io::Result<Self> {
        self.ssl_done = true;
        match (self.io, tls) {
            // What is received from here on goes to TLS alone: the buffer is empty, and is not read into before the handshake's end.
            (Stream::Tcp(mut socket), Some(acceptor)) => {
                socket.write_all(b"S").await?;
                let io = handshake(socket, acceptor, false).await?;
                Ok(Conversation { io, gss_done: true, ..self })
            }
            (mut io, _) => {
                io.write_all(b"N").await?;
                Ok(Conversation { io, ..self })
            }
        }
    }

    /// A packet. None at the end of the stream, or for a length that no packet has.
    async fn packet(&mut self) -> Result<Option<Packet>, Ended> {
        loop {
            if let Some(header) = self.buffer.first_chunk::<4>() {
                let length = u32::from_be_bytes(*header) as usize;
                if !(8..=packet::LONGEST).contains(&length) {
                    return Ok(None);
                }
                if self.buffer.len() >= length {
                    let packet = packet::read(&self.buffer[4..length]).map_err(Ended::Refused)?;
                    self.buffer.advance(length);
                    return Ok(packet);
                }
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// The answer to a question for a password; None when the client went away, as psql does to ask its user.
    pub(super) async fn password(&mut self, longest: usize) -> Result<Option<BytesMut>, Ended> {
        loop {
            if let Some(tag) = self.buffer.first()
                && *tag != b'p'
            {
                let message = format!("expected password response, got message type {tag}");
                return Err(Ended::Refused(ClientError::new(SqlState::PROTOCOL_VIOLATION, message).fatal()));
            }
            let length = frame::length(&self.buffer, longest);
            let length = length.map_err(|error| Ended::Refused(ClientError::new(SqlState::PROTOCOL_VIOLATION, error.to_string()).fatal()))?;
            if let Some(length) = length.filter(|length| self.buffer.len() >= *length) {
                let mut body = self.buffer.split_to(length);
                body.advance(frame::HEADER);
                return Ok(Some(body));
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    async fn read(&mut self) -> io::Result<bool> {
        self.buffer.reserve(BUFFER);
        Ok(self.io.read_buf(&mut self.buffer).await? > 0)
    }

    /// A message for the next [`Conversation::flush`].
    pub(super) fn feed(&mut self, message: &impl Message) {
        message.encode(&mut self.out).expect("a message of a start-up is shorter than its limit");
    }

    /// Sends what was fed.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.io.write_all(&self.out).await?;
        self.out.clear();
        self.io.flush().await
    }

    /// Tells the client why it is not let in, if it still listens.
    pub(super) async fn refuse(mut self, error: ClientError) -> Ended {
        let error = error.fatal();
        encode::error(&mut self.out, &error, "");
        if self.flush().await.is_ok() {
            let _ = self.io.shutdown().await;
        }
        Ended::Refused(error)
    }

    /// Is it encrypted?
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.io, Stream::Tls(_))
    }

    /// The certificate that the client has shown; it goes back to one of `[server] tls_client_ca`.
    pub(super) fn certificate(&self) -> Option<&CertificateDer<'static>> {
        match &self.io {
            Stream::Tls(stream) => stream.get_ref().1.peer_certificates()?.first(),
            _ => None,
        }
    }

    /// The operating system's user on the other side of a Unix-domain socket.
    pub(super) fn peer(&self) -> Option<u32> {
        match &self.io {
            Stream::Unix(socket) => socket.peer_cred().ok().map(|peer| peer.uid()),
            _ => None,
        }
    }

    /// The socket, and what the client has sent already.
    pub(super) fn into_parts(self) -> (Stream, BytesMut) {
        (self.io, self.buffer)
    }
}

async fn starts_with_tls(socket: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    Ok(socket.peek(&mut first).await? == 1 && first[0] == HANDSHAKE)
}

async fn handshake(socket: TcpStream, acceptor: &TlsAcceptor, direct: bool) -> io::Result<Stream> {
    let stream = acceptor.accept(socket).await?;
    // Without it, another protocol's client could be made to talk to this server (ALPACA); PostgreSQL demands it, too.
    if direct && stream.get_ref().1.alpn_protocol() != Some(ALPN) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "direct TLS without the ALPN protocol \"postgresql\""));
    }
    Ok(Stream::Tls(Box::new(stream.into())))
}
