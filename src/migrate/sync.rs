//! What changed in the file since it was migrated, carried over: the last step before the application moves.
//!
//! The copy of the file that the migration kept is the base. What differs between it and the file of now is found within SQLite; at the
//! target only those rows are touched, each only if it is still as the base has it. Rows that changed at the target alone stay.

use super::canon;
use super::copy::raw_text;
use super::form::Cell;
use super::layout::Layout;
use super::progress::Progress;
use super::snapshot::Snapshot;
use super::source::{Source, open, quoted};
use super::state;
use super::target::{self, Target};
use super::{Error, counted};
use crate::translate::bind_ident;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use rusqlite::{Connection, Row};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_postgres::Transaction;

/// Keys of conflicts that are shown.
const SHOWN: i64 = 20;
const PIECE: usize = 256 * 1024;

/// What was carried over of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// The table.
    pub table: String,
    /// Rows that are new.
    pub inserted: u64,
    /// Rows that are other.
    pub updated: u64,
    /// Rows that are gone.
    pub deleted: u64,
}

/// What a synchronization did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The tables of which something changed.
    pub tables: Vec<Carried>,
    /// Rows that changed on both sides, and so stopped everything.
    pub conflicts: Vec<String>,
}

impl Outcome {
    /// In words, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.tables.iter().map(|t| format!("{}: {} inserted, {} updated, {} deleted", t.table, t.inserted, t.updated, t.deleted)).collect();
        lines.extend(self.conflicts.iter().map(|key| format!("changed on both sides: {key}")));
        lines.push(match self.conflicts.len() {
            0 => format!("carried over the changes of {}", counted(self.tables.len(), "table")),
            n => format!("nothing was carried over: {}; --overwrite takes SQLite's rows", counted(n, "conflict")),
        });
        lines
    }
}

/// Carries over what changed, in one transaction. With `overwrite` SQLite's rows win over changes at the target.
pub async fn sync(target: &Target, file: &Path, overwrite: bool, progress: &Progress) -> Result<Outcome, Error> {
    let file = file.canonicalize().map_err(|source| Error::File { path: file.to_owned(), source })?;
    let mut client = target.connect().await?;
    state::prepare(&client).await?;
    let migration = state::latest(&client, &file).await?.ok_or_else(|| Error::refused(format!("{} was not migrated to here", file.display())))?;
    if migration.state == "running" {
        return Err(Error::refused("the migration of this file is not finished; run litewire migrate again first"));
    }
    let base = Snapshot::find(&migration.snapshot, &migration.id)
        .ok_or_else(|| Error::refused("the copy that tells what changed is gone; a migration with --keep-snapshot keeps it"))?;
    let directory = base.path.parent().unwrap_or(Path::new(".")).to_owned();
    let (taken, shown) = (file.clone(), progress.clone());
    let now = tokio::task::spawn_blocking(move || Snapshot::take(&taken, &directory, &shown)).await??;
    let carried = carry(&mut client, &migration, &base, &now, overwrite, progress).await;
    match &carried {
        Ok(outcome) if outcome.conflicts.is_empty() => base.remove()?,
        _ => now.remove()?,
    }
    carried
}

async fn carry(
    client: &mut tokio_postgres::Client,
    migration: &state::Migration,
    base: &Snapshot,
    now: &Snapshot,
    overwrite: bool,
    progress: &Progress,
) -> Result<Outcome, Error> {
    let (before, source) = (Source::read(&base.path)?, Source::read(&now.path)?);
    if let Some(changed) = source.objects.iter().find(|o| !before.objects.contains(o)).or(before.objects.iter().find(|o| !source.objects.contains(o)))
    {
        return Err(Error::refused(format!(
            "the file's schema has changed ({} {}); make the same change at the target, and migrate anew",
            changed.kind.name(),
            changed.name
        )));
    }
    let catalog = target::catalog(client).await?;
    let kept = source.tables().filter(|t| !migration.decisions.skipped.contains(&format!("{} {}", t.kind.name(), t.name)));
    let layouts = Layout::all(&source, kept, &catalog)?;
    let transaction = client.transaction().await?;
    transaction.batch_execute("SET CONSTRAINTS ALL DEFERRED").await?;
    let mut outcome = Outcome::default();
    for layout in &layouts {
        let work = progress.work(&format!("sync {}", layout.table), None);
        let found = table(&transaction, layout, base, now, overwrite, &mut outcome.conflicts).await?;
        work.add(found.inserted + found.updated + found.deleted);
        work.finish();
        if found.inserted + found.updated + found.deleted > 0 {
            outcome.tables.push(found);
        }
    }
    if !outcome.conflicts.is_empty() {
        transaction.rollback().await?;
        return Ok(outcome);
    }
    for layout in &layouts {
        if let Some((sequence, at)) = &layout.sequence {
            let id = bind_ident(&layout.fields[*at].name);
            let sql = format!("SELECT litewire.bump($1::text::regclass, greatest((SELECT max({id}) FROM {}), $2::int8))", layout.target);
            transaction.query_one(&sql, &[sequence, &source.sequences.get(&layout.table)]).await?;
        }
    }
    transaction.execute("UPDATE litewire.migrations SET snapshot = $2 WHERE id = $1", &[&migration.id, &now.path.to_string_lossy()]).await?;
    transaction.commit().await?;
    Ok(outcome)
}

