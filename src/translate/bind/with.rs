//! WITH (lang_with.html). The common tables of one WITH see each other in any order; one that is not used may well be wrong.

use super::query::{derived_column, unique};
use super::scope::{Source, SourceColumn};
use super::{Binder, Bound, plain_query, plain_select, quote_ident};
use crate::error::{ClientError, SqlState};
use crate::translate::Hatch;
use crate::translate::tree::{BinaryOp, Body, Cte, Expr, From, Kind, OrderItem, Origin, Query, Recursion, ResultColumn, Ty};
use crate::value::Value;
use sqlparser::ast::{self, JoinOperator, SetExpr, SetOperator, SetQuantifier, TableFactor};

/// A common table in scope.
#[derive(Debug, Clone)]
pub(super) struct Common {
    /// Its name.
    name: String,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// Its query is not bound, or not yet.
    Unbound(ClientError),
    /// What it is known by: name as printed, columns.
    Bound(Known),
    /// Its recursive part is being bound, one row at a time where `by_row`.
    Recursive { known: Known, by_row: bool, uses: usize, depth: usize },
}

#[derive(Debug, Clone)]
struct Known {
    printed: String,
    columns: Vec<String>,
    types: Vec<Ty>,
    origins: Vec<Option<Origin>>,
}

/// A part of a compound with the operator before it.
struct Arm<'a> {
    op: Option<(SetOperator, SetQuantifier)>,
    body: &'a SetExpr,
}

/// The alias of the row at hand in a recursive part.
pub(in crate::translate) const ROW: &str = "\"_w\"";
/// The alias of what the row gives.
pub(in crate::translate) const GIVEN: &str = "\"_l\"";
/// The column that holds the way from the first row to a row.
pub(in crate::translate) const PATH: &str = "\"_path\"";

