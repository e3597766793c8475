//! SQLite's side.

use crate::script::Statement;
use crate::{Rows, Value};
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Connection};

pub struct Sqlite(Connection);

impl Sqlite {
    /// An empty database as a standard build opens it: rusqlite's turns foreign keys on.
    pub fn open() -> Sqlite {
        let connection = Connection::open_in_memory().expect("a database in memory");
        connection.pragma_update(None, "foreign_keys", false).expect("no transaction is open");
        Sqlite(connection)
    }

    /// Runs what a fixture sends at once; the rows of all its statements.
    pub fn run(&self, statement: &Statement) -> rusqlite::Result<Rows> {
        let mut out = Rows::default();
        let mut batch = Batch::new(&self.0, &statement.sql);
        while let Some(mut prepared) = batch.next()? {
            let width = prepared.column_count();
            // ALTER TABLE is a SELECT of SQLite's own inside, whose column shows.
            let own = statement.sql.get(..5).is_some_and(|verb| verb.eq_ignore_ascii_case("ALTER"));
            if width > 0 && !own {
                out.names = prepared.column_names().map(str::to_owned).collect();
            }
            for (i, parameter) in statement.parameters.iter().enumerate().take(prepared.parameter_count()) {
                prepared.raw_bind_parameter(i + 1, bound(parameter))?;
            }
            let mut rows = prepared.raw_query();
            while let Some(row) = rows.next()? {
                out.rows.push((0..width).map(|i| row.get_ref(i).map(value)).collect::<rusqlite::Result<_>>()?);
            }
        }
        Ok(out)
    }

    /// The rows of a statement that cannot fail.
    pub fn rows(&self, sql: &str) -> Rows {
        self.run(&Statement::plain(sql.to_owned())).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The names of the tables, those that virtual tables keep their content in left out.
    pub fn tables(&self) -> Vec<String> {
        let names = self.rows(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite~_%' ESCAPE '~'",
        );
        names.rows.into_iter().flatten().filter_map(|name| if let Value::Text(name) = name { Some(name) } else { None }).collect()
    }

    /// A value as SQLite prints it.
    pub fn text(value: &Value) -> Value {
        match value {
            Value::Null => Value::Null,
            Value::Blob(bytes) => Value::Text(bytes.iter().fold("\\x".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))),
            other => {
                let printed = Sqlite::open().0.query_row("SELECT CAST(? AS TEXT)", [bound(other)], |row| row.get(0));
                Value::Text(printed.expect("every value can be cast"))
            }
        }
    }
}

fn bound(value: &Value) -> rusqlite::types::Value {
    use rusqlite::types::Value as Bound;
    match value.clone() {
        Value::Null => Bound::Null,
        Value::Integer(n) => Bound::Integer(n),
        Value::Real(x) => Bound::Real(x),
        Value::Text(text) | Value::Foreign(_, text) => Bound::Text(text),
        Value::Blob(bytes) => Bound::Blob(bytes),
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Integer(n),
        ValueRef::Real(x) => Value::Real(x),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}
