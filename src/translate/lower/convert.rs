//! From one carrier to another, and from an expression to what its place wants.

use super::{Frag, Lower, Lowered, fill, slot};
use crate::catalog::oid;
use crate::error::ClientError;
use crate::translate::plan::{Demand, Source};
use crate::translate::tree::{Class, Expr, Kind, Ty};
use crate::value::{Value, carrier};

/// A string for PostgreSQL (`standard_conforming_strings` is on).
pub fn literal_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A constant in the carrier of its own class.
pub fn constant(value: &Value) -> Result<Frag, ClientError> {
    Ok(Frag::text(match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(n) if *n < 0 => format!("('{n}'::int8)"),
        Value::Integer(n) => format!("{n}::int8"),
        Value::Real(x) => format!("'{}'::float8", real(*x)),
        Value::Text(text) if text.contains('\0') => return Err(ClientError::refused("text with a NUL character")),
        Value::Text(text) => format!("{}::text", literal_text(text)),
        Value::Blob(bytes) => format!("'\\x{}'::bytea", crate::value::hex(bytes).to_lowercase()),
    }))
}

/// A real as PostgreSQL reads it back exactly.
fn real(x: f64) -> String {
    if x.is_infinite() {
        return if x > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    format!("{x:e}")
}

impl Lower<'_> {
    /// The carrier of the expression's own class. A parameter of unknown class is TEXT here: nothing demands more of it.
    pub fn natural(&mut self, e: &Expr) -> Lowered {
        match &e.kind {
            Kind::Literal { value } => match (value, e.ty.class) {
                (Value::Null, _) => Ok(Frag::text("NULL::text")),
                (value, Class::Dynamic) => self.dynamic(value),
                (value, _) => constant(value),
            },
            Kind::Param(n) => Ok(slot(Source::Client(*n), demand_of(e.ty.class))),
            _ => self.operator(e),
        }
    }

    /// The value in the carrier of another class that can hold it: what CASE arms, compounds and common tables need.
    pub fn carried(&mut self, e: &Expr, class: Class) -> Lowered {
        if e.ty.class == Class::Null || e.constant() == Some(&Value::Null) {
            return Ok(Frag::text(format!("NULL::{}", self.type_name(class))));
        }
        if let Kind::Param(n) = &e.kind
            && (e.ty.class == Class::Param || class == Class::Dynamic && !matches!(e.ty.class, Class::Native(_)))
        {
            return Ok(slot(Source::Client(*n), demand_of(class)));
        }
        if class == Class::Dynamic
            && let Some(value) = e.constant()
        {
            return self.dynamic(value);
        }
        let inner = self.natural(e)?;
        self.recarry(&inner, e.ty.class, class)
    }

    /// A constant in the dynamic carrier.
    fn dynamic(&self, value: &Value) -> Lowered {
        self.helper("any")?;
        Ok(Frag::text(match carrier::encode(value) {
            Some(text) => format!("'{text}'::litewire.\"any\""),
            None => "NULL::litewire.\"any\"".to_owned(),
        }))
    }

    /// The name of a carrier's type.
    pub fn type_name(&self, class: Class) -> &'static str {
        match class {
            Class::Native(oid::TIMESTAMPTZ) => "timestamptz",
            Class::Native(oid::TIMESTAMP) => "timestamp",
            Class::Native(oid::DATE) => "date",
            Class::Native(oid::JSONB) => "jsonb",
            Class::Native(oid::JSON) => "json",
            Class::Native(oid::UUID) => "uuid",
            other => other.type_name(),
        }
    }

    /// A piece in the carrier of `from` as one in the carrier of `to`.
    pub fn recarry(&mut self, inner: &Frag, from: Class, to: Class) -> Lowered {
        let from = if from == Class::Param { Class::Text } else { from };
        if from == to || to == Class::Param {
            return Ok(inner.clone());
        }
        match (from, to) {
            (Class::Bool, Class::Integer) => Ok(fill("({})::int::int8", &[inner])),
            (Class::Bool, _) => {
                let integer = fill("({})::int::int8", &[inner]);
                self.recarry(&integer, Class::Integer, to)
            }
            (Class::Integer, Class::Number) => Ok(fill("({})::numeric", &[inner])),
            (Class::Integer, Class::Real) | (Class::Number, Class::Real) => Ok(fill("({})::float8", &[inner])),
            (Class::Real, Class::Number) => self.call("r2n", &[inner]),
            (_, Class::Text) => self.text_of(inner, from),
            (Class::Integer, Class::Dynamic) => self.call("v_int", &[inner]),
            (Class::Real, Class::Dynamic) => self.call("v_real", &[inner]),
            (Class::Number, Class::Dynamic) => self.call("v_num", &[inner]),
            (Class::Text, Class::Dynamic) => self.call("v_text", &[inner]),
            (Class::Blob, Class::Dynamic) => self.call("v_blob", &[inner]),
            (Class::Native(_), Class::Dynamic) => {
                let text = self.text_of(inner, from)?;
                self.call("v_text", &[&text])
            }
            (Class::Null, _) => Ok(fill(&format!("({{}})::{}", self.type_name(to)), &[inner])),
            (_, Class::Null) => Ok(Frag::text("NULL::text")),
            (_, Class::Native(_)) => Ok(fill(&format!("({{}})::{}", self.type_name(to)), &[inner])),
            (from, to) => Err(ClientError::refused(format!("a conversion from {from:?} to {to:?} here"))),
        }
    }

    /// The expression as SQLite's text of it; NULL stays NULL.
    pub fn text(&mut self, e: &Expr) -> Lowered {
        match &e.kind {
            Kind::Literal { value: Value::Null } => Ok(Frag::text("NULL::text")),
            Kind::Literal { value } => constant(&Value::Text(value.text().unwrap_or_default().into_owned())),
            Kind::Param(n) => Ok(slot(Source::Client(*n), Demand::Text)),
            _ => {
                let inner = self.natural(e)?;
                self.text_of(&inner, e.ty.class)
            }
        }
    }

    /// A piece in the carrier of `class` as text.
    pub fn text_of(&mut self, inner: &Frag, class: Class) -> Lowered {
        match class {
            Class::Text | Class::Param => Ok(inner.clone()),
            Class::Null => Ok(fill("({})::text", &[inner])),
            Class::Bool => Ok(fill("({})::int::text", &[inner])),
            Class::Integer => Ok(fill("({})::text", &[inner])),
            Class::Real => self.call("real_text", &[inner]),
            Class::Number => self.call("num_text", &[inner]),
            Class::Blob => Ok(fill("convert_from({}, 'UTF8')", &[inner])),
            Class::Dynamic => self.call("any_text", &[inner]),
            Class::Native(oid::TIMESTAMPTZ) => self.call("tstz_text", &[inner]),
            Class::Native(oid::TIMESTAMP) => self.call("ts_text", &[inner]),
            Class::Native(_) => Ok(fill("({})::text", &[inner])),
        }
    }

    /// The expression as a number for arithmetic: its class there is `Integer`, `Real` or `Number`; text gives its numeric prefix.
    pub fn number(&mut self, e: &Expr) -> Result<(Frag, Class), ClientError> {
        if let Some(value) = e.constant() {
            let value = value.to_number();
            let class = Ty::of_value(&value).class;
            return Ok((
                if value == Value::Null { Frag::text("NULL::numeric") } else { constant(&value)? },
                if class == Class::Null { Class::Number } else { class },
            ));
        }
        if let Kind::Param(n) = &e.kind
            && matches!(e.ty.class, Class::Param | Class::Text | Class::Null)
        {
            // The class is the value's, so the carrier that holds both.
            return Ok(match e.ty.class {
                Class::Text => {
                    let text = slot(Source::Client(*n), Demand::Text);
                    (self.call("num", &[&text])?, Class::Number)
                }
                _ => (slot(Source::Client(*n), Demand::Numeric), Class::Number),
            });
        }
        let inner = self.natural(e)?;
        Ok(match e.ty.class {
            Class::Bool => (fill("({})::int::int8", &[&inner]), Class::Integer),
            Class::Integer => (self.wide(e, inner), Class::Integer),
            Class::Real => (inner, Class::Real),
            Class::Number => (inner, Class::Number),
            Class::Null => (Frag::text("NULL::numeric"), Class::Number),
            Class::Dynamic => (self.call("any_num", &[&inner])?, Class::Number),
            class => {
                let text = self.text_of(&inner, class)?;
                (self.call("num", &[&text])?, Class::Number)
            }
        })
    }

    /// An integer that is int8: a narrow column would overflow in arithmetic.
    pub fn wide(&self, e: &Expr, inner: Frag) -> Frag {
        match &e.kind {
            Kind::Column(column) if matches!(column.oid, oid::INT2 | oid::INT4) => fill("({})::int8", &[&inner]),
            _ => inner,
        }
    }

    /// The expression as an int8 for positions, counts and bits: reals are truncated, text gives its integer prefix.
    pub fn integer(&mut self, e: &Expr) -> Lowered {
        if let Some(value) = e.constant() {
            return match value.to_integer() {
                Some(n) => constant(&Value::Integer(n)),
                None => Ok(Frag::text("NULL::int8")),
            };
        }
        if let Kind::Param(n) = &e.kind
            && matches!(e.ty.class, Class::Param | Class::Integer | Class::Null)
        {
            return Ok(slot(Source::Client(*n), Demand::Integer));
        }
        let inner = self.natural(e)?;
        match e.ty.class {
            Class::Bool => Ok(fill("({})::int::int8", &[&inner])),
            Class::Integer => Ok(self.wide(e, inner)),
            Class::Real => self.call("cast_int_real", &[&inner]),
            Class::Number => self.call("cast_int_num", &[&inner]),
            Class::Null => Ok(Frag::text("NULL::int8")),
            Class::Dynamic => self.call("any_int", &[&inner]),
            class => {
                let text = self.text_of(&inner, class)?;
                self.call("cast_int", &[&text])
            }
        }
    }

    /// The whole number that the expression is or looks like, as int8 (`OP_MustBeInt`); NULL for everything else.
    pub fn whole(&mut self, e: &Expr) -> Lowered {
        if let Some(value) = e.constant() {
            return Ok(match value.clone().apply(crate::catalog::Affinity::Integer) {
                Value::Integer(n) => constant(&Value::Integer(n))?,
                _ => Frag::text("NULL::int8"),
            });
        }
        if matches!(e.ty.class, Class::Bool | Class::Integer) || matches!(e.kind, Kind::Param(_)) && e.ty.class == Class::Param {
            return self.integer(e);
        }
        let value = self.carried(e, Class::Dynamic)?;
        self.call("any_whole", &[&value])
    }

    /// The expression as a float8.
    pub fn real(&mut self, e: &Expr) -> Lowered {
        if let Kind::Param(n) = &e.kind
            && matches!(e.ty.class, Class::Param | Class::Null | Class::Real | Class::Integer)
        {
            return Ok(slot(Source::Client(*n), Demand::Real));
        }
        let (inner, class) = self.number(e)?;
        Ok(if class == Class::Real { inner } else { fill("({})::float8", &[&inner]) })
    }

    /// The expression as a truth value (bool). Where NULL counts as false anyway (`positive`), cheaper forms are allowed.
    pub fn truth(&mut self, e: &Expr, positive: bool) -> Lowered {
        if let Some(value) = e.constant() {
            return Ok(Frag::text(match value.truth() {
                None => "NULL::bool",
                Some(true) => "true",
                Some(false) => "false",
            }));
        }
        match e.ty.class {
            Class::Bool => self.predicate(e, positive),
            Class::Integer => Ok(fill("({} <> 0)", &[&self.natural(e)?])),
            Class::Real => Ok(fill("({} <> 0)", &[&self.natural(e)?])),
            _ => {
                let (number, _) = self.number(e)?;
                Ok(fill("({} <> 0)", &[&number]))
            }
        }
    }
}

/// What a parameter is given as, in the carrier of a class.
pub fn demand_of(class: Class) -> Demand {
    match class {
        Class::Bool => Demand::Bool,
        Class::Integer => Demand::Integer,
        Class::Real => Demand::Real,
        Class::Number => Demand::Numeric,
        Class::Null | Class::Text | Class::Param => Demand::Text,
        Class::Blob => Demand::Blob,
        Class::Dynamic => Demand::Dynamic,
        Class::Native(oid) => Demand::Native(oid),
    }
}
