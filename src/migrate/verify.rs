//! Is what is in PostgreSQL what is in the file? Checksums of all rows on both sides, and where they differ, the rows.

use super::canon::{self, Checksum, Sum};
use super::copy::raw_text;
use super::form::{Cell, Form, Misfit};
use super::layout::Layout;
use super::progress::{Progress, Work};
use super::scan::TICK;
use super::source::open;
use super::target::Target;
use super::{Error, counted};
use crate::translate::bind_ident;
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_postgres::Client;

/// Rows that are shown of one table.
const SHOWN: usize = 20;
/// Rows that are held in memory to find them.
const HELD: i64 = 200_000;

/// How a row differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum RowDifference {
    /// In the file alone.
    Missing {
        /// Its key.
        key: String,
    },
    /// In PostgreSQL alone.
    Extra {
        /// Its key.
        key: String,
    },
    /// On both sides, with other values.
    Changed {
        /// Its key.
        key: String,
        /// Column, SQLite's value, PostgreSQL's value.
        columns: Vec<(String, String, String)>,
    },
}

/// A table, compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableOutcome {
    /// Its name.
    pub table: String,
    /// Rows in the file.
    pub source_rows: i64,
    /// Rows in PostgreSQL, those set aside included.
    pub target_rows: i64,
    /// Are all rows the same?
    pub equal: bool,
    /// The first that are not.
    pub differences: Vec<RowDifference>,
}

/// Everything, compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The tables, by name.
    pub tables: Vec<TableOutcome>,
    /// How the schemas differ, in words.
    pub schema: Vec<String>,
}

impl Outcome {
    /// Is nothing different?
    pub fn equal(&self) -> bool {
        self.schema.is_empty() && self.tables.iter().all(|t| t.equal)
    }

    /// In words, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.schema.iter().map(|line| format!("schema: {line}")).collect();
        for table in self.tables.iter().filter(|t| !t.equal) {
            lines.push(format!("{}: {} rows in SQLite, {} in PostgreSQL; they differ", table.table, table.source_rows, table.target_rows));
            for difference in &table.differences {
                lines.push(match difference {
                    RowDifference::Missing { key } => format!("  {key}: missing in PostgreSQL"),
                    RowDifference::Extra { key } => format!("  {key}: only in PostgreSQL"),
                    RowDifference::Changed { key, columns } => {
                        let of = |(name, ours, theirs): &(String, String, String)| format!("{name} is {ours} in SQLite, {theirs} in PostgreSQL");
                        format!("  {key}: {}", columns.iter().map(of).collect::<Vec<_>>().join("; "))
                    }
                });
            }
        }
        let rows: i64 = self.tables.iter().map(|t| t.source_rows).sum();
        let verdict = if self.equal() { "equal" } else { "DIFFERENT" };
        lines.push(format!("verified {}, {}: {verdict}", counted(self.tables.len(), "table"), counted(rows as usize, "row")));
        lines
    }
}

/// What is compared.
pub struct Comparison {
    /// The SQLite file, which must not change meanwhile.
    pub file: PathBuf,
    /// Its tables on both sides.
    pub layouts: Vec<Arc<Layout>>,
    /// Do rows that were set aside count?
    pub quarantine: bool,
    /// How many rows the tables have, as far as that is known.
    pub rows: BTreeMap<String, u64>,
}

/// Compares all rows, several tables at once.
pub async fn rows(target: &Target, comparison: &Comparison, jobs: usize, progress: &Progress) -> Result<Vec<TableOutcome>, Error> {
    let tables = comparison.layouts.iter().map(|layout| {
        let work = Arc::new(progress.work(&format!("verify {}", layout.table), comparison.rows.get(&layout.table).copied()));
        async move {
            let client = target.connect().await?;
            table(&client, comparison, layout, work).await
        }
    });
    let mut outcomes: Vec<TableOutcome> = futures_util::stream::iter(tables).buffer_unordered(jobs.max(1)).try_collect().await?;
    outcomes.sort_by(|a, b| a.table.cmp(&b.table));
    Ok(outcomes)
}

async fn table(client: &Client, comparison: &Comparison, layout: &Arc<Layout>, work: Arc<Work>) -> Result<TableOutcome, Error> {
    let (file, of) = (comparison.file.clone(), layout.clone());
    let ours = tokio::task::spawn_blocking(move || source_checksum(&file, &of, &work));
    let theirs = target_checksum(client, comparison, layout).await?;
    let ours = ours.await??;
    let differing = ours.differing(&theirs);
    let mut outcome = TableOutcome {
        table: layout.table.clone(),
        source_rows: ours.total().rows,
        target_rows: theirs.total().rows,
        equal: differing.is_empty(),
        differences: Vec::new(),
    };
    if !outcome.equal {
        outcome.differences = differences(client, comparison, layout, &ours, &theirs, differing).await?;
    }
    Ok(outcome)
}

