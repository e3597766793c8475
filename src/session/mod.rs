//! One client. A stand-in: simple queries go through as they are.

use crate::config::{DialectKind, ForeignKeys, Immediate, Isolation, ResultProfile, TypeMapping, UntypedParams};
use crate::pool::Pool;
use crate::server::CancelHandle;
use bytes::BytesMut;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

/// A client that is let in.
pub struct Client<IO> {
    /// Its socket.
    pub io: IO,
    /// What it sent already.
    pub read_buf: BytesMut,
    /// Who it is.
    pub info: ClientInfo,
}

/// Who a client is.
pub struct ClientInfo {
    /// Its user.
    pub user: String,
    /// Its database.
    pub database: String,
    /// Its application_name.
    pub application_name: String,
    /// Its further start-up parameters.
    pub startup: BTreeMap<String, String>,
    /// What makes it cancellable.
    pub cancel: CancelHandle,
}

/// What the configuration says of a session.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Its dialect.
    pub dialect: DialectKind,
    /// The shape of its results.
    pub results: ResultProfile,
    /// `[dialect] untyped_params`
    pub untyped_params: UntypedParams,
    /// `[dialect] types`
    pub types: TypeMapping,
    /// `[dialect] foreign_keys`
    pub foreign_keys: ForeignKeys,
    /// `[transactions] immediate`
    pub immediate: Immediate,
    /// `[transactions] isolation`
    pub isolation: Isolation,
    /// `[limits] max_query_size`
    pub max_query_size: usize,
    /// `[limits] max_message_size`
    pub max_message_size: usize,
}

/// Serves a client to its end.
pub async fn run<IO: AsyncRead + AsyncWrite + Unpin>(
    mut client: Client<IO>,
    pool: Arc<Pool>,
    _options: SessionOptions,
    mut shutdown: watch::Receiver<bool>,
) -> io::Result<()> {
    loop {
        let frame = tokio::select! {
            frame = frame(&mut client.io, &mut client.read_buf) => frame?,
            _ = shutdown.wait_for(|stop| *stop) => return Ok(()),
        };
        if frame[0] != b'Q' {
            return Ok(());
        }
        let Ok(mut link) = pool.checkout().await else { return Ok(()) };
        client.info.cancel.hold(link.pid, &link.secret_key);
        link.busy = true;
        link.io.write_all(&frame).await?;
        loop {
            let link = &mut *link;
            let reply = self::frame(&mut link.io, &mut link.rbuf).await?;
            client.io.write_all(&reply).await?;
            if reply[0] == b'Z' {
                (link.status, link.busy) = (reply[5], false);
                break;
            }
        }
        link.broken |= client.info.cancel.release();
    }
}

async fn frame<IO: AsyncRead + Unpin>(io: &mut IO, buffer: &mut BytesMut) -> io::Result<BytesMut> {
    loop {
        if let Some(length) = buffer.get(1..5) {
            let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize + 1;
            if buffer.len() >= length {
                return Ok(buffer.split_to(length));
            }
        }
        if io.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
