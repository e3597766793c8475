//! SQLite as the oracle: the same query on both sides, compared.

/// Rows of text.
pub type Rows = Vec<Vec<Option<String>>>;

/// The rows of a query, each value as SQLite's text.
pub fn sqlite_rows(sqlite: &rusqlite::Connection, sql: &str) -> rusqlite::Result<Rows> {
    use rusqlite::types::ValueRef;
    let mut statement = sqlite.prepare(sql)?;
    let width = statement.column_count();
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let value = |at| {
            Ok(match row.get_ref(at)? {
                ValueRef::Null => None,
                ValueRef::Integer(i) => Some(i.to_string()),
                ValueRef::Real(x) => Some(litewire::value::real_text(x)),
                ValueRef::Text(t) => Some(String::from_utf8_lossy(t).into_owned()),
                ValueRef::Blob(b) => Some(format!("\\x{}", litewire::value::hex(b).to_lowercase())),
            })
        };
        all.push((0..width).map(value).collect::<rusqlite::Result<_>>()?);
    }
    Ok(all)
}

/// The rows of a query, each value as PostgreSQL's text.
pub async fn postgres_rows(client: &tokio_postgres::Client, sql: &str) -> Result<Rows, String> {
    let messages = client.simple_query(sql).await.map_err(|e| format!("{e:?}"))?;
    let row = |message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()),
        _ => None,
    };
    Ok(messages.into_iter().filter_map(row).collect())
}

/// The same rows; numbers may be written differently.
pub fn agree(a: &Result<Rows, String>, b: &Result<Rows, String>) -> bool {
    let same = |a: &Option<String>, b: &Option<String>| match (a, b) {
        (Some(a), Some(b)) => a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b),
        (a, b) => a == b,
    };
    match (a, b) {
        (Ok(a), Ok(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))),
        (Err(_), Err(_)) => true,
        _ => false,
    }
}
