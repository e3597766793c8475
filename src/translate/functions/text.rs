//! Core functions (lang_corefunc.html): text, blobs, classes, choices.

use super::{Function, blob, first, integer, refused, scalar, text, unified};
use crate::catalog::Affinity;
use crate::error::ClientError;
use crate::translate::lower::{Frag, Lower, Lowered, fill};
use crate::translate::tree::{Call, Class, CompareOp, Expr, Kind, Ty};
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
    scalar("quote", (1, 1), not_null_text, quote),
    scalar("unistr_quote", (1, 1), not_null_text, unistr_quote),
    scalar("unhex", (1, 2), super::blob, unhex),
    scalar("unistr", (1, 1), text, unistr),
    scalar("char", (0, 255), char_type, char),
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
    scalar("printf", (0, 255), text, printf),
    scalar("format", (0, 255), text, printf),
    scalar("like", (2, 3), super::math::truth, like),
    scalar("glob", (2, 2), super::math::truth, glob),
    scalar("sqlite_version", (0, 0), not_null_text, |_, _, _| Ok(Frag::text("'3.54.1'::text"))),
    scalar("sqlite_source_id", (0, 0), not_null_text, |_, _, _| Ok(Frag::text(SOURCE_ID))),
    refused("load_extension", "the backend loads no SQLite extensions"),
    scalar("sqlite_compileoption_used", (1, 1), super::math::truth, compiled_with),
    scalar("sqlite_compileoption_get", (1, 1), text, compile_option),
];

/// What SQLite 3.54.1 says.
const SOURCE_ID: &str = "'2026-10-16 14:45:20 555e07ef33f69a0957d24d8e555b702464a131d6f1607f4c3c1e4551e8e6ca76'::text";

/// The options of a standard SQLite that have a meaning here (compile.html), in their order.
pub const COMPILE_OPTIONS: [&str; 7] = [
    "ENABLE_FTS5",
    "ENABLE_MATH_FUNCTIONS",
    "ENABLE_PERCENTILE",
    "ENABLE_RTREE",
    "ENABLE_UPDATE_DELETE_LIMIT",
    "OMIT_LOAD_EXTENSION",
    "THREADSAFE=1",
];

/// An option is named with or without `SQLITE_`, and with or without its value.
fn compiled_with(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let names = COMPILE_OPTIONS.iter().flat_map(|option| [*option].into_iter().chain(option.split_once('=').map(|(name, _)| name)));
    let names: Vec<String> = names.map(|name| format!("'{name}'")).collect();
    let asked = lower.text(&call.args[0])?;
    Ok(fill(&format!("(upper(regexp_replace({{}}, '^sqlite_', '', 'i')) IN ({}))", names.join(", ")), &[&asked]))
}

fn compile_option(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let options: Vec<String> = COMPILE_OPTIONS.iter().map(|option| format!("'{option}'")).collect();
    let n = lower.integer(&call.args[0])?;
    Ok(fill(&format!("(ARRAY[{}]::text[])[least(greatest(coalesce({{}}, 0), -1), 1000) + 1]", options.join(", ")), &[&n]))
}

fn not_null_text(_: &[Expr]) -> Ty {
    Ty::plain(Class::Text).not_null()
}

fn pass(args: &[Expr]) -> Ty {
    Ty { nullable: args.first().is_none_or(|a| a.ty.nullable), ..first(args) }
}

fn substr_type(args: &[Expr]) -> Ty {
    let class = match args.first().map(|a| a.ty.class) {
        Some(class @ (Class::Blob | Class::Dynamic)) => class,
        _ => Class::Text,
    };
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
    let piece = match arg.ty.class {
        Class::Dynamic => {
            let piece = lower.natural(arg)?;
            return lower.call("any_length", &[&piece]);
        }
        Class::Blob => lower.natural(arg)?,
        _ => lower.text(arg)?,
    };
    Ok(fill("length({})::int8", &[&piece]))
}

fn octet_length(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let arg = &call.args[0];
    let piece = match arg.ty.class {
        Class::Dynamic => bytes(lower, arg)?,
        Class::Blob => lower.natural(arg)?,
        _ => lower.text(arg)?,
    };
    Ok(fill("octet_length({})::int8", &[&piece]))
}

/// The bytes of a value of any class.
fn bytes(lower: &mut Lower, e: &Expr) -> Lowered {
    let piece = lower.natural(e)?;
    lower.call("any_blob", &[&piece])
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
    let class = e.ty.class;
    let subject = if class == Class::Text { lower.text(&call.args[0])? } else { lower.natural(&call.args[0])? };
    let constant = |at: usize| match call.args.get(at).and_then(Expr::constant) {
        Some(Value::Integer(n)) => i32::try_from(*n).ok(),
        _ => None,
    };
    match (constant(1), call.args.len(), constant(2)) {
        _ if class == Class::Dynamic => {}
        (Some(from @ 1..), 2, _) => return Ok(fill(&format!("substr({{}}, {from})"), &[&subject])),
        (Some(from @ 1..), 3, Some(count @ 0..)) => return Ok(fill(&format!("substr({{}}, {from}, {count})"), &[&subject])),
        _ => {}
    }
    let from = lower.integer(&call.args[1])?;
    let count = match call.args.get(2) {
        Some(count) => lower.integer(count)?,
        None => Frag::text("2147483647::int8"),
    };
    let helper = match class {
        Class::Blob => "substr_blob",
        Class::Dynamic => "any_substr",
        _ => "substr",
    };
    lower.call(helper, &[&subject, &from, &count])
}

