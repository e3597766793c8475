//! The unique keys of a table: what a row can meet, and what then happens.

use crate::catalog::{Collation, Index, IndexPart, Relation};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{Binder, Bound, Scope, Source, quote_ident, quote_relation};
use crate::translate::ddl;
use crate::translate::lower::Lower;
use crate::translate::parse::{self, Declared, Resolution, scan};
use crate::translate::tree::{Expr, Kind};
use sqlparser::ast;

/// A unique key.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// Its constraint's or index's name.
    pub name: String,
    /// Its parts.
    pub parts: Vec<Part>,
    /// A partial index's predicate, columns bare.
    pub predicate: Option<String>,
    /// What its own ON CONFLICT clause says.
    pub resolution: Option<Resolution>,
}

/// A part of a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// A column, by its index.
    Column(usize),
    /// An expression with bare columns, and which columns.
    Expression(String, Vec<usize>),
}

/// The unique keys of a table.
pub(super) fn keys(table: &Relation, declared: &Declared, lower: &Lower) -> Bound<Vec<Key>> {
    let unique = table.indexes.iter().filter(|i| i.unique && !i.parts.is_empty());
    unique.map(|index| key(table, index, declared, lower)).collect()
}

fn key(table: &Relation, index: &Index, declared: &Declared, lower: &Lower) -> Bound<Key> {
    let named = |text: &str| {
        let tokens = scan::tokens(text);
        let is = |name: &str| tokens.iter().any(|t| scan::unquote(t.text(text)).eq_ignore_ascii_case(name));
        (0..table.columns.len()).filter(|c| is(&table.columns[*c].name)).collect::<Vec<_>>()
    };
    let expression = |text: String| {
        let columns = named(&text);
        Part::Expression(text, columns)
    };
    let by_expression = index.predicate.is_some() || index.parts.iter().any(|p| matches!(p, IndexPart::Expression(_)));
    let (parts, predicate) = match index.sql.as_deref().filter(|_| by_expression) {
        // In the words that a target of ON CONFLICT is lowered to.
        Some(sql) => {
            let ast::Statement::CreateIndex(create) = parse::parse(sql)? else { return Err(ClientError::refused("this index")) };
            let mut binder = Binder::new(sql, &[], lower.catalog, lower.options);
            let (parts, predicate) = ddl::index_keys(&create, &mut binder, &mut Lower::new(lower.catalog, lower.options))?;
            let column = |name: &str| table.column(name).map(|(at, _)| at);
            let part = |p: ddl::IndexKey| p.column.as_deref().and_then(column).map_or_else(|| expression(p.text), Part::Column);
            let parts = parts.into_iter().map(part).collect();
            (parts, predicate)
        }
        None => {
            let part = |p: &IndexPart| match p {
                IndexPart::Column(c) => Part::Column(*c),
                IndexPart::Expression(text) => expression(text.clone()),
            };
            (index.parts.iter().map(part).collect(), index.predicate.clone())
        }
    };
    let mut key = Key { name: index.name.clone(), parts, predicate, resolution: None };
    if index.sql.is_none() {
        let columns = key.columns();
        let same = |names: &[String]| {
            names.len() == columns.len() && columns.iter().all(|c| names.iter().any(|n| n.eq_ignore_ascii_case(&table.columns[*c].name)))
        };
        key.resolution = declared.keys.iter().find(|(names, _)| same(names)).map(|(_, r)| *r);
    }
    Ok(key)
}

impl Key {
    /// All columns that it is about.
    pub fn columns(&self) -> Vec<usize> {
        let of = |part: &Part| match part {
            Part::Column(c) => vec![*c],
            Part::Expression(_, columns) => columns.clone(),
        };
        self.parts.iter().flat_map(of).collect()
    }

    /// Is it over plain columns, and over all rows?
    pub fn is_plain(&self) -> bool {
        self.predicate.is_none() && self.parts.iter().all(|p| matches!(p, Part::Column(_)))
    }

