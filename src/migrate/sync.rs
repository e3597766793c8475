//! What changed in the file since it was migrated, carried over: the last step before the application moves.
//!
//! The copy of the file that the migration kept is the base. What differs between it and the file of now is found within SQLite; at the
//! target only those rows are touched, each only if it is still as the base has it. Rows that changed at the target alone stay.

use super::constraints::{BROKEN, put_back, take_off_keys, take_off_unique};
use super::copy::{PIECE, begun, put_quarantined, put_text};
use super::form::Cell;
use super::layout::Layout;
use super::progress::Progress;
use super::snapshot::Snapshot;
use super::source::{ObjectKind, Source, open, quoted};
use super::target::{self, Target};
use super::{Error, canon, counted, schema, state, verify};
use crate::catalog::Catalog;
use crate::catalog::module::Content;
use crate::translate::bind_ident;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, TryStreamExt};
use rusqlite::{Connection, Row};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;

/// Keys of conflicts that are shown of one table.
const SHOWN: usize = 20;

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
    /// Rows that no longer fit, and were set aside.
    pub quarantined: u64,
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
        let aside = |n: u64| if n > 0 { format!(", {} to quarantine", counted(n as usize, "row")) } else { String::new() };
        let line =
            |t: &Carried| format!("{}: {} inserted, {} updated, {} deleted{}", t.table, t.inserted, t.updated, t.deleted, aside(t.quarantined));
        let mut lines: Vec<String> = self.tables.iter().map(line).collect();
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
    let mut outcome = Outcome::default();
    let mut touched = Vec::new();
    for (at, layout) in layouts.iter().enumerate() {
        let work = progress.work(&format!("sync {}", layout.table), None);
        let changes = Changes { migration: migration.id.clone(), layout: layout.clone(), base: base.path.clone(), now: now.path.clone(), at };
        let (fitting, aside) = changes.send(&transaction).await?;
        let found = fitting + aside;
        work.add(found);
        work.finish();
        if aside > 0 && !migration.decisions.quarantine {
            return Err(Error::refused(format!("rows of {} no longer fit, and the migration was told to stop then", layout.table)));
        }
        if found > 0 {
            if !overwrite {
                changes.conflicts(&transaction, &mut outcome.conflicts).await?;
            }
            touched.push(changes);
        }
    }
    if !outcome.conflicts.is_empty() {
        transaction.rollback().await?;
        return Ok(outcome);
    }
    let mut back = Vec::new();
    for changes in &touched {
        back.extend(take_off_keys(&transaction, &changes.layout.target).await?);
    }
    transaction.batch_execute("SET LOCAL search_path TO DEFAULT").await?;
    for changes in &touched {
        let of_module = catalog.relation(&changes.layout.table).is_some_and(|r| r.module.is_some());
        outcome.tables.push(changes.apply(&transaction, of_module).await?);
    }
    let problems = put_back(&transaction, "foreign keys", back.iter()).await?;
    // Rows that break one are SQLite's own, as in a migration; anything else is none of a synchronization's.
    if let Some(problem) = problems.iter().find(|p| !p.contains(BROKEN)) {
        return Err(Error::refused(problem.clone()));
    }
    finish(&transaction, &source, &before, &layouts, &catalog, &touched).await?;
    transaction.execute("UPDATE litewire.migrations SET snapshot = $2 WHERE id = $1", &[&migration.id, &now.path.to_string_lossy()]).await?;
    transaction.commit().await?;
    Ok(outcome)
}

/// What follows from rows: sequences, the file's numbers, and full-text indexes over tables that changed.
async fn finish(
    transaction: &Transaction<'_>,
    source: &Source,
    before: &Source,
    layouts: &[Arc<Layout>],
    catalog: &Catalog,
    touched: &[Changes],
) -> Result<(), Error> {
    let highest = source.highest(layouts)?;
    for layout in layouts {
        if let Some((sequence, at)) = &layout.sequence {
            let id = bind_ident(&layout.fields[*at].name);
            let sql = format!("SELECT litewire.bump($1::text::regclass, greatest((SELECT max({id}) FROM {}), $2::int8))", layout.target);
            transaction.query_one(&sql, &[sequence, &highest.get(&layout.table)]).await?;
        }
    }
    let numbers = [("user_version", before.user_version, source.user_version), ("application_id", before.application_id, source.application_id)];
    for (name, _, now) in numbers.iter().filter(|(_, before, now)| before != now) {
        let sql = "INSERT INTO litewire.meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        transaction.execute(sql, &[name, &now.to_string()]).await?;
    }
    for object in source.objects.iter().filter(|o| o.kind == ObjectKind::Search) {
        let Some(relation) = catalog.relation(&object.name) else { continue };
        let Some(Content::External(content, ..)) = relation.full_text().map(|full_text| &full_text.content) else { continue };
        if touched.iter().any(|changes| changes.layout.table.eq_ignore_ascii_case(content)) {
            transaction.batch_execute(&schema::command(relation, "rebuild", None)).await?;
        }
    }
    Ok(())
}

