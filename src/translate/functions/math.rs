//! Numbers (lang_mathfunc.html, and abs, round, sign, min, max of lang_corefunc.html).

use super::{Function, FunctionKind, first, integer, real, scalar};
use crate::error::ClientError;
use crate::translate::lower::{Frag, Lower, Lowered, fill};
use crate::translate::tree::{Call, Class, Expr, Ty, folds};

pub(super) static FUNCTIONS: &[Function] = &[
    scalar("abs", (1, 1), number, abs),
    scalar("sign", (1, 1), integer, sign),
    scalar("round", (1, 2), real, round),
    scalar("ceil", (1, 1), same_number, |l, c, e| whole(l, c, e, "ceil")),
    scalar("ceiling", (1, 1), same_number, |l, c, e| whole(l, c, e, "ceil")),
    scalar("floor", (1, 1), same_number, |l, c, e| whole(l, c, e, "floor")),
    scalar("trunc", (1, 1), same_number, |l, c, e| whole(l, c, e, "trunc")),
    scalar("sqrt", (1, 1), real, |l, c, _| guarded(l, c, "sqrt({})", ">= 0")),
    scalar("ln", (1, 1), real, |l, c, _| guarded(l, c, "ln({})", "> 0")),
    scalar("log10", (1, 1), real, |l, c, _| guarded(l, c, "log({})", "> 0")),
    scalar("log", (1, 2), real, log),
    scalar("log2", (1, 1), real, |l, c, _| guarded(l, c, "(ln({}) / ln(2::float8))", "> 0")),
    scalar("exp", (1, 1), real, exp),
    scalar("pow", (2, 2), real, pow),
    scalar("power", (2, 2), real, pow),
    scalar("mod", (2, 2), real, modulo),
    scalar("pi", (0, 0), real, |_, _, _| Ok(Frag::text("pi()"))),
    scalar("radians", (1, 1), real, |l, c, _| plain(l, c, "radians")),
    scalar("degrees", (1, 1), real, |l, c, _| plain(l, c, "degrees")),
    scalar("sin", (1, 1), real, |l, c, _| plain(l, c, "sin")),
    scalar("cos", (1, 1), real, |l, c, _| plain(l, c, "cos")),
    scalar("tan", (1, 1), real, |l, c, _| plain(l, c, "tan")),
    scalar("asin", (1, 1), real, |l, c, _| guarded(l, c, "asin({})", "BETWEEN -1 AND 1")),
    scalar("acos", (1, 1), real, |l, c, _| guarded(l, c, "acos({})", "BETWEEN -1 AND 1")),
    scalar("atan", (1, 1), real, |l, c, _| plain(l, c, "atan")),
    scalar("atan2", (2, 2), real, |l, c, _| plain(l, c, "atan2")),
    scalar("sinh", (1, 1), real, |l, c, _| plain(l, c, "sinh")),
    scalar("cosh", (1, 1), real, |l, c, _| plain(l, c, "cosh")),
    scalar("tanh", (1, 1), real, |l, c, _| plain(l, c, "tanh")),
    scalar("asinh", (1, 1), real, |l, c, _| plain(l, c, "asinh")),
    scalar("acosh", (1, 1), real, |l, c, _| guarded(l, c, "acosh({})", ">= 1")),
    scalar("atanh", (1, 1), real, |l, c, _| guarded(l, c, "atanh({})", "BETWEEN -0.9999999999999999 AND 0.9999999999999999")),
    Function {
        name: "min",
        args: (1, 255),
        star: false,
        kind: FunctionKind::Extreme,
        result: extreme_type,
        lower: |l, c, e| extreme(l, c, e, "min", "least"),
    },
    Function {
        name: "max",
        args: (1, 255),
        star: false,
        kind: FunctionKind::Extreme,
        result: extreme_type,
        lower: |l, c, e| extreme(l, c, e, "max", "greatest"),
    },
];

