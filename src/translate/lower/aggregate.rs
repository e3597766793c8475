//! Aggregate queries: group keys, bare columns, and the tail of a call (ORDER BY, FILTER, OVER).

use super::{Frag, Group, Lower, Lowered, fill};
use crate::error::ClientError;
use crate::translate::parse::Exclude;
use crate::translate::tree::{Bare, Call, Class, Expr, Frame, FrameBound, Kind, OrderItem, Window};
use sqlparser::ast::WindowFrameUnits;

impl Lower<'_> {
    /// Lowers with a query's group in force (None for a query without aggregates).
    pub(super) fn within<T>(&mut self, group: Option<(&[Expr], &Bare)>, work: impl FnOnce(&mut Self) -> T) -> T {
        self.groups.push(group.map(|(keys, bare)| Group { keys: keys.to_vec(), bare: bare.clone() }));
        let out = work(self);
        self.groups.pop();
        out
    }

    /// The rowids of the tables of an aggregate's query: the order in which SQLite comes by its rows.
    pub fn rowids(&self, call: &Call) -> Vec<Expr> {
        let group = self.groups.last().and_then(Option::as_ref).filter(|_| call.level == 0);
        group.map_or(Vec::new(), |g| g.bare.rowids.clone())
    }

    /// Lowers with the innermost group out of force: its keys, and the arguments of its aggregates.
    pub fn ungrouped<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let group = self.groups.last_mut().and_then(Option::take);
        let out = work(self);
        if let Some(last) = self.groups.last_mut() {
            *last = group;
        }
        out
    }

    /// Lowers the arguments of a call: those of an aggregate are outside the groups of its query, those of a window function within.
    pub fn arguments<T>(&mut self, call: &Call, work: impl FnOnce(&mut Self) -> T) -> T {
        match self.groups.len().checked_sub(call.level + 1) {
            Some(at) if call.over.is_none() => self.without_group(at, work),
            _ => work(self),
        }
    }

    /// What an expression is among the results of an aggregate query: a key as it is, a bare column as the group's chosen row has it.
    pub(super) fn grouped(&mut self, e: &Expr) -> Result<Option<Frag>, ClientError> {
        let depth = if let Kind::Column(column) = &e.kind { column.depth } else { 0 };
        let Some(at) = self.groups.len().checked_sub(depth.saturating_add(1)) else { return Ok(None) };
        let Some(group) = self.groups[at].clone() else { return Ok(None) };
        let mut local = e.clone();
        if let Kind::Column(column) = &mut local.kind {
            column.depth = 0;
        }
        // Under NOCASE or RTRIM a key stands for several texts, one of which is chosen as for a bare column.
        if group.keys.contains(&local) && !local.folds() {
            let out = self.without_group(at, |this| this.natural(e))?;
            return Ok(Some(out));
        }
        let Kind::Column(column) = &local.kind else { return Ok(None) };
        if group.bare.keyed.contains(&column.source) {
            return Ok(None);
        }
        let chosen = self.without_group(at, |this| -> Lowered {
            let mut order = Vec::new();
            if let Some((extreme, largest)) = &group.bare.extreme {
                let key = this.order_key(extreme)?;
                order.push(fill(if *largest { "{} DESC NULLS LAST" } else { "{} NULLS LAST" }, &[&key]));
            }
            for rowid in &group.bare.rowids {
                order.push(this.natural(rowid)?);
            }
            let value = this.natural(e)?;
            if order.is_empty() {
                return Ok(fill("(array_agg({}))[1]", &[&value]));
            }
            Ok(fill("(array_agg({} ORDER BY {}))[1]", &[&value, &Frag::join(&order, ", ")]))
        })?;
        Ok(Some(chosen))
    }

    fn without_group<T>(&mut self, at: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        let group = self.groups[at].take();
        let out = work(self);
        self.groups[at] = group;
        out
    }

    /// The order in which SQLite sees the rows of a group of one table, for an aggregate whose result shows it.
    pub fn scan_order(&mut self, call: &Call) -> Result<Option<Frag>, ClientError> {
        let rowids = self.rowids(call);
        let [rowid] = rowids.as_slice() else { return Ok(None) };
        self.ungrouped(|this| this.natural(rowid)).map(Some)
    }

    /// Closes a call: ORDER BY within it, FILTER, OVER.
    pub fn call_tail(&mut self, out: &mut Frag, call: &Call) -> Result<(), ClientError> {
        if !call.order.is_empty() {
            out.push(" ORDER BY ");
            out.append(&self.arguments(call, |this| this.order_by(&call.order, false))?);
        }
        out.push(")");
        if let Some(filter) = &call.filter {
            let filter = self.arguments(call, |this| this.truth(filter, true))?;
            out.append(&fill(" FILTER (WHERE {})", &[&filter]));
        }
        let Some(window) = &call.over else { return Ok(()) };
        let Some(key) = window.mixed_range() else {
            out.append(&self.window(window, None)?);
            return Ok(());
        };
        // A distance reaches from numbers to numbers; for everything else the rows that it reaches are its peers.
        let key = self.natural(key)?;
        let (near, peers) = (self.window(window, Some(RangeOf::Numbers))?, self.window(window, Some(RangeOf::Others))?);
        *out = fill("(CASE WHEN ({}).k = 1 THEN {}{} ELSE {}{} END)", &[&key, out, &near, out, &peers]);
        Ok(())
    }

    /// OVER (…), for the rows of a RANGE over keys of several classes that `of` says.
    fn window(&mut self, window: &Window, of: Option<RangeOf>) -> Lowered {
        let mut parts = Vec::new();
        if !window.partition.is_empty() {
            let keys = window.partition.iter().map(|e| if e.folds() { self.order_key(e) } else { self.natural(e) }).collect::<Result<Vec<_>, _>>()?;
            parts.push(fill("PARTITION BY {}", &[&Frag::join(&keys, ", ")]));
        }
        let mut order = self.order_by(&window.order, false)?;
        if let (Some(RangeOf::Numbers), [item]) = (of, window.order.as_slice()) {
            let key = self.natural(&item.expr)?;
            order = directed(item, &self.call("any_range", &[&key])?);
        }
        // PostgreSQL measures a RANGE in the class of its key.
        if let (Some(frame), [item]) = (&window.frame, window.order.as_slice())
            && frame.units == WindowFrameUnits::Range
        {
            let key = match item.expr.ty.class {
                Class::Integer if frame.has_real_distance() => Some(self.carried(&item.expr, Class::Real)?),
                Class::Bool => Some(self.carried(&item.expr, Class::Integer)?),
                _ => None,
            };
            order = key.map_or(order, |key| directed(item, &key));
        }
        if order != Frag::default() {
            parts.push(fill("ORDER BY {}", &[&order]));
        } else if window.frame.as_ref().is_some_and(|f| f.units == WindowFrameUnits::Groups) {
            // Without an order all rows are peers; PostgreSQL wants to hear it.
            parts.push(Frag::text("ORDER BY NULL::int8"));
        }
        if let Some(frame) = &window.frame {
            let class = window.order.first().map(|o| o.expr.ty.class);
            parts.push(self.frame(frame, if of == Some(RangeOf::Numbers) { Some(Class::Number) } else { class })?);
        }
        Ok(fill(" OVER ({})", &[&Frag::join(&parts, " ")]))
    }

    /// A frame; a RANGE's distances are of the class of the `key` that the rows are ordered by.
    fn frame(&mut self, frame: &Frame, key: Option<Class>) -> Lowered {
        let key = match key {
            Some(Class::Bool) => Some(Class::Integer),
            Some(Class::Integer) if frame.has_real_distance() => Some(Class::Real),
            other => other,
        };
        let mut bound = |bound: &FrameBound| -> Lowered {
            let (distance, word) = match bound {
                FrameBound::CurrentRow => return Ok(Frag::text("CURRENT ROW")),
                FrameBound::Preceding(distance) => (distance, "PRECEDING"),
                FrameBound::Following(distance) => (distance, "FOLLOWING"),
            };
            let distance = match (distance, key) {
                (None, _) => Frag::text("UNBOUNDED"),
                (Some(e), _) if frame.units != WindowFrameUnits::Range => self.whole(e)?,
                (Some(e), Some(class @ (Class::Integer | Class::Real | Class::Number))) => self.carried(e, class)?,
                // What is no number has no distance.
                _ => return Ok(Frag::text("CURRENT ROW")),
            };
            Ok(fill(&format!("{{}} {word}"), &[&distance]))
        };
        let start = bound(&frame.start)?;
        let mut out = match &frame.end {
            Some(end) => fill(&format!("{} BETWEEN {{}} AND {{}}", frame.units), &[&start, &bound(end)?]),
            None => fill(&format!("{} {{}}", frame.units), &[&start]),
        };
        out.push(match frame.exclude {
            None => "",
            Some(Exclude::CurrentRow) => " EXCLUDE CURRENT ROW",
            Some(Exclude::Group) => " EXCLUDE GROUP",
            Some(Exclude::Ties) => " EXCLUDE TIES",
        });
        Ok(out)
    }

    /// ORDER BY terms; with `ordinals`, results are named by their number (compounds allow no more).
    pub fn order_by(&mut self, order: &[OrderItem], ordinals: bool) -> Lowered {
        let mut terms = Vec::new();
        for item in order.iter().filter(|item| !is_constant_term(item)) {
            let term = match item.result {
                Some(at) if ordinals => Frag::text((at + 1).to_string()),
                _ => self.order_key(&item.expr)?,
            };
            terms.push(directed(item, &term));
        }
        Ok(Frag::join(&terms, ", "))
    }

    /// What an expression is ordered and grouped by.
    pub fn order_key(&mut self, e: &Expr) -> Lowered {
        let key = self.natural(e)?;
        self.key_of(key, e.ty, !self.byte_order(e))
    }
}

/// Which rows of a RANGE over keys of several classes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum RangeOf {
    /// Those whose key is a number; all that is none lies behind them.
    Numbers,
    /// The others.
    Others,
}

/// Does a term order nothing?
pub(super) fn is_constant_term(item: &OrderItem) -> bool {
    item.result.is_none() && item.expr.constant().is_some()
}

/// A term's key with its direction and the place of its NULLs. A plain direction on what cannot be NULL lets a plain index serve.
pub(super) fn directed(item: &OrderItem, key: &Frag) -> Frag {
    let nulls = match item.nulls_first {
        Some(true) => " NULLS FIRST",
        Some(false) => " NULLS LAST",
        None if !item.expr.ty.nullable => "",
        None if item.descending => " NULLS LAST",
        None => " NULLS FIRST",
    };
    // A constant in a place of its own is an ordinal or an error to PostgreSQL.
    let key = match key.clone().into_fixed().as_deref() {
        Some(constant @ ("true" | "false")) => Frag::text(format!("{constant}::bool")),
        _ => key.clone(),
    };
    fill(&format!("{{}}{}{nulls}", if item.descending { " DESC" } else { "" }), &[&key])
}