/// The changes of one table, in tables of the transaction's own, and from there in the target's.
struct Changes {
    migration: String,
    layout: Arc<Layout>,
    base: PathBuf,
    now: PathBuf,
    /// Tells the tables of the transaction apart.
    at: usize,
}

impl Changes {
    /// The rows that differ: what is to be done, the hashes of the row as it was and is, its key, and the row.
    fn rows(&self) -> String {
        format!("pg_temp.changes_{}", self.at)
    }

    /// The same of rows that are or were set aside.
    fn aside(&self) -> String {
        format!("pg_temp.aside_{}", self.at)
    }

    fn copied(&self) -> Vec<String> {
        self.layout.copied().map(|(_, f)| bind_ident(&f.name)).collect()
    }

    /// Which row of the target's a change is about.
    fn same(&self) -> String {
        let name = |at: &usize| bind_ident(&self.layout.fields[*at].name);
        key(&self.layout).iter().map(name).map(|k| format!("t.{k} = c.{k}")).collect::<Vec<_>>().join(" AND ")
    }

    /// Brings them over; how many fit, and how many do not.
    async fn send(&self, transaction: &Transaction<'_>) -> Result<(u64, u64), Error> {
        let (rows, aside, columns, target) = (self.rows(), self.aside(), self.copied().join(", "), &self.layout.target);
        let make = format!(
            "CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT ''::text AS \"*op\", ''::text AS \"*base\", ''::text AS \"*now\", ''::text AS \"*key\", {columns} FROM {target} LIMIT 0; \
             CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT ''::text AS \"*op\", q.* FROM litewire.quarantine q LIMIT 0",
            rows.trim_start_matches("pg_temp."),
            aside.trim_start_matches("pg_temp.")
        );
        transaction.batch_execute(&make).await?;
        let into = format!("COPY {rows} (\"*op\", \"*base\", \"*now\", \"*key\", {columns}) FROM STDIN (FORMAT binary)");
        let fitting = self.stream(transaction, &into, false).await?;
        let into = format!("COPY {aside} (\"*op\", migration, tbl, key, reason, columns, literals, row) FROM STDIN (FORMAT binary)");
        Ok((fitting, self.stream(transaction, &into, true).await?))
    }

    async fn stream(&self, transaction: &Transaction<'_>, into: &str, aside: bool) -> Result<u64, Error> {
        let sink = transaction.copy_in::<_, Bytes>(into).await?;
        tokio::pin!(sink);
        let (send, mut receive) = mpsc::channel(4);
        let (layout, base, now, migration) = (self.layout.clone(), self.base.clone(), self.now.clone(), self.migration.clone());
        let reader = tokio::task::spawn_blocking(move || changes(&layout, &base, &now, aside.then_some(migration.as_str()), &send));
        while let Some(piece) = receive.recv().await {
            sink.send(piece).await?;
        }
        reader.await??;
        Ok(sink.as_mut().finish().await?)
    }

    /// Rows that are at the target neither as they were nor as they are.
    async fn conflicts(&self, transaction: &Transaction<'_>, conflicts: &mut Vec<String>) -> Result<(), Error> {
        let (layout, same) = (&self.layout, self.same());
        let mut shown = 0;
        let mut add = |key: &str| {
            shown += 1;
            if shown <= SHOWN {
                conflicts.push(format!("{}: {key}", layout.table));
            }
        };
        let theirs: Vec<String> = layout.fields.iter().map(|f| canon::expression(f.form, &format!("t.{}", bind_ident(&f.name)))).collect();
        let query = format!(
            "SELECT c.\"*key\", c.\"*base\", c.\"*now\", CASE WHEN NOT (t.{} IS NULL) THEN ARRAY[{}] END FROM {} c LEFT JOIN {} t ON {same}",
            bind_ident(&layout.fields[key(layout)[0]].name),
            theirs.join(", "),
            self.rows(),
            layout.target
        );
        let rows = transaction.query_raw(&query, std::iter::empty::<&str>()).await?;
        tokio::pin!(rows);
        while let Some(row) = rows.try_next().await? {
            let values: Option<Vec<String>> = row.get(3);
            let theirs = values.map_or_else(String::new, |values| digest(&verify::normal(layout, values).concat()));
            if theirs != row.get::<_, &str>(1) && theirs != row.get::<_, &str>(2) {
                add(row.get(0));
            }
        }
        let gone = format!(
            "SELECT coalesce(key, '') FROM {} a WHERE \"*op\" = 'd' AND NOT EXISTS (SELECT FROM litewire.quarantine q WHERE q.tbl = a.tbl AND q.row = a.row)",
            self.aside()
        );
        transaction.query(&gone, &[]).await?.iter().for_each(|row| add(row.get(0)));
        Ok(())
    }

