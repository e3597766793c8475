//! What is done, in the target's helper schema: a run that was broken off, however, goes on where it was.

use super::Error;
use super::snapshot::Snapshot;
use crate::translate::ColumnTypes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio_postgres::{Client, GenericClient};

/// The tables of the state. A table's state is `made`, `copied` or `done`; `later` is what it still lacks when its rows are there.
const TABLES: &str = r#"
CREATE TABLE IF NOT EXISTS litewire.migrations (
  id       text PRIMARY KEY,
  source   text NOT NULL,
  snapshot text NOT NULL,
  options  jsonb NOT NULL,
  state    text NOT NULL DEFAULT 'running',
  started  timestamptz NOT NULL DEFAULT now(),
  finished timestamptz
);
CREATE TABLE IF NOT EXISTS litewire.migration_tables (
  migration   text REFERENCES litewire.migrations ON DELETE CASCADE,
  name        text COLLATE "C",
  state       text NOT NULL,
  later       text[] NOT NULL,
  rows        int8,
  quarantined int8,
  problems    text[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (migration, name)
);
CREATE TABLE IF NOT EXISTS litewire.quarantine (
  migration text,
  tbl       text COLLATE "C",
  key       text,
  reason    text,
  columns   text[],
  literals  text[],
  row       text
);
INSERT INTO litewire.meta (key, value) VALUES ('migrations', '1') ON CONFLICT DO NOTHING;
"#;

/// The key of litewire.meta that says that the tables are there.
pub const META: &str = "migrations";

/// Two runs into one database would be in each other's way.
const LOCK: i64 = 0x6c69_7465_6d69_6772;

/// What was decided when the migration began, and must not change on the way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Decisions {
    /// PostgreSQL's nearest types, or those that hold what SQLite's columns do.
    pub native: bool,
    /// Rows into existing tables.
    pub data_only: bool,
    /// Rows that do not fit are set aside; else they stop the migration.
    pub quarantine: bool,
    /// Objects that are left out.
    pub skipped: Vec<String>,
    /// What was found in the data.
    pub findings: Vec<String>,
    /// Rows that the tables have.
    pub rows: BTreeMap<String, u64>,
    /// Columns with a type of their own, `table` then `column`, in lower case.
    pub types: BTreeMap<String, BTreeMap<String, String>>,
}

impl Decisions {
    /// The types as the translator takes them.
    pub fn column_types(&self) -> ColumnTypes {
        let columns = |(table, columns): (&String, &BTreeMap<String, String>)| {
            let table = table.clone();
            columns.iter().map(move |(column, name)| ((table.clone(), column.clone()), name.clone())).collect::<Vec<_>>()
        };
        self.types.iter().flat_map(columns).collect()
    }

    /// States the type of a column.
    pub fn set_type(&mut self, table: &str, column: &str, name: &str) {
        self.types.entry(table.to_lowercase()).or_default().insert(column.to_lowercase(), name.to_owned());
    }
}

/// How far a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It is there, empty.
    Made,
    /// Its rows are there.
    Copied,
    /// Its keys, checks and indexes are too.
    Done,
}

/// A table's row of the state.
#[derive(Debug, Clone)]
pub struct TableState {
    /// How far it is.
    pub stage: Stage,
    /// The statements that it needs once its rows are there.
    pub later: Vec<String>,
    /// Rows in the table, once they are copied.
    pub rows: u64,
    /// Rows set aside.
    pub quarantined: u64,
    /// What went wrong with its keys, checks and indexes.
    pub problems: Vec<String>,
}

/// A migration as the target knows it.
#[derive(Debug, Clone)]
pub struct Migration {
    /// The snapshot's id.
    pub id: String,
    /// The snapshot's file.
    pub snapshot: PathBuf,
    /// What was decided.
    pub decisions: Decisions,
    /// `begun` (nothing is made yet), `running`, `copied` or `verified`.
    pub state: String,
}

