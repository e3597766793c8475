//! Expressions.

use super::{Binder, Bound, OUTSIDE, split_name};
use crate::catalog::{Affinity, affinity_of_declared};
use crate::error::{ClientError, SqlState};
use crate::translate::Hatch;
use crate::translate::functions::{self, Function, FunctionKind};
use crate::translate::tree::{BinaryOp, Call, Callee, Class, CompareOp, Expr, Kind, NativeName, Ty};
use crate::value::datetime::{DateCall, DateFunction};
use crate::value::{Value, unhex};
use sqlparser::ast::Spanned;
use sqlparser::ast::{
    self, BinaryOperator, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, UnaryOperator,
};
use std::sync::Arc;

impl Binder<'_> {
    /// Binds an expression.
    pub fn expr(&mut self, expr: &ast::Expr) -> Bound<Expr> {
        use ast::Expr as E;
        match expr {
            E::Identifier(name) => self.column(None, name),
            E::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, name] => self.column(Some(table), name),
                [database, table, name] => self.column_in(Some(database), Some(table), name),
                _ => Err(self.refused(format!("the name {expr}"), expr.span())),
            },
            E::Nested(inner) => self.expr(inner),
            E::Value(value) => self.value(value),
            E::UnaryOp { op, expr: operand } => self.unary(*op, operand, expr),
            E::BinaryOp { left, op, right } => self.binary(left, op, right, expr),
            E::IsNull(e) => self.is_null(e, false),
            E::IsNotNull(e) => self.is_null(e, true),
            E::IsTrue(e) => self.is_truth(e, true, false),
            E::IsNotTrue(e) => self.is_truth(e, true, true),
            E::IsFalse(e) => self.is_truth(e, false, false),
            E::IsNotFalse(e) => self.is_truth(e, false, true),
            E::Between { expr: e, negated, low, high } if super::row::is_row(e) => {
                let both = logic(true, vec![self.comparison(CompareOp::Ge, e, low, expr)?, self.comparison(CompareOp::Le, e, high, expr)?]);
                Ok(if *negated { not(both) } else { both })
            }
            E::Between { expr: e, negated, low, high } => {
                let (e, low, high) = (self.expr(e)?, self.expr(low)?, self.expr(high)?);
                let from = compare(CompareOp::Ge, e.clone(), low);
                let to = compare(CompareOp::Le, e, high);
                let both = logic(true, vec![from, to]);
                Ok(if *negated { not(both) } else { both })
            }
            E::In { expr: e, target, negated, .. } => self.in_target(e, target, *negated),
            E::Like { negated, expr: text, pattern, escape_char, .. } => {
                let sensitive = self.options.case_sensitive_like;
                self.like(*negated, text, pattern, escape_char.as_deref(), sensitive)
            }
            E::ILike { negated, expr: text, pattern, escape_char, .. } => self.like(*negated, text, pattern, escape_char.as_deref(), false),
            E::Case { operand, conditions, else_result, .. } => self.case(operand.as_deref(), conditions, else_result.as_deref()),
            E::Cast { kind, expr: e, data_type, .. } => self.cast(kind, e, data_type),
            E::Collate { expr: e, collation } => {
                let mut inner = self.expr(e)?;
                let (_, name) = split_name(collation)?;
                let collation = self.collation(name)?;
                inner.ty.collation = Some((collation, true));
                let ty = inner.ty;
                Ok(Expr { kind: Kind::Collate(Box::new(inner)), ty })
            }
            E::Exists { subquery, negated } => {
                let query = self.inner_query(subquery)?;
                let exists = Expr { kind: Kind::Exists(Box::new(query)), ty: Ty::plain(Class::Bool).not_null() };
                Ok(if *negated { not(exists) } else { exists })
            }
            E::Subquery(query) => self.scalar(query),
            E::Tuple(_) => Err(ClientError::new(SqlState::SYNTAX_ERROR, "row value misused").at(self.at(expr.span()))),
            E::Function(function) => self.function(function),
            E::Substring { expr: e, substring_from, substring_for, .. } => {
                let args: Vec<&ast::Expr> = std::iter::once(&**e).chain(substring_from.as_deref()).chain(substring_for.as_deref()).collect();
                self.named_call("substr", &args, expr)
            }
            E::Trim { trim_where, trim_what, expr: e, trim_characters } => {
                let name = match trim_where {
                    None | Some(ast::TrimWhereField::Both) => "trim",
                    Some(ast::TrimWhereField::Leading) => "ltrim",
                    Some(ast::TrimWhereField::Trailing) => "rtrim",
                };
                let what = trim_what.as_deref().into_iter().chain(trim_characters.iter().flatten());
                let args: Vec<&ast::Expr> = std::iter::once(&**e).chain(what).collect();
                self.named_call(name, &args, expr)
            }
            E::Ceil { expr: e, .. } => self.named_call("ceil", &[e], expr),
            E::Floor { expr: e, .. } => self.named_call("floor", &[e], expr),
            other => Err(self.refused(format!("the expression {other}"), other.span())),
        }
    }

    fn value(&mut self, value: &ast::ValueWithSpan) -> Bound<Expr> {
        use ast::Value as V;
        Ok(Expr::literal(match &value.value {
            V::Number(text, _) if is_long_hex(text) => {
                let message = format!("hex literal too big: {text}");
                return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(value.span)));
            }
            V::Number(text, _) => number(text),
            V::SingleQuotedString(text) | V::DoubleQuotedString(text) | V::EscapedStringLiteral(text) | V::NationalStringLiteral(text) => {
                Value::Text(text.clone())
            }
            V::HexStringLiteral(hex) => Value::Blob(
                unhex(hex)
                    .ok_or_else(|| ClientError::new(SqlState::SYNTAX_ERROR, format!("unrecognized token: \"x'{hex}'\"")).at(self.at(value.span)))?,
            ),
            V::Boolean(b) => Value::Integer(i64::from(*b)),
            V::Null => Value::Null,
            V::Placeholder(text) => return self.parameter(value.span, text),
            other => return Err(self.refused(format!("the literal {other}"), value.span)),
        }))
    }

    fn unary(&mut self, op: UnaryOperator, operand: &ast::Expr, whole: &ast::Expr) -> Bound<Expr> {
        // The most negative integer has no positive counterpart, so a minus belongs to its literal.
        if op == UnaryOperator::Minus
            && let ast::Expr::Value(v) = operand
            && let ast::Value::Number(text, _) = &v.value
            && !is_long_hex(text)
        {
            let value = number(&format!("-{text}"));
            if value == Value::Integer(i64::MIN) && is_hex(text) {
                let message = format!("hex literal too big: -{text}");
                return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(v.span)));
            }
            return Ok(Expr::literal(value));
        }
        let expr = self.expr(operand)?;
        match op {
            UnaryOperator::Minus => {
                let class = match expr.ty.class {
                    Class::Bool | Class::Integer => Class::Integer,
                    Class::Real => Class::Real,
                    Class::Null => Class::Null,
                    _ => Class::Number,
                };
                let ty = Ty { nullable: expr.ty.nullable, ..Ty::plain(class) };
                Ok(Expr { kind: Kind::Negate(Box::new(expr)), ty })
            }
            // `+a` keeps the value, loses the affinity; a CAST's is what it casts to.
            UnaryOperator::Plus => {
                let ty = Ty { affinity: None, ..expr.ty };
                let kind = if let Kind::Cast(_) = expr.kind { Kind::Collate(Box::new(expr)) } else { expr.kind };
                Ok(Expr { kind, ty })
            }
            UnaryOperator::BitwiseNot => {
                let ty = Ty { nullable: expr.ty.nullable, ..Ty::plain(Class::Integer) };
                Ok(Expr { kind: Kind::BitNot(Box::new(expr)), ty })
            }
            UnaryOperator::Not => Ok(not(expr)),
            _ => Err(self.refused(format!("the operator {op}"), whole.span())),
        }
    }

    fn binary(&mut self, left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr, whole: &ast::Expr) -> Bound<Expr> {
        let compare_op = match op {
            BinaryOperator::Eq => Some(CompareOp::Eq),
            BinaryOperator::NotEq => Some(CompareOp::Ne),
            BinaryOperator::Lt => Some(CompareOp::Lt),
            BinaryOperator::LtEq => Some(CompareOp::Le),
            BinaryOperator::Gt => Some(CompareOp::Gt),
            BinaryOperator::GtEq => Some(CompareOp::Ge),
            BinaryOperator::Is => Some(CompareOp::Is),
            BinaryOperator::IsNot => Some(CompareOp::IsNot),
            _ => None,
        };
        if let Some(op) = compare_op {
            return self.comparison(op, left, right, whole);
        }
        let value_op = match op {
            BinaryOperator::Plus => BinaryOp::Add,
            BinaryOperator::Minus => BinaryOp::Subtract,
            BinaryOperator::Multiply => BinaryOp::Multiply,
            BinaryOperator::Divide => BinaryOp::Divide,
            BinaryOperator::Modulo => BinaryOp::Modulo,
            BinaryOperator::BitwiseAnd => BinaryOp::And,
            BinaryOperator::BitwiseOr => BinaryOp::Or,
            BinaryOperator::PGBitwiseShiftLeft => BinaryOp::Left,
            BinaryOperator::PGBitwiseShiftRight => BinaryOp::Right,
            BinaryOperator::StringConcat => BinaryOp::Concat,
            BinaryOperator::Arrow => BinaryOp::Arrow,
            BinaryOperator::LongArrow => BinaryOp::LongArrow,
            BinaryOperator::And | BinaryOperator::Or => {
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                return Ok(logic(*op == BinaryOperator::And, vec![left, right]));
            }
            BinaryOperator::Glob => {
                let (text, pattern) = (self.expr(left)?, self.expr(right)?);
                let ty = Ty { nullable: text.ty.nullable || pattern.ty.nullable, ..Ty::plain(Class::Bool) };
                return Ok(Expr { kind: Kind::Glob(Box::new(text), Box::new(pattern)), ty });
            }
            BinaryOperator::AtArrow
            | BinaryOperator::ArrowAt
            | BinaryOperator::HashArrow
            | BinaryOperator::HashLongArrow
            | BinaryOperator::PGRegexMatch
            | BinaryOperator::PGRegexIMatch
            | BinaryOperator::PGRegexNotMatch
            | BinaryOperator::PGRegexNotIMatch => {
                let class = match op {
                    BinaryOperator::HashArrow => Class::Native(crate::catalog::oid::JSONB),
                    BinaryOperator::HashLongArrow => Class::Text,
                    _ => Class::Bool,
                };
                let kind = Kind::NativeOp(op.to_string(), Box::new(self.expr(left)?), Box::new(self.expr(right)?));
                return Ok(Expr { kind, ty: Ty::plain(class) });
            }
            BinaryOperator::Match | BinaryOperator::Regexp => {
                if *op == BinaryOperator::Match
                    && let Some(found) = self.matching(left, right, true)?
                {
                    return Ok(found);
                }
                // Only a virtual table or the application gives them a meaning.
                let message = match op {
                    BinaryOperator::Match => "unable to use function MATCH in the requested context",
                    _ => "no such function: REGEXP",
                };
                return Err(ClientError::new(SqlState::UNDEFINED_FUNCTION, message).at(self.at(right.span())));
            }
            other => return Err(self.refused(format!("the operator {other}"), whole.span())),
        };
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        if let (Some(a), Some(b)) = (left.constant(), right.constant())
            && let Some(value) = fold(value_op, &a.to_number(), &b.to_number())
        {
            return Ok(Expr::literal(value));
        }
        // A text constant is in arithmetic the number that it starts with.
        let class = |e: &Expr| e.constant().map_or(e.ty.class, |v| Ty::of_value(&v.to_number()).class);
        let nul = value_op == BinaryOp::Concat && (may_hold_nul(&left) || may_hold_nul(&right));
        let class = if nul { Class::Dynamic } else { binary_class(value_op, class(&left), class(&right)) };
        let ty = Ty { nullable: binary_nullable(value_op, &left, &right), ..Ty::plain(class) };
        Ok(Expr { kind: Kind::Binary(value_op, Box::new(left), Box::new(right)), ty })
    }

    fn comparison(&mut self, op: CompareOp, left: &ast::Expr, right: &ast::Expr, whole: &ast::Expr) -> Bound<Expr> {
        if let Some(rows) = self.row_comparison(op, left, right, whole)? {
            return Ok(rows);
        }
        if let CompareOp::Is | CompareOp::IsNot = op
            && let ast::Expr::Value(v) = right
        {
            match v.value {
                ast::Value::Null => return self.is_null(left, op == CompareOp::IsNot),
                ast::Value::Boolean(truth) => return self.is_truth(left, truth, op == CompareOp::IsNot),
                _ => {}
            }
        }
        if op == CompareOp::Eq {
            for (hidden, other) in [(left, right), (right, left)] {
                if let Some(found) = self.matching(hidden, other, false)? {
                    return Ok(found);
                }
            }
        }
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        Ok(compare(op, left, right))
    }

    fn is_null(&mut self, expr: &ast::Expr, negated: bool) -> Bound<Expr> {
        let expr = self.expr(expr)?;
        Ok(Expr { kind: Kind::IsNull(Box::new(expr), negated), ty: Ty::plain(Class::Bool).not_null() })
    }

    fn is_truth(&mut self, expr: &ast::Expr, truth: bool, negated: bool) -> Bound<Expr> {
        let expr = Box::new(self.expr(expr)?);
        Ok(Expr { kind: Kind::IsTruth { expr, truth, negated }, ty: Ty::plain(Class::Bool).not_null() })
    }

    fn in_target(&mut self, expr: &ast::Expr, target: &ast::InTarget, negated: bool) -> Bound<Expr> {
        let row = |this: &mut Self| match super::row::inner(expr) {
            ast::Expr::Tuple(items) => this.row(items),
            other => Ok(vec![this.expr(other)?]),
        };
        let ty = Ty { nullable: true, ..Ty::plain(Class::Bool) };
        match target {
            ast::InTarget::List(list) if super::row::is_row(expr) => {
                let equal = list.iter().map(|item| self.comparison(CompareOp::Eq, expr, item, expr)).collect::<Bound<Vec<_>>>()?;
                let any = if equal.is_empty() { Expr::literal(Value::Integer(0)) } else { logic(false, equal) };
                Ok(if negated { not(any) } else { any })
            }
            ast::InTarget::List(list) => {
                let list = list.iter().map(|e| self.expr(e)).collect::<Bound<Vec<_>>>()?;
                let left = Box::new(self.expr(expr)?);
                Ok(Expr { kind: Kind::InList(left, list, negated), ty })
            }
            ast::InTarget::Subquery(query) => {
                let (left, query) = (row(self)?, self.inner_query(query)?);
                if query.columns.len() != left.len() {
                    let message = format!("sub-select returns {} columns - expected {}", query.columns.len(), left.len());
                    return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(expr.span())));
                }
                Ok(Expr { kind: Kind::InQuery(left, Box::new(query), negated), ty })
            }
            ast::InTarget::Table { name, args: None } => {
                let (left, query) = (row(self)?, self.table_query(name)?);
                if query.columns.len() != left.len() {
                    let message = format!("sub-select returns {} columns - expected {}", query.columns.len(), left.len());
                    return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(expr.span())));
                }
                Ok(Expr { kind: Kind::InQuery(left, Box::new(query), negated), ty })
            }
            other => Err(self.refused(format!("IN {other}"), expr.span())),
        }
    }

    fn like(&mut self, negated: bool, text: &ast::Expr, pattern: &ast::Expr, escape: Option<&ast::Expr>, sensitive: bool) -> Bound<Expr> {
        let (text, pattern) = (Box::new(self.expr(text)?), Box::new(self.expr(pattern)?));
        let escape = escape.map(|e| self.expr(e)).transpose()?.map(Box::new);
        let nullable = [&text, &pattern].into_iter().chain(&escape).any(|e| e.ty.nullable);
        let ty = Ty { nullable, ..Ty::plain(Class::Bool) };
        Ok(Expr { kind: Kind::Like { text, pattern, escape, negated, sensitive }, ty })
    }

    fn case(&mut self, operand: Option<&ast::Expr>, arms: &[ast::CaseWhen], other: Option<&ast::Expr>) -> Bound<Expr> {
        let row = operand.filter(|e| super::row::is_row(e));
        let operand = operand.filter(|_| row.is_none()).map(|e| self.expr(e)).transpose()?;
        let mut bound = Vec::new();
        for arm in arms {
            let condition = match (row, &operand) {
                (Some(row), _) => self.comparison(CompareOp::Eq, row, &arm.condition, &arm.condition)?,
                (None, Some(operand)) => compare(CompareOp::Eq, operand.clone(), self.expr(&arm.condition)?),
                (None, None) => self.expr(&arm.condition)?,
            };
            bound.push((condition, self.expr(&arm.result)?));
        }
        let other = other.map(|e| self.expr(e)).transpose()?;
        let mut results = bound.iter().map(|(_, r)| r.ty).chain(other.as_ref().map(|e| e.ty));
        let first = results.next().unwrap_or(Ty::plain(Class::Null));
        let mut ty = results.fold(first, Ty::unify);
        (ty.affinity, ty.collation) = (None, ty.collation.filter(|(_, written)| *written));
        ty.nullable |= other.is_none();
        Ok(Expr { kind: Kind::Case(bound, other.map(Box::new)), ty })
    }

    fn cast(&mut self, kind: &ast::CastKind, expr: &ast::Expr, data_type: &ast::DataType) -> Bound<Expr> {
        let inner = self.expr(expr)?;
        let name = data_type.to_string();
        if *kind == ast::CastKind::DoubleColon {
            let class = functions::native_class(&name);
            return Ok(Expr { kind: Kind::NativeCast(Box::new(inner), name), ty: Ty::plain(class) });
        }
        let affinity = affinity_of_declared(&name);
        let class = match (affinity, inner.ty.class) {
            (_, Class::Null) => Class::Null,
            (Affinity::Integer, _) => Class::Integer,
            (Affinity::Real, _) => Class::Real,
            (Affinity::Numeric, Class::Bool | Class::Integer) => Class::Integer,
            (Affinity::Numeric, Class::Real) => Class::Real,
            (Affinity::Numeric, _) => Class::Number,
            // A blob may hold a NUL, which only the carrier can keep in text.
            (Affinity::Text, Class::Blob) if !matches!(inner.constant(), Some(Value::Blob(bytes)) if !bytes.contains(&0)) => Class::Dynamic,
            (Affinity::Text, _) => Class::Text,
            (Affinity::Blob, _) => Class::Blob,
        };
        let ty = Ty { affinity: Some(affinity), nullable: inner.ty.nullable, collation: inner.ty.collation, class };
        Ok(Expr { kind: Kind::Cast(Box::new(inner)), ty })
    }

    fn scalar(&mut self, query: &ast::Query) -> Bound<Expr> {
        let query = self.inner_query(query)?;
        let [column] = query.columns.as_slice() else {
            let message = format!("sub-select returns {} columns - expected 1", query.columns.len());
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, message));
        };
        // It has its column's affinity, and no collation.
        let ty = Ty { nullable: true, collation: None, ..column.ty };
        Ok(Expr { kind: Kind::Subquery(Box::new(query)), ty })
    }

    fn named_call(&mut self, name: &str, args: &[&ast::Expr], whole: &ast::Expr) -> Bound<Expr> {
        let args = args.iter().map(|e| self.expr(e)).collect::<Bound<Vec<_>>>()?;
        self.call(name, Call::plain(Callee::Native(unnamed()), args), whole.span())
    }

    fn function(&mut self, function: &ast::Function) -> Bound<Expr> {
        let (schema, name) = split_name(&function.name)?;
        let span = name.span;
        let name = name.value.to_ascii_lowercase();
        if let Some(found) = self.auxiliary(&name, function)? {
            return Ok(found);
        }
        if name == "raise" {
            return self.raise(function, span);
        }
        let mut call = Call::plain(Callee::Native(unnamed()), Vec::new());
        match &function.args {
            FunctionArguments::None => return self.bare_function(&name, span),
            FunctionArguments::Subquery(query) => call.args.push(self.scalar(query)?),
            FunctionArguments::List(list) => {
                call.distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
                for arg in &list.args {
                    match arg {
                        FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => call.star = true,
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => call.args.push(self.expr(e)?),
                        other => return Err(self.refused(format!("the argument {other}"), span)),
                    }
                }
                for clause in &list.clauses {
                    match clause {
                        FunctionArgumentClause::OrderBy(order) => {
                            for item in order {
                                call.order.push(self.order_item(item)?);
                            }
                        }
                        other => return Err(self.refused(other, span)),
                    }
                }
            }
        }
        if let Some(filter) = &function.filter {
            call.filter = Some(self.expr(filter)?);
        }
        if let Some(over) = &function.over {
            let named = std::mem::take(&mut self.windows);
            let window = self.window(over, self.at(span), &named);
            self.windows = named;
            call.over = Some(window?);
        }
        if let Some(schema) = schema {
            return self.native_call(&format!("{schema}.{name}"), call, span);
        }
        self.call(&name, call, span)
    }

    /// A function without parentheses: CURRENT_TIMESTAMP and its kin.
    fn bare_function(&mut self, name: &str, span: sqlparser::tokenizer::Span) -> Bound<Expr> {
        let function = match name {
            "current_timestamp" => DateFunction::DateTime,
            "current_date" => DateFunction::Date,
            "current_time" => DateFunction::Time,
            _ => return Err(self.refused(format!("the function {name}"), span)),
        };
        Ok(date_constant(DateCall { function, args: Vec::new() }))
    }

    fn call(&mut self, name: &str, mut call: Call, span: sqlparser::tokenizer::Span) -> Bound<Expr> {
        let Some(function) = functions::find(name) else {
            if self.catalog.functions.contains(name) {
                return self.native_call(name, call, span);
            }
            return Err(ClientError::new(SqlState::UNDEFINED_FUNCTION, format!("no such function: {name}")).at(self.at(span)));
        };
        let count = call.args.len();
        if !(function.takes(count) || call.star && function.star) {
            return Err(ClientError::new(SqlState::UNDEFINED_FUNCTION, format!("wrong number of arguments to function {name}()")).at(self.at(span)));
        }
        if let Some(counter) = function.counter() {
            return Ok(Expr { kind: Kind::Counter(counter), ty: Ty::plain(Class::Integer).not_null() });
        }
        if let FunctionKind::Date(date) = function.kind
            && let Some(args) = call.args.iter().map(|a| a.constant().cloned()).collect::<Option<Vec<_>>>()
        {
            return Ok(date_constant(DateCall { function: date, args }));
        }
        if matches!(name, "printf" | "format")
            && let Some(args) = call.args.iter().map(|a| a.constant().cloned()).collect::<Option<Vec<_>>>()
            && let Some(Value::Text(format)) = args.first()
            && let Some(text) = crate::value::printf::format(format, &args[1..])
        {
            return Ok(Expr::literal(text));
        }
        if let FunctionKind::Refused(why) = function.kind {
            let refusal = || self.refused(format!("the function {name}() ({why})"), span);
            self.options.hatches.pass(Hatch::Function, refusal)?;
            return Ok(Expr::literal(Value::Null));
        }
        if let Some(message) = misused(function, &call) {
            return Err(ClientError::new(SqlState::SYNTAX_ERROR, message).at(self.at(span)));
        }
        call.function = Callee::Known(function);
        if function.is_aggregate(count) && call.over.is_none() {
            call.level = level_of(&call);
            let owner = self.scopes.iter_mut().rev().nth(call.level).filter(|scope| scope.aggregate_allowed);
            let Some(owner) = owner else {
                return Err(ClientError::new(SqlState::GROUPING_ERROR, format!("misuse of aggregate function {name}()")).at(self.at(span)));
            };
            if call.level > 0 {
                let extreme = (function.kind == FunctionKind::Extreme).then(|| (local(&call.args[0]), name == "max"));
                owner.inner_aggregates.push(extreme);
            }
        }
        let ty = (function.result)(&call.args);
        Ok(Expr { kind: Kind::Call(Box::new(call)), ty })
    }

    fn native_call(&mut self, name: &str, mut call: Call, span: sqlparser::tokenizer::Span) -> Bound<Expr> {
        let native = NativeName::new(name).ok_or_else(|| self.refused(format!("the function {name}"), span))?;
        call.function = Callee::Native(native);
        self.reaches_out = true;
        Ok(Expr { kind: Kind::Call(Box::new(call)), ty: Ty::plain(functions::native_function_class(name)) })
    }
}

