//! ORDER BY (lang_select.html §4): ordinals, aliases, expressions; in a compound, whatever one of its SELECTs calls a result.

use super::{Binder, Bound};
use crate::catalog::Collation;
use crate::error::{ClientError, SqlState};
use crate::translate::tree::{Expr, Kind, OrderItem, Query};
use crate::value::Value;
use sqlparser::ast::{self, OrderBySort, Spanned};

/// The results that a term may name: alias and expression of each.
type Results<'a> = &'a [(Option<String>, Expr)];

impl Binder<'_> {
    /// ORDER BY of something that has no scope: by ordinal or by the name of a result column.
    pub(super) fn order_by_columns(&mut self, order: &[ast::OrderByExpr], query: &Query) -> Bound<Vec<OrderItem>> {
        let results: Vec<_> = query.columns.iter().map(|c| (Some(c.name.clone()), Expr::literal(Value::Null))).collect();
        self.terms = order.iter().map(|item| (item.clone(), None)).collect();
        for (n, (item, found)) in std::mem::take(&mut self.terms).into_iter().enumerate() {
            let found = match found {
                None => self.result_of(uncollated(&item.expr).0, &results, (n, "ORDER"))?,
                found => found,
            };
            self.terms.push((item, found));
        }
        self.compound_order(query)
    }

    /// The terms of a compound, each matched by one of its SELECTs.
    pub(super) fn compound_order(&mut self, query: &Query) -> Bound<Vec<OrderItem>> {
        let terms = std::mem::take(&mut self.terms);
        let term = |(n, (item, found)): (usize, (ast::OrderByExpr, Option<usize>))| {
            let Some(at) = found else {
                let message = format!("{} ORDER BY term does not match any column in the result set", ordinal(n));
                return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(item.expr.span())));
            };
            let mut ty = query.columns[at].ty;
            if let Some(collation) = uncollated(&item.expr).1 {
                ty.collation = Some((collation, true));
            }
            Ok(order_term(&item, Expr { kind: Kind::Literal { value: Value::Null }, ty }, Some(at)))
        };
        terms.into_iter().enumerate().map(term).collect()
    }

    /// Looks for the terms of the compound around a SELECT among its results; a name that it does not know is another's.
    pub(super) fn match_terms(&mut self, results: Results) -> Bound<()> {
        for n in 0..self.terms.len() {
            if self.terms[n].1.is_some() {
                continue;
            }
            let item = self.terms[n].0.clone();
            let term = uncollated(&item.expr).0;
            let found = match self.result_of(term, results, (n, "ORDER"))? {
                None => self.expr(term).ok().and_then(|expr| results.iter().position(|(_, e)| *e == expr)),
                found => found,
            };
            self.terms[n].1 = found;
        }
        Ok(())
    }

    /// The result column that a term names by ordinal or alias; `clause` is the term's place and its clause's first word.
    pub(super) fn result_of(&self, term: &ast::Expr, results: Results, clause: (usize, &str)) -> Bound<Option<usize>> {
        if let ast::Expr::Identifier(name) = term {
            return Ok(results.iter().position(|(alias, _)| alias.as_deref().is_some_and(|a| a.eq_ignore_ascii_case(&name.value))));
        }
        let Some(number) = small_integer(term) else { return Ok(None) };
        match usize::try_from(number) {
            Ok(n) if (1..=results.len()).contains(&n) => Ok(Some(n - 1)),
            _ => {
                let (nth, word) = (ordinal(clause.0), clause.1);
                let message = format!("{nth} {word} BY term out of range - should be between 1 and {}", results.len());
                Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(term.span())))
            }
        }
    }

    /// A term of GROUP BY: a column wins over an alias of the same name; ordinals name results.
    pub(super) fn group_term(&mut self, n: usize, term: &ast::Expr, results: Results) -> Bound<Expr> {
        let (inner, collation) = uncollated(term);
        let named = if let ast::Expr::Identifier(_) = inner { None } else { self.result_of(inner, results, (n, "GROUP"))? };
        let Some(at) = named else { return self.expr(term) };
        let mut expr = results[at].1.clone();
        if let Some(collation) = collation {
            expr.ty.collation = Some((collation, true));
        }
        Ok(expr)
    }

    /// A term of a SELECT's ORDER BY.
    pub(super) fn result_term(&mut self, n: usize, item: &ast::OrderByExpr, results: Results) -> Bound<OrderItem> {
        let (term, collation) = uncollated(&item.expr);
        if let Some(at) = self.result_of(term, results, (n, "ORDER"))? {
            let mut expr = results[at].1.clone();
            if let Some(collation) = collation {
                expr.ty.collation = Some((collation, true));
            }
            return Ok(order_term(item, expr, Some(at)));
        }
        let expr = self.expr(&item.expr)?;
        let result = results.iter().position(|(_, e)| *e == expr);
        Ok(order_term(item, expr, result))
    }

    /// A term within a call or a window, where no result has a name or a number.
    pub fn order_item(&mut self, item: &ast::OrderByExpr) -> Bound<OrderItem> {
        Ok(order_term(item, self.expr(&item.expr)?, None))
    }
}

/// A term without the parentheses and the COLLATE around it, and that collation.
fn uncollated(term: &ast::Expr) -> (&ast::Expr, Option<Collation>) {
    match term {
        ast::Expr::Collate { expr, collation } => (uncollated(expr).0, Collation::named(&collation.to_string())),
        ast::Expr::Nested(inner) => uncollated(inner),
        other => (other, None),
    }
}

/// A whole number of 32 bits as it is written, with its signs (`sqlite3ExprIsInteger`): an ordinal.
fn small_integer(term: &ast::Expr) -> Option<i32> {
    match term {
        ast::Expr::Nested(inner) => small_integer(inner),
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Plus, expr } => small_integer(expr),
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => small_integer(expr)?.checked_neg(),
        ast::Expr::Value(v) => match &v.value {
            ast::Value::Number(text, _) => match super::expr::number(text) {
                Value::Integer(n) => i32::try_from(n).ok(),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn order_term(item: &ast::OrderByExpr, expr: Expr, result: Option<usize>) -> OrderItem {
    OrderItem { expr, result, descending: item.options.sort == Some(OrderBySort::Desc), nulls_first: item.options.nulls_first }
}

/// 1st, 2nd, … for a place from 0.
fn ordinal(n: usize) -> String {
    let n = n + 1;
    let suffix = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{suffix}")
}