/// Makes the state's tables, and keeps other runs out as long as `client` lives.
pub async fn prepare(client: &Client) -> Result<(), Error> {
    // What a killed run left behind ends when PostgreSQL sees that its client is gone.
    for _ in 0..100 {
        if client.query_one("SELECT pg_catalog.pg_try_advisory_lock($1)", &[&LOCK]).await?.get(0) {
            return Ok(client.batch_execute(TABLES).await?);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Err(Error::refused("another migration into this database is at work; wait for it, or stop it"))
}

/// The latest migration from a file that has made something; None when there is none.
pub async fn latest(client: &Client, source: &Path) -> Result<Option<Migration>, Error> {
    Ok(migrations(client, source).await?.into_iter().find(|m| m.state != "begun"))
}

/// Migrations of a file that were broken off before they made anything.
pub async fn begun(client: &Client, source: &Path) -> Result<Vec<Migration>, Error> {
    Ok(migrations(client, source).await?.into_iter().filter(|m| m.state == "begun").collect())
}

/// Those of a file, the latest first.
async fn migrations(client: &Client, source: &Path) -> Result<Vec<Migration>, Error> {
    if !client.query_one("SELECT to_regclass('litewire.migrations') IS NOT NULL", &[]).await?.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let sql = "SELECT id, snapshot, options::text, state FROM litewire.migrations WHERE source = $1 ORDER BY started DESC";
    let migration = |row: &tokio_postgres::Row| {
        let decisions = serde_json::from_str(row.get(2))
            .map_err(|e| Error::refused(format!("the state of migration {} is of another version: {e}", row.get::<_, &str>(0))))?;
        Ok(Migration { id: row.get(0), snapshot: PathBuf::from(row.get::<_, String>(1)), decisions, state: row.get(3) })
    };
    client.query(sql, &[&source.to_string_lossy()]).await?.iter().map(migration).collect()
}

/// The file of a migration into this database that is not finished; None when there is none.
pub async fn unfinished(client: &Client) -> Result<Option<String>, Error> {
    let row = client.query_opt("SELECT source FROM litewire.migrations WHERE state = 'running' LIMIT 1", &[]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Records a migration that begins, before there is a copy of the file: what is left of one that is killed can be found.
pub async fn begin(client: &Client, source: &Path, snapshot: &Snapshot) -> Result<(), Error> {
    let sql = "INSERT INTO litewire.migrations (id, source, snapshot, options, state) VALUES ($1, $2, $3, '{}', 'begun')";
    client.execute(sql, &[&snapshot.id, &source.to_string_lossy(), &snapshot.path.to_string_lossy()]).await?;
    Ok(())
}

/// Records what was decided; from here on the migration goes on after a break.
pub async fn decided(client: &Client, id: &str, decisions: &Decisions) -> Result<(), Error> {
    let options = serde_json::to_string(decisions).map_err(|e| Error::refused(e.to_string()))?;
    let sql = "UPDATE litewire.migrations SET options = $2::text::jsonb, state = 'running' WHERE id = $1";
    client.execute(sql, &[&id, &options]).await?;
    Ok(())
}

/// Forgets a migration.
pub async fn forget(client: &Client, id: &str) -> Result<(), Error> {
    client.execute("DELETE FROM litewire.quarantine WHERE migration = $1", &[&id]).await?;
    client.execute("DELETE FROM litewire.migrations WHERE id = $1", &[&id]).await?;
    Ok(())
}

/// Records how far the migration as a whole is.
pub async fn set(client: &Client, id: &str, state: &str) -> Result<(), Error> {
    let sql = "UPDATE litewire.migrations SET state = $2, finished = CASE WHEN $2 = 'running' THEN NULL ELSE now() END WHERE id = $1";
    client.execute(sql, &[&id, &state]).await?;
    Ok(())
}

/// The tables of a migration that are made.
pub async fn tables(client: &Client, id: &str) -> Result<BTreeMap<String, TableState>, Error> {
    let sql = "SELECT name, state, later, coalesce(rows, 0), coalesce(quarantined, 0), problems FROM litewire.migration_tables WHERE migration = $1";
    let rows = client.query(sql, &[&id]).await?;
    let table = |row: &tokio_postgres::Row| {
        let stage = match row.get(1) {
            "done" => Stage::Done,
            "copied" => Stage::Copied,
            _ => Stage::Made,
        };
        (
            row.get(0),
            TableState {
                stage,
                later: row.get(2),
                rows: row.get::<_, i64>(3) as u64,
                quarantined: row.get::<_, i64>(4) as u64,
                problems: row.get(5),
            },
        )
    };
    Ok(rows.iter().map(table).collect())
}

/// Records that a table is made; in the transaction that makes it.
pub async fn made(client: &impl GenericClient, id: &str, table: &str, later: &[String]) -> Result<(), Error> {
    let sql = "INSERT INTO litewire.migration_tables (migration, name, state, later) VALUES ($1, $2, 'made', $3)";
    client.execute(sql, &[&id, &table, &later]).await?;
    Ok(())
}

/// Records that its rows are there; in the transaction that copies them.
pub async fn copied(client: &impl GenericClient, id: &str, table: &str, rows: u64, quarantined: u64) -> Result<(), Error> {
    let sql = "UPDATE litewire.migration_tables SET state = 'copied', rows = $3, quarantined = $4 WHERE migration = $1 AND name = $2";
    client.execute(sql, &[&id, &table, &(rows as i64), &(quarantined as i64)]).await?;
    Ok(())
}

/// Records that nothing is left to do for it.
pub async fn done(client: &impl GenericClient, id: &str, table: &str, problems: &[String]) -> Result<(), Error> {
    let sql = "UPDATE litewire.migration_tables SET state = 'done', problems = $3 WHERE migration = $1 AND name = $2";
    client.execute(sql, &[&id, &table, &problems]).await?;
    Ok(())
}

/// Records more that went wrong with a table.
pub async fn troubled(client: &impl GenericClient, id: &str, table: &str, problems: &[String]) -> Result<(), Error> {
    let sql = "UPDATE litewire.migration_tables SET problems = problems || $3::text[] WHERE migration = $1 AND name = $2";
    client.execute(sql, &[&id, &table, &problems]).await?;
    Ok(())
}
