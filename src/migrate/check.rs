//! What would become of a file and of an application's statements, before anything moves. Nothing is written, and no PostgreSQL is needed.

use super::form::Form;
use super::layout::{Layout, OVERFLOW};
use super::progress::Progress;
use super::run::{options, orphans};
use super::scan::{ColumnScan, TableScan, scan};
use super::schema;
use super::source::{Object, ObjectKind, Source, open, quoted};
use super::state::Decisions;
use super::{Error, counted};
use crate::catalog::Catalog;
use crate::helpers;
use crate::translate;
use rusqlite::Connection;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows and bytes that a migration moves in a second, on a small machine; with the comparison.
const ROWS_A_SECOND: u64 = 150_000;
const BYTES_A_SECOND: u64 = 20_000_000;

/// An object of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectCheck {
    /// `table`, `index`, …
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Why it cannot be translated.
    pub refused: Option<String>,
    /// Its text.
    pub sql: String,
}

/// A column of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnCheck {
    /// Its name.
    pub name: String,
    /// Its declared type.
    pub declared: String,
    /// Its type at the target, with `--types faithful`.
    pub faithful: &'static str,
    /// The same with `--types native`.
    pub native: &'static str,
    /// NULL, INTEGER, REAL, TEXT, BLOB: how many values.
    pub classes: [u64; 5],
    /// What does not fit under `faithful`, in words.
    pub misfits: String,
    /// The same under `native`.
    pub native_misfits: String,
}

/// A table of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableCheck {
    /// Its name.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Its columns.
    pub columns: Vec<ColumnCheck>,
}

/// A statement that cannot be translated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatementCheck {
    /// Its text.
    pub sql: String,
    /// How often it was found.
    pub count: u64,
    /// Why it is refused.
    pub refused: String,
    /// What to do instead, if that is known.
    pub hint: Option<String>,
    /// Where in the text, in characters from 1, if one place is to blame.
    pub position: Option<usize>,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The file.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its objects.
    pub objects: Vec<ObjectCheck>,
    /// Its tables.
    pub tables: Vec<TableCheck>,
    /// What to look at.
    pub watch: Vec<String>,
    /// Statements that were looked at: all, and different ones.
    pub statements: (u64, u64),
    /// Those that cannot be translated, the most frequent first.
    pub refused: Vec<StatementCheck>,
    /// About how long a migration takes, in seconds.
    pub seconds: u64,
}

impl Check {
    /// Can everything be translated?
    pub fn clean(&self) -> bool {
        self.refused.is_empty() && self.objects.iter().all(|o| o.refused.is_none())
    }
}

/// The catalog of an empty database.
fn empty() -> Catalog {
    Catalog { version: 1, helpers: Some(helpers::VERSION), byte_order: true, current_schema: "public".to_owned(), ..Catalog::default() }
}

/// Looks at a file, and at statements with the number of times that each is sent.
pub fn check(file: &Path, statements: &BTreeMap<String, u64>, progress: &Progress) -> Result<Check, Error> {
    let source = Source::read(file)?;
    let bytes = std::fs::metadata(file).map_err(|source| Error::File { path: file.to_owned(), source })?.len();
    let mut found = Check { file: file.to_owned(), bytes, ..Check::default() };
    let decisions = |native| Decisions { native, ..Decisions::default() };
    let (planned, faithful) = schema::plan(&source.objects, &empty(), &options(&decisions(false)));
    let (_, native) = schema::plan(&source.objects, &empty(), &options(&decisions(true)));
    for plan in &planned {
        found.objects.push(ObjectCheck {
            kind: plan.object.kind.name(),
            name: plan.object.name.clone(),
            refused: plan.reason(),
            sql: plan.object.sql.clone(),
        });
    }
    let connection = open(file)?;
    for table in source.tables() {
        let known = faithful.relation(&table.name).is_some() && native.relation(&table.name).is_some();
        if known {
            found.tables.push(look(&connection, &source, table, [&faithful, &native], progress, &mut found.watch)?);
        }
    }
    found.watch.extend(orphans(file)?);
    watch_file(&connection, &source, &mut found.watch)?;
    check_statements(statements, &faithful, &mut found);
    let rows: u64 = found.tables.iter().map(|t| t.rows).sum();
    found.seconds = 1 + rows / ROWS_A_SECOND + bytes / BYTES_A_SECOND;
    Ok(found)
}

