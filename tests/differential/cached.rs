//! A plan found by a text without its literals is the plan of the whole text: every statement of the fixtures that the cache might
//! take literals out of is run as a simple query, for which it does, and as an unnamed statement, for which it does not, in two
//! databases of the same contents. The answers are the same. So are those of a variant with other literals in the same places, which
//! finds the plan of the first.

use crate::common::Stack;
use crate::proxy::{Mode, Proxy};
use crate::script::{self, Statement};
use crate::{Rows, directory};
use litewire::translate::parse::scan::{self, Kind};

/// Other literals for those of a statement.
const INTEGERS: [&str; 6] = ["0", "1", "2", "7", "5000000000", "-3"];
const STRINGS: [&str; 6] = ["''", "'a'", "'B'", "'1'", "'2.50'", "'2024-01-31'"];

/// What is compared: rows, or an error's SQLSTATE and message.
type Outcome = Result<Rows, (String, String)>;

struct Pair {
    lifted: Proxy,
    whole: Proxy,
}

impl Pair {
    fn run(&mut self, statement: &Statement) -> Result<(Outcome, Outcome), std::io::Error> {
        let outcome = |answer: crate::proxy::Answer| answer.result.map_err(|report| (report.state, report.message));
        Ok((self.lifted.run(statement).map(outcome)?, self.whole.run(statement).map(outcome)?))
    }
}

fn is_lifted(sql: &str) -> bool {
    let tokens = scan::tokens(sql);
    let verb = tokens.first().is_some_and(|t| ["SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE"].iter().any(|verb| t.is(sql, verb)));
    verb && !sql.contains(';')
}

/// The statement with other literals, each the `n`th from its own on.
fn variant(sql: &str, n: usize) -> String {
    let (mut out, mut last) = (String::new(), 0);
    for (at, token) in scan::tokens(sql).iter().enumerate() {
        let from = match token.kind {
            Kind::Integer => &INTEGERS,
            Kind::String => &STRINGS,
            _ => continue,
        };
        out.push_str(&sql[last..token.at.start]);
        out.push_str(from[(at + n) % from.len()]);
        last = token.at.end;
    }
    out + &sql[last..]
}

/// Families whose statements have literals to take; `LITEWIRE_EVERY_FIXTURE=1` runs all of them.
const FAMILIES: &[&str] =
    &["collation", "comparison", "counters", "cte", "insert_conflict", "join", "limit", "subquery", "traps", "truth", "update_delete", "upsert"];

#[test]
fn plans_without_literals_are_plans() {
    let stack = Stack::shared();
    let (mut wrong, mut compared) = (Vec::new(), 0);
    let mut paths: Vec<_> = std::fs::read_dir(directory()).expect("the fixtures").map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    if std::env::var_os("LITEWIRE_EVERY_FIXTURE").is_none() {
        paths.retain(|path| path.file_stem().is_some_and(|stem| FAMILIES.iter().any(|family| stem == *family)));
    }
    for path in paths {
        let (first, second) = (stack.database(), stack.database());
        let mut pair = Pair { lifted: Proxy::new(stack.connect(&first), Mode::Simple), whole: Proxy::new(stack.connect(&second), Mode::Extended) };
        for statement in script::read(&path) {
            if !is_lifted(&statement.sql) || !statement.parameters.is_empty() {
                let both = [pair.lifted.run(&statement), pair.whole.run(&statement)];
                assert!(both.iter().all(Result::is_ok), "{}:{}", path.display(), statement.line);
                continue;
            }
            let mut statements = vec![statement.clone()];
            if statement.sql.get(..6).is_some_and(|verb| verb.eq_ignore_ascii_case("SELECT")) {
                statements.push(Statement { sql: variant(&statement.sql, statement.line), ..statement.clone() });
            }
            for statement in statements {
                let (lifted, whole) = pair.run(&statement).unwrap_or_else(|lost| panic!("{}: {lost}", statement.sql));
                compared += 1;
                if lifted != whole && !is_of_the_moment(&statement.sql) {
                    wrong.push(format!(
                        "{}:{}: {}\n    from the cache {lifted:?}\n    whole {whole:?}",
                        path.display(),
                        statement.line,
                        statement.sql
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ\n{}", wrong.len(), wrong.join("\n"));
}

/// Is the answer another every time?
fn is_of_the_moment(sql: &str) -> bool {
    let lower = sql.to_ascii_lowercase();
    ["random", "now", "current_", "unixepoch()", "date()", "time()"].iter().any(|word| lower.contains(word))
}
