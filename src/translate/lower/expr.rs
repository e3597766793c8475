//! Operators, CASE, CAST, LIKE, calls.

use super::compare::collation_of;
use super::{CHANGES_VARIABLE, Frag, Lower, Lowered, ROWID_VARIABLE, fill, literal_text, slot};
use crate::catalog::{Affinity, Collation};
use crate::error::{ClientError, SqlState};
use crate::translate::plan::Source;
use crate::translate::tree::{BinaryOp, Callee, Class, CompareOp, Expr, Kind, Raise, Ty};
use crate::value::Value;

impl Lower<'_> {
    /// An expression that is no constant and no parameter, in its own carrier.
    pub(super) fn operator(&mut self, e: &Expr) -> Lowered {
        if let Some(grouped) = self.grouped(e)? {
            return Ok(grouped);
        }
        match &e.kind {
            Kind::Column(column) if column.table.is_empty() => Ok(Frag::text(column.column.clone())),
            Kind::Column(column) => Ok(Frag::text(format!("{}.{}", column.table, column.column))),
            Kind::Collate(inner) => self.natural(inner),
            Kind::Negate(inner) => {
                let (number, class) = self.number(inner)?;
                let negated = fill("(- {})", &[&number]);
                // The smallest integer has no counterpart.
                let negated = if class == Class::Number { self.call("num_norm", &[&negated])? } else { negated };
                if class == e.ty.class { Ok(negated) } else { self.recarry(&negated, class, e.ty.class) }
            }
            Kind::BitNot(inner) => Ok(fill("(~ {})", &[&self.integer(inner)?])),
            Kind::Binary(op, left, right) => self.binary(*op, left, right, e.ty.class),
            Kind::Case(arms, other) => self.case(arms, other.as_deref(), e.ty.class),
            Kind::Cast(inner) => self.cast(inner, e),
            Kind::NumericAffinity(inner) if inner.ty.class == Class::Dynamic => {
                let piece = self.natural(inner)?;
                self.call("any_aff_num", &[&piece])
            }
            Kind::NumericAffinity(inner) => {
                let text = self.text(inner)?;
                self.call("any_numaff", &[&text])
            }
            Kind::TextAffinity(inner) => {
                let piece = self.natural(inner)?;
                self.call("any_aff_text", &[&piece])
            }
            Kind::NativeCast(inner, to) => {
                let piece = self.natural(inner)?;
                Ok(fill(&format!("({{}})::{to}"), &[&piece]))
            }
            Kind::NativeOp(op, left, right) => {
                let (a, b) = (self.native_operand(left)?, self.native_operand(right)?);
                Ok(fill(&format!("({{}} {op} {{}})"), &[&a, &b]))
            }
            Kind::Call(call) => match call.function {
                Callee::Known(function) => (function.lower)(self, call, e),
                Callee::Native(name) => self.native_call(name.as_str(), call),
            },
            Kind::Subquery(query) => self.scalar_query(query),
            Kind::Counter(source) => self.counter(source, e.ty.class),
            Kind::Raise(kind, message) => self.raise(*kind, message.as_deref()),
            Kind::Literal { .. } | Kind::Param(_) => self.natural(e),
            // What is left are predicates, whose carrier is bool.
            _ => self.predicate(e, false),
        }
    }

    /// A predicate as bool.
    pub(super) fn predicate(&mut self, e: &Expr, positive: bool) -> Lowered {
        if let Some(grouped) = self.grouped(e)? {
            return Ok(grouped);
        }
        match &e.kind {
            Kind::Compare(CompareOp::Is, left, right) if positive && left.constant().is_none_or(|c| *c != Value::Null) => {
                self.is_positive(left, right)
            }
            Kind::Compare(op, left, right) => self.comparison(*op, left, right),
            Kind::CompareRows(op, left, right) => self.rows(*op, left, right),
            Kind::Logic(and, operands) => {
                let operands = operands.iter().map(|o| self.truth(o, positive)).collect::<Result<Vec<_>, _>>()?;
                Ok(fill("({})", &[&Frag::join(&operands, if *and { " AND " } else { " OR " })]))
            }
            Kind::Not(inner) => Ok(fill("(NOT {})", &[&self.truth(inner, false)?])),
            Kind::IsNull(inner, negated) => {
                let piece = self.natural(inner)?;
                Ok(fill(
                    match negated {
                        false => "({} IS NULL)",
                        // IS NOT NULL asks that no field of a composite is NULL.
                        true if inner.ty.class == Class::Dynamic => "(NOT ({} IS NULL))",
                        true => "({} IS NOT NULL)",
                    },
                    &[&piece],
                ))
            }
            Kind::IsTruth { expr, truth, negated } => {
                // In a WHERE clause `p IS TRUE` is `p`, whose index serves.
                let inner = self.truth(expr, positive && *truth && !*negated)?;
                if positive && *truth && !*negated {
                    return Ok(inner);
                }
                let test = format!("({{}} IS {}{})", if *negated { "NOT " } else { "" }, if *truth { "TRUE" } else { "FALSE" });
                Ok(fill(&test, &[&inner]))
            }
            Kind::InList(left, list, negated) => self.in_list(left, list, *negated),
            Kind::InQuery(_, query, _) if self.beforehand.is_some() && !query.correlated => {
                Err(ClientError::refused("IN (SELECT …) for the rows of a table with triggers"))
            }
            Kind::InQuery(left, query, negated) => self.in_query(left, query, *negated),
            Kind::Like { text, pattern, escape, negated, sensitive } => {
                let like = self.like(text, pattern, escape.as_deref(), *sensitive)?;
                Ok(if *negated { fill("(NOT {})", &[&like]) } else { like })
            }
            Kind::Glob(text, pattern) => self.glob(text, pattern),
            Kind::Exists(query) => {
                let text = self.subquery(query)?;
                Ok(self.once(query, fill("EXISTS ({})", &[&text]), "bool"))
            }
            _ => self.operator(e),
        }
    }

    fn counter(&mut self, source: &Source, class: Class) -> Lowered {
        if !self.stored {
            return Ok(slot(source.clone(), super::convert::demand_of(class)));
        }
        match (source, &mut self.program) {
            (Source::Now(call), _) => crate::translate::functions::stored_date(self, call),
            (Source::LastInsertRowid | Source::Changes, Some(program)) => {
                program.counts = true;
                let variable = if *source == Source::Changes { CHANGES_VARIABLE } else { ROWID_VARIABLE };
                self.call("counter", &[&Frag::text(variable)])
            }
            _ => Err(ClientError::refused("a counter of the connection in a stored expression")),
        }
    }

    fn raise(&mut self, kind: Raise, message: Option<&Expr>) -> Lowered {
        let state = match kind {
            Raise::Ignore => return self.call("raise_error", &[&Frag::text("'LW001', ''")]),
            Raise::Rollback => "'LW002'",
            Raise::Fail => "'LW003'",
            Raise::Abort => "'23000'",
        };
        let message = message.map_or_else(|| Ok(Frag::text("''")), |m| self.text(m))?;
        self.call("raise_error", &[&Frag::text(state), &fill("coalesce({}, '')", &[&message])])
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, class: Class) -> Lowered {
        match op {
            BinaryOp::Concat if class == Class::Dynamic => {
                let (a, b) = (self.carried(left, class)?, self.carried(right, class)?);
                self.call("any_concat", &[&a, &b])
            }
            BinaryOp::Concat => {
                let (a, b) = (self.text(left)?, self.text(right)?);
                Ok(fill("({} || {})", &[&a, &b]))
            }
            BinaryOp::Arrow | BinaryOp::LongArrow => crate::translate::functions::json_arrow(self, left, right, op == BinaryOp::LongArrow),
            BinaryOp::And | BinaryOp::Or => {
                let (a, b) = (self.integer(left)?, self.integer(right)?);
                Ok(fill(if op == BinaryOp::And { "({} & {})" } else { "({} | {})" }, &[&a, &b]))
            }
            BinaryOp::Left | BinaryOp::Right => {
                let (a, b) = (self.integer(left)?, self.integer(right)?);
                let b = if op == BinaryOp::Right { fill("(- {})", &[&b]) } else { b };
                self.call("shl", &[&a, &b])
            }
            _ if class == Class::Null => Ok(Frag::text("NULL::text")),
            _ => self.arithmetic(op, left, right, class),
        }
    }

    fn arithmetic(&mut self, op: BinaryOp, left: &Expr, right: &Expr, class: Class) -> Lowered {
        let ((a, of_a), (b, of_b)) = (self.number(left)?, self.number(right)?);
        let nonzero = matches!(right.constant(), Some(Value::Integer(n)) if *n != 0);
        match (of_a, of_b) {
            (Class::Integer, Class::Integer) => {
                let b = if nonzero || !matches!(op, BinaryOp::Divide | BinaryOp::Modulo) { b } else { fill("nullif({}, 0)", &[&b]) };
                self.recarry(&fill(&format!("({{}} {} {{}})", symbol(op)), &[&a, &b]), Class::Integer, class)
            }
            (a_class, b_class) if a_class == Class::Real || b_class == Class::Real => {
                let (a, b) = (self.recarry(&a, a_class, Class::Real)?, self.recarry(&b, b_class, Class::Real)?);
                let out = match op {
                    BinaryOp::Divide => fill("({} / nullif({}, 0))", &[&a, &b]),
                    BinaryOp::Modulo => fill("(trunc({})::int8 % nullif(trunc({})::int8, 0))::float8", &[&a, &b]),
                    _ => fill(&format!("({{}} {} {{}})", symbol(op)), &[&a, &b]),
                };
                self.recarry(&out, Class::Real, class)
            }
            (a_class, b_class) => {
                let (a, b) = (self.recarry(&a, a_class, Class::Number)?, self.recarry(&b, b_class, Class::Number)?);
                let name = match op {
                    BinaryOp::Add => "n_add",
                    BinaryOp::Subtract => "n_sub",
                    BinaryOp::Multiply => "n_mul",
                    BinaryOp::Divide => "n_div",
                    _ => "n_mod",
                };
                let out = self.call(name, &[&a, &b])?;
                self.recarry(&out, Class::Number, class)
            }
        }
    }

    fn case(&mut self, arms: &[(Expr, Expr)], other: Option<&Expr>, class: Class) -> Lowered {
        let class = if class == Class::Null { Class::Text } else { class };
        let mut out = Frag::text("(CASE");
        for (condition, result) in arms {
            out.push(" WHEN ");
            out.append(&self.truth(condition, false)?);
            out.push(" THEN ");
            out.append(&self.carried(result, class)?);
        }
        if let Some(other) = other {
            out.push(" ELSE ");
            out.append(&self.carried(other, class)?);
        }
        out.push(" END)");
        Ok(out)
    }

    fn cast(&mut self, inner: &Expr, whole: &Expr) -> Lowered {
        if let Some(value) = inner.constant() {
            let affinity = whole.ty.affinity.unwrap_or_default();
            if matches!(value, Value::Blob(bytes) if affinity == Affinity::Text && std::str::from_utf8(bytes).is_err()) {
                return Err(ClientError::refused("text of bytes that are no UTF-8"));
            }
            return self.carried(&Expr::literal(value.clone().cast(affinity)), whole.ty.class);
        }
        match whole.ty.class {
            Class::Null => Ok(Frag::text("NULL::text")),
            Class::Integer => self.integer(inner),
            Class::Real if whole.ty.affinity == Some(Affinity::Real) => self.real(inner),
            Class::Real => self.natural(inner),
            Class::Text => self.text(inner),
            Class::Blob if inner.ty.class == Class::Blob => self.natural(inner),
            Class::Dynamic => {
                let piece = self.natural(inner)?;
                self.call("v_bytes", &[&piece])
            }
            Class::Blob if inner.ty.class == Class::Dynamic => {
                let piece = self.natural(inner)?;
                self.call("any_blob", &[&piece])
            }
            Class::Blob => {
                let text = self.text(inner)?;
                Ok(fill("convert_to({}, 'UTF8')", &[&text]))
            }
            _ if inner.ty.class == Class::Number => self.natural(inner),
            _ if inner.ty.class == Class::Dynamic => {
                let piece = self.natural(inner)?;
                self.call("any_cast_num", &[&piece])
            }
            _ => {
                let text = self.text(inner)?;
                self.call("cast_num", &[&text])
            }
        }
    }

    fn rows(&mut self, op: CompareOp, left: &[Expr], right: &[Expr]) -> Lowered {
        if matches!(op, CompareOp::Eq | CompareOp::Ne | CompareOp::Is | CompareOp::IsNot) {
            let single = if matches!(op, CompareOp::Is | CompareOp::IsNot) { CompareOp::Is } else { CompareOp::Eq };
            let all = left.iter().zip(right).map(|(a, b)| self.comparison(single, a, b)).collect::<Result<Vec<_>, _>>()?;
            let all = fill("({})", &[&Frag::join(&all, " AND ")]);
            return Ok(if matches!(op, CompareOp::Ne | CompareOp::IsNot) { fill("(NOT {})", &[&all]) } else { all });
        }
        // Native row comparison wants the two sides of each column in one type; then a composite index serves.
        let mut sides = (Vec::new(), Vec::new());
        for (a, b) in left.iter().zip(right) {
            let class = a.ty.class.unify(b.ty.class);
            // Text in the order of its bytes needs a COLLATE unless the column has that order by itself.
            let ordered = class != Class::Text || collation_of(a, b) == Collation::Binary && (self.byte_order(a) || self.byte_order(b));
            if !(class == a.ty.class || class == b.ty.class) || class == Class::Dynamic || !ordered {
                return self.columns_in_turn(op, left, right);
            }
            sides.0.push(self.carried(a, class)?);
            sides.1.push(self.carried(b, class)?);
        }
        Ok(fill(&format!("(({{}}) {} ({{}}))", op.text()), &[&Frag::join(&sides.0, ", "), &Frag::join(&sides.1, ", ")]))
    }

    /// Rows whose columns are of different classes, compared one column after the other.
    fn columns_in_turn(&mut self, op: CompareOp, left: &[Expr], right: &[Expr]) -> Lowered {
        let ([a, rest_a @ ..], [b, rest_b @ ..]) = (left, right) else { return Ok(Frag::text("true")) };
        if rest_a.is_empty() {
            return self.comparison(op, a, b);
        }
        let strict = match op {
            CompareOp::Le => CompareOp::Lt,
            CompareOp::Ge => CompareOp::Gt,
            other => other,
        };
        let (first, equal) = (self.comparison(strict, a, b)?, self.comparison(CompareOp::Eq, a, b)?);
        let rest = self.columns_in_turn(op, rest_a, rest_b)?;
        Ok(fill("({} OR ({} AND {}))", &[&first, &equal, &rest]))
    }

    fn in_query(&mut self, left: &[Expr], query: &crate::translate::tree::Query, negated: bool) -> Lowered {
        let mut sides = Vec::new();
        let (mut pieces, mut wants) = (Vec::new(), Vec::new());
        for (e, column) in left.iter().zip(&query.columns) {
            let side = Membership::of(e, column.ty);
            pieces.push(self.member(e, &side)?);
            wants.push(side.carried(column.ty.class));
            sides.push(side);
        }
        let mut sub = self.query_as(query, &wants)?;
        if sides.iter().zip(&wants).any(|(side, class)| side.converts(*class)) {
            let names: Vec<String> = (1..=wants.len()).map(|i| format!("\"c{i}\"")).collect();
            let cells = names.iter().zip(sides.iter().zip(&wants)).map(|(n, (side, class))| self.converted(Frag::text(n.clone()), *class, side));
            let cells = cells.collect::<Result<Vec<_>, _>>()?;
            sub = fill(&format!("SELECT {{}} FROM ({{}}) AS \"_i\"({})", names.join(", ")), &[&Frag::join(&cells, ", "), &sub]);
        }
        let left = if pieces.len() == 1 { pieces.remove(0) } else { fill("({})", &[&Frag::join(&pieces, ", ")]) };
        Ok(fill(if negated { "({} NOT IN ({}))" } else { "({} IN ({}))" }, &[&left, &sub]))
    }

    /// The left side of IN (SELECT …), as its values are compared.
    fn member(&mut self, e: &Expr, side: &Membership) -> Lowered {
        let class = side.carried(e.ty.class);
        let piece = self.carried(e, class)?;
        self.converted(piece, class, side)
    }

    /// A piece of a class as IN (SELECT …) compares it: affinity applied, collation folded.
    fn converted(&mut self, piece: Frag, class: Class, side: &Membership) -> Lowered {
        let piece = match (side.class, class, side.affinity) {
            (Class::Dynamic, Class::Text, Some(Affinity::Numeric)) => self.call("any_numaff", &[&piece])?,
            (Class::Dynamic, Class::Dynamic, Some(Affinity::Numeric)) => self.call("any_aff_num", &[&piece])?,
            (Class::Dynamic, Class::Dynamic, Some(Affinity::Text)) => self.call("any_aff_text", &[&piece])?,
            (Class::Dynamic, class, Some(Affinity::Text)) if class.is_number() => {
                let text = self.text_of(&piece, class)?;
                self.call("v_text", &[&text])?
            }
            (to, from, _) => self.recarry(&piece, from, to)?,
        };
        self.key_of(piece, Ty { class: side.class, collation: Some((side.collation, false)), ..Ty::plain(side.class) }, false)
    }

    fn like(&mut self, text: &Expr, pattern: &Expr, escape: Option<&Expr>, sensitive: bool) -> Lowered {
        if let Some(no) = self.matches_no_blob(text, pattern)? {
            return Ok(no);
        }
        let t = self.text(text)?;
        // Without an ASCII letter there is no case to ignore, and a plain LIKE can use a btree index.
        let plain = sensitive || matches!(pattern.constant(), Some(Value::Text(p)) if !p.bytes().any(|b| b.is_ascii_alphabetic()));
        let p = self.text(pattern)?;
        let word = if plain { "LIKE" } else { "ILIKE" };
        let escape = self.escape(escape)?;
        let t = if plain || self.catalog.byte_order || self.byte_order(text) { t } else { fill("({} COLLATE \"C\")", &[&t]) };
        let like = fill(&format!("({{}} {word} {{}} ESCAPE {{}})"), &[&t, &p, &escape]);
        self.unless_blob(text, pattern, like)
    }

    /// LIKE and GLOB of what is a blob: false, unless it is NULL (`SQLITE_LIKE_DOESNT_MATCH_BLOBS`).
    fn matches_no_blob(&mut self, text: &Expr, pattern: &Expr) -> Result<Option<Frag>, ClientError> {
        let blobs: Vec<&Expr> = [text, pattern].into_iter().filter(|e| e.ty.class == Class::Blob).collect();
        if blobs.is_empty() {
            return Ok(None);
        }
        let nulls = blobs.into_iter().map(|e| Ok(fill("({}) IS NULL", &[&self.natural(e)?]))).collect::<Result<Vec<_>, ClientError>>()?;
        Ok(Some(fill("(CASE WHEN {} THEN NULL ELSE false END)", &[&Frag::join(&nulls, " AND ")])))
    }

    /// The same for what may be a blob, as its values tell.
    fn unless_blob(&mut self, text: &Expr, pattern: &Expr, like: Frag) -> Lowered {
        let mut blobs = Vec::new();
        for side in [text, pattern] {
            if side.ty.class == Class::Dynamic && side.constant().is_none() {
                blobs.push(fill("({}).k = 3", &[&self.natural(side)?]));
            }
        }
        if blobs.is_empty() {
            return Ok(like);
        }
        Ok(fill("(CASE WHEN {} THEN false ELSE {} END)", &[&Frag::join(&blobs, " OR "), &like]))
    }

    /// What stands behind ESCAPE: nothing escapes unless something is named.
    fn escape(&mut self, escape: Option<&Expr>) -> Lowered {
        let Some(escape) = escape else { return Ok(Frag::text("''")) };
        match escape.constant().and_then(Value::text) {
            Some(text) if text.chars().count() == 1 => Ok(Frag::text(literal_text(&text))),
            Some(_) => Err(ClientError::new(SqlState::INVALID_PARAMETER_VALUE, "ESCAPE expression must be a single character")),
            None => {
                let text = self.text(escape)?;
                self.call("escape", &[&text])
            }
        }
    }

    fn glob(&mut self, text: &Expr, pattern: &Expr) -> Lowered {
        if let Some(no) = self.matches_no_blob(text, pattern)? {
            return Ok(no);
        }
        let t = self.text(text)?;
        if let Some(Value::Text(p)) = pattern.constant()
            && !p.contains('[')
        {
            let like: String = p.chars().fold(String::new(), |mut out, c| {
                match c {
                    '*' => out.push('%'),
                    '?' => out.push('_'),
                    '%' | '_' | '\\' => out.extend(['\\', c]),
                    c => out.push(c),
                }
                out
            });
            let like = fill(&format!("({{}} LIKE {}::text)", literal_text(&like)), &[&t]);
            return self.unless_blob(text, pattern, like);
        }
        let p = self.text(pattern)?;
        let regex = self.call("glob_re", &[&p])?;
        self.unless_blob(text, pattern, fill("({} ~ {})", &[&t, &regex]))
    }

    /// A function that only the backend has: it is called as it is.
    fn native_call(&mut self, name: &str, call: &crate::translate::tree::Call) -> Lowered {
        let args = call.args.iter().map(|a| self.native_operand(a)).collect::<Result<Vec<_>, _>>()?;
        let mut out = Frag::text(format!("{name}("));
        if call.distinct {
            out.push("DISTINCT ");
        }
        out.append(&if call.star { Frag::text("*") } else { Frag::join(&args, ", ") });
        self.call_tail(&mut out, call)?;
        Ok(out)
    }

    /// An operand of something of PostgreSQL's own: constants untyped, as PostgreSQL would read them.
    fn native_operand(&mut self, e: &Expr) -> Lowered {
        match e.constant() {
            Some(Value::Text(text)) => Ok(Frag::text(literal_text(text))),
            Some(Value::Integer(n)) if i32::try_from(*n).is_ok() => Ok(Frag::text(format!("({n})"))),
            _ => self.natural(e),
        }
    }
}

fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        _ => "%",
    }
}

/// How `x IN (SELECT y …)` compares: as `x = y` does (lang_expr.html §7.6.1).
struct Membership {
    class: Class,
    affinity: Option<Affinity>,
    collation: Collation,
}

impl Membership {
    fn of(left: &Expr, right: Ty) -> Self {
        let numeric = |t: Ty| t.affinity.is_some_and(Affinity::is_numeric);
        let text = |t: Ty| t.affinity == Some(Affinity::Text);
        let bare = |t: Ty| t.affinity.is_none();
        let affinity = match () {
            () if numeric(left.ty) || numeric(right) => Some(Affinity::Numeric),
            () if text(left.ty) && bare(right) || text(right) && bare(left.ty) => Some(Affinity::Text),
            () => None,
        };
        let words = |c: Class| matches!(c, Class::Text | Class::Native(_));
        let class = match (left.ty.class, right.class) {
            (a, b) if a == b => a,
            (Class::Param, b) => b,
            (a, Class::Param | Class::Null) => a,
            (Class::Bool | Class::Integer, Class::Bool | Class::Integer) => Class::Integer,
            // The only affinity there is makes a REAL of the left side.
            (a, Class::Real) if a.is_number() && left.ty.affinity.is_none() && right.affinity == Some(Affinity::Real) => Class::Real,
            (a, b) if a.is_number() && b.is_number() => Class::Number,
            (a, b) if words(a) && words(b) => Class::Text,
            // The text of numbers is all that is compared.
            (a, b) if affinity == Some(Affinity::Text) && (a.is_number() || words(a)) && (b.is_number() || words(b)) => Class::Text,
            _ => Class::Dynamic,
        };
        let collation = super::compare::collation_of(left, &Expr { kind: Kind::Literal { value: Value::Null }, ty: right });
        Membership { class, affinity, collation }
    }

    /// The class in which a side comes before it is converted.
    fn carried(&self, own: Class) -> Class {
        match (self.class, self.affinity) {
            (Class::Dynamic, Some(Affinity::Numeric)) if matches!(own, Class::Text | Class::Native(_)) => Class::Text,
            (Class::Dynamic, Some(Affinity::Text)) if own.is_number() => own,
            (class, _) => class,
        }
    }

    /// Is there anything to be done to a side of that class?
    fn converts(&self, carried: Class) -> bool {
        carried != self.class
            || self.class == Class::Dynamic && self.affinity.is_some()
            || self.collation != Collation::Binary && matches!(self.class, Class::Text | Class::Dynamic)
    }
}
