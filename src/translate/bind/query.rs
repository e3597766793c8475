//! Queries: WITH, FROM, SELECT, compounds, ORDER BY, LIMIT.

use super::expr::logic;
use super::scope::{Scope, Source, SourceColumn};
use super::{Binder, Bound, Mentioned, quote_ident, quote_relation, split_name};
use crate::catalog::{Affinity, Collation, RelationKind};
use crate::error::{ClientError, SqlState};
use crate::translate::functions::FunctionKind;
use crate::translate::tree::{Bare, Body, Callee, Class, Expr, From, Kind, OrderItem, Query, ResultColumn, Select, Ty};
use crate::value::Value;
use sqlparser::ast::{self, Distinct, GroupByExpr, LimitClause, OrderByKind, SelectItem, SetExpr, SetOperator, SetQuantifier};
use sqlparser::ast::{SelectItemQualifiedWildcardKind, Spanned, TableFactor};

impl Binder<'_> {
    /// Binds a query whose column names do not reach the client as written.
    pub fn query(&mut self, query: &ast::Query) -> Bound<Query> {
        self.named_query(query, &[])
    }

    /// Binds a query; `texts` are the items of its result list as the client wrote them.
    pub fn named_query(&mut self, query: &ast::Query, texts: &[String]) -> Bound<Query> {
        // The terms of a compound around it are not its own.
        let terms = std::mem::take(&mut self.terms);
        let bound = self.whole_query(query, texts);
        self.terms = terms;
        bound
    }

    fn whole_query(&mut self, query: &ast::Query, texts: &[String]) -> Bound<Query> {
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
        if !bound.order.is_empty() || bound.limit.is_some() {
            complete_order(&mut bound);
        }
        bound.many &= !matches!(bound.limit.as_ref().and_then(Expr::constant), Some(Value::Integer(0 | 1)));
        self.ctes.truncate(outer);
        // A parenthesised query may bring its own WITH; the two lists are one, the inner one nearer.
        bound.ctes.splice(0..0, ctes);
        bound.recursive |= recursive;
        Ok(bound)
    }

    pub(super) fn limit(&mut self, query: &ast::Query) -> Bound<(Option<Expr>, Option<Expr>)> {
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

    pub(super) fn set_expr(&mut self, body: &SetExpr, order: &[ast::OrderByExpr], texts: &[String]) -> Bound<Query> {
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
                if order.is_empty() {
                    let results: Vec<_> = query.columns.iter().map(|_| (None, Expr::literal(Value::Null))).collect();
                    self.match_terms(&results)?;
                } else {
                    query.order = self.order_by_columns(order, &query)?;
                }
                Ok(query)
            }
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                // All compounds are of one level in SQLite; the parser binds INTERSECT tighter.
                if let SetExpr::SetOperation { left: middle, op: last_op, set_quantifier: last_quantifier, right: last } = &**right {
                    let first = SetExpr::SetOperation { left: left.clone(), op: *op, set_quantifier: *set_quantifier, right: middle.clone() };
                    let whole = SetExpr::SetOperation { left: Box::new(first), op: *last_op, set_quantifier: *last_quantifier, right: last.clone() };
                    return self.set_expr(&whole, order, texts);
                }
                if !order.is_empty() {
                    self.terms = order.iter().map(|item| (item.clone(), None)).collect();
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
                let columns = left.columns.iter().zip(&right.columns).map(|(a, b)| ResultColumn { name: a.name.clone(), ty: a.ty.compound(b.ty) });
                let columns = columns.collect();
                let mut query = plain_query(Body::Compound(text, Box::new(left), Box::new(right)), columns, true);
                if !order.is_empty() {
                    query.order = self.compound_order(&query)?;
                }
                Ok(query)
            }
            other => Err(self.refused(other, other.span())),
        }
    }

    fn select(&mut self, select: &ast::Select, order: &[ast::OrderByExpr], texts: &[String]) -> Bound<Query> {
        let chained = self.chained(&select.named_window)?;
        let windows = std::mem::replace(&mut self.windows, chained);
        let matched = std::mem::replace(&mut self.matched, Self::matched_names(select));
        self.scopes.push(Scope::default());
        let bound = self.select_in_scope(select, order, texts);
        self.scopes.pop();
        self.windows = windows;
        self.matched = matched;
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
        self.note_searches(select);
        self.scope().aggregate_allowed = true;
        let items = self.items(&select.projection, texts)?;
        self.scope().aggregate_allowed = false;
        self.scope().aliases = items.iter().filter_map(|(alias, _, e)| Some((alias.clone()?, e.clone()))).collect();
        let mut filter = select.selection.as_ref().map(|e| self.expr(e)).transpose()?;
        for on in std::mem::take(&mut self.scope().later) {
            let on = self.expr(&on)?;
            filter = Some(match filter {
                Some(filter) => logic(true, vec![filter, on]),
                None => on,
            });
        }
        filter = filter.map(|filter| self.bounded(filter));
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
                group.push(self.group_term(group.len(), term, &results)?);
            }
        }
        self.scope().aggregate_allowed = true;
        let having = select.having.as_ref().map(|e| self.expr(e)).transpose()?;
        let terms = order;
        let mut order = order.iter().enumerate().map(|(n, item)| self.result_term(n, item, &results)).collect::<Bound<Vec<_>>>()?;
        self.match_terms(&results)?;
        let aggregates = |e: &Expr| e.any(&mut |e| e.is_aggregate());
        let within = !self.scope().inner_aggregates.is_empty();
        let aggregate = !group.is_empty() || within || items.iter().map(|(_, _, e)| e).chain(&having).any(aggregates);
        if from.is_none() {
            // One row has no order, and SQLite looks at none.
            order.clear();
        }
        if let Some(at) = order.iter().position(|o| !aggregate && aggregates(&o.expr)) {
            return Err(ClientError::new(SqlState::GROUPING_ERROR, "misuse of aggregate").at(self.at(terms[at].expr.span())));
        }
        // An aggregate in HAVING alone makes none of the query.
        if having.is_some() && group.is_empty() && !within && !items.iter().any(|(_, _, e)| aggregates(e)) {
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
        let mut extremes: Vec<(Expr, bool)> = scope.inner_aggregates.iter().flatten().cloned().collect();
        for expr in items.iter().map(|(_, _, e)| e).chain(having) {
            expr.any(&mut |e| {
                if let Kind::Call(call) = &e.kind
                    && e.is_aggregate()
                {
                    match call.function {
                        Callee::Known(f) if f.kind == FunctionKind::Extreme => extremes.push((call.args[0].clone(), f.name == "max")),
                        _ => {}
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

    pub(super) fn factor(&mut self, factor: &TableFactor) -> Bound<From> {
        match factor {
            TableFactor::Table { name, args: Some(args), alias, .. } if super::system::is_pragma(name) => {
                self.pragma_function(name, args, alias.as_ref(), factor.span())
            }
            TableFactor::Table { name, args: Some(args), alias, .. } => match self.search_function(name, args, factor)? {
                Some(from) => Ok(from),
                None => self.table_function(name, args, alias.as_ref()),
            },
            TableFactor::Table { name, alias, index_directives, .. } => self.table(name, alias.as_ref(), index_directives),
            TableFactor::Derived { subquery, alias, .. } => {
                // A subquery in FROM sees nothing of its neighbours.
                let neighbours = self.scopes.pop();
                let query = self.query(subquery);
                self.scopes.extend(neighbours);
                let query = query?;
                let name = alias.as_ref().map(|a| a.name.value.clone());
                Ok(self.derived(query, name))
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => self.joined(table_with_joins),
            TableFactor::NestedJoin { table_with_joins, alias: Some(alias) } => {
                let neighbours = self.scopes.pop();
                self.scopes.push(Scope::default());
                let query = self.joined(table_with_joins).and_then(|from| self.all_columns(from, factor));
                self.scopes.pop();
                self.scopes.extend(neighbours);
                Ok(self.derived(query?, Some(alias.name.value.clone())))
            }
            other => Err(self.refused(other, other.span())),
        }
    }

    pub(super) fn derived(&mut self, query: Query, name: Option<String>) -> From {
        let printed = match &name {
            Some(name) => self.printed(name),
            None => self.alias(),
        };
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

    pub(super) fn table(&mut self, name: &ast::ObjectName, alias: Option<&ast::TableAlias>, directives: &[ast::TableIndexDirective]) -> Bound<From> {
        let (schema, table) = split_name(name)?;
        let called = alias.map_or(&table.value, |a| &a.name.value).clone();
        if schema.is_none()
            && let Some(from) = self.common(&table.value, &called)?
        {
            return Ok(from);
        }
        if let Some(from) = self.system_table(schema.as_deref(), table, &called)? {
            return Ok(from);
        }
        let relation = self.relation(name)?;
        self.indexed_by(relation, directives)?;
        if let Some(sql) = relation.view_text() {
            let query = self.view(relation, sql, table)?;
            let from = self.derived(query, Some(called));
            let database = Some(self.catalog.database(relation).to_owned());
            if let Some(source) = self.scope().sources.last_mut() {
                source.database = database;
            }
            return Ok(from);
        }
        let index = self.catalog.index_of(relation);
        if let Some(index) = index
            && let Some(from) = self.external(relation, index, &called)?
        {
            self.mention(table.span, Mentioned::Relation(index));
            return Ok(from);
        }
        let mut source = index.map_or_else(|| Source::of_relation(relation, &called), |index| Source::of_origin(relation, index, &called));
        source.aliased = alias.is_some();
        source.database = Some(self.catalog.database(relation).to_owned());
        if let Some(index) = index {
            self.mention(table.span, Mentioned::Relation(index));
        }
        if relation.kind != RelationKind::Table {
            source.rowid = None;
            self.reaches_out = true;
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
        let bound = self.table(name, None, &[]).map(|from| {
            let source = self.scopes.last().and_then(|s| s.sources.first()).cloned().unwrap_or_default();
            let visible: Vec<usize> = (0..source.columns.len()).filter(|i| !source.columns[*i].hidden && !source.columns[*i].argument).collect();
            let items: Vec<Expr> = visible.iter().map(|i| source.column(0, *i)).collect();
            let columns = visible.iter().map(|i| ResultColumn { name: source.columns[*i].name.clone(), ty: source.columns[*i].ty }).collect();
            plain_query(Body::Select(Box::new(plain_select(items, Some(from)))), columns, true)
        });
        self.scopes.pop();
        bound
    }
}

/// Makes the order of a query whole where SQLite's is: what a compound other than UNION ALL is ordered by are all its columns
/// (`multiSelectOrderBy`), and groups come in the order of their keys, which an ORDER BY does not disturb.
fn complete_order(query: &mut Query) {
    let mut more = Vec::new();
    let item = |expr: Expr, result| OrderItem { expr, result, descending: false, nulls_first: None };
    match &query.body {
        Body::Compound(op, ..) if *op != "UNION ALL" => {
            for (at, column) in query.columns.iter().enumerate() {
                if !query.order.iter().any(|o| o.result == Some(at)) {
                    more.push(item(Expr { kind: Kind::Literal { value: Value::Null }, ty: column.ty }, Some(at)));
                }
            }
        }
        Body::Select(select) if !select.distinct => {
            for key in &select.group {
                if key.constant().is_none() && !query.order.iter().any(|o| o.expr == *key) {
                    more.push(item(key.clone(), None));
                }
            }
        }
        _ => {}
    }
    query.order.extend(more);
}

/// Is it a column's name, in parentheses or not?
fn is_name(expr: &ast::Expr) -> bool {
    match expr {
        ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_) => true,
        ast::Expr::Nested(inner) => is_name(inner),
        _ => false,
    }
}

pub(super) fn derived_column(name: &str, unique: &str, ty: Ty) -> SourceColumn {
    // A subquery's column keeps its expression's affinity; an expression has BLOB affinity, which converts nothing.
    let class = ty.class.or_text();
    // And it has a collation, as a column does.
    let collation = ty.collation.or(Some((Collation::Binary, false)));
    let ty = Ty { affinity: ty.affinity.or(Some(Affinity::Blob)), class, collation, ..ty };
    SourceColumn::computed(name, unique, ty)
}

/// Column names of a derived table, made different: PostgreSQL refuses a reference to a name that stands twice.
pub fn unique(names: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let mut candidate = name.clone();
        let mut n = 0;
        while candidate.is_empty() || out.iter().any(|o| o.eq_ignore_ascii_case(&candidate)) {
            n += 1;
            candidate = format!("{name}:{n}");
        }
        out.push(candidate);
    }
    out
}

/// A query of nothing but a body.
pub fn plain_query(body: Body, columns: Vec<ResultColumn>, many: bool) -> Query {
    Query { recursive: false, ctes: Vec::new(), body, order: Vec::new(), limit: None, offset: None, columns, many, correlated: false }
}

/// A SELECT of nothing but its items.
pub fn plain_select(items: Vec<Expr>, from: Option<From>) -> Select {
    Select { distinct: false, items, from, filter: None, group: Vec::new(), aggregate: false, having: None, bare: Bare::default() }
}