    /// The target of PostgreSQL's ON CONFLICT that means it.
    pub fn target(&self, table: &Relation) -> String {
        let part = |p: &Part| match p {
            Part::Column(c) => quote_ident(&table.columns[*c].name),
            Part::Expression(text, _) => format!("({text})"),
        };
        let parts: Vec<String> = self.parts.iter().map(part).collect();
        let predicate = self.predicate.as_ref().map_or(String::new(), |p| format!(" WHERE {p}"));
        format!("({}){predicate}", parts.join(", "))
    }

    /// The test whether a row of the table, under the alias `_old`, has the key of the row `$1`; of another row than the one at `$2`
    /// where `other`.
    pub fn meets(&self, table: &Relation, other: bool) -> String {
        let new = |text: &str| format!("(SELECT ({text}) FROM (SELECT ($1).*) AS \"_new\")");
        let part = |p: &Part| match p {
            Part::Column(c) => {
                let name = quote_ident(&table.columns[*c].name);
                format!("\"_old\".{name} = ($1).{name}")
            }
            Part::Expression(text, _) => format!("({text}) = {}", new(text)),
        };
        let mut tests: Vec<String> = self.parts.iter().map(part).collect();
        tests.extend(self.predicate.iter().map(|p| format!("({p}) AND {}", new(p))));
        if other {
            tests.push("\"_old\".ctid <> $2".to_owned());
        }
        format!("({})", tests.join(" AND "))
    }

    /// The query that says whether there is such a row.
    pub fn probe(&self, table: &Relation) -> String {
        format!("SELECT EXISTS (SELECT FROM {} AS \"_old\" WHERE {})", quote_relation(table), self.meets(table, false))
    }
}

/// The key that the target of an ON CONFLICT clause means, by its number.
pub(super) fn targeted(
    table: &Relation,
    keys: &[Key],
    target: &(Vec<ast::Expr>, Option<ast::Expr>),
    at: usize,
    binder: &mut Binder,
    lower: &mut Lower,
) -> Bound<usize> {
    let mut source = Source::of_relation(table, &table.name);
    source.printed = String::new();
    let hidden = std::mem::replace(&mut binder.scopes, vec![Scope { sources: vec![source], ..Scope::default() }]);
    let bound = target.0.iter().map(|e| binder.expr(e)).collect::<Bound<Vec<Expr>>>();
    binder.scopes = hidden;
    let bound = bound?;
    let mut wanted = Vec::new();
    for expr in &bound {
        let inner = if let Kind::Collate(inner) = &expr.kind { inner } else { expr };
        // A column under another collation than its own is no column of a key's.
        let own = |at: &usize| expr.ty.collation.is_none_or(|(c, _)| c == table.columns[*at].collation);
        if let Kind::Column(column) = &inner.kind
            && let Some(at) = table.columns.iter().position(|c| quote_ident(&c.name) == column.column).filter(own)
        {
            wanted.push((Some(at), String::new()));
            continue;
        }
        lower.stored = true;
        let text = lower.natural(expr);
        lower.stored = false;
        let text = text?.into_fixed().unwrap_or_default();
        wanted.push((None, text));
    }
    let same = |part: &Part, (column, text): &(Option<usize>, String)| match part {
        Part::Column(c) => *column == Some(*c),
        // A column under NOCASE or RTRIM has its key in its folded text.
        Part::Expression(_, columns) if column.is_some() => {
            columns.as_slice() == column.as_slice() && column.is_some_and(|c| table.columns[c].collation != Collation::Binary)
        }
        // An index has its expressions in parentheses.
        Part::Expression(own, _) => own == text || *own == format!("({text})"),
    };
    let fits = |key: &&Key| {
        (key.predicate.is_none() || target.1.is_some())
            && key.parts.len() == wanted.len()
            && key.parts.iter().all(|p| wanted.iter().any(|w| same(p, w)))
    };
    let found = keys.iter().position(|key| fits(&key));
    found.ok_or_else(|| {
        let message = "ON CONFLICT clause does not match any PRIMARY KEY or UNIQUE constraint";
        ClientError::new(SqlState::SYNTAX_ERROR, message).at(at)
    })
}