impl Binder<'_> {
    /// The common tables of a query, in scope from here on, and whether one refers to itself.
    pub fn common_tables(&mut self, query: &ast::Query) -> Bound<(Vec<Cte>, bool)> {
        let Some(with) = &query.with else { return Ok((Vec::new(), false)) };
        let first = self.ctes.len();
        for cte in &with.cte_tables {
            let name = cte.alias.name.value.clone();
            if self.ctes[first..].iter().any(|c| c.name.eq_ignore_ascii_case(&name)) {
                let message = format!("duplicate WITH table name: {name}");
                return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(cte.alias.name.span)));
            }
            let circular = ClientError::new(SqlState::UNDEFINED_TABLE, format!("circular reference: {name}")).at(self.at(cte.alias.name.span));
            self.ctes.push(Common { name, state: State::Unbound(circular) });
        }
        let (mut made, mut recursive) = (Vec::new(), false);
        // One that names a later one is bound after it.
        let mut waiting: Vec<usize> = (0..with.cte_tables.len()).collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut still = Vec::new();
            for at in waiting {
                match self.common_table(&with.cte_tables[at], first + at) {
                    Ok((cte, itself)) => {
                        let origins = (0..cte.columns.len()).map(|at| super::view::origin(&cte.query, at)).collect();
                        let known = Known { printed: cte.name.clone(), columns: cte.columns.clone(), types: cte.types.clone(), origins };
                        self.ctes[first + at].state = State::Bound(known);
                        recursive |= itself;
                        made.push(cte);
                    }
                    Err(error) if error.message.starts_with("circular reference: ") => still.push(at),
                    Err(error) => self.ctes[first + at].state = State::Unbound(error),
                }
            }
            if still.len() == before {
                break;
            }
            waiting = still;
        }
        Ok((made, recursive))
    }

    /// A table of FROM that is a common one.
    pub(super) fn common(&mut self, name: &str, called: &str) -> Bound<Option<From>> {
        let Some(at) = self.ctes.iter().rposition(|c| c.name.eq_ignore_ascii_case(name)) else { return Ok(None) };
        let depth = self.scopes.len();
        let (known, row) = match &mut self.ctes[at].state {
            State::Unbound(error) => return Err(error.clone()),
            State::Bound(known) => (known.clone(), false),
            State::Recursive { known, by_row, uses, depth: own } => {
                *uses += 1;
                if depth > *own {
                    return Err(ClientError::new(SqlState::SYNTAX_ERROR, format!("recursive reference in a subquery: {name}")));
                }
                if *uses > 1 {
                    return Err(ClientError::new(SqlState::SYNTAX_ERROR, format!("multiple references to recursive table: {name}")));
                }
                (known.clone(), *by_row)
            }
        };
        let mut printed = quote_ident(called);
        // Twice the same name in one FROM: SQLite minds only when a column of it is named.
        if self.scope().sources.iter().any(|s| s.printed.eq_ignore_ascii_case(&printed)) {
            printed = self.alias();
        }
        let column = |((name, ty), origin): ((&String, &Ty), &Option<Origin>)| SourceColumn { origin: *origin, ..derived_column(name, name, *ty) };
        let columns = known.columns.iter().zip(&known.types).zip(&known.origins).map(column).collect();
        self.scope().sources.push(Source { name: called.to_owned(), printed: printed.clone(), columns, ..Source::default() });
        if !row {
            return Ok(Some(From::Table(known.printed, printed)));
        }
        let query = columns_of(ROW, &known.columns, &known.types);
        Ok(Some(From::Query(Box::new(query), printed, known.columns.iter().map(|c| quote_ident(c)).collect())))
    }

    fn common_table(&mut self, cte: &ast::Cte, at: usize) -> Bound<(Cte, bool)> {
        let name = &cte.alias.name.value;
        let materialized = cte.materialized.as_ref().map(|m| matches!(m, ast::CteAsMaterialized::Materialized));
        let arms = arms(&cte.query.body);
        // The parts at the end that are joined by one operator and name the table.
        let last = arms.last().and_then(|arm| arm.op);
        let recursive = arms.iter().skip(1).rev().take_while(|arm| arm.is_union() && arm.op == last && refers(arm.body, name)).count();
        if recursive > 0 {
            let (first, rest) = arms.split_at(arms.len() - recursive);
            let outer = self.ctes.len();
            let inner = self.common_tables(&cte.query)?;
            let bound = self.recursive_table(cte, at, first, rest);
            self.ctes.truncate(outer);
            let mut bound = bound?;
            bound.query.ctes = inner.0;
            bound.materialized = materialized;
            return Ok((bound, true));
        }
        let query = self.query(&cte.query)?;
        let columns = self.common_columns(cte, &query.columns)?;
        let types = query.columns.iter().map(|c| c.ty).collect();
        Ok((Cte { name: quote_ident(name), columns, types, materialized, query, recursion: None }, false))
    }

    fn common_columns(&self, cte: &ast::Cte, columns: &[ResultColumn]) -> Bound<Vec<String>> {
        let given = &cte.alias.columns;
        if !given.is_empty() && given.len() != columns.len() {
            let name = &cte.alias.name;
            let message = format!("table {} has {} values for {} columns", name.value, columns.len(), given.len());
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(name.span)));
        }
        let names: Vec<String> =
            if given.is_empty() { columns.iter().map(|c| c.name.clone()).collect() } else { given.iter().map(|c| c.name.value.clone()).collect() };
        Ok(unique(&names))
    }

    /// A recursive common table: its first rows, then what each row gives (lang_with.html §3).
    fn recursive_table(&mut self, cte: &ast::Cte, at: usize, first: &[Arm], rest: &[Arm]) -> Bound<Cte> {
        let name = &cte.alias.name.value;
        self.terms = match &cte.query.order_by {
            None => Vec::new(),
            Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(items), .. }) => items.iter().map(|item| (item.clone(), None)).collect(),
            Some(other) => return Err(self.refused(other, cte.alias.name.span)),
        };
        let anchor = self.set_expr(&compound(first), &[], &[])?;
        let columns = self.common_columns(cte, &anchor.columns)?;
        let mut types: Vec<Ty> = anchor.columns.iter().map(|c| Ty { nullable: true, ..c.ty }).collect();
        let (limit, offset) = self.limit(&cte.query)?;
        let ordered = !self.terms.is_empty();
        let bounded = limit.is_some() || offset.is_some() || ordered;
        let printed = if bounded { quote_ident(&format!("_r_{name}")) } else { quote_ident(name) };
        // PostgreSQL takes one reference, in a plain join; else the row at hand goes to each part by itself.
        let by_row = rest.len() > 1 || ordered || rest.iter().any(|arm| has_outer_join(arm.body));
        // The recursive part may widen a column's class; twice is enough for every chain of classes to settle.
        for _ in 0..3 {
            let origins = (0..columns.len()).map(|at| super::view::origin(&anchor, at)).collect();
            let known = Known { printed: printed.clone(), columns: columns.clone(), types: types.clone(), origins };
            let mut given: Option<Query> = None;
            for arm in rest {
                let depth = self.scopes.len() + 1;
                let waiting = std::mem::replace(&mut self.ctes[at].state, State::Recursive { known: known.clone(), by_row, uses: 0, depth });
                let bound = self.set_expr(arm.body, &[], &[]);
                self.ctes[at].state = waiting;
                let bound = bound?;
                check_recursive(&bound)?;
                if bound.columns.len() != columns.len() {
                    let message = "SELECTs to the left and right of UNION ALL do not have the same number of result columns";
                    return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(cte.alias.name.span)));
                }
                given = Some(match given {
                    None => bound,
                    Some(before) => {
                        let both = before.columns.iter().zip(&bound.columns);
                        let columns = both.map(|(a, b)| ResultColumn { name: a.name.clone(), ty: a.ty.unify(b.ty) }).collect();
                        plain_query(Body::Compound("UNION ALL", Box::new(before), Box::new(bound)), columns, true)
                    }
                });
            }
            let given = given.expect("a recursive table has a recursive part");
            let found: Vec<Ty> = given.columns.iter().zip(&types).map(|(c, t)| Ty { nullable: true, ..t.unify(c.ty) }).collect();
            if found.iter().map(|t| t.class).ne(types.iter().map(|t| t.class)) {
                types = found;
                continue;
            }
            let order = self.compound_order(&plain_query(Body::Values(Vec::new()), anchor.columns.clone(), true))?;
            // Which column orders the rows that wait, and whether the largest comes first.
            let depth_first = match order.as_slice() {
                [] => false,
                [OrderItem { result: Some(column), descending, nulls_first: None, .. }] if climbs(&anchor, &given, &columns, *column) => *descending,
                _ => {
                    let refusal = || self.refused("ORDER BY in a recursive common table", cte.alias.name.span);
                    self.options.hatches.pass(Hatch::RecursiveOrder, refusal)?;
                    false
                }
            };
            let distinct = rest.last().is_some_and(|arm| !matches!(arm.op, Some((_, SetQuantifier::All))));
            if depth_first && (distinct || limit.is_some() || offset.is_some()) {
                return Err(self.refused("ORDER BY … DESC in a recursive common table with UNION or LIMIT", cte.alias.name.span));
            }
            let out = columns.iter().zip(&types).map(|(name, ty)| ResultColumn { name: name.clone(), ty: *ty }).collect();
            let op = if distinct { "UNION" } else { "UNION ALL" };
            let query = plain_query(Body::Compound(op, Box::new(anchor), Box::new(given)), out, true);
            let recursion = Some(Recursion { name: printed, bounded, limit, offset, by_row, depth_first });
            return Ok(Cte { name: quote_ident(name), columns, types, materialized: None, query, recursion });
        }
        Err(self.refused("a recursive common table whose columns change their class", cte.alias.name.span))
    }
}

