//! A migration from its beginning to its proof.

use super::compare::{self, Sides};
use super::constraints::{is_reference, put_back, take_off, take_off_references};
use super::copy::copy;
use super::form::Form;
use super::layout::{Layout, OVERFLOW};
use super::progress::Progress;
use super::scan::{TableScan, scan};
use super::schema::{self, Planned};
use super::snapshot::Snapshot;
use super::source::{self, Object, ObjectKind, Source, open};
use super::state::{self, Decisions, Migration, Stage};
use super::target::{self, Target};
use super::verify::{self, Comparison, Outcome};
use super::{Error, counted};
use crate::catalog::Catalog;
use crate::translate::{Options, bind_ident};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;
use tokio_postgres::Client;

/// What becomes of values that do not fit their column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OnMisfit {
    /// The column's type becomes one that holds all; what no type holds is set aside.
    Widen,
    /// The rows go, whole, to litewire.quarantine.
    Quarantine,
    /// Nothing is copied.
    Stop,
}

/// What to do.
#[derive(Debug, Clone)]
pub struct Request {
    /// The SQLite file.
    pub file: PathBuf,
    /// Where the snapshot goes.
    pub snapshots: PathBuf,
    /// PostgreSQL's nearest types instead of those that hold what SQLite's columns do.
    pub native: bool,
    /// Stated types of columns.
    pub types: BTreeMap<String, BTreeMap<String, String>>,
    /// What becomes of misfits.
    pub on_misfit: OnMisfit,
    /// Go on without what cannot be translated.
    pub skip_unsupported: bool,
    /// Into tables that are there.
    pub data_only: bool,
    /// With `data_only`: empty tables that have rows.
    pub replace: bool,
    /// Tables at once.
    pub jobs: usize,
    /// Compare at the end.
    pub verify: bool,
    /// Keep the snapshot, for `litewire sync`.
    pub keep_snapshot: bool,
    /// Forget a run that was broken off.
    pub restart: bool,
}

/// A table's part of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// Its name.
    pub table: String,
    /// Rows in it.
    pub rows: u64,
    /// Rows set aside.
    pub quarantined: u64,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The migration's id.
    pub migration: String,
    /// The tables.
    pub tables: Vec<TableReport>,
    /// What was found in the data, and decided.
    pub findings: Vec<String>,
    /// Objects that were left out.
    pub skipped: Vec<String>,
    /// What went wrong, but lost nothing.
    pub problems: Vec<String>,
    /// The comparison, if there was one.
    pub verified: Option<Outcome>,
    /// The snapshot that was kept.
    pub snapshot: Option<PathBuf>,
}

impl Report {
    /// Is the target all that the file is?
    pub fn whole(&self) -> bool {
        self.problems.is_empty() && self.verified.as_ref().is_none_or(Outcome::equal)
    }
}

