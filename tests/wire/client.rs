//! A client that shows the protocol as it is: messages out, messages in, none of them waited for unasked.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One message of the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its type.
    pub tag: u8,
    /// What follows the length.
    pub body: Vec<u8>,
}

/// A column of a RowDescription.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub oid: u32,
    /// 0 is text, 1 binary.
    pub format: u16,
}

/// The columns' bytes; None is NULL.
pub type Row = Vec<Option<Vec<u8>>>;

/// A connection.
pub struct Wire {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    key: Vec<u8>,
}

/// All messages up to a ReadyForQuery.
#[derive(Debug)]
pub struct Answer(pub Vec<Message>);

impl Wire {
    /// Connects and waits until the session is ready.
    pub fn connect(address: SocketAddr, database: &str, options: &str) -> Wire {
        let mut wire = Wire::open(address);
        wire.begin(database, options);
        let answer = wire.answer();
        assert_eq!(answer.error(), None);
        wire.key = answer.0.iter().find(|m| m.tag == b'K').expect("a cancel key").body.clone();
        wire
    }

    /// What a CancelRequest takes: the process number, and the key that goes with it.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Connects and says nothing.
    pub fn open(address: SocketAddr) -> Wire {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
        stream.set_nodelay(true).expect("a socket");
        Wire { stream: BufReader::new(stream), address, key: Vec::new() }
    }

    /// Asks to be let in.
    pub fn begin(&mut self, database: &str, options: &str) {
        let mut body = 196_608_i32.to_be_bytes().to_vec();
        for text in ["user", "litewire", "database", database, "options", options, ""] {
            put_text(&mut body, text);
        }
        self.send(&[untagged(&body)]);
    }

    /// Sends messages in one piece.
    pub fn send(&mut self, messages: &[Vec<u8>]) {
        self.try_send(messages).expect("the server reads");
    }

    /// Sends messages that the server may not want to read.
    pub fn try_send(&mut self, messages: &[Vec<u8>]) -> io::Result<()> {
        self.stream.get_mut().write_all(&messages.concat())
    }

    /// The next message; an error if the server hangs up or is silent for long.
    pub fn message(&mut self) -> io::Result<Message> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; length as usize - 4];
        self.stream.read_exact(&mut body)?;
        Ok(Message { tag: head[0], body })
    }

    /// All up to the next ReadyForQuery.
    pub fn answer(&mut self) -> Answer {
        let mut messages = Vec::new();
        loop {
            let message = self.message().unwrap_or_else(|e| panic!("{e} after {messages:?}"));
            let ready = message.tag == b'Z';
            messages.push(message);
            if ready {
                return Answer(messages);
            }
        }
    }

    /// All until the server hangs up.
    pub fn rest(&mut self) -> Answer {
        let mut messages = Vec::new();
        loop {
            match self.message() {
                Ok(message) => messages.push(message),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("the server is silent after {messages:?}"),
                Err(_) => return Answer(messages),
            }
        }
    }

    /// All up to a ReadyForQuery, or until the server hangs up.
    pub fn rest_or_answer(&mut self) -> Answer {
        let mut messages = Vec::new();
        while let Ok(message) = self.message() {
            let ready = message.tag == b'Z';
            messages.push(message);
            if ready {
                break;
            }
        }
        Answer(messages)
    }

    /// A simple query.
    pub fn query(&mut self, sql: &str) -> Answer {
        self.send(&[query(sql)]);
        self.answer()
    }

    /// A simple query whose answer may be the end of the connection.
    pub fn query_or_end(&mut self, sql: &str) -> Answer {
        // Who has hung up already may still have said why.
        let _ = self.try_send(&[query(sql)]);
        self.rest_or_answer()
    }

    /// A simple query that must work.
    pub fn run(&mut self, sql: &str) -> Answer {
        let answer = self.query(sql);
        assert_eq!(answer.error(), None, "{sql}");
        answer
    }

    /// The unnamed statement and portal, all as text: Parse, Bind, Describe, Execute, Sync.
    pub fn extended(&mut self, sql: &str, oids: &[u32], params: &[Param]) -> Answer {
        self.send(&[parse("", sql, oids), bind("", "", params, &[]), describe('P', ""), execute("", 0), sync()]);
        self.answer()
    }

    /// The first value, as text.
    pub fn value(&mut self, sql: &str) -> String {
        let answer = self.run(sql);
        let rows = answer.rows();
        let value = rows.first().and_then(|row| row.first()).unwrap_or_else(|| panic!("{sql} gives a row"));
        text(value.as_deref().unwrap_or(b"NULL"))
    }

    /// Asks, on a connection of its own, to cancel what runs here.
    pub fn cancel(&self) {
        let body = [&80_877_102_i32.to_be_bytes()[..], &self.key].concat();
        Wire::open(self.address).send(&[untagged(&body)]);
    }
}

impl Answer {
    /// The types of the messages, those that may come at any time left out.
    pub fn tags(&self) -> String {
        self.0.iter().map(|m| char::from(m.tag)).filter(|tag| !"NSA".contains(*tag)).collect()
    }

    /// SQLSTATE and message of the first error.
    pub fn error(&self) -> Option<(String, String)> {
        let error = self.0.iter().find(|m| m.tag == b'E')?;
        Some((field(&error.body, b'C')?, field(&error.body, b'M')?))
    }

    /// The SQLSTATE of the first error, or nothing.
    pub fn state(&self) -> String {
        self.error().map_or_else(String::new, |(state, _)| state)
    }