/// Does a column start at one constant and grow with each step? Then the queue is a tree's levels, in order or depth first.
fn climbs(anchor: &Query, given: &Query, columns: &[String], column: usize) -> bool {
    let starts = match &anchor.body {
        Body::Select(select) => select.items[column].constant().is_some(),
        Body::Values(rows) => rows.iter().all(|row| row[column].constant().is_some() && row[column] == rows[0][column]),
        Body::Compound(..) => false,
    };
    fn grows(query: &Query, name: &str, column: usize) -> bool {
        match &query.body {
            Body::Compound(_, a, b) => grows(a, name, column) && grows(b, name, column),
            Body::Values(_) => false,
            Body::Select(select) => match &select.items[column].kind {
                Kind::Binary(BinaryOp::Add, a, b) => {
                    matches!(&a.kind, Kind::Column(c) if c.column == name) && matches!(b.constant(), Some(Value::Integer(n)) if *n > 0)
                }
                _ => false,
            },
        }
    }
    starts && grows(given, &quote_ident(&columns[column]), column)
}

/// SQLite's rules for a recursive part.
fn check_recursive(query: &Query) -> Bound<()> {
    let Body::Select(select) = &query.body else { return Ok(()) };
    if select.aggregate {
        return Err(ClientError::new(SqlState::GROUPING_ERROR, "recursive aggregate queries not supported"));
    }
    let over = |e: &Expr| e.any(&mut |e| matches!(&e.kind, Kind::Call(call) if call.over.is_some()));
    if select.items.iter().any(over) {
        return Err(ClientError::new(SqlState::GROUPING_ERROR, "cannot use window functions in recursive queries"));
    }
    Ok(())
}

