//! SHOW TRANSLATIONS, REFUSALS, COUNTERS: what PgBouncer has no concept of.

use super::{Admin, Columns, Kind, Row, int};
use crate::observe;

pub(super) const TRANSLATIONS: Columns = &[
    ("database", Kind::Text),
    ("user", Kind::Text),
    ("plans", Kind::Int8),
    ("bytes", Kind::Int8),
    ("max_bytes", Kind::Int8),
    ("hits", Kind::Int8),
    ("misses", Kind::Int8),
    ("catalog_version", Kind::Int8),
];

pub(super) fn translations(admin: &Admin) -> Vec<Row> {
    let row = |((database, role), pool): (crate::pool::PoolKey, std::sync::Arc<crate::pool::Pool>)| {
        let ((plans, bytes, limit), (hits, misses)) = (pool.plans().usage(), pool.plans().counts());
        vec![database.into(), role.into(), int(plans), int(bytes), int(limit), int(hits), int(misses), int(pool.catalog().version)]
    };
    admin.pools.list().into_iter().map(row).collect()
}

pub(super) const REFUSALS: Columns = &[("construct", Kind::Text), ("count", Kind::Int8)];

pub(super) fn refusals() -> Vec<Row> {
    observe::refusals().into_iter().map(|(construct, count)| vec![construct.into(), int(count)]).collect()
}

pub(super) const COUNTERS: Columns = &[("name", Kind::Text), ("value", Kind::Int8)];

pub(super) fn counters() -> Vec<Row> {
    let counters = observe::counters();
    let all = [
        ("checkouts", &counters.checkouts),
        ("waits", &counters.waits),
        ("plan_hits", &counters.plan_hits),
        ("plan_misses", &counters.plan_misses),
        ("pins", &counters.pins),
        ("errors", &counters.errors),
        ("widened", &counters.widened),
        ("retries", &counters.retries),
    ];
    all.into_iter().map(|(name, counter)| vec![name.into(), int(counter.get())]).collect()
}