    /// Makes the target's rows what the file's are.
    async fn apply(&self, transaction: &Transaction<'_>, of_module: bool) -> Result<Carried, Error> {
        let target = &self.layout.target;
        // What keeps the index of a virtual table is no trigger of the application's.
        if !of_module {
            transaction.batch_execute(&format!("ALTER TABLE {target} DISABLE TRIGGER USER")).await?;
        }
        transaction.batch_execute("SAVEPOINT rows").await?;
        let carried = match self.change(transaction).await {
            // Values that rows exchange are there twice while one row changes after the other.
            Err(Error::Backend(error)) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                transaction.batch_execute("ROLLBACK TO rows").await?;
                let back = take_off_unique(transaction, target, self.layout.fields.iter().any(|f| f.hidden)).await?;
                let carried = self.change(transaction).await?;
                for sql in back {
                    transaction.batch_execute(&sql).await?;
                }
                carried
            }
            outcome => outcome?,
        };
        if !of_module {
            transaction.batch_execute(&format!("ALTER TABLE {target} ENABLE TRIGGER USER")).await?;
        }
        Ok(carried)
    }

    async fn change(&self, transaction: &Transaction<'_>) -> Result<Carried, Error> {
        let (rows, aside, same, target, copied) = (self.rows(), self.aside(), self.same(), &self.layout.target, self.copied());
        let mut carried = Carried { table: self.layout.table.clone(), ..Carried::default() };
        let sets: Vec<String> = copied.iter().map(|c| format!("{c} = c.{c}")).collect();
        let delete = format!("DELETE FROM {target} t USING {rows} c WHERE c.\"*op\" = 'd' AND {same}");
        carried.deleted = transaction.execute(&delete, &[]).await?;
        let update = format!("UPDATE {target} t SET {} FROM {rows} c WHERE c.\"*op\" <> 'd' AND {same}", sets.join(", "));
        carried.updated = transaction.execute(&update, &[]).await?;
        let insert = format!(
            "INSERT INTO {target} ({0}) SELECT {1} FROM {rows} c WHERE c.\"*op\" <> 'd' AND NOT EXISTS (SELECT FROM {target} t WHERE {same})",
            copied.join(", "),
            copied.iter().map(|c| format!("c.{c}")).collect::<Vec<_>>().join(", ")
        );
        carried.inserted = transaction.execute(&insert, &[]).await?;
        // Rows of the quarantine may be alike: each change is about one.
        let leave = format!(
            "WITH q AS (SELECT ctid, tbl, row, row_number() OVER (PARTITION BY tbl, row) AS nth FROM litewire.quarantine WHERE tbl = $1), \
             a AS (SELECT tbl, row, row_number() OVER (PARTITION BY tbl, row) AS nth FROM {aside} WHERE \"*op\" = 'd') \
             DELETE FROM litewire.quarantine USING q JOIN a USING (tbl, row, nth) WHERE litewire.quarantine.ctid = q.ctid"
        );
        transaction.execute(&leave, &[&self.layout.table]).await?;
        let columns = "migration, tbl, key, reason, columns, literals, row";
        let enter = format!("INSERT INTO litewire.quarantine ({columns}) SELECT {columns} FROM {aside} WHERE \"*op\" = 'u'");
        carried.quarantined = transaction.execute(&enter, &[]).await?;
        Ok(carried)
    }
}

/// What tells rows apart: the rowid where there is one, since a key may change.
fn key(layout: &Layout) -> Vec<usize> {
    layout.fields.iter().position(|f| f.hidden).map_or_else(|| layout.key.clone(), |at| vec![at])
}

