//! The typed tree: names bound, storage class and affinity known, nothing of PostgreSQL's text yet.

mod types;

pub use types::{Class, Ty};

use super::functions::Function;
use super::functions::table::TableFunction;
use super::parse::Exclude;
use crate::value::Value;
use sqlparser::ast::WindowFrameUnits;

/// A bound expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: Kind,
    /// Its type, in SQLite's sense.
    pub ty: Ty,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A constant.
    Literal {
        /// Its value.
        value: Value,
    },
    /// The client's parameter of that number.
    Param(usize),
    /// A column of a table in scope.
    Column(Column),
    /// `-a`
    Negate(Box<Expr>),
    /// `~a`
    BitNot(Box<Expr>),
    /// Arithmetic and bit operators, `||`.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// A comparison, with the collation that holds for it.
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// Comparison of rows, column by column.
    CompareRows(CompareOp, Vec<Expr>, Vec<Expr>),
    /// AND, OR of two or more.
    Logic(bool, Vec<Expr>),
    /// NOT
    Not(Box<Expr>),
    /// IS NULL; `true` negates.
    IsNull(Box<Expr>, bool),
    /// IS TRUE (`truth` true) or IS FALSE; `negated` for IS NOT.
    IsTruth {
        /// The operand.
        expr: Box<Expr>,
        /// TRUE or FALSE.
        truth: bool,
        /// IS NOT.
        negated: bool,
    },
    /// `a IN (list)`
    InList(Box<Expr>, Vec<Expr>, bool),
    /// `a IN (SELECT …)`, `(a, b) IN (SELECT …)`
    InQuery(Vec<Expr>, Box<Query>, bool),
    /// LIKE, with ESCAPE; `sensitive` under PRAGMA case_sensitive_like.
    Like {
        /// The text.
        text: Box<Expr>,
        /// The pattern.
        pattern: Box<Expr>,
        /// The escape character: one, or an error.
        escape: Option<Box<Expr>>,
        /// NOT LIKE.
        negated: bool,
        /// ASCII letters are told apart.
        sensitive: bool,
    },
    /// GLOB
    Glob(Box<Expr>, Box<Expr>),
    /// CASE without operand; an operand is bound into comparisons.
    Case(Vec<(Expr, Expr)>, Option<Box<Expr>>),
    /// CAST(a AS …), to the affinity in `ty`.
    Cast(Box<Expr>),
    /// A PostgreSQL cast `a::type`, text kept.
    NativeCast(Box<Expr>, String),
    /// An operator of PostgreSQL's own, text kept (`@>`, `~`).
    NativeOp(String, Box<Expr>, Box<Expr>),
    /// A function.
    Call(Box<Call>),
    /// A scalar subquery.
    Subquery(Box<Query>),
    /// EXISTS
    Exists(Box<Query>),
    /// Text to which a comparison applies NUMERIC affinity: a number if it looks like one, else still text.
    NumericAffinity(Box<Expr>),
    /// A dynamic value to which a comparison applies TEXT affinity: a number becomes its text.
    TextAffinity(Box<Expr>),
    /// COLLATE: the type carries the collation.
    Collate(Box<Expr>),
    /// A hidden value of the session: see [`super::Source`].
    Counter(super::Source),
    /// RAISE() in a trigger's program, with its message.
    Raise(Raise, Option<Box<Expr>>),
}

/// What RAISE() does (lang_createtrigger.html §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raise {
    /// The row is left alone, and the statement goes on with the next one.
    Ignore,
    /// An error that undoes the statement.
    Abort,
    /// An error that keeps what the statement has done so far.
    Fail,
    /// An error that undoes the transaction.
    Rollback,
}

/// A column reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The table's alias as it is printed (quoted), or empty.
    pub table: String,
    /// The column as it is printed (quoted).
    pub column: String,
    /// SQLite's name of it, for results.
    pub name: String,
    /// In the innermost query, or in one around it?
    pub depth: usize,
    /// Index of the table in its scope.
    pub source: usize,
    /// Is its collation at the backend byte order?
    pub byte_order: bool,
    /// The PostgreSQL type's OID (a narrow integer, varchar, …).
    pub oid: u32,
    /// The column of the catalog that it is.
    pub origin: Option<Origin>,
    /// Is it the value of json_each(), whose arrays and objects are JSON and not just text?
    pub element: bool,
}