/// Migrates, or goes on with a migration that was broken off.
pub async fn migrate(target: &Target, request: &Request, progress: &Progress) -> Result<Report, Error> {
    let file = request.file.canonicalize().map_err(|source| Error::File { path: request.file.clone(), source })?;
    let mut client = target.prepared().await?;
    state::prepare(&client).await?;
    for migration in state::begun(&client, &file).await? {
        forget(&client, migration).await?;
    }
    let begun = state::latest(&client, &file).await?.filter(|m| m.state == "running");
    let mut report = Report::default();
    let (snapshot, decisions, source) = match begun {
        Some(migration) if !request.restart => {
            let snapshot = Snapshot::find(&migration.snapshot, &migration.id).ok_or_else(|| {
                let path = migration.snapshot.display();
                Error::refused(format!("the migration that was broken off read {path}, which is gone; begin anew with --restart"))
            })?;
            progress.say(&format!("going on with migration {}, as it was begun", migration.id));
            let source = Source::read(&snapshot.path)?;
            (snapshot, migration.decisions, source)
        }
        broken_off => {
            if let Some(migration) = broken_off {
                forget(&client, migration).await?;
            }
            let snapshot = Snapshot::named(&file, &request.snapshots)?;
            state::begin(&client, &file, &snapshot).await?;
            let prepared = async {
                fill_snapshot(&file, &snapshot, progress).await?;
                let source = Source::read(&snapshot.path)?;
                let decisions = decide(&client, &source, request, progress).await?;
                state::decided(&client, &snapshot.id, &decisions).await?;
                Ok((decisions, source))
            };
            match prepared.await {
                Ok((decisions, source)) => (snapshot, decisions, source),
                Err(error) => {
                    snapshot.clear()?;
                    // After a lost connection it is forgotten by the next run.
                    let _ = state::forget(&client, &snapshot.id).await;
                    return Err(error);
                }
            }
        }
    };
    report.migration = snapshot.id.clone();
    report.skipped.clone_from(&decisions.skipped);
    report.findings.clone_from(&decisions.findings);

    make_tables(&mut client, &source, &snapshot, &decisions).await?;
    let layouts = layouts(&client, &source, &decisions).await?;
    fill(target, &client, &snapshot, &decisions, &layouts, request.jobs, progress).await?;
    refer(&client, &snapshot).await?;
    make_rest(&client, &source, &decisions, &mut report).await?;
    for (table, table_state) in state::tables(&client, &snapshot.id).await? {
        report.tables.push(TableReport { table, rows: table_state.rows, quarantined: table_state.quarantined });
        report.problems.extend(table_state.problems);
    }

    // Broken off while it compares, it goes on with that.
    if request.verify {
        let rows = decisions.rows.clone();
        let comparison = Comparison { file: snapshot.path.clone(), layouts, quarantine: true, rows };
        let tables = verify::rows(target, &comparison, request.jobs, progress).await?;
        let (id, path) = (snapshot.id.clone(), snapshot.path.clone());
        let migration = Migration { id, snapshot: path, decisions: decisions.clone(), state: "running".to_owned() };
        let catalog = target::catalog(&client).await?;
        let sides = Sides { source: &source, catalog: &catalog, layouts: &comparison.layouts, migration: Some(&migration) };
        report.verified = Some(Outcome { tables, schema: compare::schema(&client, &sides).await? });
    }
    let end = if report.verified.as_ref().is_some_and(Outcome::equal) { "verified" } else { "copied" };
    state::set(&client, &snapshot.id, end).await?;
    if request.keep_snapshot || report.verified.as_ref().is_some_and(|outcome| !outcome.equal()) {
        report.snapshot = Some(snapshot.path);
    } else {
        snapshot.remove()?;
    }
    Ok(report)
}

/// The copy is made on a thread that may block.
async fn fill_snapshot(file: &Path, snapshot: &Snapshot, progress: &Progress) -> Result<(), Error> {
    let (file, snapshot, progress) = (file.to_owned(), snapshot.clone(), progress.clone());
    tokio::task::spawn_blocking(move || snapshot.fill(&file, &progress)).await?
}

/// Drops what a broken-off migration made, and puts back what it took off.
async fn forget(client: &Client, migration: Migration) -> Result<(), Error> {
    if migration.decisions.data_only {
        client.batch_execute("BEGIN").await?;
        for (table, table_state) in state::tables(client, &migration.id).await? {
            put_back(client, &table, table_state.later.iter()).await?;
        }
        client.batch_execute("COMMIT").await?;
    } else {
        let catalog = target::catalog(client).await?;
        for table in state::tables(client, &migration.id).await?.keys() {
            if let Some(relation) = catalog.relation(table) {
                client.batch_execute(&format!("DROP TABLE {}.{} CASCADE", bind_ident(&relation.schema), bind_ident(&relation.name))).await?;
            }
        }
    }
    state::forget(client, &migration.id).await?;
    Snapshot { id: migration.id, path: migration.snapshot }.clear()
}

/// The translator's options for a migration.
pub fn options(decisions: &Decisions) -> Options {
    let types = decisions.column_types();
    // A column whose own default its type cannot hold is made wider too.
    Options { native_types: decisions.native, widen: Some(0), column_types: (!types.is_empty()).then(|| Arc::new(types)), ..Options::default() }
}

