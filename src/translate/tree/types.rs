//! Types in SQLite's sense: the class of the values an expression gives, and the affinity it lends to comparisons.

use crate::catalog::{self, Affinity, Collation, oid};
use crate::value::Value;

/// What storage class the values have, as far as it is known, and how they are carried at the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Always NULL.
    Null,
    /// A truth value; carried as bool, an INTEGER 0 or 1 to SQLite.
    Bool,
    /// INTEGER; carried as int8 (a native column may be narrower).
    Integer,
    /// REAL; carried as float8.
    Real,
    /// INTEGER or REAL; carried as numeric, whose scale tells which.
    Number,
    /// TEXT; carried as text.
    Text,
    /// BLOB; carried as bytea.
    Blob,
    /// Any class; carried in the dynamic carrier.
    Dynamic,
    /// A parameter of unknown class: the context decides.
    Param,
    /// A native type without a class of SQLite's: a timestamp, json, uuid, an array; to SQLite it is TEXT.
    Native(u32),
}

impl Class {
    /// The class in which a value is carried: TEXT where nothing is known of it.
    pub fn or_text(self) -> Self {
        if matches!(self, Class::Null | Class::Param) { Class::Text } else { self }
    }

    /// INTEGER, REAL or either; truth values too.
    pub fn is_number(self) -> bool {
        matches!(self, Class::Bool | Class::Integer | Class::Real | Class::Number)
    }

    /// The PostgreSQL type that carries it.
    pub fn type_name(self) -> &'static str {
        match self {
            Class::Bool => "bool",
            Class::Integer => "int8",
            Class::Real => "float8",
            Class::Number => "numeric",
            Class::Blob => "bytea",
            Class::Dynamic => "litewire.\"any\"",
            Class::Null | Class::Text | Class::Param | Class::Native(_) => "text",
        }
    }

    /// How SQLite orders the classes (datatype3.html §4.1); None when it depends on the value.
    pub fn rank(self) -> Option<u8> {
        match self {
            Class::Bool | Class::Integer | Class::Real | Class::Number => Some(1),
            Class::Text | Class::Native(_) => Some(2),
            Class::Blob => Some(3),
            Class::Null | Class::Dynamic | Class::Param => None,
        }
    }

    /// One class for the arms of a CASE, a coalesce or a compound.
    pub fn unify(self, other: Class) -> Class {
        match (self, other) {
            (a, b) if a == b => a,
            (Class::Null, b) => b,
            (a, Class::Null) => a,
            (Class::Param, b) | (b, Class::Param) => b,
            (Class::Bool | Class::Integer, Class::Bool | Class::Integer) => Class::Integer,
            (a, b) if a.is_number() && b.is_number() => Class::Number,
            (Class::Text | Class::Native(_), Class::Text | Class::Native(_)) => Class::Text,
            _ => Class::Dynamic,
        }
    }

    /// Is it a timestamp, a date or a time?
    pub fn is_time(self) -> bool {
        matches!(self, Class::Native(oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::DATE | oid::TIME))
    }
}

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ty {
    /// The class of its values.
    pub class: Class,
    /// Its affinity: columns, CASTs and what passes them through have one; other expressions have none.
    pub affinity: Option<Affinity>,
    /// Its collation, and whether it was written with COLLATE.
    pub collation: Option<(Collation, bool)>,
    /// Can it be NULL?
    pub nullable: bool,
}

impl Ty {
    /// A type without affinity.
    pub fn plain(class: Class) -> Self {
        Ty { class, affinity: None, collation: None, nullable: true }
    }

    /// The same, never NULL.
    pub fn not_null(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// The type of a constant.
    pub fn of_value(value: &Value) -> Self {
        let class = match value {
            Value::Null => Class::Null,
            Value::Integer(_) => Class::Integer,
            Value::Real(_) => Class::Real,
            // PostgreSQL's text holds no NUL.
            Value::Text(text) if text.contains('\0') => Class::Dynamic,
            Value::Text(_) => Class::Text,
            Value::Blob(_) => Class::Blob,
        };
        Ty { nullable: matches!(value, Value::Null), ..Ty::plain(class) }
    }

    /// The type of a column of the catalog.
    pub fn of_column(column: &catalog::Column) -> Self {
        let class = match column.type_oid {
            _ if column.dynamic => Class::Dynamic,
            _ if column.opaque => Class::Native(column.type_oid),
            oid::BOOL => Class::Bool,
            oid::INT2 | oid::INT4 | oid::INT8 | oid::OID => Class::Integer,
            oid::FLOAT4 | oid::FLOAT8 => Class::Real,
            oid::NUMERIC => Class::Number,
            oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME => Class::Text,
            oid::BYTEA => Class::Blob,
            other => Class::Native(other),
        };
        Ty { class, affinity: Some(column.affinity), collation: Some((column.collation, false)), nullable: !column.not_null }
    }

    /// One type for a column of a compound's two sides (`sqlite3SubqueryColumnTypes`): the first affinity there is, unless the other
    /// side may give values that it would change.
    pub fn compound(self, other: Ty) -> Ty {
        let text = |t: Ty| match t.class {
            Class::Dynamic => !t.affinity.is_some_and(Affinity::is_numeric),
            class => matches!(class, Class::Text | Class::Native(_)),
        };
        let number = |t: Ty| if t.class == Class::Dynamic { t.affinity != Some(Affinity::Text) } else { t.class.is_number() };
        let affinity = self.affinity.or(other.affinity).map(|affinity| match affinity {
            Affinity::Text if number(self) || number(other) => Affinity::Blob,
            a if a.is_numeric() && (text(self) || text(other)) => Affinity::Blob,
            a => a,
        });
        Ty { affinity, ..self.unify(other) }
    }

    /// One type for two arms.
    pub fn unify(self, other: Ty) -> Ty {
        let affinity = if self.affinity == other.affinity { self.affinity } else { None };
        Ty {
            class: self.class.unify(other.class),
            affinity,
            collation: self.collation.or(other.collation),
            nullable: self.nullable || other.nullable,
        }
    }
}