/// A column of the catalog: the index of its relation, and its own within it.
pub type Origin = (usize, usize);

/// Operators that give a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `&`
    And,
    /// `|`
    Or,
    /// `<<`
    Left,
    /// `>>`
    Right,
    /// `||`
    Concat,
    /// `->`
    Arrow,
    /// `->>`
    LongArrow,
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    /// `=`
    Eq,
    /// `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `IS`
    Is,
    /// `IS NOT`
    IsNot,
}

impl CompareOp {
    /// Its text in PostgreSQL; IS has none.
    pub fn text(self) -> &'static str {
        match self {
            CompareOp::Eq | CompareOp::Is => "=",
            CompareOp::Ne | CompareOp::IsNot => "<>",
            CompareOp::Lt => "<",
            CompareOp::Le => "<=",
            CompareOp::Gt => ">",
            CompareOp::Ge => ">=",
        }
    }

    /// The operator with its sides exchanged.
    pub fn flipped(self) -> Self {
        match self {
            CompareOp::Lt => CompareOp::Gt,
            CompareOp::Le => CompareOp::Ge,
            CompareOp::Gt => CompareOp::Lt,
            CompareOp::Ge => CompareOp::Le,
            same => same,
        }
    }

    /// Does it hold for an ordering of two values that are not NULL?
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            CompareOp::Eq | CompareOp::Is => order.is_eq(),
            CompareOp::Ne | CompareOp::IsNot => order.is_ne(),
            CompareOp::Lt => order.is_lt(),
            CompareOp::Le => order.is_le(),
            CompareOp::Gt => order.is_gt(),
            CompareOp::Ge => order.is_ge(),
        }
    }
}

/// A call of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Which.
    pub function: Callee,
    /// Its arguments.
    pub args: Vec<Expr>,
    /// `count(*)`.
    pub star: bool,
    /// DISTINCT before the arguments.
    pub distinct: bool,
    /// ORDER BY within the arguments.
    pub order: Vec<OrderItem>,
    /// FILTER (WHERE …).
    pub filter: Option<Expr>,
    /// OVER (…).
    pub over: Option<Window>,
    /// An aggregate: how many queries further out the one stands that it aggregates the rows of (`sqlite3ReferencesSrcList`).
    pub level: usize,
}

impl Call {
    /// A call with nothing but arguments.
    pub fn plain(function: Callee, args: Vec<Expr>) -> Self {
        Call { function, args, star: false, distinct: false, order: Vec::new(), filter: None, over: None, level: 0 }
    }
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Callee {
    /// One of SQLite's functions.
    Known(&'static Function),
    /// A function that only the backend has, by an index into the statement's names.
    Native(NativeName),
}

/// The name of a backend function, short and copyable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NativeName {
    bytes: [u8; 63],
    length: u8,
}

impl NativeName {
    /// None when longer than PostgreSQL's identifiers.
    pub fn new(name: &str) -> Option<Self> {
        let mut bytes = [0; 63];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(NativeName { bytes, length: name.len() as u8 })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

/// A window.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// PARTITION BY.
    pub partition: Vec<Expr>,
    /// ORDER BY.
    pub order: Vec<OrderItem>,
    /// The frame.
    pub frame: Option<Frame>,
}

/// A window's frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// ROWS, RANGE or GROUPS.
    pub units: WindowFrameUnits,
    /// Where it starts.
    pub start: FrameBound,
    /// Where it ends; None for the current row.
    pub end: Option<FrameBound>,
    /// What it leaves out.
    pub exclude: Option<Exclude>,
}

impl Frame {
    /// Is a distance of it no whole number?
    pub fn has_real_distance(&self) -> bool {
        let real = |bound: &FrameBound| matches!(bound, FrameBound::Preceding(Some(e)) | FrameBound::Following(Some(e)) if e.ty.class == Class::Real);
        self.units == WindowFrameUnits::Range && (real(&self.start) || self.end.as_ref().is_some_and(real))
    }
}

impl Window {
    /// The key of a RANGE with a distance, when only its values tell whether they are numbers.
    pub fn mixed_range(&self) -> Option<&Expr> {
        let frame = self.frame.as_ref().filter(|f| f.units == WindowFrameUnits::Range)?;
        let far = |bound: &FrameBound| matches!(bound, FrameBound::Preceding(Some(_)) | FrameBound::Following(Some(_)));
        let [item] = self.order.as_slice() else { return None };
        (item.expr.ty.class == Class::Dynamic && (far(&frame.start) || frame.end.as_ref().is_some_and(far))).then_some(&item.expr)
    }
}

/// A bound of a frame; without a distance it is UNBOUNDED.
#[derive(Debug, Clone, PartialEq)]
pub enum FrameBound {
    /// PRECEDING
    Preceding(Option<Expr>),
    /// CURRENT ROW
    CurrentRow,
    /// FOLLOWING
    Following(Option<Expr>),
}

/// An ORDER BY term.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderItem {
    /// The expression.
    pub expr: Expr,
    /// It is the result column of that index.
    pub result: Option<usize>,
    /// DESC.
    pub descending: bool,
    /// NULLS FIRST or LAST as written.
    pub nulls_first: Option<bool>,
}