/// A row's canonical text as the target would hold it, or whole when it does not fit.
fn row_text(layout: &Layout, row: &rusqlite::Row) -> Result<String, rusqlite::Error> {
    if layout.misfit(row)?.is_some() {
        return raw_text(layout, row, 0);
    }
    let mut text = String::new();
    for (at, field) in layout.fields.iter().enumerate() {
        push(field.cell(row.get_ref(at)?), &mut text);
    }
    Ok(text)
}

/// Appends a value of a row that fits.
pub(super) fn push(cell: Result<Cell, Misfit>, text: &mut String) {
    match cell {
        Ok(cell) => canon::push(&cell, text),
        // A generated column's value that the target's cannot be.
        Err(_) => text.push_str("?;"),
    }
}

fn each_row(file: &Path, layout: &Layout, mut each: impl FnMut(&rusqlite::Row, String) -> Result<(), rusqlite::Error>) -> Result<(), Error> {
    let connection = open(file)?;
    let mut statement = connection.prepare(&layout.select())?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row, row_text(layout, row)?)?;
    }
    Ok(())
}

fn source_checksum(file: &Path, layout: &Layout, work: &Work) -> Result<Checksum, Error> {
    let (mut sum, mut since) = (Checksum::default(), 0);
    each_row(file, layout, |_, text| {
        sum.add(&canon::hash(&text));
        since += 1;
        if since == TICK {
            work.add(since);
            since = 0;
        }
        Ok(())
    })?;
    work.add(since);
    work.finish();
    Ok(sum)
}

/// Every column's canonical text, in SQL.
fn expressions(layout: &Layout) -> Vec<String> {
    layout.fields.iter().map(|f| canon::expression(f.form, &bind_ident(&f.name))).collect()
}

/// Does the target's own text of a column need another look before it is compared?
fn is_json(layout: &Layout) -> bool {
    layout.fields.iter().any(|f| matches!(f.form, Form::Json(_)))
}

async fn target_checksum(client: &Client, comparison: &Comparison, layout: &Layout) -> Result<Checksum, Error> {
    let mut sum = Checksum::default();
    if is_json(layout) {
        // Two JSON texts may be the same document: that is found out here.
        let rows =
            client.query_raw(&format!("SELECT ARRAY[{}] FROM {}", expressions(layout).join(", "), layout.target), std::iter::empty::<&str>()).await?;
        tokio::pin!(rows);
        while let Some(row) = rows.try_next().await? {
            sum.add(&canon::hash(&normal(layout, row.get(0)).concat()));
        }
    } else {
        let halves = "sum(('x' || left(h, 16))::bit(64)::int8)::text, sum(('x' || right(h, 16))::bit(64)::int8)::text";
        // OFFSET 0 keeps the planner from writing the hash out three times.
        let query = format!(
            "SELECT left(h, 2), count(*), {halves} FROM (SELECT md5({}) AS h FROM {} OFFSET 0) AS s GROUP BY 1",
            expressions(layout).join(" || "),
            layout.target
        );
        for row in client.query(&query, &[]).await? {
            let first = u8::from_str_radix(row.get(0), 16).unwrap_or_default();
            let number = |at: usize| row.get::<_, &str>(at).parse().unwrap_or_default();
            sum.0[usize::from(first)] = Sum { rows: row.get(1), first: number(2), second: number(3) };
        }
    }
    for (_, text) in quarantined(client, comparison, layout).await? {
        sum.add(&canon::hash(&text));
    }
    Ok(sum)
}

