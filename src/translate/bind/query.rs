//! Queries: WITH, FROM, SELECT, compounds, ORDER BY, LIMIT.

use super::expr::{compare, logic};
use super::scope::{Scope, Source, SourceColumn};
use super::{Binder, Bound, Mentioned, quote_ident, quote_relation, split_name};
use crate::catalog::{Affinity, Collation, RelationKind};
use crate::error::{ClientError, SqlState};
use crate::translate::functions::FunctionKind;
use crate::translate::tree::{Bare, Body, Callee, Class, CompareOp, Cte, Expr, From, Kind, OrderItem, Query, ResultColumn, Select, Ty};
use crate::value::Value;
use sqlparser::ast::{
    self, Distinct, GroupByExpr, JoinConstraint, JoinOperator, LimitClause, OrderByKind, OrderBySort, SelectItem, SetExpr, SetOperator, SetQuantifier,
};
use sqlparser::ast::{SelectItemQualifiedWildcardKind, Spanned, TableFactor};

impl Binder<'_> {
    /// Binds a query whose column names do not reach the client as written.
    pub fn query(&mut self, query: &ast::Query) -> Bound<Query> {
        self.named_query(query, &[])
    }

    /// Binds a query; `texts` are the items of its result list as the client wrote them.
    pub fn named_query(&mut self, query: &ast::Query, texts: &[String]) -> Bound<Query> {
        if let Some(lock) = query.locks.first() {
            return Err(self.refused(lock, query.span()));
        }
        let outer = self.ctes.len();
        let (ctes, recursive) = self.common_tables(query)?;
        let order = match &query.order_by {
            None => &[][..],
            Some(ast::OrderBy { kind: OrderByKind::Expressions(items), .. }) => items,
            Some(other) => return Err(self.refused(other, query.span())),
        };
        let mut bound = self.set_expr(&query.body, order, texts)?;
        (bound.limit, bound.offset) = self.limit(query)?;
        bound.many &= !matches!(bound.limit.as_ref().and_then(Expr::constant), Some(Value::Integer(0 | 1)));
        self.ctes.truncate(outer);
        // A parenthesised query may bring its own WITH; the two lists are one, the inner one nearer.
        bound.ctes.splice(0..0, ctes);
        bound.recursive |= recursive;
        Ok(bound)
    }

    /// The common tables of a query, in scope from here on, and whether one refers to itself.
    pub fn common_tables(&mut self, query: &ast::Query) -> Bound<(Vec<Cte>, bool)> {
        let (mut ctes, mut recursive) = (Vec::new(), false);
        for cte in query.with.iter().flat_map(|w| &w.cte_tables) {
            let (cte, itself) = self.cte(cte, query.with.as_ref().is_some_and(|w| w.recursive))?;
            recursive |= itself;
            self.ctes.push(cte.clone());
            ctes.push(cte);
        }
        Ok((ctes, recursive))
    }

    fn limit(&mut self, query: &ast::Query) -> Bound<(Option<Expr>, Option<Expr>)> {
        let (limit, offset) = match &query.limit_clause {
            None => match &query.fetch {
                Some(fetch) => return Err(self.refused(fetch, query.span())),
                None => (None, None),
            },
            Some(LimitClause::LimitOffset { limit, offset, .. }) => (limit.as_ref(), offset.as_ref().map(|o| &o.value)),
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => (Some(limit), Some(offset)),
        };
        Ok((limit.map(|e| self.expr(e)).transpose()?, offset.map(|e| self.expr(e)).transpose()?))
    }

    /// A common table, and whether it refers to itself.
    fn cte(&mut self, cte: &ast::Cte, recursive: bool) -> Bound<(Cte, bool)> {
        let name = &cte.alias.name.value;
        let named = |columns: &[ResultColumn], this: &Self| -> Bound<Vec<String>> {
            let given = &cte.alias.columns;
            if !given.is_empty() && given.len() != columns.len() {
                let message = format!("table {name} has {} values for {} columns", columns.len(), given.len());
                return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(this.at(cte.alias.name.span)));
            }
            let names: Vec<String> = if given.is_empty() {
                columns.iter().map(|c| c.name.clone()).collect()
            } else {
                given.iter().map(|c| c.name.value.clone()).collect()
            };
            Ok(unique(&names))
        };
        let materialized = cte.materialized.as_ref().map(|m| matches!(m, ast::CteAsMaterialized::Materialized));
        let make = |query: Query, columns: Vec<String>, types: Vec<Ty>| Cte { name: quote_ident(name), columns, types, materialized, query };
        let compound = matches!(&*cte.query.body, SetExpr::SetOperation { .. });
        if !(recursive && compound) {
            match self.query(&cte.query) {
                Err(e) if compound && e.message == format!("no such table: {name}") => {}
                other => {
                    let query = other?;
                    let (columns, types) = (named(&query.columns, self)?, query.columns.iter().map(|c| c.ty).collect());
                    return Ok((make(query, columns, types), false));
                }
            }
        }
        let SetExpr::SetOperation { left, .. } = &*cte.query.body else { unreachable!("a compound, as tested above") };
        let anchor = self.set_expr(left, &[], &[])?;
        let columns = named(&anchor.columns, self)?;
        let mut types: Vec<Ty> = anchor.columns.iter().map(|c| Ty { nullable: true, ..c.ty }).collect();
        // The recursive part may widen a column's class; twice is enough for every chain of classes to settle.
        for _ in 0..3 {
            self.ctes.push(make(anchor.clone(), columns.clone(), types.clone()));
            let query = self.query(&cte.query);
            self.ctes.pop();
            let query = query?;
            let found: Vec<Ty> = query.columns.iter().zip(&types).map(|(c, t)| Ty { nullable: true, ..c.ty.unify(*t) }).collect();
            if found.iter().map(|t| t.class).eq(types.iter().map(|t| t.class)) {
                if !query.order.is_empty() {
                    return Err(self.refused("ORDER BY in a recursive common table", cte.alias.name.span));
                }
                return Ok((make(query, columns, types), true));
            }
            types = found;
        }
        Err(self.refused("a recursive common table whose columns change their class", cte.alias.name.span))
    }

    fn set_expr(&mut self, body: &SetExpr, order: &[ast::OrderByExpr], texts: &[String]) -> Bound<Query> {
        match body {
            SetExpr::Select(select) => self.select(select, order, texts),
            SetExpr::Query(query) if order.is_empty() => self.named_query(query, texts),
            SetExpr::Query(query) => {
                let inner = self.named_query(query, texts)?;
                let order = self.order_by_columns(order, &inner)?;
                Ok(Query { order, ..inner })
            }
            SetExpr::Values(values) => {
                let rows = values.rows.iter().map(|row| row.content.iter().map(|e| self.expr(e)).collect()).collect::<Bound<Vec<Vec<Expr>>>>()?;
                let width = rows.first().map_or(0, Vec::len);
                if rows.iter().any(|r| r.len() != width) {
                    return Err(ClientError::new(SqlState::SYNTAX_ERROR, "all VALUES must have the same number of terms").at(self.at(body.span())));
                }
                let column = |i: usize| {
                    let mut ty = rows.iter().map(|r| r[i].ty).reduce(Ty::unify).unwrap_or(Ty::plain(Class::Null));
                    ty.affinity = None;
                    ResultColumn { name: format!("column{}", i + 1), ty }
                };
                let columns = (0..width).map(column).collect();
                let many = rows.len() > 1;
                let mut query = plain_query(Body::Values(rows), columns, many);
                query.order = self.order_by_columns(order, &query)?;
                Ok(query)
            }
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                // All compounds are of one level in SQLite; the parser binds INTERSECT tighter.
                if let SetExpr::SetOperation { left: middle, op: last_op, set_quantifier: last_quantifier, right: last } = &**right {
                    let first = SetExpr::SetOperation { left: left.clone(), op: *op, set_quantifier: *set_quantifier, right: middle.clone() };
                    let whole = SetExpr::SetOperation { left: Box::new(first), op: *last_op, set_quantifier: *last_quantifier, right: last.clone() };
                    return self.set_expr(&whole, order, texts);
                }
                let (left, right) = (self.set_expr(left, &[], texts)?, self.set_expr(right, &[], &[])?);
                let all = *set_quantifier == SetQuantifier::All;
                let text = match op {
                    SetOperator::Union if all => "UNION ALL",
                    SetOperator::Union => "UNION",
                    SetOperator::Intersect => "INTERSECT",
                    SetOperator::Except | SetOperator::Minus => "EXCEPT",
                };
                if left.columns.len() != right.columns.len() {
                    let message = format!("SELECTs to the left and right of {text} do not have the same number of result columns");
                    return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(body.span())));
                }
                let columns = left.columns.iter().zip(&right.columns).map(|(a, b)| ResultColumn { name: a.name.clone(), ty: a.ty.unify(b.ty) });
                let columns = columns.collect();
                let mut query = plain_query(Body::Compound(text, Box::new(left), Box::new(right)), columns, true);
                query.order = self.order_by_columns(order, &query)?;
                Ok(query)
            }
            other => Err(self.refused(other, other.span())),
        }
    }

    /// ORDER BY of something that has no scope: by ordinal or by the name of a result column.
    fn order_by_columns(&mut self, order: &[ast::OrderByExpr], query: &Query) -> Bound<Vec<OrderItem>> {
        let items =
            query.columns.iter().map(|c| (Some(c.name.clone()), Expr { kind: Kind::Literal { value: Value::Null }, ty: c.ty })).collect::<Vec<_>>();
        order
            .iter()
            .map(|item| {
                let mut term = item.clone();
                let mut collation = None;
                if let ast::Expr::Collate { expr, collation: c } = &item.expr {
                    collation = crate::catalog::Collation::named(&c.to_string());
                    term.expr = (**expr).clone();
                }
                match self.result_of(&term.expr, &items)? {
                    Some(at) => {
                        let mut expr = items[at].1.clone();
                        if let Some(collation) = collation {
                            expr.ty.collation = Some((collation, true));
                        }
                        Ok(order_term(item, expr, Some(at)))
                    }
                    None => {
                        let message = "ORDER BY term does not match any column in the result set";
                        Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(item.expr.span())))
                    }
                }
            })
            .collect()
    }

    /// The result column that an ORDER BY or GROUP BY term names by ordinal or alias.
    fn result_of(&self, term: &ast::Expr, items: &[(Option<String>, Expr)]) -> Bound<Option<usize>> {
        match term {
            ast::Expr::Value(v) => match &v.value {
                ast::Value::Number(text, _) => match text.parse::<usize>() {
                    Ok(n) if (1..=items.len()).contains(&n) => Ok(Some(n - 1)),
                    Ok(_) => {
                        let message = format!("ORDER BY term out of range - should be between 1 and {}", items.len());
                        Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(v.span)))
                    }
                    Err(_) => Ok(None),
                },
                _ => Ok(None),
            },
            ast::Expr::Identifier(name) => {
                Ok(items.iter().position(|(alias, _)| alias.as_deref().is_some_and(|a| a.eq_ignore_ascii_case(&name.value))))
            }
            ast::Expr::Nested(inner) => self.result_of(inner, items),
            _ => Ok(None),
        }
    }

    /// An ORDER BY term in the scope at hand; `items` are the results it may name, none within a call or a window.
    pub fn order_item(&mut self, item: &ast::OrderByExpr, items: &[(Option<String>, Expr)]) -> Bound<OrderItem> {
        if !items.is_empty()
            && let Some(at) = self.result_of(&item.expr, items)?
        {
            return Ok(order_term(item, items[at].1.clone(), Some(at)));
        }
        let expr = self.expr(&item.expr)?;
        let result = items.iter().position(|(_, e)| *e == expr);
        Ok(order_term(item, expr, result))
    }

    fn select(&mut self, select: &ast::Select, order: &[ast::OrderByExpr], texts: &[String]) -> Bound<Query> {
        let windows = std::mem::replace(&mut self.windows, select.named_window.clone());
        self.scopes.push(Scope::default());
        let bound = self.select_in_scope(select, order, texts);
        self.scopes.pop();
        self.windows = windows;
        bound
    }

    fn select_in_scope(&mut self, select: &ast::Select, order: &[ast::OrderByExpr], texts: &[String]) -> Bound<Query> {
        if let Some(into) = &select.into {
            return Err(self.refused(into, select.span()));
        }
        let distinct = match &select.distinct {
            None | Some(Distinct::All) => false,
            Some(Distinct::Distinct) => true,
            Some(on) => return Err(self.refused(on, select.span())),
        };
        let from = self.from(&select.from)?;
        self.scope().aggregate_allowed = true;
        let items = self.items(&select.projection, texts)?;
        self.scope().aggregate_allowed = false;
        self.scope().aliases = items.iter().filter_map(|(alias, _, e)| Some((alias.clone()?, e.clone()))).collect();
        let filter = select.selection.as_ref().map(|e| self.expr(e)).transpose()?;
        if let Some(filter) = &filter
            && filter.any(&mut |e| e.is_aggregate())
        {
            return Err(ClientError::new(SqlState::GROUPING_ERROR, "misuse of aggregate")
                .at(self.at(select.selection.as_ref().map_or(select.span(), Spanned::span))));
        }
        let results: Vec<(Option<String>, Expr)> = items.iter().map(|(alias, _, e)| (alias.clone(), e.clone())).collect();
        let mut group = Vec::new();
        if let GroupByExpr::Expressions(terms, modifiers) = &select.group_by {
            if let Some(modifier) = modifiers.first() {
                return Err(self.refused(modifier, select.span()));
            }
            for term in terms {
                // A column wins over an alias of the same name; ordinals name results.
                let named = match term {
                    ast::Expr::Identifier(_) => None,
                    _ => self.result_of(term, &results)?,
                };
                group.push(match named {
                    Some(at) => results[at].1.clone(),
                    None => self.expr(term)?,
                });
            }
        }
        self.scope().aggregate_allowed = true;
        let having = select.having.as_ref().map(|e| self.expr(e)).transpose()?;
        let order = order.iter().map(|item| self.order_item(item, &results)).collect::<Bound<Vec<_>>>()?;
        let mut everything = items.iter().map(|(_, _, e)| e).chain(&having).chain(order.iter().map(|o| &o.expr));
        let aggregate = !group.is_empty() || everything.any(|e| e.any(&mut |e| e.is_aggregate()));
        if having.is_some() && !aggregate {
            return Err(ClientError::new(SqlState::GROUPING_ERROR, "HAVING clause on a non-aggregate query").at(self.at(select.span())));
        }
        let bare = self.bare(&items, &having, &group);
        let columns = items.iter().map(|(_, name, e)| ResultColumn { name: name.clone(), ty: e.ty }).collect();
        let many = !(aggregate && group.is_empty()) && from.is_some();
        let items = items.into_iter().map(|(_, _, e)| e).collect();
        let body = Body::Select(Box::new(Select { distinct, items, from, filter, group, aggregate, having, bare }));
        Ok(Query { order, ..plain_query(body, columns, many) })
    }

    pub(super) fn scope(&mut self) -> &mut Scope {
        self.scopes.last_mut().expect("a SELECT's scope is pushed before its clauses are bound")
    }

    fn bare(&self, items: &[(Option<String>, String, Expr)], having: &Option<Expr>, group: &[Expr]) -> Bare {
        let scope = self.scopes.last().expect("a SELECT's scope is pushed before its clauses are bound");
        let mut extremes = Vec::new();
        let mut others = 0;
        for expr in items.iter().map(|(_, _, e)| e).chain(having) {
            expr.any(&mut |e| {
                if let Kind::Call(call) = &e.kind
                    && e.is_aggregate()
                {
                    match call.function {
                        Callee::Known(f) if f.kind == FunctionKind::Extreme => extremes.push((call.args[0].clone(), f.name == "max")),
                        _ => others += 1,
                    }
                }
                false
            });
        }
        let extreme = if extremes.len() == 1 { extremes.pop() } else { None };
        let rowids = scope.sources.iter().enumerate().filter_map(|(i, s)| Some(s.column(i, s.rowid?))).collect();
        let in_group = |source: usize, at: usize| {
            let column = scope.sources[source].column(source, at);
            group.contains(&column)
        };
        let keyed = scope.sources.iter().enumerate().filter(|(i, s)| !s.key.is_empty() && s.key.iter().all(|k| in_group(*i, *k))).map(|(i, _)| i);
        Bare { extreme, rowids, keyed: keyed.collect() }
    }

    /// The result list: alias, name and expression of each column, `*` expanded.
    pub fn items(&mut self, projection: &[SelectItem], texts: &[String]) -> Bound<Vec<(Option<String>, String, Expr)>> {
        let mut out = Vec::new();
        for (at, item) in projection.iter().enumerate() {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let bound = self.expr(expr)?;
                    // A bare column gives its own name; anything around it, be it a sign, the text.
                    let name = match &bound.kind {
                        Kind::Column(column) if is_name(expr) => column.name.clone(),
                        _ => texts.get(at).cloned().unwrap_or_else(|| expr.to_string()),
                    };
                    out.push((None, name, bound));
                }
                SelectItem::ExprWithAlias { expr, alias } => out.push((Some(alias.value.clone()), alias.value.clone(), self.expr(expr)?)),
                SelectItem::Wildcard(_) => self.star(None, &mut out, item)?,
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let (_, table) = split_name(name)?;
                    let own = self.scope().sources.iter().find(|s| !s.aliased && s.name.eq_ignore_ascii_case(&table.value));
                    if let Some(relation) = own.and_then(|s| s.relation) {
                        self.mention(table.span, Mentioned::Relation(relation));
                    }
                    self.star(Some(&table.value), &mut out, item)?;
                }
                other => return Err(self.refused(other, other.span())),
            }
        }
        Ok(out)
    }

    fn star(&mut self, table: Option<&str>, out: &mut Vec<(Option<String>, String, Expr)>, item: &SelectItem) -> Bound<()> {
        let scope = self.scopes.last().expect("a result list is bound within a scope");
        let before = out.len();
        let mut known = false;
        for (i, source) in scope.sources.iter().enumerate().filter(|(_, s)| table.is_none_or(|t| s.name.eq_ignore_ascii_case(t))) {
            known = true;
            for (at, column) in source.columns.iter().enumerate() {
                let merged = table.is_none() && scope.merged.iter().any(|(n, right)| *right == i && n.eq_ignore_ascii_case(&column.name));
                if !column.hidden && !column.argument && !merged {
                    out.push((None, column.name.clone(), source.column(i, at)));
                }
            }
        }
        match table {
            Some(table) if !known => Err(ClientError::new(SqlState::UNDEFINED_TABLE, format!("no such table: {table}")).at(self.at(item.span()))),
            None if out.len() == before => Err(ClientError::new(SqlState::SYNTAX_ERROR, "no tables specified").at(self.at(item.span()))),
            _ => Ok(()),
        }
    }

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
                whole = Some(self.join(left, join)?);
            }
        }
        Ok(whole)
    }

    fn join(&mut self, left: From, join: &ast::Join) -> Bound<From> {
        let first = self.scope().sources.len();
        let right = self.factor(&join.relation)?;
        let (kind, constraint) = match &join.join_operator {
            JoinOperator::Join(c) | JoinOperator::Inner(c) | JoinOperator::CrossJoin(c) => ("JOIN", c),
            JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => ("LEFT JOIN", c),
            JoinOperator::Right(c) | JoinOperator::RightOuter(c) => ("RIGHT JOIN", c),
            JoinOperator::FullOuter(c) => ("FULL JOIN", c),
            other => return Err(self.refused(format!("the join {other:?}"), join.span())),
        };
        let outer_right = matches!(kind, "RIGHT JOIN" | "FULL JOIN");
        let on = match constraint {
            JoinConstraint::None => None,
            JoinConstraint::On(expr) => Some(self.expr(expr)?),
            JoinConstraint::UsingAlias(..) => return Err(self.refused("USING with an alias", join.span())),
            JoinConstraint::Using(_) | JoinConstraint::Natural if outer_right => {
                return Err(self.refused(format!("{kind} with USING or NATURAL"), join.span()));
            }
            JoinConstraint::Using(columns) => {
                let names = columns.iter().map(|c| Ok(split_name(c)?.1.value.clone())).collect::<Bound<Vec<_>>>()?;
                self.using(first, &names, join)?
            }
            JoinConstraint::Natural => {
                let scope = self.scope();
                let visible = |s: &Source| s.columns.iter().filter(|c| !c.hidden).map(|c| c.name.clone()).collect::<Vec<_>>();
                let earlier: Vec<String> = scope.sources[..first].iter().flat_map(visible).collect();
                let names: Vec<String> =
                    scope.sources[first..].iter().flat_map(visible).filter(|n| earlier.iter().any(|e| e.eq_ignore_ascii_case(n))).collect();
                self.using(first, &names, join)?
            }
        };
        // Whatever a right or full join pads is NULL, and so is the right side of a left join.
        let padded = match kind {
            "LEFT JOIN" => first..self.scope().sources.len(),
            "RIGHT JOIN" => 0..first,
            "FULL JOIN" => 0..self.scope().sources.len(),
            _ => 0..0,
        };
        for source in &mut self.scope().sources[padded] {
            source.columns.iter_mut().for_each(|c| c.ty.nullable = true);
        }
        Ok(From::Join(kind, Box::new(left), Box::new(right), on))
    }

    fn using(&mut self, first: usize, names: &[String], join: &ast::Join) -> Bound<Option<Expr>> {
        let mut all = Vec::new();
        for name in names {
            let scope = self.scopes.last().expect("a join is bound within a scope");
            let find = |range: std::ops::Range<usize>| {
                range.into_iter().find_map(|i| {
                    let at = scope.sources[i].columns.iter().position(|c| !c.hidden && c.name.eq_ignore_ascii_case(name))?;
                    Some((i, scope.sources[i].column(i, at)))
                })
            };
            let (Some((_, left)), Some((right_at, right))) = (find(0..first), find(first..scope.sources.len())) else {
                let message = format!("cannot join using column {name} - column not present in both tables");
                return Err(ClientError::new(SqlState::UNDEFINED_COLUMN, message).at(self.at(join.span())));
            };
            all.push(compare(CompareOp::Eq, left, right));
            self.scope().merged.push((name.to_ascii_lowercase(), right_at));
        }
        Ok(match all.len() {
            0 => None,
            1 => all.pop(),
            _ => Some(logic(true, all)),
        })
    }

    fn factor(&mut self, factor: &TableFactor) -> Bound<From> {
        match factor {
            TableFactor::Table { name, args: Some(args), alias, .. } => self.table_function(name, args, alias.as_ref()),
            TableFactor::Table { name, alias, .. } => self.table(name, alias.as_ref()),
            TableFactor::Derived { subquery, alias, .. } => {
                // A subquery in FROM sees nothing of its neighbours.
                let neighbours = self.scopes.pop();
                let query = self.query(subquery);
                self.scopes.extend(neighbours);
                let query = query?;
                let name = alias.as_ref().map(|a| a.name.value.clone());
                Ok(self.derived(query, name))
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                let from = self.from(std::slice::from_ref(table_with_joins))?;
                Ok(from.expect("a nested join has a table"))
            }
            other => Err(self.refused(other, other.span())),
        }
    }

    pub(super) fn derived(&mut self, query: Query, name: Option<String>) -> From {
        let printed = name.as_ref().map_or_else(|| self.alias(), |n| quote_ident(n));
        let told = super::view::distinct(query.columns.iter().map(|c| c.name.clone()));
        let names = unique(&told);
        let columns = told.iter().zip(&names).enumerate().map(|(at, (name, unique))| SourceColumn {
            origin: super::view::origin(&query, at),
            ..derived_column(name, unique, query.columns[at].ty)
        });
        let source = Source { name: name.unwrap_or_default(), printed: printed.clone(), columns: columns.collect(), ..Source::default() };
        self.scope().sources.push(source);
        From::Query(Box::new(query), printed, names.iter().map(|n| quote_ident(n)).collect())
    }

    fn table(&mut self, name: &ast::ObjectName, alias: Option<&ast::TableAlias>) -> Bound<From> {
        let (schema, table) = split_name(name)?;
        let called = alias.map_or(&table.value, |a| &a.name.value).clone();
        if schema.is_none()
            && let Some(cte) = self.ctes.iter().rev().find(|c| c.name.eq_ignore_ascii_case(&quote_ident(&table.value)))
        {
            let column = |(at, (name, ty)): (usize, (&String, &Ty))| SourceColumn {
                origin: super::view::origin(&cte.query, at),
                ..derived_column(name, name, *ty)
            };
            let columns = cte.columns.iter().zip(&cte.types).enumerate().map(column).collect();
            let printed = quote_ident(&called);
            let from = From::Table(cte.name.clone(), printed.clone());
            self.scope().sources.push(Source { name: called, printed, columns, ..Source::default() });
            return Ok(from);
        }
        if let Some(from) = self.system_table(schema.as_deref(), &table.value, &called) {
            return Ok(from);
        }
        let relation = self.relation(name)?;
        if let Some(sql) = relation.view_text() {
            let query = self.view(relation, sql, table)?;
            return Ok(self.derived(query, Some(called)));
        }
        let index = self.catalog.index_of(relation);
        let mut source = index.map_or_else(|| Source::of_relation(relation, &called), |index| Source::of_origin(relation, index, &called));
        source.aliased = alias.is_some();
        if let Some(index) = index {
            self.mention(table.span, Mentioned::Relation(index));
        }
        if relation.kind != RelationKind::Table {
            source.rowid = None;
        }
        // Twice the same name in one FROM: SQLite minds only when a column of it is named.
        if self.scope().sources.iter().any(|s| s.printed.eq_ignore_ascii_case(&source.printed)) {
            source.printed = self.alias();
        }
        let from = From::Table(quote_relation(relation), source.printed.clone());
        self.scope().sources.push(source);
        Ok(from)
    }

    /// `SELECT * FROM name`, for `IN name`.
    pub(super) fn table_query(&mut self, name: &ast::ObjectName) -> Bound<Query> {
        self.scopes.push(Scope::default());
        let bound = self.table(name, None).map(|from| {
            let source = self.scopes.last().and_then(|s| s.sources.first()).cloned().unwrap_or_default();
            let visible: Vec<usize> = (0..source.columns.len()).filter(|i| !source.columns[*i].hidden).collect();
            let items: Vec<Expr> = visible.iter().map(|i| source.column(0, *i)).collect();
            let columns = visible.iter().map(|i| ResultColumn { name: source.columns[*i].name.clone(), ty: source.columns[*i].ty }).collect();
            plain_query(Body::Select(Box::new(plain_select(items, Some(from)))), columns, true)
        });
        self.scopes.pop();
        bound
    }
}