/// One table under both ways to map types.
fn look(
    connection: &Connection,
    source: &Source,
    table: &Object,
    catalogs: [&Catalog; 2],
    progress: &Progress,
    watch: &mut Vec<String>,
) -> Result<TableCheck, Error> {
    let [faithful, native] = catalogs.map(|catalog| Layout::of(connection, table, catalog).map(Arc::new));
    let (faithful, native) = (faithful?, native?);
    let seen = scan(&source.path, &faithful, &progress.work(&format!("scan {}", table.name), None))?;
    let same = faithful.fields.iter().zip(&native.fields).all(|(a, b)| a.form == b.form);
    let as_native = if same { seen.clone() } else { scan(&source.path, &native, &progress.work(&format!("scan {} (native)", table.name), None))? };
    let declared = declared(connection, &table.name)?;
    let mut columns = Vec::new();
    for (at, field) in faithful.fields.iter().enumerate().filter(|(_, f)| !f.hidden) {
        let declared = declared.get(&field.name.to_lowercase()).cloned().unwrap_or_default();
        watch_column(connection, table, &field.name, &declared, &seen.columns[at], watch)?;
        let native_at = native.fields.iter().position(|f| f.name == field.name);
        columns.push(ColumnCheck {
            name: field.name.clone(),
            declared,
            faithful: field.form.name(),
            native: native_at.map_or("", |at| native.fields[at].form.name()),
            classes: seen.columns[at].classes,
            misfits: seen.columns[at].describe(),
            native_misfits: native_at.map_or_else(String::new, |at| as_native.columns[at].describe()),
        });
    }
    watch_table(&faithful, &seen, watch);
    Ok(TableCheck { name: table.name.clone(), rows: seen.rows, columns })
}

fn declared(connection: &Connection, table: &str) -> Result<BTreeMap<String, String>, rusqlite::Error> {
    let mut statement = connection.prepare("SELECT lower(name), type FROM pragma_table_xinfo(?1)")?;
    statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Dates that are numbers, and texts that are none.
fn watch_column(
    connection: &Connection,
    table: &Object,
    name: &str,
    declared: &str,
    seen: &ColumnScan,
    watch: &mut Vec<String>,
) -> Result<(), rusqlite::Error> {
    let upper = declared.to_ascii_uppercase();
    let [_, integers, reals, texts, _] = seen.classes;
    let count = |condition: &str| {
        let sql = format!("SELECT count(*) FROM {} WHERE {}", quoted(&table.name), condition.replace('$', &quoted(name)));
        connection.query_row(&sql, [], |row| row.get::<_, i64>(0))
    };
    let mut add = |number: i64, what: &str| {
        if number > 0 {
            watch.push(format!("{}.{name} ({declared}): {what}, in {}", table.name, counted(number as usize, "row")));
        }
    };
    if ["DATE", "TIMESTAMP"].iter().any(|word| upper.contains(word)) {
        if integers > 0 {
            add(count("typeof($) = 'integer' AND abs($) >= 100000000000")?, "epoch milliseconds");
            add(count("typeof($) = 'integer' AND abs($) < 100000000000")?, "epoch seconds, or other integers");
        }
        if reals > 0 {
            add(count("typeof($) = 'real'")?, "Julian days, or other reals");
        }
        if texts > 0 {
            add(count("typeof($) = 'text' AND date($) IS NULL")?, "text that is no date of the calendar ('', 0000-00-00, 02/29/2024, …)");
        }
    } else if upper.contains("JSON") && texts > 0 {
        add(count("typeof($) = 'text' AND NOT json_valid($)")?, "text that is no JSON");
    } else if upper.contains("BOOL") && integers > 0 {
        add(count("typeof($) = 'integer' AND $ NOT IN (0, 1)")?, "numbers that are neither 0 nor 1");
    }
    Ok(())
}

/// What a table's shape asks for.
fn watch_table(layout: &Layout, seen: &TableScan, watch: &mut Vec<String>) {
    if seen.overflowing.count > 0 {
        let what = seen.overflowing.describe(&format!("with {OVERFLOW}"));
        watch.push(format!("{}: {what}; they would go to quarantine", layout.table));
    }
    if layout.fields.iter().any(|f| f.hidden) && seen.rows > 0 {
        watch.push(format!("{}: no INTEGER PRIMARY KEY; its rowids are kept in a hidden column", layout.table));
    }
    for (field, column) in layout.fields.iter().zip(&seen.columns) {
        if field.form == Form::Any && column.classes[1..].iter().filter(|n| **n > 0).count() == 1 {
            watch.push(format!("{}.{}: no declared type, yet all values are of one class; a declared type is cheaper", layout.table, field.name));
        }
    }
}

fn watch_file(connection: &Connection, source: &Source, watch: &mut Vec<String>) -> Result<(), rusqlite::Error> {
    let encoding: String = connection.query_row("PRAGMA encoding", [], |row| row.get(0))?;
    if encoding != "UTF-8" {
        watch.push(format!("the file is in {encoding}; an export will be in UTF-8"));
    }
    let custom = |sql: &str| {
        let words: Vec<String> =
            sql.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_ascii_uppercase).filter(|w| !w.is_empty()).collect();
        words.windows(2).find(|w| w[0] == "COLLATE" && crate::catalog::Collation::named(&w[1]).is_none()).map(|w| w[1].clone())
    };
    for object in source.objects.iter().filter(|o| o.kind != ObjectKind::Trigger) {
        if let Some(collation) = custom(&object.sql) {
            watch.push(format!("{} {}: the collation {collation} is the application's own", object.kind.name(), object.name));
        }
    }
    Ok(())
}