/// The rows set aside: key and canonical text.
async fn quarantined(client: &Client, comparison: &Comparison, layout: &Layout) -> Result<Vec<(String, String)>, Error> {
    if !comparison.quarantine {
        return Ok(Vec::new());
    }
    let rows = client.query("SELECT key, row FROM litewire.quarantine WHERE tbl = $1", &[&layout.table]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The columns' texts, JSON in one spelling.
pub(super) fn normal(layout: &Layout, values: Vec<String>) -> Vec<String> {
    let one = |(at, value): (usize, String)| match (layout.fields[at].form, value.strip_prefix('j').and_then(|v| v.strip_suffix(';'))) {
        (Form::Json(_), Some(text)) => {
            let mut out = String::new();
            canon::push(&Cell::Json(text), &mut out);
            out
        }
        _ => value,
    };
    values.into_iter().enumerate().map(one).collect()
}

/// A row that the other side does not have.
struct Unmatched {
    key: String,
    shown: String,
    values: Vec<String>,
}

/// The first rows that differ, by the first bytes of their hashes.
async fn differences(
    client: &Client,
    comparison: &Comparison,
    layout: &Arc<Layout>,
    ours: &Checksum,
    theirs: &Checksum,
    mut differing: Vec<u8>,
) -> Result<Vec<RowDifference>, Error> {
    let (mut held, all) = (0, differing.len());
    differing.retain(|b| {
        let begun = held;
        held += ours.0[usize::from(*b)].rows + theirs.0[usize::from(*b)].rows;
        begun < HELD
    });
    let whole = differing.len() == all;
    let mut missing = {
        let (file, of, wanted) = (comparison.file.clone(), layout.clone(), differing.clone());
        tokio::task::spawn_blocking(move || source_rows(&file, &of, &wanted)).await??
    };
    let mut extra: Vec<Unmatched> = Vec::new();
    let query = format!("SELECT ARRAY[{}] FROM {}", expressions(layout).join(", "), layout.target);
    let rows = client.query_raw(&query, std::iter::empty::<&str>()).await?;
    tokio::pin!(rows);
    let mut take = |values: Vec<String>, text: String, key: Option<String>| {
        let hash = canon::hash(&text);
        if !differing.contains(&hash[0]) {
            return;
        }
        if let Some(found) = missing.get_mut(&hash).filter(|found| !found.is_empty()) {
            found.pop();
            return;
        }
        let (canonical, shown) = key_of(layout, &values);
        extra.push(Unmatched { key: canonical, shown: key.unwrap_or(shown), values });
    };
    while let Some(row) = rows.try_next().await? {
        let values = normal(layout, row.get(0));
        let text = values.concat();
        take(values, text, None);
    }
    for (key, text) in quarantined(client, comparison, layout).await? {
        take(Vec::new(), text, Some(format!("{key} (in quarantine)")));
    }
    let missing: BTreeMap<String, Unmatched> = missing.into_values().flatten().map(|row| (row.key.clone(), row)).collect();
    Ok(paired(layout, missing, extra, whole))
}

/// Rows of both sides with the same key are one row that changed.
fn paired(layout: &Layout, mut missing: BTreeMap<String, Unmatched>, extra: Vec<Unmatched>, whole: bool) -> Vec<RowDifference> {
    let mut found = Vec::new();
    for theirs in extra {
        let Some(ours) = missing.remove(&theirs.key).filter(|_| !theirs.values.is_empty()) else {
            if whole {
                found.push(RowDifference::Extra { key: theirs.shown });
            }
            continue;
        };
        let names = layout.fields.iter().map(|f| f.name.clone());
        let columns = names.zip(ours.values.iter().zip(&theirs.values)).filter(|(_, (a, b))| a != b);
        let columns = columns.map(|(name, (a, b))| (name, shown(a), shown(b))).collect();
        found.push(RowDifference::Changed { key: theirs.shown, columns });
    }
    // Of a part of the rows it is not known whether the other side has one of that key.
    if whole {
        found.extend(missing.into_values().map(|row| RowDifference::Missing { key: row.shown }));
    }
    found.truncate(SHOWN);
    found
}

/// The file's rows whose hash begins with one of these bytes, by hash.
fn source_rows(file: &Path, layout: &Layout, wanted: &[u8]) -> Result<HashMap<[u8; 16], Vec<Unmatched>>, Error> {
    let mut found: HashMap<[u8; 16], Vec<Unmatched>> = HashMap::new();
    each_row(file, layout, |row, text| {
        let hash = canon::hash(&text);
        if wanted.contains(&hash[0]) {
            let mut values = Vec::new();
            for (at, field) in layout.fields.iter().enumerate() {
                let mut out = String::new();
                push(field.cell(row.get_ref(at)?), &mut out);
                values.push(out);
            }
            let (key, shown) = key_of(layout, &values);
            found.entry(hash).or_default().push(Unmatched { key, shown, values });
        }
        Ok(())
    })?;
    Ok(found)
}

/// The key of a row, canonical and for a person.
fn key_of(layout: &Layout, values: &[String]) -> (String, String) {
    let telling = layout.telling();
    let parts = || telling.iter().filter_map(|&at| Some((&layout.fields[at].name, values.get(at)?)));
    (parts().map(|(_, v)| v.as_str()).collect(), parts().map(|(name, v)| format!("{name} = {}", shown(v))).collect::<Vec<_>>().join(", "))
}

/// A canonical text for a person.
fn shown(canonical: &str) -> String {
    let cut = |text: &str| if text.chars().count() > 60 { text.chars().take(60).chain("…".chars()).collect() } else { text.to_owned() };
    let Some(tag) = canonical.chars().next() else { return String::new() };
    let content = canonical[tag.len_utf8()..].strip_suffix(';').unwrap_or_default();
    match tag {
        'n' => "NULL".to_owned(),
        'r' => u64::from_str_radix(content, 16).map_or_else(|_| content.to_owned(), |bits| crate::value::real_text(f64::from_bits(bits))),
        't' => format!("'{}'", cut(content.split_once(':').map_or("", |(_, text)| text)).replace('\'', "''")),
        'b' => format!("X'{}'", cut(content)),
        'x' => match crate::value::unhex(content).map(String::from_utf8) {
            Some(Ok(text)) if !text.contains('\0') => format!("'{}'", cut(&text).replace('\'', "''")),
            _ => format!("CAST(X'{}' AS TEXT)", cut(content)),
        },
        '?' => "a value of another type".to_owned(),
        'd' => format!("day {content} from 2000-01-01"),
        'm' => format!("{content} µs from 2000-01-01"),
        _ => cut(content),
    }
}