/// Finds and encodes the rows that differ between the two copies; for a migration's quarantine those that do not fit, else the others.
fn changes(layout: &Layout, base: &Path, now: &Path, aside: Option<&str>, send: &mpsc::Sender<Bytes>) -> Result<(), Error> {
    let connection = open(now)?;
    connection.execute("ATTACH ?1 AS base", [base.to_string_lossy()])?;
    let key: Vec<&str> = key(layout).iter().map(|&at| layout.fields[at].select.as_str()).collect();
    let name = quoted(&layout.table);
    let mut out = begun();
    if key.is_empty() {
        let columns = layout.fields.iter().map(|f| f.select.as_str()).collect::<Vec<_>>().join(", ");
        let side = |of: &str| format!("SELECT {columns}, count(*) FROM {of}.{name} GROUP BY {columns}");
        let differ = format!("SELECT EXISTS ({0} EXCEPT {1}) OR EXISTS ({1} EXCEPT {0})", side("main"), side("base"));
        if connection.query_row(&differ, [], |row| row.get(0))? {
            return Err(Error::refused(format!("{} changed, and nothing tells its rows apart; migrate anew", layout.table)));
        }
    } else {
        let side = |alias: &str| layout.fields.iter().map(|f| format!("{alias}.{}", f.select)).collect::<Vec<_>>().join(", ");
        let joined = key.iter().map(|k| format!("n.{k} = b.{k}")).collect::<Vec<_>>().join(" AND ");
        let differs: Vec<String> =
            layout.fields.iter().map(|f| format!("typeof(n.{0}) <> typeof(b.{0}) OR n.{0} IS NOT b.{0} COLLATE BINARY", f.select)).collect();
        let new = format!(
            "SELECT {}, {}, b.{} IS NOT NULL, 1 FROM main.{name} n LEFT JOIN base.{name} b ON {joined} WHERE b.{} IS NULL OR {}",
            side("n"),
            side("b"),
            key[0],
            key[0],
            differs.join(" OR ")
        );
        let gone = format!("SELECT {0}, {0}, 1, 0 FROM base.{name} b LEFT JOIN main.{name} n ON {joined} WHERE n.{1} IS NULL", side("b"), key[0]);
        for sql in [&gone, &new] {
            each(&connection, sql, |row| {
                match aside {
                    None => put_change(layout, row, &mut out)?,
                    Some(migration) => put_aside(layout, row, migration, &mut out)?,
                }
                // The receiver goes when the target fails; its error is the one that counts.
                Ok(out.len() < PIECE || send.blocking_send(out.split().freeze()).is_ok())
            })?;
        }
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

/// A row as it is now and as it was, one behind the other, and whether it was and is: the columns of each that the table holds.
fn sides(layout: &Layout, row: &Row) -> Result<[Option<usize>; 2], Error> {
    let count = layout.fields.len();
    let fits = |there: usize, from: usize| -> Result<Option<usize>, Error> {
        Ok((row.get(2 * count + there)? && layout.misfit_from(row, from)?.is_none()).then_some(from))
    };
    Ok([fits(0, count)?, fits(1, 0)?])
}

/// A row that the table has, had, or both.
fn put_change(layout: &Layout, row: &Row, out: &mut BytesMut) -> Result<(), Error> {
    let [was, is] = sides(layout, row)?;
    let Some(shown) = is.or(was) else { return Ok(()) };
    out.put_i16(4 + layout.copied().count() as i16);
    let hash = |from: Option<usize>| from.map_or(Ok(String::new()), |from| hashed(layout, row, from));
    let op = if is.is_some() { "u" } else { "d" };
    for text in [op, &hash(was)?, &hash(is)?, &layout.key_from(row, shown)?] {
        put_text(text, out);
    }
    for (at, field) in layout.copied() {
        // Sides that do not fit are none.
        let cell = field.cell(row.get_ref(shown + at)?).unwrap_or(Cell::Null);
        field.form.put(&cell, out);
    }
    Ok(())
}

/// What enters the quarantine, and what leaves it.
fn put_aside(layout: &Layout, row: &Row, migration: &str, out: &mut BytesMut) -> Result<(), Error> {
    let count = layout.fields.len();
    for (op, there, from) in [("d", 0, count), ("u", 1, 0)] {
        if row.get(2 * count + there)?
            && let Some(reason) = layout.misfit_from(row, from)?
        {
            out.put_i16(8);
            put_text(op, out);
            put_quarantined(layout, row, from, migration, &reason, out)?;
        }
    }
    Ok(())
}

/// The MD5 of a row's canonical text, whose columns begin at `from`; the row fits.
fn hashed(layout: &Layout, row: &Row, from: usize) -> Result<String, Error> {
    let mut text = String::new();
    for (at, field) in layout.fields.iter().enumerate() {
        verify::push(field.cell(row.get_ref(from + at)?), &mut text);
    }
    Ok(digest(&text))
}

fn digest(text: &str) -> String {
    crate::value::hex(&canon::hash(text)).to_lowercase()
}
