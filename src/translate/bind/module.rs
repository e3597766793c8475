//! Virtual tables in a query (vtab.html): the hidden columns of a full-text table, MATCH and its auxiliary functions; the bounds of an
//! R*Tree.

use super::expr::{compare, logic};
use super::query::{plain_query, plain_select};
use super::scope::{Scope, Source};
use super::{Binder, Bound, quote_ident, quote_relation, split_name};
use crate::catalog::Relation;
use crate::catalog::module::{Content, ENDS, FullText, Module, ROWID, TOKENS, Version};
use crate::error::{ClientError, SqlState};
use crate::translate::functions::{Function, fts, rtree};
use crate::translate::tree::{Body, Call, Callee, Column, CompareOp, Expr, From, Kind, ResultColumn};
use crate::value::Value;
use sqlparser::ast::{self, BinaryOperator, FunctionArg, FunctionArgExpr, FunctionArguments, JoinConstraint, JoinOperator, Spanned};

/// The numbers that the phrases of one MATCH may have.
const PHRASES: i64 = 1000;

/// What a table in scope is as a full-text table.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Its relation, as an index of the catalog.
    relation: usize,
    /// Where its hidden columns stand: the one named as the table, FTS5's `rank`, and those of the index.
    table: usize,
    rank: Option<usize>,
    tokens: usize,
    ends: usize,
    /// What WHERE asks of it.
    queries: Vec<Expr>,
    /// `rank MATCH 'bm25(…)'`.
    function: Option<Expr>,
}

impl Search {
    /// Of a relation whose columns stand as the catalog has them; None for another than a full-text table.
    pub(super) fn of(relation: &Relation, index: usize) -> Option<Self> {
        let is_five = relation.full_text()?.version == Version::Five;
        let is_rank = |c: &crate::catalog::Column| is_five && c.name == "rank";
        let place = |test: &dyn Fn(&crate::catalog::Column) -> bool| relation.columns.iter().position(test);
        Some(Search {
            relation: index,
            table: place(&|c| c.argument && !is_rank(c))?,
            rank: place(&|c| c.argument && is_rank(c)),
            tokens: place(&|c| c.name == TOKENS)?,
            ends: place(&|c| c.name == ENDS)?,
            ..Search::default()
        })
    }

    /// Is it a table of FTS5? Those of FTS3 and FTS4 have no `rank`.
    fn is_five(&self) -> bool {
        self.rank.is_some()
    }
}

/// A column of a full-text table in scope.
#[derive(Debug, Clone, Copy)]
struct Place {
    depth: usize,
    source: usize,
    column: usize,
}

fn call(function: &'static Function, args: Vec<Expr>) -> Expr {
    let ty = (function.result)(&args);
    let call = Call::plain(Callee::Known(function), args);
    Expr { kind: Kind::Call(Box::new(call)), ty }
}

fn text(text: impl Into<String>) -> Expr {
    Expr::literal(Value::Text(text.into()))
}

/// What the arguments of FTS3's snippet() are where they are not given (fts3.html §4.2).
fn fragment_defaults() -> [Expr; 5] {
    let [column, size] = [-1, 15].map(|n| Expr::literal(Value::Integer(n)));
    [text("<b>"), text("</b>"), text("<b>...</b>"), column, size]
}

/// The parts of a condition that must all hold.
fn conjuncts<'e>(e: &'e ast::Expr, out: &mut Vec<&'e ast::Expr>) {
    match e {
        ast::Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left, out);
            conjuncts(right, out);
        }
        ast::Expr::Nested(inner) => conjuncts(inner, out),
        other => out.push(other),
    }
}

/// All that WHERE and ON ask for together.
fn conditions(select: &ast::Select) -> Vec<&ast::Expr> {
    let mut out = Vec::new();
    let joins = select.from.iter().flat_map(|t| &t.joins);
    let on = joins.filter_map(|join| match &join.join_operator {
        JoinOperator::Join(JoinConstraint::On(on))
        | JoinOperator::Inner(JoinConstraint::On(on))
        | JoinOperator::CrossJoin(JoinConstraint::On(on))
        | JoinOperator::Left(JoinConstraint::On(on))
        | JoinOperator::LeftOuter(JoinConstraint::On(on)) => Some(on),
        _ => None,
    });
    on.chain(&select.selection).for_each(|e| conjuncts(e, &mut out));
    out
}

