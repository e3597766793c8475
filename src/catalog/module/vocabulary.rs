//! What the index of a full-text table holds, as a table (fts5.html §9, fts3.html §5).

use super::{Declaration, Fault, gobbled};

/// A table over the index of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    /// What its rows are.
    pub kind: Kind,
    /// The database of the full-text table; None for its own.
    pub database: Option<String>,
    /// The full-text table.
    pub table: String,
}

/// What the rows of a [`Vocabulary`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `fts5vocab(…, row)`: terms.
    Row,
    /// `fts5vocab(…, col)`: terms in columns.
    Column,
    /// `fts5vocab(…, instance)`: each token.
    Instance,
    /// `fts4aux`: terms, and terms in columns.
    Auxiliary,
}

impl Kind {
    /// Its columns; the last of `fts4aux` is hidden.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Kind::Row => &["term", "doc", "cnt"],
            Kind::Column => &["term", "col", "doc", "cnt"],
            Kind::Instance => &["term", "doc", "col", "offset"],
            Kind::Auxiliary => &["term", "col", "documents", "occurrences", "languageid"],
        }
    }

    /// The column that only its name reaches.
    pub fn argument(self) -> Option<&'static str> {
        (self == Kind::Auxiliary).then_some("languageid")
    }

    /// The helper that finds the rows.
    pub fn helper(self) -> &'static str {
        match self {
            Kind::Row => "fts5_vocabulary_row",
            Kind::Column => "fts5_vocabulary_col",
            Kind::Instance => "fts5_vocabulary_instance",
            Kind::Auxiliary => "fts4_auxiliary",
        }
    }
}

/// `fts5VocabInitVtab()` and `fts3auxConnectMethod()`: a database may be named by a temporary table only.
pub(super) fn parse(declaration: &Declaration, is_five: bool) -> Result<Vocabulary, Fault> {
    let error = |message: &str| Err(Fault::Error(message.to_owned()));
    let word = |text: &String| gobbled(text).map_or_else(|| text.clone(), |(word, ..)| word);
    let arguments: Vec<String> = declaration.arguments.iter().map(word).collect();
    let own = if is_five { 2 } else { 1 };
    let (database, arguments) = match arguments.split_first() {
        Some((database, rest)) if rest.len() == own && declaration.database.as_deref().is_some_and(|d| d.eq_ignore_ascii_case("temp")) => {
            (Some(database.clone()), rest)
        }
        _ => (None, arguments.as_slice()),
    };
    match arguments {
        [table] if !is_five => Ok(Vocabulary { kind: Kind::Auxiliary, database, table: table.clone() }),
        [table, kind] if is_five => {
            let kind = match kind.to_ascii_lowercase().as_str() {
                "row" => Kind::Row,
                "col" => Kind::Column,
                "instance" => Kind::Instance,
                _ => return error(&format!("fts5vocab: unknown table type: '{}'", kind.replace('\'', "''"))),
            };
            Ok(Vocabulary { kind, database, table: table.clone() })
        }
        _ if is_five => error("wrong number of vtable arguments"),
        _ => error("invalid arguments to fts4aux constructor"),
    }
}
