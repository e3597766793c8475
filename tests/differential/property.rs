//! Expressions made at random over typed and untyped columns, on both engines. A refusal is an answer; another value is none.
//! `LITEWIRE_PROPERTY_CASES` sets how many there are, `LITEWIRE_PROPERTY_SEED` which.

use crate::common::Stack;
use crate::compare;
use crate::proxy::{Mode, Proxy};
use crate::script::Statement;
use crate::sqlite::Sqlite;

/// Values at the limits of their classes and between them.
const VALUES: [&str; 22] = [
    "NULL",
    "0",
    "1",
    "-1",
    "2",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "0.0",
    "1.0",
    "2.5",
    "-0.5",
    "9007199254740992.0",
    "9223372036854775807.0",
    "''",
    "'a'",
    "'B'",
    "'1'",
    "'1.0'",
    "' 2 '",
    "'2024-01-31'",
    "x'31'",
];

const COLUMNS: [&str; 6] = ["i", "r", "s", "n", "x", "c"];

/// A small generator (xorshift), so that a seed stands for the same expressions on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn leaf(&mut self) -> String {
        if self.below(3) == 0 { self.pick(&VALUES).to_owned() } else { self.pick(&COLUMNS).to_owned() }
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.leaf();
        }
        let (a, b) = (self.expression(depth - 1), self.expression(depth - 1));
        match self.below(11) {
            0 | 1 => format!("({a} {} {b})", self.pick(&["=", "<>", "<", "<=", ">", ">=", "IS", "IS NOT"])),
            2 => format!("({a} IN ({b}, {}))", self.leaf()),
            3 => format!("({a} IN (SELECT {} FROM t))", self.pick(&COLUMNS)),
            4 => format!("({a} BETWEEN {b} AND {})", self.leaf()),
            5 => format!("CASE WHEN {a} THEN {b} ELSE {} END", self.leaf()),
            6 => format!("coalesce({a}, {b})"),
            7 => format!("typeof({a})"),
            8 => format!("CAST({a} AS {})", self.pick(&["INTEGER", "TEXT", "NUMERIC"])),
            9 => format!("({} COLLATE NOCASE {} {b})", self.leaf(), self.pick(&["=", "<", ">="])),
            _ => format!("max({a}, {b})"),
        }
    }
}

#[test]
fn random_expressions_agree() {
    let setting = |name: &str, otherwise: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise);
    let mut random = Random(setting("LITEWIRE_PROPERTY_SEED", 0x1234_5678_9abc_def1).max(1));
    let stack = Stack::shared();
    let (sqlite, mut proxy) = (Sqlite::open(), Proxy::new(stack.connect(&stack.database()), Mode::Simple));
    let mut set_up = vec!["CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, r REAL, s TEXT, n NUMERIC, x, c TEXT COLLATE NOCASE)".to_owned()];
    for id in 1..=12 {
        let of = |random: &mut Random, fits: &[&str]| random.pick(fits).to_owned();
        let integer = of(&mut random, &VALUES[..8]);
        let real = of(&mut random, &["NULL", "0.0", "1.0", "2.5", "-0.5", "9007199254740992.0"]);
        let (text, folded) = (of(&mut random, &VALUES[14..21]), of(&mut random, &["NULL", "'a'", "'A'", "'b'", "'1'"]));
        let (number, any) = (of(&mut random, &VALUES[..13]), of(&mut random, &VALUES));
        set_up.push(format!("INSERT INTO t VALUES ({id}, {integer}, {real}, {text}, {number}, {any}, {folded})"));
    }
    let mut statements: Vec<String> = set_up;
    for _ in 0..setting("LITEWIRE_PROPERTY_CASES", 150) {
        let depth = 1 + random.below(2);
        statements.push(format!("SELECT id, {} AS e FROM t ORDER BY id", random.expression(depth)));
    }
    let mut wrong = Vec::new();
    for sql in statements {
        let statement = Statement { dynamic: true, ..Statement::plain(sql) };
        let answer = proxy.run(&statement).unwrap_or_else(|lost| panic!("{}: the connection is lost: {lost}", statement.sql));
        let difference = compare::statement(&statement, &sqlite.run(&statement), &answer).filter(|d| !d.starts_with("refused: "));
        wrong.extend(difference.map(|difference| format!("{}\n    {difference}", statement.sql)));
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}
