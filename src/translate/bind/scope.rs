//! What names mean within a query: the tables of FROM with their columns, and the queries around it.

use super::{Binder, Bound, Mentioned, quote_ident};
use crate::catalog::{Relation, oid};
use crate::error::{ClientError, SqlState};
use crate::translate::tree::{Column, Expr, Kind, Origin, Query, Ty};
use sqlparser::ast::{self, Ident};

/// The depth of NEW and OLD, which are outside every query.
pub const OUTSIDE: usize = u16::MAX as usize;

/// One query's names.
#[derive(Debug, Default)]
pub struct Scope {
    /// The tables of FROM, in order.
    pub sources: Vec<Source>,
    /// Columns that USING or NATURAL merged: lower-cased name, and the right table whose copy `*` leaves out.
    pub merged: Vec<(String, usize)>,
    /// Aliases of the result list, for WHERE, GROUP BY, HAVING and ORDER BY.
    pub aliases: Vec<(String, Expr)>,
    /// Tables from here on are hidden (a join's ON sees only what stands to its left).
    pub aggregate_allowed: bool,
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
            argument: false,
            origin: None,
            element: false,
        });
        Source {
            name: name.to_owned(),
            printed: quote_ident(name),
            columns: columns.collect(),
            rowid: relation.rowid().map(|(at, _)| at),
            key: relation.primary_key(),
            relation: None,
            aliased: false,
        }
    }

    /// The same, known to be the relation at an index of the catalog.
    pub fn of_origin(relation: &Relation, index: usize, name: &str) -> Self {
        let mut source = Source::of_relation(relation, name);
        for (at, column) in source.columns.iter_mut().enumerate() {
            column.origin = Some((index, at));
        }
        source.relation = Some(index);
        source
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
        let named = self.columns.iter().position(|c| !c.hidden && c.name.eq_ignore_ascii_case(name));
        named.or_else(|| ["rowid", "oid", "_rowid_"].iter().any(|r| r.eq_ignore_ascii_case(name)).then_some(self.rowid).flatten())
    }
}

impl Scope {
    fn find(&self, table: Option<&str>, name: &str) -> Result<Option<Expr>, ()> {
        let mut found = None;
        for (at, source) in self.sources.iter().enumerate() {
            if table.is_some_and(|t| !source.name.eq_ignore_ascii_case(t)) {
                continue;
            }
            if table.is_none() && self.merged.iter().any(|(n, right)| *right == at && n.eq_ignore_ascii_case(name)) {
                continue;
            }
            if let Some(column) = source.find(name) {
                if found.is_some() {
                    return Err(());
                }
                found = Some(source.column(at, column));
            }
        }
        Ok(found)
    }
}

impl Binder<'_> {
    /// The expression that a name stands for; None when nothing in scope has it.
    pub fn resolve(&self, table: Option<&str>, name: &Ident) -> Bound<Option<Expr>> {
        for (depth, scope) in self.scopes.iter().rev().enumerate() {
            let found = scope.find(table, &name.value).map_err(|()| {
                ClientError::new(SqlState::AMBIGUOUS_COLUMN, format!("ambiguous column name: {}", name.value)).at(self.at(name.span))
            })?;
            if let Some(mut expr) = found {
                if let Kind::Column(column) = &mut expr.kind {
                    column.depth = depth;
                }
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
        let mut found = rows.find(Some(table), &name.value).unwrap_or_default();
        if let Some(Expr { kind: Kind::Column(column), .. }) = &mut found {
            column.depth = OUTSIDE;
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
        if let Some(expr) = self.resolve(table.map(|t| t.value.as_str()), name)? {
            self.mention_column(table, name, &expr);
            return Ok(expr);
        }
        if table.is_none() && name.quote_style == Some('"') {
            self.mention(name.span, Mentioned::Text);
            return Ok(Expr::literal(crate::value::Value::Text(name.value.clone())));
        }
        let qualified = table.map_or(String::new(), |t| format!("{}.", t.value));
        let error = ClientError::new(SqlState::UNDEFINED_COLUMN, format!("no such column: {qualified}{}", name.value));
        Err(error.at(self.at(table.unwrap_or(name).span)))
    }
}
