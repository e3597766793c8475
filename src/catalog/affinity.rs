//! Column affinity (datatype3.html §3.1).

use super::oid;

/// SQLite's affinities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Affinity {
    /// No conversion: a column without a type, or an expression.
    #[default]
    Blob,
    /// Numbers become text.
    Text,
    /// Text that looks like a number becomes one.
    Numeric,
    /// As Numeric; differs only in CAST.
    Integer,
    /// As Numeric, and integers become reals.
    Real,
}

impl Affinity {
    /// NUMERIC, INTEGER or REAL.
    pub fn is_numeric(self) -> bool {
        matches!(self, Affinity::Numeric | Affinity::Integer | Affinity::Real)
    }
}

/// The affinity that SQLite derives from a declared type; the rules apply in this order.
pub fn affinity_of_declared(declared: &str) -> Affinity {
    let upper = declared.to_ascii_uppercase();
    let has = |part: &str| upper.contains(part);
    if has("INT") {
        Affinity::Integer
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Affinity::Text
    } else if has("BLOB") || upper.trim().is_empty() {
        Affinity::Blob
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

/// The affinity that a native column of a PostgreSQL type has for a client that thinks in SQLite's terms.
pub fn affinity_of_pg(type_oid: u32) -> Affinity {
    match type_oid {
        oid::INT2 | oid::INT4 | oid::INT8 | oid::OID => Affinity::Integer,
        oid::FLOAT4 | oid::FLOAT8 => Affinity::Real,
        oid::NUMERIC | oid::BOOL => Affinity::Numeric,
        oid::BYTEA => Affinity::Blob,
        _ => Affinity::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_apply_in_order() {
        let cases = [("CHARINT", Affinity::Integer), ("FLOATING POINT", Affinity::Integer), ("STRING", Affinity::Numeric), ("", Affinity::Blob)];
        for (declared, affinity) in cases {
            assert_eq!(affinity_of_declared(declared), affinity, "{declared}");
        }
    }
}