/// A query with everything around its body.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// WITH RECURSIVE.
    pub recursive: bool,
    /// Its common tables.
    pub ctes: Vec<Cte>,
    /// SELECT, VALUES or a compound.
    pub body: Body,
    /// ORDER BY.
    pub order: Vec<OrderItem>,
    /// LIMIT.
    pub limit: Option<Expr>,
    /// OFFSET.
    pub offset: Option<Expr>,
    /// The columns of the result: name and type.
    pub columns: Vec<ResultColumn>,
    /// Can it yield more than one row?
    pub many: bool,
    /// A subquery of an expression: does it depend on the row of a query around it?
    pub correlated: bool,
}

/// A column of a query's result.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultColumn {
    /// SQLite's name.
    pub name: String,
    /// Its type.
    pub ty: Ty,
}

/// A common table expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Cte {
    /// Its name, as printed (quoted).
    pub name: String,
    /// Names of its columns, as printed.
    pub columns: Vec<String>,
    /// Types of its columns: the query's are cast to them.
    pub types: Vec<Ty>,
    /// MATERIALIZED, NOT MATERIALIZED.
    pub materialized: Option<bool>,
    /// Its query.
    pub query: Query,
    /// It refers to itself: its query is a compound of the first rows and of what each step gives.
    pub recursion: Option<Recursion>,
}

/// How a common table that refers to itself is run.
#[derive(Debug, Clone, PartialEq)]
pub struct Recursion {
    /// The name that it refers to itself by, as printed.
    pub name: String,
    /// That is a table of its own, which the common table takes rows from.
    pub bounded: bool,
    /// LIMIT, which ends the recursion.
    pub limit: Option<Expr>,
    /// OFFSET.
    pub offset: Option<Expr>,
    /// The rows of a step are given to its query one at a time.
    pub by_row: bool,
    /// Each row's own rows come before its siblings.
    pub depth_first: bool,
}

/// The body of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// SELECT.
    Select(Box<Select>),
    /// VALUES.
    Values(Vec<Vec<Expr>>),
    /// A compound; the operator's text (`UNION ALL`, …).
    Compound(&'static str, Box<Query>, Box<Query>),
}

/// A SELECT.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// DISTINCT.
    pub distinct: bool,
    /// The result expressions.
    pub items: Vec<Expr>,
    /// FROM.
    pub from: Option<From>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// GROUP BY.
    pub group: Vec<Expr>,
    /// Is it an aggregate query (GROUP BY, or an aggregate somewhere)?
    pub aggregate: bool,
    /// HAVING.
    pub having: Option<Expr>,
    /// How the value of a column outside its group is chosen.
    pub bare: Bare,
}

