//! Storing a value into a column: its affinity applied, in the column's own type (datatype3.html §3).

use crate::catalog::{Column, Relation, oid};
use crate::error::{ClientError, SqlState};
use crate::translate::bind::Bound;
use crate::translate::lower::{Frag, Lower, Lowered, fill, literal_text, slot};
use crate::translate::plan::{Demand, Source};
use crate::translate::tree::{Class, Expr, Kind, Ty};
use crate::value::Value;

/// An expression as a value for a column.
pub(super) fn store(lower: &mut Lower, table: &Relation, column: &Column, e: &Expr) -> Lowered {
    let class = Ty::of_column(column).class;
    match &e.kind {
        Kind::Literal { value } => constant(lower, table, column, class, value),
        Kind::Param(n) if matches!(e.ty.class, Class::Param | Class::Integer | Class::Real) || e.ty.class == class => {
            Ok(slot(Source::Client(*n), demand(class)))
        }
        // Declared as text: a number if it looks like one, which is seen when it is bound.
        Kind::Param(n) if e.ty.class == Class::Text && e.ty.affinity.is_none() && matches!(class, Class::Integer | Class::Real | Class::Number) => {
            Ok(slot(Source::Client(*n), demand(class)))
        }
        Kind::Param(n) if matches!((e.ty.class, class), (Class::Native(_), Class::Native(_)) | (Class::Text, Class::Native(_) | Class::Bool)) => {
            Ok(slot(Source::Client(*n), demand(class)))
        }
        Kind::Counter(source) if matches!(class, Class::Native(of) if Class::Native(of).is_time()) && !lower.stored => {
            Ok(slot(source.clone(), demand(class)))
        }
        _ => {
            let inner = if matches!(e.ty.class, Class::Param) { lower.text(e)? } else { lower.natural(e)? };
            stored(lower, column, class, &inner, e.ty.class)
        }
    }
}

fn demand(class: Class) -> Demand {
    match class {
        Class::Bool => Demand::Bool,
        Class::Integer => Demand::Integer,
        Class::Real => Demand::Real,
        Class::Number => Demand::Numeric,
        Class::Blob => Demand::Blob,
        Class::Dynamic => Demand::Dynamic,
        Class::Native(oid) if oid != 0 => Demand::Native(oid),
        _ => Demand::Text,
    }
}

/// A piece of class `from` for a column of class `to`.
pub(super) fn stored(lower: &mut Lower, column: &Column, to: Class, inner: &Frag, from: Class) -> Lowered {
    let from = if from == Class::Param { Class::Text } else { from };
    match (from, to) {
        (Class::Null, _) => Ok(Frag::text("NULL")),
        (a, b) if a == b => Ok(inner.clone()),
        (Class::Bool, _) => {
            let integer = lower.recarry(inner, Class::Bool, Class::Integer)?;
            stored(lower, column, to, &integer, Class::Integer)
        }
        (Class::Integer, Class::Real | Class::Number) => lower.recarry(inner, from, to),
        (Class::Integer | Class::Real, Class::Bool) => Ok(fill("({} <> 0)", &[inner])),
        (Class::Number, Class::Real) => lower.recarry(inner, from, to),
        (Class::Real, Class::Number) => {
            let number = lower.recarry(inner, from, to)?;
            lower.call("num_whole", &[&number])
        }
        (Class::Real, Class::Integer) => lower.call("store_int_real", &[inner]),
        (Class::Number, Class::Integer) => lower.call("store_int_num", &[inner]),
        (Class::Text, Class::Integer) => lower.call("store_int_text", &[inner]),
        (Class::Text, Class::Real) => lower.call("store_real_text", &[inner]),
        (Class::Text, Class::Number) => lower.call("store_num_text", &[inner]),
        (Class::Dynamic, Class::Integer | Class::Real | Class::Number) => {
            let text = lower.text_of(inner, from)?;
            stored(lower, column, to, &text, Class::Text)
        }
        (Class::Dynamic, Class::Blob) => lower.call("store_blob_any", &[inner]),
        (Class::Text, Class::Blob) => Err(misfit_class("TEXT", column)),
        (_, Class::Text) => lower.text_of(inner, from),
        (_, Class::Dynamic) => lower.recarry(inner, from, to),
        (_, Class::Bool | Class::Native(_)) => {
            let text = lower.text_of(inner, from)?;
            Ok(fill(&format!("({{}})::{}", column.type_name), &[&text]))
        }
        (from, to) => Err(ClientError::refused(format!("storing {from:?} into the column {} of {to:?}", column.name))),
    }
}

fn misfit_class(class: &str, column: &Column) -> ClientError {
    ClientError::new(SqlState::INVALID_TEXT, format!("cannot store {class} value in {} column {}", column.type_name.to_uppercase(), column.name))
}

/// A constant is converted here, and refused here when the column's type cannot hold it.
fn constant(lower: &mut Lower, table: &Relation, column: &Column, class: Class, value: &Value) -> Bound<Frag> {
    if *value == Value::Null {
        return Ok(Frag::text("NULL"));
    }
    let applied = value.clone().apply(column.affinity);
    let misfit = || {
        let name = column.declared.clone().unwrap_or_else(|| column.type_name.to_uppercase());
        let message = format!("cannot store {} value in {name} column {}.{}", value.class_name().to_uppercase(), table.name, column.name);
        ClientError::new(SqlState::INVALID_TEXT, message)
            .hint("SQLite would keep the value as it is; the column's type at the backend cannot hold it.")
    };
    match (class, &applied) {
        (Class::Integer, Value::Integer(_)) | (Class::Number, Value::Integer(_) | Value::Real(_)) | (Class::Blob, Value::Blob(_)) => {
            let literal = Expr::literal(applied.clone());
            let inner = lower.natural(&literal)?;
            lower.recarry(&inner, literal.ty.class, class)
        }
        (Class::Real, Value::Integer(n)) => lower.natural(&Expr::literal(Value::Real(*n as f64))),
        (Class::Real, Value::Real(_)) | (Class::Text, Value::Text(_)) => lower.natural(&Expr::literal(applied.clone())),
        (Class::Text, Value::Integer(_) | Value::Real(_)) => {
            lower.natural(&Expr::literal(Value::Text(value.text().unwrap_or_default().into_owned())))
        }
        (Class::Bool, Value::Integer(n)) => Ok(Frag::text((*n != 0).to_string())),
        (Class::Bool, Value::Text(text)) => Ok(Frag::text(format!("{}::bool", literal_text(text)))),
        (Class::Dynamic, _) => {
            let literal = Expr::literal(applied.clone());
            lower.carried(&literal, Class::Dynamic)
        }
        (Class::Native(oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::TIME), Value::Integer(_) | Value::Real(_) | Value::Blob(_)) => {
            Err(misfit())
        }
        (Class::Native(_), value) => Ok(Frag::text(format!("{}::{}", literal_text(&value.text().unwrap_or_default()), column.type_name))),
        _ => Err(misfit()),
    }
}