/// The type of a predicate.
pub(super) fn truth(args: &[Expr]) -> Ty {
    Ty { nullable: args.iter().any(|a| a.ty.nullable), ..Ty::plain(Class::Bool) }
}

fn number(args: &[Expr]) -> Ty {
    let class = match args.first().map(|a| a.ty.class) {
        Some(Class::Bool | Class::Integer) => Class::Integer,
        Some(Class::Number) => Class::Number,
        Some(Class::Real | Class::Text | Class::Native(_)) => Class::Real,
        _ => Class::Number,
    };
    Ty::plain(class)
}

fn same_number(args: &[Expr]) -> Ty {
    let class = match args.first().map(|a| a.ty.class) {
        Some(Class::Bool | Class::Integer) => Class::Integer,
        Some(Class::Real) => Class::Real,
        _ => Class::Number,
    };
    Ty::plain(class)
}

/// An argument of a mathematical function (`sqlite3_value_numeric_type`): text counts where it is a number as a whole; other
/// text, and any blob, is NULL.
fn operand(lower: &mut Lower, e: &Expr) -> Result<(Frag, Class), ClientError> {
    match e.ty.class {
        Class::Blob => Ok((Frag::text("NULL::numeric"), Class::Number)),
        Class::Dynamic => {
            let value = lower.natural(e)?;
            Ok((lower.call("any_operand", &[&value])?, Class::Number))
        }
        Class::Text | Class::Native(_) => {
            let text = lower.text(e)?;
            Ok((lower.call("num_operand", &[&text])?, Class::Number))
        }
        _ => lower.number(e),
    }
}

/// The same as a float8.
fn real_operand(lower: &mut Lower, e: &Expr) -> Lowered {
    if e.ty.class == Class::Param {
        return lower.real(e);
    }
    let (number, class) = operand(lower, e)?;
    lower.recarry(&number, class, Class::Real)
}

fn sign(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let (number, _) = operand(lower, &call.args[0])?;
    Ok(fill("sign({})::int8", &[&number]))
}

fn abs(lower: &mut Lower, call: &Call, e: &Expr) -> Lowered {
    let arg = &call.args[0];
    if arg.ty.class == Class::Dynamic {
        let piece = lower.natural(arg)?;
        return lower.call("any_abs", &[&piece]);
    }
    let (number, class) = lower.number(arg)?;
    let out = fill("abs({})", &[&number]);
    lower.recarry(&out, class, e.ty.class)
}

/// round() is half away from zero, on the exact binary value.
fn round(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let x = lower.real(&call.args[0])?;
    let digits = match call.args.get(1) {
        Some(digits) => lower.integer(digits)?,
        None => Frag::text("0::int8"),
    };
    lower.call("round", &[&x, &digits])
}

fn whole(lower: &mut Lower, call: &Call, e: &Expr, name: &str) -> Lowered {
    let (number, class) = operand(lower, &call.args[0])?;
    let out = match class {
        Class::Integer => number,
        Class::Real => fill(&format!("{name}({{}})"), &[&number]),
        // Its scale tells an integer, which stays one.
        _ => fill(&format!("(CASE WHEN scale({{}}) = 0 THEN {{}} ELSE {name}({{}}) + 0.0 END)"), &[&number, &number, &number]),
    };
    lower.recarry(&out, class, e.ty.class)
}

fn plain(lower: &mut Lower, call: &Call, name: &str) -> Lowered {
    let args = call.args.iter().map(|a| real_operand(lower, a)).collect::<Result<Vec<_>, _>>()?;
    Ok(fill(&format!("{name}({{}})"), &[&Frag::join(&args, ", ")]))
}

/// A function with a domain, outside which SQLite gives NULL.
fn guarded(lower: &mut Lower, call: &Call, pattern: &str, domain: &str) -> Lowered {
    let x = real_operand(lower, &call.args[0])?;
    Ok(fill(&format!("(CASE WHEN {{}} {domain} THEN {pattern} END)"), &[&x, &x]))
}

