//! JSON (json1.html, jsonb.html). Reading goes by PostgreSQL's type json, which keeps text, order and duplicates; edits and the
//! `jsonb_…` functions go by SQLite's JSONB.

mod edit;
mod element;
mod path;

pub use path::arrow;

use super::aggregate::{call as aggregate_call, joined};
use super::{Function, FunctionKind, integer, scalar};
use crate::catalog::oid;
use crate::error::{ClientError, SqlState};
use crate::translate::lower::{Frag, Lower, Lowered, fill};
use crate::translate::tree::{Call, Callee, Class, Expr, Kind, Ty};
use edit::Edit;
use element::{element, key};

pub(super) static FUNCTIONS: &[Function] = &[
    scalar("json", (1, 1), text, |l, c, _| minified(l, &c.args[0])),
    scalar("json_valid", (1, 2), integer, valid),
    scalar("json_error_position", (1, 1), integer, |l, c, _| by_class(l, "j_error", &c.args[0], &[])),
    scalar("json_extract", (0, 255), extract_type, extract),
    scalar("json_type", (1, 2), text, |l, c, _| part(l, "j_type", c)),
    scalar("json_array_length", (1, 2), integer, |l, c, _| part(l, "j_length", c)),
    scalar("json_pretty", (1, 2), text, pretty),
    scalar("json_quote", (1, 1), certain_text, |l, c, _| element(l, &c.args[0])),
    scalar("json_array", (0, 255), certain_text, |l, c, _| array(l, c)),
    scalar("json_object", (0, 255), certain_text, |l, c, _| object(l, c)),
    scalar("json_set", (0, 255), text, |l, c, _| edit::text(l, c, Edit::Set)),
    scalar("json_insert", (0, 255), text, |l, c, _| edit::text(l, c, Edit::Insert)),
    scalar("json_array_insert", (0, 255), text, |l, c, _| edit::text(l, c, Edit::ArrayInsert)),
    scalar("json_replace", (0, 255), text, |l, c, _| edit::text(l, c, Edit::Replace)),
    scalar("json_remove", (0, 255), text, |l, c, _| edit::text(l, c, Edit::Remove)),
    scalar("json_patch", (2, 2), text, |l, c, _| edit::text(l, c, Edit::Patch)),
    scalar("subtype", (1, 1), integer, |l, c, _| element::subtype(l, &c.args[0])),
    scalar("jsonb", (1, 1), super::blob, |l, c, _| binary(l, &c.args[0])),
    scalar("jsonb_extract", (0, 255), binary_extract_type, binary_extract),
    scalar("jsonb_array", (0, 255), certain_blob, |l, c, _| parsed(l, |l| array(l, c))),
    scalar("jsonb_object", (0, 255), certain_blob, |l, c, _| parsed(l, |l| object(l, c))),
    scalar("jsonb_set", (0, 255), super::blob, |l, c, _| edit::binary(l, c, Edit::Set)),
    scalar("jsonb_insert", (0, 255), super::blob, |l, c, _| edit::binary(l, c, Edit::Insert)),
    scalar("jsonb_array_insert", (0, 255), super::blob, |l, c, _| edit::binary(l, c, Edit::ArrayInsert)),
    scalar("jsonb_replace", (0, 255), super::blob, |l, c, _| edit::binary(l, c, Edit::Replace)),
    scalar("jsonb_remove", (0, 255), super::blob, |l, c, _| edit::binary(l, c, Edit::Remove)),
    scalar("jsonb_patch", (2, 2), super::blob, |l, c, _| edit::binary(l, c, Edit::Patch)),
    aggregate("json_group_array", 1, certain_text, |l, c, _| group_array(l, c)),
    aggregate("json_group_object", 2, certain_text, |l, c, _| group_object(l, c)),
    aggregate("jsonb_group_array", 1, certain_blob, |l, c, _| parsed(l, |l| group_array(l, c))),
    aggregate("jsonb_group_object", 2, certain_blob, |l, c, _| parsed(l, |l| group_object(l, c))),
];

const fn aggregate(name: &'static str, args: u8, result: fn(&[Expr]) -> Ty, lower: fn(&mut Lower, &Call, &Expr) -> Lowered) -> Function {
    Function { name, args: (args, args), star: false, kind: FunctionKind::Aggregate, result, lower }
}

fn text(_: &[Expr]) -> Ty {
    Ty::plain(Class::Text)
}

fn certain_text(_: &[Expr]) -> Ty {
    Ty::plain(Class::Text).not_null()
}

fn certain_blob(_: &[Expr]) -> Ty {
    Ty::plain(Class::Blob).not_null()
}

fn extract_type(args: &[Expr]) -> Ty {
    Ty::plain(match args.len() {
        0 | 1 => Class::Null,
        2 => Class::Dynamic,
        _ => Class::Text,
    })
}

fn binary_extract_type(args: &[Expr]) -> Ty {
    Ty::plain(match args.len() {
        0 | 1 => Class::Null,
        2 => Class::Dynamic,
        _ => Class::Blob,
    })
}

