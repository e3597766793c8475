//! Views: SQLite keeps their text, and reads it anew wherever one is named (lang_createview.html). What it names need not be there
//! before.

use super::{Binder, Bound};
use crate::catalog::{Affinity, Catalog, Relation};
use crate::error::{ClientError, SqlState};
use crate::translate::parse::{self, scan};
use crate::translate::tree::{Body, Kind, Origin, Query};
use crate::translate::{Options, introspect};
use sqlparser::ast::{Ident, Statement};

/// Views within one statement: each is a subquery that the backend plans, and views that name a view twice and more, one within
/// another, take of its memory many times what they take of the text.
const EXPANSIONS: usize = 100;
/// Views within views.
const DEPTH: usize = 40;

impl<'a> Binder<'a> {
    /// The query of a view, its columns named as the view's; errors stand where the view is named.
    pub(super) fn view(&mut self, relation: &'a Relation, sql: &'a str, name: &Ident) -> Bound<Query> {
        let at = self.at(name.span);
        let refuse = |state, message| Err(ClientError::new(state, message).at(at));
        if self.views.iter().any(|v| std::ptr::eq(*v, relation)) {
            return refuse(SqlState::INVALID_OBJECT_DEFINITION, format!("view {} is circularly defined", relation.name));
        }
        self.expanded += 1;
        if self.expanded > EXPANSIONS {
            return refuse(SqlState::PROGRAM_LIMIT, format!("too many references to \"{}\": max {EXPANSIONS}", relation.name));
        }
        if self.views.len() == DEPTH {
            return refuse(SqlState::PROGRAM_LIMIT, format!("views are nested too deeply at \"{}\": max {DEPTH}", relation.name));
        }
        let mut inner = Binder::new(sql, &[], self.catalog, self.options);
        inner.views = std::mem::take(&mut self.views);
        inner.views.push(relation);
        (inner.aliases, inner.expanded) = (self.aliases, self.expanded);
        let query = inner.view_query(relation);
        inner.views.pop();
        (self.aliases, self.expanded) = (inner.aliases, inner.expanded);
        self.reaches_out |= inner.reaches_out;
        self.views = inner.views;
        query.map_err(|error| ClientError { position: Some(at), ..error })
    }

    /// The query of the CREATE VIEW that is this binder's text.
    fn view_query(&mut self, relation: &Relation) -> Bound<Query> {
        let Statement::CreateView(create) = parse::parse(self.sql)? else {
            return Err(ClientError::refused(format!("the recorded text of the view {}", relation.name)));
        };
        let mut query = self.named_query(&create.query, &scan::result_items(self.sql, false))?;
        if !create.columns.is_empty() && create.columns.len() != query.columns.len() {
            let (wanted, found) = (create.columns.len(), query.columns.len());
            let message = format!("expected {wanted} columns for '{}' but got {found}", relation.name);
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, message));
        }
        let own = query.columns.iter().map(|c| c.name.clone());
        let names = if create.columns.is_empty() { distinct(own) } else { distinct(create.columns.iter().map(|c| c.name.value.clone())) };
        for (column, name) in query.columns.iter_mut().zip(names) {
            column.name = name;
        }
        Ok(query)
    }
}

impl Binder<'_> {
    /// The query of a view by itself.
    pub fn view_of(&mut self, relation: &Relation) -> Bound<Query> {
        let Some(sql) = relation.view_text() else { return Err(ClientError::refused(format!("{} is no view", relation.name))) };
        let mut inner = Binder::new(sql, &[], self.catalog, self.options);
        inner.views.push(relation);
        inner.mentions = self.mentions.take();
        let query = inner.view_query(relation);
        self.mentions = inner.mentions.take();
        query
    }
}

/// Names of the columns of a subquery: one that stands already gets a number (`sqlite3ColumnsFromExprList`).
pub fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut taken = std::collections::HashSet::new();
    for mut name in names {
        let mut count = 0;
        while !taken.insert(name.to_ascii_lowercase()) {
            let base = match name.rsplit_once(':') {
                Some((base, digits)) if !base.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => base,
                _ => name.as_str(),
            };
            count += 1;
            name = format!("{base}:{count}");
        }
        out.push(name);
    }
    out
}

/// The column of the catalog that a column of a query is.
pub(super) fn origin(query: &Query, at: usize) -> Option<Origin> {
    match &query.body {
        Body::Select(select) => match &select.items.get(at)?.kind {
            Kind::Column(column) => column.origin,
            Kind::Subquery(inner) => origin(inner, 0),
            _ => None,
        },
        Body::Compound(_, left, _) => origin(left, at),
        Body::Values(_) => None,
    }
}

/// The columns of a view with the types that SQLite declares for them (`sqlite3SubqueryColumnTypes`).
pub fn columns_of_view(relation: &Relation, catalog: &Catalog, options: &Options) -> Bound<Vec<(String, String)>> {
    let mut binder = Binder::new("", &[], catalog, options);
    let query = binder.view_of(relation)?;
    let declared = |at: usize| {
        let affinity = query.columns[at].ty.affinity;
        let origin = origin(&query, at).map(|(table, column)| &catalog.relations[table].columns[column]);
        if let Some(column) = origin.filter(|c| affinity == Some(c.affinity)) {
            let declared = introspect::declared_type(column);
            if !declared.is_empty() {
                return declared;
            }
        }
        match affinity {
            Some(Affinity::Blob) => "BLOB",
            Some(Affinity::Text) => "TEXT",
            Some(Affinity::Integer) => "INT",
            Some(Affinity::Real) => "REAL",
            Some(Affinity::Numeric) => "NUM",
            None => "",
        }
        .to_owned()
    };
    Ok(query.columns.iter().enumerate().map(|(at, c)| (c.name.clone(), declared(at))).collect())
}
