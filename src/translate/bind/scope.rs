//! What names mean within a query: the tables of FROM with their columns, and the queries around it.

use super::{Binder, Bound, Mentioned, quote_ident};
use crate::catalog::{Affinity, Relation, is_rowid, oid};
use crate::error::{ClientError, SqlState};
use crate::translate::functions;
use crate::translate::tree::{Call, Callee, Class, Column, Expr, Kind, Origin, Query, Ty};
use crate::value::Value;
use sqlparser::ast::{self, Ident};

/// The depth of NEW and OLD, which are outside every query.
pub const OUTSIDE: usize = u16::MAX as usize;

/// One query's names.
#[derive(Debug, Default)]
pub struct Scope {
    /// The tables of FROM, in order.
    pub sources: Vec<Source>,
    /// Columns that USING or NATURAL merged.
    pub merged: Vec<Merged>,
    /// Aliases of the result list, for WHERE, GROUP BY, HAVING and ORDER BY.
    pub aliases: Vec<(String, Expr)>,
    /// Constraints of inner joins that name tables further right: they belong to WHERE.
    pub later: Vec<sqlparser::ast::Expr>,
    /// May an aggregate stand here?
    pub aggregate_allowed: bool,
    /// The aggregates of it that stand in queries within it: of min() and max() what the extreme is of, and whether the largest.
    pub inner_aggregates: Vec<Option<(Expr, bool)>>,
}

/// A column that USING or NATURAL merged.
#[derive(Debug)]
pub struct Merged {
    /// Its name, lower case.
    pub name: String,
    /// The right table, whose copy `*` leaves out.
    pub right: usize,
    /// Which of the two a bare name means.
    pub merge: Merge,
}

/// What the bare name of a merged column means: the one that the join never pads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// An inner or left join: the left one.
    Left,
    /// A right join: the right one.
    Right,
    /// A full join: the first that is not NULL.
    Both,
}

/// A table in scope.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The name that qualifies its columns.
    pub name: String,
    /// The alias as printed.
    pub printed: String,
    /// Its columns.
    pub columns: Vec<SourceColumn>,
    /// The column that is its rowid.
    pub rowid: Option<usize>,
    /// Indexes of the primary key's columns.
    pub key: Vec<usize>,
    /// The relation of the catalog that it is.
    pub relation: Option<usize>,
    /// Does an alias qualify its columns?
    pub aliased: bool,
    /// SQLite's name of the database that it is in; None for what is in none.
    pub database: Option<String>,
    /// What it is as a full-text table.
    pub search: Option<super::module::Search>,
}

/// A column of a table in scope.
#[derive(Debug, Clone)]
pub struct SourceColumn {
    /// SQLite's name.
    pub name: String,
    /// As printed.
    pub printed: String,
    /// Its type.
    pub ty: Ty,
    /// The backend's type.
    pub oid: u32,
    /// Is its collation byte order at the backend?
    pub byte_order: bool,
    /// Left out of `*`, found by name only.
    pub hidden: bool,
    /// An argument of a table-valued function: left out of `*` too, but found by its own name.
    pub argument: bool,
    /// The column of the catalog that it is.
    pub origin: Option<Origin>,
    /// Is it the value of json_each()?
    pub element: bool,
}

impl SourceColumn {
    /// It by another name, which `*` leaves out.
    pub fn called(self, name: &str) -> Self {
        SourceColumn { name: name.to_owned(), hidden: false, argument: true, ..self }
    }

    /// A column that no table has: a query's, or a function's.
    pub fn computed(name: &str, unique: &str, ty: Ty) -> Self {
        SourceColumn {
            name: name.to_owned(),
            printed: quote_ident(unique),
            ty,
            oid: 0,
            byte_order: true,
            hidden: false,
            argument: false,
            element: false,
            origin: None,
        }
    }
}

impl Source {
    /// A relation of the catalog under a name.
    pub fn of_relation(relation: &Relation, name: &str) -> Self {
        let columns = relation.columns.iter().map(|c| SourceColumn {
            name: c.name.clone(),
            printed: quote_ident(&c.name),
            ty: Ty::of_column(c),
            oid: c.type_oid,
            byte_order: c.byte_order,
            hidden: c.hidden,
            argument: c.argument,
            origin: None,
            element: false,
        });
        Source {
            name: name.to_owned(),
            printed: quote_ident(name),
            columns: columns.collect(),
            rowid: relation.rowid().map(|(at, _)| at),
            // PostgreSQL knows what depends on a key only of one that takes no NULL.
            key: if relation.primary_key().iter().all(|c| relation.columns[*c].not_null) { relation.primary_key() } else { Vec::new() },
            relation: None,
            aliased: false,
            database: None,
            search: None,
        }
    }

