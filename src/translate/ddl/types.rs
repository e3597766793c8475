//! Declared type to the backend's type (`[dialect] types`).

use crate::catalog::{Affinity, Column, affinity_of_declared, oid};
use crate::translate::Options;
use crate::translate::parse::scan::Token;

/// A column type at the backend.
pub(super) struct BackendType {
    /// As printed.
    pub name: String,
    /// Its OID.
    pub oid: u32,
    /// Is it the dynamic carrier?
    pub dynamic: bool,
}

/// The types of column definitions as they are written, in order; None where there is none. `tokens` begin at the first
/// definition's name, and end with the list or the text.
pub(super) fn declared(sql: &str, tokens: &[Token]) -> Vec<Option<String>> {
    const ENDS: [&str; 12] = ["CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS", "ON"];
    const STANDARD: [&str; 6] = ["ANY", "BLOB", "INT", "INTEGER", "REAL", "TEXT"];
    let mut out = Vec::new();
    let (mut depth, mut first, mut ty, mut open) = (0, true, None::<std::ops::Range<usize>>, true);
    for token in tokens {
        let text = token.text(sql);
        if first {
            (first, open) = (false, true);
            continue;
        }
        match text {
            "," if depth == 0 => {
                out.push(ty.take());
                first = true;
                continue;
            }
            "(" => depth += 1,
            ")" if depth == 0 => break,
            ")" => depth -= 1,
            _ => {}
        }
        open &= depth > 0 || text == ")" || !ENDS.iter().any(|w| token.is(sql, w)) && !token.is_op(sql, ";");
        if open {
            ty = Some(ty.map_or(token.at.start, |r| r.start)..token.at.end);
        }
    }
    out.push(ty);
    let spelled = |r: std::ops::Range<usize>| {
        let text = &sql[r];
        STANDARD.iter().find(|s| s.eq_ignore_ascii_case(text)).map_or_else(|| text.to_owned(), |s| (*s).to_owned())
    };
    out.into_iter().map(|r| r.map(spelled)).collect()
}

/// The type of the column of an ALTER TABLE … ADD COLUMN.
pub(super) fn added_type(sql: &str) -> Option<String> {
    let tokens = crate::translate::parse::scan::tokens(sql);
    let add = tokens.iter().position(|t| t.is(sql, "ADD"))? + 1;
    let start = add + usize::from(tokens.get(add).is_some_and(|t| t.is(sql, "COLUMN")));
    declared(sql, tokens.get(start..)?).into_iter().next().flatten()
}

/// The backend's type for a declared one. `faithful` follows the affinity; `native` the nearest type of PostgreSQL.
pub(super) fn backend_type(declared: Option<&str>, native: bool) -> BackendType {
    let plain = |name: &str, oid: u32| BackendType { name: name.to_owned(), oid, dynamic: false };
    let Some(declared) = declared else {
        return BackendType { name: "litewire.\"any\"".to_owned(), oid: 0, dynamic: true };
    };
    let upper = declared.to_ascii_uppercase();
    if native {
        let base = upper.split('(').next().unwrap_or_default().trim().to_owned();
        let native = match base.as_str() {
            "BOOLEAN" | "BOOL" => Some(("boolean", oid::BOOL)),
            "DATE" => Some(("date", oid::DATE)),
            "DATETIME" | "TIMESTAMP" => Some(("timestamp with time zone", oid::TIMESTAMPTZ)),
            "JSON" | "JSONB" => Some(("jsonb", oid::JSONB)),
            "UUID" => Some(("uuid", oid::UUID)),
            _ => None,
        };
        if let Some((name, oid)) = native {
            return plain(name, oid);
        }
    }
    if upper == "BOOLEAN" || upper == "BOOL" {
        return plain("bigint", oid::INT8);
    }
    match affinity_of_declared(declared) {
        Affinity::Integer => plain("bigint", oid::INT8),
        Affinity::Real => plain("double precision", oid::FLOAT8),
        Affinity::Text => plain("text COLLATE \"C\"", oid::TEXT),
        Affinity::Blob => plain("bytea", oid::BYTEA),
        Affinity::Numeric if ["DATE", "TIME", "JSON", "UUID"].iter().any(|t| upper.contains(t)) => plain("text COLLATE \"C\"", oid::TEXT),
        Affinity::Numeric => plain("numeric", oid::NUMERIC),
    }
}

/// The types that [`crate::translate::Options::column_types`] may state, with their OIDs.
pub const COLUMN_TYPES: [(&str, u32); 14] = [
    ("any", oid::JSONB),
    ("bigint", oid::INT8),
    ("double precision", oid::FLOAT8),
    ("numeric", oid::NUMERIC),
    ("text", oid::TEXT),
    ("bytea", oid::BYTEA),
    ("boolean", oid::BOOL),
    ("date", oid::DATE),
    ("time", oid::TIME),
    ("timestamp", oid::TIMESTAMP),
    ("timestamptz", oid::TIMESTAMPTZ),
    ("json", oid::JSON),
    ("jsonb", oid::JSONB),
    ("uuid", oid::UUID),
];

/// The type that the options state for a column.
pub(super) fn stated(options: &Options, table: &str, column: &str) -> Option<BackendType> {
    let name = options.column_types.as_ref()?.get(&(table.to_ascii_lowercase(), column.to_ascii_lowercase()))?;
    let (name, oid) = COLUMN_TYPES.into_iter().find(|(known, _)| known == name)?;
    let printed = match name {
        "any" => "litewire.\"any\"",
        "text" => "text COLLATE \"C\"",
        "timestamptz" => "timestamp with time zone",
        other => other,
    };
    Some(BackendType { name: printed.to_owned(), oid, dynamic: name == "any" })
}

/// The catalog's column for a declared one, as a load after the DDL would find it.
pub(super) fn column(name: &str, number: i16, declared: Option<String>, native: bool) -> Column {
    let backend = backend_type(declared.as_deref(), native);
    let affinity = declared.as_deref().map_or(Affinity::Blob, affinity_of_declared);
    Column {
        name: name.to_owned(),
        number,
        type_oid: backend.oid,
        type_name: backend.name.replace(" COLLATE \"C\"", ""),
        dynamic: backend.dynamic,
        byte_order: true,
        declared: Some(declared.unwrap_or_default()),
        affinity,
        ..Column::default()
    }
}
