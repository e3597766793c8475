//! Core functions (lang_corefunc.html): text, blobs, classes, choices.

use super::{Function, blob, first, integer, refused, scalar, text, unified};
use crate::error::ClientError;
use crate::translate::lower::{Frag, Lower, Lowered, fill};
use crate::translate::tree::{Call, Class, CompareOp, Expr, Ty};
use crate::value::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    scalar("length", (1, 1), integer, length),
    scalar("octet_length", (1, 1), integer, octet_length),
    scalar("upper", (1, 1), text, |l, c, _| folded(l, c, "upper")),
    scalar("lower", (1, 1), text, |l, c, _| folded(l, c, "lower")),
    scalar("trim", (1, 2), text, |l, c, _| trim(l, c, "btrim")),
    scalar("ltrim", (1, 2), text, |l, c, _| trim(l, c, "ltrim")),
    scalar("rtrim", (1, 2), text, |l, c, _| trim(l, c, "rtrim")),
    scalar("replace", (3, 3), text, replace),
    scalar("substr", (2, 3), substr_type, substr),
    scalar("substring", (2, 3), substr_type, substr),
    scalar("instr", (2, 2), integer, instr),
    scalar("hex", (1, 1), text, hex),
    scalar("quote", (1, 1), text, quote),
    scalar("char", (0, 255), text, char),
    scalar("unicode", (1, 1), integer, |l, c, _| Ok(fill("nullif(ascii({}), 0)::int8", &[&l.text(&c.args[0])?]))),
    scalar("zeroblob", (1, 1), blob, |l, c, _| Ok(fill("decode(repeat('00', greatest({}, 0)::int), 'hex')", &[&l.integer(&c.args[0])?]))),
    scalar("randomblob", (1, 1), blob, |l, c, _| helper(l, "randomblob", &c.args)),
    scalar("random", (0, 0), integer, |l, _, _| l.call("random", &[])),
    scalar("typeof", (1, 1), not_null_text, type_of),
    scalar("coalesce", (2, 255), unified_coalesce, coalesce),
    scalar("ifnull", (2, 2), unified_coalesce, coalesce),
    scalar("nullif", (2, 2), first, nullif),
    scalar("iif", (2, 255), iif_type, iif),
    scalar("if", (2, 255), iif_type, iif),
    scalar("likely", (1, 1), pass, |l, c, _| l.natural(&c.args[0])),
    scalar("unlikely", (1, 1), pass, |l, c, _| l.natural(&c.args[0])),
    scalar("likelihood", (2, 2), pass, |l, c, _| l.natural(&c.args[0])),
    scalar("concat", (1, 255), not_null_text, |l, c, _| Ok(fill("concat({})", &[&texts(l, &c.args)?]))),
    scalar("concat_ws", (2, 255), text, |l, c, _| Ok(fill("concat_ws({})", &[&texts(l, &c.args)?]))),
    scalar("printf", (1, 255), text, printf),
    scalar("format", (1, 255), text, printf),
    scalar("like", (2, 2), super::math::truth, |l, c, _| like(l, c)),
    scalar("sqlite_version", (0, 0), not_null_text, |_, _, _| Ok(Frag::text("'3.54.1'::text"))),
    refused("load_extension", "the backend loads no SQLite extensions"),
    refused("soundex", "it is no part of a standard SQLite"),
    refused("unistr", "not lowered yet"),
    refused("unhex", "not lowered yet"),
    refused("glob", "use the GLOB operator"),
    refused("sqlite_source_id", "the answer is no SQLite library's"),
    refused("sqlite_compileoption_used", "the answer is no SQLite library's"),
    refused("sqlite_compileoption_get", "the answer is no SQLite library's"),
    refused("sqlite_offset", "there is no file"),
];

fn not_null_text(_: &[Expr]) -> Ty {
    Ty::plain(Class::Text).not_null()
}

fn pass(args: &[Expr]) -> Ty {
    args.first().map_or(Ty::plain(Class::Null), |a| a.ty)
}

fn substr_type(args: &[Expr]) -> Ty {
    let class = if args.first().is_some_and(|a| a.ty.class == Class::Blob) { Class::Blob } else { Class::Text };
    Ty { nullable: args.iter().any(|a| a.ty.nullable), ..Ty::plain(class) }
}

