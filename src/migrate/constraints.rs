//! Keys, checks and indexes: off while rows come, and on again when they are there. Building an index at once costs less than row by
//! row, and a row that breaks a check, which SQLite may hold, does not stop a copy.

use super::Error;
use tokio_postgres::GenericClient;
use tokio_postgres::error::SqlState;

/// What a problem says of a constraint that could be put back for new rows alone.
pub const BROKEN: &str = "rows break a constraint";

/// A table's constraints: keys first when they come back, last when they go.
const CONSTRAINTS: &str = "
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_catalog.pg_get_constraintdef(oid))
FROM pg_catalog.pg_constraint
WHERE conrelid = $1::text::regclass AND contype::text = ANY($2)
ORDER BY array_position($2, contype::text), oid";

/// Its indexes that are no constraint's.
const INDEXES: &str = "
SELECT format('DROP INDEX %s', indexrelid::regclass), pg_catalog.pg_get_indexdef(indexrelid)
FROM pg_catalog.pg_index
WHERE indrelid = $1::text::regclass AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = indexrelid)
ORDER BY indexrelid";

/// The statements that would put on what a table has now.
pub async fn standing(client: &impl GenericClient, table: &str) -> Result<Vec<String>, Error> {
    let mut rows = client.query(CONSTRAINTS, &[&table, &["p", "u", "c", "f"].as_slice()]).await?;
    rows.extend(client.query(INDEXES, &[&table]).await?);
    Ok(rows.iter().map(|row| row.get(1)).collect())
}

/// Takes off whatever a table has; the statements that put it back. The schema's name is in them, since the path may change.
pub async fn take_off(client: &impl GenericClient, table: &str) -> Result<Vec<String>, Error> {
    client.batch_execute("SET LOCAL search_path = pg_catalog").await?;
    let mut rows = client.query(CONSTRAINTS, &[&table, &["p", "u"].as_slice()]).await?;
    rows.extend(client.query(INDEXES, &[&table]).await?);
    rows.extend(client.query(CONSTRAINTS, &[&table, &["c", "f"].as_slice()]).await?);
    for row in rows.iter().rev() {
        client.batch_execute(row.get(0)).await?;
    }
    Ok(rows.iter().map(|row| row.get(1)).collect())
}

/// Takes off only what stands in the way of rows that come in any order: foreign keys and triggers of a table that others made.
pub async fn take_off_references(client: &impl GenericClient, table: &str) -> Result<Vec<String>, Error> {
    client.batch_execute("SET LOCAL search_path = pg_catalog").await?;
    let rows = client.query(CONSTRAINTS, &[&table, &["f"].as_slice()]).await?;
    for row in &rows {
        client.batch_execute(row.get(0)).await?;
    }
    client.batch_execute(&format!("ALTER TABLE {table} DISABLE TRIGGER USER")).await?;
    let back = rows.iter().map(|row| row.get(1));
    Ok(std::iter::once(format!("ALTER TABLE {table} ENABLE TRIGGER USER")).chain(back).collect())
}

/// Takes off the foreign keys that come from a table or lead to it, which may not be wrong even for a moment, or would do more than
/// the file did.
pub async fn take_off_keys(client: &impl GenericClient, table: &str) -> Result<Vec<String>, Error> {
    const KEYS: &str = "
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_catalog.pg_get_constraintdef(oid))
FROM pg_catalog.pg_constraint
WHERE contype = 'f' AND $1::text::regclass IN (conrelid, confrelid) AND conparentid = 0
ORDER BY oid";
    client.batch_execute("SET LOCAL search_path = pg_catalog").await?;
    let rows = client.query(KEYS, &[&table]).await?;
    for row in &rows {
        client.batch_execute(row.get(0)).await?;
    }
    Ok(rows.iter().map(|row| row.get(1)).collect())
}

/// Takes off what keeps values unique, the primary key only with `key`.
pub async fn take_off_unique(client: &impl GenericClient, table: &str, key: bool) -> Result<Vec<String>, Error> {
    let kinds = if key { ["p", "u"].as_slice() } else { &["u"] };
    let mut rows = client.query(CONSTRAINTS, &[&table, &kinds]).await?;
    let indexes = client.query(INDEXES, &[&table]).await?;
    rows.extend(indexes.into_iter().filter(|row| row.get::<_, &str>(1).starts_with("CREATE UNIQUE INDEX ")));
    for row in rows.iter().rev() {
        client.batch_execute(row.get(0)).await?;
    }
    Ok(rows.iter().map(|row| row.get(1)).collect())
}

/// Puts back what was taken off; what went wrong, in words. Rows that break a check or a foreign key already stay, as in SQLite: the
/// constraint holds for what comes.
pub async fn put_back(client: &impl GenericClient, table: &str, later: impl Iterator<Item = &String>) -> Result<Vec<String>, Error> {
    let mut problems = Vec::new();
    for sql in later {
        let Err(error) = savepoint(client, sql).await? else { continue };
        if is_reference(sql) && error.code() == Some(&SqlState::DUPLICATE_OBJECT) {
            // It was put back before a run was broken off.
            continue;
        }
        let breaks = [SqlState::CHECK_VIOLATION, SqlState::FOREIGN_KEY_VIOLATION].iter().any(|s| error.code() == Some(s));
        if breaks && savepoint(client, &format!("{sql} NOT VALID")).await?.is_ok() {
            problems.push(format!("{table}: {BROKEN}, which holds for new ones only: {}", short(sql)));
            continue;
        }
        problems.push(format!("{table}: {}: {}", crate::backend::detail(&error), short(sql)));
    }
    Ok(problems)
}

/// Is it a foreign key? It can be put back only when the other table's rows are there too.
pub fn is_reference(sql: &str) -> bool {
    sql.starts_with("ALTER TABLE ") && sql.contains(" FOREIGN KEY (")
}

/// Runs a statement; an error of its own leaves the transaction alive.
pub(super) async fn savepoint(client: &impl GenericClient, sql: &str) -> Result<Result<(), tokio_postgres::Error>, Error> {
    client.batch_execute("SAVEPOINT step").await?;
    let outcome = client.batch_execute(sql).await;
    match outcome {
        Err(error) if error.is_closed() => return Err(error.into()),
        Err(_) => client.batch_execute("ROLLBACK TO step").await?,
        Ok(()) => client.batch_execute("RELEASE step").await?,
    }
    Ok(outcome)
}

fn short(sql: &str) -> String {
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 120 { line.chars().take(120).chain("…".chars()).collect() } else { line }
}