/// `name MATCH …` or `name = …`: the name's parts, the operator, the right side.
fn asked(e: &ast::Expr) -> Option<(Option<&ast::Ident>, &ast::Ident, bool, &ast::Expr)> {
    let ast::Expr::BinaryOp { left, op, right } = e else { return None };
    let is_match = match op {
        BinaryOperator::Match => true,
        BinaryOperator::Eq => false,
        _ => return None,
    };
    named(left).map(|(table, name)| (table, name, is_match, &**right))
}

/// A column's name, and the table's before it.
fn named(e: &ast::Expr) -> Option<(Option<&ast::Ident>, &ast::Ident)> {
    match e {
        ast::Expr::Identifier(name) => Some((None, name)),
        ast::Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, name] | [_, table, name] => Some((Some(table), name)),
            _ => None,
        },
        _ => None,
    }
}

impl Binder<'_> {
    /// The names that the left side of a MATCH or of `=` has in a SELECT.
    pub(super) fn matched_names(select: &ast::Select) -> Vec<(String, bool)> {
        conditions(select).into_iter().filter_map(asked).map(|(_, name, is_match, _)| (name.value.to_ascii_lowercase(), is_match)).collect()
    }

    fn place(&self, e: &Expr) -> Option<Place> {
        let Kind::Column(Column { depth, source, column, .. }) = &e.kind else { return None };
        let found = self.scopes.iter().rev().nth(*depth)?.sources.get(*source)?;
        found.search.as_ref()?;
        let column = found.columns.iter().position(|c| c.printed == *column)?;
        Some(Place { depth: *depth, source: *source, column })
    }

    fn source_at(&self, place: Place) -> Option<(&Source, &Search)> {
        let source = self.scopes.iter().rev().nth(place.depth)?.sources.get(place.source)?;
        Some((source, source.search.as_ref()?))
    }

    fn full_text_at(&self, place: Place) -> Option<(&Relation, &FullText)> {
        let (_, search) = self.source_at(place)?;
        let relation = &self.catalog.relations[search.relation];
        Some((relation, relation.full_text()?))
    }

    /// A column of the same table as another.
    fn beside(&self, place: Place, column: usize) -> Option<Expr> {
        let (source, _) = self.source_at(place)?;
        let mut e = source.column(place.source, column);
        if let Kind::Column(column) = &mut e.kind {
            column.depth = place.depth;
        }
        Some(e)
    }

    /// A query of a full-text table: of one of its columns, or of all.
    fn search_query(&self, place: Place, query: Expr, first: i64) -> Option<Expr> {
        let (_, search) = self.source_at(place)?;
        let (_, full_text) = self.full_text_at(place)?;
        let column = if place.column == search.table { Value::Null } else { Value::Integer(place.column as i64) };
        Some(call(&fts::QUERY, vec![query, text(fts::spec(full_text)), Expr::literal(column), Expr::literal(Value::Integer(first))]))
    }

    /// `left MATCH right`, or `left = right` where the left side is a hidden column of a full-text table; None for anything else.
    pub(super) fn matching(&mut self, left: &ast::Expr, right: &ast::Expr, is_match: bool) -> Bound<Option<Expr>> {
        let Some((table, name)) = named(left) else { return Ok(None) };
        // Not as an expression: `rank` is no value here.
        let Ok(Some(hidden)) = self.resolve(table.map(|t| t.value.as_str()), name) else { return Ok(None) };
        let Some(place) = self.place(&hidden) else { return Ok(None) };
        let Some((_, search)) = self.source_at(place) else { return Ok(None) };
        let (is_rank, is_table, tokens, ends) = (search.rank == Some(place.column), place.column == search.table, search.tokens, search.ends);
        let is_five = search.is_five();
        if !is_match && (!is_rank && !is_table || !is_five) {
            return Ok(None);
        }
        if !is_five && search.queries.len() > 1 {
            return Err(ClientError::new(SqlState::UNDEFINED_FUNCTION, "unable to use function MATCH in the requested context"));
        }
        let right = self.expr(right)?;
        if is_rank {
            // It says how the rows are ranked, not which there are.
            return Ok(Some(Expr::literal(Value::Integer(1))));
        }
        let args = [self.search_query(place, right, 0), self.beside(place, tokens), self.beside(place, ends)];
        Ok(args.into_iter().collect::<Option<Vec<_>>>().map(|args| call(&fts::MATCH, args)))
    }

    /// Binds what WHERE and ON ask of the full-text tables of FROM, for `rank` and the auxiliary functions. What is wrong in it is
    /// told where it is bound for itself.
    pub(super) fn note_searches(&mut self, select: &ast::Select) {
        if self.scope().sources.iter().all(|s| s.search.is_none()) {
            return;
        }
        let mentions = self.mentions.take();
        let later = self.scope().later.clone();
        let asked_for = conditions(select).into_iter().chain(&later).filter_map(asked);
        for (table, name, is_match, right) in asked_for {
            let Ok(Some(left)) = self.resolve(table.map(|t| t.value.as_str()), name) else { continue };
            let Some(place) = self.place(&left).filter(|p| p.depth == 0) else { continue };
            let Some((_, search)) = self.source_at(place) else { continue };
            let (is_rank, first) = (search.rank == Some(place.column), search.queries.len() as i64 * PHRASES);
            if !is_match && (!search.is_five() || !is_rank && place.column != search.table) {
                continue;
            }
            let Ok(right) = self.expr(right) else { continue };
            let query = self.search_query(place, right.clone(), first);
            if let Some(search) = self.scope().sources.get_mut(place.source).and_then(|s| s.search.as_mut()) {
                if is_rank {
                    search.function = Some(right);
                } else {
                    search.queries.extend(query);
                }
            }
        }
        self.mentions = mentions;
    }

    /// All that is asked of a full-text table; None when it is nothing.
    fn whole_query_of(&self, place: Place) -> Option<Expr> {
        let (_, search) = self.source_at(place)?;
        search.queries.iter().cloned().reduce(|a, b| call(&fts::BOTH, vec![a, b]))
    }

    /// The arguments that MATCH and the auxiliary functions have in common.
    fn searched(&self, place: Place) -> Option<Vec<Expr>> {
        let (_, search) = self.source_at(place)?;
        let none = || Expr { kind: Kind::NativeCast(Box::new(Expr::literal(Value::Null)), "jsonb".to_owned()), ty: (fts::QUERY.result)(&[]) };
        let query = self.whole_query_of(place).unwrap_or_else(none);
        Some(vec![query, self.beside(place, search.tokens)?, self.beside(place, search.ends)?])
    }

    /// `rank` for the hidden column of that name; any other expression as it is.
    pub(super) fn ranked(&self, e: Expr) -> Expr {
        let rank = || {
            let place = self.place(&e)?;
            let (_, search) = self.source_at(place)?;
            if search.rank != Some(place.column) {
                return None;
            }
            if search.queries.is_empty() {
                return Some(Expr::literal(Value::Null));
            }
            let mut args = self.searched(place)?;
            args.push(text(quote_relation(self.full_text_at(place)?.0)));
            args.extend(search.function.clone());
            Some(call(&fts::RANK, args))
        };
        rank().unwrap_or(e)
    }

    /// An auxiliary function of full-text search; None when the call is another function's.
    pub(super) fn auxiliary(&mut self, name: &str, function: &ast::Function) -> Bound<Option<Expr>> {
        if !matches!(name, "bm25" | "highlight" | "snippet" | "offsets" | "matchinfo" | "optimize") {
            return Ok(None);
        }
        let FunctionArguments::List(list) = &function.args else { return Ok(None) };
        let span = function.span();
        let misused = || ClientError::new(SqlState::UNDEFINED_FUNCTION, format!("unable to use function {name} in the requested context"));
        let mut args = Vec::new();
        for arg in &list.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) = arg else { return Err(self.refused(format!("the argument {arg}"), span)) };
            args.push(self.expr(e)?);
        }
        let at = self.at(span);
        let place = args.first().and_then(|first| self.place(first)).ok_or_else(|| misused().at(at))?;
        let wrong = || ClientError::new(SqlState::UNDEFINED_FUNCTION, format!("wrong number of arguments to function {name}()")).at(at);
        let ((_, search), (relation, full_text)) = self.source_at(place).zip(self.full_text_at(place)).ok_or_else(|| misused().at(at))?;
        if place.column != search.table && full_text.version != Version::Five {
            return Err(ClientError::new(SqlState::UNDEFINED_FUNCTION, format!("illegal first argument to {name}")).at(at));
        } else if place.column != search.table {
            return Err(misused().at(at));
        }
        let mut whole = self.searched(place).ok_or_else(|| misused().at(at))?;
        let mut own = args.split_off(1);
        let function = match (full_text.version, name, own.len()) {
            (Version::Five, "bm25", _) if search.queries.is_empty() => return Err(self.refused("bm25() without MATCH", span)),
            (Version::Five, "bm25", _) => {
                whole.push(text(quote_relation(relation)));
                whole.extend(own);
                return Ok(Some(call(&fts::BM25, whole)));
            }
            (Version::Five, "highlight", 3) => &fts::HIGHLIGHT,
            (Version::Five, "snippet", 5) => &fts::SNIPPET,
            (Version::Three | Version::Four, "snippet", given @ 0..=5) => {
                own.extend(fragment_defaults().into_iter().skip(given));
                &fts::FRAGMENTS
            }
            (Version::Three | Version::Four, "offsets", 0) => &fts::OFFSETS,
            (Version::Three | Version::Four, "matchinfo", 0 | 1) => {
                whole.extend([text(fts::spec(full_text)), text(quote_relation(relation))]);
                whole.push(own.into_iter().next().unwrap_or_else(|| text("pcx")));
                return Ok(Some(call(&fts::MATCHINFO, whole)));
            }
            // It tells how SQLite keeps its index.
            (Version::Three | Version::Four, "optimize", 0) => return Err(self.refused("the function optimize()", span)),
            (Version::Five, "offsets" | "matchinfo" | "optimize", _) | (_, "bm25" | "highlight", _) => return Err(misused().at(at)),
            _ => return Err(wrong()),
        };
        whole.push(text(fts::spec(full_text)));
        for column in 0..full_text.columns.len() {
            whole.extend(self.beside(place, column));
        }
        whole.extend(own);
        Ok(Some(call(function, whole)))
    }

    /// A full-text table whose content is in another: what a MATCH finds is read there by its rowid, and without one that table is
    /// what is read.
    pub(super) fn external(&mut self, relation: &Relation, index: usize, called: &str) -> Bound<Option<From>> {
        let Some(full_text) = relation.full_text() else { return Ok(None) };
        let Content::External(content, rowid) = &full_text.content else { return Ok(None) };
        let of_column = |name: &str| full_text.columns.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let driven = self.matched.iter().any(|(name, is_match)| relation.name.eq_ignore_ascii_case(name) || *is_match && of_column(name));
        let neighbours = self.scopes.pop();
        let query = self.with_content(relation, full_text, content, rowid.as_deref(), driven);
        self.scopes.extend(neighbours);
        let query = query?;
        let from = self.derived(query, Some(called.to_owned()));
        if let (Some(source), Some(mut search)) = (self.scope().sources.last_mut(), Search::of(relation, index)) {
            let visible = full_text.columns.len();
            let rowid = visible + full_text.arguments(called).count();
            (search.table, search.rank, search.tokens, search.ends) = (visible, search.rank.map(|_| visible + 1), rowid + 1, rowid + 2);
            source.rowid = Some(rowid);
            source.columns[visible..rowid].iter_mut().for_each(|c| c.argument = true);
            source.columns[rowid..].iter_mut().for_each(|c| c.hidden = true);
            source.columns.extend(full_text.docid().map(|name| source.columns[rowid].clone().called(name)));
            source.search = Some(search);
        }
        Ok(Some(from))
    }

    fn with_content(
        &mut self,
        relation: &Relation,
        full_text: &FullText,
        content: &str,
        rowid: Option<&str>,
        driven: bool,
    ) -> Bound<crate::translate::tree::Query> {
        let around = std::mem::take(&mut self.matched);
        let mut scope = Scope::default();
        let mut own = Source::of_relation(relation, "_i");
        own.search = None;
        scope.sources.push(own);
        self.scopes.push(scope);
        let made = self.content_rows(relation, full_text, content, rowid, driven);
        self.scopes.pop();
        self.matched = around;
        made
    }

    fn content_rows(
        &mut self,
        relation: &Relation,
        full_text: &FullText,
        content: &str,
        rowid: Option<&str>,
        driven: bool,
    ) -> Bound<crate::translate::tree::Query> {
        let ident = |name: &str| ast::Ident::with_quote('"', name);
        let name = ast::ObjectName(vec![ast::ObjectNamePart::Identifier(ident(content))]);
        let alias = ast::TableAlias { explicit: true, name: ident("_c"), columns: Vec::new(), at: None };
        let from = self.table(&name, Some(&alias), &[])?;
        let missing = |name: &str| ClientError::new(SqlState::UNDEFINED_COLUMN, format!("no such column: T.{name}"));
        let of_content = |name: &str| self.resolve(Some("_c"), &ident(name))?.ok_or_else(|| missing(name));
        let key = of_content(rowid.unwrap_or("rowid"))?;
        let mut items = Vec::new();
        for (name, _) in &full_text.columns {
            items.push((name.clone(), of_content(name)?));
        }
        let index = self.scopes.last().and_then(|s| s.sources.first()).cloned().unwrap_or_default();
        let own = |name: &str| relation.columns.iter().position(|c| c.name == name).map(|at| index.column(0, at)).ok_or_else(|| missing(name));
        let id = own(ROWID)?;
        for column in relation.columns.iter().filter(|c| c.argument) {
            items.push((column.name.clone(), own(&column.name)?));
        }
        items.push((ROWID.to_owned(), if driven { id.clone() } else { key.clone() }));
        items.push((TOKENS.to_owned(), own(TOKENS)?));
        items.push((ENDS.to_owned(), own(ENDS)?));
        let table = From::Table(quote_relation(relation), index.printed.clone());
        let (left, right) = if driven { (table, from) } else { (from, table) };
        let joined = From::Join("LEFT JOIN", Box::new(left), Box::new(right), Some(compare(CompareOp::Eq, id, key)));
        let columns = items.iter().map(|(name, e)| ResultColumn { name: name.clone(), ty: e.ty }).collect();
        let items = items.into_iter().map(|(_, e)| e).collect();
        Ok(plain_query(Body::Select(Box::new(plain_select(items, Some(joined)))), columns, true))
    }

    /// `ft(query, rank)` in FROM: the arguments are what WHERE would say of the hidden columns.
    pub(super) fn search_function(
        &mut self,
        name: &ast::ObjectName,
        args: &ast::TableFunctionArgs,
        factor: &ast::TableFactor,
    ) -> Bound<Option<From>> {
        let (_, ident) = split_name(name)?;
        let Some(relation) = self.relation(name).ok().filter(|r| r.full_text().is_some()) else { return Ok(None) };
        if relation.full_text().is_some_and(|f| f.version != Version::Five) {
            return Err(self.refused("a full-text table of FTS3 or FTS4 as a function", ident.span));
        }
        let ast::TableFactor::Table { alias, .. } = factor else { return Ok(None) };
        let called = alias.as_ref().map_or_else(|| ident.clone(), |a| a.name.clone());
        if args.args.len() > 2 {
            let message = format!("too many arguments on {}() - max 2", ident.value);
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(ident.span)));
        }
        let own = relation.name.clone();
        self.matched.push((own.to_ascii_lowercase(), true));
        let from = self.factor(&without_arguments(factor))?;
        for (arg, hidden) in args.args.iter().zip([own.as_str(), "rank"]) {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) = arg else { return Err(self.refused(format!("the argument {arg}"), ident.span)) };
            let left = ast::Expr::CompoundIdentifier(vec![called.clone(), ast::Ident::with_quote('"', hidden)]);
            let asked = ast::Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::Match, right: Box::new(e.clone()) };
            self.scope().later.push(asked);
        }
        Ok(Some(from))
    }

    /// A condition together with what it says of the coordinates of the R*Trees in scope, as their indexes read it.
    pub fn bounded(&self, filter: Expr) -> Expr {
        let Some(scope) = self.scopes.last() else { return filter };
        let mut more = Vec::new();
        for (at, source) in scope.sources.iter().enumerate() {
            let relation = source.relation.map(|r| &self.catalog.relations[r]);
            let Some(Module::Rtree(tree)) = relation.and_then(|r| r.module.as_ref()) else { continue };
            for low in (1..tree.columns.len()).step_by(2) {
                let bounds = bounds(&filter, [low, low + 1].map(|c| (at, quote_ident(&tree.columns[c]))));
                if bounds.iter().any(Option::is_some) {
                    let none = || Expr::literal(Value::Null);
                    let bounds = bounds.into_iter().map(|b| b.unwrap_or_else(none));
                    let args = [low, low + 1].map(|c| source.column(at, c)).into_iter().chain(bounds).collect();
                    more.push(call(&rtree::WITHIN, args));
                }
            }
        }
        if more.is_empty() {
            return filter;
        }
        more.insert(0, filter);
        logic(true, more)
    }
}