/// `SELECT columns` of a table that is in scope by its alias.
fn columns_of(alias: &str, names: &[String], types: &[Ty]) -> Query {
    let source = Source {
        printed: alias.to_owned(),
        columns: names.iter().zip(types).map(|(name, ty)| derived_column(name, name, *ty)).collect(),
        ..Source::default()
    };
    let items: Vec<Expr> = (0..names.len()).map(|i| source.column(0, i)).collect();
    let columns = names.iter().zip(&items).map(|(name, e)| ResultColumn { name: name.clone(), ty: e.ty }).collect();
    plain_query(Body::Select(Box::new(plain_select(items, None))), columns, false)
}

impl Arm<'_> {
    fn is_union(&self) -> bool {
        matches!(self.op, Some((SetOperator::Union, _)))
    }
}

/// The parts of a compound in the order of the text: all operators are of one level in SQLite.
fn arms(body: &SetExpr) -> Vec<Arm<'_>> {
    match body {
        SetExpr::SetOperation { left, op, set_quantifier, right } => {
            let mut out = arms(left);
            let mut rest = arms(right);
            rest[0].op = Some((*op, *set_quantifier));
            out.append(&mut rest);
            out
        }
        body => vec![Arm { op: None, body }],
    }
}

/// Parts put together again.
fn compound(arms: &[Arm]) -> SetExpr {
    let mut whole = arms[0].body.clone();
    for arm in &arms[1..] {
        if let Some((op, set_quantifier)) = arm.op {
            whole = SetExpr::SetOperation { op, set_quantifier, left: Box::new(whole), right: Box::new(arm.body.clone()) };
        }
    }
    whole
}

/// Does a SELECT name a table in its FROM?
fn refers(body: &SetExpr, name: &str) -> bool {
    let SetExpr::Select(select) = body else { return false };
    fn within(table: &ast::TableWithJoins, name: &str) -> bool {
        factor(&table.relation, name) || table.joins.iter().any(|j| factor(&j.relation, name))
    }
    fn factor(table: &TableFactor, name: &str) -> bool {
        match table {
            TableFactor::Table { name: found, .. } => {
                matches!(found.0.as_slice(), [ast::ObjectNamePart::Identifier(only)] if only.value.eq_ignore_ascii_case(name))
            }
            TableFactor::NestedJoin { table_with_joins, .. } => within(table_with_joins, name),
            _ => false,
        }
    }
    select.from.iter().any(|table| within(table, name))
}

/// Does a SELECT join with padding?
fn has_outer_join(body: &SetExpr) -> bool {
    let SetExpr::Select(select) = body else { return false };
    let inner = |join: &ast::Join| matches!(join.join_operator, JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_));
    select.from.iter().any(|table| !table.joins.iter().all(inner) || matches!(table.relation, TableFactor::NestedJoin { .. }))
}
