//! SHOW STATS, STATS_TOTALS, STATS_AVERAGES: times in microseconds, averages of the last 60 seconds.

use super::{Admin, Cell, Columns, Kind, Row, int};
use crate::observe::Sums;
use std::time::Duration;

pub(super) const STATS: Columns = &[
    ("database", Kind::Text),
    ("total_server_assignment_count", Kind::Int8),
    ("total_xact_count", Kind::Int8),
    ("total_query_count", Kind::Int8),
    ("total_received", Kind::Int8),
    ("total_sent", Kind::Int8),
    ("total_xact_time", Kind::Int8),
    ("total_query_time", Kind::Int8),
    ("total_wait_time", Kind::Int8),
    ("avg_server_assignment_count", Kind::Int8),
    ("avg_xact_count", Kind::Int8),
    ("avg_query_count", Kind::Int8),
    ("avg_recv", Kind::Int8),
    ("avg_sent", Kind::Int8),
    ("avg_xact_time", Kind::Int8),
    ("avg_query_time", Kind::Int8),
    ("avg_wait_time", Kind::Int8),
];

pub(super) const TOTALS: Columns = &[
    ("database", Kind::Text),
    ("server_assignment_count", Kind::Int8),
    ("xact_count", Kind::Int8),
    ("query_count", Kind::Int8),
    ("bytes_received", Kind::Int8),
    ("bytes_sent", Kind::Int8),
    ("xact_time", Kind::Int8),
    ("query_time", Kind::Int8),
    ("wait_time", Kind::Int8),
];

pub(super) const AVERAGES: Columns = TOTALS;

pub(super) fn stats(admin: &Admin) -> Vec<Row> {
    rows(admin, |sums, last, period| [total(sums).as_slice(), &average(last, period)].concat())
}

pub(super) fn totals(admin: &Admin) -> Vec<Row> {
    rows(admin, |sums, _, _| total(sums).to_vec())
}

pub(super) fn averages(admin: &Admin) -> Vec<Row> {
    rows(admin, |_, last, period| average(last, period).to_vec())
}

/// A row for each database, from its sums and those of the last period.
fn rows(admin: &Admin, numbers: impl Fn(Sums, Sums, Duration) -> Vec<u64>) -> Vec<Row> {
    let sums = admin.clients.sums();
    let (last, period) = admin.averages(&sums);
    let row = |(database, sums): (&String, &Sums)| {
        let numbers = numbers(*sums, last.get(database).copied().unwrap_or_default(), period);
        std::iter::once(Cell::from(database.as_str())).chain(numbers.into_iter().map(int)).collect()
    };
    sums.iter().map(row).collect()
}

fn total(sums: Sums) -> [u64; 8] {
    let Sums { assignments, transactions, queries, received, sent, transaction_time, query_time, wait_time } = sums;
    [assignments, transactions, queries, received, sent, transaction_time, query_time, wait_time]
}

/// Counts and bytes by the second, times by the transaction, the query, the assignment.
fn average(sums: Sums, period: Duration) -> [u64; 8] {
    let by_second = |n: u64| u64::try_from(u128::from(n) * 1000 / period.as_millis().max(1)).unwrap_or(u64::MAX);
    [
        by_second(sums.assignments),
        by_second(sums.transactions),
        by_second(sums.queries),
        by_second(sums.received),
        by_second(sums.sent),
        sums.transaction_time / sums.transactions.max(1),
        sums.query_time / sums.queries.max(1),
        sums.wait_time / sums.assignments.max(1),
    ]
}
