//! Is the schema at the target still the file's? Objects by their texts, and what a text stands for: constraints, defaults, sequences.

use super::Error;
use super::constraints::standing;
use super::layout::Layout;
use super::run::options;
use super::schema;
use super::source::{ObjectKind, Source};
use super::state::{self, Migration};
use crate::catalog::{Catalog, Relation};
use crate::translate::parse::scan;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio_postgres::Client;

/// Both sides, and what the migration knows.
pub struct Sides<'a> {
    /// The file.
    pub source: &'a Source,
    /// The target.
    pub catalog: &'a Catalog,
    /// Their tables.
    pub layouts: &'a [Arc<Layout>],
    /// What was decided, where the target was migrated to.
    pub migration: Option<&'a Migration>,
}

/// How they differ, in words.
pub async fn schema(client: &Client, sides: &Sides<'_>) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let data_only = sides.migration.is_some_and(|m| m.decisions.data_only);
    if !data_only {
        found.extend(objects(client, sides).await?);
        found.extend(columns(sides));
        found.extend(numbers(sides.source, sides.catalog));
    }
    if let Some(migration) = sides.migration {
        found.extend(constraints(client, sides, migration).await?);
    }
    found.extend(sequences(client, sides).await?);
    Ok(found)
}

/// What the registry has, by kind and name, against the file's objects.
async fn objects(client: &Client, sides: &Sides<'_>) -> Result<Vec<String>, Error> {
    if sides.catalog.helpers.is_none() {
        return Ok(sides.source.objects.iter().map(|o| format!("{} {} is missing", o.kind.name(), o.name)).collect());
    }
    // A trigger is known by its function.
    let there = "EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = relid) OR EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid = relid)";
    let sql = format!("SELECT kind, name, coalesce(tbl_name, ''), coalesce(sql, '') FROM litewire.objects WHERE kind IS NOT NULL AND ({there})");
    let rows = client.query(&sql, &[]).await?;
    let key = |kind: &str, name: &str| (kind.to_owned(), name.to_lowercase());
    let made: HashMap<_, _> = rows.iter().map(|row| (key(row.get(0), row.get(1)), row)).collect();
    let mut found = Vec::new();
    for object in &sides.source.objects {
        let name = format!("{} {}", object.kind.name(), object.name);
        match made.get(&key(object.kind.registered(), &object.name)) {
            Some(row) if row.get::<_, &str>(3) == object.sql => {}
            Some(_) => found.push(format!("{name} was made by another statement")),
            None if sides.migration.is_some_and(|m| m.decisions.skipped.contains(&name)) => {}
            None if sides.catalog.relation(&object.name).is_some_and(|r| !r.is_sqlite()) => {
                found.push(format!("{name} was made by a statement of PostgreSQL's"));
            }
            None => found.push(format!("{name} is missing")),
        }
    }
    // What was made since on the file's own tables; other tables are nobody's business here.
    let given: BTreeSet<_> = sides.source.objects.iter().map(|o| key(o.kind.registered(), &o.name)).collect();
    let of_file = |table: &str| sides.source.tables().any(|t| t.name.eq_ignore_ascii_case(table));
    let mut since: Vec<_> = made.iter().filter(|(key, row)| matches!(key.0.as_str(), "index" | "trigger") && of_file(row.get(2))).collect();
    since.retain(|(key, _)| !given.contains(*key));
    let mut since: Vec<String> = since.iter().map(|(key, row)| format!("{} {} is only in PostgreSQL", key.0, row.get::<_, &str>(1))).collect();
    since.sort();
    found.extend(since);
    Ok(found)
}

/// What each column may be, as its table's text would have it made today. A column may have become wider since.
fn columns(sides: &Sides<'_>) -> Vec<String> {
    let mut before = Catalog { relations: Vec::new(), by_name: Default::default(), ..sides.catalog.clone() };
    let of_file = |relation: &Relation| sides.source.objects.iter().any(|o| o.name.eq_ignore_ascii_case(&relation.name));
    sides.catalog.relations.iter().filter(|r| !of_file(r)).for_each(|r| before.add(r.clone()));
    let decisions = sides.migration.map(|m| m.decisions.clone()).unwrap_or_default();
    let tables: Vec<_> = sides.source.objects.iter().filter(|o| o.kind == ObjectKind::Table).cloned().collect();
    let (_, expected) = schema::plan(&tables, &before, &options(&decisions));
    let mut found = Vec::new();
    for table in &tables {
        let (Some(meant), Some(is)) = (expected.relation(&table.name), sides.catalog.relation(&table.name)) else { continue };
        if !is.is_sqlite() {
            continue;
        }
        for column in meant.columns.iter().filter(|c| !c.hidden) {
            let name = format!("{}.{}", table.name, column.name);
            let Some((_, is)) = is.column(&column.name) else {
                found.push(format!("column {name} is missing"));
                continue;
            };
            let traits = [
                (column.not_null, is.not_null, "NOT NULL"),
                (column.default.is_some() && !column.generated, is.default.is_some() && !is.generated, "a DEFAULT"),
                (column.generated, is.generated, "GENERATED"),
            ];
            for (meant, is, what) in traits {
                match (meant, is) {
                    (true, false) => found.push(format!("column {name} lacks {what}")),
                    (false, true) => found.push(format!("column {name} has {what} in PostgreSQL only")),
                    _ => {}
                }
            }
        }
    }
    found
}

