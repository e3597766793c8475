//! How a statement's replies are shaped before the client gets them.

use super::settings::Change;
use crate::translate::{Carrier, Columns, Hidden, OutKind, Statement};
use crate::wire::frontend::format_at;

/// The shape of a statement's replies.
#[derive(Debug, Default, Clone)]
pub struct Shape {
    /// Nothing of it reaches the client: an error took its place.
    pub silent: bool,
    /// Rows and RowDescription pass as they are.
    pub raw: bool,
    /// The client's columns; None when it gets no rows.
    pub columns: Option<Vec<Column>>,
    /// Columns behind them that are the proxy's own.
    pub hidden: Vec<Hidden>,
    /// The command tag, `{}` standing for the row count.
    pub tag: Option<&'static str>,
    /// Does it set changes()?
    pub counts: bool,
    /// Does it change the schema?
    pub schema_change: bool,
    /// A setting of the session that it changes.
    pub change: Option<Change>,
    /// Is RowDescription made from the rows (dynamic columns)? Otherwise such columns are text.
    pub held: bool,
    /// May it be tried again with a fresh catalog, should an error say that the one used is stale?
    pub retry: bool,
}

/// A column of the client's.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: OutKind,
    /// 0 text, 1 binary.
    pub format: i16,
    /// Is a whole number announced as int8 (a statement's Describe said so)?
    pub wide: bool,
    /// What a dynamic column came in, once its kind is settled.
    pub carrier: Option<Carrier>,
}

impl Shape {
    /// The shape of text that passes as it is.
    pub fn raw() -> Self {
        Shape { raw: true, ..Shape::default() }
    }

    /// The shape of a plan's statement with the client's result formats.
    pub fn of(statement: &Statement, formats: &[i16], wide: bool) -> Self {
        let columns = match &statement.columns {
            Columns::Shaped(columns) => Some(
                columns
                    .iter()
                    .enumerate()
                    .map(|(i, c)| Column { name: c.name.clone(), kind: c.kind, format: format_at(formats, i), wide, carrier: None })
                    .collect(),
            ),
            Columns::None | Columns::Backend => None,
        };
        Shape {
            silent: false,
            raw: statement.columns == Columns::Backend,
            columns,
            hidden: statement.hidden.clone(),
            tag: statement.tag,
            counts: statement.counts,
            schema_change: statement.schema_change,
            change: None,
            held: false,
            retry: false,
        }
    }

    /// Can its rows pass as bytes?
    pub fn passes_rows(&self) -> bool {
        self.raw || (self.hidden.is_empty() && self.columns.as_ref().is_some_and(|c| c.iter().all(Column::passes)))
    }

    /// Has it a column whose type only the values tell?
    pub fn is_dynamic(&self) -> bool {
        self.columns.as_ref().is_some_and(|c| c.iter().any(|c| matches!(c.kind, OutKind::Dynamic(_))))
    }

    /// Are its rows kept from the client?
    pub fn swallows_rows(&self) -> bool {
        !self.raw && self.columns.is_none()
    }
}

impl Column {
    fn passes(&self) -> bool {
        !matches!((self.kind, self.format), (OutKind::Real, 0) | (OutKind::Dynamic(_), _))
    }

    /// The type that the client is told.
    pub fn oid(&self) -> u32 {
        use crate::catalog::oid;
        match self.kind {
            OutKind::Integer if self.format == 0 && !self.wide => oid::INT4,
            OutKind::Dynamic(_) => oid::TEXT,
            kind => kind.backend_oid(),
        }
    }

    /// The type's size, as RowDescription tells it.
    pub fn size(&self) -> i16 {
        use crate::catalog::oid;
        match self.oid() {
            oid::BOOL => 1,
            oid::INT2 => 2,
            oid::INT4 => 4,
            oid::INT8 | oid::FLOAT8 => 8,
            _ => -1,
        }
    }
}
