//! A small raw client of PostgreSQL's protocol 3: what comes back is seen as it came, names, type OIDs and bytes.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No answer for so long is a hang.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A connection that is ready for queries.
pub struct Client {
    stream: BufReader<TcpStream>,
    /// What ParameterStatus said.
    pub parameters: HashMap<String, String>,
    /// For a CancelRequest.
    pub key: (i32, i32),
    /// The state of the last ReadyForQuery: `I`, `T` or `E`.
    pub status: u8,
}

/// A column of RowDescription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub oid: u32,
    pub format: i16,
}

/// An ErrorResponse's or a NoticeResponse's fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub state: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    pub position: Option<usize>,
}

/// What one statement answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// None without a RowDescription.
    pub columns: Option<Vec<Column>>,
    pub rows: Vec<Vec<Option<Vec<u8>>>>,
    /// CommandComplete's; None after an error.
    pub tag: Option<String>,
}

/// Everything up to ReadyForQuery.
#[derive(Debug, Default)]
pub struct Reply {
    pub answers: Vec<Answer>,
    pub error: Option<Report>,
    pub notices: Vec<Report>,
    /// ParameterDescription's, of a Describe of a statement.
    pub parameter_oids: Vec<u32>,
}

/// A parameter of a Bind.
#[derive(Debug, Clone, Default)]
pub struct Parameter {
    /// 0 leaves the type open.
    pub oid: u32,
    pub binary: bool,
    pub value: Option<Vec<u8>>,
}

impl Client {
    /// Connects, and passes the start-up of a server that trusts us.
    pub fn connect(address: SocketAddr, parameters: &[(&str, &str)]) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut client = Client { stream: BufReader::new(stream), parameters: HashMap::new(), key: (0, 0), status: 0 };
        let mut body = 196_608_i32.to_be_bytes().to_vec();
        for (name, value) in parameters {
            put_text(&mut body, name);
            put_text(&mut body, value);
        }
        body.push(0);
        let mut packet = frame_length(&body).to_vec();
        packet.extend(body);
        client.send(&packet)?;
        let reply = client.reply()?;
        match reply.error {
            Some(error) => Err(io::Error::other(format!("{} {}", error.state, error.message))),
            None => Ok(client),
        }
    }

    /// One simple query, of one or of several statements.
    pub fn simple(&mut self, sql: &str) -> io::Result<Reply> {
        let mut body = Vec::new();
        put_text(&mut body, sql);
        self.send(&message(b'Q', &body))?;
        self.reply()
    }

    /// Parse, Bind, Describe of the portal, Execute, Sync: as drivers do it for a statement that they use once.
    pub fn extended(&mut self, sql: &str, parameters: &[Parameter]) -> io::Result<Reply> {
        let mut packet = parse("", sql, parameters);
        packet.extend(bind("", parameters));
        packet.extend(message(b'D', b"P\0"));
        packet.extend(message(b'E', &[0, 0, 0, 0, 0]));
        packet.extend(message(b'S', &[]));
        self.send(&packet)?;
        self.reply()
    }

    /// A named statement: Parse and Describe of the statement in one flight, Bind and Execute in the next, then Close.
    pub fn prepared(&mut self, sql: &str, parameters: &[Parameter]) -> io::Result<Reply> {
        let mut packet = parse("s", sql, parameters);
        packet.extend(message(b'D', b"Ss\0"));
        packet.extend(message(b'S', &[]));
        self.send(&packet)?;
        let mut described = self.reply()?;
        if described.error.is_some() {
            return Ok(described);
        }
        let mut packet = bind("s", parameters);
        packet.extend(message(b'E', &[0, 0, 0, 0, 0]));
        packet.extend(message(b'S', &[]));
        self.send(&packet)?;
        let mut reply = self.reply()?;
        let columns = described.answers.pop().and_then(|answer| answer.columns);
        if let Some(answer) = reply.answers.last_mut() {
            answer.columns = columns;
        }
        reply.parameter_oids = described.parameter_oids;
        let mut packet = message(b'C', b"Ss\0");
        packet.extend(message(b'S', &[]));
        self.send(&packet)?;
        self.reply()?;
        Ok(reply)
    }

    /// Bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// The next message: its type and its body.
    pub fn read(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; (length as usize).checked_sub(4).ok_or(io::ErrorKind::InvalidData)?];
        self.stream.read_exact(&mut body)?;
        Ok((head[0], body))
    }

    /// Everything up to ReadyForQuery. A FATAL error ends it too.
    pub fn reply(&mut self) -> io::Result<Reply> {
        let mut reply = Reply::default();
        let mut current = Answer::default();
        loop {
            let (kind, body) = match self.read() {
                Err(_) if reply.error.is_some() => return Ok(reply),
                read => read?,
            };
            let mut body = Body(&body);
            match kind {
                b'R' if body.int32()? == 0 => {}
                b'R' => return Err(io::Error::other("the server asks for a password")),
                b'S' => {
                    let name = body.text()?;
                    self.parameters.insert(name, body.text()?);
                }
                b'K' => self.key = (body.int32()?, body.int32()?),
                b'T' => current.columns = Some(body.columns()?),
                b't' => reply.parameter_oids = (0..body.int16()?).map(|_| body.int32().map(i32::cast_unsigned)).collect::<io::Result<_>>()?,
                b'D' => current.rows.push(body.row()?),
                b'C' => {
                    current.tag = Some(body.text()?);
                    reply.answers.push(std::mem::take(&mut current));
                }
                b'I' | b's' => reply.answers.push(std::mem::take(&mut current)),
                b'E' => reply.error = Some(body.report()?),
                b'N' => reply.notices.push(body.report()?),
                b'Z' => {
                    self.status = body.take(1)?[0];
                    if current != Answer::default() {
                        reply.answers.push(current);
                    }
                    return Ok(reply);
                }
                _ => {}
            }
        }
    }
}