/// The changes of one table, into a table of the transaction's own, and from there into the target's.
async fn table(
    transaction: &Transaction<'_>,
    layout: &Arc<Layout>,
    base: &Snapshot,
    now: &Snapshot,
    overwrite: bool,
    conflicts: &mut Vec<String>,
) -> Result<Carried, Error> {
    let copied: Vec<String> = layout.copied().map(|(_, f)| bind_ident(&f.name)).collect();
    transaction
        .batch_execute(&format!(
            "DROP TABLE IF EXISTS pg_temp.changes; CREATE TEMP TABLE changes ON COMMIT DROP AS SELECT ''::text AS \"*op\", ''::text AS \"*base\", ''::text AS \"*key\", {} FROM {} LIMIT 0",
            copied.join(", "),
            layout.target
        ))
        .await?;
    let into = format!("COPY pg_temp.changes (\"*op\", \"*base\", \"*key\", {}) FROM STDIN (FORMAT binary)", copied.join(", "));
    let sink = transaction.copy_in::<_, Bytes>(&into).await?;
    tokio::pin!(sink);
    let (send, mut receive) = mpsc::channel(4);
    let (of, base, now) = (layout.clone(), base.path.clone(), now.path.clone());
    let reader = tokio::task::spawn_blocking(move || changes(&of, &base, &now, &send));
    while let Some(piece) = receive.recv().await {
        sink.send(piece).await?;
    }
    reader.await??;
    if sink.as_mut().finish().await? == 0 {
        return Ok(Carried { table: layout.table.clone(), ..Carried::default() });
    }

    let same: Vec<String> = key(layout).iter().map(|&at| bind_ident(&layout.fields[at].name)).map(|k| format!("t.{k} = c.{k}")).collect();
    let (same, target) = (same.join(" AND "), &layout.target);
    let now_there: Vec<String> = layout.fields.iter().map(|f| canon::expression(f.form, &format!("t.{}", bind_ident(&f.name)))).collect();
    if !overwrite {
        let query = format!(
            "SELECT c.\"*key\" FROM pg_temp.changes c LEFT JOIN {target} t ON {same} WHERE CASE WHEN t.{} IS NULL THEN '' ELSE md5({}) END <> c.\"*base\" LIMIT {SHOWN}",
            bind_ident(&layout.fields[key(layout)[0]].name),
            now_there.join(" || ")
        );
        let found = transaction.query(&query, &[]).await?;
        if !found.is_empty() {
            conflicts.extend(found.iter().map(|row| format!("{}: {}", layout.table, row.get::<_, &str>(0))));
            return Ok(Carried { table: layout.table.clone(), ..Carried::default() });
        }
    }
    transaction.batch_execute(&format!("ALTER TABLE {target} DISABLE TRIGGER USER")).await?;
    let sets: Vec<String> = copied.iter().map(|c| format!("{c} = c.{c}")).collect();
    let deleted = transaction.execute(&format!("DELETE FROM {target} t USING pg_temp.changes c WHERE c.\"*op\" = 'd' AND {same}"), &[]).await?;
    let update = format!("UPDATE {target} t SET {} FROM pg_temp.changes c WHERE c.\"*op\" <> 'd' AND {same}", sets.join(", "));
    let updated = transaction.execute(&update, &[]).await?;
    let insert = format!(
        "INSERT INTO {target} ({0}) SELECT {1} FROM pg_temp.changes c WHERE c.\"*op\" <> 'd' AND NOT EXISTS (SELECT FROM {target} t WHERE {same})",
        copied.join(", "),
        copied.iter().map(|c| format!("c.{c}")).collect::<Vec<_>>().join(", ")
    );
    let inserted = transaction.execute(&insert, &[]).await?;
    transaction.batch_execute(&format!("ALTER TABLE {target} ENABLE TRIGGER USER")).await?;
    Ok(Carried { table: layout.table.clone(), inserted, updated, deleted })
}

