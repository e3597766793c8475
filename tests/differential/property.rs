//! Statements made at random over typed and untyped columns, on both engines. A refusal is an answer, as is the overflow of a type
//! that was announced; another value is none. `LITEWIRE_PROPERTY_CASES` sets how many there are, `LITEWIRE_PROPERTY_SEED` which.
//! A statement that fails is made smaller as long as it fails.

use crate::common::Stack;
use crate::compare;
use crate::generate::{self, Choices};
use crate::proxy::{Mode, Proxy};
use crate::script::Statement;
use crate::sqlite::Sqlite;

/// How many statements are tried to make a failing one smaller.
const TRIES: usize = 400;

/// Both engines, over the same tables.
struct Engines<'s> {
    stack: &'s Stack,
    database: String,
    sqlite: Sqlite,
    proxy: Proxy,
}

impl Engines<'_> {
    /// What differs.
    fn difference(&mut self, sql: &str) -> Option<String> {
        let statement = Statement { dynamic: true, ..Statement::plain(sql.to_owned()) };
        let expected = self.sqlite.run(&statement);
        match self.proxy.run(&statement) {
            Ok(answer) => {
                let tolerated = |d: &String| d.starts_with("refused: ") || d.starts_with("error: 22003 ");
                compare::statement(&statement, &expected, &answer).filter(|difference| !tolerated(difference))
            }
            Err(lost) => {
                self.proxy = Proxy::new(self.stack.connect(&self.database), Mode::Simple);
                Some(format!("the connection is lost: {lost}"))
            }
        }
    }

    /// The smallest statement found that fails too, and what differs there.
    fn smallest(&mut self, mut choices: Vec<usize>, mut difference: String) -> (String, String) {
        let make = |list: &[usize]| generate::statement(&mut Choices::replaying(list.to_vec()));
        let mut sql = make(&choices);
        let mut tries = TRIES;
        let mut at = 0;
        while at < choices.len() && tries > 0 {
            let without = |width: usize| [&choices[..at], &choices[choices.len().min(at + width)..]].concat();
            let mut first = choices.clone();
            first[at] = 0;
            let simpler = [without(8), without(3), without(1), first].into_iter().find_map(|list| {
                let candidate = make(&list);
                if candidate.len() >= sql.len() || tries == 0 {
                    return None;
                }
                tries -= 1;
                self.difference(&candidate).map(|difference| (list, candidate, difference))
            });
            match simpler {
                Some((list, candidate, found)) => (choices, sql, difference, at) = (list, candidate, found, 0),
                None => at += 1,
            }
        }
        (sql, difference)
    }
}

#[test]
fn random_statements_agree() {
    let setting = |name: &str, otherwise: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise);
    let seed = setting("LITEWIRE_PROPERTY_SEED", 0x1234_5678_9abc_def1);
    let mut choices = Choices::seeded(seed);
    let stack = Stack::shared();
    let database = stack.database();
    let proxy = Proxy::new(stack.connect(&database), Mode::Simple);
    let mut engines = Engines { stack: &stack, database, sqlite: Sqlite::open(), proxy };
    let tables = generate::tables(&mut choices);
    let mut wrong: Vec<String> = tables.iter().filter_map(|sql| engines.difference(sql).map(|d| format!("{sql}\n    {d}"))).collect();
    for _ in 0..setting("LITEWIRE_PROPERTY_CASES", 400) {
        choices.take();
        let sql = generate::statement(&mut choices);
        if let Some(difference) = engines.difference(&sql) {
            let (smallest, difference) = engines.smallest(choices.take(), difference);
            wrong.push(format!("{smallest}\n    {difference}"));
        }
    }
    let tables = tables.join(";\n");
    assert!(wrong.is_empty(), "{} differ (seed {seed:#x})\n{}\nover\n{tables}", wrong.len(), wrong.join("\n"));
}