    /// The same, known to be the relation at an index of the catalog.
    pub fn of_origin(relation: &Relation, index: usize, name: &str) -> Self {
        let mut source = Source::of_relation(relation, name);
        for (at, column) in source.columns.iter_mut().enumerate() {
            column.origin = Some((index, at));
        }
        source.relation = Some(index);
        source.search = super::module::Search::of(relation, index);
        if relation.module.is_some()
            && let Some(rowid) = source.rowid.filter(|at| !source.columns[*at].hidden)
        {
            // The rowid of a virtual table goes by no column's name.
            source.rowid = Some(source.columns.len());
            source.columns.push(SourceColumn { hidden: true, ..source.columns[rowid].clone() });
        }
        let docid = relation.full_text().and_then(|f| f.docid());
        source.columns.extend(docid.zip(source.rowid).map(|(name, at)| source.columns[at].clone().called(name)));
        source
    }

    /// A table of columns without a declared type.
    pub fn of_columns(name: &str, columns: &[(&str, Class)]) -> Self {
        let column = |(name, class): &(&str, Class)| {
            SourceColumn::computed(name, name, Ty { nullable: true, affinity: Some(Affinity::Blob), ..Ty::plain(*class) })
        };
        Source { name: name.to_owned(), printed: quote_ident(name), columns: columns.iter().map(column).collect(), ..Source::default() }
    }

    /// A column as an expression.
    pub fn column(&self, source: usize, at: usize) -> Expr {
        let column = &self.columns[at];
        let name = if column.hidden { "rowid".to_owned() } else { column.name.clone() };
        let kind = Kind::Column(Column {
            table: self.printed.clone(),
            column: column.printed.clone(),
            name,
            depth: 0,
            source,
            byte_order: column.byte_order,
            oid: if column.oid == 0 { oid::TEXT } else { column.oid },
            origin: column.origin,
            element: column.element,
        });
        Expr { kind, ty: column.ty }
    }

    fn find(&self, name: &str) -> Option<usize> {
        let named = self.columns.iter().position(|c| !c.hidden && !c.argument && c.name.eq_ignore_ascii_case(name));
        let named = named.or_else(|| self.columns.iter().position(|c| c.argument && c.name.eq_ignore_ascii_case(name)));
        named.or_else(|| is_rowid(name).then_some(self.rowid).flatten())
    }
}

impl Scope {
    fn find(&self, database: Option<&str>, table: Option<&str>, name: &str) -> Result<Option<Expr>, ()> {
        let those = |s: &Source| database.is_none_or(|d| s.database.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(d)));
        self.find_among(0..self.sources.len(), those, table, name)
    }

    /// What a name means among some of the tables; an error where it is ambiguous.
    pub fn find_in(&self, among: std::ops::Range<usize>, table: Option<&str>, name: &str) -> Result<Option<Expr>, ()> {
        self.find_among(among, |_| true, table, name)
    }

    fn find_among(
        &self,
        among: std::ops::Range<usize>,
        those: impl Fn(&Source) -> bool,
        table: Option<&str>,
        name: &str,
    ) -> Result<Option<Expr>, ()> {
        let mut found: Option<Expr> = None;
        for at in among {
            let source = &self.sources[at];
            if !those(source) || table.is_some_and(|t| !source.name.eq_ignore_ascii_case(t)) {
                continue;
            }
            let Some(column) = source.find(name) else { continue };
            let column = source.column(at, column);
            let merged = self.merged.iter().find(|m| table.is_none() && m.right == at && m.name.eq_ignore_ascii_case(name));
            found = Some(match (merged.map(|m| m.merge), found.take()) {
                (_, None) | (Some(Merge::Right), _) => column,
                (Some(Merge::Left), Some(left)) => left,
                (Some(Merge::Both), Some(left)) => coalesce(left, column),
                (None, Some(_)) => return Err(()),
            });
        }
        Ok(found)
    }
}

/// Marks a column, or those merged into one, as of a query further out.
fn deepen(expr: &mut Expr, depth: usize) {
    match &mut expr.kind {
        Kind::Column(column) => column.depth = depth,
        Kind::Call(call) => call.args.iter_mut().for_each(|e| deepen(e, depth)),
        _ => {}
    }
}

fn coalesce(left: Expr, right: Expr) -> Expr {
    let function = functions::find("coalesce").expect("coalesce() is registered");
    let args = vec![left, right];
    let ty = (function.result)(&args);
    let call = Call::plain(Callee::Known(function), args);
    Expr { kind: Kind::Call(Box::new(call)), ty }
}