/// What tells rows apart: the rowid where there is one, since a key may change.
fn key(layout: &Layout) -> Vec<usize> {
    layout.fields.iter().position(|f| f.hidden).map_or_else(|| layout.key.clone(), |at| vec![at])
}

/// Finds and encodes the rows that differ between the two copies.
fn changes(layout: &Layout, base: &Path, now: &Path, send: &mpsc::Sender<Bytes>) -> Result<(), Error> {
    let connection = open(now)?;
    connection.execute("ATTACH ?1 AS base", [base.to_string_lossy()])?;
    let key: Vec<&str> = key(layout).iter().map(|&at| layout.fields[at].select.as_str()).collect();
    if key.is_empty() {
        return Err(Error::refused(format!("nothing tells the rows of {} apart", layout.table)));
    }
    let side = |alias: &str| layout.fields.iter().map(|f| format!("{alias}.{}", f.select)).collect::<Vec<_>>().join(", ");
    let joined = key.iter().map(|k| format!("n.{k} = b.{k}")).collect::<Vec<_>>().join(" AND ");
    let differs: Vec<String> =
        layout.fields.iter().map(|f| format!("typeof(n.{0}) <> typeof(b.{0}) OR n.{0} IS NOT b.{0} COLLATE BINARY", f.select)).collect();
    let name = quoted(&layout.table);
    let mut out = BytesMut::new();
    out.put_slice(b"PGCOPY\n\xff\r\n\0");
    out.put_i64(0);
    let new = format!(
        "SELECT {}, {}, b.{} IS NULL FROM main.{name} n LEFT JOIN base.{name} b ON {joined} WHERE b.{} IS NULL OR {}",
        side("n"),
        side("b"),
        key[0],
        key[0],
        differs.join(" OR ")
    );
    let gone = format!("SELECT {}, {}, 0 FROM base.{name} b LEFT JOIN main.{name} n ON {joined} WHERE n.{} IS NULL", side("b"), side("b"), key[0]);
    for (op, sql) in [("d", &gone), ("u", &new)] {
        each(&connection, sql, |row| {
            let count = layout.fields.len();
            let is_new: bool = row.get(2 * count)?;
            // The row as the target has it, unless something changed it there.
            let base = if is_new { String::new() } else { hashed(layout, row, count)? };
            put(layout, row, op, &base, &mut out)?;
            // The receiver goes when the target fails; its error is the one that counts.
            Ok(out.len() < PIECE || send.blocking_send(out.split().freeze()).is_ok())
        })?;
    }
    out.put_i16(-1);
    let _ = send.blocking_send(out.freeze());
    Ok(())
}

/// Calls for every row until it says false.
fn each(connection: &Connection, sql: &str, mut call: impl FnMut(&Row) -> Result<bool, Error>) -> Result<(), Error> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !call(row)? {
            break;
        }
    }
    Ok(())
}

/// The MD5 of a row's canonical text, whose columns begin at `from`.
fn hashed(layout: &Layout, row: &Row, from: usize) -> Result<String, Error> {
    let mut text = String::new();
    for (at, field) in layout.fields.iter().enumerate() {
        let cell = field.cell(row.get_ref(from + at)?).map_err(|misfit| aside(layout, row, &misfit.to_string()))?;
        canon::push(&cell, &mut text);
    }
    Ok(crate::value::hex(&canon::hash(&text)).to_lowercase())
}

fn put(layout: &Layout, row: &Row, op: &str, base: &str, out: &mut BytesMut) -> Result<(), Error> {
    out.put_i16(3 + layout.copied().count() as i16);
    for text in [op, base, &layout.key_of(row)?] {
        out.put_i32(text.len() as i32);
        out.put_slice(text.as_bytes());
    }
    for (at, field) in layout.copied() {
        let cell: Cell = field.cell(row.get_ref(at)?).map_err(|misfit| aside(layout, row, &misfit.to_string()))?;
        field.form.put(&cell, out);
    }
    Ok(())
}

/// A row that changed, and that the target's columns cannot hold.
fn aside(layout: &Layout, row: &Row, misfit: &str) -> Error {
    let key = layout.key_of(row).unwrap_or_default();
    let values = raw_text(layout, row).map_or(0, |text| text.len());
    Error::refused(format!("{}: the row with {key} ({}) changed, and does not fit: {misfit}; migrate anew", layout.table, counted(values, "byte")))
}