/// A message with its type and length.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    packet.extend(frame_length(body));
    packet.extend(body);
    packet
}

/// A Parse with the parameters' types.
pub fn parse(name: &str, sql: &str, parameters: &[Parameter]) -> Vec<u8> {
    let mut body = Vec::new();
    put_text(&mut body, name);
    put_text(&mut body, sql);
    put_count(&mut body, parameters.len());
    parameters.iter().for_each(|parameter| body.extend(parameter.oid.to_be_bytes()));
    message(b'P', &body)
}

/// A Bind of the unnamed portal, results in text.
pub fn bind(statement: &str, parameters: &[Parameter]) -> Vec<u8> {
    let mut body = vec![0];
    put_text(&mut body, statement);
    put_count(&mut body, parameters.len());
    parameters.iter().for_each(|parameter| body.extend(u16::from(parameter.binary).to_be_bytes()));
    put_count(&mut body, parameters.len());
    for parameter in parameters {
        match &parameter.value {
            Some(value) => {
                body.extend(u32::try_from(value.len()).expect("a test's value is small").to_be_bytes());
                body.extend(value);
            }
            None => body.extend((-1_i32).to_be_bytes()),
        }
    }
    put_count(&mut body, 0);
    message(b'B', &body)
}

fn frame_length(body: &[u8]) -> [u8; 4] {
    u32::try_from(body.len() + 4).expect("a test's message is small").to_be_bytes()
}

fn put_text(body: &mut Vec<u8>, text: &str) {
    body.extend(text.as_bytes());
    body.push(0);
}

fn put_count(body: &mut Vec<u8>, count: usize) {
    body.extend(u16::try_from(count).expect("at most 65535").to_be_bytes());
}

/// What is left of a message.
struct Body<'a>(&'a [u8]);

impl Body<'_> {
    fn take(&mut self, n: usize) -> io::Result<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        Ok(taken)
    }

    fn int16(&mut self) -> io::Result<i16> {
        self.take(2).map(|b| i16::from_be_bytes([b[0], b[1]]))
    }

    fn int32(&mut self) -> io::Result<i32> {
        self.take(4).map(|b| i32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    }

    fn text(&mut self) -> io::Result<String> {
        let end = self.0.iter().position(|b| *b == 0).ok_or(io::ErrorKind::UnexpectedEof)?;
        let text = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.take(1)?;
        Ok(text)
    }

    fn columns(&mut self) -> io::Result<Vec<Column>> {
        let column = |body: &mut Self| {
            let name = body.text()?;
            body.take(6)?;
            let oid = body.int32()?.cast_unsigned();
            body.take(6)?;
            Ok(Column { name, oid, format: body.int16()? })
        };
        (0..self.int16()?).map(|_| column(self)).collect()
    }

    fn row(&mut self) -> io::Result<Vec<Option<Vec<u8>>>> {
        let value = |body: &mut Self| match usize::try_from(body.int32()?) {
            Ok(length) => body.take(length).map(|value| Some(value.to_vec())),
            Err(_) => Ok(None),
        };
        (0..self.int16()?).map(|_| value(self)).collect()
    }

    fn report(&mut self) -> io::Result<Report> {
        let mut report = Report::default();
        loop {
            let field = self.take(1)?[0];
            if field == 0 {
                return Ok(report);
            }
            let text = self.text()?;
            match field {
                b'C' => report.state = text,
                b'M' => report.message = text,
                b'D' => report.detail = Some(text),
                b'H' => report.hint = Some(text),
                b'P' => report.position = text.parse().ok(),
                _ => {}
            }
        }
    }
}
