//! Comparisons (datatype3.html §4): affinity applied, classes compared, collations kept, and an index left usable.

use super::convert::constant;
use super::{Frag, Lower, Lowered, fill, slot};
use crate::catalog::{Affinity, Collation, oid};
use crate::translate::plan::{Demand, ParamClass, Source};
use crate::translate::tree::{Class, CompareOp, Expr, Kind, Ty};
use crate::value::Value;

impl Lower<'_> {
    /// `left op right`, with NULL as SQLite has it. IS and IS NOT never give NULL.
    pub(super) fn comparison(&mut self, op: CompareOp, left: &Expr, right: &Expr) -> Lowered {
        let (left, right) = with_affinity(left, right);
        if let (Some(a), Some(b)) = (left.constant(), right.constant())
            && let Some(known) = fold(op, a, b, collation_of(&left, &right))
        {
            return Ok(Frag::text(known));
        }
        if left.constant().is_some() && right.constant().is_none() {
            return self.ordered(op.flipped(), &right, &left);
        }
        self.ordered(op, &left, &right)
    }

    /// A comparison whose constant, if it has one, stands on the right.
    fn ordered(&mut self, op: CompareOp, left: &Expr, right: &Expr) -> Lowered {
        if let CompareOp::Is | CompareOp::IsNot = op {
            return self.is(op == CompareOp::IsNot, left, right, false);
        }
        if right.constant() == Some(&Value::Null) {
            return Ok(Frag::text("NULL::bool"));
        }
        match (left.ty.class, right.ty.class) {
            // A boolean column against 0, 1 or a parameter stays a boolean, so its index serves.
            (Class::Bool, _) if matches!(left.kind, Kind::Column(_)) => self.boolean(op, left, right),
            (_, Class::Bool) if matches!(right.kind, Kind::Column(_)) => self.boolean(op.flipped(), right, left),
            (Class::Native(of), other) | (other, Class::Native(of)) if of != 0 && self.comparable(of, left, right, other) => {
                self.native(op, left, right, of)
            }
            (Class::Integer, Class::Real) if right.constant().is_some() => self.integer_with_real(op, left, right),
            (Class::Real, Class::Integer) if right.constant().is_some() => self.real_with_integer(op, left, right),
            (a, b) if a.is_number() && b.is_number() => self.numbers(op, left, right),
            (Class::Param, Class::Param) => self.same(op, Class::Text, left, right),
            // Text of which is known that no integer is meant by it.
            (Class::Param, Class::Integer) if self.is_fraction(left) => self.numbers(op, &as_real(left), right),
            (Class::Integer, Class::Param) if self.is_fraction(right) => self.numbers(op, left, &as_real(right)),
            (Class::Param, b) => self.same(op, b, left, right),
            (a, Class::Param) => self.same(op, a, left, right),
            (Class::Text | Class::Native(_), Class::Text | Class::Native(_)) => self.texts(op, left, right),
            (Class::Blob, Class::Blob) => self.same(op, Class::Blob, left, right),
            (Class::Null, _) | (_, Class::Null) => Ok(Frag::text("NULL::bool")),
            (a, b) => match (a.rank(), b.rank()) {
                (Some(x), Some(y)) if x != y => self.classes(op, left, right, x.cmp(&y)),
                _ => self.same(op, Class::Dynamic, left, right),
            },
        }
    }

    fn is_fraction(&self, e: &Expr) -> bool {
        matches!(e.kind, Kind::Param(n) if matches!(self.param(n), Some(ParamClass::FractionText | ParamClass::Fraction)))
    }

    /// Both in the carrier of one class.
    fn same(&mut self, op: CompareOp, class: Class, left: &Expr, right: &Expr) -> Lowered {
        if class == Class::Text {
            return self.texts(op, left, right);
        }
        let class = if class == Class::Bool { Class::Integer } else { class };
        let (mut a, mut b) = (self.carried(left, class)?, self.carried(right, class)?);
        let fold = match collation_of(left, right) {
            Collation::NoCase if class == Class::Dynamic => Some("any_nocase"),
            Collation::RTrim if class == Class::Dynamic => Some("any_rtrim"),
            _ => None,
        };
        if let Some(fold) = fold {
            (a, b) = (self.call(fold, &[&a])?, self.call(fold, &[&b])?);
        }
        Ok(fill(&format!("({{}} {} {{}})", op.text()), &[&a, &b]))
    }

    /// Different classes: the order is that of the classes, unless a side is NULL.
    fn classes(&mut self, op: CompareOp, left: &Expr, right: &Expr, order: std::cmp::Ordering) -> Lowered {
        let holds = op.holds(order);
        let mut nullable = Vec::new();
        for side in [left, right] {
            if side.ty.nullable && side.constant().is_none() {
                nullable.push(fill("({}) IS NULL", &[&self.natural(side)?]));
            }
        }
        if nullable.is_empty() {
            return Ok(Frag::text(holds.to_string()));
        }
        Ok(fill(&format!("(CASE WHEN {{}} THEN NULL ELSE {holds} END)"), &[&Frag::join(&nullable, " OR ")]))
    }

    fn numbers(&mut self, op: CompareOp, left: &Expr, right: &Expr) -> Lowered {
        let whole = |e: &Expr| e.ty.class == Class::Integer && !matches!(&e.kind, Kind::Column(c) if matches!(c.oid, oid::INT2 | oid::INT4));
        if whole(left) && right.ty.class == Class::Real || whole(right) && left.ty.class == Class::Real {
            // int8 against float8 would be rounded; what cannot be equal rounded, an index says.
            let (a, b) = (self.carried(left, Class::Number)?, self.carried(right, Class::Number)?);
            let exact = fill(&format!("({{}} {} {{}})", op.text()), &[&a, &b]);
            if op != CompareOp::Eq {
                return Ok(exact);
            }
            return Ok(fill("(({} = {}) AND {})", &[&self.natural(left)?, &self.natural(right)?, &exact]));
        }
        let side = |this: &mut Self, e: &Expr, other: &Expr| -> Lowered {
            match e.ty.class {
                Class::Bool => this.carried(e, Class::Integer),
                // numeric against float8 would be compared as float8, and its index lost.
                Class::Real if other.ty.class == Class::Number => this.carried(e, Class::Number),
                _ => this.natural(e),
            }
        };
        let (a, b) = (side(self, left, right)?, side(self, right, left)?);
        Ok(fill(&format!("({{}} {} {{}})", op.text()), &[&a, &b]))
    }

    /// An integer against a real constant: the bound becomes an integer, or the index would be lost.
    fn integer_with_real(&mut self, op: CompareOp, left: &Expr, right: &Expr) -> Lowered {
        let Some(Value::Real(x)) = right.constant() else { return self.numbers(op, left, right) };
        let a = self.natural(left)?;
        let always = |holds: bool, this: &mut Self| {
            this.classes(CompareOp::Eq, left, right, if holds { std::cmp::Ordering::Equal } else { std::cmp::Ordering::Less })
        };
        let bound = match op {
            CompareOp::Eq if x.fract() != 0.0 => return always(false, self),
            CompareOp::Ne if x.fract() != 0.0 => return always(true, self),
            CompareOp::Lt | CompareOp::Ge => x.ceil(),
            _ => x.floor(),
        };
        if !(-9.223_372_036_854_776e18..9.223_372_036_854_776e18).contains(&bound) {
            let above = bound > 0.0;
            return always(
                matches!((op, above), (CompareOp::Lt | CompareOp::Le, true) | (CompareOp::Gt | CompareOp::Ge, false) | (CompareOp::Ne, _)),
                self,
            );
        }
        let b = constant(&Value::Integer(bound as i64))?;
        Ok(fill(&format!("({{}} {} {{}})", op.text()), &[&a, &b]))
    }

    /// A real against an integer constant that no real equals: the comparison is exact in SQLite (datatype3.html §4.2).
    fn real_with_integer(&mut self, op: CompareOp, left: &Expr, right: &Expr) -> Lowered {
        let Some(Value::Integer(n)) = right.constant() else { return self.numbers(op, left, right) };
        let nearest = *n as f64;
        let op = match (nearest as i128).cmp(&i128::from(*n)) {
            std::cmp::Ordering::Equal => op,
            _ if matches!(op, CompareOp::Eq | CompareOp::Ne) => {
                let order = std::cmp::Ordering::Less;
                return self.classes(op, left, right, order);
            }
            std::cmp::Ordering::Greater if matches!(op, CompareOp::Lt | CompareOp::Le) => CompareOp::Lt,
            std::cmp::Ordering::Greater => CompareOp::Ge,
            std::cmp::Ordering::Less if matches!(op, CompareOp::Lt | CompareOp::Le) => CompareOp::Le,
            std::cmp::Ordering::Less => CompareOp::Gt,
        };
        let (a, b) = (self.natural(left)?, constant(&Value::Real(nearest))?);
        Ok(fill(&format!("({{}} {} {{}})", op.text()), &[&a, &b]))
    }

    /// Text against text, under the collation that holds.
    fn texts(&mut self, op: CompareOp, left: &Expr, right: &Expr) -> Lowered {
        let (a, b) = (self.text(left)?, self.text(right)?);
        let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
        let wrap = |e: &Expr, piece: &Frag, this: &Self| match collation_of(left, right) {
            Collation::NoCase => fill("lower({} COLLATE \"C\")", &[piece]),
            Collation::RTrim => fill("rtrim({}, ' ')", &[piece]),
            // Equality is the same in every deterministic collation, and a COLLATE would lose the index.
            Collation::Binary if equality || this.byte_order(e) => piece.clone(),
            Collation::Binary => fill("({} COLLATE \"C\")", &[piece]),
        };
        let (a, b) = (wrap(left, &a, self), wrap(right, &b, self));
        Ok(fill(&format!("({{}} {} {{}})", op.text()), &[&a, &b]))
    }

    /// Does the text compare bytewise at the backend as it is?
    pub fn byte_order(&self, e: &Expr) -> bool {
        match &e.kind {
            Kind::Column(column) => column.byte_order,
            Kind::Collate(inner) => self.byte_order(inner),
            _ => self.catalog.byte_order,
        }
    }

    fn boolean(&mut self, op: CompareOp, column: &Expr, other: &Expr) -> Lowered {
        let value = match &other.kind {
            Kind::Literal { value: Value::Integer(n @ (0 | 1)) } => Frag::text((*n == 1).to_string()),
            Kind::Literal { value: Value::Text(text) } if matches!(text.as_str(), "t" | "true") => Frag::text("true"),
            Kind::Literal { value: Value::Text(text) } if matches!(text.as_str(), "f" | "false") => Frag::text("false"),
            Kind::Param(n) if matches!(other.ty.class, Class::Param | Class::Integer) => slot(Source::Client(*n), Demand::Bool),
            Kind::Column(_) if other.ty.class == Class::Bool => self.natural(other)?,
            _ => {
                let (a, b) = (self.carried(column, Class::Integer)?, self.number(other)?.0);
                return Ok(fill(&format!("({{}} {} {{}})", op.text()), &[&a, &b]));
            }
        };
        let column = self.natural(column)?;
        Ok(match (op, value.clone().into_fixed().as_deref()) {
            (CompareOp::Eq, Some("true")) => column,
            (CompareOp::Eq, Some("false")) => fill("(NOT {})", &[&column]),
            _ => fill(&format!("({{}} {} {{}})", op.text()), &[&column, &value]),
        })
    }

    /// Can the other side be given as the native type? A parameter or a constant can, and a column of the same type.
    fn comparable(&self, of: u32, left: &Expr, right: &Expr, other: Class) -> bool {
        let native = |e: &Expr| e.ty.class == Class::Native(of);
        if native(left) && native(right) {
            return true;
        }
        let other_side = if native(left) { right } else { left };
        match &other_side.kind {
            Kind::Param(_) => matches!(other, Class::Param | Class::Text) && of != oid::JSON && of != oid::JSONB,
            Kind::Literal { value: Value::Text(text) } => match of {
                oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::DATE => is_calendar_text(text),
                oid::UUID => text.len() == 36,
                _ => false,
            },
            Kind::Counter(Source::Now(_)) => Class::Native(of).is_time() && of != oid::TIME,
            Kind::Call(_) | Kind::Column(_) => Class::Native(of).is_time() && other_side.ty.class.is_time(),
            _ => false,
        }
    }

    fn native(&mut self, op: CompareOp, left: &Expr, right: &Expr, of: u32) -> Lowered {
        let side = |this: &mut Self, e: &Expr| -> Lowered {
            match &e.kind {
                Kind::Param(n) => Ok(slot(Source::Client(*n), Demand::Native(of))),
                Kind::Counter(now) if !this.stored => Ok(slot(now.clone(), Demand::Native(of))),
                Kind::Literal { value: Value::Text(text) } => {
                    Ok(Frag::text(format!("{}::{}", super::literal_text(text), this.type_name(Class::Native(of)))))
                }
                _ => this.natural(e),
            }
        };
        let (a, b) = (side(self, left)?, side(self, right)?);
        Ok(fill(&format!("({{}} {} {{}})", op.text()), &[&a, &b]))
    }

    /// IS where NULL counts as false: without the tests that would lose an index.
    pub(super) fn is_positive(&mut self, left: &Expr, right: &Expr) -> Lowered {
        let (left, right) = with_affinity(left, right);
        if left.constant().is_some() { self.is(false, &right, &left, true) } else { self.is(false, &left, &right, true) }
    }

    /// IS and IS NOT: equality that takes NULL for a value.
    fn is(&mut self, negated: bool, left: &Expr, right: &Expr, positive: bool) -> Lowered {
        let equal = self.ordered(CompareOp::Eq, left, right)?;
        let null = |this: &mut Self, e: &Expr| -> Result<Option<Frag>, crate::error::ClientError> {
            Ok(match e.constant() {
                Some(Value::Null) => Some(Frag::text("true")),
                Some(_) => None,
                None if !e.ty.nullable => None,
                None => Some(fill("({}) IS NULL", &[&this.natural(e)?])),
            })
        };
        let form = match (null(self, left)?, null(self, right)?) {
            (None, None) => equal,
            (Some(_), None) | (None, Some(_)) if positive => equal,
            (Some(_), None) | (None, Some(_)) if !negated => fill("({} IS TRUE)", &[&equal]),
            (Some(_), None) | (None, Some(_)) => return Ok(fill("({} IS NOT TRUE)", &[&equal])),
            (Some(a), Some(b)) if positive => fill("({} OR ({} AND {}))", &[&equal, &a, &b]),
            // OR keeps an index on either side usable; IS NOT DISTINCT FROM does not.
            (Some(a), Some(b)) => fill("(({} IS TRUE) OR ({} AND {}))", &[&equal, &a, &b]),
        };
        Ok(if negated { fill("(NOT {})", &[&form]) } else { form })
    }

    /// `left IN (list)`.
    pub(super) fn in_list(&mut self, left: &Expr, list: &[Expr], negated: bool) -> Lowered {
        if list.is_empty() {
            return Ok(Frag::text(negated.to_string()));
        }
        // The left side's affinity alone decides (lang_expr.html §7.6.1); equal terms joined by OR use an index as IN does.
        let mut bare_left = left.clone();
        let applied = left.ty.affinity;
        let mut terms = Vec::new();
        let mut values = Vec::new();
        for item in list {
            let mut item = item.clone();
            if let Kind::Cast(_) = item.kind {
                // A CAST's affinity is what it casts to.
                let ty = item.ty;
                item = Expr { kind: Kind::Collate(Box::new(item)), ty };
            }
            if !matches!(item.kind, Kind::Literal { .. }) {
                item.ty.affinity = None;
            }
            item.ty.collation = None;
            bare_left.ty.affinity = applied;
            let term = self.comparison(CompareOp::Eq, &bare_left, &item)?;
            values.push(self.in_value(&term, left)?);
            terms.push(term);
        }
        // `a IN (…)` prints once what `a = x OR a = y` repeats, where every term has that shape.
        let out = if let Some(values) = values.into_iter().collect::<Option<Vec<_>>>() {
            fill("({} IN ({}))", &[&self.natural(left)?, &Frag::join(&values, ", ")])
        } else {
            fill("({})", &[&Frag::join(&terms, " OR ")])
        };
        Ok(if negated { fill("(NOT {})", &[&out]) } else { out })
    }

    /// The right side of an equality that was printed as `(left = value)`.
    fn in_value(&mut self, term: &Frag, left: &Expr) -> Result<Option<Frag>, crate::error::ClientError> {
        let mut head = Frag::text("(");
        head.append(&self.natural(left)?);
        head.push(" = ");
        Ok(term.strip(&head, ")"))
    }
}

