//! `sqlite_stat1` (fileformat2.html §2.6.3): the table that ANALYZE makes, and its rows.

use super::create::own;
use super::{block, qualified};
use crate::catalog::{Catalog, Index, IndexPart, Relation, RelationKind};
use crate::error::ClientError;
use crate::translate::bind::quote_ident;
use crate::translate::introspect::indexes;
use crate::translate::lower::literal_text;
use crate::translate::{Action, Options, Statement};

const STATISTICS: &str = "sqlite_stat1";

/// What an ANALYZE looks at.
pub enum Analyzed<'c> {
    /// Databases.
    Databases(Vec<String>),
    /// A table.
    Table(&'c Relation),
    /// An index of a table.
    Index(&'c Relation, &'c Index),
}

/// ANALYZE: `backend` is what the backend's own statistics need; the rows of SQLite's come with it.
pub fn analyze(analyzed: &Analyzed, backend: String, catalog: &Catalog, options: &Options) -> Result<Action, ClientError> {
    let databases = match analyzed {
        Analyzed::Databases(databases) => databases.clone(),
        Analyzed::Table(table) | Analyzed::Index(table, _) => vec![catalog.database(table).to_owned()],
    };
    let (mut made, mut steps, mut after) = (Vec::new(), Vec::new(), None::<Catalog>);
    // The statistics of what is the session's alone are kept for nobody.
    for database in databases.iter().filter(|d| *d != "temp") {
        let catalog = after.as_ref().unwrap_or(catalog);
        if catalog.relation_in(Some(database), STATISTICS).is_none() {
            let change = own(STATISTICS, "(tbl,idx,stat)", database, catalog, options)?;
            made.extend(change.steps.iter().cloned());
            after = Some(catalog.with_relations(change.relations));
        }
    }
    let after = after.as_ref().unwrap_or(catalog);
    for database in databases.iter().filter(|d| *d != "temp") {
        let Some(statistics) = after.relation_in(Some(database), STATISTICS) else { continue };
        steps.extend(rows(analyzed, database, statistics, catalog));
    }
    steps.push(backend);
    let statement = block(&[made.clone(), steps].concat(), "ANALYZE");
    Ok(Action::Execute(Box::new(Statement { schema_change: !made.is_empty(), ..statement })))
}

/// What makes the rows of one database anew.
fn rows(analyzed: &Analyzed, database: &str, statistics: &Relation, catalog: &Catalog) -> Vec<String> {
    let into = qualified(&statistics.schema, &statistics.name);
    let of = |column: &str, name: &str| format!("DELETE FROM {into} WHERE {column} = litewire.v_text({})", literal_text(name));
    let mut steps = Vec::new();
    let mut table = |table: &Relation, only: Option<&Index>| {
        let own = indexes(table);
        let every = own.iter().filter(|(_, index)| only.is_none_or(|o| o.name == index.name));
        for (name, index) in every {
            let filter = index.predicate.as_ref().map_or(String::new(), |p| format!(" WHERE {p}"));
            let parts: Vec<String> = index.parts.iter().map(|p| part(table, p)).collect();
            let distinct: Vec<String> = (1..=parts.len()).map(|n| format!("count(DISTINCT ROW({}))", parts[..n].join(", "))).collect();
            let name = if index.primary && table.without_rowid { &table.name } else { name };
            steps.push(row(&into, table, &format!("litewire.v_text({})", literal_text(name)), &distinct, &filter));
        }
        if only.is_none() && own.iter().all(|(_, index)| index.predicate.is_some()) {
            steps.push(row(&into, table, "NULL", &[], ""));
        }
    };
    match analyzed {
        Analyzed::Databases(_) => {
            let is_counted = |r: &&Relation| r.kind == RelationKind::Table && r.module.is_none() && r.may_select && !r.name.starts_with("sqlite_");
            catalog.relations.iter().filter(|r| catalog.is_in(r, database)).filter(is_counted).for_each(|r| table(r, None));
            steps.insert(0, format!("DELETE FROM {into}"));
        }
        Analyzed::Table(relation) if relation.module.is_some() => {}
        Analyzed::Table(relation) => {
            table(relation, None);
            steps.insert(0, of("tbl", &relation.name));
        }
        Analyzed::Index(relation, index) => {
            table(relation, Some(index));
            steps.insert(0, of("idx", &index.name));
        }
    }
    steps
}

fn part(table: &Relation, part: &IndexPart) -> String {
    match part {
        IndexPart::Column(at) => quote_ident(&table.columns[*at].name),
        IndexPart::Expression(printed) => printed.clone(),
    }
}

/// A row of what a table or an index holds; none where it is empty.
fn row(into: &str, table: &Relation, index: &str, distinct: &[String], filter: &str) -> String {
    let from = qualified(&table.schema, &table.name);
    format!(
        "INSERT INTO {into} (tbl, idx, stat) SELECT litewire.v_text({}), {index}, litewire.v_text(litewire.statistic(s.n, s.d)) FROM \
         (SELECT count(*) AS n, ARRAY[{}]::int8[] AS d FROM {from}{filter}) AS s WHERE s.n > 0",
        literal_text(&table.name),
        distinct.join(", ")
    )
}