fn error(message: impl Into<String>) -> ClientError {
    ClientError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

/// The one of three helpers that takes the class of an argument: text, a blob, a dynamic value.
fn by_class(lower: &mut Lower, base: &str, e: &Expr, rest: &[&Frag]) -> Lowered {
    let (name, piece) = match e.ty.class {
        Class::Blob => (format!("{base}_blob"), lower.natural(e)?),
        Class::Dynamic => (format!("{base}_any"), lower.natural(e)?),
        _ => (base.to_owned(), lower.text(e)?),
    };
    let args: Vec<&Frag> = std::iter::once(&piece).chain(rest.iter().copied()).collect();
    lower.call(&name, &args)
}

/// A document as PostgreSQL's json.
fn document(lower: &mut Lower, e: &Expr) -> Lowered {
    match e.ty.class {
        Class::Native(oid::JSON) => lower.natural(e),
        Class::Native(oid::JSONB) => Ok(fill("({})::json", &[&lower.natural(e)?])),
        _ => by_class(lower, "j_doc", e, &[]),
    }
}

/// A document as JSONB.
pub(super) fn binary(lower: &mut Lower, e: &Expr) -> Lowered {
    match name_of(e) {
        Some(name) if name.starts_with("jsonb") && e.ty.class == Class::Blob => lower.natural(e),
        Some(name) => match (&e.kind, Edit::named(name)) {
            (Kind::Call(call), Some(edit)) => edit::binary(lower, call, edit),
            _ => by_class(lower, "jb", e, &[]),
        },
        None => by_class(lower, "jb", e, &[]),
    }
}

/// The name of the function that an expression calls.
fn name_of(e: &Expr) -> Option<&'static str> {
    match &e.kind {
        Kind::Call(call) => match call.function {
            Callee::Known(function) => Some(function.name),
            Callee::Native(_) => None,
        },
        _ => None,
    }
}

fn minified(lower: &mut Lower, e: &Expr) -> Lowered {
    let document = document(lower, e)?;
    lower.call("j_min", &[&fill("({})::text", &[&document])])
}

fn valid(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let flags = match call.args.get(1) {
        Some(flags) => lower.integer(flags)?,
        None => Frag::text("1::int8"),
    };
    by_class(lower, "j_valid", &call.args[0], &[&flags])
}

/// A helper of the element that the second argument, a path, leads to.
fn part(lower: &mut Lower, helper: &str, call: &Call) -> Lowered {
    let document = document(lower, &call.args[0])?;
    let element = match call.args.get(1) {
        Some(path) => path::follow(lower, document, path)?,
        None => document,
    };
    lower.call(helper, &[&element])
}

fn pretty(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    let document = binary(lower, &call.args[0])?;
    let indent = match call.args.get(1) {
        Some(indent) => lower.text(indent)?,
        None => Frag::text("NULL::text"),
    };
    lower.call("jb_pretty", &[&document, &indent])
}

/// json_extract(): the element with its storage class; of several paths an array.
fn extract(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    match call.args.as_slice() {
        [] | [_] => Ok(Frag::text("NULL::text")),
        [subject, path] => {
            let element = extracted(lower, subject, path)?;
            lower.call("j_any", &[&element])
        }
        [subject, paths @ ..] => several(lower, subject, paths),
    }
}

/// The element that json_extract() finds, as PostgreSQL's json.
fn extracted(lower: &mut Lower, subject: &Expr, path: &Expr) -> Lowered {
    let document = document(lower, subject)?;
    path::follow(lower, document, path)
}

fn several(lower: &mut Lower, subject: &Expr, paths: &[Expr]) -> Lowered {
    let mut args = vec![document(lower, subject)?];
    for path in paths {
        args.push(lower.text(path)?);
    }
    lower.call("j_extracts", &args.iter().collect::<Vec<_>>())
}

fn binary_extract(lower: &mut Lower, call: &Call, _: &Expr) -> Lowered {
    match call.args.as_slice() {
        [] | [_] => Ok(Frag::text("NULL::text")),
        [subject, path] => {
            let (document, path) = (binary(lower, subject)?, lower.text(path)?);
            lower.call("jb_extract", &[&document, &path])
        }
        [subject, paths @ ..] => parsed(lower, |l| several(l, subject, paths)),
    }
}

/// JSON text made here, as JSONB.
fn parsed(lower: &mut Lower, text: impl FnOnce(&mut Lower) -> Lowered) -> Lowered {
    let text = text(lower)?;
    lower.call("jb", &[&text])
}

fn array(lower: &mut Lower, call: &Call) -> Lowered {
    let parts = call.args.iter().map(|a| element(lower, a)).collect::<Result<Vec<_>, _>>()?;
    if parts.is_empty() {
        return Ok(Frag::text("'[]'::text"));
    }
    Ok(fill("('[' || {} || ']')", &[&Frag::join(&parts, " || ',' || ")]))
}

fn object(lower: &mut Lower, call: &Call) -> Lowered {
    if !call.args.len().is_multiple_of(2) {
        return Err(error("json_object() requires an even number of arguments"));
    }
    let mut parts = Vec::new();
    for pair in call.args.chunks(2) {
        let key = key(lower, &pair[0])?;
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

fn group_array(lower: &mut Lower, call: &Call) -> Lowered {
    let elements = joined(lower, call, None, |l| element(l, &call.args[0]), |_| Ok(Frag::text("','")))?;
    Ok(fill("('[' || coalesce({}, '') || ']')", &[&elements]))
}

/// json_group_object(): a row whose name is NULL adds nothing.
fn group_object(lower: &mut Lower, call: &Call) -> Lowered {
    let members = aggregate_call(lower, call, "string_agg", |l| {
        let name = l.text(&call.args[0])?;
        Ok(fill("to_json({})::text || ':' || {}, ','", &[&name, &element(l, &call.args[1])?]))
    })?;
    let mut out = Frag::text("('{' || coalesce(");
    out.append(&members);
    out.push(", '') || '}')");
    Ok(out)
}