/// The nearest query that an aggregate names a column of; its own where it names none.
fn level_of(call: &Call) -> usize {
    let mut nearest = None;
    for part in call.args.iter().chain(&call.filter) {
        part.any(&mut |e| {
            if let Kind::Column(column) = &e.kind
                && column.depth != OUTSIDE
            {
                nearest = Some(nearest.map_or(column.depth, |n: usize| n.min(column.depth)));
            }
            false
        });
    }
    nearest.unwrap_or(0)
}

/// A column as the query that has it names it.
fn local(e: &Expr) -> Expr {
    let mut own = e.clone();
    if let Kind::Column(column) = &mut own.kind {
        column.depth = 0;
    }
    own
}

/// What SQLite has against the clauses around a call of a function.
fn misused(function: &Function, call: &Call) -> Option<String> {
    let name = function.name;
    let aggregate = function.is_aggregate(call.args.len());
    let window = function.kind == FunctionKind::Window;
    match () {
        () if call.over.is_some() && !aggregate && !window => Some(format!("{name}() may not be used as a window function")),
        () if call.over.is_none() && window => Some(format!("misuse of window function {name}()")),
        () if call.over.is_some() && call.distinct => Some("DISTINCT is not supported for window functions".to_owned()),
        () if window && call.filter.is_some() => Some("FILTER clause may only be used with aggregate window functions".to_owned()),
        () if !call.order.is_empty() && (!aggregate || call.over.is_some()) => Some(format!("ORDER BY may not be used with non-aggregate {name}()")),
        () if !aggregate && !window && call.filter.is_some() => Some(format!("FILTER may not be used with non-aggregate {name}()")),
        () if aggregate && call.distinct && call.args.len() != 1 => Some("DISTINCT aggregates must have exactly one argument".to_owned()),
        () if name == "likelihood" && !matches!(call.args.get(1).and_then(Expr::constant), Some(Value::Real(p)) if (0.0..=1.0).contains(p)) => {
            Some("second argument to likelihood() must be a constant between 0.0 and 1.0".to_owned())
        }
        () => None,
    }
}

