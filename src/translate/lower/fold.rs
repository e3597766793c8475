//! Rows that SQLite takes for the same though their values can be told apart: under NOCASE or RTRIM, or 1 and 1.0. Of those that
//! DISTINCT, INTERSECT or EXCEPT makes one, the first that came is kept; of those of a UNION the right side's first.

use super::query::Items;
use super::{Frag, Lower, Lowered, fill};
use crate::catalog::Collation;
use crate::error::ClientError;
use crate::translate::tree::{Class, Expr, OrderItem, Query, ResultColumn, Select, Ty, folds};

impl Lower<'_> {
    /// What a value is ordered and grouped by, in the order of bytes where `bytewise` says that it is not the value's own.
    pub fn key_of(&self, piece: Frag, ty: Ty, bytewise: bool) -> Lowered {
        let collation = ty.collation.map_or(Collation::Binary, |(c, _)| c);
        match (ty.class, collation) {
            (Class::Dynamic, Collation::NoCase) => self.call("any_nocase", &[&piece]),
            (Class::Dynamic, Collation::RTrim) => self.call("any_rtrim", &[&piece]),
            (Class::Text | Class::Param, Collation::NoCase) => Ok(fill("lower({} COLLATE \"C\")", &[&piece])),
            (Class::Text | Class::Param, Collation::RTrim) => Ok(fill("rtrim({}, ' ')", &[&piece])),
            (Class::Text | Class::Param, Collation::Binary) if bytewise => Ok(fill("({} COLLATE \"C\")", &[&piece])),
            _ => Ok(piece),
        }
    }

    /// A compound, not UNION ALL, of rows that may be the same and yet differ.
    pub(super) fn folded_compound(&mut self, op: &str, left: &Frag, right: &Frag, columns: &[ResultColumn], classes: &[Class]) -> Lowered {
        let rows = fill("SELECT false, * FROM {} AS \"_l\" UNION ALL SELECT true, * FROM {} AS \"_r\"", &[left, right]);
        let (order, having) = match op {
            "INTERSECT" => ("\"n\"", " HAVING bool_or(\"right\") AND NOT bool_and(\"right\")"),
            "EXCEPT" => ("\"n\"", " HAVING NOT bool_or(\"right\")"),
            _ => ("\"right\" DESC, \"n\"", ""),
        };
        self.first_of_each(&rows, columns, classes, order, having)
    }

    /// SELECT DISTINCT whose rows fold, or are ordered by more than their results as they are.
    pub(super) fn distinct(&mut self, query: &Query, select: &Select, items: Items) -> Lowered {
        let classes = self.classes_of(query, items);
        let folding = select.items.iter().any(Expr::folds);
        let plain = Select { distinct: !folding, ..select.clone() };
        let mut rows = self.select(&Query { order: Vec::new(), ..query.clone() }, &plain, Items::Carried(&classes))?;
        if folding {
            rows = fill("SELECT false, * FROM ({}) AS \"_l\"", &[&rows]);
            rows = self.first_of_each(&rows, &query.columns, &classes, "\"n\"", "")?;
        }
        self.ordered_rows(&rows, query, &classes, items)
    }

    /// Of the rows that are the same, the first in an order: its columns as they are. `rows` begin with a truth value.
    fn first_of_each(&mut self, rows: &Frag, columns: &[ResultColumn], classes: &[Class], order: &str, having: &str) -> Lowered {
        let names = names(classes.len());
        let firsts: Vec<String> = names.iter().map(|n| format!("(array_agg({n} ORDER BY {order}))[1]")).collect();
        let key = |this: &Self, name: &String, (column, class): (&ResultColumn, &Class)| {
            this.key_of(Frag::text(name.clone()), Ty { class: *class, ..column.ty }, false)
        };
        let keys = names.iter().zip(columns.iter().zip(classes)).map(|(n, c)| key(self, n, c)).collect::<Result<Vec<_>, _>>()?;
        let pattern = format!(
            "SELECT {} FROM (SELECT row_number() OVER () AS \"n\", * FROM ({{}}) AS \"_f\"(\"right\", {})) AS \"_g\" GROUP BY {{}}{having}",
            firsts.join(", "),
            names.join(", ")
        );
        Ok(fill(&pattern, &[rows, &Frag::join(&keys, ", ")]))
    }

    /// Rows of carriers, ordered by what their results are ordered by.
    pub(super) fn ordered_rows(&mut self, rows: &Frag, query: &Query, classes: &[Class], items: Items) -> Lowered {
        let names = names(classes.len());
        let cells = names.iter().zip(classes).map(|(n, class)| match items {
            Items::Output => self.cell(&Frag::text(n.clone()), *class),
            _ => Ok(Frag::text(n.clone())),
        });
        let cells = cells.collect::<Result<Vec<_>, _>>()?;
        let mut out = fill(&format!("SELECT {{}} FROM ({{}}) AS \"_u\"({})", names.join(", ")), &[&Frag::join(&cells, ", "), rows]);
        let mut terms = Vec::new();
        for item in &query.order {
            let Some(at) = item.result else {
                if item.expr.constant().is_some() {
                    continue;
                }
                return Err(ClientError::refused("ORDER BY an expression that is no result column, with DISTINCT or a compound SELECT"));
            };
            let key = self.key_of(Frag::text(names[at].clone()), Ty { class: classes[at], ..item.expr.ty }, !self.catalog.byte_order)?;
            terms.push(super::aggregate::directed(item, &key));
        }
        if !terms.is_empty() {
            out.append(&fill(" ORDER BY {}", &[&Frag::join(&terms, ", ")]));
        }
        Ok(out)
    }

    /// Is a result ordered by something else than its own carrier?
    pub(super) fn orders_by_key(&self, order: &[OrderItem]) -> bool {
        let text = |ty: Ty| matches!(ty.class, Class::Text | Class::Param);
        order.iter().any(|o| o.result.is_some() && (folds(o.expr.ty) || text(o.expr.ty) && !self.catalog.byte_order))
    }
}

/// May equal values of the type be told apart?
pub(super) fn merges(ty: Ty) -> bool {
    folds(ty) || matches!(ty.class, Class::Number | Class::Dynamic)
}

fn names(count: usize) -> Vec<String> {
    (1..=count).map(|i| format!("\"c{i}\"")).collect()
}
