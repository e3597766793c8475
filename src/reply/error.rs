//! PostgreSQL's errors in SQLite's words: the SQLSTATE stays, the original message becomes the detail (c3ref/errcode of SQLite).

use crate::catalog::{Catalog, Collation, IndexPart, Relation, is_called, is_named};
use crate::translate::parse::scan;
use crate::wire::{backend, encode};
use bytes::BytesMut;

/// Appends an ErrorResponse whose body came from the backend, reworded.
pub fn shape_error(out: &mut BytesMut, body: &[u8], catalog: &Catalog) {
    let fields = backend::fields(body);
    let get = |code: u8| fields.iter().find(|(c, _)| *c == code).map(|(_, t)| *t);
    let original = get(b'M').unwrap_or_default().to_owned();
    let reworded = get(b'C').and_then(|state| message(state, &original, &get, catalog));
    let detail = match (&reworded, get(b'D')) {
        (Some(_), Some(detail)) => Some(format!("{original}: {detail}")),
        (Some(_), None) => Some(original.clone()),
        (None, detail) => detail.map(str::to_owned),
    };
    // SQLite would have stored a misfit, so this is no error of its own.
    let refused = get(b'C') == Some("22P02") && reworded.as_deref().is_some_and(|m| m.starts_with("cannot store")) && !is_strict(&get, catalog);
    let mut all: Vec<(u8, &str)> = Vec::new();
    for (code, text) in &fields {
        match code {
            b'C' if refused || *text == "54000" && original.starts_with("index row") => all.push((b'C', "0A000")),
            b'C' => all.push((b'C', client_state(text))),
            b'M' => all.push((b'M', reworded.as_deref().unwrap_or(text))),
            // A position points into the translated text, which the client never sent; so does the context.
            b'P' | b'p' | b'q' | b'W' | b'D' => {}
            _ => all.push((*code, text)),
        }
    }
    all.extend(detail.as_deref().map(|d| (b'D', d)));
    encode::error_fields(out, all.into_iter());
}

fn message<'a>(state: &str, original: &str, get: &dyn Fn(u8) -> Option<&'a str>, catalog: &Catalog) -> Option<String> {
    let table = get(b't');
    Some(match state {
        "23505" => {
            let (table, constraint) = (table?, get(b'n')?);
            let index = catalog
                .relations
                .iter()
                .filter(|r| is_called(&r.name, table))
                .find_map(|r| r.indexes.iter().find(|i| is_called(&i.name, constraint)).map(|i| (r, i)));
            let table = index.map_or(table, |(relation, _)| relation.name.as_str());
            let column = |relation: &Relation, part: &IndexPart| match part {
                IndexPart::Column(c) => Some(format!("{table}.{}", relation.columns[*c].name)),
                IndexPart::Expression(text) => folded(relation, text).map(|c| format!("{table}.{c}")),
            };
            let columns: Option<Vec<String>> = match index {
                Some((relation, index)) => index.parts.iter().map(|p| column(relation, p)).collect(),
                // A key of a table that no loaded catalog has: the detail names its columns.
                None => {
                    let relation = called(catalog, table);
                    let (table, own) = relation.map_or((table, [].as_slice()), |r| (&r.name, &r.columns));
                    let whole = |found: &String| own.iter().find(|c| is_called(&c.name, found)).map_or_else(|| found.clone(), |c| c.name.clone());
                    key_columns(get(b'D')?).map(|columns| columns.iter().map(|c| format!("{table}.{}", whole(c))).collect())
                }
            };
            match columns {
                Some(columns) => format!("UNIQUE constraint failed: {}", columns.join(", ")),
                None => format!("UNIQUE constraint failed: index '{constraint}'"),
            }
        }
        "23502" => {
            let (table, column) = (table?, get(b'c')?);
            let relation = called(catalog, table);
            let column = relation.and_then(|r| r.columns.iter().find(|c| is_called(&c.name, column))).map_or(column, |c| &c.name);
            format!("NOT NULL constraint failed: {}.{column}", relation.map_or(table, |r| &r.name))
        }
        "23514" => {
            let name = get(b'n')?;
            let sql = table.and_then(|t| called(catalog, t)).and_then(|r| r.sql.as_deref());
            format!("CHECK constraint failed: {}", sql.and_then(|sql| crate::translate::check_named(sql, name)).unwrap_or_else(|| name.to_owned()))
        }
        "2200H" => "database or disk is full".to_owned(),
        "23503" => "FOREIGN KEY constraint failed".to_owned(),
        // A store helper's: it names the column.
        "22P02" => {
            let (relation, column) = (called(catalog, table?)?, get(b'c')?);
            let (_, column) = relation.columns.iter().enumerate().find(|(_, c)| is_called(&c.name, column))?;
            if !relation.strict && relation.rowid().is_some_and(|(_, c)| c.number == column.number) {
                return Some("datatype mismatch".to_owned());
            }
            let class = original.split_whitespace().nth(2)?;
            let declared = column.declared.clone().filter(|d| !d.is_empty())?;
            format!("cannot store {class} value in {declared} column {}.{}", relation.name, column.name)
        }
        "54000" if original.starts_with("index row") => "a value that is too long for its index is not supported".to_owned(),
        "25001" if original.starts_with("VACUUM") => "cannot VACUUM from within a transaction".to_owned(),
        "25006" => "attempt to write a readonly database".to_owned(),
        // SQLITE_BUSY: what it waited for, or what it read, is another transaction's.
        "55P03" | "40P01" | "40001" => "database is locked".to_owned(),
        "42P01" => format!("no such table: {}", quoted(original)?),
        "42703" => format!("no such column: {}", quoted(original)?),
        "42P07" => format!("table {} already exists", quoted(original)?),
        "22021" => "text with a NUL character, or with bytes that are no UTF-8, is not supported here".to_owned(),
        "22003" if original.contains("bigint") => "integer overflow".to_owned(),
        _ => return None,
    })
}