    /// The transaction's status at the end.
    pub fn status(&self) -> char {
        self.0.last().filter(|m| m.tag == b'Z').map_or('?', |m| char::from(m.body[0]))
    }

    /// The last RowDescription.
    pub fn columns(&self) -> Option<Vec<Column>> {
        let body = &self.0.iter().rfind(|m| m.tag == b'T')?.body;
        let mut rest = &body[2..];
        let mut columns = Vec::new();
        while !rest.is_empty() {
            let end = rest.iter().position(|b| *b == 0).expect("a name ends");
            let (name, fixed) = (text(&rest[..end]), &rest[end + 1..]);
            let oid = u32::from_be_bytes(fixed[6..10].try_into().expect("four bytes"));
            let format = u16::from_be_bytes(fixed[16..18].try_into().expect("two bytes"));
            columns.push(Column { name, oid, format });
            rest = &fixed[18..];
        }
        Some(columns)
    }

    /// The types in the last RowDescription.
    pub fn oids(&self) -> Vec<u32> {
        self.columns().unwrap_or_default().iter().map(|c| c.oid).collect()
    }

    /// All rows.
    pub fn rows(&self) -> Vec<Row> {
        self.0.iter().filter(|m| m.tag == b'D').map(|m| row(&m.body)).collect()
    }

    /// All rows, as text.
    pub fn texts(&self) -> Vec<Vec<String>> {
        let value = |value: &Option<Vec<u8>>| text(value.as_deref().unwrap_or(b"NULL"));
        self.rows().iter().map(|row| row.iter().map(value).collect()).collect()
    }

    /// The command tags.
    pub fn commands(&self) -> Vec<String> {
        self.0.iter().filter(|m| m.tag == b'C').map(|m| text(&m.body[..m.body.len() - 1])).collect()
    }
}

fn row(body: &[u8]) -> Row {
    let mut rest = &body[2..];
    let mut row = Vec::new();
    while !rest.is_empty() {
        let length = i32::from_be_bytes(rest[..4].try_into().expect("four bytes"));
        let length = usize::try_from(length).ok();
        rest = &rest[4..];
        row.push(length.map(|n| rest[..n].to_vec()));
        rest = &rest[length.unwrap_or(0)..];
    }
    row
}

fn field(body: &[u8], code: u8) -> Option<String> {
    body.split(|b| *b == 0).find(|f| f.first() == Some(&code)).map(|f| text(&f[1..]))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A parameter to bind.
#[derive(Debug, Clone)]
pub enum Param {
    /// NULL.
    Null,
    /// In text format.
    Text(String),
    /// In binary format.
    Binary(Vec<u8>),
}

/// A message of any type.
pub fn tagged(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag][..], &untagged(body)].concat()
}

fn untagged(body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).expect("short");
    [&length.to_be_bytes()[..], body].concat()
}

fn put_text(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(text.as_bytes());
    body.push(0);
}

fn put_count(body: &mut Vec<u8>, count: usize) {
    body.extend_from_slice(&u16::try_from(count).expect("at most 65535").to_be_bytes());
}

/// Query.
pub fn query(sql: &str) -> Vec<u8> {
    let mut body = Vec::new();
    put_text(&mut body, sql);
    tagged(b'Q', &body)
}

/// Parse.
pub fn parse(name: &str, sql: &str, oids: &[u32]) -> Vec<u8> {
    let mut body = Vec::new();
    put_text(&mut body, name);
    put_text(&mut body, sql);
    put_count(&mut body, oids.len());
    oids.iter().for_each(|oid| body.extend_from_slice(&oid.to_be_bytes()));
    tagged(b'P', &body)
}

/// Bind, with the formats of the results.
pub fn bind(portal: &str, statement: &str, params: &[Param], formats: &[u16]) -> Vec<u8> {
    let mut body = Vec::new();
    put_text(&mut body, portal);
    put_text(&mut body, statement);
    put_count(&mut body, params.len());
    for param in params {
        put_count(&mut body, usize::from(matches!(param, Param::Binary(_))));
    }
    put_count(&mut body, params.len());
    for param in params {
        let bytes = match param {
            Param::Null => {
                body.extend_from_slice(&(-1_i32).to_be_bytes());
                continue;
            }
            Param::Text(text) => text.as_bytes(),
            Param::Binary(bytes) => bytes,
        };
        body.extend_from_slice(&u32::try_from(bytes.len()).expect("short").to_be_bytes());
        body.extend_from_slice(bytes);
    }
    put_count(&mut body, formats.len());
    formats.iter().for_each(|format| body.extend_from_slice(&format.to_be_bytes()));
    tagged(b'B', &body)
}

/// Describe a statement (`S`) or a portal (`P`).
pub fn describe(kind: char, name: &str) -> Vec<u8> {
    tagged(b'D', format!("{kind}{name}\0").as_bytes())
}

/// Close a statement (`S`) or a portal (`P`).
pub fn close(kind: char, name: &str) -> Vec<u8> {
    tagged(b'C', format!("{kind}{name}\0").as_bytes())
}

/// Execute, with a limit of rows; 0 is none.
pub fn execute(portal: &str, limit: u32) -> Vec<u8> {
    tagged(b'E', &[portal.as_bytes(), b"\0", &limit.to_be_bytes()].concat())
}

/// Sync.
pub fn sync() -> Vec<u8> {
    tagged(b'S', &[])
}

/// Flush.
pub fn flush() -> Vec<u8> {
    tagged(b'H', &[])
}
