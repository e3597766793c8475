//! SQL values as elements of JSON. What a JSON function made is JSON already and is not quoted (json1.html §3.2); a column, a
//! parameter, a subquery give plain text.

use super::{extracted, name_of};
use crate::error::ClientError;
use crate::translate::bind::{compare, logic};
use crate::translate::lower::{Frag, Lower, Lowered, fill};
use crate::translate::tree::{BinaryOp, Class, Column, CompareOp, Expr, Kind, Ty};
use crate::value::Value;

/// What is asked of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Want {
    /// Its JSON text, never NULL.
    Element,
    /// subtype(): 74 for JSON, else 0.
    Subtype,
}

/// May the value be JSON and not just text?
fn may_be_json(e: &Expr) -> bool {
    match &e.kind {
        Kind::Binary(BinaryOp::Arrow, ..) => true,
        Kind::Column(column) => column.element,
        Kind::Collate(inner) => may_be_json(inner),
        Kind::Case(arms, other) => arms.iter().map(|(_, result)| result).chain(other.as_deref()).any(may_be_json),
        Kind::Call(call) => match name_of(e) {
            Some("json_valid" | "json_error_position" | "json_type" | "json_array_length" | "json_pretty") => false,
            Some("coalesce" | "ifnull" | "iif" | "if" | "nullif" | "likely" | "unlikely" | "likelihood") => call.args.iter().any(may_be_json),
            Some("min" | "max") => call.args.len() > 1 && call.args.iter().any(may_be_json),
            Some(name) => name == "json" || name.starts_with("json_"),
            None => false,
        },
        _ => false,
    }
}

/// A value as JSON text, never NULL.
pub(super) fn element(lower: &mut Lower, e: &Expr) -> Lowered {
    wanted(lower, e, Want::Element)
}

/// subtype() of a value.
pub(super) fn subtype(lower: &mut Lower, e: &Expr) -> Lowered {
    wanted(lower, e, Want::Subtype)
}

fn wanted(lower: &mut Lower, e: &Expr, want: Want) -> Lowered {
    if may_be_json(e) {
        return json(lower, e, want);
    }
    if want == Want::Subtype {
        return Ok(Frag::text("0::int8"));
    }
    match e.ty.class {
        Class::Null => Ok(Frag::text("'null'::text")),
        Class::Bool | Class::Integer => Ok(fill("coalesce({}, 'null')", &[&lower.text(e)?])),
        Class::Real => typed(lower, "je_real", e),
        Class::Number => typed(lower, "je_num", e),
        Class::Blob => typed(lower, "je_blob", e),
        Class::Dynamic => typed(lower, "je_any", e),
        Class::Text | Class::Param | Class::Native(_) => {
            let text = lower.text(e)?;
            lower.call("je_text", &[&text])
        }
    }
}

fn typed(lower: &mut Lower, helper: &str, e: &Expr) -> Lowered {
    let piece = lower.natural(e)?;
    lower.call(helper, &[&piece])
}

