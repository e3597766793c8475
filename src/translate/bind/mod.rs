//! Syntax tree to typed tree: names against the catalog, parameters numbered, classes and affinities found.

mod expr;
mod join;
mod module;
mod order;
mod query;
mod raise;
mod row;
mod scope;
mod system;
mod table_function;
mod view;
mod window;
mod with;

pub use expr::{compare, logic};
pub use query::{plain_query, plain_select, unique};
pub use scope::{OUTSIDE, Scope, Source};
pub use view::{columns_of_view, distinct};
pub(super) use with::{GIVEN, PATH, ROW};

use super::parse::scan::{self, Kind as TokenKind};
use super::parse::{self, Exclude};
use super::tree::Class;
use super::tree::{Expr, Kind, Origin, Ty};
use super::{Hatch, Options, ParamClass, introspect};
use crate::catalog::{Affinity, Catalog, Collation, Relation, short_name};
use crate::error::{ClientError, SqlState};
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, TableIndexDirective};
use sqlparser::tokenizer::Span;
use std::cell::Cell;

/// What a bind function gives.
pub type Bound<T> = Result<T, ClientError>;

/// Binds one statement.
#[derive(Debug)]
pub struct Binder<'a> {
    /// The snapshot that names are looked up in.
    pub catalog: &'a Catalog,
    /// The session's options.
    pub options: &'a Options,
    /// The client's text.
    pub sql: &'a str,
    params: &'a [ParamClass],
    numbers: Vec<(std::ops::Range<usize>, usize)>,
    /// The EXCLUDE clauses of windows, by the places of their owners' names.
    excludes: Vec<(usize, Exclude)>,
    /// Scopes, the innermost last.
    pub scopes: Vec<Scope>,
    /// Common tables in scope, the nearest last.
    ctes: Vec<with::Common>,
    aliases: usize,
    /// The ORDER BY terms of the compound whose SELECTs are bound, with the result column that one of them has matched.
    terms: Vec<(sqlparser::ast::OrderByExpr, Option<usize>)>,
    /// The WINDOW clause of the query whose expressions are bound.
    pub windows: Vec<sqlparser::ast::NamedWindowDefinition>,
    /// The views whose texts are being bound, the innermost last.
    views: Vec<&'a Relation>,
    /// How many views were bound for this statement.
    expanded: usize,
    /// What the text mentions, where that is asked for.
    pub mentions: Option<std::cell::RefCell<Vec<Mention>>>,
    /// Within a trigger's program: NEW and OLD, reached by a qualified name alone.
    pub rows: Option<Scope>,
    /// The names on the left of a MATCH, or of `=`, in the SELECT at hand; true for a MATCH.
    matched: Vec<(String, bool)>,
    /// The database of the trigger that it is for, which sees nothing else; None for a temporary one.
    pub own: Option<&'a str>,
    /// Has NEW no rowid yet, unless it was given one?
    pub unnumbered: bool,
    /// Does the text call functions of the backend's own, or read its own views? What they do nobody knows here.
    pub reaches_out: bool,
    /// The outermost scope that a name was found in.
    reach: Cell<usize>,
}

/// A place of the text where something is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The byte offset of the name's token.
    pub at: usize,
    /// What it names.
    pub what: Mentioned,
}

/// What a text can mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mentioned {
    /// A relation of the catalog.
    Relation(usize),
    /// A column of the catalog.
    Column(Origin),
    /// A string in double quotes.
    Text,
}

impl<'a> Binder<'a> {
    /// A binder for one text.
    pub fn new(sql: &'a str, params: &'a [ParamClass], catalog: &'a Catalog, options: &'a Options) -> Self {
        let tokens = scan::tokens(sql);
        Binder {
            catalog,
            options,
            sql,
            params,
            numbers: number_placeholders(sql, &tokens),
            excludes: parse::exclusions(sql, &tokens),
            scopes: Vec::new(),
            ctes: Vec::new(),
            aliases: 0,
            terms: Vec::new(),
            windows: Vec::new(),
            views: Vec::new(),
            expanded: 0,
            mentions: None,
            rows: None,
            matched: Vec::new(),
            own: None,
            unnumbered: false,
            reaches_out: false,
            reach: Cell::new(usize::MAX),
        }
    }

    /// Notes that the text names something.
    pub fn mention(&self, span: Span, what: Mentioned) {
        if let Some(mentions) = &self.mentions {
            mentions.borrow_mut().push(Mention { at: self.at(span), what });
        }
    }

    /// How many parameters the client must bind: the highest number.
    pub fn parameters(&self) -> usize {
        self.numbers.iter().map(|(_, n)| *n).max().unwrap_or(0)
    }

    /// The number of the parameter whose placeholder stands at a byte offset.
    pub fn number_at(&self, at: usize) -> Option<usize> {
        self.numbers.iter().find(|(range, _)| range.start == at).map(|(_, n)| *n)
    }

    /// The byte offset of a span of the syntax tree.
    pub fn at(&self, span: Span) -> usize {
        parse::offset(span.start)
    }