/// Is it a column's name, in parentheses or not?
fn is_name(expr: &ast::Expr) -> bool {
    match expr {
        ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_) => true,
        ast::Expr::Nested(inner) => is_name(inner),
        _ => false,
    }
}

fn derived_column(name: &str, unique: &str, ty: Ty) -> SourceColumn {
    // A subquery's column keeps its expression's affinity; an expression has BLOB affinity, which converts nothing.
    let class = if matches!(ty.class, Class::Param | Class::Null) { Class::Text } else { ty.class };
    // And it has a collation, as a column does.
    let collation = ty.collation.or(Some((Collation::Binary, false)));
    let ty = Ty { affinity: ty.affinity.or(Some(Affinity::Blob)), class, collation, ..ty };
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

/// Column names of a derived table, made different: PostgreSQL refuses a reference to a name that stands twice.
pub fn unique(names: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let mut candidate: String = name.chars().take(60).collect();
        while candidate.len() > 58 {
            candidate.pop();
        }
        let base = candidate.clone();
        let mut n = 0;
        while candidate.is_empty() || out.iter().any(|o| o.eq_ignore_ascii_case(&candidate)) {
            n += 1;
            candidate = format!("{base}:{n}");
        }
        out.push(candidate);
    }
    out
}

fn order_term(item: &ast::OrderByExpr, expr: Expr, result: Option<usize>) -> OrderItem {
    OrderItem { expr, result, descending: item.options.sort == Some(OrderBySort::Desc), nulls_first: item.options.nulls_first }
}

/// A query of nothing but a body.
pub fn plain_query(body: Body, columns: Vec<ResultColumn>, many: bool) -> Query {
    Query { recursive: false, ctes: Vec::new(), body, order: Vec::new(), limit: None, offset: None, columns, many, correlated: false }
}

/// A SELECT of nothing but its items.
pub fn plain_select(items: Vec<Expr>, from: Option<From>) -> Select {
    Select { distinct: false, items, from, filter: None, group: Vec::new(), aggregate: false, having: None, bare: Bare::default() }
}