fn unnamed() -> NativeName {
    NativeName::new("").expect("an empty name is short")
}

/// A date function of constants: folded, or computed at each execution when it reads the clock.
fn date_constant(call: DateCall) -> Expr {
    if !call.reads_now() {
        return Expr::literal(call.evaluate(0));
    }
    let class = match call.function {
        DateFunction::JulianDay => Class::Real,
        DateFunction::UnixEpoch => match call.evaluate(0) {
            Value::Real(_) => Class::Real,
            _ => Class::Integer,
        },
        _ => Class::Text,
    };
    Expr { kind: Kind::Counter(crate::translate::Source::Now(Arc::new(call))), ty: Ty::plain(class) }
}

/// A comparison; its affinities and collation are settled when it is lowered, from the operands' types.
pub fn compare(op: CompareOp, left: Expr, right: Expr) -> Expr {
    let nullable = !matches!(op, CompareOp::Is | CompareOp::IsNot) && (left.ty.nullable || right.ty.nullable);
    Expr { kind: Kind::Compare(op, Box::new(left), Box::new(right)), ty: Ty { nullable, ..Ty::plain(Class::Bool) } }
}

/// AND or OR; nested ones of the same kind are flattened.
pub fn logic(and: bool, operands: Vec<Expr>) -> Expr {
    let mut flat = Vec::with_capacity(operands.len());
    for operand in operands {
        match operand.kind {
            Kind::Logic(same, inner) if same == and => flat.extend(inner),
            _ => flat.push(operand),
        }
    }
    let nullable = flat.iter().any(|e| e.ty.nullable);
    Expr { kind: Kind::Logic(and, flat), ty: Ty { nullable, ..Ty::plain(Class::Bool) } }
}