    /// The parameter whose placeholder stands at a span.
    fn parameter(&self, span: Span, text: &str) -> Bound<Expr> {
        let at = self.at(span);
        let after = self.numbers.partition_point(|(range, _)| range.start <= at);
        let number = after.checked_sub(1).map(|i| &self.numbers[i]).filter(|(range, _)| range.contains(&at)).map(|(_, n)| *n);
        let number = number.ok_or_else(|| ClientError::syntax(text).at(at))?;
        let class = match self.params.get(number - 1).copied().unwrap_or_default() {
            ParamClass::Unknown | ParamClass::Null => Class::Param,
            ParamClass::Integer => Class::Integer,
            ParamClass::Real | ParamClass::Fraction => Class::Real,
            ParamClass::Text | ParamClass::OnlyText | ParamClass::FractionText => Class::Text,
            ParamClass::Blob => Class::Blob,
            ParamClass::Native(oid) => Class::Native(oid),
        };
        // No affinity makes a number of what is only text.
        let only = self.params.get(number - 1) == Some(&ParamClass::OnlyText);
        let affinity = only.then_some(Affinity::Blob);
        Ok(Expr { kind: Kind::Param(number), ty: Ty { affinity, ..Ty::plain(class) } })
    }

    /// The collation of a name.
    pub fn collation(&self, name: &Ident) -> Bound<Collation> {
        let unknown = || ClientError::new(SqlState::UNDEFINED_OBJECT, format!("no such collation sequence: {}", name.value)).at(self.at(name.span));
        match Collation::named(&name.value) {
            Some(collation) => Ok(collation),
            None => self.options.hatches.pass(Hatch::Collation, unknown).map(|()| Collation::Binary),
        }
    }

    /// INDEXED BY (lang_indexedby.html): the backend chooses its indexes by itself, but the one named must be there.
    pub fn indexed_by(&self, relation: &Relation, directives: &[TableIndexDirective]) -> Bound<()> {
        for directive in directives {
            let TableIndexDirective::IndexedBy(name) = directive else { continue };
            if !introspect::indexes(relation).iter().any(|(index, _)| index.eq_ignore_ascii_case(&name.value)) {
                let missing = || ClientError::new(SqlState::UNDEFINED_OBJECT, format!("no such index: {}", name.value)).at(self.at(name.span));
                self.options.hatches.pass(Hatch::Index, missing)?;
            }
        }
        Ok(())
    }

    /// The relation of a name, which may carry a schema.
    pub fn relation(&self, name: &ObjectName) -> Bound<&'a Relation> {
        let (schema, table) = split_name(name)?;
        // The names of a view, or of a trigger, are those of its own schema; a temporary one sees everything.
        let own = self.views.last().map_or(self.own, |v| (!v.is_temporary()).then(|| self.catalog.database(v)));
        let schema = schema.or_else(|| own.map(str::to_owned));
        self.catalog.relation_in(schema.as_deref(), &table.value).ok_or_else(|| {
            let qualified = schema.map_or(String::new(), |s| format!("{s}."));
            ClientError::new(SqlState::UNDEFINED_TABLE, format!("no such table: {qualified}{}", table.value)).at(self.at(table.span))
        })
    }

    /// A fresh alias for something that the client did not name.
    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("\"_q{}\"", self.aliases)
    }

    fn refused(&self, construct: impl std::fmt::Display, span: Span) -> ClientError {
        ClientError::refused(construct).at(self.at(span))
    }
}

/// An identifier for PostgreSQL, quoted; one that is too long for it has a short one there.
pub fn quote_ident(name: &str) -> String {
    quote_name(&short_name(name))
}

/// An identifier in a text of SQLite's, quoted.
pub fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A relation as it is printed, with its schema.
pub fn quote_relation(relation: &Relation) -> String {
    if relation.schema.is_empty() {
        quote_ident(&relation.name)
    } else {
        format!("{}.{}", quote_ident(&relation.schema), quote_ident(&relation.name))
    }
}

/// A name of one or two parts.
pub fn split_name(name: &ObjectName) -> Bound<(Option<String>, &Ident)> {
    let ident = |part: &'_ ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) => Some(ident.clone()),
        ObjectNamePart::Function(_) => None,
    };
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(table)] => Ok((None, table)),
        [schema, ObjectNamePart::Identifier(table)] => Ok((ident(schema).map(|i| i.value), table)),
        _ => Err(ClientError::refused(format!("the name {name}"))),
    }
}

/// SQLite numbers parameters by their place in the text (lang_expr.html "Parameters"): `?` is one more than the highest so far,
/// a name gets a number where it first stands. PostgreSQL's `$1` is understood as number 1.
fn number_placeholders(sql: &str, tokens: &[scan::Token]) -> Vec<(std::ops::Range<usize>, usize)> {
    let mut highest = 0;
    let mut names: Vec<(String, usize)> = Vec::new();
    let mut out = Vec::new();
    for token in tokens.iter().filter(|t| t.kind == TokenKind::Placeholder) {
        let text = token.text(sql);
        let number = match text[1..].parse::<usize>() {
            Ok(n) if text.starts_with(['?', '$']) => n,
            _ if text == "?" => highest + 1,
            _ => names.iter().find(|(name, _)| name == text).map_or(highest + 1, |(_, n)| *n),
        };
        if !text.starts_with('?') {
            names.push((text.to_owned(), number));
        }
        highest = highest.max(number);
        out.push((token.at.clone(), number));
    }
    out
}