/// The lower and the upper bound that a condition sets to each of two columns.
fn bounds(filter: &Expr, columns: [(usize, String); 2]) -> [Option<Expr>; 4] {
    let mut out = [None, None, None, None];
    let terms = match &filter.kind {
        Kind::Logic(true, all) => all.as_slice(),
        _ => std::slice::from_ref(filter),
    };
    let place = |e: &Expr| match &e.kind {
        Kind::Column(c) if c.depth == 0 => columns.iter().position(|(source, name)| c.source == *source && c.column == *name),
        _ => None,
    };
    let usable = |e: &Expr| {
        let moving = |e: &Expr| match &e.kind {
            Kind::Subquery(_) | Kind::Exists(_) | Kind::InQuery(..) => true,
            _ => e.is_aggregate() || place(e).is_some(),
        };
        (e.ty.class.is_number() || e.ty.class == crate::translate::tree::Class::Param) && !e.any(&mut |e| moving(e))
    };
    for term in terms {
        let Kind::Compare(op, a, b) = &term.kind else { continue };
        let (column, op, bound) = match (place(a), place(b)) {
            (Some(column), None) if usable(b) => (column, *op, b),
            (None, Some(column)) if usable(a) => (column, op.flipped(), a),
            _ => continue,
        };
        let (lower, upper) = match op {
            CompareOp::Lt | CompareOp::Le => (false, true),
            CompareOp::Gt | CompareOp::Ge => (true, false),
            CompareOp::Eq => (true, true),
            _ => continue,
        };
        for (slot, set) in [(2 * column, lower), (2 * column + 1, upper)] {
            if set {
                out[slot].get_or_insert_with(|| (**bound).clone());
            }
        }
    }
    out
}

fn without_arguments(factor: &ast::TableFactor) -> ast::TableFactor {
    let mut plain = factor.clone();
    if let ast::TableFactor::Table { args, .. } = &mut plain {
        *args = None;
    }
    plain
}
