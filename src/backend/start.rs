//! The start of a connection to PostgreSQL: the start-up message, authentication, and what the server tells of itself.

use super::{CancelKey, ConnectError, Link, Stream, Target};
use crate::config::Binding;
use crate::pool::Prepared;
use crate::wire::scram::{self, ChannelBinding};
use crate::wire::{certificate, encode, frame};
use bytes::{Buf, BufMut, BytesMut};
use postgres_protocol::authentication::{md5_hash, sasl};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What every session of the proxy relies on, whatever the role's or the database's own settings are.
const SETTINGS: [(&str, &str); 7] = [
    ("client_encoding", "UTF8"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO"),
    ("IntervalStyle", "postgres"),
    ("bytea_output", "hex"),
    ("standard_conforming_strings", "on"),
    ("extra_float_digits", "1"),
];

const BUFFER: usize = 8 * 1024;
/// Longer than any message that a server sends before it is ready.
const MAX_MESSAGE: usize = 1 << 20;

/// Starts a session over a new stream.
pub(super) async fn start(target: &Target, io: Stream, application: &str) -> Result<Link, ConnectError> {
    let mut link = Link {
        io,
        rbuf: BytesMut::with_capacity(BUFFER),
        status: 0,
        busy: false,
        broken: false,
        params: BTreeMap::new(),
        pid: 0,
        cancel: Arc::new(CancelKey { pid: 0, secret: Vec::new(), target: target.clone() }),
        prepared: Prepared::default(),
        applied: BTreeMap::new(),
    };
    let out = startup_message(target, application);
    link.io.write_all(&out).await?;
    link.io.flush().await?;
    authenticate(target, &mut link).await?;
    loop {
        let (tag, body) = receive(&mut link).await?;
        let mut reader = frame::Reader::new(&body);
        match tag {
            b'S' => {
                let (name, value) = (reader.cstring().map_err(io::Error::other)?, reader.cstring().map_err(io::Error::other)?);
                link.params.insert(name.to_owned(), value.to_owned());
            }
            b'K' => {
                link.pid = reader.int32().map_err(io::Error::other)?;
                // Four bytes in protocol 3.0, up to 256 in 3.2.
                link.cancel = Arc::new(CancelKey { pid: link.pid, secret: body[4..].into(), target: target.clone() });
            }
            b'Z' => {
                link.status = reader.byte().map_err(io::Error::other)?;
                return Ok(link);
            }
            _ => return Err(unexpected(tag)),
        }
    }
}

fn startup_message(target: &Target, application: &str) -> BytesMut {
    let config = target.config();
    let user = config.get_user().unwrap_or_default();
    let mut parameters = vec![("user", user), ("database", config.get_dbname().unwrap_or(user)), ("application_name", application)];
    parameters.extend(SETTINGS);
    parameters.extend(config.get_options().map(|options| ("options", options)));
    let mut out = BytesMut::new();
    out.put_u32(0);
    out.put_u16(3);
    out.put_u16(target.url().tls().protocol_minor);
    for (name, value) in parameters {
        encode::cstring(&mut out, name);
        encode::cstring(&mut out, value);
    }
    out.put_u8(0);
    let length = out.len() as u32;
    out[..4].copy_from_slice(&length.to_be_bytes());
    out
}

/// The client's side of an exchange by SCRAM.
enum Scram {
    Password(Box<sasl::ScramSha256>),
    Keys(Box<scram::Client>),
}

async fn authenticate(target: &Target, link: &mut Link) -> Result<(), ConnectError> {
    let config = target.config();
    let user = config.get_user().unwrap_or_default();
    let password = || config.get_password().ok_or_else(|| failed(format!("role \"{user}\" needs a password")));
    let binding = target.url().tls().binding;
    let (mut scram, mut bound, mut proved) = (None, false, false);
    loop {
        let (tag, body) = receive(link).await?;
        let mut reader = frame::Reader::new(&body);
        match tag {
            b'R' => {}
            // It knows an older protocol, or not all options: its word holds.
            b'v' => continue,
            _ => return Err(unexpected(tag)),
        }
        let kind = reader.int32().map_err(io::Error::other)?;
        let data = body.get(4..).unwrap_or_default();
        if binding == Binding::Require && !bound && kind != 10 {
            return Err(failed("channel_binding=require, but the server does not authenticate with channel binding"));
        }
        let mut out = BytesMut::new();
        match (kind, &mut scram) {
            (0, None) => return Ok(()),
            (3, None) => {
                let password = password()?;
                encode::message(&mut out, b'p', |b| {
                    b.extend_from_slice(password);
                    b.put_u8(0);
                });
            }
            (5, None) => {
                let salt = data.try_into().map_err(|_| unexpected(tag))?;
                let answer = md5_hash(user.as_bytes(), password()?, salt);
                encode::message(&mut out, b'p', |b| encode::cstring(b, &answer));
            }
            (10, None) if !proved => {
                let offered: Vec<&[u8]> = data.split(|b| *b == 0).collect();
                let end_point = match &link.io {
                    Stream::Tls(stream) if binding != Binding::Disable => {
                        stream.get_ref().1.peer_certificates().and_then(|chain| certificate::end_point(chain.first()?))
                    }
                    _ => None,
                };
                let plus = offered.contains(&scram::PLUS.as_bytes());
                let (mechanism, channel) = match end_point {
                    Some(hash) if plus => (scram::PLUS, ChannelBinding::EndPoint(hash)),
                    Some(_) => (scram::PLAIN, ChannelBinding::NotOffered),
                    None => (scram::PLAIN, ChannelBinding::Unsupported),
                };
                bound = mechanism == scram::PLUS;
                if binding == Binding::Require && !bound {
                    return Err(failed("channel_binding=require, but the server offers none"));
                }
                if !offered.contains(&mechanism.as_bytes()) {
                    return Err(failed("no mechanism that both sides know"));
                }
                let (exchange, first) = begin(target, user, channel)?;
                scram = Some(exchange);
                encode::message(&mut out, b'p', |b| {
                    encode::cstring(b, mechanism);
                    encode::value(b, Some(&first));
                });
            }
            (11, Some(exchange)) => {
                let reply = match exchange {
                    Scram::Password(client) => {
                        client.update(data)?;
                        client.message().to_vec()
                    }
                    Scram::Keys(client) => client.last(data).map(String::into_bytes).ok_or_else(|| {
                        failed(format!(
                            "the backend's verifier of role \"{user}\" is not the one that the client's log-in was checked with; \
                             give both the same, or set backend_password"
                        ))
                    })?,
                };
                encode::message(&mut out, b'p', |b| b.extend_from_slice(&reply));
            }
            (12, Some(exchange)) => {
                match exchange {
                    Scram::Password(client) => client.finish(data)?,
                    Scram::Keys(client) if !client.is_genuine(data) => return Err(failed("the server does not know the role's verifier")),
                    Scram::Keys(_) => {}
                }
                (scram, proved) = (None, true);
            }
            _ => return Err(failed("a method that is not supported (known: trust, password, md5, scram-sha-256, cert)")),
        }
        link.io.write_all(&out).await?;
        link.io.flush().await?;
    }
}

/// By the role's password; without one, by what the client's own log-in has shown.
fn begin(target: &Target, user: &str, channel: ChannelBinding) -> Result<(Scram, Vec<u8>), ConnectError> {
    let Some(password) = target.config().get_password() else {
        let keys = target.keys().ok_or_else(|| {
            failed(format!("role \"{user}\" needs a password, and no client has logged in by SCRAM whose log-in could be passed on"))
        })?;
        let client = scram::Client::new(keys, channel);
        let first = client.first().into_bytes();
        return Ok((Scram::Keys(Box::new(client)), first));
    };
    let channel = match channel {
        ChannelBinding::EndPoint(hash) => sasl::ChannelBinding::tls_server_end_point(hash),
        ChannelBinding::NotOffered => sasl::ChannelBinding::unrequested(),
        ChannelBinding::Unsupported => sasl::ChannelBinding::unsupported(),
    };
    let client = sasl::ScramSha256::new(password, channel);
    let first = client.message().to_vec();
    Ok((Scram::Password(Box::new(client)), first))
}

/// The next message that is no notice: its type and body. An ErrorResponse becomes an error.
async fn receive(link: &mut Link) -> Result<(u8, BytesMut), ConnectError> {
    loop {
        let length = frame::length(&link.rbuf, MAX_MESSAGE).map_err(io::Error::other)?;
        match length.filter(|length| link.rbuf.len() >= *length) {
            Some(length) => {
                let mut body = link.rbuf.split_to(length);
                let tag = body[0];
                body.advance(frame::HEADER);
                match tag {
                    b'N' => {}
                    b'E' => return Err(refused(&body)),
                    _ => return Ok((tag, body)),
                }
            }
            None if link.io.read_buf(&mut link.rbuf).await? == 0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            None => {}
        }
    }
}

fn refused(body: &[u8]) -> ConnectError {
    let fields = crate::wire::backend::fields(body);
    let get = |code: u8| fields.iter().find(|(c, _)| *c == code).map_or_else(String::new, |(_, text)| (*text).to_owned());
    ConnectError::Refused { code: get(b'C'), message: get(b'M') }
}

fn failed(reason: impl Into<String>) -> ConnectError {
    ConnectError::Authentication(reason.into())
}

fn unexpected(tag: u8) -> ConnectError {
    let reason = format!("an unexpected message of type '{}'", tag.escape_ascii());
    io::Error::new(io::ErrorKind::InvalidData, reason).into()
}
