//! Declared type to the backend's type (`[dialect] types`).

use crate::catalog::{Affinity, Column, affinity_of_declared, oid};
use sqlparser::ast::DataType;

/// A column type at the backend.
pub(super) struct BackendType {
    /// As printed.
    pub name: String,
    /// Its OID.
    pub oid: u32,
    /// Is it the dynamic carrier?
    pub dynamic: bool,
}

/// SQLite's text of a declared type; None where there is none.
pub(super) fn declared(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Unspecified => None,
        other => Some(other.to_string()).filter(|t| !t.trim().is_empty()),
    }
}

/// The backend's type for a declared one. `faithful` follows the affinity; `native` the nearest type of PostgreSQL.
pub(super) fn backend_type(declared: Option<&str>, native: bool) -> BackendType {
    let plain = |name: &str, oid: u32| BackendType { name: name.to_owned(), oid, dynamic: false };
    let Some(declared) = declared else {
        return BackendType { name: "litewire.\"any\"".to_owned(), oid: oid::JSONB, dynamic: true };
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
        Affinity::Blob if upper == "ANY" => BackendType { name: "litewire.\"any\"".to_owned(), oid: oid::JSONB, dynamic: true },
        Affinity::Blob => plain("bytea", oid::BYTEA),
        Affinity::Numeric if ["DATE", "TIME", "JSON", "UUID"].iter().any(|t| upper.contains(t)) => plain("text COLLATE \"C\"", oid::TEXT),
        Affinity::Numeric => plain("numeric", oid::NUMERIC),
    }
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