/// user_version and application_id.
pub fn numbers(source: &Source, catalog: &Catalog) -> Vec<String> {
    let mut found = Vec::new();
    for (pragma, ours) in [("user_version", source.user_version), ("application_id", source.application_id)] {
        let theirs = catalog.meta.get(pragma).map_or("0", String::as_str);
        if theirs != ours.to_string() {
            found.push(format!("{pragma} is {ours} in SQLite, {theirs} in PostgreSQL"));
        }
    }
    found
}

/// The constraints and indexes that the migration put on its tables, by their names.
async fn constraints(client: &Client, sides: &Sides<'_>, migration: &Migration) -> Result<Vec<String>, Error> {
    let states = state::tables(client, &migration.id).await?;
    let mut found = Vec::new();
    for layout in sides.layouts {
        let Some(table) = states.get(&layout.table) else { continue };
        let standing = standing(client, &layout.target).await?;
        let lost = table.later.iter().filter_map(|sql| named(sql)).filter(|name| !standing.iter().any(|sql| named(sql).as_ref() == Some(name)));
        // What could not be put on was said at the time.
        let lost = lost.filter(|(kind, name)| !table.problems.iter().any(|p| p.contains(&format!("{kind} {name} "))));
        found.extend(lost.map(|(kind, name)| format!("{} {name} of {} is missing", kind.to_lowercase(), layout.table)));
    }
    Ok(found)
}

/// The kind and the name, as SQL writes it, of what a statement puts on a table; None for statements of the registry's and others.
fn named(sql: &str) -> Option<(&'static str, String)> {
    if sql.contains("litewire.objects") {
        return None;
    }
    let (kind, at) = if sql.starts_with("ALTER TABLE ") {
        ("CONSTRAINT", sql.find(" ADD CONSTRAINT ")? + " ADD CONSTRAINT ".len())
    } else {
        ("INDEX", ["CREATE INDEX ", "CREATE UNIQUE INDEX "].iter().find_map(|verb| sql.starts_with(verb).then_some(verb.len()))?)
    };
    let name = scan::next(sql.as_bytes(), &mut { at })?;
    Some((kind, name.text(sql).to_owned()))
}

/// A sequence must not give what SQLite gave already. It may be ahead: what is rolled back in PostgreSQL is not given again.
async fn sequences(client: &Client, sides: &Sides<'_>) -> Result<Vec<String>, Error> {
    let highest = sides.source.highest(sides.layouts)?;
    let mut found = Vec::new();
    for layout in sides.layouts {
        let Some((sequence, _)) = &layout.sequence else { continue };
        let ours = highest.get(&layout.table).copied();
        let row = client.query_one(&format!("SELECT last_value, is_called FROM {sequence}"), &[]).await?;
        let (last, called): (i64, bool) = (row.get(0), row.get(1));
        let next = i128::from(last) + i128::from(called);
        let expected = i128::from(ours.unwrap_or(0).max(0)) + 1;
        if next < expected {
            found.push(format!("{}: the next id is {expected} in SQLite, {next} in PostgreSQL ({sequence})", layout.table));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_constraint_is_known_by_its_name() {
        let name = |sql| named(sql).map(|(kind, name)| format!("{kind} {name}"));
        assert_eq!(name("ALTER TABLE public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id)").as_deref(), Some("CONSTRAINT t_pkey"));
        assert_eq!(name(r#"ALTER TABLE t ADD CONSTRAINT "a ""b" UNIQUE (x)"#).as_deref(), Some(r#"CONSTRAINT "a ""b""#));
        assert_eq!(name("CREATE UNIQUE INDEX t_x ON public.t USING btree (x)").as_deref(), Some("INDEX t_x"));
        assert_eq!((name("ALTER TABLE t ENABLE TRIGGER USER"), name("CREATE INDEX i ON t (x); INSERT INTO litewire.objects")), (None, None));
    }
}
