//! The way back: a SQLite file with SQLite's own DDL and all rows, the ones set aside too; compared before it gets its name.

use super::canon;
use super::compare;
use super::layout::Layout;
use super::progress::{Progress, Work};
use super::scan::TICK;
use super::source::{ObjectKind, Source, quoted, virtual_kind};
use super::target::{self, Target};
use super::verify::{self, Comparison, Outcome};
use super::{Error, counted};
use crate::catalog::module::Content;
use crate::catalog::{Catalog, Column, Relation, RelationKind};
use crate::translate::{bind_ident, create_text, declared_type};
use futures_util::TryStreamExt;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_postgres::binary_copy::BinaryCopyOutStream;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Rows that travel together.
const BATCH: usize = 256;

/// A value on its way into SQLite.
#[derive(Debug, Clone, PartialEq)]
enum Owned {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl ToSql for Owned {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Owned::Null => ValueRef::Null,
            Owned::Integer(n) => ValueRef::Integer(*n),
            Owned::Real(x) => ValueRef::Real(*x),
            Owned::Text(bytes) => ValueRef::Text(bytes),
            Owned::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Writes what the target holds into a new file, and compares.
pub async fn export(target: &Target, file: &Path, jobs: usize, progress: &Progress) -> Result<Outcome, Error> {
    if file.exists() {
        return Err(Error::refused(format!("{} is there already; name another file", file.display())));
    }
    let client = target.connect().await?;
    // All tables as of one moment.
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let catalog = target::catalog(&client).await?;
    if catalog.helpers.is_none() && catalog.relations.is_empty() {
        return Err(Error::refused(format!("{} holds no tables; nothing was ever moved there", target.name())));
    }
    if catalog.meta.contains_key(super::state::META)
        && let Some(unfinished) = super::state::unfinished(&client).await?
    {
        return Err(Error::refused(format!("the migration of {unfinished} is not finished; run litewire migrate again first")));
    }
    let partial = file.with_extension("partial");
    let _ = fs::remove_file(&partial);
    let written = write(&client, &catalog, &partial, progress).await;
    if written.is_err() {
        // The error itself is what counts.
        let _ = fs::remove_file(&partial);
    }
    written?;
    client.batch_execute("COMMIT").await?;
    let source = Source::read(&partial)?;
    let layouts = Layout::exported(&source, &catalog)?;
    let comparison =
        Comparison { file: partial.clone(), layouts, quarantine: catalog.meta.contains_key(super::state::META), rows: Default::default() };
    let tables = verify::rows(target, &comparison, jobs, progress).await?;
    let outcome = Outcome { tables, schema: compare::numbers(&source, &catalog) };
    fs::rename(&partial, file).map_err(|source| Error::File { path: file.to_owned(), source })?;
    Ok(outcome)
}

async fn write(client: &Client, catalog: &Catalog, file: &Path, progress: &Progress) -> Result<(), Error> {
    let mut sqlite = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    // What breaks off is thrown away, so nothing needs to be safe; and what SQLite tolerated once it must take again.
    sqlite.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")?;
    for pragma in ["user_version", "application_id"] {
        if let Some(value) = catalog.meta.get(pragma).and_then(|v| v.parse::<i64>().ok()) {
            sqlite.execute_batch(&format!("PRAGMA {pragma} = {value}"))?;
        }
    }
    let objects = objects(client, catalog).await?;
    if let Some(empty) = catalog.relations.iter().find(|r| r.full_text().is_some_and(|f| f.content == Content::None)) {
        return Err(Error::refused(format!("{} is a contentless full-text table, whose rows cannot be read", empty.name)));
    }
    for (_, _, sql) in objects.iter().filter(|(kind, ..)| kind.has_rows()) {
        sqlite.execute_batch(sql)?;
    }
    for relation in catalog.relations.iter().filter(|r| r.schema == catalog.current_schema && r.kind == RelationKind::Table && r.module.is_none()) {
        add_columns(&sqlite, relation)?;
    }
    let source = Source::read(file)?;
    for layout in Layout::exported(&source, catalog)? {
        let work = progress.work(&format!("export {}", layout.table), None);
        sqlite = rows(client, catalog, layout.clone(), sqlite, work).await?;
    }
    let mut waiting: Vec<&(ObjectKind, String, String)> = objects.iter().filter(|(kind, ..)| !kind.has_rows()).collect();
    waiting.sort_by_key(|(kind, ..)| *kind);
    for (kind, name, sql) in waiting {
        sqlite.execute_batch(sql).map_err(|e| Error::refused(format!("{} {name}: {e}", kind.name())))?;
        if *kind == ObjectKind::Search && catalog.relation(name).is_some_and(|r| r.full_text().is_some()) {
            sqlite.execute(&format!("INSERT INTO {name} ({name}) VALUES ('rebuild')", name = quoted(name)), [])?;
        }
    }
    for relation in catalog.relations.iter().filter(|r| r.full_text().is_some()) {
        if let Some(rank) = catalog.meta.get(&format!("rank {}", relation.oid)) {
            sqlite.execute(&format!("INSERT INTO {name} ({name}, rank) VALUES ('rank', ?)", name = quoted(&relation.name)), [rank])?;
        }
    }
    sequences(client, catalog, &sqlite).await?;
    Ok(())
}

/// Adds the columns that PostgreSQL's own DDL added, which SQLite's text of the table knows nothing of.
fn add_columns(sqlite: &Connection, relation: &Relation) -> Result<(), Error> {
    let known = {
        let mut statement = sqlite.prepare("SELECT lower(name) FROM pragma_table_xinfo(?1)")?;
        statement.query_map([&relation.name], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?
    };
    let added = |c: &&Column| !c.hidden && !c.generated && !known.contains(&c.name.to_ascii_lowercase());
    for column in relation.columns.iter().filter(added) {
        sqlite.execute_batch(&format!("ALTER TABLE {} ADD COLUMN {} {}", quoted(&relation.name), quoted(&column.name), declared_type(column)))?;
    }
    Ok(())
}

/// Kind, name and SQLite's text of everything that SQLite's DDL made, tables of PostgreSQL's own with a text that fits them.
async fn objects(client: &Client, catalog: &Catalog) -> Result<Vec<(ObjectKind, String, String)>, Error> {
    let mut found = Vec::new();
    // What ANALYZE found is found anew.
    let own = |r: &&Relation| r.schema == catalog.current_schema && !r.name.starts_with("sqlite_");
    for relation in catalog.relations.iter().filter(own) {
        let kind = match relation.kind {
            RelationKind::Table if relation.module.is_some() => virtual_kind(relation.sql.as_deref().unwrap_or_default()),
            RelationKind::Table => ObjectKind::Table,
            RelationKind::View if relation.is_sqlite() => ObjectKind::View,
            _ => continue,
        };
        let sql = relation.sql.clone().unwrap_or_else(|| create_text(relation));
        let indexes = relation.indexes.iter().filter_map(|i| Some((ObjectKind::Index, i.name.clone(), i.sql.clone()?)));
        found.push((relation.oid, kind, relation.name.clone(), sql));
        found.extend(indexes.map(|(kind, name, sql)| (u32::MAX, kind, name, sql)));
    }
    // By creation, as far as PostgreSQL knows it.
    found.sort_by_key(|(oid, ..)| *oid);
    let mut found: Vec<_> = found.into_iter().map(|(_, kind, name, sql)| (kind, name, sql)).collect();
    if catalog.helpers.is_some() {
        let rows = client.query("SELECT name, sql FROM litewire.objects WHERE kind = 'trigger' ORDER BY relid", &[]).await?;
        found.extend(rows.iter().map(|row| (ObjectKind::Trigger, row.get(0), row.get(1))));
    }
    Ok(found)
}

/// All rows of a table, then those that were set aside. The connection goes to a thread that may block, and comes back.
async fn rows(client: &Client, catalog: &Catalog, layout: Arc<Layout>, sqlite: Connection, work: Work) -> Result<Connection, Error> {
    let copied: Vec<String> = layout.copied().map(|(_, f)| canon::stored(f.form, &bind_ident(&f.name))).collect();
    let key: Vec<String> = layout.key.iter().map(|&at| bind_ident(&layout.fields[at].name)).collect();
    let order = if key.is_empty() { String::new() } else { format!(" ORDER BY {}", key.join(", ")) };
    let types = vec![Type::TEXT; copied.len()];
    let query = format!("COPY (SELECT {} FROM {}{order}) TO STDOUT (FORMAT binary)", copied.join(", "), layout.target);
    let (send, receive) = mpsc::channel::<Vec<Vec<Owned>>>(4);
    let of = layout.clone();
    let writer = tokio::task::spawn_blocking(move || insert(sqlite, &of, receive, &work));

    let stream = BinaryCopyOutStream::new(client.copy_out(&query).await?, &types);
    tokio::pin!(stream);
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(row) = stream.try_next().await? {
        batch.push((0..types.len()).map(|at| value(row.get(at)).map(|(value, _)| value)).collect::<Result<Vec<_>, _>>()?);
        // The receiver goes when SQLite fails; its error is the one that counts.
        if batch.len() == BATCH && send.send(std::mem::take(&mut batch)).await.is_err() {
            break;
        }
    }
    if catalog.meta.contains_key(super::state::META) {
        let aside = "SELECT columns, row FROM litewire.quarantine WHERE tbl = $1";
        for row in client.query(aside, &[&layout.table]).await? {
            batch.push(set_aside(&layout, row.get(0), row.get(1))?);
        }
    }
    let _ = send.send(batch).await;
    drop(send);
    writer.await?
}

fn insert(mut sqlite: Connection, layout: &Layout, mut receive: mpsc::Receiver<Vec<Vec<Owned>>>, work: &Work) -> Result<Connection, Error> {
    let names: Vec<&str> = layout.copied().map(|(_, f)| f.select.as_str()).collect();
    let holes = vec!["?"; names.len()].join(", ");
    let sql = format!("INSERT INTO {} ({}) VALUES ({holes})", quoted(&layout.table), names.join(", "));
    let transaction = sqlite.transaction()?;
    {
        let mut statement = transaction.prepare(&sql)?;
        let mut since = 0;
        while let Some(batch) = receive.blocking_recv() {
            for row in &batch {
                statement.execute(rusqlite::params_from_iter(row))?;
            }
            since += batch.len() as u64;
            if since >= TICK {
                work.add(since);
                since = 0;
            }
        }
        work.add(since);
    }
    transaction.commit()?;
    work.finish();
    Ok(sqlite)
}

/// A row of the quarantine as the table's copied columns.
fn set_aside(layout: &Layout, columns: Vec<String>, mut row: &str) -> Result<Vec<Owned>, Error> {
    let mut by_name = std::collections::HashMap::new();
    for column in columns {
        let (value, length) = value(row)?;
        by_name.insert(column, value);
        row = &row[length..];
    }
    Ok(layout.copied().map(|(_, f)| by_name.remove(&f.name).unwrap_or(Owned::Null)).collect())
}

/// The first value of a canonical text, and its length.
fn value(text: &str) -> Result<(Owned, usize), Error> {
    let broken = || Error::refused(format!("not a value: {}", text.chars().take(40).collect::<String>()));
    let rest = text.get(1..).ok_or_else(broken)?;
    let run = |of: fn(char) -> bool| rest.find(|c| !of(c)).unwrap_or(rest.len());
    let hex = |c: char| c.is_ascii_digit() || matches!(c, 'a'..='f');
    let (value, length) = match text.as_bytes()[0] {
        b'n' => (Owned::Null, 1),
        b'i' => {
            let length = run(|c| c == '-' || c.is_ascii_digit());
            (Owned::Integer(rest[..length].parse().map_err(|_| broken())?), 1 + length)
        }
        b'r' => {
            let bits = rest.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or_else(broken)?;
            (Owned::Real(f64::from_bits(bits)), 17)
        }
        b't' => {
            let (length, content) = rest.split_once(':').ok_or_else(broken)?;
            let bytes: usize = length.parse().map_err(|_| broken())?;
            (Owned::Text(content.get(..bytes).ok_or_else(broken)?.into()), 2 + length.len() + bytes)
        }
        tag @ (b'x' | b'b') => {
            let length = run(hex);
            let bytes = crate::value::unhex(&rest[..length]).ok_or_else(broken)?;
            (if tag == b'x' { Owned::Text(bytes) } else { Owned::Blob(bytes) }, 1 + length)
        }
        _ => return Err(broken()),
    };
    if text.as_bytes().get(length) == Some(&b';') { Ok((value, length + 1)) } else { Err(broken()) }
}

/// The ids that AUTOINCREMENT tables gave, beyond those that are there.
async fn sequences(client: &Client, catalog: &Catalog, sqlite: &Connection) -> Result<(), Error> {
    let automatic = |r: &&crate::catalog::Relation| r.sql.as_deref().is_some_and(|sql| sql.to_ascii_uppercase().contains("AUTOINCREMENT"));
    for relation in catalog.relations.iter().filter(automatic) {
        let Some(sequence) = relation.columns.iter().find_map(|c| c.sequence.clone()) else { continue };
        let messages = client.simple_query(&format!("SELECT last_value FROM {sequence} WHERE is_called")).await?;
        let last = messages.iter().find_map(|m| if let SimpleQueryMessage::Row(row) = m { row.get(0)?.parse::<i64>().ok() } else { None });
        let Some(last) = last else { continue };
        if sqlite.execute("UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1", (&relation.name, last))? == 0 {
            sqlite.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", (&relation.name, last))?;
        }
    }
    Ok(())
}

/// What was exported, in words.
pub fn summary(outcome: &Outcome) -> String {
    let rows: i64 = outcome.tables.iter().map(|t| t.source_rows).sum();
    format!("exported {}, {}", counted(outcome.tables.len(), "table"), counted(rows as usize, "row"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::form::Cell;

    #[test]
    fn what_is_canonical_can_be_read() {
        let cells = [
            (Cell::Null, Owned::Null),
            (Cell::Integer(i64::MIN), Owned::Integer(i64::MIN)),
            (Cell::Real(-0.0), Owned::Real(-0.0)),
            (Cell::Text("é:1"), Owned::Text("é:1".into())),
            (Cell::RawText(b"a\0\xff"), Owned::Text(b"a\0\xff".to_vec())),
            (Cell::Blob(b"\0\x7f"), Owned::Blob(b"\0\x7f".to_vec())),
            (Cell::Text(""), Owned::Text(Vec::new())),
        ];
        let mut text = String::new();
        cells.iter().for_each(|(cell, _)| canon::push(cell, &mut text));
        let mut rest = text.as_str();
        for (_, expected) in cells {
            let (found, length) = value(rest).expect("it is canonical");
            assert_eq!(found, expected);
            rest = &rest[length..];
        }
        assert!(rest.is_empty());
        for broken in ["", "é", "i;", "i5", "r12;", "t5:abc;", "t:;", "q;"] {
            assert!(value(broken).is_err(), "{broken}");
        }
    }
}
