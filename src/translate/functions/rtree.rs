//! What a query asks of the coordinates of an R*Tree, once more in a form that its index serves.

use super::{Function, scalar};
use crate::translate::lower::{Frag, Lower, Lowered, fill};
use crate::translate::tree::{Call, Class, Expr, Ty};

/// A dimension within bounds. Arguments: its smallest and its largest coordinate; then the lower and the upper bound of the one and
/// of the other, NULL for none.
pub static WITHIN: Function = scalar("within", (6, 6), truth, within);

fn truth(_: &[Expr]) -> Ty {
    Ty::plain(Class::Bool)
}

fn within(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let [low, high, bounds @ ..] = call.args.as_slice() else { return super::unreachable_call(lower, call, &call.args[0]) };
    let mut pieces = vec![lower.natural(low)?, lower.natural(high)?];
    for (at, bound) in bounds.iter().enumerate() {
        let none = if at % 2 == 0 { "'-Infinity'::float8" } else { "'Infinity'::float8" };
        pieces.push(if bound.constant().is_some_and(|c| *c == crate::value::Value::Null) { Frag::text(none) } else { lower.real(bound)? });
    }
    let [low, high, from_low, to_low, from_high, to_high] = pieces.as_slice() else { return super::unreachable_call(lower, call, low) };
    Ok(fill("(point({}, {}) <@ box(point({}, {}), point({}, {})))", &[low, high, from_low, from_high, to_low, to_high]))
}
