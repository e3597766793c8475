//! A table's rows by binary COPY: read, encoded and sent in pieces, so that memory does not grow with the table.

use super::canon;
use super::form::{Cell, plain_text};
use super::layout::{Layout, literal};
use super::progress::Work;
use super::scan::TICK;
use super::source::open;
use super::{Error, state};
use crate::catalog::oid;
use crate::translate::bind_ident;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use rusqlite::Row;
use rusqlite::types::ValueRef;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_postgres::Client;

/// Bytes that are sent at once, and pieces that may wait.
pub const PIECE: usize = 256 * 1024;
const WAITING: usize = 4;

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Rows in the table.
    pub rows: u64,
    /// Rows set aside, whole.
    pub quarantined: u64,
}

/// Empties the table, copies all rows and records it, in one transaction: a table is empty or whole.
pub async fn copy(
    client: &mut Client,
    migration: &str,
    file: &Path,
    layout: &Arc<Layout>,
    quarantine: bool,
    work: Arc<Work>,
) -> Result<Copied, Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(&format!("TRUNCATE {}", layout.target)).await?;
    let columns: Vec<String> = layout.copied().map(|(_, f)| bind_ident(&f.name)).collect();
    let into = format!("COPY {} ({}) FROM STDIN (FORMAT binary, FREEZE)", layout.target, columns.join(", "));
    let (rows, misfits) = stream(&transaction, &into, file, layout, Rows::Fitting, work.clone()).await?;
    if misfits > 0 && !quarantine {
        return Err(Error::refused(format!("{misfits} rows of {} do not fit, and the scan has not seen them", layout.table)));
    }
    // The table was emptied: what an earlier migration set aside of it is void.
    transaction.execute("DELETE FROM litewire.quarantine WHERE tbl = $1", &[&layout.table]).await?;
    if misfits > 0 {
        let into = "COPY litewire.quarantine (migration, tbl, key, reason, columns, literals, row) FROM STDIN (FORMAT binary)";
        stream(&transaction, into, file, layout, Rows::Misfit(migration.to_owned()), work.clone()).await?;
    }
    state::copied(&transaction, migration, &layout.table, rows, misfits).await?;
    transaction.commit().await?;
    work.finish();
    Ok(Copied { rows, quarantined: misfits })
}

/// Which rows a pass is about.
enum Rows {
    /// Those that fit, into their table.
    Fitting,
    /// The others, into the quarantine of the migration named.
    Misfit(String),
}

/// One pass over the table; how many rows fit, and how many do not.
async fn stream(
    transaction: &tokio_postgres::Transaction<'_>,
    into: &str,
    file: &Path,
    layout: &Arc<Layout>,
    which: Rows,
    work: Arc<Work>,
) -> Result<(u64, u64), Error> {
    let sink = transaction.copy_in::<_, Bytes>(into).await?;
    tokio::pin!(sink);
    let (send, mut receive) = mpsc::channel(WAITING);
    let (file, layout) = (file.to_owned(), layout.clone());
    let reader = tokio::task::spawn_blocking(move || read(&file, &layout, &which, &send, &work));
    while let Some(piece) = receive.recv().await {
        sink.send(piece).await?;
    }
    let counts = reader.await??;
    sink.as_mut().finish().await?;
    Ok(counts)
}

/// The head of a binary COPY (sql-copy.html), with room for a piece of it.
pub fn begun() -> BytesMut {
    let mut out = BytesMut::with_capacity(PIECE + 8192);
    out.put_slice(b"PGCOPY\n\xff\r\n\0");
    // Flags, and the length of no extension.
    out.put_i64(0);
    out
}

