//! Typed tree to PostgreSQL's text. Demand-driven: an expression is lowered for what its place wants — a truth value, a number,
//! text, or its own carrier — so that predicates stay native and indexes usable.

mod aggregate;
mod compare;
mod convert;
mod expr;
mod fold;
mod frag;
mod query;

pub use convert::literal_text;
pub use frag::{Frag, fill, quoted, wrapped};
pub use query::out_kind;

use super::tree::{Bare, Expr};
use super::{Options, ParamClass, plan};
use crate::catalog::Catalog;
use crate::error::ClientError;

/// What a lowering gives.
pub type Lowered = Result<Frag, ClientError>;

/// Lowers the tree of one statement.
#[derive(Debug)]
pub struct Lower<'a> {
    /// The snapshot.
    pub catalog: &'a Catalog,
    /// The session's options.
    pub options: &'a Options,
    /// Is the text kept at the backend (a DEFAULT, a CHECK, a view)? Then 'now' is the backend's clock, and no slot may appear.
    pub stored: bool,
    /// Must it depend on nothing but its row (an index, a CHECK, a generated column)? Then no clock may be read.
    pub pure: bool,
    /// What is known of the client's parameters.
    pub params: &'a [ParamClass],
    /// The column that a value was found not to fit, when that is why the lowering failed.
    pub misfit: Option<Misfit>,
    /// May a value turn out not to fit its column when the statement runs?
    pub may_misfit: bool,
    /// The trigger whose program is lowered.
    pub program: Option<Program>,
    /// Where a statement is run row by row: the subqueries that are the same for every row are computed beforehand.
    pub beforehand: Option<Beforehand>,
    groups: Vec<Option<Group>>,
}

/// A column whose type cannot hold a value that SQLite would store in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Its table's schema.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub column: String,
}

/// What a trigger's program has of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Program {
    /// Was a counter of the connection read?
    pub counts: bool,
    /// Did this step become a loop, which counts for itself?
    pub loops: bool,
}

/// Values that are computed before the first row, as SQLite computes a subquery that is not correlated once.
#[derive(Debug, Default)]
pub struct Beforehand {
    /// How a value is reached: the number of the first, or None in a trigger's function.
    pub first: Option<usize>,
    /// Each value, and its type.
    pub values: Vec<(Frag, &'static str)>,
}

impl Beforehand {
    /// A value's name among those of the row at hand.
    pub fn name(at: usize) -> String {
        format!("\"_s{at}\"")
    }

    fn add(&mut self, value: Frag, ty: &'static str) -> Frag {
        let at = self.values.len();
        self.values.push((value, ty));
        Frag::text(match self.first {
            Some(first) => format!("(($1)[{}])::{ty}", first + at),
            None => format!("{ROW_VARIABLE}.{}", Self::name(at)),
        })
    }
}

/// The record of a trigger's function that holds the row at hand.
pub const ROW_VARIABLE: &str = "\"_lw_row\"";
/// The record of a trigger's function that holds what a statement returns.
pub const GOT_VARIABLE: &str = "\"_lw_got\"";
/// The variable of a trigger's function that holds last_insert_rowid().
pub const ROWID_VARIABLE: &str = "_lw_rowid";
/// The variable of a trigger's function that holds changes().
pub const CHANGES_VARIABLE: &str = "_lw_changes";

/// An aggregate query whose result expressions are being lowered.
#[derive(Debug, Clone)]
struct Group {
    keys: Vec<Expr>,
    bare: Bare,
}

impl<'a> Lower<'a> {
    /// A lowering for one statement.
    pub fn new(catalog: &'a Catalog, options: &'a Options) -> Self {
        Lower {
            catalog,
            options,
            stored: false,
            pure: false,
            params: &[],
            misfit: None,
            may_misfit: false,
            program: None,
            beforehand: None,
            groups: Vec::new(),
        }
    }

    /// What is known of a parameter; None when nothing is.
    pub fn param(&self, number: usize) -> Option<ParamClass> {
        self.params.get(number - 1).copied().filter(|known| *known != ParamClass::Unknown)
    }

    /// A function of the helper schema; refused with a hint where the schema is missing.
    pub fn helper(&self, name: &str) -> Result<String, ClientError> {
        if self.catalog.helpers.is_none() {
            return Err(ClientError::refused(format!("what needs the helper function litewire.{name}()"))
                .detail("The helper schema is not installed in this database.")
                .hint("Run `litewire helpers --print | psql …` as a role that may create a schema."));
        }
        Ok(format!("litewire.{name}"))
    }

    /// A call of a helper with arguments already lowered.
    pub fn call(&self, name: &str, args: &[&Frag]) -> Lowered {
        let mut out = Frag::text(self.helper(name)?);
        out.push("(");
        for (i, arg) in args.iter().enumerate() {
            if i > 0 {
                out.push(", ");
            }
            out.append(arg);
        }
        out.push(")");
        Ok(out)
    }
}

/// A slot.
pub fn slot(source: plan::Source, demand: plan::Demand) -> Frag {
    let slot = Frag::slot(source, demand);
    if demand == plan::Demand::Dynamic { fill("({}::litewire.\"any\")", &[&slot]) } else { slot }
}
