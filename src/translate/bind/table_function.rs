//! Table-valued functions in FROM (vtab.html §3.1.2): their arguments see the tables to their left.

use super::scope::{Source, SourceColumn};
use super::{Binder, Bound, quote_ident, split_name};
use crate::catalog::Affinity;
use crate::error::{ClientError, SqlState};
use crate::translate::functions::table;
use crate::translate::tree::{Class, Expr, From, Ty};
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr};

impl Binder<'_> {
    /// `name(arguments) AS alias`.
    pub(super) fn table_function(&mut self, name: &ast::ObjectName, args: &ast::TableFunctionArgs, alias: Option<&ast::TableAlias>) -> Bound<From> {
        let (_, ident) = split_name(name)?;
        let Some(function) = table::find(&ident.value) else {
            let lower = ident.value.to_ascii_lowercase();
            if lower.starts_with("pragma_") || self.catalog.functions.contains(&lower) {
                return Err(self.refused(format!("the table-valued function {}", ident.value), ident.span));
            }
            let known = self.catalog.relation(&ident.value).is_some();
            let message = if known { format!("'{}' is not a function", ident.value) } else { format!("no such table: {}", ident.value) };
            return Err(ClientError::new(SqlState::UNDEFINED_TABLE, message).at(self.at(ident.span)));
        };
        let mut bound = Vec::new();
        for arg in &args.args {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => bound.push(self.expr(e)?),
                other => return Err(self.refused(format!("the argument {other}"), ident.span)),
            }
        }
        if bound.len() > function.arguments.len() {
            let message = format!("too many arguments on {}() - max {}", ident.value, function.arguments.len());
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(ident.span)));
        }
        let called = alias.map_or(&ident.value, |a| &a.name.value).clone();
        let printed = self.printed(&called);
        let source = source(function, &bound, called, printed.clone(), self.catalog.byte_order);
        self.scope().sources.push(source);
        Ok(From::Function(function, bound, printed))
    }

    /// The alias under which a table is printed: PostgreSQL wants each but once, SQLite minds only when a column is named.
    pub(super) fn printed(&mut self, name: &str) -> String {
        let printed = quote_ident(name);
        let taken = self.scope().sources.iter().any(|s| s.printed.eq_ignore_ascii_case(&printed));
        if taken { self.alias() } else { printed }
    }
}

fn source(function: &table::TableFunction, args: &[Expr], name: String, printed: String, byte_order: bool) -> Source {
    let column = |name: &str, ty: Ty| SourceColumn { byte_order, ..SourceColumn::computed(name, name, Ty { affinity: Some(Affinity::Blob), ..ty }) };
    let shown = function.columns.iter().map(|c| SourceColumn { element: c.element, ..column(c.name, Ty::plain(c.class)) });
    let arguments = function.arguments.iter().enumerate().map(|(at, name)| {
        let class = args.get(at).map_or(Class::Text, |a| a.ty.class);
        let class = class.or_text();
        SourceColumn { argument: true, ..column(name, Ty::plain(class)) }
    });
    let mut columns: Vec<SourceColumn> = shown.chain(arguments).collect();
    let rowid = function.rowid.then_some(columns.len());
    columns.extend(rowid.map(|_| SourceColumn { hidden: true, ..column("rowid", Ty::plain(Class::Integer).not_null()) }));
    Source { name, printed, columns, rowid, ..Source::default() }
}