fn instr(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    if call.args.iter().all(|a| a.ty.class == Class::Blob) {
        let (a, b) = (lower.natural(&call.args[0])?, lower.natural(&call.args[1])?);
        return Ok(fill("position({} in {})::int8", &[&b, &a]));
    }
    let may_be_blob = |e: &Expr| matches!(e.ty.class, Class::Blob | Class::Dynamic);
    if call.args.iter().all(may_be_blob) {
        let (a, b) = (lower.carried(&call.args[0], Class::Dynamic)?, lower.carried(&call.args[1], Class::Dynamic)?);
        return lower.call("any_instr", &[&a, &b]);
    }
    Ok(fill("strpos({})::int8", &[&texts(lower, &call.args)?]))
}

fn hex(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let arg = &call.args[0];
    if matches!(arg.ty.class, Class::Blob | Class::Dynamic) {
        let piece = if arg.ty.class == Class::Blob { lower.natural(arg)? } else { bytes(lower, arg)? };
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

/// What char() makes of constants that PostgreSQL's text cannot hold: one of them is a NUL.
fn text_with_nul(args: &[Expr]) -> Option<Value> {
    let codes = args.iter().map(|a| a.constant().map(|v| v.to_integer().unwrap_or(0))).collect::<Option<Vec<_>>>()?;
    let character = |code: &i64| u32::try_from(*code).ok().and_then(std::char::from_u32).unwrap_or('\u{fffd}');
    codes.contains(&0).then(|| Value::Text(codes.iter().map(character).collect()))
}

fn char_type(args: &[Expr]) -> Ty {
    let class = if text_with_nul(args).is_some() { Class::Dynamic } else { Class::Text };
    Ty::plain(class).not_null()
}

fn char(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    if let Some(text) = text_with_nul(&call.args) {
        return lower.carried(&Expr::literal(text), Class::Dynamic);
    }
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
    let class = e.ty.class.or_text();
    let args = call.args.iter().map(|a| lower.carried(a, class)).collect::<Result<Vec<_>, _>>()?;
    Ok(fill("coalesce({})", &[&Frag::join(&args, ", ")]))
}

fn nullif(lower: &mut Lower, call: &Call, e: &Expr) -> Lowered {
    let [a, b] = call.args.as_slice() else { return Err(ClientError::refused("nullif() of other than two arguments")) };
    // A function sees no affinity of its arguments.
    let strip = |e: &Expr| Expr { ty: Ty { affinity: Some(Affinity::Blob), ..e.ty }, ..e.clone() };
    let equal = lower.truth(&crate::translate::bind::compare(CompareOp::Eq, strip(a), strip(b)), false)?;
    let value = lower.carried(a, e.ty.class.or_text())?;
    Ok(fill("(CASE WHEN {} THEN NULL ELSE {} END)", &[&equal, &value]))
}

fn iif(lower: &mut Lower, call: &Call, e: &Expr) -> Lowered {
    let class = e.ty.class.or_text();
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

fn unistr(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let text = lower.text(&call.args[0])?;
    lower.call("unistr", &[&text])
}

fn unistr_quote(lower: &mut Lower, call: &Call, e: &Expr) -> Lowered {
    match call.args[0].ty.class {
        Class::Text | Class::Param | Class::Native(_) => {
            let text = lower.text(&call.args[0])?;
            lower.call("unistr_quote", &[&text])
        }
        Class::Dynamic => Err(ClientError::refused("unistr_quote() of a value whose class is not known")),
        _ => quote(lower, call, e),
    }
}

fn unhex(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let text = lower.text(&call.args[0])?;
    let passed = match call.args.get(1) {
        Some(passed) => lower.text(passed)?,
        None => Frag::text("''::text"),
    };
    lower.call("unhex", &[&text, &passed])
}

/// like(pattern, text), like(pattern, text, escape): the operator's function.
fn like(lower: &mut Lower, call: &Call, e: &Expr) -> Lowered {
    let [pattern, subject, rest @ ..] = call.args.as_slice() else { return Err(ClientError::refused("like() of one argument")) };
    let escape = rest.first().cloned().map(Box::new);
    let sensitive = lower.options.case_sensitive_like;
    let kind = Kind::Like { text: Box::new(subject.clone()), pattern: Box::new(pattern.clone()), escape, negated: false, sensitive };
    lower.truth(&Expr { kind, ty: e.ty }, false)
}

/// glob(pattern, text)
fn glob(lower: &mut Lower, call: &Call, e: &Expr) -> Lowered {
    let [pattern, subject] = call.args.as_slice() else { return Err(ClientError::refused("glob() of other than two arguments")) };
    lower.truth(&Expr { kind: Kind::Glob(Box::new(subject.clone()), Box::new(pattern.clone())), ty: e.ty }, false)
}

fn printf(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    if let Some((format, rest)) = call.args.split_first()
        && rest.iter().any(|e| matches!(e.ty.class, Class::Real | Class::Number | Class::Dynamic))
    {
        // The integer that a real stands for is not what its text begins with.
        let args = rest.iter().map(|e| lower.carried(e, Class::Dynamic)).collect::<Result<Vec<_>, _>>()?;
        let format = lower.text(format)?;
        return lower.call("any_printf", &[&format, &fill("VARIADIC ARRAY[{}]::litewire.\"any\"[]", &[&Frag::join(&args, ", ")])]);
    }
    let args = call.args.iter().map(|a| lower.text(a)).collect::<Result<Vec<_>, _>>()?;
    let Some((format, rest)) = args.split_first() else { return Ok(Frag::text("NULL::text")) };
    lower.call("printf", &[format, &fill("VARIADIC ARRAY[{}]::text[]", &[&Frag::join(rest, ", ")])])
}
