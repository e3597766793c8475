//! SQLite itself, for tests.

use super::Value;
use rusqlite::types::{Value as Sql, ValueRef};

/// An in-memory database.
pub struct Sqlite(rusqlite::Connection);

/// The thread's own database, opened once.
pub struct Shared;

impl Sqlite {
    pub fn open() -> Self {
        Self(rusqlite::Connection::open_in_memory().expect("in-memory database"))
    }

    pub fn shared() -> Shared {
        Shared
    }

    /// The value of an expression.
    pub fn value(&self, expression: &str, args: &[Value]) -> Value {
        self.try_value(expression, args).unwrap_or_else(|e| panic!("{expression}: {e}"))
    }

    /// The value of an expression, or SQLite's error.
    pub fn try_value(&self, expression: &str, args: &[Value]) -> rusqlite::Result<Value> {
        let mut statement = self.0.prepare_cached(&format!("SELECT {expression}"))?;
        statement.query_row(rusqlite::params_from_iter(args.iter().map(sql)), |row| {
            Ok(match row.get_ref(0)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(i) => Value::Integer(i),
                ValueRef::Real(x) => Value::Real(x),
                ValueRef::Text(t) => Value::Text(String::from_utf8_lossy(t).into_owned()),
                ValueRef::Blob(b) => Value::Blob(b.to_vec()),
            })
        })
    }
}

impl Shared {
    pub fn with<T>(&self, f: impl FnOnce(&Sqlite) -> T) -> T {
        thread_local!(static DB: Sqlite = Sqlite::open());
        DB.with(f)
    }
}

fn sql(value: &Value) -> Sql {
    match value {
        Value::Null => Sql::Null,
        Value::Integer(i) => Sql::Integer(*i),
        Value::Real(x) => Sql::Real(*x),
        Value::Text(t) => Sql::Text(t.clone()),
        Value::Blob(b) => Sql::Blob(b.clone()),
    }
}
