//! Aggregates (lang_aggfunc.html).

use super::{Function, FunctionKind, integer, text};
use crate::error::ClientError;
use crate::translate::lower::{Frag, Lower, Lowered, fill};
use crate::translate::tree::{Call, Callee, Class, Expr, FrameBound, Ty};

const fn aggregate(name: &'static str, args: (u8, u8), result: fn(&[Expr]) -> Ty, lower: fn(&mut Lower, &Call, &Expr) -> Lowered) -> Function {
    Function { name, args, star: false, kind: FunctionKind::Aggregate, result, lower }
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function { name: "count", args: (0, 1), star: true, kind: FunctionKind::Aggregate, result: |a| integer(a).not_null(), lower: count },
    aggregate("sum", (1, 1), sum_type, sum),
    aggregate("avg", (1, 1), super::real, |l, c, _| real_aggregate(l, c, "avg", false)),
    aggregate("total", (1, 1), |a| super::real(a).not_null(), |l, c, _| real_aggregate(l, c, "sum", true)),
    aggregate("group_concat", (1, 2), nullable_text, concat),
    aggregate("string_agg", (2, 2), nullable_text, concat),
    aggregate("median", (1, 1), super::real, |l, c, _| percentile(l, c, "1", false)),
    aggregate("percentile", (2, 2), super::real, |l, c, _| percentile(l, c, "100", false)),
    aggregate("percentile_cont", (2, 2), super::real, |l, c, _| percentile(l, c, "1", false)),
    aggregate("percentile_disc", (2, 2), super::real, |l, c, _| percentile(l, c, "1", true)),
];

fn nullable_text(args: &[Expr]) -> Ty {
    Ty { nullable: true, ..text(args) }
}

fn sum_type(args: &[Expr]) -> Ty {
    let class = match args[0].ty.class {
        Class::Bool | Class::Integer => Class::Integer,
        Class::Real => Class::Real,
        _ => Class::Number,
    };
    Ty::plain(class)
}

/// Opens a call whose arguments are lowered outside the group.
pub(super) fn call(lower: &mut Lower, of: &Call, name: &str, args: impl FnOnce(&mut Lower) -> Lowered) -> Lowered {
    if of.args.first().is_some_and(Expr::folds) && of.distinct && name != "count" {
        return Err(ClientError::refused(format!("{name}() of a column under NOCASE or RTRIM")));
    }
    let args = lower.arguments(of, args)?;
    let mut out = fill(&format!("{name}({}{{}}", if of.distinct { "DISTINCT " } else { "" }), &[&args]);
    if of.distinct && matches!(name, "count" | "sum" | "avg" | "min" | "max") {
        // The backend orders what is distinct by nothing else, and the result is the same in every order.
        lower.call_tail(&mut out, &Call { order: Vec::new(), ..of.clone() })?;
    } else {
        lower.call_tail(&mut out, of)?;
    }
    Ok(out)
}

fn count(lower: &mut Lower, of: &Call, _: &Expr) -> Lowered {
    call(lower, of, "count", |l| match of.args.first() {
        Some(arg) if of.distinct => l.order_key(arg),
        Some(arg) => l.natural(arg),
        None => Ok(Frag::text("*")),
    })
}

/// min() and max() of a column.
pub(super) fn simple(lower: &mut Lower, of: &Call, arg: &Expr, name: &str) -> Lowered {
    let class = if arg.ty.class == Class::Bool { Class::Integer } else { arg.ty.class };
    if arg.folds() {
        return if of.over.is_none() { folded_extreme(lower, of, arg, name) } else { folded_running(lower, of, arg, name) };
    }
    if matches!(class, Class::Dynamic | Class::Blob) {
        let helper = lower.helper(if name == "max" { "any_max" } else { "any_min" })?;
        let out = call(lower, of, &helper, |l| l.carried(arg, Class::Dynamic))?;
        // The backend has none of its own for blobs.
        return if class == Class::Blob { lower.call("any_blob", &[&out]) } else { Ok(out) };
    }
    if matches!(class, Class::Native(_)) && !class.is_time() {
        return Err(ClientError::refused(format!("{name}() of a value whose class is not known")));
    }
    let out = call(lower, of, name, |l| {
        let piece = l.carried(arg, class.or_text())?;
        let collate = class == Class::Text && !l.byte_order(arg);
        Ok(if collate { fill("({} COLLATE \"C\")", &[&piece]) } else { piece })
    })?;
    Ok(if arg.ty.class == Class::Bool { fill("({} <> 0)", &[&out]) } else { out })
}

/// min() and max() under NOCASE or RTRIM: of equal texts the first.
fn folded_extreme(lower: &mut Lower, of: &Call, arg: &Expr, name: &str) -> Lowered {
    let rowids = lower.rowids(of);
    let (value, order) = lower.arguments(of, |l| -> Result<_, ClientError> {
        let mut order = vec![fill(if name == "max" { "{} DESC NULLS LAST" } else { "{} NULLS LAST" }, &[&l.order_key(arg)?])];
        for rowid in &rowids {
            order.push(l.natural(rowid)?);
        }
        Ok((l.natural(arg)?, Frag::join(&order, ", ")))
    })?;
    let mut out = fill("(array_agg({} ORDER BY {}", &[&value, &order]);
    lower.call_tail(&mut out, of)?;
    out.push(")[1]");
    Ok(out)
}

