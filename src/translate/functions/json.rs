//! JSON (json1.html). Text columns keep their text; native jsonb columns are read natively.

use super::{Function, integer, refused, scalar, text};
use crate::catalog::oid;
use crate::error::ClientError;
use crate::translate::lower::{Frag, Lower, Lowered, fill, literal_text};
use crate::translate::tree::{Call, Class, Expr, Ty};
use crate::value::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    scalar("json", (1, 1), text, |l, c, _| texts(l, "json", &c.args)),
    scalar("json_valid", (1, 1), integer, |l, c, _| Ok(fill("({})::int8", &[&texts(l, "json_valid", &c.args)?]))),
    scalar("json_extract", (2, 255), dynamic, extract),
    scalar("json_type", (1, 2), nullable_text, |l, c, _| with_path(l, "json_type", c)),
    scalar("json_array_length", (1, 2), integer, |l, c, _| with_path(l, "json_array_length", c)),
    scalar("json_quote", (1, 1), text, |l, c, _| element(l, &c.args[0])),
    scalar("json_array", (0, 255), not_null_text, array),
    scalar("json_object", (0, 255), not_null_text, object),
    refused("json_each", "a table-valued function"),
    refused("json_tree", "a table-valued function"),
    refused("json_set", "not lowered yet"),
    refused("json_insert", "not lowered yet"),
    refused("json_replace", "not lowered yet"),
    refused("json_remove", "not lowered yet"),
    refused("json_patch", "not lowered yet"),
    refused("json_group_array", "not lowered yet"),
    refused("json_group_object", "not lowered yet"),
];

fn nullable_text(_: &[Expr]) -> Ty {
    Ty::plain(Class::Text)
}

fn not_null_text(_: &[Expr]) -> Ty {
    Ty::plain(Class::Text).not_null()
}

fn dynamic(_: &[Expr]) -> Ty {
    Ty::plain(Class::Dynamic)
}

fn texts(lower: &mut Lower, name: &str, args: &[Expr]) -> Lowered {
    let args = args.iter().map(|a| lower.text(a)).collect::<Result<Vec<_>, _>>()?;
    lower.call(name, &args.iter().collect::<Vec<_>>())
}

fn with_path(lower: &mut Lower, name: &str, call: &Call) -> Lowered {
    let subject = lower.text(&call.args[0])?;
    let path = match call.args.get(1) {
        Some(path) => lower.text(path)?,
        None => Frag::text("'$'::text"),
    };
    lower.call(name, &[&subject, &path])
}

/// The document as PostgreSQL's json, which keeps the text's order and numbers.
fn document(lower: &mut Lower, e: &Expr) -> Lowered {
    match e.ty.class {
        Class::Native(oid::JSON) => lower.natural(e),
        Class::Native(oid::JSONB) => Ok(fill("({})::json", &[&lower.natural(e)?])),
        _ => Ok(fill("({})::json", &[&lower.text(e)?])),
    }
}

/// json_extract(): the element with its storage class.
fn extract(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    if call.args.len() > 2 {
        return Err(ClientError::refused("json_extract() of several paths"));
    }
    let document = document(lower, &call.args[0])?;
    let element = match call.args[1].constant() {
        Some(Value::Text(path)) => follow(document, &steps(path)?),
        _ => {
            let path = lower.text(&call.args[1])?;
            let path = lower.call("j_path", &[&path])?;
            fill("({} #> {})", &[&document, &path])
        }
    };
    lower.call("j_any", &[&element])
}

/// `->` and `->>`: a label or index stands for a path.
pub fn arrow(lower: &mut Lower, left: &Expr, right: &Expr, value: bool) -> Lowered {
    let document = document(lower, left)?;
    let steps = match right.constant() {
        Some(Value::Integer(n)) => vec![Step::Index(*n)],
        Some(Value::Text(path)) if path.starts_with('$') => steps(path)?,
        Some(Value::Text(label)) => vec![Step::Key(label.clone())],
        _ => return Err(ClientError::refused("-> with a path that is no constant")),
    };
    let element = follow(document, &steps);
    if value {
        return lower.call("j_any", &[&element]);
    }
    let text = fill("({})::text", &[&element]);
    lower.call("j_min", &[&text])
}

