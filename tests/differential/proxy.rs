//! Litewire's side.

use crate::common::wire::{Client, Column, Parameter, Report};
use crate::script::{Statement, unhex};
use crate::{Rows, Value};
use std::io;

/// How statements are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As simple queries; those with parameters as unnamed statements with a Describe of the portal.
    Simple,
    /// As unnamed statements with a Describe of the portal: the text is translated as it is.
    Extended,
    /// As named statements with a Describe of the statement.
    Prepared,
}

pub struct Proxy {
    client: Client,
    mode: Mode,
}

/// What came back.
pub struct Answer {
    pub result: Result<Rows, Report>,
    /// The types of the last columns, when they were announced for this execution alone.
    pub oids: Option<Vec<u32>>,
}

impl Proxy {
    pub fn new(client: Client, mode: Mode) -> Proxy {
        Proxy { client, mode }
    }

    /// Runs what a fixture sends at once; an error of I/O is a lost connection or a hang.
    pub fn run(&mut self, statement: &Statement) -> io::Result<Answer> {
        let sql = &statement.sql;
        let parameters: Vec<Parameter> = statement.parameters.iter().map(|value| parameter(value, statement.declared)).collect();
        // Only a simple query can hold several statements.
        let several = sql.contains(';');
        let reply = match self.mode {
            _ if several => self.client.simple(sql)?,
            Mode::Simple if parameters.is_empty() => self.client.simple(sql)?,
            Mode::Simple | Mode::Extended => self.client.extended(sql, &parameters)?,
            Mode::Prepared => self.client.prepared(sql, &parameters)?,
        };
        if let Some(error) = reply.error {
            return Ok(Answer { result: Err(error), oids: None });
        }
        let (mut rows, mut oids) = (Rows::default(), None);
        for answer in reply.answers {
            let columns = answer.columns.unwrap_or_default();
            rows.rows
                .extend(answer.rows.iter().map(|row| row.iter().zip(&columns).map(|(value, column)| decode(value.as_deref(), column)).collect()));
            if !columns.is_empty() {
                rows.names = columns.iter().map(|column| column.name.clone()).collect();
                oids = Some(columns.iter().map(|column| column.oid).collect()).filter(|_| self.mode == Mode::Simple);
            }
        }
        Ok(Answer { result: Ok(rows), oids })
    }
}

fn parameter(value: &Value, declared: bool) -> Parameter {
    let (oid, text) = match value {
        Value::Null => return Parameter::default(),
        Value::Integer(n) => (20, n.to_string()),
        Value::Real(x) => (701, format!("{x:?}")),
        Value::Text(text) | Value::Foreign(_, text) => (25, text.clone()),
        Value::Blob(bytes) => return Parameter { oid: 17, binary: true, value: Some(bytes.clone()) },
    };
    Parameter { oid: if declared { oid } else { 0 }, binary: false, value: Some(text.into_bytes()) }
}

fn decode(bytes: Option<&[u8]>, column: &Column) -> Value {
    let Some(bytes) = bytes else { return Value::Null };
    let text = String::from_utf8_lossy(bytes).into_owned();
    let decoded = match column.oid {
        20 | 21 | 23 => text.parse().ok().map(Value::Integer),
        700 | 701 => real(&text).map(Value::Real),
        17 => text.strip_prefix("\\x").and_then(unhex).map(Value::Blob),
        25 | 1043 => Some(Value::Text(text.clone())),
        _ => None,
    };
    decoded.unwrap_or(Value::Foreign(column.oid, text))
}

fn real(text: &str) -> Option<f64> {
    match text {
        "Infinity" | "Inf" => Some(f64::INFINITY),
        "-Infinity" | "-Inf" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}
