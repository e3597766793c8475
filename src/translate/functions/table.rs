//! Table-valued functions: json_each() and json_tree() (json1.html §4.24), generate_series() (series.html).

use super::json;
use crate::translate::lower::{Frag, Lower, Lowered, fill};
use crate::translate::tree::{Class, Expr};
use crate::value::Value;

/// A function that stands in FROM.
#[derive(Debug)]
pub struct TableFunction {
    /// Its name, lower case.
    pub name: &'static str,
    /// The columns that `*` shows.
    pub columns: &'static [TableColumn],
    /// Its hidden columns, which are its arguments by name.
    pub arguments: &'static [&'static str],
    /// Has it a rowid?
    pub rowid: bool,
    /// A subquery for FROM: the columns and then the arguments, under their names.
    pub lower: fn(&mut Lower, &[Expr]) -> Lowered,
}

/// A column of a table-valued function.
#[derive(Debug)]
pub struct TableColumn {
    /// Its name.
    pub name: &'static str,
    /// The class of its values.
    pub class: Class,
    /// Are arrays and objects among them JSON, and not just text?
    pub element: bool,
}

impl PartialEq for TableFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The table-valued function of a name.
pub fn find(name: &str) -> Option<&'static TableFunction> {
    FUNCTIONS.iter().find(|f| f.name.eq_ignore_ascii_case(name))
}

/// Every table-valued function.
pub fn all() -> impl Iterator<Item = &'static TableFunction> {
    FUNCTIONS.iter()
}

static FUNCTIONS: &[TableFunction] = &[
    json_function("json_each", |l, a| each(l, a, false, false)),
    json_function("json_tree", |l, a| each(l, a, true, false)),
    json_function("jsonb_each", |l, a| each(l, a, false, true)),
    json_function("jsonb_tree", |l, a| each(l, a, true, true)),
    TableFunction {
        name: "generate_series",
        columns: &[column("value", Class::Integer)],
        arguments: &["start", "stop", "step"],
        rowid: false,
        lower: series,
    },
];

const fn json_function(name: &'static str, lower: fn(&mut Lower, &[Expr]) -> Lowered) -> TableFunction {
    const COLUMNS: &[TableColumn] = &[
        column("key", Class::Dynamic),
        TableColumn { name: "value", class: Class::Dynamic, element: true },
        column("type", Class::Text),
        column("atom", Class::Dynamic),
        column("id", Class::Integer),
        column("parent", Class::Integer),
        column("fullkey", Class::Text),
        column("path", Class::Text),
    ];
    TableFunction { name, columns: COLUMNS, arguments: &["json", "root"], rowid: true, lower }
}

const fn column(name: &'static str, class: Class) -> TableColumn {
    TableColumn { name, class, element: false }
}

fn each(lower: &mut Lower, args: &[Expr], tree: bool, blobs: bool) -> Lowered {
    let nothing = Expr::literal(Value::Null);
    let document = args.first().unwrap_or(&nothing);
    let json = lower.natural(document)?;
    let binary = json::binary(lower, document)?;
    let root = match args.get(1) {
        Some(root) => lower.text(root)?,
        None => Frag::text("'$'::text"),
    };
    let rows = lower.call("jb_each", &[&binary, &root, &Frag::text(tree.to_string()), &Frag::text(blobs.to_string())])?;
    Ok(fill("SELECT f.*, {} AS \"json\", {} AS \"root\" FROM {} AS f", &[&json, &root, &rows]))
}

/// generate_series(): a step of 0 is one of 1.
fn series(lower: &mut Lower, args: &[Expr]) -> Lowered {
    let mut parts = Vec::new();
    for (at, default) in [0, 4_294_967_295_i64, 1].into_iter().enumerate() {
        parts.push(match args.get(at) {
            None => Frag::text(format!("{default}::int8")),
            Some(e) => match e.constant() {
                Some(Value::Integer(0)) if at == 2 => Frag::text("1::int8"),
                Some(_) => lower.integer(e)?,
                None if at == 2 => {
                    let step = lower.integer(e)?;
                    fill("(CASE {} WHEN 0 THEN 1 ELSE {} END)", &[&step, &step])
                }
                None => lower.integer(e)?,
            },
        });
    }
    let [start, stop, step] = &parts[..] else { unreachable!("three arguments are made") };
    if args.len() < 2 {
        // Without an end of one's own somebody stops early: in a result list the rows are made one by one.
        return Ok(fill(
            "SELECT generate_series({}, {}, {}) AS \"value\", {} AS \"start\", {} AS \"stop\", {} AS \"step\"",
            &[start, stop, step, start, stop, step],
        ));
    }
    Ok(fill(
        "SELECT f.v AS \"value\", {} AS \"start\", {} AS \"stop\", {} AS \"step\" FROM generate_series({}, {}, {}) AS f(v)",
        &[start, stop, step, start, stop, step],
    ))
}