/// Looks at schema and data; nothing at the target changes.
async fn decide(client: &Client, source: &Source, request: &Request, progress: &Progress) -> Result<Decisions, Error> {
    let catalog = target::catalog(client).await?;
    let mut decisions = Decisions {
        native: request.native,
        data_only: request.data_only,
        quarantine: request.on_misfit != OnMisfit::Stop,
        types: request.types.clone(),
        ..Decisions::default()
    };
    let known = if request.data_only {
        unoccupied(client, source, &catalog, request.replace).await?;
        catalog.clone()
    } else {
        if let Some(taken) = source.tables().find(|t| catalog.relation(&t.name).is_some()) {
            return Err(Error::refused(format!(
                "the target has a table {} already; migrate into an empty database, or with --data-only into the tables that are there",
                taken.name
            )));
        }
        planned(client, source, &catalog, &mut decisions, request.skip_unsupported).await?
    };
    let tables = kept(source, &decisions);
    // Beside the scans, for it takes as long as they do.
    let file = source.path.clone();
    let orphans = tokio::task::spawn_blocking(move || orphans(&file));
    let scans = scan_all(source, tables, &known, request.jobs, progress).await?;
    let mut stops = Vec::new();
    for (layout, seen) in &scans {
        decisions.rows.insert(layout.table.clone(), seen.rows);
        settle(layout, seen, request.on_misfit, &mut decisions, &mut stops);
    }
    if !stops.is_empty() {
        return Err(Error::Misfits(stops));
    }
    if !request.data_only {
        // A wider column may be one that an expression over it cannot take.
        let found = std::mem::take(&mut decisions.findings);
        planned(client, source, &catalog, &mut decisions, request.skip_unsupported).await?;
        decisions.findings.extend(found.into_iter().filter(|f| !f.starts_with("view ")));
    }
    decisions.findings.extend(orphans.await??);
    Ok(decisions)
}

/// All of the file's objects can be made, or are skipped; the catalog as it will be.
async fn planned(client: &Client, source: &Source, catalog: &Catalog, decisions: &mut Decisions, skip: bool) -> Result<Catalog, Error> {
    let (mut planned, known) = schema::plan(&source.objects, catalog, &options(decisions));
    schema::rehearse(client, &mut planned).await?;
    let refusals: Vec<String> = planned.iter().filter_map(Planned::refusal).collect();
    if !refusals.is_empty() && !skip {
        return Err(Error::Unsupported(refusals));
    }
    let refused = planned.iter().filter(|p| p.outcome.is_err());
    decisions.skipped = refused.map(|p| format!("{} {}", p.object.kind.name(), p.object.name)).collect();
    // What can be made is made, and said to be of no use.
    decisions.findings = planned.iter().filter(|p| p.unreadable.is_some()).filter_map(Planned::refusal).collect();
    Ok(known)
}

/// The tables that are not skipped.
fn kept<'a>(source: &'a Source, decisions: &Decisions) -> Vec<&'a Object> {
    source.tables().filter(|t| !decisions.skipped.contains(&format!("{} {}", t.kind.name(), t.name))).collect()
}

/// With --data-only the tables must be there, and empty unless they may be emptied.
async fn unoccupied(client: &Client, source: &Source, catalog: &Catalog, replace: bool) -> Result<(), Error> {
    for table in source.tables() {
        let Some(relation) = catalog.relation(&table.name) else {
            return Err(Error::refused(format!("the target has no table {}; without --data-only it would be made", table.name)));
        };
        let name = format!("{}.{}", bind_ident(&relation.schema), bind_ident(&relation.name));
        if !replace && client.query_one(&format!("SELECT EXISTS (SELECT FROM {name})"), &[]).await?.get(0) {
            return Err(Error::refused(format!("the target's table {} has rows; --replace removes them", table.name)));
        }
    }
    Ok(())
}

async fn scan_all(
    source: &Source,
    tables: Vec<&Object>,
    catalog: &Catalog,
    jobs: usize,
    progress: &Progress,
) -> Result<Vec<(Arc<Layout>, TableScan)>, Error> {
    let mut running = JoinSet::new();
    let mut scans = Vec::new();
    let mut waiting = Layout::all(source, tables, catalog)?.into_iter();
    loop {
        while running.len() < jobs.max(1) {
            let Some(layout) = waiting.next() else { break };
            let (file, work) = (source.path.clone(), progress.work(&format!("scan {}", layout.table), None));
            running.spawn_blocking(move || scan(&file, &layout, &work).map(|seen| (layout, seen)));
        }
        match running.join_next().await {
            Some(done) => scans.push(done??),
            None => break,
        }
    }
    scans.sort_by(|(a, _), (b, _)| a.table.cmp(&b.table));
    Ok(scans)
}

