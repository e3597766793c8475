//! ATTACH and DETACH (lang_attach.html, lang_detach.html): a database that is attached is a schema of the backend's.

use super::bind::Binder;
use super::parse::scan::{self, Kind, Token};
use super::{Attach, Operand};
use crate::catalog::{Attached, Catalog, MOST_ATTACHED};
use crate::error::{ClientError, SqlState};

/// Reads the statement, and how many parameters it has.
pub(super) fn attach(sql: &str, tokens: &[Token], catalog: &Catalog, options: &super::Options) -> Result<(Attach, usize), ClientError> {
    let binder = Binder::new(sql, &[], catalog, options);
    let mut words: Vec<&Token> = tokens.iter().filter(|t| !t.is_op(sql, ";")).collect();
    let attaches = words.remove(0).is(sql, "ATTACH");
    if words.len() > 1 && words[0].is(sql, "DATABASE") {
        words.remove(0);
    }
    let operand = |token: &Token| match token.kind {
        Kind::Placeholder => {
            binder.number_at(token.at.start).map(Operand::Param).ok_or_else(|| ClientError::syntax(token.text(sql)).at(token.at.start))
        }
        Kind::Word if token.is(sql, "NULL") => Ok(Operand::Text(String::new())),
        _ => Ok(Operand::Text(scan::unquote(token.text(sql)))),
    };
    let made = match words.as_slice() {
        [file, word, name] if attaches && word.is(sql, "AS") => Attach::Attach { file: operand(file)?, name: operand(name)? },
        [name] if !attaches => Attach::Detach(operand(name)?),
        [.., key, _] if key.is(sql, "KEY") => return Err(ClientError::refused("ATTACH with a KEY").at(key.at.start)),
        [_, other, ..] if !other.is(sql, "AS") && other.kind != Kind::Operator => return Err(ClientError::syntax(other.text(sql)).at(other.at.start)),
        [_, other, ..] => return Err(ClientError::refused("an expression in ATTACH or DETACH").at(other.at.start)),
        _ => return Err(ClientError::new(SqlState::SYNTAX_ERROR, "incomplete input").at(sql.len())),
    };
    needs_schemas(catalog)?;
    Ok((made, binder.parameters()))
}

fn needs_schemas(catalog: &Catalog) -> Result<(), ClientError> {
    super::ddl::needs_registry(catalog)
}

fn failed(message: String) -> ClientError {
    ClientError::new(SqlState::DATATYPE_MISMATCH, message)
}

/// What an ATTACH attaches; a database in memory has `key` in its schema's name.
pub fn attached(catalog: &Catalog, file: &str, name: &str, key: &str) -> Result<Attached, ClientError> {
    if catalog.schema_of(name).is_some() {
        return Err(failed(format!("database {name} is already in use")));
    }
    if catalog.attached.len() >= MOST_ATTACHED {
        return Err(failed(format!("too many attached databases - max {MOST_ATTACHED}")));
    }
    let options = |uri: &str| uri.split_once('?').is_some_and(|(_, options)| options.split('&').any(|o| o == "mode=memory"));
    let in_memory = file.is_empty() || file == ":memory:" || file.starts_with("file::memory:") || file.starts_with("file:") && options(file);
    let made = if in_memory { Attached::memory(name, key) } else { Attached::file(name, file) };
    if catalog.attached.iter().any(|a| a.schema == made.schema) {
        return Err(ClientError::refused("one file attached under two names"));
    }
    Ok(made)
}

/// What a DETACH detaches.
pub fn detached(catalog: &Catalog, name: &str) -> Result<Attached, ClientError> {
    let found = catalog.attached.iter().find(|a| a.name.eq_ignore_ascii_case(name));
    found.cloned().ok_or_else(|| {
        let own = catalog.schema_of(name).is_some();
        failed(if own { format!("cannot detach database {name}") } else { format!("no such database: {name}") })
    })
}
