//! The helper schema `litewire` of a backend database: what SQLite's rules need at run time and PostgreSQL does not have.
//!
//! It consists of SQL and PL/pgSQL only, and needs no superuser: CREATE on the database is enough. Functions have one name per
//! argument type, since PostgreSQL's overload resolution would otherwise pick by its own rules.

macro_rules! version {
    () => {
        4
    };
}

/// The version that this build installs and works with; it grows with every change of the SQL.
pub const VERSION: u32 = version!();

/// The script that installs or renews everything. Sent as one simple query it is one transaction, and concurrent installations wait
/// for one another.
pub const SQL: &str = concat!(
    include_str!("sql/00_schema.sql"),
    include_str!("sql/10_number.sql"),
    include_str!("sql/20_text.sql"),
    include_str!("sql/30_printf.sql"),
    include_str!("sql/40_datetime.sql"),
    include_str!("sql/60_dynamic.sql"),
    include_str!("sql/61_any.sql"),
    include_str!("sql/62_json.sql"),
    include_str!("sql/65_store.sql"),
    include_str!("sql/70_session.sql"),
    include_str!("sql/75_views.sql"),
    include_str!("sql/80_rows.sql"),
    include_str!("sql/81_passes.sql"),
    include_str!("sql/85_plan.sql"),
    include_str!("sql/85_foreign.sql"),
    include_str!("sql/86_statistics.sql"),
    include_str!("sql/90_tokens.sql"),
    include_str!("sql/91_fts5.sql"),
    include_str!("sql/92_rtree.sql"),
    include_str!("sql/93_fts3.sql"),
    include_str!("sql/94_vocabulary.sql"),
    "INSERT INTO litewire.meta (key, value) VALUES ('helpers', '",
    version!(),
    "') ON CONFLICT (key) DO UPDATE SET value = excluded.value;\n",
);