fn unified_coalesce(args: &[Expr]) -> Ty {
    Ty { nullable: args.iter().all(|a| a.ty.nullable), ..unified(args) }
}

fn iif_type(args: &[Expr]) -> Ty {
    let results: Vec<Expr> = args.iter().skip(1).step_by(2).chain(if args.len() % 2 == 1 { args.last() } else { None }).cloned().collect();
    Ty { nullable: true, ..unified(&results) }
}

/// A helper with each argument as its carrier stands.
pub(super) fn helper(lower: &mut Lower, name: &str, args: &[Expr]) -> Lowered {
    let args = args.iter().map(|a| lower.integer(a)).collect::<Result<Vec<_>, _>>()?;
    lower.call(name, &args.iter().collect::<Vec<_>>())
}

fn texts(lower: &mut Lower, args: &[Expr]) -> Lowered {
    let args = args.iter().map(|a| lower.text(a)).collect::<Result<Vec<_>, _>>()?;
    Ok(Frag::join(&args, ", "))
}

fn length(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let arg = &call.args[0];
    let piece = if arg.ty.class == Class::Blob { lower.natural(arg)? } else { lower.text(arg)? };
    Ok(fill("length({})::int8", &[&piece]))
}

fn octet_length(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let arg = &call.args[0];
    let piece = if arg.ty.class == Class::Blob { lower.natural(arg)? } else { lower.text(arg)? };
    Ok(fill("octet_length({})::int8", &[&piece]))
}

/// upper and lower know ASCII alone.
fn folded(lower: &mut Lower, call: &Call, name: &str) -> Lowered {
    let piece = lower.text(&call.args[0])?;
    Ok(fill(&format!("{name}({{}} COLLATE \"C\")"), &[&piece]))
}

fn trim(lower: &mut Lower, call: &Call, name: &str) -> Lowered {
    let piece = lower.text(&call.args[0])?;
    let what = match call.args.get(1) {
        Some(what) => lower.text(what)?,
        None => Frag::text("' '"),
    };
    Ok(fill(&format!("{name}({{}}, {{}})"), &[&piece, &what]))
}

fn replace(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    Ok(fill("replace({})", &[&texts(lower, &call.args)?]))
}

fn substr(lower: &mut Lower, call: &Call, e: &Expr) -> Lowered {
    let is_blob = e.ty.class == Class::Blob;
    let subject = if is_blob { lower.natural(&call.args[0])? } else { lower.text(&call.args[0])? };
    let constant = |at: usize| match call.args.get(at).and_then(Expr::constant) {
        Some(Value::Integer(n)) => i32::try_from(*n).ok(),
        _ => None,
    };
    match (constant(1), call.args.len(), constant(2)) {
        (Some(from @ 1..), 2, _) => return Ok(fill(&format!("substr({{}}, {from})"), &[&subject])),
        (Some(from @ 1..), 3, Some(count @ 0..)) => return Ok(fill(&format!("substr({{}}, {from}, {count})"), &[&subject])),
        _ => {}
    }
    let from = lower.integer(&call.args[1])?;
    let count = match call.args.get(2) {
        Some(count) => lower.integer(count)?,
        None => Frag::text("2147483647::int8"),
    };
    lower.call(if is_blob { "substr_blob" } else { "substr" }, &[&subject, &from, &count])
}

fn instr(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    if call.args.iter().all(|a| a.ty.class == Class::Blob) {
        let (a, b) = (lower.natural(&call.args[0])?, lower.natural(&call.args[1])?);
        return Ok(fill("position({} in {})::int8", &[&b, &a]));
    }
    Ok(fill("strpos({})::int8", &[&texts(lower, &call.args)?]))
}

fn hex(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let arg = &call.args[0];
    if arg.ty.class == Class::Blob {
        let piece = lower.natural(arg)?;
        return lower.call("hex_blob", &[&piece]);
    }
    let piece = lower.text(arg)?;
    lower.call("hex", &[&piece])
}

