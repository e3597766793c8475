//! Storing a value into a column: its affinity applied, in the column's own type (datatype3.html §3).
//!
//! What the column's type at the backend cannot hold is a misfit. One that is seen here is noted in the lowering, so that the
//! column may be widened first; one that only the value tells fails at the backend, with the column's name.

use crate::catalog::{Affinity, Column, Relation, oid};
use crate::error::{ClientError, SqlState};
use crate::translate::ParamClass;
use crate::translate::bind::{Bound, quote_ident};
use crate::translate::lower::{Frag, Lower, Lowered, Misfit, fill, literal_text, slot};
use crate::translate::plan::{Demand, Source};
use crate::translate::tree::{Class, Expr, Kind, Ty};
use crate::value::Value;

/// An expression as a value for a column.
pub(super) fn store(lower: &mut Lower, table: &Relation, column: &Column, e: &Expr) -> Lowered {
    let class = Ty::of_column(column).class;
    match &e.kind {
        Kind::Literal { value } => constant(lower, table, column, class, value),
        Kind::Param(n) if lower.param(*n).is_some_and(|known| never_fits(column, class, known)) => {
            let known = lower.param(*n).map_or("", ParamClass::name);
            Err(misfit(lower, table, column, known))
        }
        Kind::Param(n) if matches!(e.ty.class, Class::Param | Class::Integer | Class::Real) || e.ty.class == class => {
            affine(lower, column, class, &slot(Source::Client(*n), demand(column, class)))
        }
        Kind::Param(_) if class == Class::Dynamic => {
            let piece = lower.carried(e, class)?;
            affine(lower, column, class, &piece)
        }
        // Declared as text: a number if it looks like one, which is seen when it is bound.
        Kind::Param(n) if e.ty.class == Class::Text && matches!(class, Class::Integer | Class::Real | Class::Number) => {
            Ok(slot(Source::Client(*n), demand(column, class)))
        }
        Kind::Param(n) if matches!((e.ty.class, class), (Class::Native(_), Class::Native(_)) | (Class::Text, Class::Native(_) | Class::Bool)) => {
            Ok(slot(Source::Client(*n), demand(column, class)))
        }
        Kind::Counter(source) if matches!(class, Class::Native(of) if Class::Native(of).is_time()) && !lower.stored => {
            Ok(slot(source.clone(), demand(column, class)))
        }
        _ => {
            let inner = if matches!(e.ty.class, Class::Param) { lower.text(e)? } else { lower.natural(e)? };
            stored(lower, table, column, class, &inner, e.ty.class)
        }
    }
}

/// Is the column's type one that holds text which does not look like a number (`DATE`, `JSON`, … under `faithful`)?
fn holds_words(column: &Column, class: Class) -> bool {
    class == Class::Text && column.declared.is_some() && column.affinity == Affinity::Numeric
}

/// Is a parameter of which that much is known no value of the column's type?
fn never_fits(column: &Column, class: Class, known: ParamClass) -> bool {
    use ParamClass::{Blob, Fraction, FractionText, Integer, OnlyText, Real, Text};
    match class {
        Class::Integer => matches!(known, OnlyText | Fraction | FractionText | Blob),
        Class::Real | Class::Number => matches!(known, OnlyText | Blob),
        Class::Text if holds_words(column, class) => !matches!(known, OnlyText | ParamClass::Unknown | ParamClass::Null | ParamClass::Native(_)),
        Class::Text => known == Blob,
        Class::Blob => matches!(known, OnlyText | Text | FractionText | Integer | Real | Fraction),
        _ => false,
    }
}

fn demand(column: &Column, class: Class) -> Demand {
    match class {
        Class::Bool => Demand::Bool,
        Class::Integer => Demand::Integer,
        Class::Real => Demand::Real,
        Class::Number => Demand::Numeric,
        Class::Blob => Demand::Blob,
        Class::Dynamic => Demand::Dynamic,
        Class::Native(oid) if oid != 0 => Demand::Native(oid),
        _ if holds_words(column, class) => Demand::Words,
        _ => Demand::Text,
    }
}

/// A dynamic value with its column's affinity applied; anything else as it is.
fn affine(lower: &mut Lower, column: &Column, class: Class, value: &Frag) -> Lowered {
    match (class, column.affinity) {
        (Class::Dynamic, Affinity::Integer | Affinity::Numeric) => lower.call("any_aff_num", &[value]),
        (Class::Dynamic, Affinity::Real) => lower.call("any_aff_real", &[value]),
        (Class::Dynamic, Affinity::Text) => lower.call("any_aff_text", &[value]),
        _ => Ok(value.clone()),
    }
}

