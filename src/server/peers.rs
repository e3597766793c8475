//! The other processes on this port. A request to cancel a statement comes on a connection of its own, and the kernel gives that
//! to any of them: it is passed on to the one that gave out the key, which is told by the process number that the client got.

use super::cancel::Cancels;
use bytes::{Buf, BufMut, BytesMut};
use rustix::fs::{FlockOperation, Mode, flock};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// Processes on one port at most: they share the first seven bits of a process number.
const MOST: u8 = 127;
/// A CancelRequest: its length, its code, the process, and a key of up to 256 bytes (protocol 3.2).
const LONGEST: usize = 12 + 256;
/// A peer that does not take a request in that time is not there.
const LIMIT: Duration = Duration::from_secs(2);

/// This process among them.
#[derive(Debug)]
pub(super) struct Peers {
    directory: PathBuf,
    id: u8,
    listener: tokio::sync::Mutex<UnixListener>,
    /// Locked while this process lives: the number is taken.
    _lock: File,
}

impl Peers {
    /// Takes the first number that is free in the directory, which is made if it is not there.
    pub(super) fn join(directory: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        for id in 1..=MOST {
            let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(directory.join(format!("{id}.lock")))?;
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            let socket = socket(directory, id);
            // Of a process that has died.
            match fs::remove_file(&socket) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(&socket)?;
            rustix::fs::chmod(&socket, Mode::from_raw_mode(0o600))?;
            return Ok(Peers { directory: directory.to_owned(), id, listener: tokio::sync::Mutex::new(listener), _lock: lock });
        }
        Err(io::Error::other(format!("{} has no number left: {MOST} processes are on this port", directory.display())))
    }

    /// Its number, which every process number that it gives out begins with.
    pub(super) fn id(&self) -> u8 {
        self.id
    }

    /// Takes the requests that others pass on, for ever.
    pub(super) async fn serve(self: Arc<Self>, cancels: Arc<Cancels>) {
        let listener = self.listener.lock().await;
        loop {
            match listener.accept().await {
                Ok((mut peer, _)) => {
                    let cancels = cancels.clone();
                    tokio::spawn(async move {
                        if let Ok(Ok((pid, key))) = tokio::time::timeout(LIMIT, read(&mut peer)).await {
                            cancels.cancel(pid, &key).await;
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a request of another process");
                    tokio::time::sleep(super::ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Passes a request on to the process whose client is meant, unless that is this one. It is over when that one has done
    /// with it.
    pub(super) async fn pass_on(&self, pid: i32, key: &[u8]) -> bool {
        let Some(id) = owner(pid).filter(|id| *id != self.id) else { return false };
        let socket = socket(&self.directory, id);
        let told = tokio::time::timeout(LIMIT, async {
            let mut peer = UnixStream::connect(&socket).await?;
            let mut request = BytesMut::new();
            request.put_u16(u16::try_from(key.len()).unwrap_or(u16::MAX));
            request.put_i32(pid);
            request.put_slice(key);
            peer.write_all(&request).await?;
            // It hangs up when the statement's backend was told.
            peer.read(&mut [0]).await
        });
        match told.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, peer = id, "a CancelRequest could not be passed on to another process"),
        }
        true
    }
}

async fn read(peer: &mut UnixStream) -> io::Result<(i32, BytesMut)> {
    let mut head = [0; 6];
    peer.read_exact(&mut head).await?;
    let mut head = &head[..];
    let (length, pid) = (usize::from(head.get_u16()), head.get_i32());
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut key = BytesMut::zeroed(length);
    peer.read_exact(&mut key).await?;
    Ok((pid, key))
}

fn socket(directory: &Path, id: u8) -> PathBuf {
    directory.join(format!("{id}.sock"))
}

/// The process that gave out a process number.
fn owner(pid: i32) -> Option<u8> {
    u8::try_from(pid >> 24).ok().filter(|id| (1..=MOST).contains(id))
}

/// A process number of that process.
pub(super) fn number(id: u8, random: i32) -> i32 {
    i32::from(id) << 24 | random & 0x00ff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn numbers_are_taken_once_and_found_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = Peers::join(directory.path()).expect("free");
        let second = Peers::join(directory.path()).expect("free");
        assert_eq!((first.id(), second.id()), (1, 2));
        assert_eq!(owner(number(2, -1)), Some(2));
        assert!(number(127, i32::MAX) > 0);
        drop(first);
        assert_eq!(Peers::join(directory.path()).expect("free again").id(), 1);
    }
}