/// A step of a path: PostgreSQL's `->` takes a key only of an object and an index only of an array, as SQLite does.
enum Step {
    Key(String),
    Index(i64),
}

fn follow(document: Frag, steps: &[Step]) -> Frag {
    steps.iter().fold(document, |at, step| match step {
        Step::Key(key) => fill(&format!("({{}} -> {}::text)", literal_text(key)), &[&at]),
        Step::Index(n) => fill(&format!("({{}} -> ({n})::int)"), &[&at]),
    })
}

/// The steps of `$.a.b[0]`; `[#-1]` counts from the end.
fn steps(path: &str) -> Result<Vec<Step>, ClientError> {
    let bad = || ClientError::new(crate::error::SqlState::INVALID_PARAMETER_VALUE, format!("bad JSON path: {}", literal_text(path)));
    let mut rest = path.strip_prefix('$').ok_or_else(bad)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(".\"") {
            let (key, tail) = after.split_once('"').ok_or_else(bad)?;
            steps.push(Step::Key(key.to_owned()));
            rest = tail;
        } else if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            if end == 0 {
                return Err(bad());
            }
            steps.push(Step::Key(after[..end].to_owned()));
            rest = &after[end..];
        } else {
            let (index, tail) = rest.strip_prefix('[').and_then(|r| r.split_once(']')).ok_or_else(bad)?;
            let number: i32 = match index.strip_prefix('#') {
                // `#` is one behind the last element, where nothing is.
                Some("") => i32::MAX,
                Some(back) if back.starts_with('-') => back.parse().map_err(|_| bad())?,
                Some(_) => return Err(bad()),
                None => index.parse().ok().filter(|n| *n >= 0).ok_or_else(bad)?,
            };
            steps.push(Step::Index(i64::from(number)));
            rest = tail;
        }
    }
    Ok(steps)
}

/// A value as JSON text.
fn element(lower: &mut Lower, e: &Expr) -> Lowered {
    let nested = matches!(&e.kind, crate::translate::tree::Kind::Call(c) if matches!(c.function, crate::translate::tree::Callee::Known(f) if f.name.starts_with("json")));
    let piece = lower.text(e)?;
    if nested {
        return Ok(fill("coalesce({}, 'null')", &[&piece]));
    }
    match e.ty.class {
        Class::Null => Ok(Frag::text("'null'::text")),
        Class::Bool | Class::Integer | Class::Real | Class::Number => Ok(fill("coalesce({}, 'null')", &[&piece])),
        Class::Blob => Err(ClientError::new(crate::error::SqlState::INVALID_PARAMETER_VALUE, "JSON cannot hold BLOB values")),
        Class::Dynamic => Err(ClientError::refused("JSON made of a value whose class is not known")),
        _ => lower.call("jq_text", &[&piece]),
    }
}

fn array(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let parts = call.args.iter().map(|a| element(lower, a)).collect::<Result<Vec<_>, _>>()?;
    if parts.is_empty() {
        return Ok(Frag::text("'[]'::text"));
    }
    Ok(fill("('[' || {} || ']')", &[&Frag::join(&parts, " || ',' || ")]))
}

fn object(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    if !call.args.len().is_multiple_of(2) {
        return Err(ClientError::new(crate::error::SqlState::INVALID_PARAMETER_VALUE, "json_object() requires an even number of arguments"));
    }
    let mut parts = Vec::new();
    for pair in call.args.chunks(2) {
        let key = lower.text(&pair[0])?;
        let key = lower.call("jq_text", &[&key])?;
        parts.push(fill("{} || ':' || {}", &[&key, &element(lower, &pair[1])?]));
    }
    if parts.is_empty() {
        return Ok(Frag::text("'{}'::text"));
    }
    let mut out = Frag::text("('{' || ");
    out.append(&Frag::join(&parts, " || ',' || "));
    out.push(" || '}')");
    Ok(out)
}
