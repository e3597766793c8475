//! Queries, and the casts that give a result its wire type.

use super::aggregate::{directed, is_constant_term};
use super::fold::merges;
use super::{Frag, Lower, Lowered, fill};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::{GIVEN, PATH, ROW, quote_ident};
use crate::translate::plan::{Carrier, OutColumn, OutKind};
use crate::translate::tree::{Body, Class, Cte, Expr, From, Kind, OrderItem, Query, Recursion, Select, Ty, folds};
use crate::value::Value;

/// The backend's `join_collapse_limit`, unless somebody has set it.
const COLLAPSED: usize = 8;

/// How the items of a result list are printed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Items<'a> {
    /// Each in the carrier of its own class.
    Natural,
    /// Each in the carrier of a class.
    Carried(&'a [Class]),
    /// The same, text in one collation: the parts of a recursive table must agree.
    Recursive(&'a [Class]),
    /// Each in its wire type.
    Output,
}

impl Lower<'_> {
    /// The outermost query, its columns in their wire types.
    pub fn output(&mut self, query: &Query) -> Result<(Frag, Vec<OutColumn>), ClientError> {
        let columns = query.columns.iter().map(|c| OutColumn { name: c.name.clone(), kind: out_kind(c.ty) }).collect();
        Ok((self.query(query, Items::Output)?, columns))
    }

    /// A subquery, its columns in the carriers of their own classes.
    pub(super) fn subquery(&mut self, query: &Query) -> Lowered {
        self.query(query, Items::Natural)
    }

    /// A subquery, its columns in the carriers of given classes.
    pub fn query_as(&mut self, query: &Query, classes: &[Class]) -> Lowered {
        self.query(query, Items::Carried(classes))
    }

    /// A scalar subquery: its first row.
    pub(super) fn scalar_query(&mut self, query: &Query) -> Lowered {
        let value = self.first_row(query)?;
        let ty = query.columns.first().map_or("text", |c| self.type_name(c.ty.class));
        Ok(self.once(query, value, ty))
    }

    /// A value that is the same for every row, computed beforehand where rows are done one by one.
    pub(super) fn once(&mut self, query: &Query, value: Frag, ty: &'static str) -> Frag {
        match &mut self.beforehand {
            Some(beforehand) if !query.correlated => beforehand.add(value, ty),
            _ => value,
        }
    }

    fn first_row(&mut self, query: &Query) -> Lowered {
        let inner = self.subquery(query)?;
        if query.many && query.limit.is_none() && query.offset.is_none() {
            return Ok(fill("({} LIMIT 1)", &[&inner]));
        }
        if query.many {
            return Ok(fill("(SELECT * FROM ({}) AS \"_s\" LIMIT 1)", &[&inner]));
        }
        Ok(fill("({})", &[&inner]))
    }

    fn query(&mut self, query: &Query, items: Items) -> Lowered {
        let mut out = self.with(&query.ctes, query.recursive)?;
        match &query.body {
            Body::Select(select)
                if select.distinct
                    && (select.items.iter().any(Expr::folds)
                        || self.orders_by_key(&query.order) && query.order.iter().all(|o| o.result.is_some())) =>
            {
                out.append(&self.distinct(query, select, items)?);
            }
            Body::Select(select) => out.append(&self.select(query, select, items)?),
            body if self.orders_by_key(&query.order) => {
                let classes = self.classes_of(query, items);
                let rows = self.body(query, body, Items::Carried(&classes))?;
                out.append(&self.ordered_rows(&rows, query, &classes, items)?);
            }
            body => {
                out.append(&self.body(query, body, items)?);
                if !query.order.is_empty() {
                    let order = self.order_by(&query.order, true)?;
                    out.append(&fill(" ORDER BY {}", &[&order]));
                }
            }
        }
        out.append(&self.limit(query.limit.as_ref(), query.offset.as_ref())?);
        Ok(out)
    }

    /// WITH, with a space behind it; nothing without common tables.
    pub fn with(&mut self, ctes: &[Cte], recursive: bool) -> Lowered {
        let mut out = Frag::default();
        for (i, cte) in ctes.iter().enumerate() {
            out.push(match (i, recursive) {
                (0, true) => "WITH RECURSIVE ",
                (0, false) => "WITH ",
                _ => ", ",
            });
            let classes: Vec<Class> = cte.types.iter().map(|t| t.class.or_text()).collect();
            let columns = cte.columns.iter().map(|c| quote_ident(c)).collect::<Vec<_>>().join(", ");
            let materialized = match cte.materialized {
                None => "",
                Some(true) => " MATERIALIZED",
                Some(false) => " NOT MATERIALIZED",
            };
            match &cte.recursion {
                None => {
                    let body = self.query_as(&cte.query, &classes)?;
                    out.append(&fill(&format!("{}({columns}) AS{materialized} ({{}})", cte.name), &[&body]));
                }
                Some(recursion) => {
                    let body = self.recursive(&cte.query, recursion, &classes)?;
                    let path = if recursion.depth_first { format!(", {PATH}") } else { String::new() };
                    out.append(&fill(&format!("{}({columns}{path}) AS ({{}})", recursion.name), &[&body]));
                    if recursion.bounded {
                        let order = if recursion.depth_first { format!(" ORDER BY {PATH}") } else { String::new() };
                        let limit = self.limit(recursion.limit.as_ref(), recursion.offset.as_ref())?;
                        let whole = format!(", {}({columns}) AS{materialized} (SELECT {columns} FROM {}{order}{{}})", cte.name, recursion.name);
                        out.append(&fill(&whole, &[&limit]));
                    }
                }
            }
        }
        if !ctes.is_empty() {
            out.push(" ");
        }
        Ok(out)
    }

    /// The query of a recursive table: its first rows, and what each step gives.
    fn recursive(&mut self, query: &Query, recursion: &Recursion, classes: &[Class]) -> Lowered {
        let Body::Compound(op, first, step) = &query.body else { return self.query_as(query, classes) };
        if *op == "UNION" && query.columns.iter().any(|c| folds(c.ty)) {
            return Err(ClientError::refused("a recursive common table with UNION of columns under NOCASE or RTRIM"));
        }
        let mut out = self.with(&query.ctes, query.recursive)?;
        let (mut first, mut step) = (self.query(first, Items::Recursive(classes))?, self.query(step, Items::Recursive(classes))?);
        if recursion.depth_first {
            // The numbers of a row's forebears, and its own among the rows of its step, order the rows as a tree is walked.
            first = fill(&format!("SELECT {GIVEN}.*, ARRAY[row_number() OVER ()] FROM ({{}}) AS {GIVEN}"), &[&first]);
        }
        if recursion.by_row {
            let path = if recursion.depth_first { format!(", {ROW}.{PATH} || row_number() OVER ()") } else { String::new() };
            let all = format!("SELECT {GIVEN}.*{path} FROM {} AS {ROW} CROSS JOIN LATERAL ({{}}) AS {GIVEN}", recursion.name);
            step = fill(&all, &[&step]);
        }
        out.append(&fill(&format!("({{}}) {op} ({{}})"), &[&first, &step]));
        Ok(out)
    }

    /// The classes whose carriers the columns are printed in, before they get their wire types.
    pub(super) fn classes_of(&self, query: &Query, items: Items) -> Vec<Class> {
        match items {
            Items::Carried(classes) | Items::Recursive(classes) => classes.to_vec(),
            _ => query.columns.iter().map(|c| c.ty.class.or_text()).collect(),
        }
    }

    /// VALUES and compounds, whose columns all arms share.
    fn body(&mut self, query: &Query, body: &Body, items: Items) -> Lowered {
        let classes = self.classes_of(query, items);
        let inner = match body {
            Body::Values(rows) => {
                let row = |this: &mut Self, row: &Vec<Expr>| -> Lowered {
                    let recursive = matches!(items, Items::Recursive(_));
                    let cell = |(e, c): (&Expr, &Class)| if recursive { this.collated(e, *c) } else { this.carried(e, *c) };
                    let cells = row.iter().zip(&classes).map(cell).collect::<Result<Vec<_>, _>>()?;
                    Ok(fill("({})", &[&Frag::join(&cells, ", ")]))
                };
                let rows = rows.iter().map(|r| row(self, r)).collect::<Result<Vec<_>, _>>()?;
                fill("VALUES {}", &[&Frag::join(&rows, ", ")])
            }
            Body::Compound(op, left, right) => {
                let arms = if let Items::Recursive(_) = items { Items::Recursive(&classes) } else { Items::Carried(&classes) };
                let (left, right) = (self.arm(left, arms)?, self.arm(right, arms)?);
                if *op != "UNION ALL" && query.columns.iter().any(|c| merges(c.ty)) {
                    return self.folded_compound(op, &left, &right, &query.columns, &classes).and_then(|rows| match items {
                        Items::Output => self.ordered_rows(&rows, &Query { order: Vec::new(), ..query.clone() }, &classes, items),
                        _ => Ok(rows),
                    });
                }
                fill(&format!("{{}} {op} {{}}"), &[&left, &right])
            }
            Body::Select(_) => unreachable!("a SELECT is printed with its scope"),
        };
        let Items::Output = items else { return Ok(inner) };
        if query.columns.iter().zip(&classes).all(|(_, class)| out_kind(Ty::plain(*class)).carries(*class)) {
            return Ok(inner);
        }
        let names: Vec<String> = (1..=classes.len()).map(|i| format!("\"c{i}\"")).collect();
        let cells = names.iter().zip(&classes).map(|(n, c)| self.cell(&Frag::text(n.clone()), *c)).collect::<Result<Vec<_>, _>>()?;
        Ok(fill(&format!("SELECT {{}} FROM ({{}}) AS \"_u\"({})", names.join(", ")), &[&Frag::join(&cells, ", "), &inner]))
    }

    /// An arm of a compound. Parentheses keep SQLite's reading: all compounds are left-associative and of one level.
    fn arm(&mut self, query: &Query, items: Items) -> Lowered {
        let inner = self.query(query, items)?;
        Ok(fill("({})", &[&inner]))
    }

    pub(super) fn select(&mut self, query: &Query, select: &Select, items: Items) -> Lowered {
        let group = select.aggregate.then_some((select.group.as_slice(), &select.bare));
        self.within(group, |this| {
            // DISTINCT takes the first of the rows that are alike, and that one's keys order the result.
            let keys: Vec<&OrderItem> = query.order.iter().filter(|item| select.distinct && !is_constant_term(item)).collect();
            let keyed = keys.iter().any(|item| item.result.is_none());
            let width = select.items.len();
            let mut out = match (select.distinct, keyed) {
                (false, _) => Frag::text("SELECT "),
                (true, false) => Frag::text("SELECT DISTINCT "),
                (true, true) => Frag::text(format!("SELECT DISTINCT ON ({}) ", ordinals(width))),
            };
            let mut cells = Vec::new();
            for (i, item) in select.items.iter().enumerate() {
                cells.push(match items {
                    Items::Natural => this.carried(item, query.columns[i].ty.class.or_text())?,
                    Items::Carried(classes) => this.carried(item, classes[i])?,
                    Items::Recursive(classes) => this.collated(item, classes[i])?,
                    Items::Output => this.output_cell(item)?,
                });
            }
            if keyed {
                for item in &keys {
                    cells.push(this.order_key(&item.expr)?);
                }
            }
            out.append(&Frag::join(&cells, ", "));
            let mut conditions = Vec::new();
            if let Some(from) = &select.from {
                let (from, on) = this.ungrouped(|this| this.tables(from))?;
                out.append(&fill(" FROM {}", &[&from]));
                conditions = on;
            }
            if let Some(filter) = &select.filter {
                conditions.push(this.ungrouped(|this| this.truth(filter, true))?);
            }
            if !conditions.is_empty() {
                out.append(&fill(" WHERE {}", &[&Frag::join(&conditions, " AND ")]));
            }
            if !select.group.is_empty() {
                let keys = this.ungrouped(|this| select.group.iter().map(|k| this.group_key(k)).collect::<Result<Vec<_>, _>>())?;
                out.append(&fill(" GROUP BY {}", &[&Frag::join(&keys, ", ")]));
            } else if select.aggregate && select.items.iter().any(is_null_aggregate) {
                // NULL is written for it, and no aggregate is left that would make one row of all.
                out.push(" GROUP BY ()");
            }
            if let Some(having) = &select.having {
                let having = this.truth(having, true)?;
                out.append(&fill(" HAVING {}", &[&having]));
            }
            if keyed {
                let rowids =
                    if select.aggregate { Vec::new() } else { select.bare.rowids.iter().map(|r| this.natural(r)).collect::<Result<Vec<_>, _>>()? };
                let scan = Frag::join(&[vec![Frag::text(ordinals(width))], rowids].concat(), ", ");
                out.append(&fill(" ORDER BY {}", &[&scan]));
                let names: Vec<String> = (1..=width + keys.len()).map(|n| format!("\"d{n}\"")).collect();
                let order: Vec<Frag> = keys.iter().zip(&names[width..]).map(|(item, name)| directed(item, &Frag::text(name.clone()))).collect();
                let whole = format!("SELECT {} FROM ({{}}) AS \"_d\"({}) ORDER BY {{}}", names[..width].join(", "), names.join(", "));
                return Ok(fill(&whole, &[&out, &Frag::join(&order, ", ")]));
            }
            if !query.order.is_empty() {
                let order = this.order_by(&query.order, select.distinct)?;
                if order != Frag::default() {
                    out.append(&fill(" ORDER BY {}", &[&order]));
                }
            }
            Ok(out)
        })
    }

    /// A cell of a recursive table.
    fn collated(&mut self, e: &Expr, class: Class) -> Lowered {
        let cell = self.carried(e, class)?;
        Ok(if class == Class::Text { fill("({}) COLLATE \"C\"", &[&cell]) } else { cell })
    }

    fn group_key(&mut self, key: &Expr) -> Lowered {
        let piece = if key.folds() { self.order_key(key)? } else { self.natural(key)? };
        // A bare number would be read as an ordinal; a constant groups nothing.
        Ok(if key.constant().is_some() { fill("({})", &[&piece]) } else { piece })
    }

    /// FROM of a SELECT, and what of it belongs to WHERE. Of more inner joins than it plans at once in the order of JOINs
    /// (`join_collapse_limit`) the backend finds an order only in a plain list.
    fn tables(&mut self, from: &From) -> Result<(Frag, Vec<Frag>), ClientError> {
        let (mut factors, mut conditions, mut first) = (Vec::new(), Vec::new(), from);
        while let From::Join("JOIN" | "CROSS JOIN", left, right, on) = first {
            factors.push(&**right);
            conditions.extend(on);
            first = left;
        }
        if factors.len() < COLLAPSED {
            return Ok((self.from(from)?, Vec::new()));
        }
        factors.push(first);
        let factors = factors.into_iter().rev().map(|factor| self.from(factor)).collect::<Result<Vec<_>, _>>()?;
        let conditions = conditions.into_iter().rev().map(|on| self.truth(on, true)).collect::<Result<Vec<_>, _>>()?;
        Ok((Frag::join(&factors, ", "), conditions))
    }

    /// FROM.
    pub fn from(&mut self, from: &From) -> Lowered {
        match from {
            From::Table(name, alias) => Ok(Frag::text(format!("{name} AS {alias}"))),
            From::Query(query, alias, columns) => {
                let inner = self.subquery(query)?;
                Ok(fill(&format!("({{}}) AS {alias}({})", columns.join(", ")), &[&inner]))
            }
            From::Lateral(query, alias, columns) => {
                let inner = self.subquery(query)?;
                Ok(fill(&format!("LATERAL ({{}}) AS {alias}({})", columns.join(", ")), &[&inner]))
            }
            From::Function(function, args, alias) => {
                let rows = (function.lower)(self, args)?;
                Ok(fill(&format!("LATERAL ({{}}) AS {alias}"), &[&rows]))
            }
            From::Join(kind, left, right, on) => {
                let (left, right) = (self.from(left)?, self.from(right)?);
                let right = if matches!(from, From::Join(_, _, r, _) if matches!(**r, From::Join(..))) { fill("({})", &[&right]) } else { right };
                match on {
                    Some(on) => {
                        let on = self.truth(on, true)?;
                        let kind = if *kind == "CROSS JOIN" { "JOIN" } else { kind };
                        Ok(fill(&format!("{{}} {kind} {{}} ON {{}}"), &[&left, &right, &on]))
                    }
                    None if matches!(*kind, "JOIN" | "CROSS JOIN") => Ok(fill("{} CROSS JOIN {}", &[&left, &right])),
                    None => Ok(fill(&format!("{{}} {kind} {{}} ON true"), &[&left, &right])),
                }
            }
        }
    }

    /// LIMIT and OFFSET (lang_select.html §5): a negative limit is none, a negative offset is 0.
    fn limit(&mut self, limit: Option<&Expr>, offset: Option<&Expr>) -> Lowered {
        let mut out = Frag::default();
        for (limit, word) in [(limit, " LIMIT "), (offset, " OFFSET ")] {
            let Some(e) = limit else { continue };
            match e.constant() {
                Some(value) => match value.clone().apply(crate::catalog::Affinity::Integer) {
                    Value::Integer(n) if n >= 0 => out.push(&format!("{word}{n}")),
                    Value::Integer(_) => {}
                    _ => return Err(ClientError::new(SqlState::DATATYPE_MISMATCH, "datatype mismatch")),
                },
                None => {
                    let mut n = self.whole(e)?;
                    // A NULL is no number. Without helpers a parameter is taken at its word.
                    if e.ty.nullable && !(matches!(e.kind, Kind::Param(_)) && self.catalog.helpers.is_none()) {
                        n = self.call("row_count", &[&n])?;
                    }
                    let pattern = if word == " LIMIT " { "nullif(greatest({}, -1), -1)" } else { "greatest({}, 0)" };
                    out.push(word);
                    out.append(&fill(pattern, &[&n]));
                }
            }
        }
        Ok(out)
    }

    /// A result expression in its wire type.
    pub fn output_cell(&mut self, item: &Expr) -> Lowered {
        if self.options.native_results {
            return match item.ty.class {
                Class::Number | Class::Dynamic => self.text(item),
                _ => self.natural(item),
            };
        }
        if let Kind::Param(_) = item.kind
            && item.ty.class == Class::Param
        {
            return self.text(item);
        }
        let inner = match item.ty.class {
            Class::Null => return Ok(Frag::text("NULL::text")),
            Class::Integer => {
                let inner = self.natural(item)?;
                self.wide(item, inner)
            }
            Class::Real => {
                let inner = self.natural(item)?;
                return Ok(match &item.kind {
                    Kind::Column(c) if c.oid == crate::catalog::oid::FLOAT4 => fill("({})::float8", &[&inner]),
                    _ => inner,
                });
            }
            _ => self.natural(item)?,
        };
        // A varchar or a name is not text on the wire.
        if let Kind::Column(c) = &item.kind
            && item.ty.class == Class::Text
            && c.oid != crate::catalog::oid::TEXT
        {
            return Ok(fill("({})::text", &[&inner]));
        }
        self.cell(&inner, item.ty.class)
    }

    /// A piece in the wire type of its class.
    pub(super) fn cell(&mut self, inner: &Frag, class: Class) -> Lowered {
        match class {
            Class::Bool => self.recarry(inner, class, Class::Integer),
            Class::Integer | Class::Real | Class::Text | Class::Blob | Class::Param => Ok(inner.clone()),
            // Dynamic values go out in their carrier: the session finds the class of each.
            Class::Dynamic | Class::Number => Ok(inner.clone()),
            other => self.text_of(inner, other),
        }
    }
}

/// The ordinals of so many result columns.
fn ordinals(width: usize) -> String {
    (1..=width).map(|n| n.to_string()).collect::<Vec<_>>().join(", ")
}

/// The wire type of a class in `sqlite` results.
pub fn out_kind(ty: Ty) -> OutKind {
    match ty.class {
        Class::Bool | Class::Integer => OutKind::Integer,
        Class::Real => OutKind::Real,
        Class::Blob => OutKind::Blob,
        Class::Dynamic => OutKind::Dynamic(Carrier::Any),
        Class::Number => OutKind::Dynamic(Carrier::Number),
        _ => OutKind::Text,
    }
}

impl OutKind {
    /// Is the wire type the carrier of the class itself?
    fn carries(self, class: Class) -> bool {
        matches!(
            (self, class),
            (OutKind::Dynamic(_), _)
                | (OutKind::Integer, Class::Integer)
                | (OutKind::Real, Class::Real)
                | (OutKind::Text, Class::Text)
                | (OutKind::Blob, Class::Blob)
        )
    }
}

/// Is an aggregate within what is always NULL?
fn is_null_aggregate(item: &Expr) -> bool {
    item.any(&mut |e| e.ty.class == Class::Null && e.any(&mut |inner| inner.is_aggregate()))
}