/// The same over a window, whose frame has an order of its own.
fn folded_running(lower: &mut Lower, of: &Call, arg: &Expr, name: &str) -> Lowered {
    // Of equal texts in a frame whose start moves SQLite takes another one.
    let frame = of.over.as_ref().and_then(|window| window.frame.as_ref());
    if frame.is_some_and(|frame| !matches!(frame.start, FrameBound::Preceding(None)) || frame.exclude.is_some()) {
        return Err(ClientError::refused(format!("{name}() of a column under NOCASE or RTRIM over a frame whose start moves")));
    }
    let helper = lower.helper(if name == "max" { "folded_max" } else { "folded_min" })?;
    let out = call(lower, of, &helper, |l| {
        let value = l.carried(arg, Class::Dynamic)?;
        let key = l.key_of(value.clone(), Ty { class: Class::Dynamic, ..arg.ty }, false)?;
        Ok(fill("{}, {}", &[&value, &key]))
    })?;
    let out = fill("({})[2]", &[&out]);
    if arg.ty.class == Class::Dynamic { Ok(out) } else { lower.text_of(&out, Class::Dynamic) }
}

fn sum(lower: &mut Lower, of: &Call, e: &Expr) -> Lowered {
    let class = e.ty.class;
    let arg = &of.args[0];
    let out = call(lower, of, "sum", |l| match arg.ty.class {
        Class::Dynamic => {
            let piece = l.natural(arg)?;
            l.call("any_sum", &[&piece])
        }
        Class::Text | Class::Native(_) => {
            let text = l.text(arg)?;
            l.call("sum_text", &[&text])
        }
        _ => {
            let (number, found) = l.number(arg)?;
            if found == class { Ok(number) } else { l.recarry(&number, found, class) }
        }
    })?;
    // sum(int8) is numeric at the backend; an overflow is SQLite's "integer overflow".
    Ok(if class == Class::Integer { fill("({})::int8", &[&out]) } else { out })
}

fn real_aggregate(lower: &mut Lower, of: &Call, name: &str, zero: bool) -> Lowered {
    let out = call(lower, of, name, |l| l.real(&of.args[0]))?;
    Ok(if zero { fill("coalesce({}, 0)", &[&out]) } else { out })
}

fn concat(lower: &mut Lower, of: &Call, _: &Expr) -> Lowered {
    let order = if of.order.is_empty() && of.over.is_none() { lower.scan_order(of)? } else { None };
    let separator = |l: &mut Lower| match of.args.get(1) {
        Some(separator) => l.text(separator),
        None => Ok(Frag::text("','")),
    };
    joined(lower, of, order.as_ref(), |l| l.text(&of.args[0]), separator)
}

/// The texts of a group, one behind the other, in an order where the call states none. DISTINCT keeps each where it first stands:
/// PostgreSQL's own would sort them.
pub(super) fn joined(
    lower: &mut Lower,
    of: &Call,
    order: Option<&Frag>,
    text: impl FnOnce(&mut Lower) -> Lowered,
    separator: impl FnOnce(&mut Lower) -> Lowered,
) -> Lowered {
    let ordered = |args: Frag| order.map_or_else(|| args.clone(), |order| fill("{} ORDER BY {}", &[&args, order]));
    if !of.distinct || of.args.first().is_some_and(Expr::folds) {
        return call(lower, of, "string_agg", |l| Ok(ordered(fill("{}, {}", &[&text(l)?, &separator(l)?]))));
    }
    let texts = call(lower, &Call { distinct: false, ..of.clone() }, "array_agg", |l| text(l).map(ordered))?;
    let firsts = lower.call("firsts", &[&texts])?;
    Ok(fill("array_to_string({}, {})", &[&firsts, &separator(lower)?]))
}

/// median() and percentile…(): of a fraction of `scale`, which need not be an element unless it is to be `discrete`.
fn percentile(lower: &mut Lower, of: &Call, scale: &str, discrete: bool) -> Lowered {
    if of.distinct {
        return Err(ClientError::refused("DISTINCT within median() and percentile()"));
    }
    let name = match of.function {
        Callee::Known(function) => function.name,
        Callee::Native(_) => "percentile",
    };
    let numbers = call(lower, &Call { order: Vec::new(), ..of.clone() }, "array_agg", |l| {
        let arg = &of.args[0];
        if arg.ty.class.is_number() || arg.ty.class == Class::Null {
            return l.real(arg);
        }
        let text = l.text(arg)?;
        l.call("percentile_input", &[&text, &Frag::text(format!("'{name}'"))])
    })?;
    let fraction = match of.args.get(1) {
        Some(fraction) => lower.real(fraction)?,
        None => Frag::text("0.5"),
    };
    lower.call("percentile", &[&numbers, &fraction, &Frag::text(scale), &Frag::text(discrete.to_string()), &Frag::text(format!("'{name}'"))])
}
