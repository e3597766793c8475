//! FROM: joins, their constraints, and what `*` makes of them (lang_select.html §2.1, §2.2).

use super::expr::{compare, logic};
use super::scope::{Merge, Merged, Source};
use super::{Binder, Bound, split_name};
use crate::error::{ClientError, SqlState};
use crate::translate::tree::{Body, CompareOp, Expr, From, Query, ResultColumn};
use sqlparser::ast::{self, JoinConstraint, JoinOperator, Spanned, TableFactor};

/// A result column: its alias, its name, its expression.
pub(super) type Item = (Option<String>, String, Expr);

impl Binder<'_> {
    /// FROM. SQLite joins strictly from the left, commas included.
    pub fn from(&mut self, tables: &[ast::TableWithJoins]) -> Bound<Option<From>> {
        let mut whole: Option<From> = None;
        for table in tables {
            let factor = self.factor(&table.relation)?;
            whole = Some(match whole {
                Some(left) => From::Join("CROSS JOIN", Box::new(left), Box::new(factor), None),
                None => factor,
            });
            for join in &table.joins {
                let left = whole.take().expect("a join has a left side");
                whole = Some(self.join(left, join, 0)?);
            }
        }
        Ok(whole)
    }

    /// A join in parentheses: it sees its own tables alone.
    pub(super) fn joined(&mut self, table: &ast::TableWithJoins) -> Bound<From> {
        let start = self.scope().sources.len();
        let mut whole = self.factor(&table.relation)?;
        for join in &table.joins {
            whole = self.join(whole, join, start)?;
        }
        Ok(whole)
    }

    /// A join of what stands to its left in the same parentheses, from the table `start` on.
    fn join(&mut self, left: From, join: &ast::Join, start: usize) -> Bound<From> {
        let first = self.scope().sources.len();
        let right = self.factor(&join.relation)?;
        let (kind, constraint) = match &join.join_operator {
            JoinOperator::Join(c) | JoinOperator::Inner(c) | JoinOperator::CrossJoin(c) => ("JOIN", c),
            JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => ("LEFT JOIN", c),
            JoinOperator::Right(c) | JoinOperator::RightOuter(c) => ("RIGHT JOIN", c),
            JoinOperator::FullOuter(c) => ("FULL JOIN", c),
            other => return Err(self.refused(format!("the join {other:?}"), join.span())),
        };
        let merge = match kind {
            "RIGHT JOIN" => Merge::Right,
            "FULL JOIN" => Merge::Both,
            _ => Merge::Left,
        };
        let on = match constraint {
            JoinConstraint::None => None,
            JoinConstraint::On(expr) => match self.expr(expr) {
                // The ON of an inner join is a part of WHERE, and may name tables that come later.
                Err(e) if kind == "JOIN" && e.state == SqlState::UNDEFINED_COLUMN => {
                    self.scope().later.push(expr.clone());
                    None
                }
                on => Some(self.bounded(on?)),
            },
            JoinConstraint::UsingAlias(..) => return Err(self.refused("USING with an alias", join.span())),
            JoinConstraint::Using(columns) => {
                let names = columns.iter().map(|c| Ok(split_name(c)?.1.value.clone())).collect::<Bound<Vec<_>>>()?;
                self.using(start..first, &names, merge, join)?
            }
            JoinConstraint::Natural => {
                let scope = self.scope();
                let visible = |s: &Source| s.columns.iter().filter(|c| !c.hidden && !c.argument).map(|c| c.name.clone()).collect::<Vec<_>>();
                let earlier: Vec<String> = scope.sources[start..first].iter().flat_map(visible).collect();
                let mut names: Vec<String> = Vec::new();
                for name in scope.sources[first..].iter().flat_map(visible) {
                    let among = |names: &[String]| names.iter().any(|e| e.eq_ignore_ascii_case(&name));
                    if among(&earlier) && !among(&names) {
                        names.push(name);
                    }
                }
                self.using(start..first, &names, merge, join)?
            }
        };
        // Whatever a right or full join pads is NULL, and so is the right side of a left join.
        let padded = match kind {
            "LEFT JOIN" => first..self.scope().sources.len(),
            "RIGHT JOIN" => start..first,
            "FULL JOIN" => start..self.scope().sources.len(),
            _ => 0..0,
        };
        for source in &mut self.scope().sources[padded] {
            source.columns.iter_mut().for_each(|c| c.ty.nullable = true);
        }
        Ok(From::Join(kind, Box::new(left), Box::new(right), on))
    }

    /// USING: equality of the columns of each name, which are one column from here on.
    fn using(&mut self, earlier: std::ops::Range<usize>, names: &[String], merge: Merge, join: &ast::Join) -> Bound<Option<Expr>> {
        let mut all = Vec::new();
        for name in names {
            let scope = self.scopes.last().expect("a join is bound within a scope");
            let end = scope.sources.len();
            let left = scope.find_in(earlier.clone(), None, name).map_err(|()| {
                ClientError::new(SqlState::AMBIGUOUS_COLUMN, format!("ambiguous reference to {name} in USING()")).at(self.at(join.span()))
            })?;
            let right = (earlier.end..end).find_map(|i| {
                let at = scope.sources[i].columns.iter().position(|c| !c.hidden && c.name.eq_ignore_ascii_case(name))?;
                Some((i, scope.sources[i].column(i, at)))
            });
            let (Some(left), Some((right_at, right))) = (left, right) else {
                let message = format!("cannot join using column {name} - column not present in both tables");
                return Err(ClientError::new(SqlState::UNDEFINED_COLUMN, message).at(self.at(join.span())));
            };
            all.push(compare(CompareOp::Eq, left, right));
            self.scope().merged.push(Merged { name: name.to_ascii_lowercase(), right: right_at, merge });
        }
        Ok(match all.len() {
            0 => None,
            1 => all.pop(),
            _ => Some(logic(true, all)),
        })
    }

    /// `*` or `table.*`.
    pub(super) fn star(&mut self, table: Option<&str>, out: &mut Vec<Item>, item: &impl Spanned) -> Bound<()> {
        let scope = self.scopes.last().expect("a result list is bound within a scope");
        let before = out.len();
        let mut known = false;
        for (i, source) in scope.sources.iter().enumerate().filter(|(_, s)| table.is_none_or(|t| s.name.eq_ignore_ascii_case(t))) {
            known = true;
            for (at, column) in source.columns.iter().enumerate().filter(|(_, c)| !c.hidden && !c.argument) {
                let merged = scope.merged.iter().filter(|m| m.name.eq_ignore_ascii_case(&column.name));
                if table.is_none() && merged.clone().any(|m| m.right == i) {
                    continue;
                }
                // A merged column is what its bare name means, when one may be padded.
                let whole = if table.is_none() && merged.clone().any(|m| m.right > i && m.merge != Merge::Left) {
                    scope.find_in(0..scope.sources.len(), None, &column.name).ok().flatten()
                } else {
                    None
                };
                out.push((None, column.name.clone(), whole.unwrap_or_else(|| source.column(i, at))));
            }
        }
        match table {
            Some(table) if !known => Err(ClientError::new(SqlState::UNDEFINED_TABLE, format!("no such table: {table}")).at(self.at(item.span()))),
            None if out.len() == before => Err(ClientError::new(SqlState::SYNTAX_ERROR, "no tables specified").at(self.at(item.span()))),
            _ => Ok(()),
        }
    }

    /// `SELECT *` of what has been joined in the scope at hand.
    pub(super) fn all_columns(&mut self, from: From, factor: &TableFactor) -> Bound<Query> {
        let mut items = Vec::new();
        self.star(None, &mut items, factor)?;
        let columns = items.iter().map(|(_, name, e)| ResultColumn { name: name.clone(), ty: e.ty }).collect();
        let mut select = super::plain_select(items.into_iter().map(|(_, _, e)| e).collect(), Some(from));
        for on in std::mem::take(&mut self.scope().later) {
            let on = self.expr(&on)?;
            select.filter = Some(match select.filter.take() {
                Some(filter) => logic(true, vec![filter, on]),
                None => on,
            });
        }
        Ok(super::plain_query(Body::Select(Box::new(select)), columns, true))
    }
}