/// Both sides with the affinity applied that the comparison asks for (datatype3.html §4.2).
fn with_affinity(left: &Expr, right: &Expr) -> (Expr, Expr) {
    let numeric = |e: &Expr| e.ty.affinity.is_some_and(Affinity::is_numeric);
    let text = |e: &Expr| e.ty.affinity == Some(Affinity::Text);
    // A column without a type has an affinity, which converts nothing.
    let none = |e: &Expr| e.ty.affinity.is_none();
    match () {
        () if numeric(left) && !numeric(right) => (left.clone(), apply(right, left)),
        () if numeric(right) && !numeric(left) => (apply(left, right), right.clone()),
        () if text(left) && none(right) => (left.clone(), apply(right, left)),
        () if text(right) && none(left) => (apply(left, right), right.clone()),
        () => (left.clone(), right.clone()),
    }
}

/// `e` with the affinity of `to` applied: constants are converted here, parameters when they are bound.
fn apply(e: &Expr, to: &Expr) -> Expr {
    let numeric = to.ty.affinity.is_some_and(Affinity::is_numeric);
    match &e.kind {
        Kind::Literal { value } => {
            let affinity = if numeric { Affinity::Numeric } else { Affinity::Text };
            // A boolean or timestamp column is not SQLite's: its text forms are understood by the native comparison.
            if matches!(to.ty.class, Class::Native(_)) || (to.ty.class == Class::Bool && matches!(value, Value::Text(_))) {
                return e.clone();
            }
            Expr::literal(value.clone().apply(affinity))
        }
        Kind::Param(_) if e.ty.class == Class::Integer && to.ty.class == Class::Real => Expr { ty: Ty::plain(Class::Param), ..e.clone() },
        // The carrier takes a parameter as it is, so that its affinity is applied at the backend.
        Kind::Param(_) if numeric && to.ty.class == Class::Dynamic && matches!(e.ty.class, Class::Param | Class::Text) => {
            let ty = Ty { class: Class::Dynamic, affinity: None, ..e.ty };
            Expr { kind: Kind::NumericAffinity(Box::new(e.clone())), ty }
        }
        // Declared as text: a number if it looks like one, which is seen when it is bound.
        Kind::Param(_) if numeric && e.ty.class == Class::Text && e.ty.affinity.is_none() => Expr { ty: Ty::plain(Class::Param), ..e.clone() },
        Kind::Param(_) if !numeric && to.ty.class == Class::Dynamic && e.ty.class.is_number() => as_text(e),
        Kind::Param(_) if !numeric && e.ty.class != Class::Blob && !matches!(to.ty.class, Class::Native(_)) => {
            Expr { ty: Ty::plain(Class::Param), ..e.clone() }
        }
        _ if numeric && matches!(e.ty.class, Class::Text | Class::Native(_)) && !matches!(e.kind, Kind::Param(_)) => {
            let ty = Ty { class: Class::Dynamic, affinity: None, ..e.ty };
            Expr { kind: Kind::NumericAffinity(Box::new(e.clone())), ty }
        }
        _ if !numeric && e.ty.class.is_number() => as_text(e),
        _ if e.ty.class == Class::Dynamic && !matches!(to.ty.class, Class::Native(_)) => {
            let kind = if numeric { Kind::NumericAffinity(Box::new(e.clone())) } else { Kind::TextAffinity(Box::new(e.clone())) };
            Expr { kind, ty: Ty { affinity: None, ..e.ty } }
        }
        _ => e.clone(),
    }
}