/// What a table's misfits come to.
fn settle(layout: &Layout, seen: &TableScan, on_misfit: OnMisfit, decisions: &mut Decisions, stops: &mut Vec<String>) {
    for (field, column) in layout.fields.iter().zip(&seen.columns) {
        let count = column.count();
        if count == 0 {
            continue;
        }
        let what = format!("{}.{} ({}): {}", layout.table, field.name, field.form.name(), column.describe());
        let widens = on_misfit == OnMisfit::Widen && field.widens && field.form != Form::Any && column.beyond < count;
        match on_misfit {
            OnMisfit::Stop => stops.push(what),
            _ if widens => {
                decisions.set_type(&layout.table, &field.name, "any");
                let rest = if column.beyond > 0 { format!("; {} go to quarantine", counted(column.beyond as usize, "row")) } else { String::new() };
                decisions.findings.push(format!("{what}; the column holds any class{rest}"));
            }
            _ => decisions.findings.push(format!("{what}; the rows go to quarantine")),
        }
    }
    if seen.overflowing.count > 0 {
        let what = seen.overflowing.describe(&format!("with {OVERFLOW}"));
        match on_misfit {
            OnMisfit::Stop => stops.push(format!("{}: {what}", layout.table)),
            _ => decisions.findings.push(format!("{}: {what}; the rows go to quarantine", layout.table)),
        }
    }
}

/// KiB of pages that the search for parents keeps.
const PARENTS_KIB: i64 = 64 << 10;

/// Rows that refer to none: SQLite holds them where foreign keys are off.
pub(super) fn orphans(file: &Path) -> Result<Vec<String>, Error> {
    let connection = open(file)?;
    // It looks for each row's parent, wherever that may be.
    connection.pragma_update(None, "cache_size", -PARENTS_KIB)?;
    // A key onto what is no key at the other side makes the check fail; it checks nothing then.
    let Ok(mut statement) = connection.prepare("SELECT \"table\", parent, count(*), min(rowid) FROM pragma_foreign_key_check GROUP BY 1, 2") else {
        return Ok(Vec::new());
    };
    let line = |row: &rusqlite::Row| {
        let (table, parent, count): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let first = row.get::<_, Option<i64>>(3)?.map_or(String::new(), |id| format!(" (rowid {id})"));
        let rows = if count == 1 { "1 row refers".to_owned() } else { format!("{count} rows refer") };
        Ok(format!("{table}: {rows} to no row of {parent}{first}; kept"))
    };
    Ok(statement.query_map([], line).and_then(Iterator::collect).unwrap_or_default())
}

/// Makes the tables that are not made yet, without their keys and indexes; each with its record, in one transaction.
async fn make_tables(client: &mut Client, source: &Source, snapshot: &Snapshot, decisions: &Decisions) -> Result<(), Error> {
    let made = state::tables(client, &snapshot.id).await?;
    let catalog = target::catalog(client).await?;
    if decisions.data_only {
        for table in source.tables().filter(|t| !made.contains_key(&t.name)) {
            let Some(relation) = catalog.relation(&table.name) else { continue };
            let name = format!("{}.{}", bind_ident(&relation.schema), bind_ident(&relation.name));
            let transaction = client.transaction().await?;
            let later = take_off_references(&transaction, &name).await?;
            state::made(&transaction, &snapshot.id, &table.name, &later).await?;
            transaction.commit().await?;
        }
        return Ok(());
    }
    // Planned against what there was before, as it was when the migration began: what a table's indexes need to know is its text.
    let mut before = Catalog { relations: Vec::new(), by_name: Default::default(), ..catalog.clone() };
    catalog.relations.iter().filter(|r| !made.contains_key(&r.name)).for_each(|r| before.add(r.clone()));
    let (planned, _) = schema::plan(&source.objects, &before, &options(decisions));
    let failed = |error: crate::error::ClientError| Error::refused(error.to_string());
    for table in kept(source, decisions).into_iter().filter(|t| !made.contains_key(&t.name)) {
        let Some(plan) = planned.iter().find(|p| p.object.name == table.name && p.object.kind == table.kind) else { continue };
        let Some(sql) = plan.outcome.clone().map_err(failed)? else { continue };
        let transaction = client.transaction().await?;
        transaction.batch_execute(&sql).await.map_err(|e| named(table, &e))?;
        let printed = format!("{}.{}", bind_ident(&catalog.current_schema), bind_ident(&table.name));
        let mut later = if table.kind == ObjectKind::Table { take_off(&transaction, &printed).await? } else { Vec::new() };
        let of_table = |p: &&Planned| p.object.kind == ObjectKind::Index && p.object.table.eq_ignore_ascii_case(&table.name);
        let is_kept = |p: &&Planned| !decisions.skipped.contains(&format!("index {}", p.object.name));
        for index in planned.iter().filter(of_table).filter(is_kept) {
            later.extend(index.outcome.clone().ok().flatten());
        }
        state::made(&transaction, &snapshot.id, &table.name, &later).await?;
        transaction.commit().await?;
    }
    Ok(())
}

