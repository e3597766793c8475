//! Window functions (windowfunctions.html §4).

use super::{Function, FunctionKind, first, integer, real};
use crate::error::{ClientError, SqlState};
use crate::translate::lower::{Frag, Lower, Lowered, fill};
use crate::translate::tree::{Call, Expr, Ty};

const fn window(name: &'static str, args: (u8, u8), result: fn(&[Expr]) -> Ty, lower: fn(&mut Lower, &Call, &Expr) -> Lowered) -> Function {
    Function { name, args, star: false, kind: FunctionKind::Window, result, lower }
}

pub(super) static FUNCTIONS: &[Function] = &[
    window("row_number", (0, 0), integer, |l, c, _| numbered(l, c, "row_number")),
    window("rank", (0, 0), integer, |l, c, _| numbered(l, c, "rank")),
    window("dense_rank", (0, 0), integer, |l, c, _| numbered(l, c, "dense_rank")),
    window("percent_rank", (0, 0), real, |l, c, _| numbered(l, c, "percent_rank")),
    window("cume_dist", (0, 0), real, |l, c, _| numbered(l, c, "cume_dist")),
    window("ntile", (1, 1), integer, ntile),
    window("lag", (1, 3), shifted_type, |l, c, e| shifted(l, c, e, "lag")),
    window("lead", (1, 3), shifted_type, |l, c, e| shifted(l, c, e, "lead")),
    window("first_value", (1, 1), first, |l, c, e| shifted(l, c, e, "first_value")),
    window("last_value", (1, 1), first, |l, c, e| shifted(l, c, e, "last_value")),
    window("nth_value", (2, 2), first, |l, c, e| shifted(l, c, e, "nth_value")),
];

fn shifted_type(args: &[Expr]) -> Ty {
    let ty = first(args);
    args.get(2).map_or(ty, |other| Ty { affinity: None, ..ty.unify(first(std::slice::from_ref(other))) })
}

fn close(lower: &mut Lower, call: &Call, mut out: Frag) -> Lowered {
    if call.over.is_none() {
        return Err(ClientError::new(SqlState::GROUPING_ERROR, "misuse of window function"));
    }
    lower.call_tail(&mut out, call)?;
    Ok(out)
}

fn numbered(lower: &mut Lower, call: &Call, name: &str) -> Lowered {
    close(lower, call, Frag::text(format!("{name}(")))
}

fn ntile(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let count = lower.integer(&call.args[0])?;
    // The backend takes NULL for an answer; none and less are errors to both.
    let out = close(lower, call, fill("ntile(least(coalesce({}, 0), 2147483647)::int", &[&count]))?;
    Ok(fill("{}::int8", &[&out]))
}

fn shifted(lower: &mut Lower, call: &Call, e: &Expr, name: &str) -> Lowered {
    let class = e.ty.class.or_text();
    let mut args = vec![lower.carried(&call.args[0], class)?];
    if let Some(offset) = call.args.get(1) {
        // PostgreSQL counts rows in int4; nobody has more.
        let pattern = match name {
            "nth_value" => "least(greatest(coalesce({}, 0), 0), 2147483647)::int",
            // SQLite looks back over the rows that it has come by: the next one is the last of them.
            "lag" => "(CASE WHEN {} < -1 THEN 2147483647 ELSE least({}, 2147483647) END)::int",
            _ => "(CASE WHEN NOT ({} IS NULL) THEN least(greatest({}, -2147483647), 2147483647) END)::int",
        };
        let offset = if name == "nth_value" { lower.whole(offset)? } else { lower.integer(offset)? };
        args.push(fill(pattern, &[&offset, &offset]));
    }
    if let Some(other) = call.args.get(2) {
        args.push(lower.carried(other, class)?);
    }
    close(lower, call, fill(&format!("{name}({{}}"), &[&Frag::join(&args, ", ")]))
}
