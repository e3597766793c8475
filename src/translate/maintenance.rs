//! VACUUM, ANALYZE and REINDEX (lang_vacuum.html, lang_analyze.html, lang_reindex.html).

use super::bind::quote_relation;
use super::ddl::{Analyzed, analyze};
use super::parse::scan::{self, Token};
use super::{Action, Answer, Options, Statement, Template};
use crate::catalog::{Catalog, Collation};
use crate::error::{ClientError, SqlState};

/// Translates one of them.
pub fn maintenance(sql: &str, tokens: &[Token], catalog: &Catalog, options: &Options) -> Result<Action, ClientError> {
    let Some((verb, rest)) = tokens.split_first() else { return Err(ClientError::syntax("")) };
    let rest: Vec<&Token> = rest.iter().filter(|t| !t.is_op(sql, ";")).collect();
    let named = |token: &Token| scan::unquote(token.text(sql));
    let is_database = |name: &str| catalog.schema_of(name).is_some();
    if verb.is(sql, "VACUUM") {
        return match rest.as_slice() {
            [] => Ok(execute("VACUUM", "VACUUM")),
            [database] if named(database).eq_ignore_ascii_case("main") => Ok(execute("VACUUM", "VACUUM")),
            [database] if is_database(&named(database)) => Ok(done("VACUUM")),
            [.., into, _] if into.is(sql, "INTO") => Err(ClientError::refused("VACUUM INTO").at(into.at.start)),
            [database, ..] => Err(unknown(&named(database)).at(database.at.start)),
        };
    }
    let tag = if verb.is(sql, "ANALYZE") { "ANALYZE" } else { "REINDEX" };
    let (database, name, at) = match rest.as_slice() {
        [] if tag == "ANALYZE" => {
            let databases = catalog.databases().map(str::to_owned).collect();
            return analyzed(Analyzed::Databases(databases), "ANALYZE", catalog, options);
        }
        [] => return Ok(done(tag)),
        [name] => (None, named(name), name.at.start),
        [database, dot, name] if dot.is_op(sql, ".") => (Some(named(database)), named(name), name.at.start),
        [_, extra, ..] => return Err(ClientError::syntax(extra.text(sql)).at(extra.at.start)),
    };
    if let Some(database) = database.as_ref().filter(|d| !is_database(d)) {
        return Err(unknown(database).at(at));
    }
    let table = catalog.relation_in(database.as_deref(), &name);
    let index = catalog.index_in(database.as_deref(), &name);
    if tag == "REINDEX" {
        // Indexes here are never stale.
        if table.is_some() || index.is_some() || database.is_none() && Collation::named(&name).is_some() {
            return Ok(done(tag));
        }
        return Err(ClientError::new(SqlState::UNDEFINED_OBJECT, "unable to identify the object to be reindexed").at(at));
    }
    match table.or(index.map(|(table, _)| table)) {
        Some(of) if of.view_text().is_none() => {
            let what = match (table, index) {
                (None, Some((of, index))) => Analyzed::Index(of, index),
                _ => Analyzed::Table(of),
            };
            analyzed(what, &format!("ANALYZE {}", quote_relation(of)), catalog, options)
        }
        Some(_) => Ok(done(tag)),
        None if database.is_none() && is_database(&name) => analyzed(
            Analyzed::Databases(vec![catalog.database_of(catalog.schema_of(&name).unwrap_or_default()).to_owned()]),
            "ANALYZE",
            catalog,
            options,
        ),
        // It makes SQLite read its statistics anew.
        None if ["sqlite_schema", "sqlite_master"].iter().any(|n| n.eq_ignore_ascii_case(&name)) => Ok(done(tag)),
        None => {
            let qualifier = database.map_or(String::new(), |d| format!("{d}."));
            Err(ClientError::new(SqlState::UNDEFINED_TABLE, format!("no such table: {qualifier}{name}")).at(at))
        }
    }
}

/// Without the helper schema there is nowhere to keep SQLite's statistics.
fn analyzed(what: Analyzed, backend: &str, catalog: &Catalog, options: &Options) -> Result<Action, ClientError> {
    match catalog.helpers {
        Some(_) => analyze(&what, backend.to_owned(), catalog, options),
        None => Ok(execute(backend, "ANALYZE")),
    }
}

fn unknown(database: &str) -> ClientError {
    ClientError::new(SqlState::INVALID_SCHEMA_NAME, format!("unknown database {database}"))
}

fn execute(text: &str, tag: &'static str) -> Action {
    Action::Execute(Box::new(Statement { template: Template::fixed(text), tag: Some(tag), guard: tag == "ANALYZE", ..Statement::default() }))
}

fn done(tag: &'static str) -> Action {
    Action::Answer(Answer { columns: None, rows: Vec::new(), tag })
}
