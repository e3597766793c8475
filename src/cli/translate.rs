use super::CliError;
use crate::backend;
use crate::catalog::Catalog;
use crate::config::BackendUrl;
use crate::error::ClientError;
use crate::translate::{self, Action, Answer, Columns, Hidden, Options, OutColumn, OutKind, Plan, Setting, Source, Statement, TransactionControl};
use std::fmt::{self, Write as _};
use std::io::{self, Read, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Show what becomes of SQLite's SQL.
///
/// Prints, for each statement, the text that PostgreSQL is sent, and as comments below it where its parameters come from, what
/// the client gets, and what happens besides. What is refused goes to standard error, with its place; the exit code is then 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  litewire translate \"SELECT datetime('now'), ?\"
  litewire translate --schema schema.sql \"INSERT OR IGNORE INTO users (name) VALUES (?)\"
  litewire translate --backend postgres://app@db/app < queries.sql")]
pub(super) struct Args {
    /// The SQL; without it, standard input.
    sql: Option<String>,
    /// Take the tables from this file of SQLite's CREATE statements.
    #[arg(long, value_name = "FILE", conflicts_with = "backend")]
    schema: Option<PathBuf>,
    /// Take the tables from this database.
    #[arg(long, value_name = "URL")]
    backend: Option<BackendUrl>,
}

pub(super) fn run(args: Args) -> Result<ExitCode, CliError> {
    let sql = match args.sql {
        Some(sql) => sql,
        None => {
            let mut sql = String::new();
            io::stdin().read_to_string(&mut sql).map_err(|source| CliError::Read { path: "standard input".to_owned(), source })?;
            sql
        }
    };
    let catalog = match (args.schema, args.backend) {
        (Some(path), _) => {
            let path_name = path.display().to_string();
            let ddl = std::fs::read_to_string(path).map_err(|source| CliError::Read { path: path_name.clone(), source })?;
            match translate::catalog_from_ddl(&ddl) {
                Ok(catalog) => catalog,
                Err(error) => {
                    eprint!("{path_name}: {}", Refusal { error: &error, sql: &ddl });
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        (None, Some(url)) => load(&url)?,
        (None, None) => Catalog::default(),
    };
    let statements = translate::split(&sql);
    if statements.is_empty() {
        return Err(CliError::NoSql);
    }
    let mut code = ExitCode::SUCCESS;
    for range in statements {
        match translate::translate(&sql[range.clone()], &[], &catalog, &Options::default()) {
            Ok(plan) => writeln!(io::stdout(), "{}", Shown(&plan))?,
            Err(mut error) => {
                error.position = error.position.map(|at| at + range.start);
                eprintln!("{}", Refusal { error: &error, sql: &sql });
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn load(url: &BackendUrl) -> Result<Catalog, CliError> {
    let failed = |reason: String| CliError::Catalog { url: url.to_string(), reason };
    tokio::runtime::Runtime::new()?.block_on(async {
        let target = backend::Target::new(url.clone()).map_err(|e| failed(e.to_string()))?;
        let (client, connection) = target.client("litewire translate").await.map_err(|e| failed(e.to_string()))?;
        tokio::spawn(connection);
        backend::catalog::load(&client).await.map_err(|e| failed(backend::detail(&e)))
    })
}

/// A plan as SQL, with what else is to be known as comments.
struct Shown<'a>(&'a Plan);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.action {
            Action::Execute(statement) => show_statement(f, statement)?,
            Action::Answer(answer) => show_answer(f, answer)?,
            Action::Counters(counters) => {
                counters.iter().try_for_each(|(column, value)| writeln!(f, "-- answered by the proxy: {} = {}", column.name, source(value)))?;
            }
            Action::Setting(setting) => show_setting(f, setting)?,
            Action::Transaction(control) => show_transaction(f, control)?,
            Action::Attach(attach) => writeln!(f, "-- changes what names mean to the session: {attach:?}")?,
            Action::Empty => writeln!(f, "-- nothing to do")?,
        }
        if !self.0.params.is_empty() {
            let types: Vec<String> = self.0.params.iter().enumerate().map(|(at, oid)| format!("{} {}", at + 1, type_name(*oid))).collect();
            writeln!(f, "-- the client is told its parameters' types: {}", types.join(", "))?;
        }
        Ok(())
    }
}

fn show_statement(f: &mut fmt::Formatter<'_>, statement: &Statement) -> fmt::Result {
    writeln!(f, "{};", statement.template.numbered())?;
    for (at, slot) in statement.template.slots.iter().enumerate() {
        writeln!(f, "-- ${} {}: {}", at + 1, type_name(slot.demand.oid()), source(&slot.source))?;
    }
    match &statement.columns {
        Columns::None => {}
        Columns::Backend => writeln!(f, "-- the result is passed as PostgreSQL describes it")?,
        Columns::Shaped(columns) => writeln!(f, "-- result: {}", column_list(columns))?,
    }
    let swallows_all = statement.columns == Columns::None && !statement.hidden.is_empty();
    for hidden in &statement.hidden {
        let what = match hidden {
            Hidden::Rowid => "the rowid, for last_insert_rowid()",
            Hidden::Inserted => "whether the row was inserted",
            Hidden::Failure => "what went wrong behind the rows that stay",
            Hidden::Ignored => "a value that is computed for its effect",
        };
        writeln!(f, "-- kept from the client: {what}{}", if swallows_all { " (the whole RETURNING is)" } else { "" })?;
    }
    let facts = [
        (statement.counts, "sets changes()"),
        (statement.reads_counters, "waits for the statements before it, since it reads their counters"),
        (statement.schema_change, "changes the schema: the catalog is loaded again"),
        (translate::traces(&statement.template.numbered()).is_some(), "may keep its backend connection for this client"),
        (!statement.guard, "runs without a savepoint: an error in a transaction aborts it"),
    ];
    for (_, fact) in facts.iter().filter(|(holds, _)| *holds) {
        writeln!(f, "-- {fact}")?;
    }
    statement.notes.iter().try_for_each(|note| writeln!(f, "-- note: {note}"))
}

fn show_answer(f: &mut fmt::Formatter<'_>, answer: &Answer) -> fmt::Result {
    writeln!(f, "-- answered without PostgreSQL: {}", answer.tag.replace("{}", &answer.rows.len().to_string()))?;
    if let Some(columns) = &answer.columns {
        writeln!(f, "-- result: {}", column_list(columns))?;
    }
    answer.rows.iter().try_for_each(|row| writeln!(f, "-- row: {row:?}"))
}

fn show_setting(f: &mut fmt::Formatter<'_>, setting: &Setting) -> fmt::Result {
    match &setting.value {
        Some(value) => writeln!(f, "-- sets {} to {value} for this connection", setting.name),
        None => writeln!(f, "-- reads {} of this connection (default {})", setting.name, setting.default),
    }
}

fn show_transaction(f: &mut fmt::Formatter<'_>, control: &TransactionControl) -> fmt::Result {
    match control {
        TransactionControl::Begin { immediate: true, .. } => writeln!(f, "BEGIN;\n-- waits for other BEGIN IMMEDIATE transactions"),
        TransactionControl::Begin { native, .. } => writeln!(f, "{};", format!("BEGIN {native}").trim_end()),
        TransactionControl::Commit => writeln!(f, "COMMIT;"),
        TransactionControl::Rollback => writeln!(f, "ROLLBACK;"),
        TransactionControl::Savepoint(name) => writeln!(f, "SAVEPOINT {name};\n-- outside a transaction it begins one"),
        TransactionControl::Release(name) => writeln!(f, "RELEASE {name};\n-- the savepoint that began a transaction commits it"),
        TransactionControl::RollbackTo(name) => writeln!(f, "ROLLBACK TO {name};"),
    }
}

fn source(source: &Source) -> String {
    match source {
        Source::Client(number) => format!("the client's parameter {number}"),
        Source::LastInsertRowid => "last_insert_rowid() of the connection".to_owned(),
        Source::Changes => "changes() of the connection".to_owned(),
        Source::TotalChanges => "total_changes() of the connection".to_owned(),
        Source::Pragma(name, _) => format!("PRAGMA {name} of the connection"),
        Source::Now(_) => "the time of the execution".to_owned(),
    }
}

fn column_list(columns: &[OutColumn]) -> String {
    let kind = |kind: OutKind| match kind {
        OutKind::Integer => "INTEGER".to_owned(),
        OutKind::Real => "REAL".to_owned(),
        OutKind::Text => "TEXT".to_owned(),
        OutKind::Blob => "BLOB".to_owned(),
        OutKind::Dynamic(_) => "as its values".to_owned(),
        OutKind::Native(oid) => type_name(oid),
    };
    let columns: Vec<String> = columns.iter().map(|c| format!("{} {}", c.name, kind(c.kind))).collect();
    columns.join(", ")
}

fn type_name(oid: u32) -> String {
    postgres_types::Type::from_oid(oid).map_or_else(|| format!("type {oid}"), |t| t.name().to_owned())
}

/// An error with its place in the text.
struct Refusal<'a> {
    error: &'a ClientError,
    sql: &'a str,
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {} (SQLSTATE {})", self.error.message, self.error.state.as_str())?;
        if let Some(position) = self.error.position {
            write!(f, "{}", caret(self.sql, position))?;
        }
        for (label, text) in [("detail", &self.error.detail), ("hint", &self.error.hint)] {
            if let Some(text) = text {
                writeln!(f, "{label}: {text}")?;
            }
        }
        Ok(())
    }
}

/// The line of a byte offset, its number, and a caret under the place.
fn caret(sql: &str, position: usize) -> String {
    let position = (0..=position.min(sql.len())).rev().find(|at| sql.is_char_boundary(*at)).unwrap_or(0);
    let start = sql[..position].rfind('\n').map_or(0, |newline| newline + 1);
    let line = sql[start..].lines().next().unwrap_or_default();
    let prefix = format!("{:>4} | ", sql[..start].matches('\n').count() + 1);
    // Tabs stay tabs, so that the caret is where the eye sees the place.
    let mut under: String = sql[start..position].chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    under.push('^');
    let mut out = String::new();
    let _ = writeln!(out, "{prefix}{line}\n{:width$}{under}", "", width = prefix.len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Demand, Template};

    #[test]
    fn the_caret_stands_under_the_place() {
        assert_eq!(caret("SELECT 1;\nSELECT é, x", 21), "   2 | SELECT é, x\n                 ^\n");
        assert_eq!(caret("", 5), "   1 | \n       ^\n");
        assert_eq!(caret("a\n", 2), "   2 | \n       ^\n");
    }

    #[test]
    fn a_plan_is_shown_as_sql_with_comments() {
        let mut template = Template::fixed("INSERT INTO t (a) VALUES (");
        template.slot(Source::Client(1), Demand::Text);
        template.push(") RETURNING id");
        let statement = Statement { template, hidden: vec![Hidden::Rowid], counts: true, guard: true, ..Statement::default() };
        let plan = Plan::of(Action::Execute(Box::new(statement)), vec![25]);
        let expected = "INSERT INTO t (a) VALUES ($1) RETURNING id;\n\
            -- $1 text: the client's parameter 1\n\
            -- kept from the client: the rowid, for last_insert_rowid() (the whole RETURNING is)\n\
            -- sets changes()\n\
            -- the client is told its parameters' types: 1 text\n";
        assert_eq!(Shown(&plan).to_string(), expected);
    }

    #[test]
    fn a_refusal_says_where_and_what_to_do() {
        let error = ClientError::refused("ATTACH").at(0).hint("use [[database]]");
        let shown = Refusal { error: &error, sql: "ATTACH 'x' AS y" }.to_string();
        assert_eq!(shown, "error: ATTACH is not supported (SQLSTATE 0A000)\n   1 | ATTACH 'x' AS y\n       ^\nhint: use [[database]]\n");
    }
}
