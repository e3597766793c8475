//! One conversation with a server, PostgreSQL itself or Litewire: bytes out, messages in, made comparable.

use crate::client::{query, sync, tagged};
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// The last answer of every conversation.
const END: &str = "the end";
/// No answer for so long is a hang.
const SILENCE: Duration = Duration::from_secs(10);

/// How a conversation's bytes reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery<'a> {
    /// In one write.
    Whole,
    /// Each byte in a write of its own.
    Bytes,
    /// In writes of these sizes, over and over.
    Pieces(&'a [usize]),
}

impl<'a> Delivery<'a> {
    /// In pieces of some sizes, if there are any.
    pub fn of(sizes: &'a [usize]) -> Delivery<'a> {
        if sizes.is_empty() { Delivery::Whole } else { Delivery::Pieces(sizes) }
    }
}

/// Where a server listens.
#[derive(Debug, Clone)]
pub enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

trait Socket: Read + Write {}
impl Socket for TcpStream {}
impl Socket for UnixStream {}

/// A server, with the connection to it that conversations use one after the other.
pub struct Peer {
    place: Place,
    database: String,
    options: &'static str,
    stream: Option<BufReader<Box<dyn Socket>>>,
}

impl Peer {
    pub fn new(place: Place, database: &str, options: &'static str) -> Peer {
        Peer { place, database: database.to_owned(), options, stream: None }
    }

    fn connect(&self) -> io::Result<BufReader<Box<dyn Socket>>> {
        let socket: Box<dyn Socket> = match &self.place {
            Place::Tcp(address) => {
                let socket = TcpStream::connect(address)?;
                socket.set_nodelay(true)?;
                socket.set_read_timeout(Some(SILENCE))?;
                Box::new(socket)
            }
            Place::Unix(path) => {
                let socket = UnixStream::connect(path)?;
                socket.set_read_timeout(Some(SILENCE))?;
                Box::new(socket)
            }
        };
        let mut stream = BufReader::new(socket);
        let mut body = 196_608_i32.to_be_bytes().to_vec();
        for text in ["user", "litewire", "database", &self.database, "options", self.options, ""] {
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        stream.get_mut().write_all(&tagged(0, &body)[1..])?;
        while message(&mut stream)?.0 != b'Z' {}
        Ok(stream)
    }

    /// What the server says to a conversation on a connection without state; "hung up" where it ends the connection.
    pub fn converse(&mut self, messages: &[Vec<u8>], delivery: Delivery) -> Vec<String> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect().expect("the server lets us in"),
        };
        let mut bytes = messages.concat();
        // A COPY that was begun fails; whatever was skipped ends; then there is a last answer.
        bytes.extend([tagged(b'f', b"the conversation ends\0"), sync(), query("ROLLBACK"), query(&format!("SELECT '{END}'"))].concat());
        let _ = match delivery {
            Delivery::Whole => stream.get_mut().write_all(&bytes),
            Delivery::Bytes => bytes.iter().try_for_each(|byte| stream.get_mut().write_all(&[*byte])),
            Delivery::Pieces(sizes) => {
                let mut rest = &bytes[..];
                sizes
                    .iter()
                    .cycle()
                    .map_while(|size| rest.split_off(..rest.len().min(*size)))
                    .take_while(|piece| !piece.is_empty())
                    .try_for_each(|piece| stream.get_mut().write_all(piece))
            }
        };
        let mut said = Vec::new();
        loop {
            match message(&mut stream) {
                Ok((b'Z', _)) if said.iter().rev().take(2).any(|m: &String| m.contains(END) && m.starts_with('D')) => break,
                Ok((b'S', _)) => {}
                Ok((tag, body)) => said.push(shown(tag, &body)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    said.push("silence".to_owned());
                    return said;
                }
                Err(_) => {
                    said.push("hung up".to_owned());
                    return said;
                }
            }
        }
        // Nothing of it is there for the next one.
        let reset = stream.get_mut().write_all(&query("DISCARD ALL")).and_then(|()| {
            while message(&mut stream)?.0 != b'Z' {}
            Ok(())
        });
        if reset.is_ok() {
            self.stream = Some(stream);
        }
        said
    }
}

fn message(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let mut body = vec![0; (length as usize).checked_sub(4).ok_or(io::ErrorKind::InvalidData)?];
    stream.read_exact(&mut body)?;
    Ok((head[0], body))
}

/// A message as text. Reports go without the place in the server's source, notifications without the process.
fn shown(tag: u8, body: &[u8]) -> String {
    let body = match tag {
        b'E' | b'N' => body.split(|b| *b == 0).filter(|field| !matches!(field.first(), Some(b'F' | b'L' | b'R'))).collect::<Vec<_>>().join(&b' '),
        b'A' => body.get(4..).unwrap_or_default().to_vec(),
        _ => body.to_vec(),
    };
    format!("{} {}", char::from(tag), body.escape_ascii())
}