fn named(object: &Object, error: &tokio_postgres::Error) -> Error {
    Error::refused(format!("{} {}: {}", object.kind.name(), object.name, crate::backend::detail(error)))
}

async fn layouts(client: &Client, source: &Source, decisions: &Decisions) -> Result<Vec<Arc<Layout>>, Error> {
    Layout::all(source, kept(source, decisions), &target::catalog(client).await?)
}

/// Rows, then keys, checks, indexes and sequences, several tables at once.
async fn fill(
    target: &Target,
    client: &Client,
    snapshot: &Snapshot,
    decisions: &Decisions,
    layouts: &[Arc<Layout>],
    jobs: usize,
    progress: &Progress,
) -> Result<(), Error> {
    let states = state::tables(client, &snapshot.id).await?;
    let source = Source::read(&snapshot.path)?;
    let mut todo: Vec<_> = layouts.iter().filter(|l| states.get(&l.table).is_some_and(|s| s.stage < Stage::Done)).cloned().collect();
    // Taken from the end: the largest first, so that none is alone at last.
    todo.sort_by_key(|layout| decisions.rows.get(&layout.table));
    let queue = Arc::new(Mutex::new(todo));
    // Rows that are set aside have ids too.
    let (states, sequences) = (Arc::new(states), Arc::new(source.highest(layouts)?));
    let mut workers = JoinSet::new();
    for _ in 0..jobs.clamp(1, layouts.len().max(1)) {
        let (target, snapshot, queue, states, sequences) = (target.clone(), snapshot.clone(), queue.clone(), states.clone(), sequences.clone());
        let (progress, quarantine, rows) = (progress.clone(), decisions.quarantine, decisions.rows.clone());
        workers.spawn(async move {
            let mut client = target.connect().await?;
            loop {
                let next = queue.lock().map_or(None, |mut queue| queue.pop());
                let Some(layout) = next else { return Ok::<_, Error>(()) };
                let Some(table) = states.get(&layout.table) else { continue };
                if table.stage == Stage::Made {
                    let work = Arc::new(progress.work(&layout.table, rows.get(&layout.table).copied()));
                    copy(&mut client, &snapshot.id, &snapshot.path, &layout, quarantine, work).await?;
                }
                let last = sequences.get(&layout.table).copied();
                complete(&mut client, &snapshot.id, &layout, &table.later, last).await?;
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(())
}

/// Foreign keys, once all rows are there.
async fn refer(client: &Client, snapshot: &Snapshot) -> Result<(), Error> {
    for (table, table_state) in state::tables(client, &snapshot.id).await? {
        client.batch_execute("BEGIN").await?;
        let problems = put_back(client, &table, table_state.later.iter().filter(|sql| is_reference(sql))).await?;
        state::troubled(client, &snapshot.id, &table, &problems).await?;
        client.batch_execute("COMMIT").await?;
    }
    Ok(())
}

/// What a table lacks once its rows are there.
async fn complete(client: &mut Client, migration: &str, layout: &Layout, later: &[String], last: Option<i64>) -> Result<(), Error> {
    client.batch_execute("BEGIN").await?;
    let outcome = async {
        let problems = put_back(client, &layout.table, later.iter().filter(|sql| !is_reference(sql))).await?;
        if let Some((sequence, at)) = &layout.sequence {
            let id = bind_ident(&layout.fields[*at].name);
            let highest = format!("SELECT greatest(max({id}), $1::int8) FROM {}", layout.target);
            let highest: Option<i64> = client.query_one(&highest, &[&last]).await?.get(0);
            // A sequence begins at 1: below, it is as new.
            if let Some(highest) = highest.filter(|n| *n > 0) {
                client.execute("SELECT pg_catalog.setval($1::text::regclass, $2)", &[sequence, &highest]).await?;
            }
        }
        state::done(client, migration, &layout.table, &problems).await?;
        client.batch_execute("COMMIT").await?;
        client.batch_execute(&format!("ANALYZE {}", layout.target)).await?;
        Ok(())
    };
    let outcome: Result<(), Error> = outcome.await;
    if outcome.is_err() {
        // After a lost connection there is nothing to roll back.
        let _ = client.batch_execute("ROLLBACK").await;
    }
    outcome
}

/// Views, triggers, and the numbers of the file.
async fn make_rest(client: &Client, source: &Source, decisions: &Decisions, report: &mut Report) -> Result<(), Error> {
    if decisions.data_only {
        return Ok(());
    }
    let options = options(decisions);
    let is_kept = |o: &&Object| !decisions.skipped.contains(&format!("{} {}", o.kind.name(), o.name));
    let mut waiting: Vec<&Object> =
        source.objects.iter().filter(|o| matches!(o.kind, ObjectKind::Search | ObjectKind::View | ObjectKind::Trigger)).filter(is_kept).collect();
    // A view may read one that comes after it.
    loop {
        let (before, mut failed) = (waiting.len(), Vec::new());
        for object in std::mem::take(&mut waiting) {
            let catalog = target::catalog(client).await?;
            if let Err(error) = schema::make(client, object, &catalog, &options).await {
                failed.push((object, error));
            }
        }
        if failed.is_empty() {
            break;
        }
        if failed.len() == before {
            report.problems.extend(failed.iter().map(|(_, error)| error.to_string()));
            break;
        }
        waiting = failed.into_iter().map(|(object, _)| object).collect();
    }
    let catalog = target::catalog(client).await?;
    search(client, source, &catalog).await?;
    for (pragma, value) in [("user_version", source.user_version), ("application_id", source.application_id)] {
        let sql = schema::statement(&format!("PRAGMA {pragma} = {value}"), &catalog, &options).map_err(|e| Error::refused(e.to_string()))?;
        if let Some(sql) = sql {
            client.batch_execute(&sql).await?;
        }
    }
    Ok(())
}

/// Fills the full-text indexes whose content is in other tables, and tells each full-text table what its `rank` is.
async fn search(client: &Client, source: &Source, catalog: &Catalog) -> Result<(), Error> {
    let mut commands = Vec::new();
    {
        let connection = open(&source.path)?;
        for object in source.objects.iter().filter(|o| matches!(o.kind, ObjectKind::Search | ObjectKind::Virtual)) {
            let Some(relation) = catalog.relation(&object.name).filter(|r| r.full_text().is_some()) else { continue };
            if object.kind == ObjectKind::Search {
                commands.push(schema::command(relation, "rebuild", None));
            }
            commands.extend(source::rank(&connection, object)?.map(|rank| schema::command(relation, "rank", Some(&rank))));
        }
    }
    for command in commands {
        client.batch_execute(&command).await?;
    }
    Ok(())
}

/// Compares a file with what was migrated from it. A file in use is compared as it is at the beginning.
pub async fn verify(target: &Target, file: &Path, snapshots: Option<&Path>, jobs: usize, progress: &Progress) -> Result<Outcome, Error> {
    let file = file.canonicalize().map_err(|source| Error::File { path: file.to_owned(), source })?;
    let client = target.connect().await?;
    let migration = state::latest(&client, &file).await?;
    let decisions = migration.as_ref().map_or_else(Decisions::default, |m| m.decisions.clone());
    let directory = snapshots.or(file.parent()).unwrap_or(Path::new(".")).to_owned();
    let (taken, shown) = (file.clone(), progress.clone());
    let snapshot = tokio::task::spawn_blocking(move || Snapshot::take(&taken, &directory, &shown)).await??;
    let compared = async {
        let source = Source::read(&snapshot.path)?;
        let catalog = target::catalog(&client).await?;
        let (mut layouts, mut lost) = (Vec::new(), Vec::new());
        for table in kept(&source, &decisions) {
            match Layout::all(&source, [table], &catalog) {
                Ok(layout) => layouts.extend(layout),
                // A table that cannot be compared differs.
                Err(Error::Refused(why)) => lost.push(why),
                Err(error) => return Err(error),
            }
        }
        let quarantine = catalog.meta.contains_key(state::META);
        let comparison = Comparison { file: snapshot.path.clone(), layouts, quarantine, rows: decisions.rows.clone() };
        let tables = verify::rows(target, &comparison, jobs, progress).await?;
        let sides = Sides { source: &source, catalog: &catalog, layouts: &comparison.layouts, migration: migration.as_ref() };
        let mut schema = compare::schema(&client, &sides).await?;
        schema.extend(lost.into_iter().filter(|line| !schema.contains(line)).collect::<Vec<_>>());
        Ok(Outcome { tables, schema })
    };
    let compared = compared.await;
    snapshot.remove()?;
    compared
}