/// NOT.
pub fn not(expr: Expr) -> Expr {
    let ty = Ty { nullable: expr.ty.nullable, ..Ty::plain(Class::Bool) };
    Expr { kind: Kind::Not(Box::new(expr)), ty }
}

/// Arithmetic of constants: an integer result that does not fit is a real, a division by zero NULL (lang_expr.html).
fn fold(op: BinaryOp, left: &Value, right: &Value) -> Option<Value> {
    let finite = |x: f64| Some(if x.is_nan() { Value::Null } else { Value::Real(x) });
    let real = |v: &Value| match v {
        Value::Integer(n) => Some(*n as f64),
        Value::Real(x) => Some(*x),
        _ => None,
    };
    if let (Value::Integer(a), Value::Integer(b)) = (left, right) {
        let checked = match op {
            BinaryOp::Add => a.checked_add(*b),
            BinaryOp::Subtract => a.checked_sub(*b),
            BinaryOp::Multiply => a.checked_mul(*b),
            BinaryOp::Divide | BinaryOp::Modulo if *b == 0 => return Some(Value::Null),
            BinaryOp::Divide => a.checked_div(*b),
            BinaryOp::Modulo => Some(a.wrapping_rem(*b)),
            _ => return None,
        };
        if let Some(n) = checked {
            return Some(Value::Integer(n));
        }
    }
    let (a, b) = (real(left)?, real(right)?);
    match op {
        BinaryOp::Add => finite(a + b),
        BinaryOp::Subtract => finite(a - b),
        BinaryOp::Multiply => finite(a * b),
        BinaryOp::Divide if b == 0.0 => Some(Value::Null),
        BinaryOp::Divide => finite(a / b),
        _ => None,
    }
}