/// Translates every statement once.
fn check_statements(statements: &BTreeMap<String, u64>, catalog: &Catalog, found: &mut Check) {
    found.statements = (statements.values().sum(), statements.len() as u64);
    // DDL within the statements shows to those after it.
    let options = options(&Decisions::default());
    for (sql, count) in statements {
        if let Err(error) = translate::translate(sql, &[], catalog, &options) {
            let position = error.position.and_then(|at| Some(sql.get(..at)?.chars().count() + 1));
            found.refused.push(StatementCheck { sql: sql.clone(), count: *count, refused: error.message, hint: error.hint, position });
        }
    }
    found.refused.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.sql.cmp(&b.sql)));
}

/// The statements of SQL scripts, counted.
pub fn of_script(text: &str, into: &mut BTreeMap<String, u64>) {
    for place in translate::split(text) {
        *into.entry(text[place].trim().to_owned()).or_default() += 1;
    }
}

/// The statements of a log: one a line; what stands before the first verb of SQL's, or behind a statement, is the log's own.
pub fn of_log(text: &str, into: &mut BTreeMap<String, u64>) {
    const VERBS: [&str; 13] =
        ["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "CREATE", "ALTER", "DROP", "PRAGMA", "BEGIN", "COMMIT", "ROLLBACK"];
    for line in text.lines() {
        let begins = |text: &str| VERBS.iter().any(|verb| text.get(..verb.len()).is_some_and(|word| word.eq_ignore_ascii_case(verb)));
        let starts = |at: &usize| {
            let boundary = line[..*at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
            boundary && begins(&line[*at..])
        };
        let Some(start) = line.char_indices().map(|(at, _)| at).find(starts) else { continue };
        let rest = &line[start..];
        // Django says `; args=(1,); alias=default` behind it.
        for sql in translate::split(rest).into_iter().map(|place| rest[place].trim()).filter(|sql| begins(sql)) {
            *into.entry(sql.to_owned()).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_ends_in_its_statement() {
        let mut found = BTreeMap::new();
        of_log("2024-01-01 12:00 [db] SELECT 1;\nDEBUG: select 2\nnothing here\nSELECT 1;\n", &mut found);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("SELECT 1".to_owned(), 2), ("select 2".to_owned(), 1)]);
        let mut found = BTreeMap::new();
        of_log("(0.001) SELECT ';' FROM t; args=('x',); alias=default\nExecuting (default): BEGIN; COMMIT;\n", &mut found);
        assert_eq!(found.into_keys().collect::<Vec<_>>(), ["BEGIN", "COMMIT", "SELECT ';' FROM t"]);
    }
}