/// How a bare column of an aggregate query is computed (lang_select.html §2.4).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bare {
    /// Order within the group: the argument of a single min() or max(), and whether the largest comes first.
    pub extreme: Option<(Expr, bool)>,
    /// The rowids of the tables, in the order of FROM.
    pub rowids: Vec<Expr>,
    /// Tables whose primary key is wholly among the group's keys: their columns are no bare ones.
    pub keyed: Vec<usize>,
}

/// A FROM clause.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    /// A relation as printed, with its alias as printed.
    Table(String, String),
    /// A subquery with its alias and column names as printed.
    Query(Box<Query>, String, Vec<String>),
    /// A subquery that sees what stands to its left.
    Lateral(Box<Query>, String, Vec<String>),
    /// A table-valued function with its alias as printed.
    Function(&'static TableFunction, Vec<Expr>, String),
    /// A join: kind's text, sides, ON.
    Join(&'static str, Box<From>, Box<From>, Option<Expr>),
}

impl Expr {
    /// A constant.
    pub fn literal(value: Value) -> Self {
        let ty = Ty::of_value(&value);
        Expr { kind: Kind::Literal { value }, ty }
    }

    /// Its value, when it is a constant.
    pub fn constant(&self) -> Option<&Value> {
        match &self.kind {
            Kind::Literal { value } => Some(value),
            _ => None,
        }
    }

    /// Its direct operands, subqueries not among them.
    pub fn operands(&self) -> Vec<&Expr> {
        match &self.kind {
            Kind::Literal { .. } | Kind::Param(_) | Kind::Column(_) | Kind::Subquery(_) | Kind::Exists(_) | Kind::Counter(_) => Vec::new(),
            Kind::Negate(e)
            | Kind::BitNot(e)
            | Kind::Not(e)
            | Kind::IsNull(e, _)
            | Kind::Cast(e)
            | Kind::NativeCast(e, _)
            | Kind::Collate(e)
            | Kind::NumericAffinity(e)
            | Kind::TextAffinity(e) => vec![e],
            Kind::Raise(_, message) => message.iter().map(|m| &**m).collect(),
            Kind::IsTruth { expr, .. } => vec![expr],
            Kind::Binary(_, a, b) | Kind::Compare(_, a, b) | Kind::Glob(a, b) | Kind::NativeOp(_, a, b) => vec![a, b],
            Kind::Like { text, pattern, escape, .. } => [text, pattern].into_iter().chain(escape).map(|e| &**e).collect(),
            Kind::CompareRows(_, a, b) => a.iter().chain(b).collect(),
            Kind::Logic(_, all) => all.iter().collect(),
            Kind::InQuery(all, _, _) => all.iter().collect(),
            Kind::InList(e, all, _) => std::iter::once(&**e).chain(all).collect(),
            Kind::Case(arms, other) => arms.iter().flat_map(|(a, b)| [a, b]).chain(other.as_deref()).collect(),
            Kind::Call(call) => {
                let window = call.over.iter().flat_map(|w| w.partition.iter().chain(w.order.iter().map(|o| &o.expr)));
                call.args.iter().chain(call.order.iter().map(|o| &o.expr)).chain(&call.filter).chain(window).collect()
            }
        }
    }

    /// Does it, or an operand of it, satisfy `test`?
    pub fn any(&self, test: &mut dyn FnMut(&Expr) -> bool) -> bool {
        test(self) || self.operands().into_iter().any(|e| e.any(test))
    }

    /// Is it text under a collation that takes different texts for the same?
    pub fn folds(&self) -> bool {
        folds(self.ty)
    }

    /// Is it an aggregate call (no window) of the query that it stands in?
    pub fn is_aggregate(&self) -> bool {
        matches!(&self.kind, Kind::Call(call) if call.over.is_none() && call.level == 0 && matches!(call.function, Callee::Known(f) if f.is_aggregate(call.args.len())))
    }
}

/// Does a type's collation take different texts for the same?
pub fn folds(ty: Ty) -> bool {
    use crate::catalog::Collation;
    matches!(ty.class, Class::Text | Class::Dynamic) && ty.collation.is_some_and(|(c, _)| c != Collation::Binary)
}