/// Is it text that may hold a NUL, as far as the statement tells?
fn may_hold_nul(e: &Expr) -> bool {
    e.ty.class == Class::Dynamic
        && match &e.kind {
            Kind::Literal { .. } | Kind::Cast(_) | Kind::Binary(BinaryOp::Concat, ..) => true,
            Kind::Call(call) => call.args.iter().all(|a| a.constant().is_some()),
            _ => false,
        }
}

fn binary_class(op: BinaryOp, left: Class, right: Class) -> Class {
    match op {
        BinaryOp::Concat | BinaryOp::Arrow => Class::Text,
        BinaryOp::LongArrow => Class::Dynamic,
        BinaryOp::And | BinaryOp::Or | BinaryOp::Left | BinaryOp::Right => Class::Integer,
        _ => match (left, right) {
            (Class::Null, _) | (_, Class::Null) => Class::Null,
            (Class::Bool | Class::Integer, Class::Bool | Class::Integer) => Class::Integer,
            (Class::Param, Class::Bool | Class::Integer) | (Class::Bool | Class::Integer, Class::Param) => Class::Number,
            (a, b) if a == Class::Real && b.is_number() || b == Class::Real && a.is_number() => Class::Real,
            _ => Class::Number,
        },
    }
}

fn binary_nullable(op: BinaryOp, left: &Expr, right: &Expr) -> bool {
    let divides = matches!(op, BinaryOp::Divide | BinaryOp::Modulo);
    let zero = !matches!(right.constant(), Some(Value::Integer(n)) if *n != 0);
    left.ty.nullable || right.ty.nullable || (divides && zero) || matches!(op, BinaryOp::Arrow | BinaryOp::LongArrow)
}

/// A number literal: an integer that does not fit is a real (lang_expr.html "Literal Values").
pub(super) fn number(text: &str) -> Value {
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    let (negative, digits) = plain.strip_prefix('-').map_or((false, plain.as_str()), |d| (true, d));
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        let n = u64::from_str_radix(hex, 16).map_or(0, |n| n as i64);
        return Value::Integer(if negative { n.wrapping_neg() } else { n });
    }
    plain.parse().map_or_else(|_| Value::Real(plain.parse().unwrap_or(0.0)), Value::Integer)
}

fn is_hex(text: &str) -> bool {
    text.starts_with("0x") || text.starts_with("0X")
}

/// A hexadecimal literal of more than 64 bits.
fn is_long_hex(text: &str) -> bool {
    is_hex(text) && text[2..].bytes().filter(|b| *b != b'_').skip_while(|b| *b == b'0').count() > 16
}
