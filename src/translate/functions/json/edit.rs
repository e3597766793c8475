//! Functions that change a document: json_set() and its kin, json_remove(), json_patch().

use super::{Frag, Lower, Lowered, element, error};
use crate::translate::tree::Call;

/// What is done at each path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Edit {
    Set,
    Insert,
    ArrayInsert,
    Replace,
    Remove,
    Patch,
}

impl Edit {
    /// The edit of a function that gives text.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "json_set" => Edit::Set,
            "json_insert" => Edit::Insert,
            "json_array_insert" => Edit::ArrayInsert,
            "json_replace" => Edit::Replace,
            "json_remove" => Edit::Remove,
            "json_patch" => Edit::Patch,
            _ => return None,
        })
    }

    /// The helper's letter for it, and the name that errors give.
    fn mode(self) -> (&'static str, &'static str) {
        match self {
            Edit::Set => ("'s'", "set"),
            Edit::Insert => ("'i'", "insert"),
            Edit::ArrayInsert => ("'a'", "array_insert"),
            Edit::Replace => ("'r'", "replace"),
            Edit::Remove => ("'d'", "remove"),
            Edit::Patch => ("", "patch"),
        }
    }
}

/// The document with its edits made, as text.
pub(super) fn text(lower: &mut Lower, call: &Call, edit: Edit) -> Lowered {
    let edited = binary(lower, call, edit)?;
    lower.call("jb_text", &[&edited])
}

/// The same as JSONB.
pub(super) fn binary(lower: &mut Lower, call: &Call, edit: Edit) -> Lowered {
    let (mode, name) = edit.mode();
    let Some((document, rest)) = call.args.split_first() else { return Ok(Frag::text("NULL::bytea")) };
    if !matches!(edit, Edit::Remove | Edit::Patch) && !rest.len().is_multiple_of(2) {
        return Err(error(format!("json_{name}() needs an odd number of arguments")));
    }
    let mut out = super::binary(lower, document)?;
    if edit == Edit::Patch {
        for patch in rest {
            let patch = super::binary(lower, patch)?;
            out = lower.call("jb_patch", &[&out, &patch])?;
        }
        return Ok(out);
    }
    for step in rest.chunks(if edit == Edit::Remove { 1 } else { 2 }) {
        let Some(path) = step.first() else { continue };
        let path = lower.text(path)?;
        let new = match step.get(1) {
            Some(value) => element::binary(lower, value)?,
            None => Frag::text("NULL::bytea"),
        };
        out = lower.call("jb_edit", &[&out, &path, &new, &Frag::text(mode)])?;
    }
    Ok(out)
}