impl Binder<'_> {
    /// The expression that a name stands for; None when nothing in scope has it.
    pub fn resolve(&self, table: Option<&str>, name: &Ident) -> Bound<Option<Expr>> {
        self.resolve_in(None, table, name)
    }

    fn resolve_in(&self, database: Option<&str>, table: Option<&str>, name: &Ident) -> Bound<Option<Expr>> {
        for (depth, scope) in self.scopes.iter().rev().enumerate() {
            let found = scope.find(database, table, &name.value).map_err(|()| {
                ClientError::new(SqlState::AMBIGUOUS_COLUMN, format!("ambiguous column name: {}", name.value)).at(self.at(name.span))
            })?;
            if let Some(mut expr) = found {
                deepen(&mut expr, depth);
                self.reached(depth);
                return Ok(Some(expr));
            }
            if table.is_none()
                && let Some((_, expr)) = scope.aliases.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(&name.value))
            {
                self.reached(depth);
                return Ok(Some(expr.clone()));
            }
        }
        let Some((rows, table)) = self.rows.as_ref().zip(table) else { return Ok(None) };
        let mut found = rows.find(database, Some(table), &name.value).unwrap_or_default();
        if let Some(Expr { kind: Kind::Column(column), .. }) = &mut found {
            column.depth = OUTSIDE;
            if column.column.starts_with('(') {
                // Computed from the row.
                column.table.clear();
            }
        }
        Ok(found)
    }

    /// Notes how far out a name was found.
    fn reached(&self, depth: usize) {
        self.reach.set(self.reach.get().min(self.scopes.len() - 1 - depth));
    }

    /// Binds a subquery of an expression, and sees whether it depends on the row of a query around it.
    pub fn inner_query(&mut self, query: &ast::Query) -> Bound<Query> {
        let (before, around) = (self.reach.replace(usize::MAX), self.scopes.len());
        let bound = self.query(query);
        let reach = self.reach.get();
        self.reach.set(before.min(reach));
        Ok(Query { correlated: reach < around, ..bound? })
    }

    /// Is it NEW's rowid before the row has one?
    fn is_unnumbered(&self, expr: &Expr) -> bool {
        let rowid = || self.rows.as_ref()?.sources.first().and_then(|new| new.rowid.map(|at| &new.columns[at].printed));
        self.unnumbered && matches!(&expr.kind, Kind::Column(c) if c.depth == OUTSIDE && rowid() == Some(&c.column))
    }

    fn mention_column(&self, table: Option<&Ident>, name: &Ident, expr: &Expr) {
        let Kind::Column(Column { origin: Some(origin), depth, source, .. }) = expr.kind else { return };
        let scope = || if depth == OUTSIDE { self.rows.as_ref() } else { self.scopes.iter().rev().nth(depth) };
        let found = self.mentions.as_ref().and_then(|_| scope()?.sources.get(source));
        // A subquery's column is named by the subquery; `rowid` is nobody's own name.
        let Some(found) = found.filter(|f| f.relation == Some(origin.0)) else { return };
        if !found.aliased
            && let Some(table) = table
        {
            self.mention(table.span, Mentioned::Relation(origin.0));
        }
        if self.catalog.relations[origin.0].columns[origin.1].name.eq_ignore_ascii_case(&name.value) {
            self.mention(name.span, Mentioned::Column(origin));
        }
    }

    /// A bare or qualified column; a name in double quotes that nothing has is a string (quirks.html §8).
    pub fn column(&self, table: Option<&Ident>, name: &Ident) -> Bound<Expr> {
        self.column_in(None, table, name)
    }

    /// A column that may be qualified by its database, too.
    pub fn column_in(&self, database: Option<&Ident>, table: Option<&Ident>, name: &Ident) -> Bound<Expr> {
        // Any other name is that of a schema.
        let within = database.map(|d| d.value.as_str()).filter(|d| self.catalog.schema_of(d).is_some());
        if let Some(expr) = self.resolve_in(within, table.map(|t| t.value.as_str()), name)? {
            self.mention_column(table, name, &expr);
            return Ok(if self.is_unnumbered(&expr) { numbered(expr) } else { self.ranked(expr) });
        }
        if table.is_none() && name.quote_style == Some('"') {
            self.mention(name.span, Mentioned::Text);
            return Ok(Expr::literal(crate::value::Value::Text(name.value.clone())));
        }
        let qualified: String = [database, table].into_iter().flatten().map(|part| format!("{}.", part.value)).collect();
        let error = ClientError::new(SqlState::UNDEFINED_COLUMN, format!("no such column: {qualified}{}", name.value));
        Err(error.at(self.at(table.unwrap_or(name).span)))
    }
}

/// A rowid that is still to be given is -1.
fn numbered(rowid: Expr) -> Expr {
    let ty = rowid.ty;
    let absent = Expr { kind: Kind::IsNull(Box::new(rowid.clone()), false), ty: Ty::plain(Class::Bool) };
    Expr { kind: Kind::Case(vec![(absent, Expr::literal(Value::Integer(-1)))], Some(Box::new(rowid))), ty }
}