/// The relation that the backend calls so.
fn called<'c>(catalog: &'c Catalog, name: &str) -> Option<&'c Relation> {
    catalog.relation(name).or_else(|| catalog.relations.iter().find(|r| is_called(&r.name, name)))
}

/// The column whose text under NOCASE or RTRIM an index has.
fn folded<'r>(relation: &'r Relation, expression: &str) -> Option<&'r str> {
    let tokens = scan::tokens(expression);
    let column = |c: &&crate::catalog::Column| tokens.iter().any(|t| is_named(&c.name, &scan::unquote(t.text(expression))));
    let by_collation = expression.contains("COLLATE \"C\"") || expression.contains("rtrim(") || expression.contains("litewire.any_");
    relation.columns.iter().find(|c| by_collation && c.collation != Collation::Binary && column(c)).map(|c| c.name.as_str())
}

fn is_strict<'a>(get: &dyn Fn(u8) -> Option<&'a str>, catalog: &Catalog) -> bool {
    get(b't').and_then(|table| called(catalog, table)).is_some_and(|r| r.strict)
}

/// The columns in `Key (a, "b c")=(…) already exists.`; None where they are expressions.
fn key_columns(detail: &str) -> Option<Vec<String>> {
    let (list, _) = detail.strip_prefix("Key (")?.split_once(")=(")?;
    let plain = |c: &str| c.chars().all(|c| c.is_alphanumeric() || c == '_');
    let unquoted = |c: &str| match c.strip_prefix('"').and_then(|c| c.strip_suffix('"')) {
        Some(inner) => Some(inner.replace("\"\"", "\"")),
        None => plain(c).then(|| c.to_owned()),
    };
    list.split(", ").map(unquoted).collect()
}

/// The client's SQLSTATE for one that triggers use among themselves (RAISE), or that stands for what the backend cannot do.
fn client_state(state: &str) -> &str {
    match state {
        "LW001" | "LW002" | "LW003" => "23000",
        // A BEFORE trigger that changes the row under way; text that SQLite would hold.
        "27000" | "22021" => "0A000",
        state => state,
    }
}

/// The first name in quotes.
fn quoted(message: &str) -> Option<&str> {
    message.split('"').nth(1)
}