/// The same of what may be JSON: each of the values that an expression chooses from is taken for itself.
fn json(lower: &mut Lower, e: &Expr, want: Want) -> Lowered {
    let not_null = |e: &Expr| Expr { kind: Kind::IsNull(Box::new(e.clone()), true), ty: Ty::plain(Class::Bool).not_null() };
    match &e.kind {
        Kind::Collate(inner) => wanted(lower, inner, want),
        Kind::Column(column) => {
            let kind = Column { column: "\"type\"".to_owned(), element: false, ..column.clone() };
            let kind = lower.natural(&Expr { kind: Kind::Column(kind), ty: Ty::plain(Class::Text) })?;
            let (then, other) = match want {
                Want::Subtype => (Frag::text("74::int8"), Frag::text("0")),
                Want::Element => {
                    let value = lower.natural(e)?;
                    (lower.call("any_text", &[&value])?, lower.call("je_any", &[&value])?)
                }
            };
            Ok(fill("(CASE WHEN {} IN ('array', 'object') THEN {} ELSE {} END)", &[&kind, &then, &other]))
        }
        Kind::Case(arms, other) => choice(lower, arms.iter().map(|(when, result)| (when.clone(), result)).collect(), other.as_deref(), want),
        Kind::Call(call) => match (name_of(e), call.args.as_slice()) {
            (Some("json_extract"), [subject, path]) => {
                let found = extracted(lower, subject, path)?;
                match want {
                    Want::Element => lower.call("j_element", &[&found]),
                    Want::Subtype => Ok(fill("(CASE WHEN json_typeof({}) IN ('array', 'object') THEN 74::int8 ELSE 0 END)", &[&found])),
                }
            }
            (Some("coalesce" | "ifnull"), [first @ .., last]) => choice(lower, first.iter().map(|a| (not_null(a), a)).collect(), Some(last), want),
            (Some("nullif"), [value, other]) => {
                let nothing = Expr::literal(Value::Null);
                choice(lower, vec![(compare(CompareOp::Eq, value.clone(), other.clone()), &nothing)], Some(value), want)
            }
            (Some("iif" | "if"), args) => {
                let (pairs, other) = args.as_chunks::<2>();
                choice(lower, pairs.iter().map(|[when, result]| (when.clone(), result)).collect(), other.first(), want)
            }
            (Some(name @ ("min" | "max")), args) => {
                // One NULL, and no comparison holds.
                let op = if name == "min" { CompareOp::Le } else { CompareOp::Ge };
                let best = |a: &Expr| logic(true, args.iter().map(|b| compare(op, a.clone(), b.clone())).collect());
                choice(lower, args.iter().map(|a| (best(a), a)).collect(), None, want)
            }
            (Some("likely" | "unlikely" | "likelihood"), [value, ..]) => wanted(lower, value, want),
            _ => text(lower, e, want),
        },
        _ => text(lower, e, want),
    }
}

fn text(lower: &mut Lower, e: &Expr, want: Want) -> Lowered {
    let text = lower.text(e)?;
    Ok(match want {
        Want::Element => fill("coalesce({}, 'null')", &[&text]),
        Want::Subtype => fill("(CASE WHEN {} IS NULL THEN 0::int8 ELSE 74 END)", &[&text]),
    })
}

fn choice(lower: &mut Lower, arms: Vec<(Expr, &Expr)>, other: Option<&Expr>, want: Want) -> Lowered {
    let nothing = Expr::literal(Value::Null);
    let mut out = Frag::text("(CASE");
    for (when, result) in &arms {
        out.append(&fill(" WHEN {} THEN {}", &[&lower.truth(when, false)?, &wanted(lower, result, want)?]));
    }
    out.append(&fill(" ELSE {} END)", &[&wanted(lower, other.unwrap_or(&nothing), want)?]));
    Ok(out)
}

/// A key of json_object(), quoted: only text can be one.
pub(super) fn key(lower: &mut Lower, e: &Expr) -> Lowered {
    let helper = match e.ty.class {
        Class::Text | Class::Param | Class::Native(_) => "je_key",
        Class::Dynamic => "je_key_any",
        _ => return Err(super::error("json_object() labels must be TEXT")),
    };
    let piece = if helper == "je_key" { lower.text(e)? } else { lower.natural(e)? };
    lower.call(helper, &[&piece])
}

/// A value as an element of JSONB, never NULL.
pub(super) fn binary(lower: &mut Lower, e: &Expr) -> Result<Frag, ClientError> {
    if may_be_json(e) {
        let text = element(lower, e)?;
        return lower.call("jb", &[&text]);
    }
    match e.ty.class {
        Class::Null => Ok(Frag::text("'\\x00'::bytea")),
        Class::Bool | Class::Integer | Class::Real | Class::Number => {
            let number = lower.carried(e, Class::Number)?;
            lower.call("jbe_num", &[&number])
        }
        Class::Blob => typed(lower, "jbe_blob", e),
        Class::Dynamic => typed(lower, "jbe_any", e),
        Class::Text | Class::Param | Class::Native(_) => {
            let text = lower.text(e)?;
            lower.call("jbe_text", &[&text])
        }
    }
}
