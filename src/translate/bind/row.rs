//! Row values (rowvalue.html): lists in parentheses, and subqueries of several columns, compared column by column.

use super::scope::Scope;
use super::{Binder, Bound, plain_query, plain_select};
use crate::error::{ClientError, SqlState};
use crate::translate::tree::{Body, Class, CompareOp, Expr, From, Kind, Query, ResultColumn, Ty};
use crate::value::Value;
use sqlparser::ast::{self, Spanned};

impl Binder<'_> {
    /// A comparison in which a side may be a row; None where both are plain expressions.
    pub(super) fn row_comparison(&mut self, op: CompareOp, left: &ast::Expr, right: &ast::Expr, whole: &ast::Expr) -> Bound<Option<Expr>> {
        let (left, right) = (inner(left), inner(right));
        let misused = |this: &Self| ClientError::new(SqlState::SYNTAX_ERROR, "row value misused").at(this.at(whole.span()));
        match (left, right) {
            (ast::Expr::Tuple(a), ast::Expr::Tuple(b)) => {
                let (a, b) = (self.row(a)?, self.row(b)?);
                if a.len() == b.len() { Ok(Some(compare_rows(op, a, b))) } else { Err(misused(self)) }
            }
            (ast::Expr::Tuple(a), ast::Expr::Subquery(query)) => {
                let whole = self.with_rows(&[query], |this, rows| {
                    let (left, right) = (this.row(a)?, rows.concat());
                    this.same_width(&right, left.len(), query)?;
                    Ok(compare_rows(op, left, right))
                })?;
                Ok(Some(whole))
            }
            (ast::Expr::Subquery(query), ast::Expr::Tuple(b)) => {
                let whole = self.with_rows(&[query], |this, rows| {
                    let (left, right) = (rows.concat(), this.row(b)?);
                    this.same_width(&left, right.len(), query)?;
                    Ok(compare_rows(op, left, right))
                })?;
                Ok(Some(whole))
            }
            (ast::Expr::Subquery(a), ast::Expr::Subquery(b)) if width(a) != Some(1) || width(b) != Some(1) => {
                let whole = self.with_rows(&[a, b], |this, mut rows| {
                    let right = rows.pop().unwrap_or_default();
                    let left = rows.pop().unwrap_or_default();
                    this.same_width(&right, left.len(), b)?;
                    Ok(compare_rows(op, left, right))
                })?;
                Ok(Some(whole))
            }
            (ast::Expr::Tuple(_), _) | (_, ast::Expr::Tuple(_)) => Err(misused(self)),
            _ => Ok(None),
        }
    }

    /// The expressions of a row.
    pub(super) fn row(&mut self, items: &[ast::Expr]) -> Bound<Vec<Expr>> {
        items.iter().map(|e| self.expr(e)).collect()
    }

    fn same_width(&self, row: &[Expr], wanted: usize, query: &ast::Query) -> Bound<()> {
        if row.len() == wanted {
            return Ok(());
        }
        let message = format!("sub-select returns {} columns - expected {wanted}", row.len());
        Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(query.span())))
    }

    /// What is made of the first rows of subqueries: one without rows gives NULLs.
    fn with_rows(&mut self, queries: &[&ast::Query], make: impl FnOnce(&mut Self, Vec<Vec<Expr>>) -> Bound<Expr>) -> Bound<Expr> {
        self.scopes.push(Scope::default());
        let made = self.joined_rows(queries, make);
        self.scopes.pop();
        let (item, from) = made?;
        let ty = Ty { nullable: true, ..item.ty };
        let columns = vec![ResultColumn { name: String::new(), ty }];
        let query = plain_query(Body::Select(Box::new(plain_select(vec![item], Some(from)))), columns, false);
        Ok(Expr { kind: Kind::Subquery(Box::new(query)), ty })
    }

    fn joined_rows(&mut self, queries: &[&ast::Query], make: impl FnOnce(&mut Self, Vec<Vec<Expr>>) -> Bound<Expr>) -> Bound<(Expr, From)> {
        let one = Expr::literal(Value::Integer(1));
        let columns = vec![ResultColumn { name: "one".to_owned(), ty: one.ty }];
        let always = plain_query(Body::Select(Box::new(plain_select(vec![one], None))), columns, false);
        let mut from = self.derived(always, None);
        let mut rows = Vec::new();
        for query in queries {
            let bound = self.inner_query(query)?;
            let bound = first_row(bound, self);
            let right = self.derived(bound, None);
            from = From::Join("LEFT JOIN", Box::new(from), Box::new(right), None);
            let at = self.scope().sources.len() - 1;
            let source = &mut self.scope().sources[at];
            source.columns.iter_mut().for_each(|c| c.ty.nullable = true);
            rows.push((0..source.columns.len()).map(|i| source.column(at, i)).collect());
        }
        // No name of the client's means one of these columns.
        self.scope().sources.iter_mut().flat_map(|s| &mut s.columns).for_each(|c| c.hidden = true);
        let item = make(self, rows)?;
        Ok((item, from))
    }
}

/// The query, ended behind its first row.
fn first_row(query: Query, binder: &mut Binder) -> Query {
    if !query.many {
        return query;
    }
    if query.limit.is_none() && query.offset.is_none() {
        return Query { limit: Some(Expr::literal(Value::Integer(1))), ..query };
    }
    binder.scopes.push(Scope::default());
    let from = binder.derived(query, None);
    let source = binder.scopes.pop().and_then(|mut s| s.sources.pop()).unwrap_or_default();
    let items: Vec<Expr> = (0..source.columns.len()).map(|i| source.column(0, i)).collect();
    let columns = source.columns.iter().zip(&items).map(|(c, e)| ResultColumn { name: c.name.clone(), ty: e.ty }).collect();
    let whole = plain_query(Body::Select(Box::new(plain_select(items, Some(from)))), columns, true);
    Query { limit: Some(Expr::literal(Value::Integer(1))), ..whole }
}

fn compare_rows(op: CompareOp, left: Vec<Expr>, right: Vec<Expr>) -> Expr {
    let is = matches!(op, CompareOp::Is | CompareOp::IsNot);
    let nullable = !is && left.iter().chain(&right).any(|e| e.ty.nullable);
    Expr { kind: Kind::CompareRows(op, left, right), ty: Ty { nullable, ..Ty::plain(Class::Bool) } }
}

/// Is it a row: a list, in further parentheses or not?
pub(super) fn is_row(expr: &ast::Expr) -> bool {
    matches!(inner(expr), ast::Expr::Tuple(_))
}

/// The expression without parentheses around it.
pub(super) fn inner(expr: &ast::Expr) -> &ast::Expr {
    match expr {
        ast::Expr::Nested(e) => inner(e),
        other => other,
    }
}

/// The number of a query's columns, as far as its text tells.
fn width(query: &ast::Query) -> Option<usize> {
    fn of(body: &ast::SetExpr) -> Option<usize> {
        match body {
            ast::SetExpr::Select(select) => {
                let plain = |i: &ast::SelectItem| matches!(i, ast::SelectItem::UnnamedExpr(_) | ast::SelectItem::ExprWithAlias { .. });
                select.projection.iter().all(plain).then_some(select.projection.len())
            }
            ast::SetExpr::SetOperation { left, .. } => of(left),
            ast::SetExpr::Values(values) => values.rows.first().map(|r| r.content.len()),
            ast::SetExpr::Query(query) => of(&query.body),
            _ => None,
        }
    }
    of(&query.body)
}