fn as_text(e: &Expr) -> Expr {
    let ty = Ty { class: Class::Text, affinity: Some(Affinity::Text), ..e.ty };
    Expr { kind: Kind::Cast(Box::new(e.clone())), ty }
}

/// A collation written with COLLATE on an expression or within it, the leftmost first.
fn written(e: &Expr) -> Option<(Collation, bool)> {
    e.ty.collation.filter(|(_, explicit)| *explicit).or_else(|| e.operands().into_iter().find_map(written))
}

/// The collation of a comparison: COLLATE on the left, then on the right, then a column's on the left, then on the right.
pub(super) fn collation_of(left: &Expr, right: &Expr) -> Collation {
    let declared = |e: &Expr| e.ty.collation;
    written(left).or(written(right)).or(declared(left)).or(declared(right)).map_or(Collation::Binary, |(c, _)| c)
}

/// Does a text name a date or a time of day on a date, so that a native timestamp can be compared with it?
fn is_calendar_text(text: &str) -> bool {
    let call =
        crate::value::datetime::DateCall { function: crate::value::datetime::DateFunction::JulianDay, args: vec![Value::Text(text.to_owned())] };
    text.len() >= 10 && text.as_bytes()[4] == b'-' && !call.reads_now() && call.evaluate(0) != Value::Null
}

/// A comparison of constants.
fn fold(op: CompareOp, left: &Value, right: &Value, collation: Collation) -> Option<&'static str> {
    let known = |holds: bool| Some(if holds { "true" } else { "false" });
    let nulls = [left, right].iter().filter(|v| ***v == Value::Null).count();
    match op {
        CompareOp::Is if nulls > 0 => known(nulls == 2),
        CompareOp::IsNot if nulls > 0 => known(nulls != 2),
        _ if nulls > 0 => Some("NULL::bool"),
        _ => known(op.holds(left.compare(right, collation))),
    }
}

fn as_real(e: &Expr) -> Expr {
    Expr { ty: Ty::plain(Class::Real), ..e.clone() }
}
