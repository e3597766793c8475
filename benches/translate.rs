//! What a translation costs that no cache spares, beside sqlparser's bare parse of the same statement:
//!
//! ```text
//! cargo bench --bench translate
//! ```
//!
//! Each time is the least of many, so that a machine with other work tells the same. `benches/translators.py` times other
//! translators on the same statements. With the number of one statement as argument that one alone is translated, a thousand
//! times, for a profiler.

use litewire::translate::{Options, catalog_from_ddl, translate};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::Parser;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The schema, a line of dashes, then a statement a line.
const STATEMENTS: &str = include_str!("translate.sql");

fn main() {
    let (schema, statements) = STATEMENTS.split_once("----\n").expect("the schema ends with dashes");
    let catalog = catalog_from_ddl(schema).unwrap_or_else(|error| panic!("{error}"));
    let statements: Vec<&str> = statements.lines().map(|line| line.trim_end_matches(';')).collect();
    let options = Options::default();
    let translated = |sql: &str| translate(sql, &[], &catalog, &options).unwrap_or_else(|error| panic!("{sql}: {error}"));
    // Cargo adds `--bench`.
    if let Some(one) = std::env::args().find_map(|argument| argument.parse::<usize>().ok()) {
        for _ in 0..1000 {
            black_box(translated(black_box(statements[one])));
        }
        return;
    }
    println!("| statement | bytes | parse µs | translation µs | ratio |\n|---|---:|---:|---:|---:|");
    let mut ratios = Vec::new();
    for (number, sql) in statements.iter().enumerate() {
        let parse = least(|| drop(black_box(Parser::parse_sql(&SQLiteDialect {}, black_box(sql)).unwrap_or_else(|error| panic!("{sql}: {error}")))));
        let whole = least(|| drop(black_box(translated(black_box(sql)))));
        let ratio = whole.as_secs_f64() / parse.as_secs_f64();
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let head: String = sql.chars().take(40).collect();
        println!("| {number}: `{head}` | {} | {:.1} | {:.1} | {ratio:.2} |", sql.len(), micros(parse), micros(whole));
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!("\nmedian ratio {:.2}", ratios[ratios.len() / 2]);
}

/// The least time of a call.
fn least(mut call: impl FnMut()) -> Duration {
    let start = Instant::now();
    let mut least = Duration::MAX;
    let mut rounds = 0;
    while rounds < 50 || start.elapsed() < Duration::from_millis(300) {
        let before = Instant::now();
        call();
        least = least.min(before.elapsed());
        rounds += 1;
    }
    least
}