/// A piece of class `from` for a column of class `to`.
pub fn stored(lower: &mut Lower, table: &Relation, column: &Column, to: Class, inner: &Frag, from: Class) -> Lowered {
    let from = if from == Class::Param { Class::Text } else { from };
    if from == Class::Null {
        return Ok(Frag::text("NULL"));
    }
    if to == Class::Dynamic {
        let carried = lower.recarry(inner, from, to)?;
        return affine(lower, column, to, &carried);
    }
    let place = Frag::text(literal_text(&place(table, column)));
    let mut checked = |name: &str, inner: &Frag| {
        lower.may_misfit = true;
        lower.call(name, &[inner, &place])
    };
    match (from, to) {
        (Class::Text | Class::Native(_), Class::Text) if holds_words(column, to) => {
            let text = lower.text_of(inner, from)?;
            lower.may_misfit = true;
            lower.call("store_words_text", &[&text, &place])
        }
        (Class::Dynamic, Class::Text) if holds_words(column, to) => checked("store_words_any", inner),
        (Class::Integer | Class::Real | Class::Number, Class::Text) if holds_words(column, to) => {
            let carried = lower.recarry(inner, from, Class::Dynamic)?;
            stored(lower, table, column, to, &carried, Class::Dynamic)
        }
        (a, b) if a == b => Ok(inner.clone()),
        (Class::Bool, _) => {
            let integer = lower.recarry(inner, Class::Bool, Class::Integer)?;
            stored(lower, table, column, to, &integer, Class::Integer)
        }
        (Class::Integer, Class::Real | Class::Number) => lower.recarry(inner, from, to),
        (Class::Integer | Class::Real, Class::Bool) => Ok(fill("({} <> 0)", &[inner])),
        (Class::Number, Class::Real) => lower.recarry(inner, from, to),
        (Class::Real, Class::Number) => {
            let number = lower.recarry(inner, from, to)?;
            lower.call("num_whole", &[&number])
        }
        (Class::Real, Class::Integer) => checked("store_int_real", inner),
        (Class::Number, Class::Integer) => checked("store_int_num", inner),
        (Class::Text, Class::Integer) => checked("store_int_text", inner),
        (Class::Text, Class::Real) => checked("store_real_text", inner),
        (Class::Text, Class::Number) => checked("store_num_text", inner),
        (Class::Dynamic, Class::Integer) => checked("store_int_any", inner),
        (Class::Dynamic, Class::Real) => checked("store_real_any", inner),
        (Class::Dynamic, Class::Number) => checked("store_num_any", inner),
        (Class::Dynamic, Class::Text) => checked("store_text_any", inner),
        (Class::Dynamic, Class::Blob) => checked("store_blob_any", inner),
        (_, Class::Integer | Class::Real | Class::Number | Class::Blob) | (Class::Blob, Class::Text) => {
            let carried = lower.recarry(inner, from, Class::Dynamic)?;
            stored(lower, table, column, to, &carried, Class::Dynamic)
        }
        (_, Class::Text) => lower.text_of(inner, from),
        (_, Class::Bool | Class::Native(_)) => {
            let text = lower.text_of(inner, from)?;
            Ok(fill(&format!("({{}})::{}", column.type_name), &[&text]))
        }
        (from, to) => Err(ClientError::refused(format!("storing {from:?} into the column {} of {to:?}", column.name))),
    }
}

/// A column as the helpers are told of it.
fn place(table: &Relation, column: &Column) -> String {
    format!("{}.{}.{}", quote_ident(&table.schema), quote_ident(&table.name), quote_ident(&column.name))
}

/// A value of a storage class that the column's type cannot hold.
fn misfit(lower: &mut Lower, table: &Relation, column: &Column, class: &str) -> ClientError {
    lower.misfit = Some(Misfit { schema: table.schema.clone(), table: table.name.clone(), column: column.name.clone() });
    if !table.strict && table.rowid().is_some_and(|(_, c)| c.number == column.number) {
        return ClientError::new(SqlState::INVALID_TEXT, "datatype mismatch");
    }
    let name = column.declared.clone().unwrap_or_else(|| column.type_name.to_uppercase());
    let message = format!("cannot store {} value in {name} column {}.{}", class.to_uppercase(), table.name, column.name);
    if table.strict {
        return ClientError::new(SqlState::INVALID_TEXT, message);
    }
    ClientError::new(SqlState::FEATURE_NOT_SUPPORTED, message)
        .hint("SQLite would keep the value as it is; the column's type at the backend cannot hold it.")
}

/// A constant is converted here; a misfit when the column's type cannot hold it.
fn constant(lower: &mut Lower, table: &Relation, column: &Column, class: Class, value: &Value) -> Bound<Frag> {
    if *value == Value::Null {
        return Ok(Frag::text("NULL"));
    }
    let applied = value.clone().apply(column.affinity);
    match (class, &applied) {
        (Class::Integer, Value::Integer(_)) | (Class::Number, Value::Integer(_) | Value::Real(_)) | (Class::Blob, Value::Blob(_)) => {
            let literal = Expr::literal(applied.clone());
            let inner = lower.natural(&literal)?;
            lower.recarry(&inner, literal.ty.class, class)
        }
        (Class::Real, Value::Integer(n)) => lower.natural(&Expr::literal(Value::Real(*n as f64))),
        (Class::Real, Value::Real(_)) => lower.natural(&Expr::literal(applied.clone())),
        (Class::Text, Value::Text(_)) => lower.text(&Expr::literal(applied.clone())),
        (Class::Text, Value::Integer(_) | Value::Real(_)) if !holds_words(column, class) => lower.text(&Expr::literal(value.clone())),
        (Class::Bool, Value::Integer(n)) => Ok(Frag::text((*n != 0).to_string())),
        (Class::Bool, Value::Text(text)) => Ok(Frag::text(format!("{}::bool", literal_text(text)))),
        (Class::Dynamic, _) => {
            let literal = Expr::literal(applied.clone());
            lower.carried(&literal, Class::Dynamic)
        }
        (Class::Native(oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::TIME), Value::Integer(_) | Value::Real(_) | Value::Blob(_)) => {
            Err(misfit(lower, table, column, value.class_name()))
        }
        (Class::Native(_), value) => Ok(Frag::text(format!("{}::{}", literal_text(&value.text().unwrap_or_default()), column.type_name))),
        _ => Err(misfit(lower, table, column, value.class_name())),
    }
}
