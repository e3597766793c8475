//! The unique keys of a table: what a row can meet, and what then happens.

use crate::catalog::{Collation, Column, Index, IndexPart, Relation};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{Binder, Bound, Scope, Source, quote_ident, quote_relation};
use crate::translate::ddl;
use crate::translate::lower::{Frag, Lower};
use crate::translate::parse::{self, Declared, Resolution, scan};
use crate::translate::tree::{Expr, Kind, OrderItem};
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
        let new = |text: &str| format!("(SELECT ({text}) FROM {})", new_row(table));
        let part = |p: &Part| match p {
            Part::Column(c) if table.columns[*c].generated => {
                let name = quote_ident(&table.columns[*c].name);
                format!("\"_old\".{name} = {}", new(&name))
            }
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

/// Is an index's expression a column under NOCASE or RTRIM?
fn is_folded(text: &str, column: &Column) -> bool {
    let name = quote_ident(&column.name);
    let forms = [
        format!("lower({name} COLLATE \"C\")"),
        format!("rtrim({name}, ' '::text)"),
        format!("litewire.any_nocase({name})"),
        format!("litewire.any_rtrim({name})"),
    ];
    let bare = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(text);
    forms.iter().any(|f| f == bare || f == text)
}

/// The row `$1` under the alias `_new`, its generated columns computed, for the backend does that only when it stores the row.
pub(super) fn new_row(table: &Relation) -> String {
    let generated: Vec<&Column> = table.columns.iter().filter(|c| c.generated && c.default.is_some()).collect();
    let mut row = "(SELECT ($1).*)".to_owned();
    // As often as one may be made from another.
    for _ in &generated {
        let cell = |c: &Column| match &c.default {
            Some(value) if c.generated => format!("({value})::{} AS {}", c.type_name, quote_ident(&c.name)),
            _ => quote_ident(&c.name),
        };
        let cells: Vec<String> = table.columns.iter().map(cell).collect();
        row = format!("(SELECT {} FROM {row} AS \"_n\")", cells.join(", "));
    }
    format!("{row} AS \"_new\"")
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
    let predicate = target.1.as_ref().map(|e| binder.expr(e)).transpose();
    binder.scopes = hidden;
    let bound = bound?;
    lower.stored = true;
    let predicate = predicate?.map(|p| lower.truth(&p, false)).transpose();
    lower.stored = false;
    let predicate = predicate?.and_then(Frag::into_fixed);
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
        // As the parts of an index are printed.
        let item = OrderItem { expr: expr.clone(), result: None, descending: false, nulls_first: Some(true) };
        let text = if expr.constant().is_some() { lower.text(expr) } else { lower.order_by(&[item], false) };
        lower.stored = false;
        let text = text?.into_fixed().unwrap_or_default();
        let text = text.trim_end_matches(" NULLS FIRST").to_owned();
        wanted.push((None, text));
    }
    let same = |part: &Part, (column, text): &(Option<usize>, String)| match part {
        Part::Column(c) => *column == Some(*c),
        // A column under NOCASE or RTRIM has its key in its folded text; a bare one means it under any collation.
        Part::Expression(own, columns) if column.is_some() => {
            columns.as_slice() == column.as_slice()
                && column.is_some_and(|c| table.columns[c].collation != Collation::Binary || is_folded(own, &table.columns[c]))
        }
        // An index has its expressions in parentheses.
        Part::Expression(own, _) => own == text || *own == format!("({text})"),
    };
    let fits = |key: &&Key| {
        (key.predicate.is_none() || key.predicate == predicate)
            && key.parts.len() == wanted.len()
            && key.parts.iter().all(|p| wanted.iter().any(|w| same(p, w)))
    };
    let found = keys.iter().position(|key| fits(&key));
    found.ok_or_else(|| {
        let message = "ON CONFLICT clause does not match any PRIMARY KEY or UNIQUE constraint";
        ClientError::new(SqlState::SYNTAX_ERROR, message).at(at)
    })
}
