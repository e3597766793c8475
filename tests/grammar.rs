//! The grammar: every statement that a real SQLite prepares is read. `fixtures/grammar.sql` holds one of each kind; a whole corpus
//! (JSON lines with `kind` and `sql`) is read where `LITEWIRE_GRAMMAR` names one.

use litewire::catalog::Catalog;
use litewire::error::SqlState;
use litewire::translate::{self, Options};
use sqlparser::ast::{Expr, InTarget, SelectItem, SetExpr, Statement};

/// The message of a syntax error; what only a catalog could tell, or what is refused by name, is none.
fn syntax_error(sql: &str) -> Option<String> {
    let error = translate::translate(sql, &[], &Catalog::default(), &Options::default()).err()?;
    let syntactic =
        error.message.ends_with(": syntax error") || error.message == "incomplete input" || error.message.starts_with("unrecognized token");
    (error.state == SqlState::SYNTAX_ERROR && syntactic).then_some(error.message)
}

#[test]
fn what_sqlite_prepares_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/grammar.sql");
    let text = std::fs::read_to_string(path).expect("the fixture");
    let mut wrong = Vec::new();
    for (number, sql) in text.lines().enumerate().filter(|(_, sql)| !sql.is_empty() && !sql.starts_with("--")) {
        wrong.extend(syntax_error(sql).map(|message| format!("{path}:{}: {message}\n    {sql}", number + 1)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_whole_corpus_is_read() {
    let Ok(path) = std::env::var("LITEWIRE_GRAMMAR") else { return };
    let text = std::fs::read_to_string(&path).expect("the corpus that LITEWIRE_GRAMMAR names");
    let mut wrong = Vec::new();
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let sql = case["sql"].as_str().expect("a statement");
        wrong.extend(syntax_error(sql).map(|message| format!("{} {message}\n    {sql}", case["kind"])));
    }
    assert!(wrong.is_empty(), "{} are not read\n{}", wrong.len(), wrong.join("\n"));
}

/// Operators as they stand between and around operands `{}`.
const FORMS: [&str; 41] = [
    "{} OR {}",
    "{} AND {}",
    "{} = {}",
    "{} == {}",
    "{} <> {}",
    "{} != {}",
    "{} IS {}",
    "{} IS NOT {}",
    "{} IS DISTINCT FROM {}",
    "{} IS NOT DISTINCT FROM {}",
    "{} < {}",
    "{} <= {}",
    "{} > {}",
    "{} >= {}",
    "{} & {}",
    "{} | {}",
    "{} << {}",
    "{} >> {}",
    "{} + {}",
    "{} - {}",
    "{} * {}",
    "{} / {}",
    "{} % {}",
    "{} || {}",
    "{} -> {}",
    "{} ->> {}",
    "{} LIKE {}",
    "{} NOT LIKE {}",
    "{} GLOB {}",
    "{} LIKE {} ESCAPE {}",
    "{} BETWEEN {} AND {}",
    "{} NOT BETWEEN {} AND {}",
    "{} IN ({}, b)",
    "{} ISNULL",
    "{} NOT NULL",
    "{} IS NULL",
    "{} COLLATE nocase",
    "NOT {}",
    "-{}",
    "~ {}",
    "+ {}",
];

/// The expression with every operator in parentheses.
fn bracketed(expr: &Expr) -> String {
    let not = |negated: &bool| if *negated { "NOT " } else { "" };
    match expr {
        Expr::BinaryOp { left, op, right } => format!("({} {op} {})", bracketed(left), bracketed(right)),
        Expr::UnaryOp { op, expr } => format!("({op} {})", bracketed(expr)),
        Expr::Like { negated, expr, pattern, escape_char, .. } => {
            let escape = escape_char.as_ref().map_or(String::new(), |e| format!(" ESCAPE {}", bracketed(e)));
            format!("({} {}LIKE {}{escape})", bracketed(expr), not(negated), bracketed(pattern))
        }
        Expr::Between { expr, negated, low, high } => {
            format!("({} {}BETWEEN {} AND {})", bracketed(expr), not(negated), bracketed(low), bracketed(high))
        }
        Expr::In { expr, target: InTarget::List(list), negated, .. } => {
            let list: Vec<String> = list.iter().map(bracketed).collect();
            format!("({} {}IN ({}))", bracketed(expr), not(negated), list.join(", "))
        }
        Expr::IsNull(expr) => format!("({} ISNULL)", bracketed(expr)),
        Expr::IsNotNull(expr) => format!("({} NOTNULL)", bracketed(expr)),
        Expr::Collate { expr, collation } => format!("({} COLLATE {collation})", bracketed(expr)),
        Expr::Nested(expr) => bracketed(expr),
        other => other.to_string(),
    }
}

fn read_as(sql: &str) -> Result<String, String> {
    let Statement::Query(query) = translate::parse::parse(sql).map_err(|e| e.message)? else { return Err("no query".to_owned()) };
    let SetExpr::Select(select) = *query.body else { return Err("no SELECT".to_owned()) };
    match &select.projection[0] {
        SelectItem::UnnamedExpr(expr) => Ok(bracketed(expr)),
        other => Err(format!("{other} is no expression")),
    }
}

/// What SQLite does for a statement, step by step: two texts with the same tree have the same steps.
fn steps(sqlite: &rusqlite::Connection, sql: &str) -> Result<Vec<String>, rusqlite::Error> {
    let mut statement = sqlite.prepare(&format!("EXPLAIN {sql}"))?;
    let step = |row: &rusqlite::Row| (1..7).map(|i| Ok(format!("{:?}", row.get_ref(i)?))).collect::<Result<Vec<_>, rusqlite::Error>>();
    statement.query_map([], |row| Ok(step(row)?.join(" ")))?.collect()
}

/// Every pair of operators, and random chains of them, are read as SQLite reads them.
#[test]
fn operators_bind_as_in_sqlite() {
    let sqlite = rusqlite::Connection::open_in_memory().expect("a database");
    sqlite.execute_batch("CREATE TABLE t (a INTEGER, b TEXT, c, d REAL)").expect("a table");
    let mut seed = 7u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let mut chains = Vec::new();
    for first in FORMS {
        for second in FORMS {
            // The second stands in the place of each operand of the first.
            for hole in 0..first.matches("{}").count() {
                let mut parts = first.split("{}").map(str::to_owned).collect::<Vec<_>>();
                let tail = parts.split_off(hole + 1);
                chains.push(format!("{}{second}{}", parts.join("{}"), tail.join("{}")));
            }
        }
    }
    for _ in 0..4000 {
        let mut chain = "{}".to_owned();
        for _ in 0..3 + random(4) {
            let holes: Vec<usize> = chain.match_indices("{}").map(|(at, _)| at).collect();
            let at = holes[random(holes.len())];
            chain.replace_range(at..at + 2, FORMS[random(FORMS.len())]);
        }
        chains.push(chain);
    }
    let mut wrong = Vec::new();
    let mut compared = 0;
    for chain in chains {
        let mut text = chain;
        while let Some(at) = text.find("{}") {
            text.replace_range(at..at + 2, ["a", "b", "c", "d"][random(4)]);
        }
        let sql = format!("SELECT {text} FROM t");
        let Ok(expected) = steps(&sqlite, &sql) else { continue };
        compared += 1;
        match read_as(&sql) {
            Err(message) => wrong.push(format!("{text}\n    {message}")),
            Ok(read) => {
                if steps(&sqlite, &format!("SELECT {read} FROM t")).ok().as_ref() != Some(&expected) {
                    wrong.push(format!("{text}\n    is read as {read}"));
                }
            }
        }
    }
    assert!(compared > 5000, "only {compared} chains are SQLite's");
    assert!(wrong.is_empty(), "{} of {compared} are read otherwise\n{}", wrong.len(), wrong.join("\n"));
}
