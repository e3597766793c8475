//! How a statement's replies are shaped before the client gets them.

use crate::catalog::oid;
use crate::translate::{self, Carrier, Hidden, OutColumn, OutKind, Statement};
use crate::wire::frontend::format_at;
use std::sync::Arc;

/// The shape of a statement's replies.
#[derive(Debug, Default, Clone)]
pub struct Shape {
    /// Nothing of it reaches the client: an error took its place.
    pub silent: bool,
    /// Rows and RowDescription pass as they are.
    pub raw: bool,
    /// The client's columns; None when it gets no rows.
    pub columns: Option<Columns>,
    /// Columns behind them that are the proxy's own.
    pub hidden: Vec<Hidden>,
    /// The command tag, `{}` standing for the row count.
    pub tag: Option<&'static str>,
    /// Does it set changes()?
    pub counts: bool,
    /// The constraints whose violation ends the transaction.
    pub rolls_back: Vec<String>,
    /// Does it change the schema?
    pub schema_change: bool,
    /// Is RowDescription made from the rows (dynamic columns)? Otherwise such columns are text.
    pub held: bool,
}

/// The client's columns: those of the plan, in the formats that were asked for.
#[derive(Debug, Clone)]
pub struct Columns {
    list: Arc<[OutColumn]>,
    formats: Vec<i16>,
    /// Are whole numbers announced as int8 (a statement's Describe said so)?
    wide: bool,
}

/// A column of the client's.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its kind.
    pub kind: OutKind,
    /// 0 text, 1 binary.
    pub format: i16,
    /// Is a whole number announced as int8?
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
            translate::Columns::Shaped(columns) => Some(Columns::new(columns.clone(), formats, wide)),
            translate::Columns::None | translate::Columns::Backend => None,
        };
        Shape {
            silent: false,
            raw: statement.columns == translate::Columns::Backend,
            columns,
            hidden: statement.hidden.clone(),
            tag: statement.tag,
            counts: statement.counts,
            rolls_back: statement.rolls_back.clone(),
            schema_change: statement.schema_change,
            held: false,
        }
    }

    /// Can its rows pass as bytes?
    pub fn passes_rows(&self) -> bool {
        self.raw || (self.hidden.is_empty() && self.columns.as_ref().is_some_and(|c| c.iter().all(|c| c.passes())))
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

impl Columns {
    /// Columns in the client's formats; `wide` announces whole numbers as int8.
    pub fn new(list: Arc<[OutColumn]>, formats: &[i16], wide: bool) -> Self {
        Columns { list, formats: formats.to_vec(), wide }
    }

    /// The columns in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Column<'_>> + Clone {
        self.list.iter().enumerate().map(|(i, c)| Column {
            name: &c.name,
            kind: c.kind,
            format: format_at(&self.formats, i),
            wide: self.wide,
            carrier: None,
        })
    }
}

impl Column<'_> {
    fn passes(&self) -> bool {
        !matches!((self.kind, self.format), (OutKind::Real, 0) | (OutKind::Dynamic(_), _))
    }

    /// The type that the client is told.
    pub fn oid(&self) -> u32 {
        match self.kind {
            OutKind::Integer if self.format == 0 && !self.wide => oid::INT4,
            OutKind::Dynamic(_) => oid::TEXT,
            kind => kind.backend_oid(),
        }
    }

    /// The type's size, as RowDescription tells it.
    pub fn size(&self) -> i16 {
        match self.oid() {
            oid::BOOL => 1,
            oid::INT2 => 2,
            oid::INT4 => 4,
            oid::INT8 | oid::FLOAT8 => 8,
            _ => -1,
        }
    }
}