fn quote(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let arg = &call.args[0];
    let piece = lower.natural(arg)?;
    match arg.ty.class {
        Class::Integer => lower.call("quote_int", &[&piece]),
        Class::Bool => {
            let piece = lower.recarry(&piece, Class::Bool, Class::Integer)?;
            lower.call("quote_int", &[&piece])
        }
        Class::Real => lower.call("quote_real", &[&piece]),
        Class::Blob => lower.call("quote_blob", &[&piece]),
        Class::Number => Ok(fill("coalesce({}, 'NULL')", &[&lower.call("quote_num", &[&piece])?])),
        Class::Dynamic => lower.call("any_quote", &[&piece]),
        class => {
            let piece = lower.text_of(&piece, class)?;
            lower.call("quote_text", &[&piece])
        }
    }
}

fn char(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    if call.args.is_empty() {
        return Ok(Frag::text("''::text"));
    }
    helper(lower, "char", &call.args)
}

fn type_of(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let arg = &call.args[0];
    let name = match arg.ty.class {
        Class::Null => return Ok(Frag::text("'null'::text")),
        Class::Bool | Class::Integer => "integer",
        Class::Real => "real",
        Class::Blob => "blob",
        Class::Number => {
            let piece = lower.natural(arg)?;
            return lower.call("num_typeof", &[&piece]);
        }
        Class::Dynamic => {
            let piece = lower.natural(arg)?;
            return Ok(fill("coalesce({}, 'null')", &[&lower.call("any_typeof", &[&piece])?]));
        }
        Class::Text | Class::Param | Class::Native(_) => "text",
    };
    if !arg.ty.nullable {
        return Ok(Frag::text(format!("'{name}'::text")));
    }
    let piece = lower.natural(arg)?;
    Ok(fill(&format!("(CASE WHEN {{}} IS NULL THEN 'null' ELSE '{name}' END)"), &[&piece]))
}

fn coalesce(lower: &mut Lower, call: &Call, e: &Expr) -> Lowered {
    let class = if matches!(e.ty.class, Class::Null | Class::Param) { Class::Text } else { e.ty.class };
    let args = call.args.iter().map(|a| lower.carried(a, class)).collect::<Result<Vec<_>, _>>()?;
    Ok(fill("coalesce({})", &[&Frag::join(&args, ", ")]))
}

fn nullif(lower: &mut Lower, call: &Call, e: &Expr) -> Lowered {
    let [a, b] = call.args.as_slice() else { return Err(ClientError::refused("nullif() of other than two arguments")) };
    let strip = |e: &Expr| Expr { ty: Ty { affinity: e.ty.affinity, ..e.ty }, ..e.clone() };
    let equal = lower.truth(&crate::translate::bind::compare(CompareOp::Eq, strip(a), strip(b)), false)?;
    let value = lower.carried(a, if matches!(e.ty.class, Class::Null | Class::Param) { Class::Text } else { e.ty.class })?;
    Ok(fill("(CASE WHEN {} THEN NULL ELSE {} END)", &[&equal, &value]))
}

fn iif(lower: &mut Lower, call: &Call, e: &Expr) -> Lowered {
    let class = if matches!(e.ty.class, Class::Null | Class::Param) { Class::Text } else { e.ty.class };
    let mut out = Frag::text("(CASE");
    for arm in call.args.chunks(2) {
        match arm {
            [condition, result] => out.append(&fill(" WHEN {} THEN {}", &[&lower.truth(condition, false)?, &lower.carried(result, class)?])),
            [other] => out.append(&fill(" ELSE {}", &[&lower.carried(other, class)?])),
            _ => {}
        }
    }
    out.push(" END)");
    Ok(out)
}

fn like(lower: &mut Lower, call: &Call) -> Lowered {
    let (pattern, subject) = (lower.text(&call.args[0])?, lower.text(&call.args[1])?);
    Ok(fill("({} ILIKE {} ESCAPE '')", &[&subject, &pattern]))
}

fn printf(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let args = call.args.iter().map(|a| lower.text(a)).collect::<Result<Vec<_>, _>>()?;
    let (format, rest) = args.split_first().ok_or_else(|| ClientError::refused("printf() without arguments"))?;
    lower.call("printf", &[format, &fill("VARIADIC ARRAY[{}]::text[]", &[&Frag::join(rest, ", ")])])
}