fn read(file: &Path, layout: &Layout, which: &Rows, send: &mpsc::Sender<Bytes>, work: &Work) -> Result<(u64, u64), Error> {
    let connection = open(file)?;
    let mut statement = connection.prepare(&layout.select())?;
    let mut rows = statement.query([])?;
    let mut out = begun();
    let (mut fitting, mut misfits, mut since) = (0, 0, 0);
    while let Some(row) = rows.next()? {
        let begun = out.len();
        let fits = match which {
            Rows::Fitting => put_row(layout, row, &mut out)?,
            Rows::Misfit(migration) => !put_misfit(layout, row, migration, &mut out)?,
        };
        if fits {
            fitting += 1
        } else {
            misfits += 1
        }
        if fits != matches!(which, Rows::Fitting) {
            out.truncate(begun);
        }
        since += 1;
        if since == TICK && matches!(which, Rows::Fitting) {
            work.add(since);
            since = 0;
        }
        // The receiver goes when the target fails; its error is the one that counts.
        if out.len() >= PIECE && send.blocking_send(out.split().freeze()).is_err() {
            return Ok((fitting, misfits));
        }
    }
    if matches!(which, Rows::Fitting) {
        work.add(since);
    }
    out.put_i16(-1);
    let _ = send.blocking_send(out.freeze());
    Ok((fitting, misfits))
}

/// Appends a row; false if it does not fit, and what was appended is void.
fn put_row(layout: &Layout, row: &Row, out: &mut BytesMut) -> Result<bool, rusqlite::Error> {
    let at = out.len();
    out.put_i16(0);
    let mut count = 0;
    for (place, field) in layout.copied() {
        match field.cell(row.get_ref(place)?) {
            Ok(cell) => field.form.put(&cell, out),
            Err(_) => return Ok(false),
        }
        count += 1;
    }
    if layout.overflows(row, 0)? {
        return Ok(false);
    }
    out[at..at + 2].copy_from_slice(&i16::to_be_bytes(count));
    Ok(true)
}

/// Appends a row of the quarantine; false for a row that fits.
fn put_misfit(layout: &Layout, row: &Row, migration: &str, out: &mut BytesMut) -> Result<bool, rusqlite::Error> {
    let Some(reason) = layout.misfit(row)? else { return Ok(false) };
    out.put_i16(7);
    put_quarantined(layout, row, 0, migration, &reason, out)?;
    Ok(true)
}

/// The seven fields of a row of the quarantine; the row's columns begin at `from`.
pub fn put_quarantined(layout: &Layout, row: &Row, from: usize, migration: &str, reason: &str, out: &mut BytesMut) -> Result<(), rusqlite::Error> {
    let mut literals = Vec::new();
    for place in 0..layout.fields.len() {
        literals.push(literal(row.get_ref(from + place)?));
    }
    let columns: Vec<&str> = layout.fields.iter().map(|f| f.name.as_str()).collect();
    for text in [migration, &layout.table, &layout.key_from(row, from)?, reason] {
        put_text(text, out);
    }
    put_texts(columns.into_iter(), out);
    put_texts(literals.iter().map(String::as_str), out);
    put_text(&raw_text(layout, row, from)?, out);
    Ok(())
}

/// The canonical text of a row as SQLite has it, whatever its columns would hold; they begin at `from`.
pub fn raw_text(layout: &Layout, row: &Row, from: usize) -> Result<String, rusqlite::Error> {
    let mut text = String::new();
    for place in from..from + layout.fields.len() {
        let value = row.get_ref(place)?;
        let cell = match value {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(n) => Cell::Integer(n),
            ValueRef::Real(x) => Cell::Real(x),
            ValueRef::Text(bytes) => plain_text(bytes).map_or(Cell::RawText(bytes), Cell::Text),
            ValueRef::Blob(bytes) => Cell::Blob(bytes),
        };
        canon::push(&cell, &mut text);
    }
    Ok(text)
}

/// A field of text.
pub fn put_text(text: &str, out: &mut BytesMut) {
    out.put_i32(text.len() as i32);
    out.put_slice(text.as_bytes());
}

/// text[]
fn put_texts<'a>(texts: impl ExactSizeIterator<Item = &'a str>, out: &mut BytesMut) {
    let at = out.len();
    // Length; one dimension, no NULLs, the type of the elements; their number, from 1.
    for word in [0, 1, 0, oid::TEXT as i32, texts.len() as i32, 1] {
        out.put_i32(word);
    }
    texts.for_each(|text| put_text(text, out));
    let length = (out.len() - at - 4) as i32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}