/// exp(), which leaves the range of a float8 for infinity and for 0.
fn exp(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let x = real_operand(lower, &call.args[0])?;
    Ok(fill("(CASE WHEN {} > 709.782712893384 THEN 'Infinity'::float8 WHEN {} < -745.13 THEN 0 ELSE exp({}) END)", &[&x, &x, &x]))
}

fn pow(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let (base, exponent) = (real_operand(lower, &call.args[0])?, real_operand(lower, &call.args[1])?);
    lower.call("pow", &[&base, &exponent])
}

/// log(x) is to base 10, log(b, x) to base b.
fn log(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let [base, x] = call.args.as_slice() else { return guarded(lower, call, "log({})", "> 0") };
    let (base, x) = (real_operand(lower, base)?, real_operand(lower, x)?);
    Ok(fill("(CASE WHEN {} > 0 AND {} > 0 AND ln({}) <> 0 THEN ln({}) / ln({}) END)", &[&base, &x, &base, &x, &base]))
}

fn modulo(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let (a, b) = (real_operand(lower, &call.args[0])?, real_operand(lower, &call.args[1])?);
    let (a, b) = (lower.call("exact", &[&a])?, lower.call("exact", &[&b])?);
    Ok(fill("mod({}, nullif({}, 0))::float8", &[&a, &b]))
}

fn extreme_type(args: &[Expr]) -> Ty {
    match args {
        [_] => first(args),
        _ => super::unified(args),
    }
}

fn extreme(lower: &mut Lower, call: &Call, e: &Expr, aggregate: &str, scalar: &str) -> Lowered {
    if let [only] = call.args.as_slice() {
        return super::aggregate::simple(lower, call, only, aggregate);
    }
    let class = e.ty.class.or_text();
    let class = if class == Class::Bool { Class::Integer } else { class };
    let args = call.args.iter().map(|a| lower.carried(a, class)).collect::<Result<Vec<_>, _>>()?;
    let nulls: Vec<Frag> = call.args.iter().zip(&args).filter(|(a, _)| a.ty.nullable).map(|(_, p)| fill("({}) IS NULL", &[p])).collect();
    // The first collation among the arguments holds.
    let ty = call.args.iter().map(|a| a.ty).reduce(Ty::unify).unwrap_or(e.ty);
    let value = if folds(ty) {
        if args.len() > 4 {
            return Err(ClientError::refused(format!("{aggregate}() of more than four values under NOCASE or RTRIM")));
        }
        // Of equal ones the first is the largest, and the last the smallest.
        let ty = Ty { class, ..ty };
        let mut best = args[0].clone();
        for next in &args[1..] {
            let (a, b) = (lower.key_of(best.clone(), ty, false)?, lower.key_of(next.clone(), ty, false)?);
            let op = if scalar == "greatest" { "<" } else { ">=" };
            best = fill(&format!("(CASE WHEN {{}} {op} {{}} THEN {{}} ELSE {{}} END)"), &[&a, &b, next, &best]);
        }
        best
    } else {
        let collate = if class == Class::Text && !lower.catalog.byte_order { " COLLATE \"C\"" } else { "" };
        let ordered: Vec<Frag> = if scalar == "least" { args.iter().rev().cloned().collect() } else { args.clone() };
        fill(&format!("{scalar}({{}}{collate})"), &[&Frag::join(&ordered, &format!("{collate}, "))])
    };
    if nulls.is_empty() {
        return lower.recarry(&value, class, e.ty.class);
    }
    let out = fill("(CASE WHEN {} THEN NULL ELSE {} END)", &[&Frag::join(&nulls, " OR "), &value]);
    if e.ty.class == Class::Bool { Ok(fill("({} <> 0)", &[&out])) } else { Ok(out) }
}
